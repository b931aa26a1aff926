"""What is said of media files, and how large those that people bring may be. Imports no codec."""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from workers.base import PublicError

MAX_PICTURE_BYTES = 32_000_000
MAX_CLIP_BYTES = 500_000_000
MAX_CLIP_SECONDS = 120.0
MAX_SOUND_BYTES = 200_000_000
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
