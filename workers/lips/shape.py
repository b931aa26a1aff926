"""Where the landmarks of a face go for its mouth to stand in a given way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.lips.base import Points
from workers.lips.landmarks import LEFT_EYE, RIGHT_EYE, size_of
from workers.lips.visemes import Mouth

# Rings of the lips from the outside to the inside, each from one corner of the mouth to the other.
UPPER = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
LOWER = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
INNER = (*UPPER[3], *LOWER[3][-2:0:-1])
OUTER = (*UPPER[0], *LOWER[0][-2:0:-1])
CORNERS = (61, 291, 76, 306, 62, 292, 78, 308)
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
MESH_POINTS = 468

# In distances between the outer corners of the eyes.
WIDEST_GAP = 0.19  # between the lips of an open mouth
NARROW = 1.4  # the power that keeps the lips of consonants near each other
REST_GAP = 0.0  # of a mouth that says nothing
TUCK_GAP = 0.024  # between the upper lip and the lower one under the teeth
SPREAD, ROUNDED = 0.10, 0.33  # how much wider and narrower a mouth gets, as shares of its width
POUT = 0.02  # how much thicker rounded lips get
JAW = 0.86  # the share of an opening that the lower lip moves
CHIN = 0.65  # of the lower lip's way, how much the chin moves
FADES = 0.30  # the way below the lip on which the skin comes to move as the chin does
ROUNDER = (3.4, 3.0, 2.6, 2.2)  # powers that say how late each ring of an open lower lip rises to the corners

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A face with its own axes: places are in distances between the eyes' outer corners, from the middle of the mouth.

    `places` [468, 2] are x along the eyes and y down; `across` and `down` are one unit of them in pixels.
    """

    pixels: Doubles
    places: Doubles
    middle: Doubles
    across: Doubles
    down: Doubles
    size: float

    @classmethod
    def of(cls, points: Points) -> Frame:
        """Measure a face by its landmarks [478, 3]."""
        pixels = points[:MESH_POINTS, :2].astype(np.float64)
        across = pixels[LEFT_EYE] - pixels[RIGHT_EYE]
        size = max(size_of(points), 1.0)
        down = np.array([-across[1], across[0]]) / max(float(np.linalg.norm(across)), 1e-6) * size
        middle = (pixels[78] + pixels[308]) / 2
        places = np.linalg.solve(np.stack([across, down], 1), (pixels - middle).T).T
        return cls(pixels, places, middle, across, down, size)

    def placed(self, places: Doubles) -> Doubles:
        """Return places of this face as pixels."""
        return np.asarray(self.middle + places[:, :1] * self.across + places[:, 1:] * self.down)

    def seen(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the places of pixels, x and y apart."""
        back = np.linalg.inv(np.stack([self.across, self.down], 1)).astype(np.float32)
        left, top = np.float32(self.middle[0]), np.float32(self.middle[1])
        return back[0, 0] * (x - left) + back[0, 1] * (y - top), back[1, 0] * (x - left) + back[1, 1] * (y - top)


def moved(frame: Frame, mouth: Mouth) -> Doubles:
    """Return the places [468, 2] of a face's points with its mouth as it is asked to stand, whatever it did before.

    The gap between the lips is set, not added to: a mouth that was open closes.
    """
    x, y = frame.places.T
    half = max(abs(float(x[308] - x[78])) / 2, 1e-3)
    column = np.clip(np.abs(x) / half, 0, 1)
    lips = 1 - column**2.2  # how far a point of the lips is from the corners, 0 to 1
    inner_upper, inner_lower = np.array(UPPER[3][1:-1]), np.array(LOWER[3][1:-1])
    had = y[inner_lower] - y[inner_upper]
    gap = WIDEST_GAP * mouth.open**NARROW * (1 - mouth.tucked) + TUCK_GAP * mouth.tucked
    gap = (gap + REST_GAP) * (1 - mouth.closed)
    # A mouth that is nearly shut is shut: lips do not stand a pixel apart.
    gap *= np.clip(gap / 0.012, 0, 1) ** 2
    change = gap - max(float(had[4]), 0.0)
    by_y, by_x = np.zeros(MESH_POINTS), np.zeros(MESH_POINTS)
    by_y += change * JAW * _jaw(x, y, column, opening=change > 0)
    by_y -= change * (1 - JAW) * _upper(x, y, lips)
    _meet(frame.places, by_y, gap * lips, mouth.closed)
    stretch = SPREAD * mouth.wide if mouth.wide > 0 else ROUNDED * mouth.wide
    by_x += x * stretch * _around(x, y, half)
    if mouth.wide < 0:
        for ring, share in zip(zip(UPPER, LOWER, strict=True), (1.0, 0.8, 0.5, 0.1), strict=True):
            for points, way in zip(ring, (-1.0, 1.1), strict=True):
                by_y[list(points)] -= way * POUT * mouth.wide * share * lips[list(points)]
    if mouth.tucked > 0:
        for points, share in zip(LOWER, (0.1, 0.35, 0.7, 1.0), strict=True):
            by_y[list(points)] -= 0.014 * mouth.tucked * share * lips[list(points)]
    return np.stack([x + by_x, y + by_y], 1)


def _jaw(x: Doubles, y: Doubles, column: Doubles, *, opening: bool) -> Doubles:
    """Return how far each point goes with the lower lip, 0 to 1."""
    chin = CHIN if opening else 0.7 * CHIN
    weights = _smooth((y + 0.02) / 0.28) * np.exp(-(np.maximum(np.abs(x) - 0.28, 0) ** 2) / 0.035)
    weights *= np.where(y > 0.13, chin, 1.0)
    # The lip's outer edge gets rounder than its inner one, or a wide mouth would have a pointed lip.
    sides = [1 - column[list(points)] ** power for points, power in zip(LOWER, ROUNDER, strict=True)]
    edge = list(LOWER[0])
    order = np.argsort(x[edge])
    # The skin below follows the lip less and less: where it gave way at once, it would fold.
    below = y - np.interp(x, x[edge][order], y[edge][order])
    near = np.interp(x, x[edge][order], np.maximum(0.1, sides[0])[order])
    follows = np.where((below > 0) & (y > 0), 1 - _smooth(below / FADES), 0)
    weights += (near - weights) * follows
    for points in UPPER:
        weights[list(points)] = 0
    for points, side in zip(LOWER, sides, strict=True):
        weights[list(points)] = np.maximum(0.1, side)
    weights[list(CORNERS)] = 0.1
    return np.asarray(weights)


def _upper(x: Doubles, y: Doubles, lips: Doubles) -> Doubles:
    """Return how far each point goes with the upper lip, 0 to 1."""
    weights = 0.3 * np.exp(-((x / 0.22) ** 2) - ((y + 0.12) / 0.08) ** 2) * (y < -0.03)
    for points in LOWER:
        weights[list(points)] = 0
    for points, share in zip(UPPER, (0.75, 0.85, 0.95, 1.0), strict=True):
        weights[list(points)] = share * lips[list(points)]
    return np.asarray(weights)


def _meet(places: Doubles, by_y: Doubles, wanted: Doubles, closed: float) -> None:
    """Move the lips so that the gap of every column is as wanted, less a little where they press on each other."""
    for column in range(1, 10):
        upper, lower = UPPER[3][column], LOWER[3][column]
        has = places[lower, 1] + by_y[lower] - places[upper, 1] - by_y[upper]
        short = max(0.0, float(wanted[upper])) - 0.002 * closed - has
        for ring, share in enumerate((0.25, 0.5, 0.75, 1.0)):
            by_y[LOWER[ring][column]] += 0.75 * short * share
            by_y[UPPER[ring][column]] -= 0.25 * short * share


def _around(x: Doubles, y: Doubles, half: float) -> Doubles:
    """Return how far each point goes with lips that spread or round, 0 to 1."""
    weights = np.exp(-(((x / (half * 1.4)) ** 2 + (y / 0.16) ** 2) ** 1.5))
    for points in (*UPPER, *LOWER):
        weights[list(points)] = 1
    return np.asarray(weights)


def _smooth(value: Doubles) -> Doubles:
    value = np.clip(value, 0, 1)
    return np.asarray(value * value * (3 - 2 * value))
