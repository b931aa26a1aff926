"""Clips that somebody brought, whose frames can be read from any place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from workers.lips.base import Picture
from workers.media import foreign


@dataclass(frozen=True, slots=True)
class FileClip:
    """A clip that somebody brought, as `workers.lips.base.Clip`; a child process opens it.

    It has `frames` of them: where the file has fewer, its last picture stands.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frames: int

    def read(self, first: int = 0) -> Iterator[Picture]:
        """Yield the frames from the place `first` on, uint8 RGB [H, W, 3]."""
        last: Picture | None = None
        place = 0
        for last in itertools.islice(foreign.clip(self.path, self.width, self.height, self.fps), self.frames):
            if place >= first:
                yield last
            place += 1
        while last is not None and place < self.frames:
            if place >= first:
                yield last
            place += 1
