"""How a video is computed, apart from what it shows. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from workers.base import EngineError

GGUF = "gguf:"
Memory = Literal["auto", "resident", "aside", "model", "fp8", "group", "sequential"]


def stored_form(model: str) -> str:
    """Return the form in which this installation stores a model's transformer; memory/quantise.py refuses unknown ones.

    `CINEVIVID_QUANTIZE` says it: "none", "int8" or "fp8" for all models, or "gguf:<model>=<file>" for one.
    """
    form = os.environ.get("CINEVIVID_QUANTIZE") or "none"
    named, bound, _ = form.removeprefix(GGUF).partition("=")
    return "none" if form.startswith(GGUF) and bound and named != model else form


def backend() -> str:
    """Return how several devices exchange what they know, `CINEVIVID_SEQUENCE_PARALLEL`: "native" or "xfuser"."""
    return os.environ.get("CINEVIVID_SEQUENCE_PARALLEL") or "native"


def attention_backend() -> str:
    """Return which kernels attention takes, `CINEVIVID_ATTENTION`: a name of diffusers' dispatcher, "auto" for the
    fastest of those that are here, or nothing for torch's own."""
    return os.environ.get("CINEVIVID_ATTENTION") or ""


def compiled() -> bool:
    """Return whether the transformer's blocks are compiled on a card, `CINEVIVID_COMPILE`."""
    return os.environ.get("CINEVIVID_COMPILE", "").lower() in ("1", "true", "yes", "on")


def narrow_vae() -> bool:
    """Return whether the VAE computes in bfloat16 on a card, `CINEVIVID_VAE`: "float32" without it."""
    return os.environ.get("CINEVIVID_VAE") == "bfloat16"


def fits(heads: int, ranks: int) -> bool:
    """True when attention of so many heads can be shared by so many ranks.

    Where they do not divide, some ranks compute empty heads; no rank may have nothing but these.
    """
    each = -(-heads // ranks)
    return ranks >= 1 and each * ranks - heads < (each if heads % ranks else 1)


def refuse_unfit(heads: int, tokens: int, ranks: int, even: bool = False) -> None:
    """Raise EngineError("ranks_unfit") with the nearest number that fits, when so many ranks cannot share a window.

    `even` asks for heads and tokens that the ranks divide.
    """

    def possible(count: int) -> bool:
        divides = heads % count == 0 and tokens % count == 0
        return divides if even else fits(heads, count) and tokens >= count

    if not possible(ranks):
        nearest = next(count for count in range(min(ranks, heads, tokens), 0, -1) if possible(count))
        text = f"This model cannot be shared by {ranks} devices: the next number that fits is {nearest}."
        raise EngineError("ranks_unfit", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Where a model's parts are kept while they work, and how many devices share one video.

    Only "fp8" and tiles change what is seen, and little: weights are rounded, and seams of tiles are blended.

    `memory` is "auto" for what the planner chooses (memory/planner.py), "resident" for everything on the device,
    "aside" for that without the encoders of words and pictures, which come for a moment,
    "model" for parts that take turns, "fp8" for that with the transformer stored in 8 bits, "group" for blocks that
    come one by one, "sequential" for layers that do. `vae_tiling` encodes and decodes in tiles. `ranks` is the
    number of processes that share a window (sampler/sequence.py); 1 is this process alone.
    """

    memory: Memory = "auto"
    vae_tiling: bool = False
    ranks: int = 1
