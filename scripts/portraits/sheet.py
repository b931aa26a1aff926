"""Sheets of what the presenters' mouths do: the portrait as it is, and six mouths drawn on it at the size of a film.

And the portraits as pages show them.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from workers import presenters
from workers.lips.base import Pick
from workers.lips.draw import with_mouth
from workers.lips.tracking import pick_face
from workers.lips.visemes import Mouth

FILM = (1280, 720)
WIDE = (0, 420, 1920, 1500)  # of the portrait: what a wide film shows
MOUTHS = {
    "m": Mouth(closed=1.0),
    "a": Mouth(open=1.0, wide=0.1),
    "o": Mouth(open=0.58, wide=-0.75),
    "e": Mouth(open=0.5, wide=0.5),
    "f": Mouth(open=0.08, wide=0.05, tucked=1.0),
    "th": Mouth(open=0.35, wide=0.05, tongue=1.0),
}
TILE = (216, 252)
SHOWN = (640, 640)  # of a portrait that pages cut as a film is


def write(slug: str, out: Path) -> None:
    """Write the sheet of a presenter: the portrait at rest, then each of MOUTHS, as a WebP."""
    with Image.open(presenters.path(slug)) as portrait:
        film = np.asarray(portrait.convert("RGB").crop(WIDE).resize(FILM, Image.Resampling.LANCZOS))
    face = pick_face(film, Pick())
    left, top, right, bottom = face.box
    tall = 1.5 * (bottom - top)
    x, y = (left + right) / 2 - tall * TILE[0] / TILE[1] / 2, (top + bottom) / 2 - 0.53 * tall
    box = np.s_[round(y) : round(y + tall), round(x) : round(x + tall * TILE[0] / TILE[1])]
    frames = [film, *(with_mouth(film, face.points, mouth) for mouth in MOUTHS.values())]
    tiles = [cv2.resize(frame[box], TILE, interpolation=cv2.INTER_AREA) for frame in frames]
    Image.fromarray(np.hstack(tiles)).save(out, quality=86, method=6)


def whole(slug: str, out: Path) -> None:
    """Write the whole portrait of a presenter as pages show it, a WebP."""
    with Image.open(presenters.path(slug)) as portrait:
        portrait.convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS).save(out, quality=82, method=6)
