"""The draft engine of lip sync: a warped mesh on the CPU, from the phonemes of a speech."""

from __future__ import annotations

from collections.abc import Iterator

from workers.base import OnProgress, ignore_progress
from workers.lips.base import Clip, Picture, Track
from workers.lips.draw import with_mouth
from workers.lips.landmarks import landmarker
from workers.lips.visemes import mouths
from workers.voice.base import Speech


class Draft:
    """Draws mouths by `workers.lips.draw`; a `workers.lips.base.LipSync`. Nothing is kept between two frames."""

    def load(self) -> None:
        """Read the landmark models, whose mesh is warped. Raises EngineError: model_not_ready, model_broken."""
        landmarker()

    def sync(
        self, clip: Clip, speech: Speech, track: Track, *, first: int = 0, on_progress: OnProgress = ignore_progress
    ) -> Iterator[Picture]:
        """Yield the frames of a clip from the place `first` on with the mouth of a speech, uint8 RGB [H, W, 3]."""
        planned = mouths(speech, clip.fps, clip.frames)
        for place, picture in enumerate(clip.read(first), first):
            points = track.at(place)
            if points is None or place >= len(planned):
                yield picture
            else:
                yield with_mouth(picture, points, planned[place])
