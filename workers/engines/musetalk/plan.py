"""How many frames MuseTalk computes at once on a card, and what that needs. Imports no torch.

The figures are counted from the real configurations (figures.py); what is allowed for the driver and for holes is that
of the video planner (skyreels/memory/planner.py). No card was at hand to measure them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workers.base import EngineError, Sentence
from workers.engines.musetalk import cards
from workers.engines.skyreels.memory.planner import CPU_FACTOR, DRIVER_GB, GB, HOLES, Device

FIGURES = Path(__file__).with_name("figures.json")
BATCHES = (8, 4, 2, 1)  # frames at once; more gains little


@dataclass(frozen=True, slots=True)
class Figures:
    """What the networks weigh in bytes: the UNet and the VAE in float16, the ear in float32, and the working memory
    of each frame of a batch while its face is encoded, painted and decoded. `blocks` are the UNet's channels."""

    unet_bytes: int
    vae_bytes: int
    ear_bytes: int
    listening_bytes: int
    encoding_bytes: int
    painting_bytes: int
    decoding_bytes: int
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A number of frames at once, and the most that it needs in GB (of 10^9 bytes)."""

    batch: int
    card_gb: float

    @property
    def words(self) -> Sentence:
        """A sentence about it."""
        return Sentence("{gigabytes:.1f} GB, with {batch} frames at once.", gigabytes=self.card_gb, batch=self.batch)


def check(gigabytes: float | None, *, device: Device = "cuda") -> Choice | None:
    """Choose the most frames at once for a card of `gigabytes`; None when nobody said how large it is.

    Raises EngineError("memory_short") when not even one fits, with what that needs.
    """
    if not gigabytes:
        return None
    found = tuple(choices(device))
    for choice in found:
        if choice.card_gb <= gigabytes:
            return choice
    raise EngineError("memory_short", _short(found[-1].card_gb, gigabytes))


def available(gigabytes: float | None = None) -> Sentence | None:
    """Say why lips cannot be repainted in this studio; None when they can.

    `gigabytes` is the memory of the workers' cards, by default what `CINEVIVID_DEVICE_GB` says.
    """
    card = cards.get(cards.ID)
    if card.folder() is None:
        return Sentence("The weights of {title} are not on this machine yet.", title=card.title)
    there = gigabytes or float(os.environ.get("CINEVIVID_DEVICE_GB") or 0)
    least = tuple(choices())[-1].card_gb
    if 0 < there < least:
        return _short(least, there)
    return None


def _short(needed: float, there: float) -> Sentence:
    return Sentence(
        "{title} needs {needed:.1f} GB, and {there:.3g} GB are there.",
        title=cards.get(cards.ID).title,
        needed=needed,
        there=there,
    )


def choices(device: Device = "cuda") -> Iterator[Choice]:
    """Yield every number of frames at once with what it needs, the largest first."""
    known, factor = figures(), CPU_FACTOR if device == "cpu" else 1
    weights = factor * (known.unet_bytes + known.vae_bytes) + known.ear_bytes
    for batch in BATCHES:
        frame = factor * max(known.encoding_bytes, known.painting_bytes, known.decoding_bytes)
        most = weights + max(batch * frame, known.listening_bytes)
        yield Choice(batch, most * HOLES / GB + DRIVER_GB)


def weighed(folder: Path) -> bool:
    """True when a folder holds what was weighed, not a model of another build under its name."""
    try:
        built = json.loads((folder / cards.CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return tuple(built.get("block_out_channels", ())) == figures().blocks


@cache
def figures() -> Figures:
    """Return what is known of the model."""
    told = json.loads(FIGURES.read_text(encoding="utf-8"))
    return Figures(**told | {"blocks": tuple(told["blocks"])})
