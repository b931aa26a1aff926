"""Types shared by all engines of lip sync and of avatars, and their callers. Imports neither torch nor Django.

A caller reads a clip (`Clip`), lets `workers.lips.tracking.follow` find the chosen face in every frame (`Track`), and
gives both to an engine with the speech. The engine yields one frame for each frame of the clip; the caller makes
a film of them (`workers.segments`). An avatar gets a `Role` instead of a clip and a track.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.base import OnProgress, PublicError, ignore_progress
from workers.voice.base import Speech

if TYPE_CHECKING:
    from typing import Self

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]
POINTS = 478  # landmarks of a face: 468 of the mesh, 10 of the irises


class LipsError(PublicError):
    """A clip, a portrait or a sound cannot be used. The codes are rows of the error catalogue.

    no_face, face_small, face_turned, several_faces: the picture or the choice of a face has to change.
    no_speech: the sound has to change.
    """


class Clip(Protocol):
    """A clip whose frames can be read from any place, as often as is needed."""

    @property
    def width(self) -> int:
        """Pixels of a row."""

    @property
    def height(self) -> int:
        """Rows of a frame."""

    @property
    def fps(self) -> Fraction:
        """Frames a second, even over the whole clip."""

    @property
    def frames(self) -> int:
        """How many frames `read` yields from the first on."""

    def read(self, first: int = 0) -> Iterator[Picture]:
        """Yield the frames from the place `first` on, uint8 RGB [H, W, 3]; one is in memory at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face in one picture: `points` are float32 [478, 3] in pixels, x to the right, y down, z away from the camera.

    The order of the points is that of MediaPipe's face mesh. `score` is how surely it is a face, 0 to 1.
    """

    points: Points
    score: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The left, top, right and bottom edge of the mesh in pixels."""
        low, high = self.points[:, :2].min(0), self.points[:, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


@dataclass(frozen=True, slots=True)
class Pick:
    """Which face speaks, as it is seen in the frame at the place `frame`.

    By its `index` among the faces of that frame, the largest first, or by a `point` of the picture in or near it, in
    pixels. With neither, the only face of the clip is meant, or the largest.
    """

    frame: int = 0
    index: int | None = None
    point: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Where the chosen face is in every frame of a clip.

    `points` is float32 [F, 478, 3], smoothed over time within a shot, NaN where the face is not seen; `scores` is
    float32 [F]. `shots` are the places of the first frames of the shots, in order, 0 among them.
    """

    points: Points
    scores: NDArray[np.float32]
    shots: tuple[int, ...] = (0,)

    def __len__(self) -> int:
        return len(self.points)

    def at(self, place: int) -> Points | None:
        """Return the landmarks in a frame, [478, 3]; None where the face is not seen, and after the last frame."""
        if place >= len(self.points) or not np.isfinite(self.points[place, 0, 0]):
            return None
        found: Points = self.points[place]
        return found

    @property
    def seen(self) -> int:
        """In how many frames the face is seen."""
        return int(np.isfinite(self.points[:, 0, 0]).sum())

    def save(self, path: Path) -> None:
        """Write the track to a file, whole or not at all: about 6 kB a frame."""
        partial = path.with_name(path.name + ".part")
        with partial.open("wb") as file:
            np.savez(file, points=self.points, scores=self.scores, shots=np.array(self.shots))
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a track that `save` wrote. Raises OSError and ValueError."""
        with np.load(path, allow_pickle=False) as saved:
            return cls(saved["points"], saved["scores"], tuple(int(place) for place in saved["shots"]))


class LipSync(Protocol):
    """An engine that gives a face in a clip the mouth of a speech."""

    def load(self) -> None:
        """Read the engine's model into memory, once. Raises EngineError when it is not there, damaged or too large."""

    def sync(
        self, clip: Clip, speech: Speech, track: Track, *, first: int = 0, on_progress: OnProgress = ignore_progress
    ) -> Iterator[Picture]:
        """Yield the frames of the clip from the place `first` on, uint8 RGB [H, W, 3], with the mouth of the speech.

        Frame i is shown from i / fps on, when the speech is at that second; where it has ended, the mouth is at rest.
        Frames in which the face is not seen come out bit for bit. Whoever goes on at `first` gets the frames that a
        run from 0 gives there. `speech.phonemes` are in IPA and may be empty for an engine that only listens.
        `on_progress` is for what takes long before the first frame; the caller counts frames.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Role:
    """What an avatar is to do: a portrait, uint8 RGB [H, W, 3] as it fills the film, whose face at `points` speaks.

    The film has `frames` at `fps`. `speech` may be None where there is a `driver`: what the face of another clip does,
    frame by frame of the film. `expressiveness` is 0, nearly still, to 1; the same `seed` gives the same frames.
    `prompt` says who is seen, for engines that read. `folder` is for files of the engine, which lie there for whoever
    goes on with this film; `last` returns the last frame that is kept.
    """

    portrait: Picture
    points: Points
    speech: Speech | None
    fps: Fraction
    frames: int
    folder: Path
    expressiveness: float = 0.5
    seed: int = 0
    driver: Track | None = None
    prompt: str = ""
    last: Callable[[], Picture] | None = None


class Avatar(Protocol):
    """An engine that lets a portrait speak."""

    @property
    def name(self) -> str:
        """The name of the engine. A film that one engine has begun is not gone on with by another."""

    def load(self) -> None:
        """Read the engine's model into memory, once. Raises EngineError when it is not there, damaged or too large."""

    def talk(self, role: Role, *, first: int = 0, on_progress: OnProgress = ignore_progress) -> Generator[Picture]:
        """Yield the frames of a role from the place `first` on, uint8 RGB [H, W, 3] as the portrait.

        Frame i is shown from i / fps on. `on_progress` is for what takes long before a frame; the caller counts frames.
        Raises EngineError.
        """
