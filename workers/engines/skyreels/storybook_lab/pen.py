"""Antialiased drawing with Pillow, and mixing of colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from .world import RGB

Point = tuple[float, float]
Ink = tuple[int, ...]  # RGB or RGBA

CREAM: RGB = (255, 248, 232)
PLUM: RGB = (64, 34, 78)
INK: RGB = (52, 44, 60)
FINE = 4  # pixels drawn for one that is kept, in each direction


def mix(a: Sequence[float], b: Sequence[float], part: float) -> RGB:
    """Colour between ``a`` (``part`` 0) and ``b`` (``part`` 1)."""
    red, green, blue = (round(x + (y - x) * part) for x, y in zip(a[:3], b[:3], strict=True))
    return red, green, blue


def shade(colour: Sequence[float], by: float) -> RGB:
    """A colour darker, towards plum (``by`` < 0), or lighter, towards cream."""
    return mix(colour, PLUM if by < 0 else CREAM, abs(by))


class Pen:
    """A transparent picture to draw on, finely, in units that are pixels of the finished picture times ``1 / scale``.

    Args:
        width: of the picture, in units.
        height: of the picture, in units.
        origin: where (0, 0) lies, from the upper left corner.
        scale: finished pixels a unit.
        up: whether y grows upwards.
    """

    def __init__(self, width: float, height: float, origin: Point, scale: float = 1.0, up: bool = True) -> None:
        self.k, self.origin, self.sign = FINE * scale, origin, -1 if up else 1
        size = round(width * scale) * FINE, round(height * scale) * FINE
        self.image = Image.new("RGBA", size)
        self.draw = ImageDraw.Draw(self.image)

    def finished(self) -> Image.Image:
        """The picture at its own size."""
        return self.image.reduce(FINE)

    def _at(self, points: Iterable[Point]) -> list[Point]:
        ox, oy = self.origin
        return [((x + ox) * self.k, (oy + self.sign * y) * self.k) for x, y in points]

    def poly(self, points: Iterable[Point], ink: Ink) -> None:
        """Polygon."""
        self.draw.polygon(self._at(points), fill=ink)

    def blob(self, points: Iterable[Point], ink: Ink, fine: int = 8) -> None:
        """Closed smooth curve through ``points`` (Catmull-Rom)."""
        p = np.array(list(points), float)
        a, b, c, d = np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)
        t = np.linspace(0, 1, fine, endpoint=False)[:, None, None]
        q = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        self.poly([(x, y) for x, y in q.transpose(1, 0, 2).reshape(-1, 2).tolist()], ink)

    def dot(self, x: float, y: float, r: float, ink: Ink, tall: float | None = None) -> None:
        """Circle of radius ``r``, or ellipse that is ``tall``."""
        ((px, py),) = self._at([(x, y)])
        rx, ry = r * self.k, (r if tall is None else tall) * self.k
        self.draw.ellipse((px - rx, py - ry, px + rx, py + ry), fill=ink)

    def limb(self, points: Iterable[Point], width: float, ink: Ink) -> None:
        """Thick line with round joints and ends."""
        at, r = self._at(points), width * self.k / 2
        self.draw.line(at, fill=ink, width=round(2 * r))
        for x, y in at:
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)

    def box(self, x0: float, y0: float, x1: float, y1: float, ink: Ink, r: float = 0.0) -> None:
        """Rectangle with corners rounded by ``r``."""
        (a, b), (c, d) = self._at([(x0, y0), (x1, y1)])
        self.draw.rounded_rectangle((min(a, c), min(b, d), max(a, c), max(b, d)), r * self.k, fill=ink)
