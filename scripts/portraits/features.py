"""What is on a face: eyes behind lids, lashes and brows of strokes, and ears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.portraits.light import (
    Colour,
    Lights,
    Strokes,
    blurred,
    bumped,
    curve,
    facing,
    line_of,
    linear,
    over,
    rim_light,
    shape_of,
    shine,
    skin_light,
)
from scripts.portraits.surface import BROWS, EYES, FAR, Seen, Surface, View

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Face:
    """Colours of a face, sRGB of 0 to 255, and how it is: 0 to 1."""

    skin: Colour
    flush: Colour  # of cheeks, nose and ears
    lips: Colour
    iris: Colour
    brows: Colour
    brow_width: float = 1.0
    brow_lift: float = 0.0
    lashes: float = 0.6
    shaved: float = 0.0
    age: float = 0.0
    gloss: float = 0.5
    liner: float = 0.0
    freckles: float = 0.0
    seed: int = 1


def ring(view: View, surface: Surface, points: Any, count: int = 12, closed: bool = True) -> Array:
    """Return the pixels of a smooth curve through landmarks."""
    return curve(view.pixels(surface.points[list(points)]), count, closed)


def eyeball(canvas: Array, view: View, surface: Surface, face: Face, lights: Lights, eye: int) -> None:
    """Paint an eyeball behind its lids."""
    unit = view.unit
    edge = surface.points[list(EYES[eye])]
    radius = 1.46
    middle = np.array(
        [(edge[0, 0] + edge[8, 0]) / 2, (edge[:, 1].max() + edge[:, 1].min()) / 2 - 0.02, edge[4, 2] - radius - 0.02]
    )
    at = view.turned(middle[None])[0]
    outline = ring(view, surface, EYES[eye])
    left, top = np.floor(outline.min(0) - 0.3 * unit).astype(int)
    right, bottom = np.ceil(outline.max(0) + 0.3 * unit).astype(int)
    part = canvas[top:bottom, left:right]
    x, y = (each[top:bottom, left:right] for each in view.cm(float(at[2]) + radius))
    x, y = x - np.float32(at[0]), y - np.float32(at[1])
    flat = np.minimum(x**2 + y**2, radius**2 * 0.98)
    normal = np.stack([x, y, np.sqrt(radius**2 - flat)], 2) / radius
    gaze = np.array([-at[0] * 0.6, -at[1] * 0.35 + 0.4, FAR * 0.9])
    gaze = gaze / np.linalg.norm(gaze)
    from_gaze = np.arccos(np.clip(normal @ gaze.astype(np.float32), -1, 1))
    across = normal - gaze.astype(np.float32) * (normal @ gaze.astype(np.float32))[..., None]
    round_at = np.arctan2(across[..., 1], across[..., 0])
    size = 0.66 / radius
    share = from_gaze / size
    white = np.empty((*x.shape, 3), np.float32)
    white[:] = linear((226, 219, 212))
    pink = linear((205, 140, 128))
    way = 1.0 if eye == 0 else -1.0
    white += (pink - white) * (np.clip(np.abs(x) / 1.35, 0, 1) ** 3 * 0.45)[..., None]
    caruncle = np.exp(-(((x * way - 1.22) / 0.17) ** 2) - ((y + 0.08) / 0.16) ** 2)
    white += (linear((196, 116, 106)) - white) * (caruncle * 0.8)[..., None]
    rng = np.random.default_rng(face.seed + 11)
    spokes = np.interp(round_at, np.linspace(-np.pi, np.pi, 181), np.r_[v := rng.normal(0, 1, 180), v[:1]])
    coarse = np.interp(round_at, np.linspace(-np.pi, np.pi, 41), np.r_[w := rng.normal(0, 1, 40), w[:1]])
    colour = linear(face.iris)
    iris = np.empty_like(white)
    iris[:] = colour
    fibres = 1 + (0.16 * spokes + 0.12 * coarse) * np.clip(1.25 - share, 0, 1)
    ring_in = np.exp(-(((share - 0.52) / 0.15) ** 2))
    iris *= (fibres * (0.80 + 0.85 * ring_in + 0.2 * np.clip(1 - share, 0, 1)))[..., None]
    iris += (colour * np.array([1.5, 1.15, 0.7], np.float32) * ring_in[..., None]) * 0.5
    # Light goes through the cornea and lies on the far side of the iris.
    far = np.clip(-(across @ np.array([-0.55, 0.75, 0.2], np.float32)) / size * 1.1, 0, 1)
    iris *= (0.62 + 1.15 * far * np.clip(1.1 - share, 0, 1) + 0.25)[..., None]
    limbus = np.clip((share - 0.80) / 0.17, 0, 1)
    iris *= (1 - 0.78 * limbus**1.5)[..., None]
    pupil = np.clip((0.40 - share) / 0.05, 0, 1)
    iris *= (1 - 0.97 * pupil)[..., None]
    light = (
        0.44
        + 0.50 * np.clip(facing(normal, lights.key.to) + 0.15, 0, 1)
        + 0.15 * np.clip(facing(normal, lights.fill.to), 0, 1)
    )
    ball = white * light[..., None]
    edge_of = np.clip((1.03 - share) / 0.09, 0, 1)
    edge_of = edge_of * edge_of * (3 - 2 * edge_of)
    ball += (iris * 1.05 - ball) * edge_of[..., None]
    # The upper lid and its lashes shade the eye, the lower one a little.
    hole = shape_of(outline - (left, top), x.shape)
    above = np.roll(hole, round(0.26 * unit), 0)
    shade = blurred(1 - above, 0.12, unit) * 0.78
    shade = np.maximum(shade, blurred(1 - hole, 0.09, unit) * 0.62)
    ball *= 1 - np.clip(shade, 0, 1)[..., None] * np.array([0.80, 0.88, 0.90], np.float32)
    spot_at = np.array([-0.27, 0.27]) + gaze[:2] * radius
    for dx, dy, wide, tall, strength in (
        (0, 0, 0.135, 0.155, 1.0),
        (0.46, -0.44, 0.10, 0.06, 0.28),
        (0.02, -0.23, 0.05, 0.03, 0.22),
    ):
        spot = ((x - spot_at[0] - dx) / wide) ** 4 + ((y - spot_at[1] - dy) / tall) ** 4
        ball += (np.clip((1.4 - spot) / 0.8, 0, 1) * strength)[..., None] * (
            np.array([1.0, 0.97, 0.92], np.float32) - ball * 0.6
        )
    glint = np.exp(-((((normal @ _half(lights.key.to)) - 1) / 0.004) ** 2))
    ball += glint[..., None] * 0.10
    over(part, ball, np.ones_like(hole))


def _half(way: Array) -> Array:
    half = way + np.array([0, 0, 1], np.float32)
    return np.asarray(half / np.linalg.norm(half), np.float32)


def _around(canvas: Array, points: Array, margin: float) -> tuple[Array, Array]:
    """Return the part of a canvas around pixels, and its left and top."""
    low = np.maximum(np.floor(points.min(0) - margin).astype(int), 0)
    high = np.ceil(points.max(0) + margin).astype(int)
    return canvas[low[1] : high[1], low[0] : high[0]], low


def _tapered(line: Array, share: Array, side: tuple[int, int], width: float) -> Array:
    """Return a line whose strength, 0 to 1, changes along it."""
    out = np.zeros(side, np.uint8)
    for at in range(len(line) - 1):
        fixed = np.round(line[at : at + 2] * 16).astype(np.int32)
        cv2.polylines(out, [fixed], False, int(255 * share[at]), max(1, round(width)), cv2.LINE_AA, shift=4)
    return np.asarray(out, np.float32) / 255


def lids(canvas: Array, view: View, surface: Surface, face: Face) -> None:
    """Paint lashes, the crease above the lid, and the wet edge below."""
    unit = view.unit
    rng = np.random.default_rng(face.seed + 21)
    for eye in EYES:
        ids = list(eye)
        upper = curve(view.pixels(surface.points[ids[:9]]), 12)
        lower = curve(view.pixels(surface.points[[ids[0], *ids[:8:-1], ids[8]]]), 12)
        part, low = _around(canvas, upper, 1.3 * unit)
        side = part.shape[:2]
        upper, lower = upper - low, lower - low
        middle = np.array([upper[:, 0].mean(), lower[:, 1].mean()])
        way = np.sign(upper[0, 0] - upper[-1, 0])  # to the outer corner
        t = np.linspace(0, 1, len(upper))
        arc = np.sin(np.pi * np.clip(t * 0.92 + 0.06, 0, 1)) ** 0.6
        # The fold of the upper lid.
        lift = (0.24 + 0.30 * np.sin(np.pi * np.clip(t * 0.95 + 0.02, 0, 1))) * unit * (1 - 0.35 * face.age)
        crease = upper - np.stack([-way * 0.10 * (1 - t) * unit, lift], 1)
        line = _tapered(crease[3:-5], arc[3:-5], side, 0.06 * unit)
        dark = blurred(line, 0.03, unit) * 0.8 + np.roll(blurred(line, 0.14, unit), -round(0.06 * unit), 0) * 0.7
        over(part, part * np.array([0.42, 0.25, 0.21], np.float32), np.clip(dark, 0, 0.8))
        shadow_of = _tapered(upper[2:-3] - [0, 0.08 * unit], arc[2:-3], side, 0.16 * unit)
        over(
            part,
            part * np.array([0.5, 0.34, 0.30], np.float32),
            blurred(shadow_of, 0.08, unit) * (0.35 + 0.4 * face.liner),
        )
        wet = blurred(line_of(lower[4:-4] + np.array([0, 0.02 * unit]), side, 0.05 * unit), 0.02, unit)
        over(part, part * 1.25 + 0.03, wet * 0.35)
        below = blurred(line_of(lower[:-6] + np.array([0, 0.09 * unit]), side, 0.05 * unit), 0.04, unit)
        over(part, part * np.array([0.55, 0.38, 0.34], np.float32), below * (0.30 + 0.3 * face.liner))
        lash = Strokes(side)
        for at in range(len(upper) - 3):
            place = t[at]
            width = (0.055 + 0.085 * face.lashes) * (0.55 + 0.65 * (1 - place)) * min(1.0, (1 - place) * 5 + 0.3)
            lash.add(upper[at : at + 2], (34, 22, 18), width * unit)
        lashes = ((upper, 84, 0.34 * face.lashes + 0.07, -1.0), (lower, 24, 0.08 * face.lashes, 1.0))
        for edge_line, count, length, up in lashes:
            for place in np.sort(rng.uniform(0.02, 0.80, count)):
                begin = edge_line[int(place * (len(edge_line) - 1))]
                out = np.array([(begin[0] - middle[0]) / unit * 0.55 + way * 0.25, up * 0.8])
                out = out / np.linalg.norm(out) * length * unit * rng.uniform(0.65, 1.1) * (1.15 - 0.55 * place)
                bend = np.array([way * 0.10, up * 0.10]) * length * unit
                points = np.stack([begin, begin + out * 0.55 + bend * 0.2 - [0, up * 0.05 * unit], begin + out + bend])
                lash.add(
                    curve(points, 6),
                    (40, 28, 22) if up < 0 else tuple(0.62 * each for each in face.skin),
                    (0.024 if up < 0 else 0.014) * unit,
                )
        lash.lay(part, 0.72 + 0.2 * face.lashes)


def brows(canvas: Array, view: View, surface: Surface, seen: Seen, face: Face, lights: Lights) -> None:
    """Paint brows of strokes that turn from upright at the nose to flat at the temple."""
    unit = view.unit
    rng = np.random.default_rng(face.seed + 31)
    colour = np.array(face.brows, np.float64)
    tint = linear(face.brows)
    for number, brow in enumerate(BROWS):
        ids = list(brow)
        low, high = surface.points[ids[:5]][::-1].copy(), surface.points[ids[5:]].copy()  # both from the nose outwards
        middle = (low + high) / 2
        spread = (high - low) * 0.5 * face.brow_width
        lift = np.array([0, face.brow_lift + (0.06 if number else 0.0), 0])
        line, thick = curve(middle + lift, 20), curve(spread, 20)
        under = view.pixels(line)
        part, corner = _around(canvas, under, 1.2 * unit)
        body = blurred(line_of(under[4:-8] - corner, part.shape[:2], 0.5 * unit * face.brow_width), 0.14, unit)
        over(part, part * (0.25 + 0.75 * tint / max(float(tint.max()), 0.05)), body * 0.42)
        strokes = Strokes(part.shape[:2])
        count = len(line) - 1
        for place in np.sort(rng.uniform(0, 1, 760)):
            at = place * 0.97
            index = int(at * count)
            width = np.interp(at, [0, 0.08, 0.5, 0.8, 1], [0.55, 0.95, 1.0, 0.62, 0.15])
            root = line[index] + thick[index] * rng.uniform(-1, 0.75) * width
            along = line[min(index + 3, count)] - line[max(index - 3, 0)]
            along = along / max(float(np.linalg.norm(along)), 1e-6)
            up = np.interp(at, [0, 0.15, 0.4, 1], [1.7, 0.9, 0.42, 0.05]) + rng.normal(0, 0.10)
            toward = along + np.array([0, up, 0])
            long = rng.uniform(0.32, 0.62) * np.interp(at, [0, 0.2, 1], [0.8, 1, 0.8])
            toward = toward / np.linalg.norm(toward) * long
            points = curve(view.pixels(np.stack([root, root + toward * 0.4, root + toward * 0.6 + along * 0.12])), 5)
            strokes.add(points - corner, colour * rng.uniform(0.72, 1.35), 0.022 * unit)
        light = np.clip(facing(seen.normal, lights.key.to), 0.25, 1) * 0.7 + 0.35
        strokes.lay(part, 0.80, light[corner[1] : corner[1] + part.shape[0], corner[0] : corner[0] + part.shape[1]])


def ears(canvas: Array, view: View, surface: Surface, face: Face, lights: Lights) -> Array:
    """Paint ears, to be partly covered by the head, and return where they are."""
    cover = np.zeros(view.shape, np.float32)
    for way in (-1, 1):
        rim = [
            (-0.6, 2.0),
            (0.15, 2.75),
            (0.95, 2.95),
            (1.6, 2.35),
            (1.75, 1.3),
            (1.5, 0.2),
            (1.15, -0.8),
            (0.95, -1.7),
            (0.45, -2.45),
            (-0.1, -2.3),
            (-0.6, -1.5),
        ]
        base = surface.points[454 if way > 0 else 234] + [-way * 0.15, 0.15, -0.9]
        at = view.pixels(base)

        def flat(line: Any, at: Array = at, way: int = way) -> Array:
            points = np.array(line, np.float64)
            return np.asarray(at + np.stack([way * points[:, 0], -points[:, 1]], 1) * view.unit * 0.97)

        outline = curve(flat(rim), 12, True)
        part, low = _around(canvas, outline, 0.5 * view.unit)
        side, unit = part.shape[:2], view.unit
        mask = shape_of(outline - low, side)
        relief = np.zeros(side, np.float32)
        far = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / unit
        relief += 0.22 * np.sqrt(np.clip(1 - (1 - np.clip(far / 0.32, 0, 1)) ** 2, 0, 1)).astype(np.float32)
        anti = [(0.2, 2.0), (0.85, 1.7), (1.0, 0.7), (0.72, -0.4), (0.45, -1.0)]
        for line, high, wide, soft in (
            (rim[1:7], 0.10, 0.16, 0.10),
            (anti, 0.22, 0.2, 0.14),
            ([(0.3, 1.0), (0.45, 0.2), (0.3, -0.5)], -0.42, 0.5, 0.22),
            ([(-0.15, 0.5), (-0.05, -0.1)], 0.22, 0.25, 0.14),
            ([(1.3, 2.0), (1.36, 1.0), (1.1, 0.0)], -0.16, 0.12, 0.10),
        ):
            drawn = line_of(curve(flat(line), 12) - low, side, wide * unit)
            relief += high * blurred(drawn, soft, unit)
        base_normal = np.array([way * 0.42, 0.05, 0.9], np.float32)
        normal = np.broadcast_to(base_normal / np.linalg.norm(base_normal), (*side, 3))
        normal = bumped(normal, blurred(relief, 0.03, unit), unit)
        albedo = np.empty((*side, 3), np.float32)
        albedo[:] = 0.45 * linear(face.skin) + 0.55 * linear(face.flush)
        deep = np.clip(blurred(relief, 0.3, unit) - relief, 0, 1)
        open_ = np.clip(1 - 4.5 * deep, 0.25, 1) * 0.92
        lit = np.full(side, 0.9 if way < 0 else 0.55, np.float32)
        out = skin_light(normal, albedo, lights, lit, open_, mask, unit)
        out += (shine(normal, lights.key.to, 16) * 0.05 * face.gloss)[..., None] * np.array(
            lights.key.colour, np.float32
        )
        out += rim_light(normal, lights, 1.2) * (albedo * 0.7 + 0.05)
        over(part, out, mask)
        shown = cover[low[1] : low[1] + side[0], low[0] : low[0] + side[1]]
        shown[:] = np.maximum(shown, mask)
    return cover
