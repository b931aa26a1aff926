"""How a video is computed, apart from what it shows. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

GGUF = "gguf:"
Memory = Literal["auto", "resident", "model", "fp8", "group", "sequential"]


def stored_form(model: str) -> str:
    """Return the form that this installation stores a model's transformer in (quantise.py says whether it can be had).

    `CINEVIVID_QUANTIZE` says it: "none", "int8" or "fp8" for all models, or "gguf:<model>=<file>" for one.
    """
    form = os.environ.get("CINEVIVID_QUANTIZE") or "none"
    named, bound, _ = form.removeprefix(GGUF).partition("=")
    return "none" if form.startswith(GGUF) and bound and named != model else form


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a model's parts are kept while they work, and how many devices share one video.

    Only "fp8" and tiles change what is seen, and little: weights are rounded, and seams of tiles are blended.

    `memory` is "auto" for what the planner chooses (planner.py), "resident" for everything on the device, "model" for
    parts that take turns, "fp8" for that with the transformer stored in 8 bits, "group" for blocks that come one by
    one, "sequential" for layers that do. `vae_tiling` encodes and decodes in tiles. `ranks` is the number of processes
    that share a window (parallel.py); 1 is this process alone.
    """

    memory: Memory = "auto"
    vae_tiling: bool = False
    ranks: int = 1
