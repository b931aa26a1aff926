"""Glasses: rounded frames before the eyes, their shadow, and a little light on the lenses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.portraits.light import Strokes, blurred, over, shape_of
from scripts.portraits.surface import EYES, Surface, View

Array = NDArray[Any]


def glasses(canvas: Array, view: View, surface: Surface) -> None:
    """Put glasses on a face, on a canvas of linear light."""
    unit = view.unit
    rims, front = [], 5.1
    for eye in EYES:
        middle = surface.points[list(eye)].mean(0)
        middle = np.array([middle[0] * 1.03, middle[1] - 0.25, front])
        t = np.linspace(0, 2 * np.pi, 72)
        cos, sin = np.cos(t), np.sin(t)
        x = 2.62 * np.sign(cos) * np.abs(cos) ** 0.80
        y = 2.02 * np.sign(sin) * np.abs(sin) ** 0.80 + 0.12 * np.abs(cos)
        bow = -0.06 * (middle[0] + x) ** 2 * 0.45
        rims.append(np.stack([middle[0] + x, middle[1] + y, front + bow], 1))
    lines = [view.pixels(rim) for rim in rims]
    inner = [rim[np.argmin(np.abs(rim[:, 0]))] for rim in rims]
    bridge = np.stack([inner[0], (inner[0] + inner[1]) / 2 + [0, 0.45, 0.5], inner[1]])
    t = np.linspace(0, 1, 16)[:, None]
    bridge = bridge[0] * (1 - t) ** 2 + 2 * bridge[1] * t * (1 - t) + bridge[2] * t**2 + [0, 0.35, 0]
    lines.append(view.pixels(bridge))
    for rim, way in zip(rims, (-1, 1), strict=True):
        outer = rim[np.argmax(way * rim[:, 0])] + [0, 0.5, 0]
        ear = np.array([way * 7.75, outer[1] + 0.15, -2.2])
        lines.append(view.pixels(np.stack([outer, outer + np.array([way * 0.35, 0.03, -0.5]), ear])))
    shape = view.shape
    shadow, frame, light = Strokes(shape), Strokes(shape), Strokes(shape)
    for line in lines:
        shadow.add(line + np.array([0.25 * unit, 0.42 * unit]), (0, 0, 0), 0.26 * unit)
        frame.add(line, (50, 34, 26), 0.24 * unit)
        light.add(line - [0.05 * unit, 0.06 * unit], (196, 150, 112), 0.05 * unit)
    over(canvas, canvas * np.array([0.45, 0.34, 0.30], np.float32), blurred(shadow.cover, 0.14, unit) * 0.55)
    for line in lines[:2]:
        glass = shape_of(line, shape)
        x, y = view.cm()
        middle = surface.points[list(EYES[0] if line is lines[0] else EYES[1])].mean(0)
        band = np.exp(-((((x - middle[0]) * 0.8 - (y - middle[1]) + 1.9) / 0.42) ** 2)) * 0.05
        over(canvas, np.full_like(canvas, 0.9), (band + 0.012) * glass)
        edge = glass * (1 - np.clip(blurred(glass, 0.10, unit) * 1.6 - 0.6, 0, 1))
        over(canvas, canvas * 0.8, edge * 0.3)
    frame.lay(canvas, 0.97)
    sheen = blurred(light.cover, 0.02, unit) * np.clip(frame.cover, 0, 1)
    over(canvas, np.broadcast_to(np.array([0.42, 0.27, 0.16], np.float32), canvas.shape), sheen * 0.35)
