"""Which way of running a model fits into a card's memory, and what each needs. Imports no torch.

The figures are counted from the real configurations (figures.py). What they cannot know, the driver's own memory and
the holes between tensors, is allowed for by `DRIVER_GB` and `HOLES`; no card was at hand to measure these.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from workers.base import EngineError
from workers.engines.skyreels import cards
from workers.engines.skyreels.request.execution import Execution, backend, refuse_unfit, stored_form
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.request.spec import FRAMES_PER_LATENT, SpecError, VideoSpec, latents_of

FIGURES = Path(__file__).with_name("figures.json")
GB = 1e9
DRIVER_GB = 0.8
HOLES = 1.06
# Of the memory that is free when a film begins, this part is left alone: other programs and the driver move, too.
SLACK = 0.06
# Where everything that computes stays on the card between the steps.
STAYING = ("resident", "aside")
# float32 latents: the film's, the model's answers with and without the prompt, and what the scheduler remembers.
LATENT_COPIES = 8
BLOCKS_AT_WORK = 2  # one computes while the next is on its way

# A tile as Wan's VAE has it: 256 pixels a side, 192 apart.
TILE, TILE_STRIDE = 256, 192
# What is asked with and without the prompt is remembered apart (sampler/teacache.py).
PROMPTS, HALF = 2, 2
# On a CPU everything is in float32 (pool.py), and the figures count bfloat16.
CPU_FACTOR = 2

Mode = Literal["resident", "aside", "model", "fp8", "group", "sequential"]
Device = Literal["cuda", "cpu"]
WORDS: dict[Mode, str] = {
    "resident": "everything stays where it computes",
    "aside": "the text encoder waits in the host's memory while the rest stays on the card",
    "model": "text encoder, transformer and VAE take turns on the card",
    "fp8": "the transformer is stored in 8 bits, and the parts take turns",
    "group": "the blocks of transformer and text encoder come to the card one by one",
    "sequential": "the layers of transformer and text encoder come to the card one by one, which is slow",
}
AS_PLANNED = Execution()
IN_TILES = "frames are encoded and decoded in tiles"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model weighs in bytes: weights as they are loaded (bfloat16, the VAE in float32), and working memory.

    `bytes_per_token` is that of the transformer for each latent patch, `decode_bytes_per_pixel` that of the VAE for
    each pixel of a frame while it decodes latents one by one, `cache_bytes_per_pixel` what it keeps between them.
    `layer_bytes` and `text_layer_bytes` are the largest layers, `width` the numbers of one token between two blocks,
    `heads` those of its attention, and `patch_area` the cells of a latent frame that make one token.
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
    layer_bytes: int
    text_layer_bytes: int
    width: int
    heads: int
    patch_area: int


@dataclass(frozen=True, slots=True)
class Option:
    """One way of running: the most it needs on the card and in the host's memory, in GB, and the part that needs it."""

    mode: Mode
    card_gb: float
    host_gb: float
    largest: str
    tiling: bool = False

    @property
    def name(self) -> str:
        """Its short name."""
        return f"{self.mode}, tiles" if self.tiling else self.mode

    @property
    def words(self) -> str:
        """A sentence about it."""
        tiles = f", and {IN_TILES}" if self.tiling else ""
        return f"{self.card_gb:.1f} GB: {WORDS[self.mode]}{tiles}; the most is needed while {self.largest}."


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
        first = f"{self.chosen.words[:-1]}, which fits into {self.gigabytes:.3g} GB."
        if not faster:
            return first
        return f"{first} Faster ways need {' and '.join(f'{option.card_gb:.1f} GB' for option in faster)}."


def check(spec: VideoSpec, gigabytes: float | None, run: Execution = AS_PLANNED) -> MemoryPlan | None:
    """Plan `spec` for the workers' cards, as these make it, before it is paid for; None when nobody said how large
    they are.

    Raises EngineError("memory_short") when it fits in no way, or not in the one that `run` asks for, and "ranks_unfit"
    when it cannot be shared as `run` asks.
    """
    _refuse_ranks(spec, run)
    if not gigabytes:
        return None
    return plan_memory(cards.get(spec.model), spec, gigabytes, quantised=stored_form(spec.model) != "none", run=run)


def _refuse_ranks(spec: VideoSpec, run: Execution) -> None:
    known, even = figures().get(spec.model), backend() == "xfuser"
    if run.ranks == 1 or known is None:
        return
    if even and spec.causal_attention:
        raise EngineError("ranks_unfit", "Causal attention on several GPUs needs another backend than xfuser.")
    cells = spec.width // known.spatial_factor * (spec.height // known.spatial_factor)
    for latents in {window.latents + int(window.closing) for window in plan(spec).windows}:
        refuse_unfit(known.heads, latents * (cells // known.patch_area), run.ranks, even)


def sentence(card: cards.ModelCard, gigabytes: float | None) -> str:
    """Say how a film as the makers recommend it runs on a card of this size; empty when nobody said how large it is."""
    try:
        found = check(recommended(card), gigabytes)
    except EngineError as error:
        return error.public_text
    return found.explanation if found else ""


def recommended(card: cards.ModelCard) -> VideoSpec:
    """Return one window of the size that the makers recommend."""
    return VideoSpec.for_model(card.id, "x", image=Path("picture") if card.variant == "i2v" else None)


def plan_memory(
    card: cards.ModelCard,
    spec: VideoSpec,
    gigabytes: float,
    *,
    device: Device = "cuda",
    quantised: bool = False,
    run: Execution = AS_PLANNED,
) -> MemoryPlan:
    """Choose the fastest way of making `spec` with the model of `card` on a device of `gigabytes` (of 10^9 bytes).

    Where `run` says where the parts are kept, that is the only way.

    Raises EngineError("memory_short") when none fits, with the least that is needed and a shorter window that would
    fit; SpecError for an illegal spec; EngineError("model_unknown") for a model that has not been weighed.
    """
    ways = options(card, spec, device=device, quantised=quantised, run=run)
    for option in ways:
        if option.card_gb <= gigabytes:
            return MemoryPlan(gigabytes, option, ways)
    least = min(option.card_gb for option in ways)
    text = f"{card.title} needs {least:.1f} GB for this video, and {gigabytes:.3g} GB are there."
    if run.memory != "auto":
        text += f" That is when {WORDS[run.memory]}; left to the studio, it may need less."
    shorter = _shorter_window(card, spec, gigabytes, device, quantised, run)
    if shorter:
        text += f" With windows of {shorter} frames (base_num_frames) it fits."
    raise EngineError("memory_short", text)


def options(
    card: cards.ModelCard,
    spec: VideoSpec,
    *,
    device: Device = "cuda",
    quantised: bool = False,
    run: Execution = AS_PLANNED,
) -> tuple[Option, ...]:
    """Return the ways of making `spec`, the fastest first; each needs less than all that are faster.

    On a CPU, where moving a part saves nothing, everything stays where it is. `quantised` transformers are stored in
    8 bits already (quantise.py).
    """
    known = figures().get(card.id)
    if known is None:
        raise EngineError("model_unknown", f"{card.title} cannot be planned: its makers have not released it.")
    # Weights that are in 8 bits already are not put into them again (offload.py).
    asked = "model" if quantised and run.memory == "fp8" else run.memory
    found: list[Option] = []
    for option in ways(known, spec, quantised=quantised, factor=CPU_FACTOR if device == "cpu" else 1):
        if device == "cpu" and option.mode != "resident":
            continue
        if quantised and option.mode in ("fp8", "sequential") and option.mode != asked:
            continue
        if asked != "auto" and (option.mode != asked or (option.tiling and not run.vae_tiling)):
            continue
        if all(round(option.card_gb, 1) < round(faster.card_gb, 1) for faster in found):
            found.append(option)
    return tuple(found)


def ways(known: Figures, spec: VideoSpec, *, quantised: bool = False, factor: int = 1) -> Iterator[Option]:
    """Yield every way for a model that weighs `known`, whether it helps or not; `factor` is how much larger weights and
    tokens are than in the figures."""
    spec.validate()
    spatial = known.spatial_factor
    cells = spec.width // spatial * (spec.height // spatial)
    # No window is longer than the first.
    seen = latents_of(min(spec.num_frames, spec.base_num_frames)) + int(spec.end_image is not None)
    tokens = seen * (cells // known.patch_area)
    latents = LATENT_COPIES * 4 * known.latent_channels * seen * cells
    working = factor * known.bytes_per_token * tokens + latents
    if spec.teacache:
        working += factor * PROMPTS * HALF * known.width * tokens
    pixels = spec.width * spec.height
    shown = 3 * 4 * pixels * FRAMES_PER_LATENT * latents_of(min(spec.num_frames, spec.base_num_frames))
    tile = min(spec.width, TILE) * min(spec.height, TILE)
    covered = tile * len(range(0, spec.width, TILE_STRIDE)) * len(range(0, spec.height, TILE_STRIDE))
    # The cache of the one continuous decode is there while the next window is denoised: in the host's memory, unless
    # everything stays on the card.
    goes_on = spec.overlap == "latent" and spec.num_frames > spec.base_num_frames
    # So it is where frames are decoded while later latents of their window are at work.
    kept = known.cache_bytes_per_pixel * pixels if goes_on or spec.ar_step else 0

    whole, blocks = factor * known.transformer_bytes, factor * known.block_bytes * known.blocks
    rest = whole - blocks
    eighth = rest + blocks // (2 * factor)
    if quantised:
        whole, blocks = eighth, eighth - rest
    block, text_block = blocks // known.blocks, factor * known.text_block_bytes
    text = factor * known.text_bytes
    parts = text + known.vae_bytes + factor * known.sight_bytes
    streamed = text - text_block * max(0, known.text_blocks - BLOCKS_AT_WORK)
    weights: tuple[tuple[Mode, int, int, int, int], ...] = (
        # mode, what is on the card while it reads, while it denoises, beside the VAE while it decodes; on the host
        ("resident", whole + parts, whole + parts, whole + parts - known.vae_bytes, 0),
        ("aside", whole + parts, whole + known.vae_bytes, whole, text + factor * known.sight_bytes),
        ("model", text, whole, 0, whole + parts),
        ("fp8", text, eighth, 0, eighth + parts),
        ("group", streamed, rest + BLOCKS_AT_WORK * block, 0, whole + parts),
        ("sequential", factor * known.text_layer_bytes, factor * known.layer_bytes, 0, whole + parts),
    )
    for mode, reading, denoising, beside, host in weights:
        # Tiles change what is seen a little, and taking turns does not: so that comes first.
        for tiling in (False, True) if mode not in STAYING else (False,):
            at_once = tile if tiling else pixels
            held = 0 if tiling else known.cache_bytes_per_pixel * pixels
            decoding = (known.decode_bytes_per_pixel + known.cache_bytes_per_pixel * tiling) * at_once + held + shown
            stages = {
                "the prompt is read": reading,
                "a window is denoised": denoising + working + (kept if mode in STAYING else 0),
                "frames are decoded": known.vae_bytes + beside + decoding,
            }
            largest = max(stages, key=lambda name: stages[name])
            parked = known.cache_bytes_per_pixel * covered if tiling else (0 if mode in STAYING else kept)
            yield Option(mode, stages[largest] * HOLES / GB + DRIVER_GB, (host + parked) / GB, largest, tiling)


def table(gigabytes: Sequence[float] = (8, 16, 24, 48, 80), frames: int | None = None) -> list[tuple[str, list[str]]]:
    """Return for every model its name and, for each card, how one recommended window runs: "model 38.2 GB" or "-".

    `frames` asks for another length; models that do not make it have "-" everywhere.
    """
    rows = []
    for card in cards.all():
        if card.released:
            spec = recommended(card)
            spec = dataclasses.replace(spec, num_frames=frames) if frames else spec
            rows.append((card.title, [_cell(card, spec, size) for size in gigabytes]))
    return rows


def weighed(card: cards.ModelCard) -> bool:
    """True when the folder on this machine holds what was weighed, not a model of another build under its name."""
    folder = card.folder()
    if folder is None or card.id not in figures():
        return False
    try:
        built = json.loads((folder / "transformer" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(built.get("num_layers") == figures()[card.id].blocks)


@cache
def figures() -> dict[str, Figures]:
    """Return what is known of each model that can be had, by id."""
    return {name: Figures(**values) for name, values in json.loads(FIGURES.read_text(encoding="utf-8")).items()}


def _cell(card: cards.ModelCard, spec: VideoSpec, gigabytes: float) -> str:
    try:
        chosen = plan_memory(card, spec, gigabytes, quantised=stored_form(card.id) != "none").chosen
    except (EngineError, SpecError):
        return "-"
    return f"{chosen.name} {chosen.card_gb:.1f} GB"


def _shorter_window(
    card: cards.ModelCard, spec: VideoSpec, gigabytes: float, device: Device, quantised: bool, run: Execution
) -> int | None:
    if not card.long:
        return None
    window = min(spec.num_frames, spec.base_num_frames)
    for frames in range(window - FRAMES_PER_LATENT, spec.overlap_history, -FRAMES_PER_LATENT):
        try:
            smaller = dataclasses.replace(spec, base_num_frames=frames)
            ways = options(card, smaller, device=device, quantised=quantised, run=run)
            if min(option.card_gb for option in ways) <= gigabytes:
                return frames
        except SpecError:
            continue
    return None
