"""The program that measures a card runs whole on a CPU with a small model, and says where nothing was measured."""

import re

import pytest
import torch

from scripts import card_check
from scripts.bench.report import replaced
from workers.engines.skyreels.memory import figures
from workers.engines.skyreels.sampler import attention

CPU = torch.device("cpu")


def test_it_measures_a_small_model_against_its_claim(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(attention, "TRIED", ("native", "_native_math", "flash"))
    page = tmp_path / "page.md"
    page.write_text("# By hand\n")
    assert card_check.main(["--tiny", "--page", str(page)]) == 0
    told = capsys.readouterr().out
    assert page.read_text() == "# By hand\n", "small models say nothing about a card"
    measured, claimed, ratio = re.search(
        r"tiny, resident: peak \| ([\d.]+) GB \| ([\d.]+) GB \| ([\d.]+)", told
    ).groups()
    assert 0.8 <= float(measured) <= float(claimed) * 1.05 and 0.8 < float(ratio) <= 1.05
    assert re.search(r"attention native \| \d+\.\d\d s", told) and re.search(r"_native_math \| \d+\.\d\d s", told)
    assert "attention flash | not here" in told


def test_without_a_card_the_table_says_so(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    page = tmp_path / "page.md"
    page.write_text(replaced("# By hand\n", "web", "## The site", card_check.ORDER))
    assert card_check.main(["--page", str(page)]) == 1
    text = page.read_text()
    assert "## The site" in text and f"## {card_check.TITLE}" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "peak" in line]
    assert len(rows) > 6 and all(line.count("not measured") == 2 and " GB |" in line for line in rows)


def test_nothing_is_begun_when_the_time_is_up():
    case = card_check.small()
    late = card_check.Deadline(-1)
    rows = [*card_check.peaks(case, CPU, late), *card_check.speeds(case, CPU, late)]
    assert len(rows) == 2 and all("no time" in row["measured"] for row in rows)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "the card stopped answering"),
        (RuntimeError("CUDA out of memory."), "more memory than there is"),
        (RuntimeError("This kernel needs another card."), "not here"),
    ],
)
def test_why_a_step_was_not_measured_is_told(monkeypatch, error, told):
    def fail(*_):
        raise error

    monkeypatch.setattr(card_check, "seconds_a_step", fail)
    case = card_check.small()
    models = card_check.arranged(case, "resident", CPU)
    assert told in card_check.step_by(models, case.spec, CPU, "native")


def test_weights_of_the_real_configurations_are_drawn_in_the_types_that_a_card_has(monkeypatch):
    monkeypatch.setitem(figures.TRANSFORMERS, "1.3B", {"num_attention_heads": 2, "ffn_dim": 32, "num_layers": 2})
    monkeypatch.setattr(figures, "TEXT", figures.TEXT | {"vocab_size": 300, "d_model": 64, "d_ff": 64, "num_layers": 1})
    parts = card_check.real("SkyReels-V2-DF-1.3B-540P").parts(CPU)
    transformer = card_check.filled(parts["transformer"], torch.bfloat16, CPU)
    types = {name: p.dtype for name, p in transformer.named_parameters()}
    assert types["blocks.0.ffn.net.2.weight"] == torch.bfloat16
    assert types["scale_shift_table"] == types["condition_embedder.time_embedder.linear_1.weight"] == torch.float32
    assert not any(t.is_meta for t in (*transformer.parameters(), *transformer.buffers()))
    text = card_check.filled(parts["text_encoder"], torch.bfloat16, CPU)
    assert text.shared.weight is text.encoder.embed_tokens.weight
