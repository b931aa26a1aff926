"""Measure on a graphics card what the memory planner claims and what the settings bring, within eight minutes.

    python -m scripts.card_check

Models of 1.3B and 14B in their real configurations, with random weights: the peak of memory in every way of running
against the planner's figure, seconds a step for each attention backend, compiled blocks, and nano on the CPU against
the card. The table goes into docs/benchmarks.md; without a card it says "not measured". `--tiny` takes small models,
also on a CPU, and writes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UniPCMultistepScheduler

from scripts.bench.report import CARD, replaced, table
from workers.base import Progress
from workers.engines.skyreels import cards, tiny
from workers.engines.skyreels.engine import SkyReelsEngine, free_memory
from workers.engines.skyreels.memory import figures, planner
from workers.engines.skyreels.memory.components import Components, for_card
from workers.engines.skyreels.memory.offload import Turns
from workers.engines.skyreels.memory.planner import GB, Figures, Option
from workers.engines.skyreels.memory.pool import Pool
from workers.engines.skyreels.memory.transformer import with_rows
from workers.engines.skyreels.memory.trouble import lost_card, out_of_memory
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.request.spec import VideoSpec
from workers.engines.skyreels.sampler import attention

DOCS = Path(__file__).resolve().parents[1] / "docs"
ORDER = ("web", "length", "first", "start", "batch", "platform", "resume", "drift", CARD)
MINUTES = 8.0
MODELS = ("SkyReels-V2-DF-1.3B-540P", "SkyReels-V2-DF-14B-540P")
HUB = ("_flash_3_hub", "sage_hub")  # kernels that a hub brings; without a way to it they are passed over
TITLE = "A graphics card against the plan"
NOT_MEASURED = "not measured"
HEADS = ("what", "measured", "claimed", "measured / claimed")
LATE = "not measured (no time was left)"

Row = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A model to measure: what makes its parts on a device, what it weighs, and a film of one step."""

    title: str
    spec: VideoSpec
    parts: Callable[[torch.device], dict[str, Any]]
    known: Figures


class Deadline:
    """How much time is left."""

    def __init__(self, minutes: float) -> None:
        self.ends = time.monotonic() + 60 * minutes

    @property
    def over(self) -> bool:
        """True when nothing more is to be begun."""
        return time.monotonic() > self.ends


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table and write it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts.card_check", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="small models, on a CPU too; nothing is written")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="begin nothing after these")
    parser.add_argument("--page", type=Path, default=DOCS / "benchmarks.md", help="the document to write into")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not options.tiny:
        note = "No card was at hand: `python -m scripts.card_check` fills this table."
        text, code = section(expected(), note), 1
    else:
        cases = [small()] if options.tiny else [real(name) for name in MODELS]
        rows = list(measured(cases, device, Deadline(options.minutes)))
        name = torch.cuda.get_device_name() if device.type == "cuda" else "a CPU"
        text, code = section(rows, f"{name}, {platform.machine()}, {date.today().isoformat()}."), 0
    print(text)
    if not options.tiny:
        options.page.write_text(replaced(options.page.read_text(), CARD, text, ORDER))
    return code


def section(rows: list[Row], note: str) -> str:
    """The part of the document."""
    about = "Claims are the planner's, peaks those of torch's allocator with the driver's share; weights are random."
    ordered = [{head: row[head] for head in HEADS} for row in rows]
    return "\n\n".join([f"## {TITLE}", table(ordered), f"{about} {note}"])


def expected() -> list[Row]:
    """The rows of the table where nothing could be measured: what is claimed is known."""
    claims = {"nano: CPU against card": "–"}
    for name in MODELS:
        card = cards.get(name)
        for option in planner.options(card, one_step(card)):
            claims[f"{card.title}, {option.name}: peak"] = f"{option.card_gb:.3g} GB"
    for name in MODELS:
        claims[f"{cards.get(name).title}: a step, each attention backend"] = "–"
        claims[f"{cards.get(name).title}: a step, compiled"] = "–"
    plain = dict.fromkeys(HEADS, NOT_MEASURED)
    return [plain | {"what": what, "claimed": claimed} for what, claimed in claims.items()]


def measured(cases: list[Case], device: torch.device, deadline: Deadline) -> Iterator[Row]:
    """Yield the rows of the table, the most telling first; what there is no time for says so."""
    yield nano(device)
    for case in cases:
        yield from peaks(case, device, deadline)
    for case in cases:
        yield from speeds(case, device, deadline)


def one_step(card: cards.ModelCard) -> VideoSpec:
    """One window as the makers recommend it, of one step without guidance: its peak is that of fifty."""
    return dataclasses.replace(planner.recommended(card), steps=1, guidance_scale=1.0)


def real(name: str) -> Case:
    """A released model with random weights."""
    card = cards.get(name)

    def parts(device: torch.device) -> dict[str, Any]:
        with torch.device("meta"):
            transformer, vae, text, _ = figures.parts_of(card)
        return {"vae": vae, "transformer": transformer, "text_encoder": text}

    return Case(card.title, one_step(card), parts, planner.figures()[name])


def small() -> Case:
    """The smallest model that has all parts, for the tests of this program."""
    spec = VideoSpec.for_model(
        "nano", "x", width=64, height=64, num_frames=9, base_num_frames=9, overlap_history=5, steps=1, guidance_scale=1
    )

    def parts(device: torch.device) -> dict[str, Any]:
        models = tiny.components()
        return {"vae": models.vae, "transformer": models.transformer, "text_encoder": models.text_encoder}

    made = tiny.components()
    parts_of_it = (part.to("meta") for part in (made.transformer, made.vae, made.text_encoder))
    known = figures.weigh(*parts_of_it, None, forcing=True)
    return Case("tiny", spec, parts, known)


def options_of(case: Case, device: torch.device) -> list[Option]:
    """Return the ways of running, each of which needs less than the one before."""
    found: list[Option] = []
    for option in planner.ways(case.known, case.spec, factor=1 if device.type == "cuda" else planner.CPU_FACTOR):
        if device.type == "cpu" and option.mode != "resident":
            continue  # where moving a part saves nothing
        if all(option.card_gb < faster.card_gb for faster in found):
            found.append(option)
    return found


def peaks(case: Case, device: torch.device, deadline: Deadline) -> Iterator[Row]:
    """Measure the peak of every way of running against its claim."""
    for option in options_of(case, device):
        row = {"what": f"{case.title}, {option.name}: peak", "claimed": f"{option.card_gb:.3g} GB"}
        yield row | peak(case, option, device, deadline)


def peak(case: Case, option: Option, device: torch.device, deadline: Deadline) -> Row:
    """Measure the peak of one way of running."""
    if deadline.over:
        return {"measured": LATE, "measured / claimed": "–"}
    try:
        gigabytes = peak_of(case, option, device) / GB
    except Exception as error:
        if not out_of_memory(error):
            raise
        return {"measured": "more than there is", "measured / claimed": "–"}
    finally:
        free_memory()
    return {"measured": f"{gigabytes:.3g} GB", "measured / claimed": f"{gigabytes / option.card_gb:.2f}"}


def peak_of(case: Case, option: Option, device: torch.device) -> float:
    """Return the most bytes that were in use at once, weights and the driver's share included."""
    if device.type == "cpu":
        models = arranged(case, option.mode, device)
        parts = torch.nn.ModuleList(models.turns.parts.values() if models.turns else [])
        with figures.Peak(parts) as peak:
            film(models, case.spec, option.tiling)
        return models.bytes + peak.bytes + planner.DRIVER_GB * GB
    free_memory()
    free, total = torch.cuda.mem_get_info()
    driver = total - free - torch.cuda.memory_reserved()
    torch.cuda.reset_peak_memory_stats()
    film(arranged(case, option.mode, device), case.spec, option.tiling)
    return driver + float(torch.cuda.max_memory_reserved())


def speeds(case: Case, device: torch.device, deadline: Deadline) -> Iterator[Row]:
    """Measure seconds a step with each attention that is here, and with compiled blocks, on the fastest of them."""
    plain = {"claimed": "–", "measured / claimed": "–"}
    if deadline.over:
        yield plain | {"what": f"{case.title}: a step, each attention backend", "measured": LATE}
        return
    models = arranged(case, "aside" if device.type == "cuda" else "resident", device)
    native = None
    for name in (*attention.TRIED, *HUB):
        took = LATE if deadline.over else step_by(models, case.spec, device, name)
        if isinstance(took, float):
            native = native or took
        told = f"{took:.2f} s ({native / took:.2f} times as fast as the first)" if isinstance(took, float) else took
        yield plain | {"what": f"{case.title}: a step, attention {name}", "measured": told}
    models.transformer.reset_attention_backend()
    if device.type == "cuda" and not deadline.over and native:
        models.transformer.compile_repeated_blocks()
        film(models, case.spec)  # compiles
        took = seconds_a_step(models, case.spec, device)
        yield plain | {
            "what": f"{case.title}: a step, compiled",
            "measured": f"{took:.2f} s ({native / took:.2f} times as fast)",
        }
    del models
    free_memory()


def step_by(models: Components, spec: VideoSpec, device: torch.device, name: str) -> float | str:
    """Return the seconds of a step with an attention backend, or why there are none."""
    try:
        models.transformer.set_attention_backend(name)
        return seconds_a_step(models, spec, device)
    except Exception as error:
        if lost_card(error):
            return "not measured (the card stopped answering)"
        return "more memory than there is" if out_of_memory(error) else "not here"


def seconds_a_step(models: Components, spec: VideoSpec, device: torch.device) -> float:
    """Return how long a step without guidance takes, the first one left out."""
    marks: list[float] = []

    def mark(now: Progress) -> None:
        if now.stage == "denoising":
            if device.type == "cuda":
                torch.cuda.synchronize()
            marks.append(time.perf_counter())

    film(models, dataclasses.replace(spec, steps=3), on_progress=mark)
    # Step 0 says that the first one has begun.
    return (marks[-1] - marks[1]) / (len(marks) - 2)


def nano(device: torch.device) -> Row:
    """Compare a film of nano on the CPU with the same on the card, in decibels."""
    from workers.engines.skyreels.memory.components import load

    row = {"what": "nano: CPU against card", "claimed": "–", "measured / claimed": "–"}
    if device.type == "cpu":
        return row | {"measured": NOT_MEASURED}
    spec = VideoSpec.for_model("nano", "a red circle moves right", seed=1)
    length = cards.get("nano").max_sequence_length
    one, other = (
        film(load(cards.NANO, device=place, max_sequence_length=length), spec).astype(np.float32)
        for place in ("cpu", "cuda")
    )
    noise = float(np.mean((one - other) ** 2))
    return row | {"measured": f"{10 * np.log10(255**2 / max(noise, 1e-9)):.1f} dB"}


def film(models: Components, spec: VideoSpec, tiling: bool = False, on_progress: Any = None) -> Any:
    """Make a film with these parts; returns its frames."""
    pool = Pool()
    pool.put(spec.model, models)
    told = {"on_progress": on_progress} if on_progress else {}
    engine = SkyReelsEngine(spec.model, pool)
    windows = list(engine.stream(plan(spec), run=Execution(vae_tiling=tiling), **told))
    return np.concatenate([window.frames for window in windows])


def arranged(case: Case, mode: planner.Mode, device: torch.device) -> Components:
    """Return a case's parts with random weights, where `mode` keeps them."""
    made, turns = case.parts(device), Turns(mode, device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    for name, part in made.items():
        if any(p.is_meta for p in part.parameters()):
            part = filled(part, torch.float32 if name == "vae" else dtype, device)
        part = for_card(part, device) if name == "vae" else part
        turns.add(name, with_rows(part).eval().requires_grad_(False))
    scheduler = UniPCMultistepScheduler(flow_shift=8.0, use_flow_sigmas=True, prediction_type="flow_prediction")
    return Components(
        transformer=made["transformer"],
        vae=made["vae"],
        text_encoder=made["text_encoder"],
        tokenizer=tiny.LetterTokenizer(),
        scheduler_config=dict(scheduler.config),
        device=device,
        revision=f"card-check-{case.title}",
        max_sequence_length=figures.TOKENS_OF_TEXT if device.type == "cuda" else 16,
        turns=turns,
    )


def filled(part: Any, dtype: torch.dtype, device: torch.device) -> Any:
    """Give a part that is on the meta device small random weights in the host's memory.

    They are drawn on the card, as a processor takes minutes for 14B. What diffusers keeps in float32 is so here.
    """
    kept = tuple(getattr(part, "_keep_in_fp32_modules", None) or ())
    for module_name, module in part.named_modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is None or not tensor.is_meta:
                    continue
                wanted = torch.float32 if any(word in f"{module_name}.{name}" for word in kept) else dtype
                there = torch.empty(tensor.shape, dtype=wanted, device=device).normal_(0, 0.02).cpu()
                parameter = isinstance(tensor, torch.nn.Parameter)
                held[name] = torch.nn.Parameter(there, requires_grad=False) if parameter else there
    if hasattr(part, "rope"):
        # Its tables are computed, not learned.
        part.rope = type(part.rope)(
            part.config.attention_head_dim, part.config.patch_size, part.config.rope_max_seq_len
        )
    if hasattr(part, "tie_weights"):
        part.tie_weights()
    return part


if __name__ == "__main__":
    raise SystemExit(main())
