"""The draft engine of the talking avatar: a portrait that speaks, drawn on the CPU from the phonemes of a speech."""

from __future__ import annotations

from collections.abc import Iterator

from workers.base import OnProgress, ignore_progress
from workers.lips.base import Picture, Role
from workers.lips.draw import with_mouth
from workers.lips.landmarks import landmarker
from workers.lips.visemes import Mouth, mouths


class Draft:
    """Draws portraits that speak; a `workers.lips.base.Avatar`. Nothing is kept between two frames."""

    def load(self) -> None:
        """Read the landmark models, whose mesh is warped. Raises EngineError: model_not_ready, model_broken."""
        landmarker()

    def talk(self, role: Role, *, first: int = 0, on_progress: OnProgress = ignore_progress) -> Iterator[Picture]:
        """Yield the frames of a role from the place `first` on, uint8 RGB [H, W, 3]."""
        planned = mouths(role.speech, role.fps, role.frames) if role.speech else [Mouth()] * role.frames
        for mouth in planned[first:]:
            yield with_mouth(role.portrait, role.points, mouth)
