"""The skin of a face: its colours, its relief, its light, and the lips."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.portraits.features import Face, brows, eyeball, lids, ring
from scripts.portraits.light import (
    Lights,
    blurred,
    bumped,
    curve,
    edge,
    line_of,
    linear,
    noise,
    over,
    rim_light,
    shape_of,
    shine,
    skin_light,
    within,
)
from scripts.portraits.surface import Seen, Surface, View, shadow
from workers.lips.shape import OUTER, UPPER

Array = NDArray[Any]


def skin(
    canvas: Array, view: View, surface: Surface, seen: Seen, face: Face, lights: Lights, hair_shade: Array
) -> None:
    """Paint the skin and the eyes into a canvas of linear light; `hair_shade` is what hair lets through."""
    unit, side = view.unit, view.shape
    mask = seen.mask.astype(np.float32)
    albedo, lips = _colours(view, surface, seen, face)
    height = _relief(view, surface, seen, face, lips)
    normal = bumped(seen.normal, height, unit)
    deep = seen.place[..., 2]
    openness = np.ones(side, np.float32)
    for cm, strength in ((0.35, 0.9), (1.4, 0.30), (3.0, 0.06)):
        openness *= 1 - np.clip((within(deep, mask, cm, unit) - deep) * strength, 0, 0.55)
    lit = shadow(surface, view, seen, lights.key.to) * hair_shade
    out = skin_light(normal, albedo, lights, lit, openness, mask, unit)
    pores = noise(view.shape, 0.123 * view.unit, face.seed + 5, 1)
    fine = bumped(normal, pores * 0.0035, unit)
    oily = 0.55 + 0.45 * np.exp(-((seen.rest[..., 0] / 3.2) ** 2))
    gloss = face.gloss * (1 - 0.3 * lips)
    lit_soft = blurred(lit, 0.15, unit)
    key = np.array(lights.key.colour, np.float32)
    fill = np.array(lights.fill.colour, np.float32)
    for sharp, strength in ((9, 0.050), (34, 0.075)):
        spot = shine(fine, lights.key.to, sharp) * lit_soft * oily * strength * gloss
        out += (spot * openness)[..., None] * key
        out += (shine(fine, lights.fill.to, sharp) * strength * 0.8 * gloss * openness)[..., None] * fill
    wet = (
        shine(bumped(normal, noise(view.shape, 0.19 * view.unit, 9, 1) * 0.002, unit), lights.key.to, 60)
        * lips
        * lit_soft
    )
    out += (wet * 0.22 * face.gloss)[..., None] * key
    out += rim_light(normal, lights, 2.0) * (albedo * 0.5 + 0.04) * openness[..., None]
    out += (edge(normal, 4) * 0.05)[..., None] * np.array(lights.above, np.float32)
    for eye in (0, 1):
        eyeball(canvas, view, surface, face, lights, eye)
    over(canvas, out, mask)
    lids(canvas, view, surface, face)
    brows(canvas, view, surface, seen, face, lights)


def _spot(seen: Seen, x: float, y: float, wide: float, tall: float) -> Array:
    """Return a soft spot at a place of the face, and its like on the other side."""
    rest = seen.rest
    return np.asarray(np.exp(-(((np.abs(rest[..., 0]) - x) / wide) ** 2) - ((rest[..., 1] - y) / tall) ** 2))


def _colours(view: View, surface: Surface, seen: Seen, face: Face) -> tuple[Array, Array]:
    unit, side = view.unit, view.shape
    out = np.empty((*side, 3), np.float32)
    out[:] = linear(face.skin)
    flush = linear(face.flush)
    front = np.clip((seen.rest[..., 2] - 0.5) / 2, 0, 1)
    for x, y, wide, tall, share in (
        (4.5, -1.0, 2.0, 1.5, 0.55), (0, -0.6, 1.1, 1.0, 0.50), (0, -8.4, 1.4, 0.9, 0.25), (0, 7, 4, 1.4, 0.12),
        (3.2, 1.3, 1.5, 0.5, 0.22), (8.2, 0.6, 1.2, 3.0, 0.5), (1.5, -1.4, 0.5, 0.6, 0.35),
    ):  # fmt: skip
        over(out, np.broadcast_to(flush, out.shape), _spot(seen, x, y, wide, tall) * share)
    dark = linear(face.skin) * np.array([0.62, 0.50, 0.48], np.float32)
    over(out, np.broadcast_to(dark, out.shape), _spot(seen, 3.0, 1.35, 1.35, 0.42) * (0.16 + 0.2 * face.age) * front)
    over(out, np.broadcast_to(dark, out.shape), _spot(seen, 3.2, 3.75, 1.7, 0.45) * (0.22 + 0.3 * face.liner) * front)
    if face.shaved:
        rest = seen.rest
        jaw = np.clip((-1.8 - rest[..., 1] - 0.25 * np.abs(rest[..., 0])) / 1.5, 0, 1) * np.clip(
            (rest[..., 1] + 12.5) / 2, 0, 1
        )
        jaw = np.maximum(jaw, _spot(seen, 1.0, -2.9, 1.6, 0.5))
        grey = linear(face.skin) * np.array([0.60, 0.64, 0.72], np.float32)
        grains = 0.8 + 0.35 * noise(view.shape, 0.115 * view.unit, face.seed + 2, 1)
        over(out, np.broadcast_to(grey, out.shape), np.clip(jaw * face.shaved * grains, 0, 1))
    mottled = (
        1
        + 0.05 * noise(view.shape, 1.23 * view.unit, face.seed, 4)
        + 0.018 * noise(view.shape, 0.19 * view.unit, face.seed + 3, 1)
    )
    out *= mottled[..., None]
    if face.freckles:
        rng = np.random.default_rng(face.seed)
        spots: Array = np.zeros(side, np.float32)
        for _ in range(260):
            x, y = rng.normal(0, 2.6), rng.normal(0.2, 1.2)
            at = view.pixels(np.array([x, y, 5.0]))
            radius = max(1, round(unit * rng.uniform(0.03, 0.075)))
            cv2.circle(
                spots, tuple(np.round(at).astype(int).tolist()), radius, float(rng.uniform(0.3, 1)), -1, cv2.LINE_AA
            )
        spots = blurred(spots, 0.03, unit) * front
        over(out, out * np.array([0.72, 0.52, 0.42], np.float32), spots * face.freckles)
    outline = ring(view, surface, OUTER)
    lips = blurred(shape_of(outline, side), 0.09, unit)
    tone = np.empty_like(out)
    tone[:] = linear(face.lips)
    upper = blurred(
        shape_of(
            np.concatenate(
                [ring(view, surface, UPPER[0], closed=False), ring(view, surface, UPPER[3], closed=False)[::-1]]
            ),
            side,
        ),
        0.05,
        unit,
    )
    tone *= (1 - 0.30 * upper)[..., None]
    tone *= (1 + 0.10 * noise(view.shape, 0.31 * view.unit, face.seed + 4, 2))[..., None]
    over(out, tone, lips * 0.9)
    line = line_of(ring(view, surface, UPPER[3], closed=False), side, 0.07 * unit)
    over(out, out * np.array([0.30, 0.16, 0.16], np.float32), np.clip(blurred(line, 0.035, unit) * 1.1, 0, 0.9))
    inner = linear(face.skin) * np.array([0.22, 0.11, 0.09], np.float32)
    for nostril in ((-1, 98), (1, 327)):
        at = view.pixels(surface.points[nostril[1]] * 0.62 + surface.points[2] * 0.38 + [nostril[0] * 0.18, 0.06, 0.0])
        hole = np.zeros(side, np.float32)
        axes = (max(1, round(0.40 * unit)), max(1, round(0.17 * unit)))
        cv2.ellipse(
            hole, tuple(np.round(at).astype(int).tolist()), axes, nostril[0] * -14, 0, 360, 1.0, -1, cv2.LINE_AA
        )
        over(out, np.broadcast_to(inner, out.shape), blurred(hole, 0.09, unit) * 0.85)
    return out, lips


def _relief(view: View, surface: Surface, seen: Seen, face: Face, lips: Array) -> Array:
    """Return the relief that the mesh does not have, in cm."""
    unit, side = view.unit, view.shape
    height: Array = np.zeros(side, np.float32)

    def groove(points: Any, deep: float, wide: float, soft: float) -> None:
        nonlocal height
        drawn = line_of(curve(view.pixels(np.array(points, np.float64)), 16), side, wide * unit)
        height = height - deep * blurred(drawn, soft, unit)

    for way in (-1, 1):
        groove([(way * 0.28, -2.3, 6.1), (way * 0.34, -3.1, 6.0)], -0.07, 0.16, 0.12)  # edges of the philtrum
        fold = [(way * 1.95, -1.3, 4.8), (way * 2.6, -2.5, 4.6), (way * 3.05, -3.9, 4.0), (way * 3.0, -4.9, 3.8)]
        groove(fold, 0.05 + 0.20 * face.age, 0.14, 0.20)
        groove([(way * 2.55, -4.25, 4.3), (way * 2.8, -4.45, 4.2)], 0.10, 0.2, 0.14)  # corners of the mouth
        if face.age > 0.3:
            for at in range(3):
                x = 4.9 + 0.1 * at
                points = [(way * x, 2.5 - 0.35 * at, 3.0), (way * (x + 0.9), 2.7 - 0.85 * at, 2.2)]
                groove(points, 0.07 * face.age, 0.07, 0.06)
            bag = [(way * 1.9, 1.75, 4.0), (way * 3.0, 1.2, 4.0), (way * 4.2, 1.55, 3.4)]
            groove(bag, 0.18 * face.age, 0.12, 0.15)
            groove([(way * 0.55, 4.2, 5.2), (way * 0.5, 5.1, 5.3)], 0.09 * face.age, 0.08, 0.09)
    for at in range(3 if face.age > 0.3 else 0):
        y = 6.0 + 0.8 * at
        groove(
            [(-3.6, y - 0.1, 4.8), (-1.2, y + 0.12, 5.2), (1.0, y, 5.2), (3.4, y + 0.1, 4.8)],
            0.085 * face.age,
            0.08,
            0.11,
        )
    creases = noise(view.shape, 0.23 * view.unit, face.seed + 8, 1)
    kernel = np.ones((max(1, round(0.30 * unit)), 1), np.float32)
    creases = cv2.filter2D(creases, -1, kernel / kernel.sum())
    height += creases * 0.012 * lips
    height += 0.05 * blurred(lips, 0.06, unit)
    return height + noise(view.shape, 0.35 * view.unit, face.seed + 6, 2) * (0.002 + 0.002 * face.age)
