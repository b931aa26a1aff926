"""What was measured of the nano model is told as it was measured, and of these weights only."""

import random
from dataclasses import replace

import pytest

from workers.engines.skyreels.nano_lab import captions, evaluate, paint, world
from workers.engines.skyreels.nano_lab.__main__ import main
from workers.engines.skyreels.nano_lab.report import BEGIN, END, Result, Scores, header, misses, row, write_card
from workers.engines.skyreels.nano_lab.score import Reading


def measured(mode: str, right: int, of: int = 10) -> Result:
    """Clips of which so many show the shape that was asked for, and all show the rest."""
    rng, result = random.Random(0), Result(mode)
    for i in range(of):
        spec = world.sample_spec(rng)
        dx = {"left": -0.5, "right": 0.5}.get(spec.motion, 0.0)
        dy = {"up": -0.5, "down": 0.5}.get(spec.motion, 0.0)
        shape = spec.shape if i < right else "cloud"
        result.add(spec, Reading(spec.colour, shape, spec.motion, spec.scene, dx, dy), 1.5)
    return result


def weights(folder, content: bytes):
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(content)
    return folder


def test_a_bar_that_was_missed_is_named_with_what_was_reached() -> None:
    assert misses(measured("text to video", right=9)) == []
    assert misses(measured("text to video", right=8)) == ["text to video: shape 0.8 (bar 0.85)"]
    assert misses(measured("text to video, 160×96", right=0)) == []


def test_a_table_is_put_together_from_parts_of_the_same_weights(tmp_path) -> None:
    new, old = weights(tmp_path / "new", b"new"), weights(tmp_path / "old", b"old")
    Scores(tmp_path / "scores", old).put("free", measured("text to video, free wording", 5))
    Scores(tmp_path / "scores", new).put("text", measured("text to video", 8))
    Scores(tmp_path / "scores", new).put("engine", measured("our sampler", 9))
    page = Scores(tmp_path / "scores", new).page(["text", "engine", "free", "wide"])
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| ")]
    assert rows == ["| mode (chance)", "| text to video", "| our sampler"]
    assert "\nBars missed: text to video: shape 0.8 (bar 0.85).\n" in page
    unmeasured = page.splitlines()[-1]
    assert unmeasured.startswith("Bars not measured: image to video, ") and "our sampler" not in unmeasured
    assert "| our sampler" not in Scores(tmp_path / "scores", new, seed=2).page(["text", "engine"])
    columns = {line.count("|") for line in page.splitlines() if line.startswith("|")}
    assert len(columns) == 1


def test_asynchronous_is_judged_against_synchronous_on_the_prompts_that_both_had(tmp_path) -> None:
    scores = Scores(tmp_path / "scores", weights(tmp_path / "new", b"new"))
    scores.put("text", measured("text to video", right=18, of=40))
    scores.put("async", measured("asynchronous", right=17, of=20))
    page = scores.page(["text", "async"])
    assert "Asynchronous / text to video, on the same 20 prompts: colour 1.000 / 1.000, shape 0.850 / 0.900" in page
    assert "(shape right in one alone: 0 / 1)." in page
    assert "\nBars missed: text to video: shape 0.45 (bar 0.85).\n" in page
    scores.put("async", measured("asynchronous", right=16, of=20))
    assert "; asynchronous: shape 0.8 against 0.9 (bar: within 0.05).\n" in scores.page(["text", "async"])
    assert "on the same" not in scores.page(["async"])


def test_a_row_shows_no_score_of_what_is_not_judged_and_its_own_shares() -> None:
    result = measured("a camera that moves", right=5)
    result.judged, result.extra = ("colour", "shape", "scene"), {"camera": [True, False, False, False]}
    cells = [cell.strip() for cell in row(result).split("|")[1:-1]]
    names = [name.strip().split(" ")[0] for name in header().splitlines()[0].split("|")[1:-1]]
    told = dict(zip(names, cells, strict=True))
    assert (told["shape"], told["motion"], told["direction"], told["rotate/still"]) == ("0.500", "–", "–", "–")
    assert told["more"] == "camera 0.250"
    assert row(measured("text to video", right=9)).count("–") == 0


def test_the_card_keeps_what_stands_around_the_scores(tmp_path) -> None:
    card = tmp_path / "README.md"
    card.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_card("new", card)
    assert card.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["evaluate", "--card", "--folder", "elsewhere"], "shipped folder"),
        (["polish"], "train or unpack first"),
        (["export"], "train or unpack first"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_done(tmp_path, monkeypatch, capsys, command, told) -> None:
    monkeypatch.setenv("NANO_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2 and told in capsys.readouterr().err


def bench_that_draws(monkeypatch, told) -> evaluate.Bench:
    """A bench that answers every prompt with a drawn clip of what ``told`` makes of it."""

    def draw(self, specs, size, free=False, **options):
        rng = random.Random(2)
        for spec in specs:
            clip, _ = paint.film(told(spec), evaluate.BASE_FRAMES, size, rng)
            yield spec, ((clip[0] + 1) / 2).permute(1, 2, 3, 0).numpy(), 1.0

    monkeypatch.setattr(evaluate.Bench, "text_to_video", draw)
    return evaluate.Bench()


def test_two_objects_count_when_both_are_as_asked(monkeypatch) -> None:
    right = bench_that_draws(monkeypatch, lambda spec: spec).run_pair(12)
    assert right.rate("shape") == 1 and right.all_four() == 1
    assert {name: sum(shares) for name, shares in right.extra.items()} == {
        "both colours": 12,
        "both shapes": 12,
        "both motions": 12,
    }
    alone = bench_that_draws(monkeypatch, lambda spec: replace(spec, second=None)).run_pair(12)
    assert alone.rate("colour") == 1 and not any(map(sum, alone.extra.values()))
    twice = bench_that_draws(
        monkeypatch, lambda spec: replace(spec, second=replace(spec.second, shape=spec.shape))
    ).run_pair(12)
    assert sum(twice.extra["both colours"]) == 12 > sum(twice.extra["both shapes"])


def test_a_camera_counts_when_the_scene_moves_as_asked(monkeypatch) -> None:
    right = bench_that_draws(monkeypatch, lambda spec: spec).run_camera(12)
    assert right.extra["camera"] == [True] * 12 and right.all_four() == 1
    still = bench_that_draws(monkeypatch, lambda spec: replace(spec, camera="fixed")).run_camera(12)
    assert not any(still.extra["camera"])


def test_free_wording_is_never_the_sentence_of_the_other_rows() -> None:
    rng = random.Random(5)
    for _ in range(200):
        spec = world.sample_spec(rng)
        assert captions.canonical(spec) not in evaluate._free(spec, rng).lower()
