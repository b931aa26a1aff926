"""Files of a training run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


def directory() -> Path:
    """Where training keeps its state: ``NANO_DIR``, by default ``var/nano``. Created when missing."""
    path = Path(os.environ.get("NANO_DIR", "var/nano"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def atomic_save(state: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values so that ``path`` is never half a file."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
