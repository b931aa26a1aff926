"""What of an unfinished film is safe: the words between the task that makes it and whoever keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# What lies in the folder of a film while it grows, beside its MP4 segments.
STATE = "state.safetensors"
CLIP_PARTS = "clip-parts"  # how many segments the clip that goes on has become
PROMPT = "prompt"  # as it was written for the model, where a model wrote it
PLAYLIST = "hls"
INDEX = "index.m3u8"
# These change with every window; the others are written once.
CHANGING = (STATE, f"{PLAYLIST}/{INDEX}")


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of a film is finished.

    `frames` are counted as the request counts its `num_frames`; `seconds` are those of the whole film, with the clip
    that it goes on from.
    """

    windows: int
    frames: int
    seconds: float


class Keeper(Protocol):
    """Keeps the folder of a film where it outlives the worker. May raise Cancelled: the film is another's by then."""

    def fetch(self, folder: Path) -> None:
        """Bring what an earlier attempt has kept and `folder` lacks; nothing where there is nothing."""

    def keep(self, folder: Path, kept: Kept) -> None:
        """Keep what `folder` holds now that one more window is finished."""


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that a crash leaves it whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


class KeepNothing:
    """For callers whose folder stays where it is."""

    def fetch(self, folder: Path) -> None:
        pass

    def keep(self, folder: Path, kept: Kept) -> None:
        pass
