"""Files of a training run."""

from __future__ import annotations

import os
import time
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


def pause(file: Path | None) -> float:
    """Wait while ``file`` exists, for somebody else who needs the machine; returns the seconds that took."""
    began = time.monotonic()
    while file is not None and file.exists():
        time.sleep(2)
    return time.monotonic() - began
