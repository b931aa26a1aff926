"""Which way of making a picture fits into a card's memory, and what each needs. Imports no torch.

The figures are counted from the real configurations (figures.py). The ways, their words, and what is allowed for the
driver and for holes are those of the video planner (skyreels/memory/planner.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workers.base import EngineError
from workers.engines.image import cards
from workers.engines.image.frame_spec import spec_of
from workers.engines.image.request import Noise, Picture
from workers.engines.skyreels import cards as films
from workers.engines.skyreels.memory import planner
from workers.engines.skyreels.memory.planner import CPU_FACTOR, DRIVER_GB, GB, HOLES, Device, MemoryPlan, Mode, Option
from workers.engines.skyreels.request.execution import stored_form

FIGURES = Path(__file__).with_name("figures.json")
PATCH = 16  # pixels a side of what the transformer sees as one token
GUIDED = 2  # with and without the prompt, in one batch


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model weighs in bytes: weights as they are loaded (bfloat16), and working memory.

    `bytes_per_token` is that of the transformer for each patch of the picture, `fixed_bytes` what its words need, and
    `decode_bytes_per_pixel` that of the VAE. `layer_bytes` and `text_layer_bytes` are the largest layers.
    """

    transformer_bytes: int
    eighth_bytes: int
    text_bytes: int
    vae_bytes: int
    layer_bytes: int
    text_layer_bytes: int
    blocks: int
    bytes_per_token: int
    fixed_bytes: int
    decode_bytes_per_pixel: int


def settle(card: cards.ImageCard, folder: Path, gigabytes: float, device: Device) -> MemoryPlan | None:
    """Choose how the model in `folder` makes its usual picture; None for one of another build, which was not weighed.

    Raises EngineError("memory_short") when no way fits.
    """
    return planned(card, gigabytes, device=device) if weighed(card, folder) else None


def check(card: cards.ImageCard, gigabytes: float | None) -> MemoryPlan | None:
    """Plan a model's usual picture for the workers' cards before it is paid for; None when their size is not known.

    Raises EngineError("memory_short").
    """
    return planned(card, gigabytes) if gigabytes else None


def fits(card: cards.ImageCard, gigabytes: float | None) -> bool:
    """Whether a model runs on a card of this size, as far as that is known."""
    try:
        check(card, gigabytes)
    except EngineError:
        return False
    return True


def sentence(card: cards.ImageCard, gigabytes: float | None) -> str:
    """Say how a picture is made on a card of this size; empty when nobody said how large it is."""
    try:
        found = check(card, gigabytes)
    except EngineError as error:
        return error.public_text
    return found.explanation if found else ""


def planned(card: cards.ImageCard, gigabytes: float, *, device: Device = "cuda") -> MemoryPlan:
    """Choose the fastest way of making a model's largest picture on a device of `gigabytes` (of 10^9 bytes).

    Raises EngineError("memory_short") when none fits, with the least that is needed.
    """
    ways = options(card, device=device)
    for option in ways:
        if option.card_gb <= gigabytes:
            return MemoryPlan(gigabytes, option, ways)
    least = min(option.card_gb for option in ways)
    text = f"{card.title} needs {least:.1f} GB for a picture, and {gigabytes:.3g} GB are there."
    raise EngineError("memory_short", text)


def options(card: cards.ImageCard, *, device: Device = "cuda") -> tuple[Option, ...]:
    """Return the ways of making a model's largest picture, the fastest first; each needs less than all faster ones."""
    width, height = max(card.sizes.values(), key=lambda size: size[0] * size[1])
    if card.of:
        spec = spec_of(usual(card, width, height))
        return planner.options(films.get(card.of), spec, device=device, quantised=stored_form(card.of) != "none")
    found: list[Option] = []
    for option in _ways(card, width, height, CPU_FACTOR if device == "cpu" else 1):
        if device == "cpu" and option.mode != "resident":
            continue
        if all(round(option.card_gb, 1) < round(faster.card_gb, 1) for faster in found):
            found.append(option)
    return tuple(found)


def usual(card: cards.ImageCard, width: int, height: int) -> Picture:
    """Return a picture as it is recommended for a model."""
    return Picture(
        model=card.id,
        prompt="…",
        width=width,
        height=height,
        steps=card.steps(cards.QUALITY),
        guidance_scale=card.guidance_scale,
        noise=Noise(0),
    )


def _ways(card: cards.ImageCard, width: int, height: int, factor: int) -> Iterator[Option]:
    """Yield every way, whether it helps or not; `factor` is how much larger weights and numbers are."""
    known = figures()[card.id]
    guided = GUIDED if card.guidance_scale > cards.WITHOUT else 1
    tokens = (width // PATCH) * (height // PATCH)
    working = factor * guided * (known.bytes_per_token * tokens + known.fixed_bytes)
    decoding = factor * known.decode_bytes_per_pixel * width * height
    whole, text, vae = (factor * part for part in (known.transformer_bytes, known.text_bytes, known.vae_bytes))
    weights: tuple[tuple[Mode, int, int, int, int], ...] = (
        # mode, what is on the card while it reads, while it denoises, while it decodes; on the host
        ("resident", whole + text + vae, whole + text + vae, whole + text + vae, 0),
        ("model", text, whole, vae, whole + text + vae),
        ("fp8", text, factor * known.eighth_bytes, vae, whole + text + vae),
        ("sequential", factor * known.text_layer_bytes, factor * known.layer_bytes, vae, whole + text + vae),
    )
    for mode, reading, denoising, beside, host in weights:
        stages = {
            "the prompt is read": reading,
            "the picture is made": denoising + working,
            "it is decoded": beside + decoding,
        }
        largest = max(stages, key=lambda name: stages[name])
        yield Option(mode, stages[largest] * HOLES / GB + DRIVER_GB, host / GB, largest)


def weighed(card: cards.ImageCard, folder: Path) -> bool:
    """True when a folder holds what was weighed, not a model of another build under its name."""
    try:
        built = json.loads((folder / "transformer" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    blocks = built.get("n_layers") or built.get("num_layers", 0) + built.get("num_single_layers", 0)
    return card.id in figures() and blocks == figures()[card.id].blocks


def table(gigabytes: tuple[float, ...] | list[float]) -> list[tuple[str, list[str]]]:
    """Return for every model its title and, for each card, how its usual picture runs: "model 13.2 GB" or "-"."""
    return [(card.title, [_cell(card, size) for size in gigabytes]) for card in cards.all()]


def _cell(card: cards.ImageCard, gigabytes: float) -> str:
    try:
        chosen = planned(card, gigabytes).chosen
    except EngineError:
        return "-"
    return f"{chosen.name} {chosen.card_gb:.1f} GB"


@cache
def figures() -> dict[str, Figures]:
    """Return what is known of each model with files of its own, by id."""
    return {name: Figures(**values) for name, values in json.loads(FIGURES.read_text(encoding="utf-8")).items()}
