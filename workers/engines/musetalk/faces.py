"""Where MuseTalk looks in a picture, and what of its answer goes back into it. Imports no torch.

The network was taught on upright boxes around a face: from ear to ear and down to the chin, with the bridge of the nose
half way. It sees the upper half and paints the lower one. What goes back is the skin between the nose and the jaw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.lips.base import Picture, Points

SIDE = 256  # pixels of what the network sees
# Points of MediaPipe's face mesh: the middle of the nose's ridge, the chin, and the jaw from ear to ear.
NOSE, CHIN = 5, 152
JAW = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
BELOW = 10 / 256  # of the box: room below the chin, for a jaw that falls
FALLS = 0.06  # of the height below the nose: how far the lower edge of what goes back lies under the jaw
INSIDE = 0.04  # of the width: how far its sides stay within the jaw
FEATHER = 0.04  # of the width: where it fades
LEAST = 16  # pixels of a box's side, below which there is nothing to paint


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels that may reach beyond the picture."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels of a row."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top


def box(points: Points) -> Box | None:
    """Return what the network looks at for a face with these landmarks [478, 3]; None where that is next to nothing."""
    jaw = points[list(JAW), :2]
    nose, chin = float(points[NOSE, 1]), float(jaw[:, 1].max())
    top = nose - (chin - nose)
    bottom = chin + BELOW * (chin - top)
    found = Box(round(float(jaw[:, 0].min())), round(top), round(float(jaw[:, 0].max())), round(bottom))
    return found if min(found.width, found.height) >= LEAST else None


def seen(picture: Picture, where: Box) -> Picture:
    """Return what is in a box at the network's size; beyond the picture, its edge goes on."""
    height, width = picture.shape[:2]
    rows = np.clip(np.arange(where.top, where.bottom), 0, height - 1)
    columns = np.clip(np.arange(where.left, where.right), 0, width - 1)
    cut = np.ascontiguousarray(picture[rows][:, columns])
    smaller = min(where.width, where.height) > SIDE
    return _scaled(cut, SIDE, SIDE, cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4)


def painted(picture: Picture, answer: Picture, where: Box, points: Points) -> Picture:
    """Return a picture with the lower face of the network's answer [256, 256, 3]; all else is as it was, bit for bit.

    `points` are the landmarks that the box was made for.
    """
    height, width = picture.shape[:2]
    top, left = max(0, where.top), max(0, where.left)
    bottom, right = min(height, where.bottom), min(width, where.right)
    if bottom <= top or right <= left:
        return picture
    inside = slice(top - where.top, bottom - where.top), slice(left - where.left, right - where.left)
    smaller = max(where.width, where.height) < SIDE
    face = _scaled(answer, where.width, where.height, cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)[inside]
    share = _share(where, points)[inside][..., None]
    made = picture.copy()
    old = made[top:bottom, left:right]
    mixed = np.rint(old + (face.astype(np.float32) - old) * share)
    made[top:bottom, left:right] = np.where(share > 0, mixed, old).astype(np.uint8)
    return made


def _share(where: Box, points: Points) -> NDArray[np.float32]:
    """Return how much of the answer is taken for each pixel of a box, float32 [height, width] in 0 to 1."""
    jaw = points[list(JAW), :2] - (where.left, where.top)
    nose = float(points[NOSE, 1]) - where.top
    middle = jaw[:, 0].mean()
    fade = max(1, round(FEATHER * where.width))
    # Sides within the cheeks, the lower edge below the jaw; both fade before the box ends.
    edge = np.stack(
        (
            middle + (jaw[:, 0] - middle) * (1 - 2 * INSIDE),
            np.clip(nose + (jaw[:, 1] - nose) * (1 + FALLS), nose + fade, where.height - fade),
        ),
        -1,
    )
    outline = np.concatenate((edge, [(edge[-1, 0], nose + fade), (edge[0, 0], nose + fade)]))
    mask: NDArray[Any] = np.zeros((where.height, where.width), np.float32)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1.0)
    mask[: round(nose) + fade] = 0
    mask = cv2.GaussianBlur(mask, (2 * fade + 1, 2 * fade + 1), 0, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(mask, np.float32)


def _scaled(picture: Picture, width: int, height: int, how: int) -> Picture:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)
