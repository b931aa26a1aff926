"""Which way of running a model fits into a card's memory, and what each needs. Imports no torch.

The figures are counted from the real configurations (figures.py). What they cannot know, the driver's own memory and
the holes between tensors, is allowed for by `DRIVER_GB` and `HOLES`; no card was at hand to measure these.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from workers.engines.base import EngineError
from workers.engines.skyreels import catalog
from workers.engines.skyreels.plan import plan
from workers.engines.skyreels.spec import FRAMES_PER_LATENT, SpecError, VideoSpec, latents_of

FIGURES = Path(__file__).with_name("figures.json")
GB = 1e9
DRIVER_GB = 0.8
HOLES = 1.06
# float32 latents: the film's, the model's answers with and without the prompt, and what the scheduler remembers.
LATENT_COPIES = 8
PATCH_AREA = 4
BLOCKS_AT_WORK = 2  # one computes while the next is on its way

Mode = Literal["resident", "model", "fp8", "group"]
WORDS: dict[Mode, str] = {
    "resident": "everything stays on the card",
    "model": "text encoder, transformer and VAE take turns on the card",
    "fp8": "the transformer is stored in 8 bits, and the parts take turns",
    "group": "the blocks of transformer and text encoder come to the card one by one",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model weighs in bytes: weights as they are loaded (bfloat16, the VAE in float32), and working memory.

    `bytes_per_token` is that of the transformer for each latent patch, `decode_bytes_per_pixel` that of the VAE for
    each pixel of a frame while it decodes latents one by one, `cache_bytes_per_pixel` what it keeps between them.
    """

    transformer_bytes: int
    block_bytes: int
    blocks: int
    text_bytes: int
    text_block_bytes: int
    text_blocks: int
    vae_bytes: int
    sight_bytes: int
    bytes_per_token: int
    decode_bytes_per_pixel: int
    cache_bytes_per_pixel: int
    spatial_factor: int
    latent_channels: int


@dataclass(frozen=True, slots=True)
class Option:
    """One way of running: the most it needs on the card and in the host's memory, in GB, and the part that needs it."""

    mode: Mode
    card_gb: float
    host_gb: float
    largest: str

    @property
    def words(self) -> str:
        """A sentence about it."""
        return f"{self.card_gb:.1f} GB: {WORDS[self.mode]}; the most is needed while {self.largest}."


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The way that was chosen for a card of `gigabytes`, and all ways in order, the fastest first."""

    gigabytes: float
    chosen: Option
    options: tuple[Option, ...]

    @property
    def explanation(self) -> str:
        """Why this one, in a sentence for the page and the command line."""
        faster = self.options[: self.options.index(self.chosen)]
        first = f"{self.chosen.words[:-1]}, which fits into {self.gigabytes:g} GB."
        if not faster:
            return first
        return f"{first} Faster ways need {' and '.join(f'{option.card_gb:.1f} GB' for option in faster)}."


def plan_memory(card: catalog.ModelCard, spec: VideoSpec, gigabytes: float) -> MemoryPlan:
    """Choose the fastest way of making `spec` with the model of `card` on a device of `gigabytes` (of 10^9 bytes).

    Raises EngineError("memory_short") when none fits, with the least that is needed and a shorter window that would
    fit; SpecError for an illegal spec; EngineError("model_unknown") for a model that has not been weighed.
    """
    ways = options(card, spec)
    for option in ways:
        if option.card_gb <= gigabytes:
            return MemoryPlan(gigabytes, option, ways)
    least = min(option.card_gb for option in ways)
    text = f"{card.title} needs {least:.1f} GB for this video, and {gigabytes:g} GB are there."
    shorter = _shorter_window(card, spec, gigabytes)
    if shorter:
        text += f" With windows of {shorter} frames (base_num_frames) it fits."
    raise EngineError("memory_short", text)


def options(card: catalog.ModelCard, spec: VideoSpec) -> tuple[Option, ...]:
    """Return every way of making `spec`, the fastest first."""
    known = figures().get(card.id)
    if known is None:
        raise EngineError("model_unknown", f"{card.title} cannot be planned: its makers have not released it.")
    window = max(plan(spec).windows, key=lambda w: w.latents)
    factor = known.spatial_factor
    cells = spec.width // factor * (spec.height // factor)
    seen = window.latents + int(spec.end_image is not None)
    tokens = seen * (cells // PATCH_AREA)
    latents = LATENT_COPIES * 4 * known.latent_channels * seen * cells
    pixels = spec.width * spec.height
    shown = 3 * 4 * pixels * FRAMES_PER_LATENT * latents_of(min(spec.num_frames, spec.base_num_frames))
    # The cache of the one continuous decode stays where it is while the next window is denoised.
    kept = (
        known.cache_bytes_per_pixel * pixels
        if spec.overlap == "latent" and spec.num_frames > spec.base_num_frames
        else 0
    )
    working = known.bytes_per_token * tokens + latents
    decoding = (known.decode_bytes_per_pixel + known.cache_bytes_per_pixel) * pixels + shown
    whole, blocks = known.transformer_bytes, known.block_bytes * known.blocks
    rest = whole - blocks
    parts = known.text_bytes + known.vae_bytes + known.sight_bytes
    weights: tuple[tuple[Mode, int, int, int], ...] = (
        # mode, what denoising has on the card, what decoding has besides the VAE, what the host keeps
        ("resident", whole + parts, whole + parts - known.vae_bytes, 0),
        ("model", whole, 0, whole + parts),
        ("fp8", rest + blocks // 2, 0, rest + blocks // 2 + parts),
        ("group", rest + BLOCKS_AT_WORK * known.block_bytes, 0, whole + parts),
    )
    streamed = known.text_bytes - known.text_block_bytes * max(0, known.text_blocks - BLOCKS_AT_WORK)
    found = []
    for mode, denoise, beside, host in weights:
        reading = {"resident": denoise, "group": streamed}.get(mode, known.text_bytes)
        stages = {
            "the prompt is read": reading,
            "a window is denoised": denoise + working + kept,
            "frames are decoded": known.vae_bytes + beside + decoding,
        }
        largest = max(stages, key=lambda name: stages[name])
        found.append(Option(mode, stages[largest] * HOLES / GB + DRIVER_GB, host / GB, largest))
    return tuple(found)


def table(gigabytes: Sequence[float] = (8, 16, 24, 48, 80)) -> list[tuple[str, list[str]]]:
    """Return for every model its name and, for each card, how one recommended window runs: "model 38.2 GB" or "-"."""
    rows = []
    for card in catalog.all():
        if card.released:
            spec = VideoSpec.for_model(card.id, "x", image=Path("x") if card.kind == "i2v" else None)
            rows.append((card.title, [_cell(card, spec, size) for size in gigabytes]))
    return rows


@cache
def figures() -> dict[str, Figures]:
    """Return what is known of each model that can be had, by id."""
    return {name: Figures(**values) for name, values in json.loads(FIGURES.read_text(encoding="utf-8")).items()}


def _cell(card: catalog.ModelCard, spec: VideoSpec, gigabytes: float) -> str:
    try:
        chosen = plan_memory(card, spec, gigabytes).chosen
    except EngineError:
        return "-"
    return f"{chosen.mode} {chosen.card_gb:.1f} GB"


def _shorter_window(card: catalog.ModelCard, spec: VideoSpec, gigabytes: float) -> int | None:
    if not card.long:
        return None
    window = min(spec.num_frames, spec.base_num_frames)
    for frames in range(window - FRAMES_PER_LATENT, spec.overlap_history, -FRAMES_PER_LATENT):
        try:
            smaller = dataclasses.replace(spec, base_num_frames=frames)
            if min(option.card_gb for option in options(card, smaller)) <= gigabytes:
                return frames
        except SpecError:
            continue
    return None
