"""What is said of media files, and how large those that people bring may be. Imports no codec."""

from __future__ import annotations

import errno
import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from workers.base import PublicError

MAX_PICTURE_BYTES = 32_000_000
MAX_CLIP_BYTES = 500_000_000
MAX_CLIP_SECONDS = 120.0
MAX_SOUND_BYTES = 200_000_000
ALONE = 0.6  # of the size of the largest face: who is smaller stands in the background
WAVE = "wave.webp"  # the picture of a sound, beside its file


# How a picture or a clip is brought to the size of a film: its middle cut and scaled at once, by Lanczos' filter; cut
# in whole pixels first and scaled bicubically; or scaled bicubically whole, whatever becomes of its ratio.
FITS = ("fill", "cut", "stretch")


class MediaError(PublicError):
    """A file cannot be used."""


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """A clip as it is shown: sides in pixels after rotation and with square pixels, length in seconds, and the rate
    that its file tells, or its mean rate where that cannot be."""

    width: int
    height: int
    seconds: float
    fps: Fraction


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """A sound: its length in seconds, its samples a second, and how many channels it has."""

    seconds: float
    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class FaceSeen:
    """A face in a frame: the edges of its box as parts of the frame, the pixels between its eyes, and what is wrong
    with it: "face_small", "face_turned", or nothing."""

    left: float
    top: float
    right: float
    bottom: float
    size: float
    trouble: str = ""

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class FacesSeen:
    """The faces of one frame of a clip, the largest first: at which second it is shown, its sides in pixels, and the
    frame itself, smaller, as JPEG in Base64."""

    second: float
    width: int
    height: int
    picture: str
    faces: tuple[FaceSeen, ...] = ()

    @property
    def several(self) -> bool:
        """Whether it has to be said which face is meant: a second one is nearly as large as the first."""
        return len(self.faces) > 1 and self.faces[1].size > ALONE * self.faces[0].size

    def at(self, x: float, y: float) -> FaceSeen | None:
        """Return the face at or near a place, given in parts of the frame; None where there is none."""

        def away(face: FaceSeen) -> float:
            across, down = (face.middle[0] - x) * self.width, (face.middle[1] - y) * self.height
            side = max((face.right - face.left) * self.width, (face.bottom - face.top) * self.height, 1e-6)
            return math.hypot(across, down) / side

        face = min(self.faces, key=away, default=None)
        return face if face and away(face) <= 1.0 else None


def let_through(error: Exception) -> None:
    """Raise an error again when it is not the file's fault: the process has used up its memory or its bytes."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) in (errno.ENOMEM, errno.EFBIG):
        raise error
    if isinstance(error, OSError) and "memory" in str(error):  # as Pillow's decoders say it
        raise MemoryError from error


def sha256(path: Path) -> str:
    """Return the hex digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
