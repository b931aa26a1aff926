"""The draft engine of the talking avatar: a portrait that speaks and moves, drawn on the CPU.

Lids and mouth are drawn on the portrait's figure where it stands, then the figure moves before the wall.
"""

from __future__ import annotations

from collections.abc import Generator

from workers.base import EngineError, OnProgress, ignore_progress
from workers.lips.acting import Acts, acted
from workers.lips.base import Picture, Role
from workers.lips.draw import with_mouth
from workers.lips.driven import followed
from workers.lips.figure import Head, taken_apart
from workers.lips.landmarks import landmarker
from workers.lips.lids import blinked, lids
from workers.lips.turning import Turner
from workers.lips.visemes import Mouth, mouths


class Draft:
    """Draws portraits that speak; a `workers.lips.base.Avatar`. Nothing is kept between two frames."""

    name = "draft"

    def load(self) -> None:
        """Read the landmark models, whose mesh is warped. Raises EngineError: model_not_ready, model_broken."""
        landmarker()

    def talk(self, role: Role, *, first: int = 0, on_progress: OnProgress = ignore_progress) -> Generator[Picture]:
        """Yield the frames of a role from the place `first` on, uint8 RGB [H, W, 3].

        Raises EngineError("input_missing") for a role with neither a speech nor a driver.
        """
        acts, spoken = _acts(role)
        head = Head.of(role.points)
        figure = taken_apart(role.portrait, head)
        turner, eyes = Turner(figure, head), lids(figure.front, role.points)
        for place in range(first, role.frames):
            front = blinked(figure.front, eyes, float(acts.blink[place]))
            front = with_mouth(front, role.points, spoken[place])
            yield turner.turned(front, acts.turn(place))


def _acts(role: Role) -> tuple[Acts, list[Mouth]]:
    """Return what the head does in every frame, and how its mouth stands."""
    how = role.fps, role.frames, role.expressiveness, role.seed
    if role.driver is not None:
        acts, shown = followed(role.driver, *how)
        return acts, mouths(role.speech, role.fps, role.frames) if role.speech is not None else shown
    if role.speech is None:
        raise EngineError("input_missing", "There is neither a speech nor a video to follow.")
    return acted(role.speech, *how), mouths(role.speech, role.fps, role.frames)
