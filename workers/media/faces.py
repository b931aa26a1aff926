"""The faces of an uploaded picture or clip, seen before anything is paid for. No file is trusted.

Only `workers.media.child` calls this, in a process with a budget; others ask `workers.media.foreign`.
"""

from __future__ import annotations

import base64
import wave
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from workers.base import EngineError
from workers.lips.base import Face, Picture
from workers.lips.landmarks import landmarker, size_of, turned
from workers.lips.tracking import SMALL, TURNED
from workers.media import uploads
from workers.media.facts import FaceSeen, FacesSeen, MediaError
from workers.media.sound import plain_sound
from workers.media.talking import check_speech

MOST_LOOKS, LOOKS_A_SECOND = 12, 2  # frames of a clip that are looked at until one shows a face
MOST_FACES = 9
LOOKED_SIDE = 1920  # of a picture that is looked at: the longest that a film has
SHOWN_SIDE, QUALITY = 480, 70  # the longer side of the frame that is shown, in pixels, and of its JPEG


def faces(path: Path, width: int, height: int, fps: Fraction, seconds: float) -> FacesSeen:
    """Return the faces in the first frame of a clip that shows any, of the frames that are looked at.

    Raises MediaError for what is no clip, and where this machine cannot find faces.
    """
    step = max(1, round(max(fps / LOOKS_A_SECOND, fps * Fraction(seconds) / MOST_LOOKS)))
    first: Picture | None = None
    # The frames are those that lips are moved in: at the clip's rate, with even sides.
    for place, picture in enumerate(uploads.clip(path, width // 2 * 2, height // 2 * 2, fps)):
        first = picture if first is None else first
        if place % step == 0 and (found := _found(picture)):
            return _told(picture, found, (place + 0.5) / float(fps))
    if first is None:
        raise MediaError("video_broken", "The video has no picture.")
    return _told(first, [], 0.0)


def faces_of_picture(path: Path, width: int, height: int) -> FacesSeen:
    """Return the faces of a picture of these sides. Raises MediaError as `faces` does."""
    scale = LOOKED_SIDE / max(width, height, LOOKED_SIDE)
    picture = uploads.picture(path, max(1, round(width * scale)), max(1, round(height * scale)), "stretch")
    return _told(picture, _found(picture), 0.0)


def check_spoken(path: Path, out: Path) -> float:
    """Return the seconds of a sound in which somebody speaks; `out` is a WAV that is written. Raises MediaError."""
    seconds = plain_sound(path, out).seconds
    with wave.open(str(out)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / np.float32(32768)
        check_speech(samples, file.getframerate())
    return seconds


def _found(picture: Picture) -> list[Face]:
    try:
        return landmarker().faces(picture)
    except EngineError as error:
        raise MediaError(error.code, error.public_text) from error


def _told(picture: Picture, found: list[Face], second: float) -> FacesSeen:
    height, width = picture.shape[:2]
    scale = SHOWN_SIDE / max(width, height, SHOWN_SIDE)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, packed = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return FacesSeen(
        second=second,
        width=width,
        height=height,
        picture=base64.b64encode(packed.tobytes()).decode(),
        faces=tuple(_seen(face, width, height) for face in found[:MOST_FACES]),
    )


def _seen(face: Face, width: int, height: int) -> FaceSeen:
    left, top, right, bottom = face.box
    size = size_of(face.points)
    trouble = "face_small" if size < SMALL else "face_turned" if abs(turned(face.points)) > TURNED else ""
    return FaceSeen(left / width, top / height, right / width, bottom / height, size, trouble)
