"""Clothes: pieces of cloth that lie over one another, each rounded at its edges, with folds, a weave and a shadow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.portraits.light import (
    Colour,
    Lights,
    blurred,
    bumped,
    cloth_light,
    curve,
    line_of,
    linear,
    noise,
    over,
    shape_of,
    shine,
)
from scripts.portraits.surface import EYES_AT, MIDDLE, View

Array = NDArray[Any]
Line = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Fold:
    """A fold along a line of cm: how high it stands (below 0: how deep it lies), and how wide and soft it is."""

    line: Line
    high: float
    soft: float = 0.5


def mirrored(line: Line) -> list[tuple[float, float]]:
    return [(-x, y) for x, y in line]


def both(line: Line) -> list[tuple[float, float]]:
    """Return a closed outline of its right half, from the top to the bottom."""
    return [*line, *mirrored(line)[::-1]]


class Tailor:
    """Lays pieces of cloth on a canvas of linear light; places are in cm of the picture."""

    def __init__(self, canvas: Array, view: View, lights: Lights, shade: Array, seed: int) -> None:
        self.canvas, self.view, self.lights, self.shade, self.seed = canvas, view, lights, shade, seed

    def at(self, line: Any) -> Array:
        """Return pixels of places in cm."""
        points = np.asarray(line, np.float64)
        left, top = self.view.box[:2]
        x = points[:, 0] * self.view.unit + MIDDLE * self.view.side - left
        y = EYES_AT * self.view.side - top - (points[:, 1] - 2.6) * self.view.unit
        return np.stack([x, y], 1)

    def piece(
        self,
        outline: Line,
        colour: Colour,
        *,
        puff: float = 1.2,
        body: Array | None = None,
        folds: Sequence[Fold] = (),
        weave: float = 0.02,
        fine: float = 0.06,
        sheen: float = 0.25,
        cast: float = 0.7,
        smooth: bool = True,
        tone: Array | None = None,
        gloss: float = 0.0,
    ) -> Array:
        """Lay a piece and return where it is; `body` is the relief under it, in cm, and `cast` the shadow it throws."""
        unit = self.view.unit
        points = curve(self.at(outline), 14, True) if smooth else self.at(outline)
        height_of, width_of = self.view.shape
        left, top = np.clip(np.floor(points.min(0) - 2 * unit).astype(int), 0, (width_of, height_of))
        right, bottom = np.clip(np.ceil(points.max(0) + 2.5 * unit).astype(int), 0, (width_of, height_of))
        box = np.s_[top:bottom, left:right]
        corner, shape = np.array([left, top]), (int(bottom - top), int(right - left))
        canvas = self.canvas[box]
        mask = shape_of(points - corner, shape)
        if cast:
            moved = cv2.warpAffine(mask, np.array([[1, 0, 0.30 * unit], [0, 1, 0.42 * unit]]), shape[::-1])
            dark = np.maximum(blurred(moved, 0.4, unit) * cast, blurred(mask, 0.22, unit) * cast * 0.6)
            over(canvas, canvas * np.array([0.22, 0.20, 0.22], np.float32), np.clip(dark, 0, 0.85) * (1 - mask))
        inside = (mask > 0.5).astype(np.uint8)
        padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        far = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] / unit
        share = 1 - np.clip(far / puff, 0, 1)
        relief = puff * np.sqrt(np.clip(1 - share**2, 0, 1)).astype(np.float32) * 0.7
        relief = blurred(relief, 0.05, unit)
        if body is not None:
            relief = relief + body[box]
        for fold in folds:
            drawn = line_of(curve(self.at(fold.line) - corner, 16), shape, max(1.0, 0.5 * fold.soft * unit))
            relief = relief + 2.6 * fold.high * blurred(drawn, fold.soft, unit)
        relief = relief + noise(shape, fine * unit, self.seed + len(outline), 1) * weave * 0.5
        relief = relief + noise(shape, 5 * unit, self.seed + 50 + len(outline), 2) * 0.4
        normal = bumped(np.broadcast_to(np.array([0, 0, 1], np.float32), (*shape, 3)), relief.astype(np.float32), unit)
        albedo = np.empty((*shape, 3), np.float32)
        albedo[:] = linear(colour)
        if tone is not None:
            albedo *= tone[box][..., None]
        albedo *= 1 + 0.05 * noise(shape, fine * unit, self.seed + 3, 1)[..., None]
        out = cloth_light(normal, albedo, self.lights, self.shade[box], sheen)
        if gloss:
            out += (shine(normal, self.lights.key.to, 26) * gloss)[..., None] * np.array(
                self.lights.key.colour, np.float32
            )
        over(canvas, out, mask)
        step = 0.055 * unit
        for way, factor, share in ((1, 1.55, 0.45), (-1, 0.55, 0.5)):  # the edge to the light, and the one away from it
            moved = cv2.warpAffine(mask, np.array([[1, 0, way * step], [0, 1, way * step]]), shape[::-1])
            over(canvas, canvas * factor + 0.003 * way, np.clip(mask - moved, 0, 1) * share * min(1.0, cast * 2))
        return mask

    def seam(self, line: Line, width: float = 0.07, dark: float = 0.5) -> None:
        """Draw a seam, a dark line with a light one beside it."""
        unit = self.view.unit
        points = curve(self.at(line), 30)
        low = np.maximum(np.floor(points.min(0) - unit).astype(int), 0)
        high = np.ceil(points.max(0) + unit).astype(int)
        canvas = self.canvas[low[1] : high[1], low[0] : high[0]]
        share = blurred(line_of(points - low, canvas.shape[:2], width * unit), 0.03, unit)
        over(canvas, canvas * 0.35, share * dark)
        lit = np.roll(share, (round(-0.06 * unit), round(-0.05 * unit)), (0, 1))
        over(canvas, canvas * 1.5 + 0.004, lit * dark * 0.4)

    def disc(
        self, x: float, y: float, wide: float, tall: float, colour: Colour, angle: float = 0.0, **more: Any
    ) -> Array:
        """Lay a round piece: a button, or the cup of headphones."""
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        dx, dy = wide * np.cos(t), tall * np.sin(t)
        line = list(zip((x + dx * cos - dy * sin).tolist(), (y + dx * sin + dy * cos).tolist(), strict=True))
        return self.piece(line, colour, smooth=False, **more)

    def body(self, half: Line, deep: float = 15.0) -> Array:
        """Return the relief of a torso in cm, from its right half's outline."""
        unit, shape = self.view.unit, self.view.shape
        mask = shape_of(curve(self.at(both(half)), 14, True), shape)
        padded = cv2.copyMakeBorder((mask > 0.5).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        far = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] / unit
        share = 1 - np.clip(far / deep, 0, 1)
        return blurred(deep * np.sqrt(np.clip(1 - share**2, 0, 1)).astype(np.float32) * 0.9, 1.3, unit)
