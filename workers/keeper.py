"""Types shared by a task and the keeper that stores the finished parts of its work."""

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
MARKED = "marked"  # a folder with the segments and the playlist once more, with the watermark on every frame
TRACK = "track.npz"  # where a face is in each frame
PICTURE = "picture-"  # how the names of single pictures begin
# These change with every window; the others are written once.
CHANGING = (STATE, f"{PLAYLIST}/{INDEX}", f"{MARKED}/{PLAYLIST}/{INDEX}")


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of a film, or of a set of pictures, is finished: of these each is a window and a frame, of no length.

    `windows` are whole ones. `frames` are counted as the request counts its `num_frames`; `seconds` are those of the
    whole film, with the clip that it goes on from. `parts` of the next window can be seen as well, and are not counted
    as kept: nothing goes on from there.
    """

    windows: int
    frames: int
    seconds: float
    parts: int = 0


def picture_name(number: int) -> str:
    """Return the name of the file of a picture, counted from 1."""
    return f"{PICTURE}{number}.png"


class Keeper(Protocol):
    """Keeps the folder of a job where it outlives the worker. Raises Cancelled when another worker has the job."""

    def fetch(self, folder: Path) -> None:
        """Copy into `folder` what an earlier attempt has kept and the folder lacks."""

    def keep(self, folder: Path, kept: Kept) -> None:
        """Store what is new in `folder` after one more finished part."""


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that a crash leaves it whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


class KeepNothing:
    """A keeper that stores nothing, for callers whose folder stays where it is."""

    def fetch(self, folder: Path) -> None:
        pass

    def keep(self, folder: Path, kept: Kept) -> None:
        pass
