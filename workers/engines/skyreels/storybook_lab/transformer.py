"""The transformer: nano's, wider and deeper, with tokens of 32 x 32 pixels."""

from __future__ import annotations

from typing import Any

from ..nano_lab import transformer as plain
from . import vae

HEADS, HEAD_WIDTH, LAYERS, PATCH = 4, 64, 8, 4
PREDICTS = "sample"  # the clip, not the flow: a token has as many numbers as the network is wide


def build(seed: int | None = None, layers: int = LAYERS) -> Any:
    """A fresh transformer; with ``seed`` also initialised for training."""
    return plain.build(seed, HEADS, layers, vae.CHANNELS, PATCH, HEAD_WIDTH)
