"""Light: lamps, what skin and cloth make of them, soft masks, noise, and the way from light to a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Colour = tuple[float, float, float]  # sRGB, 0 to 255


@dataclass(frozen=True, slots=True)
class Lamp:
    """A light from a direction (x, y up, z to the camera); its colour is linear and may be above 1."""

    way: tuple[float, float, float]
    colour: tuple[float, float, float]

    @property
    def to(self) -> Array:
        return np.asarray(np.array(self.way) / np.linalg.norm(self.way), np.float32)


@dataclass(frozen=True, slots=True)
class Lights:
    """The lamps of a scene: the key casts shadows, fill softens them, rims come from behind; and the room's light from
    above and below."""

    key: Lamp = Lamp((-0.46, 0.50, 0.74), (1.36, 1.24, 1.08))
    fill: Lamp = Lamp((0.75, 0.05, 0.66), (0.30, 0.33, 0.40))
    rims: tuple[Lamp, ...] = (Lamp((0.86, 0.30, -0.42), (0.9, 0.86, 0.8)),)
    above: tuple[float, float, float] = (0.27, 0.28, 0.32)
    below: tuple[float, float, float] = (0.14, 0.10, 0.085)
    grade: tuple[float, float, float] = field(default=(1.0, 1.0, 1.0))


def linear(colour: Any) -> Array:
    """Return sRGB of 0 to 255 as linear light of 0 to 1."""
    return np.asarray((np.asarray(colour, np.float32) / 255) ** 2.2, np.float32)


def finished(light: Array) -> Array:
    """Return linear light as sRGB of 0 to 255, bright parts rolled off as film does."""
    x = np.maximum(light, 0)
    x = np.where(x > 0.6, 0.6 + 0.4 * np.tanh((x - 0.6) / 0.55), x)
    return np.asarray(255 * x ** (1 / 2.2), np.float32)


def blurred(values: Array, cm: float, unit: float) -> Array:
    """Return values softened over so many cm; wide blurs are made of a smaller picture."""
    sigma = cm * unit
    if sigma < 0.3:
        return values
    shrink = max(1, int(sigma / 5))
    if shrink == 1:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma))
    height, width = values.shape[:2]
    size = max(1, width // shrink), max(1, height // shrink)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma * size[0] / width)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def within(values: Array, mask: Array, cm: float, unit: float) -> Array:
    """Return values softened without what lies outside of a mask, bool or 0 to 1."""
    share = mask.astype(np.float32)
    weight = np.maximum(blurred(share, cm, unit), 1e-3)
    if values.ndim == 3:
        return np.asarray(blurred(values * share[..., None], cm, unit) / weight[..., None])
    return np.asarray(blurred(values * share, cm, unit) / weight)


def shape_of(points: Array, side: tuple[int, int]) -> Array:
    """Return the inside of a polygon of pixels as 0 to 1."""
    mask = np.zeros(side, np.uint8)
    cv2.fillPoly(mask, [np.round(np.asarray(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return np.asarray(mask, np.float32) / 255


def line_of(points: Array, side: tuple[int, int], width: float) -> Array:
    """Return a line of pixels as 0 to 1."""
    mask = np.zeros(side, np.uint8)
    fixed = np.round(np.asarray(points) * 16).astype(np.int32)
    cv2.polylines(mask, [fixed], False, 255, max(1, round(width)), cv2.LINE_AA, shift=4)
    return np.asarray(mask, np.float32) / 255


def curve(points: Any, count: int = 24, closed: bool = False) -> Array:
    """Return a smooth curve through points [N, K] (Catmull-Rom), `count` places for each."""
    points = np.asarray(points, np.float64)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, count, endpoint=False)[:, None, None]
    a, b, c, d = (padded[at : len(padded) - 3 + at][None] for at in range(4))
    out = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    out = out.transpose(1, 0, 2).reshape(-1, points.shape[1])
    return out if closed else np.concatenate([out, points[-1:]])


def noise(shape: tuple[int, int], size: float, seed: int, octaves: int = 3) -> Array:
    """Return smooth noise of about -1 to 1, of grains of `size` pixels in its first octave."""
    rng = np.random.default_rng(seed)
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        rows, columns = (max(2, round(side / max(size * 0.5**octave, 1))) for side in shape)
        grid = rng.normal(0, 0.5, (rows, columns)).astype(np.float32)
        total += cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC) * 0.5**octave
    return total


class Strokes:
    """Thin lines over one another, to be laid on a canvas; their colours are sRGB of 0 to 255."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.drawn = np.zeros((*shape, 4), np.uint8)

    def add(self, points: Array, colour: Any, width: float) -> None:
        """Draw a line through pixels [N, 2]."""
        fixed = np.round(points * 16).astype(np.int32)
        red, green, blue = (min(255, max(0, int(value))) for value in colour)
        thick = max(1, round(width))
        cv2.polylines(self.drawn, [fixed], False, (red, green, blue, 255), thick, cv2.LINE_AA, shift=4)

    @property
    def cover(self) -> Array:
        return np.asarray(self.drawn[..., 3], np.float32) / 255

    def lay(self, canvas: Array, share: float = 1.0, light: Array | None = None) -> None:
        """Lay the lines on a canvas of linear light."""
        rows, columns = np.flatnonzero(self.drawn[..., 3].any(1)), np.flatnonzero(self.drawn[..., 3].any(0))
        if not len(rows):
            return
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        drawn = self.drawn[box].astype(np.float32)
        cover = drawn[..., 3] / 255
        colour = linear(np.clip(drawn[..., :3] / np.maximum(cover, 1e-3)[..., None], 0, 255))
        over(canvas[box], colour if light is None else colour * light[box][..., None], cover * share)


def bumped(normal: Array, height: Array, unit: float) -> Array:
    """Return normals of a surface that has a relief of `height` cm."""
    across = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) / 8 * unit
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) / 8 * unit
    out = normal + np.stack([-across, down, np.zeros_like(down)], 2)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=2, keepdims=True), 1e-6), np.float32)


def facing(normal: Array, way: Array) -> Array:
    return np.asarray(normal @ np.asarray(way, np.float32))


def shine(normal: Array, way: Array, sharp: float) -> Array:
    """Return the highlight of a lamp, seen from the camera."""
    half = way + np.array([0, 0, 1], np.float32)
    return np.asarray(np.clip(facing(normal, half / np.linalg.norm(half)), 0, 1) ** sharp)


def edge(normal: Array, power: float = 3.0) -> Array:
    """Return how much a surface is seen from the side, 0 to 1."""
    return np.asarray((1 - np.clip(normal[..., 2], 0, 1)) ** power)


def room(normal: Array, lights: Lights) -> Array:
    """Return the light that comes from everywhere."""
    share = (0.5 + 0.5 * normal[..., 1:2]).astype(np.float32)
    return np.asarray(np.array(lights.above, np.float32) * share + np.array(lights.below, np.float32) * (1 - share))


def rim_light(normal: Array, lights: Lights, power: float = 2.0) -> Array:
    """Return the light from behind, seen along the edges."""
    out = np.zeros_like(normal)
    for lamp in lights.rims:
        share = np.clip(facing(normal, lamp.to) + 0.10, 0, 1) * edge(normal, power)
        out += share[..., None] * np.array(lamp.colour, np.float32)
    return out


def skin_light(
    normal: Array, albedo: Array, lights: Lights, lit: Array, open_: Array, mask: Array, unit: float
) -> Array:
    """Return the light that skin gives back without its shine: light goes into it and comes out redder around."""
    wraps = np.array([0.42, 0.24, 0.18], np.float32)
    total = room(normal, lights) * open_[..., None]
    for lamp, shadowed in ((lights.key, True), (lights.fill, False)):
        lambert = facing(normal, lamp.to)[..., None]
        share = np.clip((lambert + wraps) / (1 + wraps), 0, 1) ** 1.25
        if shadowed:
            soft = [blurred(lit, cm, unit) for cm in (0.34, 0.24, 0.20)]
            share = share * np.stack(soft, 2)
        total += share * np.array(lamp.colour, np.float32) * (0.4 + 0.6 * open_[..., None])
    for channel, cm in enumerate((0.20, 0.09, 0.06)):
        total[..., channel] = within(total[..., channel], mask, cm, unit)
    return np.asarray(total * albedo)


def cloth_light(normal: Array, albedo: Array, lights: Lights, lit: Array, sheen: float = 0.25) -> Array:
    """Return the light that cloth gives back."""
    total = room(normal, lights)
    key = np.clip((facing(normal, lights.key.to) + 0.05) / 1.05, 0, 1) ** 1.4 * lit
    fill = np.clip((facing(normal, lights.fill.to) + 0.3) / 1.3, 0, 1)
    total = total + key[..., None] * np.array(lights.key.colour, np.float32)
    total += fill[..., None] * np.array(lights.fill.colour, np.float32)
    out = total * albedo + edge(normal, 3.0)[..., None] * sheen * (albedo * 0.6 + 0.02)
    return np.asarray(out + rim_light(normal, lights, 5.0) * (albedo * 0.5 + 0.05))


def over(below: Array, above: Array, share: Array) -> None:
    """Lay a picture [H, W, 3] over another, in place, where `share` is 0 to 1."""
    below += (above - below) * share[..., None]
