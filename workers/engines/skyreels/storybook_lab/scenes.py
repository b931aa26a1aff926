"""The scenes: wide layers from far to near, each with the speed at which it passes a camera that moves."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from .pen import CREAM, FINE, Ink, Pen, Point, mix, shade
from .world import RGB

MARGIN = 120  # of every layer to both sides, for the camera
SKY: dict[str, tuple[RGB, ...]] = {
    "day": ((104, 184, 226), (176, 222, 236), (238, 244, 228)),
    "sunset": ((92, 74, 140), (222, 110, 116), (253, 186, 116), (255, 226, 164)),
    "night": ((18, 22, 62), (40, 52, 112), (86, 92, 154)),
}
LAMPLIGHT: RGB = (255, 216, 130)
Glow = tuple[float, float, float, RGB, float]  # x, y, radius, colour, strength


def graded(colour: Sequence[float], light: str, haze: float = 0.0) -> RGB:
    """A scene's colour in the light of the hour; ``haze`` (0..1) sinks it into the sky."""
    if light == "sunset":
        # Warm light on green makes olive: what is green turns to teal instead, beside which the sky glows.
        r, g, b = colour[:3]
        green = min(1.0, max(0.0, g - max(r, b)) / 60)
        warm = (r * 0.97, g * 0.80, b * 0.84)
        colour = mix(mix(warm, (r * 0.74, g * 0.80, b * 0.95 + 26), green), (236, 112, 116), 0.16 - 0.06 * green)
    elif light == "night":
        r, g, b = colour[:3]
        colour = mix((r * 0.34, g * 0.42, b * 0.60), (34, 40, 96), 0.30)
    return mix(colour, (78, 86, 148) if light == "night" else SKY[light][-1], haze)


def gradient(width: int, height: int, stops: Sequence[RGB]) -> Image.Image:
    """A picture that goes through ``stops`` from top to bottom."""
    at, y = np.linspace(0, 1, len(stops)), np.linspace(0, 1, height)
    rows = np.stack([np.interp(y, at, [stop[i] for stop in stops]) for i in range(3)], 1)
    pixels = np.broadcast_to(rows[:, None], (height, width, 3)).round().astype(np.uint8)
    return Image.fromarray(pixels.copy()).convert("RGBA")


def _glow(width: int, height: int, glow: Glow) -> Image.Image:
    x, y, r, colour, strength = glow
    yy, xx = np.mgrid[0:height, 0:width]
    xx = xx - MARGIN
    out = np.empty((height, width, 4), np.uint8)
    out[..., :3], out[..., 3] = colour, np.clip(1 - np.hypot(xx - x, yy - y) / r, 0, 1) ** 2 * 255 * strength
    return Image.fromarray(out)


class Canvas(Pen):
    """A transparent layer; y grows downwards, x from ``-MARGIN`` to the picture's width and a margin more."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width + 2 * MARGIN, height, (MARGIN, 0), up=False)
        self.width, self.height = width, height

    def paste(self, picture: Image.Image, x: float, y: float) -> None:
        """Lay a picture of the finished size on the layer."""
        large = picture.resize((picture.width * FINE, picture.height * FINE))
        self.image.paste(large, (round((x + MARGIN) * FINE), round(y * FINE)))

    def ridge(self, y: float, ink: Ink, *waves: tuple[float, float, float]) -> Callable[[float], float]:
        """Everything below a sum of waves (height, length, phase); returns where its edge is."""
        xs = np.arange(-MARGIN, self.width + MARGIN + 3, 3.0)
        ys = np.full_like(xs, y)
        for a, n, p in waves:
            ys += a * np.sin(2 * np.pi * xs / n + p)
        line: list[Point] = list(zip(xs.tolist(), ys.tolist(), strict=True))
        self.poly([(-MARGIN, self.height), *line, (self.width + MARGIN, self.height)], ink)
        return lambda x: float(np.interp(x, xs, ys))

    def band(self, y0: float, y1: float, ink: Ink) -> None:
        """The whole width from ``y0`` to ``y1``."""
        self.box(-MARGIN, y0, self.width + MARGIN, y1, ink)

    def tree(self, x: float, y: float, s: float, leaf: RGB, trunk: RGB) -> None:
        """A round tree of size ``s`` that stands at (x, y)."""
        self.limb([(x, y), (x, y - 26 * s)], 5 * s, trunk)
        self.limb([(x, y - 14 * s), (x + 7 * s, y - 24 * s)], 2.4 * s, trunk)
        for dx, dy, r in ((-9, -30, 12), (9, -31, 12), (0, -44, 14)):
            self.dot(x + dx * s, y + dy * s, r * s, shade(leaf, -0.12))
        for dx, dy, r in ((-7, -33, 10), (5, -35, 9), (-1, -47, 11)):
            self.dot(x + dx * s, y + dy * s, r * s, leaf)

    def pine(self, x: float, y: float, s: float, leaf: RGB, trunk: RGB) -> None:
        """A fir of size ``s`` that stands at (x, y)."""
        self.box(x - 2 * s, y - 9 * s, x + 2 * s, y, trunk)
        for i, wide in enumerate((15, 12, 8.5)):
            top, low = y - (30 + 14 * i) * s, y - (7 + 12 * i) * s
            self.poly([(x - wide * s, low), (x + wide * s, low), (x, top)], leaf)
            self.poly([(x, low), (x + wide * s, low), (x, top)], shade(leaf, -0.16))

    def cloud(self, x: float, y: float, s: float, ink: Ink) -> None:
        """A cloud of size ``s`` around (x, y)."""
        for dx, dy, r in ((-22, 0, 9), (-9, -6, 13), (9, -4, 12), (23, 1, 8)):
            self.dot(x + dx * s, y + dy * s, r * s, ink)
        self.box(x - 31 * s, y, x + 31 * s, y + 9 * s, ink, 4.5 * s)

    def peak(self, x: float, y: float, tall: float, rock: RGB, shadow: RGB, snow: RGB) -> None:
        """A mountain whose foot is at ``y``, with a shadow side and a cap of snow."""
        b, top = tall * 1.15, y - tall
        self.poly([(x - b, y + 40), (x, top), (x + b, y + 40)], rock)
        self.poly([(x, top), (x + b, y + 40), (x + b * 0.12, y + 40), (x + 0.10 * b, y - tall * 0.35)], shadow)
        wide, deep = b * 0.3, (tall + 40) * 0.3
        edge = [(1.0, 1.0), (0.45, 0.78), (0.06, 1.12), (-0.42, 0.8), (-1.0, 1.0)]
        self.poly([(x, top), *[(x + wide * u, top + deep * v) for u, v in edge]], snow)

    def lamp(self, x: float, y: float, light: str, pole: RGB) -> None:
        """A street lamp whose foot is at (x, y)."""
        self.limb([(x, y), (x, y - 92)], 3.4, pole)
        self.box(x - 5, y - 6, x + 5, y, pole, 2)
        self.limb([(x, y - 92), (x + 5, y - 99), (x + 14, y - 99)], 3, pole)
        self.dot(x + 15, y - 95, 6, (250, 246, 230) if light == "day" else (255, 232, 160), 4.5)
        self.box(x + 8, y - 101, x + 22, y - 96.5, pole, 2)


class Stage:
    """An empty scene in the making.

    Args:
        scene: seeds what is placed by lot, so that a scene is always the same.
        light: hour of the day.
        width: of the picture.
        height: of the picture.
    """

    def __init__(self, scene: str, light: str, width: int, height: int) -> None:
        self.scene, self.light, self.w, self.h = scene, light, width, height
        self.floor, self.horizon = height - 34, round(height * 0.60)
        self.dice = random.Random(scene)
        self.layers: list[tuple[float, Image.Image]] = []

    def g(self, colour: Sequence[float], haze: float = 0.0) -> RGB:
        """:func:`graded` in this light."""
        return graded(colour, self.light, haze)

    def canvas(self) -> Canvas:
        """An empty layer."""
        return Canvas(self.w, self.h)

    def add(self, speed: float, canvas: Canvas, *glows: Glow) -> None:
        """Put a layer before those that are there."""
        image = canvas.finished()
        for glow in glows:
            image.alpha_composite(_glow(*image.size, glow))
        self.layers.append((speed, image))

    def window(self, base: RGB, share: float) -> RGB:
        """Colour of a window: the later it is, the more are lit."""
        lit = {"day": 0.0, "sunset": 0.6 * share, "night": share}[self.light]
        return LAMPLIGHT if self.dice.random() < lit else base

    def spread(self) -> float:
        """An x anywhere in the layer, by lot."""
        return self.dice.uniform(-MARGIN, self.w + MARGIN)

    def sky(self, x: float, horizon: float) -> None:
        """The farthest layer: a gradient to the horizon, sun or moon at ``x`` (part of the width), clouds, stars."""
        c, w, h, stops = self.canvas(), self.w, self.h, SKY[self.light]
        below = max(0, round(len(stops) * (h / horizon - 1)))
        base = gradient(w + 2 * MARGIN, h, [*stops, *[stops[-1]] * below])
        x, y = x * w, horizon - 22 if self.light == "sunset" else 0.22 * h
        glow: Glow = (x, y, 110, (255, 246, 206), 0.75)
        if self.light == "night":
            dice = random.Random(3)
            for _ in range(60):
                at = dice.uniform(-MARGIN, w + MARGIN), dice.uniform(0, horizon * 0.85)
                c.dot(*at, dice.choice((0.7, 0.9, 1.4)), (232, 234, 255, dice.randint(120, 255)))
            c.dot(x, y, 17, (250, 244, 214))
            c.dot(x + 8, y - 4, 15, (0, 0, 0, 0))
            glow = (x, y, 70, (190, 200, 255), 0.30)
        elif self.light == "sunset":
            c.dot(x, y, 27, (255, 236, 178))
        else:
            c.dot(x, y, 19, (255, 240, 176))
        clouds: dict[str, Ink] = {
            "day": (255, 255, 252, 235),
            "sunset": (255, 178, 140, 190),
            "night": (104, 112, 176, 120),
        }
        for cx, cy, s in ((-0.3, 0.17, 0.9), (0.2, 0.14, 1.1), (0.52, 0.28, 0.7), (0.95, 0.12, 1.0), (1.3, 0.24, 0.9)):
            c.cloud(cx * w, cy * h, s, clouds[self.light])
        base.alpha_composite(_glow(*base.size, glow))
        base.alpha_composite(c.finished())
        self.layers.append((0.05, base))

    def pavement(self, c: Canvas, top: float, stone: RGB, kerb: RGB, road: RGB) -> None:
        """A pavement from ``top`` on, and a road before it."""
        c.band(top, self.floor + 12, self.g(stone))
        for x in range(-MARGIN, self.w + MARGIN, 30):
            c.limb([(x, top), (x - 10, self.floor + 12)], 1, self.g(shade(stone, -0.12)))
        c.band(self.floor + 12, self.floor + 16, self.g(kerb))
        c.band(self.floor + 16, self.h, self.g(road))
        for x in range(-MARGIN, self.w + MARGIN, 44):
            c.box(x, self.h - 9, x + 22, self.h - 6, self.g((250, 240, 214)), 1)

    def lamps(self, c: Canvas, first: float, apart: float, pole: RGB) -> list[Glow]:
        """Street lamps, and what they light at night."""
        spots = (first, first - apart, first + apart)
        for x in spots:
            c.lamp(x, self.floor - 15, self.light, self.g(pole))
        shine = self.light == "night"
        return [(x + 15, self.floor - 110, 68, (255, 224, 140), 0.7) for x in spots] if shine else []


def _meadow(s: Stage) -> None:
    w, h, floor, horizon, g = s.w, s.h, s.floor, s.horizon, s.g
    s.sky(0.76, horizon)
    c = s.canvas()
    c.ridge(horizon - 12, g((150, 196, 170), 0.42), (12, 190, 0.4), (5, 73, 1))
    s.add(0.2, c)
    c = s.canvas()
    top = c.ridge(horizon + 8, g((122, 186, 116), 0.16), (13, 240, 2.2), (4, 90, 0))
    x = 0.20 * w
    y = top(x) + 4
    c.box(x - 17, y - 19, x + 17, y, g((250, 236, 212)))
    c.poly([(x - 22, y - 18), (x + 22, y - 18), (x + 12, y - 34), (x - 12, y - 34)], g((206, 92, 78)))
    c.box(x + 6, y - 38, x + 11, y - 28, g((176, 84, 74)))
    c.box(x - 4, y - 12, x + 4, y, g((140, 88, 66)), 1)
    for dx in (-12, 8):
        c.box(x + dx, y - 14, x + dx + 6, y - 8, g((128, 176, 196)) if s.light == "day" else LAMPLIGHT, 1)
    for fx, size in ((-0.28, 0.9), (0.36, 0.75), (0.47, 0.95), (0.86, 0.8), (1.0, 1.05), (1.3, 0.9)):
        c.tree(fx * w, top(fx * w) + 4, size, g((78, 150, 92)), g((120, 84, 62)))
    s.add(0.5, c)
    c = s.canvas()
    c.ridge(floor - 34, g((132, 192, 92)), (5, 300, 0.7))
    c.ridge(floor - 12, g((116, 178, 82)), (4, 230, 2.4))
    for _ in range(40):
        fx, fy = s.spread(), s.dice.uniform(floor - 18, h - 3)
        size = 0.8 + (fy - floor + 20) / 50
        c.limb([(fx, fy), (fx, fy - 5 * size)], 1.2, g((78, 140, 70)))
        petals = s.dice.choice(((255, 246, 236), (252, 206, 92), (244, 140, 150)))
        c.dot(fx, fy - 6 * size, 2.2 * size, g(petals))
    s.add(1.0, c)


def _water(s: Stage, line: int, x: float) -> tuple[RGB, RGB]:
    tones: dict[str, tuple[RGB, RGB]] = {
        "day": ((88, 178, 206), (40, 122, 176)),
        "sunset": ((250, 170, 120), (104, 84, 140)),
        "night": ((52, 68, 128), (22, 32, 80)),
    }
    near, deep = tones[s.light]
    c = s.canvas()
    c.paste(gradient(s.w + 2 * MARGIN, s.h - line, (near, deep)), -MARGIN, line)
    for i in range(11):  # the light of sun or moon on the water
        y, wide = line + 4 + i * i * 0.7, 3 + i + s.dice.uniform(1, 7)
        gleam = mix(near, (255, 248, 214), 0.4 if s.light == "night" else 0.75)
        c.limb([(x - wide, y), (x + wide, y)], 1.3 + i * 0.1, gleam)
    for _ in range(34):
        y = line + 6 + (s.h - line) * s.dice.random() ** 1.4
        at, wide = s.spread(), 5 + (y - line) * 0.16
        c.limb([(at - wide, y), (at + wide, y)], 1.3, mix(near, CREAM, 0.25))
    s.add(0.3, c)
    return near, deep


def _sea(s: Stage) -> None:
    s.sky(0.5, s.horizon)
    near, deep = _water(s, s.horizon, 0.5 * s.w)
    c = s.canvas()
    c.ridge(s.floor - 2, mix(near, deep, 0.7), (2.6, 46, 0))
    c.ridge(s.floor + 14, deep, (3, 62, 1))
    s.add(1.01, c)


def _beach(s: Stage) -> None:
    w, h, floor, g, line = s.w, s.h, s.floor, s.g, round(s.h * 0.52)
    s.sky(0.68, line)
    c = s.canvas()
    c.ridge(line - 5, g((124, 160, 168), 0.35), (9, 330, 0.3), (3, 60, 2))
    s.add(0.12, c)
    _water(s, line, 0.68 * w)
    c = s.canvas()
    c.ridge(floor - 36, g((250, 248, 236)), (4, 260, 1.0))
    c.ridge(floor - 32, g((214, 184, 140)), (4, 260, 1.0))
    c.ridge(floor - 24, g((244, 218, 168)), (4, 250, 1.2))
    x = 0.88 * w
    top = (x - 16, floor - 104.0)
    c.limb([(x, floor - 8), (x - 4, floor - 55), top], 7.5, g((168, 116, 78)))
    for a in (-2.7, -2.1, -1.5, -0.9, -0.25, 0.25):
        ex, ey = top[0] + 50 * math.cos(a), top[1] + 40 * math.sin(a) + 12
        mx, my = top[0] + 27 * math.cos(a), top[1] + 30 * math.sin(a) - 4
        leaf = g(shade((74, 152, 92), -0.08 if a > -1.6 else 0.05))
        c.blob([top, (mx, my - 6), (ex, ey), (mx, my + 6)], leaf)
    c.dot(top[0] + 2, top[1] + 4, 4, g((126, 82, 56)))
    x, y = 0.13 * w, floor - 8.0
    c.limb([(x, y), (x + 6, y - 74)], 3, g((250, 240, 220)))
    for i in range(6):
        arc = np.linspace(math.pi + i * math.pi / 6, math.pi + (i + 1) * math.pi / 6, 8)
        rim = [(x + 6 + 42 * math.cos(a), y - 62 + 30 * math.sin(a)) for a in arc]
        c.poly([(x + 6, y - 92), *rim], g((232, 96, 84)) if i % 2 else g((252, 244, 226)))
    for _ in range(24):
        c.dot(s.spread(), s.dice.uniform(floor - 14, h - 2), 1.2, g((214, 184, 136)))
    c.dot(0.66 * w, h - 9, 6, g((248, 150, 120)), 4)
    s.add(1.0, c)


def _mountains(s: Stage) -> None:
    w, h, floor, horizon, g = s.w, s.h, s.floor, s.horizon, s.g
    s.sky(0.26, horizon)
    far: tuple[Point, ...] = ((-0.35, 84), (0.12, 98), (0.62, 116), (1.15, 92))
    near: tuple[Point, ...] = ((-0.12, 84), (0.36, 88), (0.92, 104), (1.42, 70))
    for speed, y, rock, haze, peaks in (
        (0.1, horizon - 4.0, (146, 166, 200), 0.45, far),
        (0.25, horizon + 12.0, (108, 132, 172), 0.2, near),
    ):
        c = s.canvas()
        for fx, tall in peaks:
            snow = g((250, 250, 252), haze * 0.35)
            c.peak(fx * w, y, tall * h / 256, g(rock, haze), g(shade(rock, -0.14), haze), snow)
        c.band(y + 39, h, g(rock, haze))
        s.add(speed, c)
    c = s.canvas()
    c.ridge(horizon + 20, g((104, 158, 132), 0.12), (7, 170, 0.3))
    for i in range(20):
        x = -MARGIN + i * (w + 2 * MARGIN) / 20 + s.dice.uniform(-6, 6)
        y, size = horizon + 32 + s.dice.uniform(-3, 6), s.dice.uniform(0.65, 1.0)
        c.pine(x, y, size, g((62, 126, 108), 0.08), g((98, 72, 62)))
    s.add(0.5, c)
    c = s.canvas()
    c.ridge(floor - 30, g((126, 178, 118)), (5, 280, 0.2))
    c.ridge(floor - 10, g((110, 164, 104)), (4, 210, 1.8))
    for fx, size in ((-0.2, 1.5), (0.03, 1.75), (0.95, 1.9), (1.25, 1.5)):
        c.pine(fx * w, floor - 6, size, g((48, 112, 92)), g((98, 72, 62)))
    for fx in (0.25, 0.72):
        c.dot(fx * w, h - 11, 9, g((150, 154, 166)), 6)
        c.dot(fx * w - 2, h - 13, 5, g((178, 182, 190)), 3)
    s.add(1.0, c)


def _forest(s: Stage) -> None:
    w, h, floor, g = s.w, s.h, s.floor, s.g
    s.sky(0.76, h)
    c = s.canvas()
    c.band(0, h, (*g((186, 222, 178), 0.25), 235))
    shine: Glow = (0.62 * w, 0.2 * h, 150, (255, 250, 206), 0.7)
    s.add(0.05, c, shine if s.light != "night" else (0.62 * w, 0.2 * h, 90, (170, 190, 255), 0.4))
    for speed, n, wide, bark, haze in ((0.25, 15, 7, (122, 168, 142), 0.35), (0.5, 10, 12, (92, 132, 108), 0.12)):
        c = s.canvas()
        ground = floor - 40 + 14 * speed
        c.ridge(ground, g((122, 178, 118), haze), (5, 160, speed * 9))
        for i in range(n):
            x, low = -MARGIN + (i + 0.5) * (w + 2 * MARGIN) / n + s.dice.uniform(-8, 8), ground + 14
            trunk = [(x - wide / 2, 0.0), (x + wide / 2, 0.0), (x + wide * 0.7, low), (x - wide * 0.7, low)]
            c.poly(trunk, g(bark, haze))
            side = s.dice.choice((-1, 1)) * wide * 2
            c.limb([(x, h * 0.42), (x + side, h * 0.30)], wide * 0.3, g(bark, haze))
        for i in range(n + 4):
            leaf = shade((88, 160, 104), -0.1 + 0.2 * s.dice.random())
            at = -MARGIN + i * (w + 2 * MARGIN) / (n + 3)
            c.dot(at, s.dice.uniform(-6, 18), s.dice.uniform(24, 38), g(leaf, haze))
        s.add(speed, c)
    c = s.canvas()
    c.ridge(floor - 20, g((104, 162, 92)), (4, 190, 1.2))
    c.ridge(floor - 2, g((88, 146, 82)), (3, 150, 2.6))
    for fx in (-0.30, 0.06, 0.93, 1.28):
        x, y = fx * w, floor - 20.0
        root: list[Point] = [(x + 13, y), (x + 24, y + 14)]
        c.poly([(x - 11, 0), (x + 11, 0), *root, (x - 24, y + 14), (x - 13, y)], g((128, 88, 70)))
        c.poly([(x + 3, 0), (x + 11, 0), *root, (x + 5, y + 14)], g((106, 72, 62)))
        for dx, r in ((-26, 30), (4, 36), (30, 28)):
            c.dot(x + dx, 4, r, g((72, 142, 86)))
    for fx, size in ((0.2, 1.0), (0.26, 0.7), (0.80, 1.1)):
        x, y = fx * w, h - 10
        c.limb([(x, y), (x, y - 9 * size)], 4.4 * size, g((252, 240, 222)))
        c.dot(x, y - 9 * size, 8.5 * size, g((222, 82, 70)), 5.6 * size)
        for right, high in ((-4, 10), (0.5, 11.8), (4, 10)):
            c.dot(x + right * size, y - high * size, 1.4 * size, g(CREAM))
    for _ in range(22):
        x, y = s.spread(), s.dice.uniform(floor, h)
        c.limb([(x - 4, y - 6), (x, y), (x + 4, y - 7)], 1.6, g((70, 128, 72)))
    s.add(1.0, c)


def _city(s: Stage) -> None:
    w, h, floor, g, dice = s.w, s.h, s.floor, s.g, s.dice
    s.sky(0.76, s.horizon)
    for speed, tone, haze, low, high, wide in (
        (0.15, (150, 164, 196), 0.42, 60, 118, (22, 34)),
        (0.4, (116, 126, 168), 0.1, 34, 92, (28, 46)),
    ):
        c, x, step = s.canvas(), -float(MARGIN), 9 if speed < 0.3 else 12
        while x < w + MARGIN:
            n, top = dice.uniform(*wide), floor - 30 - dice.uniform(low, high)
            body = g(shade(tone, dice.uniform(-0.12, 0.1)), haze)
            c.box(x, top, x + n - 1, h, body)
            roof = dice.random()
            if roof < 0.3:
                c.limb([(x + n / 2, top), (x + n / 2, top - 13)], 1.5, body)
            elif roof < 0.6:
                c.box(x + 4, top - 7, x + n - 6, top, body)
            wy = top + 7
            while wy < floor - 20:
                wx = x + 4
                while wx < x + n - 7:
                    lit = s.window(shade(body, 0.22), 0.55)
                    c.box(wx, wy, wx + step * 0.42, wy + step * 0.5, lit, 0.6)
                    wx += step * 0.85
                wy += step
            x += n
        s.add(speed, c)
    c = s.canvas()
    c.band(floor - 34, floor - 18, g((118, 168, 104)))
    for fx, size in ((-0.3, 1.1), (0.12, 1.15), (0.44, 0.95), (0.70, 1.1), (1.08, 1.15), (1.35, 1.0)):
        c.tree(fx * w, floor - 22, size, g((92, 160, 96)), g((112, 80, 66)))
    c.band(floor - 22, floor - 18, g((206, 196, 186)))
    s.pavement(c, floor - 18, (226, 214, 202), (186, 176, 172), (104, 104, 120))
    s.add(1.0, c, *s.lamps(c, 0.28 * w, 165, (70, 76, 96)))


def _street(s: Stage) -> None:
    w, h, floor, g = s.w, s.h, s.floor, s.g
    s.sky(0.76, s.horizon)
    tones = ((232, 150, 120), (246, 208, 140), (146, 184, 176), (222, 128, 128), (168, 164, 200), (240, 226, 200))
    cloths = ((216, 82, 76), (74, 146, 138), (240, 180, 76))
    c, x, i = s.canvas(), -MARGIN + 4, 0
    while x < w + MARGIN:
        n, tone = (74, 66, 82)[i % 3], tones[i % 6]
        top = h * 0.16 + (14, 34, 0, 26)[i % 4]
        c.box(x, top, x + n - 1, floor - 16, g(tone))
        c.box(x - 2, top - 5, x + n + 1, top + 3, g(shade(tone, -0.25)), 1.5)
        if i % 2:
            c.poly([(x - 2, top - 4), (x + n + 1, top - 4), (x + n / 2, top - 30)], g((172, 92, 84)))
        wy = top + 15
        while wy < floor - 82:
            for k in range(3):
                wx = x + n * (0.10 + 0.30 * k)
                c.box(wx - 2, wy - 2, wx + n * 0.19 + 2, wy + 22, g(CREAM), 1)
                c.box(wx, wy, wx + n * 0.19, wy + 20, s.window(g((122, 160, 184)), 0.7))
                c.box(wx - 3, wy + 20, wx + n * 0.19 + 3, wy + 23, g(shade(tone, -0.3)))
            wy += 36
        warm = g((176, 214, 222)) if s.light == "day" else (255, 222, 146)
        c.box(x + 7, floor - 56, x + n * 0.56, floor - 24, g(shade(tone, -0.4)), 1)
        c.box(x + 9, floor - 54, x + n * 0.56 - 2, floor - 26, warm)
        c.box(x + n * 0.66, floor - 56, x + n * 0.90, floor - 16, g((120, 74, 66)), 2)
        c.box(x + n * 0.70, floor - 52, x + n * 0.86, floor - 36, warm, 1)
        for k in range(6):  # the awning's stripes
            a, b = x + 3 + k * n * 0.56 / 6, x + 3 + (k + 1) * n * 0.56 / 6
            stripe = [(a + 1, floor - 70), (b + 1, floor - 70), (b - 1, floor - 56), (a - 1, floor - 56)]
            c.poly(stripe, g(cloths[i % 3]) if k % 2 else g(CREAM))
        x, i = x + n, i + 1
    s.pavement(c, floor - 17, (214, 202, 194), (172, 162, 162), (96, 96, 114))
    s.add(1.0, c, *s.lamps(c, 0.80 * w, 180, (60, 64, 84)))


def _room(s: Stage) -> None:
    w, h, c = s.w, s.h, s.canvas()
    wall = mix((238, 208, 176), (112, 88, 130), {"day": 0, "sunset": 0.16, "night": 0.5}[s.light])
    dark: tuple[RGB, float] = {
        "day": ((0, 0, 0), 0.0),
        "sunset": ((214, 96, 84), 0.14),
        "night": ((54, 44, 84), 0.34),
    }[s.light]

    def dim(colour: RGB) -> RGB:
        return mix(colour, *dark)

    c.band(0, h - 70, wall)
    for x in range(-MARGIN, w + MARGIN, 26):
        c.box(x, 0, x + 9, h - 70, shade(wall, 0.14))
    c.band(h - 76, h - 70, dim((250, 238, 220)))
    c.band(h - 70, h, dim((186, 126, 88)))
    for i, y in enumerate(range(h - 70, h, 14)):
        c.band(y, y + 1, dim((158, 102, 72)))
        for x in range(-MARGIN + 37 * i, w + MARGIN, 90):
            c.box(x, y, x + 1.2, y + 14, dim((158, 102, 72)))
    _window(s, c, dim, 0.10 * w, 0.14 * h)
    px, py = 0.60 * w, 0.16 * h  # a picture on the wall
    c.box(px, py, px + 40, py + 50, dim((120, 82, 66)), 2)
    c.box(px + 4, py + 4, px + 36, py + 46, dim((244, 232, 206)))
    c.dot(px + 25, py + 18, 6, dim((238, 128, 88)))
    c.poly([(px + 4, py + 46), (px + 16, py + 24), (px + 27, py + 46)], dim((92, 140, 140)))
    c.poly([(px + 16, py + 46), (px + 27, py + 32), (px + 36, py + 42), (px + 36, py + 46)], dim((64, 108, 116)))
    sx, sy, teal = 0.56 * w, h - 56, dim((74, 146, 148))  # a sofa
    c.box(sx - 6, sy - 58, sx + 92, sy - 8, shade(teal, -0.14), 12)
    c.box(sx, sy - 32, sx + 42, sy - 10, teal, 7)
    c.box(sx + 44, sy - 32, sx + 86, sy - 10, teal, 7)
    c.box(sx - 14, sy - 42, sx + 4, sy, shade(teal, -0.26), 8)
    c.box(sx + 82, sy - 42, sx + 100, sy, shade(teal, -0.26), 8)
    c.box(sx + 56, sy - 44, sx + 80, sy - 22, dim((246, 200, 96)), 6)
    lx, ly = 0.50 * w, h - 146  # a lamp
    c.limb([(lx, h - 56), (lx, h - 150)], 3, dim((120, 82, 66)))
    shade_of = dim((252, 232, 190)) if s.light == "day" else (255, 226, 156)
    c.poly([(lx - 16, ly), (lx + 16, ly), (lx + 10, ly - 26), (lx - 10, ly - 26)], shade_of)
    fx = -0.02 * w  # a plant
    for a in (-1.0, -0.5, 0.0, 0.5, 1.0):
        tip, mid = (fx + 36 * math.sin(a), h - 92 - 36 * math.cos(a)), fx + 12 * math.sin(a)
        leaf = dim(shade((92, 164, 104), -0.1 * abs(a)))
        c.blob([(fx, h - 80), (mid - 7, h - 100), tip, (mid + 8, h - 98)], leaf)
    c.poly([(fx - 15, h - 84), (fx + 15, h - 84), (fx + 11, h - 54), (fx - 11, h - 54)], dim((222, 132, 92)))
    rings: tuple[tuple[float, float, RGB], ...] = (
        (0.40, 15, (208, 92, 84)),
        (0.36, 12, (246, 214, 164)),
        (0.33, 10, (214, 106, 92)),
    )
    for wide, tall, ink in rings:  # a carpet
        c.dot(w / 2, h - 25, wide * w, dim(ink), tall)
    shine = {"day": 0.0, "sunset": 0.3, "night": 0.55}[s.light]
    s.add(1.0, c, *([(lx, ly - 4, 130, (255, 214, 130), shine)] if shine else []))


def _window(s: Stage, c: Canvas, dim: Callable[[RGB], RGB], x: float, y: float) -> None:
    frame, red = dim((250, 242, 226)), dim((226, 112, 96))
    c.box(x - 6, y - 6, x + 82, y + 92, frame, 3)
    view = gradient(76, 86, SKY[s.light])
    hill = Canvas(76, 86)
    hill.ridge(70, s.g((110, 172, 118)), (6, 60, 1))
    hill.dot(54, 24, 9, (250, 244, 214) if s.light == "night" else (255, 240, 176))
    view.alpha_composite(hill.finished().crop((MARGIN, 0, MARGIN + 76, 86)))
    c.paste(view, x, y)
    c.box(x + 36.5, y, x + 39.5, y + 86, frame)
    c.box(x, y + 41.5, x + 76, y + 44.5, frame)
    for side in (-1, 1):
        at, low = x + 38 + side * 46, x + 38 + side * 58
        cloth = [(at - 11, y - 8), (at + 11, y - 8), (at + 9 + 4 * side, y + 60), (low + 6, y + 102)]
        c.blob([*cloth, (low - 12, y + 102), (at - 9, y + 50)], red)
    c.limb([(x - 26, y - 9), (x + 102, y - 9)], 3, dim((140, 92, 70)))


_BUILD: dict[str, Callable[[Stage], None]] = {
    "meadow": _meadow,
    "beach": _beach,
    "sea": _sea,
    "mountains": _mountains,
    "forest": _forest,
    "city": _city,
    "street": _street,
    "room": _room,
}


@functools.lru_cache(maxsize=80)
def layers(scene: str, light: str, width: int, height: int) -> tuple[tuple[float, Image.Image], ...]:
    """Layers of an empty scene from far to near; figures stand before those whose speed is at most 1.

    Raises:
        KeyError: unknown scene or light.
    """
    stage = Stage(scene, light, width, height)
    _BUILD[scene](stage)
    return tuple(stage.layers)
