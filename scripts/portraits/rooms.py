"""Rooms behind people: shapes and lamps painted in linear light, out of focus by how far away they are."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.portraits.light import Colour, linear

Array = NDArray[Any]
SIDE = 960  # pixels of a room, before it is made as large as the picture: nothing in it is sharp


class Room:
    """A room being painted; places are 0 to 1 from the left and the top."""

    def __init__(self, above: Colour, below: Colour, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        share = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
        self.light: Array = np.repeat(linear(above) * (1 - share) + linear(below) * share, SIDE, 1).astype(np.float32)
        self.y, self.x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: Colour, glow: float = 1.0, fall: float = 0.0
    ) -> None:
        """Paint a rectangle; `fall` makes it darker to its right."""
        x0, y0, x1, y1 = (round(each * SIDE * 16) for each in (left, top, right, bottom))
        points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.int32)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, shift=4)
        share = (mask.astype(np.float32) / 255)[..., None]
        shade = 1 - fall * np.clip((self.x - left) / max(right - left, 1e-3), 0, 1)
        self.light += (linear(colour) * glow * shade[..., None] - self.light) * share

    def focus(self, size: float) -> None:
        """Put what is painted so far out of focus, as a round lens does: bright points become discs."""
        radius = max(1, round(size * SIDE))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
        self.light = cv2.filter2D(self.light, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
        self.light = cv2.GaussianBlur(self.light, (0, 0), max(0.6, radius * 0.22), borderType=cv2.BORDER_REFLECT)

    def glow(self, x: float, y: float, size: float, colour: Colour, strength: float, flat: float = 1.0) -> None:
        """Add the light around a lamp."""
        far = ((self.x - x) / size) ** 2 + ((self.y - y) / (size * flat)) ** 2
        self.light += np.exp(-far)[..., None] * linear(colour) * strength

    def bokeh(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Add a point of light as the disc that a lens makes of it."""
        far = np.hypot(self.x - x, self.y - y) / radius
        disc = np.clip((1 - far) * radius * SIDE / 2.5, 0, 1) * (0.72 + 0.28 * np.clip(far, 0, 1) ** 3)
        self.light += disc[..., None] * linear(colour) * strength

    def done(self, side: int) -> Array:
        picture = cv2.resize(np.maximum(self.light, 0), (side, side), interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.maximum(picture, 0), np.float32)


def studio(side: int) -> Array:
    """A television studio: screens, a soft box and practical lamps."""
    room = Room((30, 38, 48), (16, 18, 24), 1)
    room.box(0.0, 0.16, 0.30, 0.62, (40, 78, 96), 1.0, 0.5)
    room.box(0.03, 0.20, 0.27, 0.40, (96, 168, 190), 0.9, 0.6)
    room.box(0.05, 0.43, 0.20, 0.47, (214, 150, 84), 0.9)
    room.box(0.05, 0.50, 0.25, 0.53, (96, 150, 170), 0.6)
    room.box(0.36, 0.05, 0.40, 0.9, (20, 24, 30))
    room.box(0.66, 0.10, 1.0, 0.72, (34, 44, 54), 1.0, -0.6)
    for at in range(7):
        room.box(0.69 + 0.045 * at, 0.12, 0.705 + 0.045 * at, 0.70, (70, 84, 92), 0.5 + 0.05 * at)
    room.box(0.0, 0.74, 1.0, 1.0, (20, 20, 24))
    room.box(0.62, 0.70, 1.0, 0.73, (120, 90, 60), 0.8)
    room.focus(0.018)
    room.glow(0.86, 0.30, 0.20, (255, 176, 96), 0.55)
    room.glow(0.12, 0.30, 0.26, (90, 170, 200), 0.30)
    room.glow(0.5, 0.42, 0.36, (120, 150, 170), 0.10)
    for x, y, radius, strength in (
        (0.845, 0.27, 0.034, 1.6),
        (0.93, 0.36, 0.026, 1.0),
        (0.77, 0.20, 0.020, 0.6),
        (0.33, 0.22, 0.016, 0.35),
    ):
        room.bokeh(x, y, radius, (255, 190, 116), strength)
    for x, y, radius in ((0.06, 0.66, 0.012), (0.16, 0.70, 0.010), (0.29, 0.60, 0.014)):
        room.bokeh(x, y, radius, (110, 200, 226), 0.4)
    room.focus(0.003)
    return room.done(side)


def office(side: int) -> Array:
    """An office high above a city in the evening."""
    room = Room((44, 62, 102), (226, 148, 96), 2)
    room.light *= 0.62
    room.glow(0.80, 0.60, 0.34, (255, 160, 90), 0.55, 0.6)
    for at in range(46):
        x = room.rng.uniform(-0.05, 1.0)
        top = 0.66 - 0.30 * room.rng.random() ** 2 * (0.5 + abs(x - 0.5))
        wide = room.rng.uniform(0.03, 0.09)
        tone = room.rng.uniform(0.5, 1.1) * (0.55 + 0.45 * at / 46)
        room.box(x, top, x + wide, 0.86, (int(52 * tone), int(56 * tone), int(78 * tone)), 1.0, 0.4)
        for _ in range(9):
            wx, wy = x + wide * room.rng.random(), top + 0.02 + (0.8 - top) * room.rng.random()
            warm = (255, 196, 120) if room.rng.random() < 0.8 else (170, 210, 255)
            room.box(wx, wy, wx + 0.004, wy + 0.006, warm, room.rng.uniform(2, 9))
    room.focus(0.0135)
    for _ in range(34):
        x, y = room.rng.random(), room.rng.uniform(0.42, 0.80)
        warm = [(255, 190, 110), (255, 150, 80), (150, 190, 255)][room.rng.choice(3, p=[0.6, 0.25, 0.15])]
        room.bokeh(x, y, room.rng.uniform(0.008, 0.017), warm, room.rng.uniform(0.15, 0.5))
    for x in (0.07, 0.345, 0.70, 0.975):
        room.box(x - 0.011, 0, x + 0.011, 0.84, (22, 24, 32))
    room.box(0, 0.835, 1, 1, (26, 26, 34))
    room.box(0, 0.835, 1, 0.85, (92, 70, 60), 0.7)
    room.focus(0.006)
    room.glow(0.0, 0.25, 0.35, (255, 190, 130), 0.10)
    return room.done(side)


def bedroom(side: int) -> Array:
    """A room with coloured lights: shelves, pictures, lamps, a plant."""
    room = Room((58, 34, 86), (24, 20, 48), 3)
    room.glow(0.0, 0.30, 0.48, (220, 60, 180), 0.34)
    room.glow(1.0, 0.40, 0.50, (50, 140, 230), 0.42)
    for top in (0.20, 0.42, 0.64):
        x = 0.0
        while x < 0.34:
            wide = room.rng.uniform(0.012, 0.035)
            tall = room.rng.uniform(0.06, 0.15)
            hue = [(226, 120, 70), (90, 60, 130), (240, 190, 90), (60, 120, 150), (190, 70, 120)][room.rng.integers(5)]
            if room.rng.random() < 0.78:
                room.box(x, top - tall, x + wide, top, hue, 0.42, 0.3)
            x += wide + 0.003
        room.box(0.0, top, 0.35, top + 0.014, (30, 20, 42))
    room.box(0.70, 0.14, 0.86, 0.38, (250, 170, 90), 0.40)
    room.box(0.715, 0.155, 0.845, 0.365, (40, 70, 130), 0.8)
    room.box(0.74, 0.24, 0.82, 0.365, (240, 130, 90), 0.5)
    room.box(0.89, 0.20, 1.0, 0.40, (70, 200, 210), 0.22)
    room.box(0.62, 0.70, 1.0, 1.0, (20, 18, 36))
    room.box(0.66, 0.52, 0.92, 0.68, (60, 150, 230), 0.55, -0.4)
    room.box(0.675, 0.535, 0.905, 0.665, (140, 80, 200), 0.55, 0.5)
    for at in range(12):
        angle = -1.2 + 0.22 * at
        x, y = 0.955 + 0.10 * np.sin(angle), 0.58 - 0.12 * np.cos(angle)
        room.box(x - 0.013, y - 0.02, x + 0.013, y + 0.04, (40, 110, 80), 0.6)
    room.focus(0.013)
    for at in range(26):
        t = at / 25
        room.bokeh(0.02 + 0.96 * t, 0.085 + 0.05 * np.sin(np.pi * t * 3) + 0.02 * t, 0.011, (255, 190, 120), 0.55)
    room.glow(0.965, 0.30, 0.14, (60, 200, 240), 0.5, 2.6)
    room.glow(0.0, 0.45, 0.10, (255, 70, 190), 0.42, 3.0)
    room.bokeh(0.39, 0.30, 0.024, (255, 120, 190), 0.4)
    room.bokeh(0.64, 0.44, 0.018, (110, 200, 255), 0.45)
    room.bokeh(0.60, 0.22, 0.013, (255, 180, 110), 0.5)
    room.focus(0.003)
    return room.done(side)


def library(side: int) -> Array:
    """A library with a lamp."""
    room = Room((58, 40, 28), (34, 24, 18), 4)
    tones = [
        (126, 50, 38),
        (54, 76, 70),
        (150, 104, 52),
        (66, 58, 84),
        (176, 148, 104),
        (92, 62, 40),
        (46, 60, 86),
        (128, 84, 44),
    ]
    for shelf in range(7):
        bottom = 0.10 + 0.15 * shelf
        x = -0.01
        while x < 1.0:
            wide = room.rng.uniform(0.012, 0.030)
            tall = room.rng.uniform(0.085, 0.122)
            tone = tones[room.rng.integers(len(tones))]
            if room.rng.random() < 0.94:
                room.box(x, bottom - tall, x + wide, bottom, tone, room.rng.uniform(0.35, 0.85), 0.45)
                if room.rng.random() < 0.4:
                    room.box(
                        x + 0.002, bottom - tall * 0.8, x + wide - 0.002, bottom - tall * 0.72, (226, 186, 110), 0.5
                    )
            x += wide + 0.002
        room.box(0, bottom, 1, bottom + 0.018, (74, 46, 28), 0.75)
    for x in (0.02, 0.335, 0.655, 0.985):
        room.box(x - 0.013, 0, x + 0.013, 1, (66, 40, 24), 0.7)
    room.focus(0.0125)
    room.light *= (0.55 + 0.75 * np.exp(-(((room.x - 0.86) / 0.35) ** 2) - ((room.y - 0.40) / 0.34) ** 2))[..., None]
    room.glow(0.87, 0.40, 0.17, (255, 180, 96), 0.85)
    mask_x, mask_y = np.abs(room.x - 0.87), room.y
    shade = (
        np.clip((0.045 + 0.35 * (mask_y - 0.36) - mask_x) / 0.008, 0, 1)
        * np.clip((mask_y - 0.36) / 0.006, 0, 1)
        * np.clip((0.455 - mask_y) / 0.006, 0, 1)
    )
    room.light += (linear((255, 206, 136)) * 1.25 - room.light) * (shade * 0.9)[..., None]
    room.box(0.865, 0.455, 0.875, 0.60, (120, 84, 44), 0.8)
    room.glow(0.10, 0.22, 0.20, (255, 170, 90), 0.14)
    room.bokeh(0.12, 0.20, 0.022, (255, 190, 110), 0.35)
    room.bokeh(0.20, 0.34, 0.014, (255, 190, 110), 0.2)
    room.focus(0.006)
    return room.done(side)


ROOMS = {"studio": studio, "office": office, "bedroom": bedroom, "library": library}
