"""A face with another mouth: its mesh is warped around the lips, and what is behind them is drawn.

Only pixels around the mouth change; the others come out as they are. Teeth, tongue and shadow take their colours from
the lips and the skin, so that they fit the light of the picture.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.lips.base import Picture, Points
from workers.lips.landmarks import mesh
from workers.lips.shape import INNER, LOWER, MESH_POINTS, OUTER, OVAL, UPPER, Frame, moved
from workers.lips.visemes import Mouth

SHIFT = 4  # bits of a pixel's fraction in OpenCV's polygons
STILL = 0.02  # pixels; a point that moves less stays
APRON = 0.30  # how far around the face the skin and what is behind it gives way, as a share of the face
RIM = 0.75  # of the way from the edge of a lip to its next ring
# In distances between the outer corners of the eyes: the teeth from the middle to the side, and how much of them shows.
TEETH = (0.0, 0.088, 0.160, 0.228, 0.285, 0.335)
TEETH_SHOW, LOWER_SHOW = 0.050, 0.022

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a picture that is drawn: its left and top edge, and its pixels, float32 [h, w, 3]."""

    left: int
    top: int
    pixels: Floats


class Colours(NamedTuple):
    """Colours of a face in its light, RGB [3]."""

    lips: Floats
    teeth: Floats


def with_mouth(picture: Picture, points: Points, mouth: Mouth) -> Picture:
    """Return a picture, uint8 RGB [H, W, 3], with the mouth of the face at `points` [478, 3] as it is asked for."""
    frame = Frame.of(points)
    new = frame.placed(moved(frame, mouth))
    part = _warped(picture, frame, points[:MESH_POINTS, 2], new)
    if part is None:
        return picture
    _inside(part, frame, new, mouth, _colours(picture, frame))
    out = picture.copy()
    height, width = part.pixels.shape[:2]
    rounded = np.clip(part.pixels + np.float32(0.5), 0, 255).astype(np.uint8)
    out[part.top : part.top + height, part.left : part.left + width] = rounded
    return out


@functools.cache
def _triangles() -> NDArray[np.int32]:
    """Return the triangles of the face without those between the lips, and an apron around it, [N, 3].

    The points of the apron come after those of the face: one for each of OVAL.
    """
    face = mesh().triangles
    face = face[~np.isin(face, INNER).all(1)]
    count, oval = len(OVAL), np.array(OVAL)
    own = np.arange(count)
    following = (own + 1) % count
    one = np.stack([oval[own], oval[following], MESH_POINTS + own], 1)
    other = np.stack([oval[following], MESH_POINTS + following, MESH_POINTS + own], 1)
    return np.concatenate([one, other, face]).astype(np.int32)


def _warped(picture: Picture, frame: Frame, depth: Floats, new: Doubles) -> Part | None:
    """Return the pixels around the mouth after its points have moved; None where nothing moves."""
    oval = frame.pixels[list(OVAL)]
    apron = oval + (oval - oval.mean(0)) * APRON
    here, there = np.concatenate([frame.pixels, apron]), np.concatenate([new, apron])
    for rings in (UPPER, LOWER):  # what the edge of a lip shows is taken from within it: teeth or shadow may lie on it
        edge, within = list(rings[3][1:-1]), list(rings[2][1:-1])
        here[edge] += RIM * (here[within] - here[edge])
    far = np.concatenate([depth, np.full(len(apron), depth.max() + 1, np.float32)])
    moves = np.abs(there - here).max(1) > STILL
    triangles = _triangles()
    triangles = triangles[moves[triangles].any(1)]
    if not len(triangles):
        return None
    triangles = triangles[np.argsort(-far[triangles].mean(1), kind="stable")]
    # What faces away, before or after, is behind the rest.
    before, after = _areas(here[triangles]), _areas(there[triangles])
    triangles = triangles[(before * np.sign(np.median(before)) > 0.25) & (before * after > 0)]
    height, width = picture.shape[:2]
    reach = np.concatenate([there[triangles], here[triangles]]).reshape(-1, 2)
    left, top = np.maximum(np.floor(reach.min(0)).astype(int) - 2, 0)
    right = min(width, int(np.ceil(reach[:, 0].max())) + 3)
    bottom = min(height, int(np.ceil(reach[:, 1].max())) + 3)
    if right - left < 2 or bottom - top < 2:
        return None
    labels = np.zeros((bottom - top, right - left), np.int32)
    polygons = _fixed(there[triangles] - (left, top))
    for number, polygon in enumerate(polygons, 1):
        cv2.fillConvexPoly(labels, polygon, number, shift=SHIFT)
    square = np.concatenate([there[triangles], np.ones((len(triangles), 3, 1))], 2)
    flat = np.abs(np.linalg.det(square)) < 1e-6
    square[flat] += np.eye(3) * 1e-3
    planes = np.linalg.solve(square, here[triangles])
    planes = np.concatenate([[[[1, 0], [0, 1], [0, 0]]], planes]).astype(np.float32)
    mine = planes.reshape(-1, 6)[labels]
    x = np.arange(left, right, dtype=np.float32)[None]
    y = np.arange(top, bottom, dtype=np.float32)[:, None]
    from_x = mine[..., 0] * x + mine[..., 2] * y + mine[..., 4]
    from_y = mine[..., 1] * x + mine[..., 3] * y + mine[..., 5]
    pixels = cv2.remap(picture, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return Part(int(left), int(top), pixels.astype(np.float32))


def _inside(part: Part, frame: Frame, new: Doubles, mouth: Mouth, colours: Colours) -> None:
    """Draw what is seen between the lips."""
    height, width = part.pixels.shape[:2]
    hole = new[list(INNER)] - (part.left, part.top)
    margin = 4
    left, top = np.clip(np.floor(hole.min(0)).astype(int) - margin, 0, (width, height))
    right, bottom = np.clip(np.ceil(hole.max(0)).astype(int) + margin + 1, 0, (width, height))
    if right <= left or bottom <= top:
        return
    x = np.arange(left, right, dtype=np.float32)[None] + np.float32(part.left)
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(part.top)
    across, down = frame.seen(x, y)
    pixels = part.pixels[top:bottom, left:right]
    edges = _edges(frame, new)
    above, below = (np.interp(across, *edge).astype(np.float32) for edge in edges)
    wide = max(float(np.abs(edges[0][0]).max()), 1e-3)
    pixel = 1 / frame.size
    _seam(pixels, across, down, above, below, wide, pixel, colours)
    if float((edges[1][1] - edges[0][1]).max()) < 0.6 * pixel:
        return
    drawn = _cavity(across, down, above, below, wide, mouth, colours)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(mask, [_fixed(hole - (left, top))], 255, cv2.LINE_AA, SHIFT)
    # A little over the edge, where the rim of what was between the lips before would show.
    rim = 2 * round(0.006 * frame.size) + 1
    wider = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim))).astype(np.float32)
    soft = max(0.6, 0.006 * frame.size)
    share = cv2.GaussianBlur(wider / 255, (0, 0), soft)[..., None]
    pixels += (cv2.GaussianBlur(drawn, (0, 0), soft) - pixels) * share


def _edges(frame: Frame, new: Doubles) -> tuple[tuple[Doubles, Doubles], tuple[Doubles, Doubles]]:
    """Return the inner edges of the upper and the lower lip, as x and y that go from left to right."""
    basis = np.stack([frame.across, frame.down], 1)
    out = []
    for ring in (UPPER[3], LOWER[3]):
        x, y = np.linalg.solve(basis, (new[list(ring)] - frame.middle).T)
        order = np.argsort(x)
        out.append((x[order], y[order]))
    return out[0], out[1]


def _seam(
    pixels: Floats,
    across: Floats,
    down: Floats,
    above: Floats,
    below: Floats,
    wide: float,
    pixel: float,
    colours: Colours,
) -> None:
    """Darken the line in which lips meet; a mouth that was open has none."""
    gap = np.maximum(below - above, 0)
    thick = max(0.007, 0.8 * pixel)
    line = np.exp(-(((down - (above + below) / 2) / thick) ** 2)) * np.clip(1 - gap / 0.03, 0, 1)
    line *= np.clip((1.04 - np.abs(across) / wide) / 0.06, 0, 1) * 0.55
    pixels += (colours.lips * np.float32(0.42) - pixels) * line[..., None].astype(np.float32)


def _cavity(
    across: Floats, down: Floats, above: Floats, below: Floats, wide: float, mouth: Mouth, colours: Colours
) -> Floats:
    """Return the dark of a mouth with its tongue and teeth, float32 [h, w, 3]."""
    gap = np.maximum(below - above, 1e-4)
    widest = float(gap.max())
    deep, up = down - above, below - down  # from the upper and from the lower lip
    side = np.sqrt(np.clip(1 - (across / wide) ** 2, 0, 1))
    dark = colours.lips * np.array([0.26, 0.13, 0.13], np.float32)
    out = np.broadcast_to(dark, (*deep.shape, 3)).astype(np.float32)
    # The tongue: a soft mound, lit on its top, that comes forward for sounds that it makes.
    tall = widest * (0.46 + 0.2 * mouth.tongue) * side
    on_tongue = _step((tall - up) / max(0.3 * widest, 0.02)) * side
    lit = 0.62 + 0.3 * np.clip(up / np.maximum(tall, 1e-3), 0, 1) - 0.10 * np.exp(-((across / 0.035) ** 2))
    flesh = colours.lips * np.array([0.92, 0.66, 0.66], np.float32)
    out = _over(out, flesh * lit[..., None], 0.85 * on_tongue * (0.5 + 0.5 * min(1.0, widest / 0.08)))
    # The lower teeth are seen where the jaw is nearly shut and the lips are apart.
    shown = LOWER_SHOW * float(np.clip(1.6 - widest / 0.06, 0.25, 1)) * side**0.7
    lower = _step((shown - up) / 0.008) * np.clip(widest / 0.03, 0, 1)
    out = _over(out, _teeth(across * 1.35, colours, wide) * 0.62, 0.75 * lower * side)
    # The upper teeth: their edges stay where they are; the lip uncovers them.
    middle = float(np.interp(0.0, across[across.shape[0] // 2], above[above.shape[0] // 2]))
    round_lips = 1 - 0.55 * max(0.0, -mouth.wide)
    show = min(TEETH_SHOW, 0.62 * widest) * round_lips
    edge = middle + show - 0.10 * across**2 + _scallop(across)
    upper = _step((edge - down) / 0.009)
    out = _over(out, _teeth(across, colours, wide), upper * np.clip(side * 1.5, 0, 1))
    # The lip's shadow, and the dark towards the corners.
    shade = (0.58 + 0.42 * _step(deep / 0.026)) * (0.42 + 0.58 * side)
    # In the corners the lips themselves are seen, in their own shadow.
    return _over(out * shade[..., None], colours.lips * np.float32(0.5), 1 - _step(side / 0.65))


def _teeth(across: Floats, colours: Colours, wide: float) -> Floats:
    """Return the colours of a row of teeth: it falls back to the sides, and is a little darker between two."""
    away = np.abs(across)
    fall = np.exp(-((away / (0.62 * wide + 0.08)) ** 2))
    between = np.zeros_like(away)
    for at in TEETH:
        between += np.exp(-(((away - at) / 0.006) ** 2)) * (0.16 if at else 0.20)
    light = (0.40 + 0.60 * fall) * (1 - np.minimum(between, 0.3))
    return np.asarray(colours.teeth * light[..., None], np.float32)


def _scallop(across: Floats) -> Floats:
    """Return how far the edges of the upper teeth are from a straight line: rounded, the second ones shorter."""
    away = np.minimum(np.abs(across), TEETH[-1] - 1e-4)
    number = np.searchsorted(np.array(TEETH), away, "right") - 1
    begin, end = np.array(TEETH)[number], np.array(TEETH)[number + 1]
    place = (away - begin) / (end - begin) * 2 - 1
    shorter = np.array([0.0, 0.007, 0.002, 0.008, 0.012])[number]
    return np.asarray(-shorter - 0.007 * place**4, np.float32)


def _colours(picture: Picture, frame: Frame) -> Colours:
    """Take the colours of the lips and the lightest skin of the lower face."""
    inside, outside = frame.pixels[list(INNER)], frame.pixels[list(OUTER)]
    cheeks = frame.placed(np.array([[-0.5, -0.35], [0.5, -0.35], [0.4, 0.4], [-0.4, 0.4]]))
    every = np.concatenate([outside, cheeks])
    height, width = picture.shape[:2]
    left, top = np.clip(np.floor(every.min(0)).astype(int), 0, (width - 2, height - 2))
    right, bottom = np.clip(np.ceil(every.max(0)).astype(int) + 1, (left + 2, top + 2), (width, height))
    part = picture[top:bottom, left:right]
    mask = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(mask, [_fixed(outside - (left, top))], 255, shift=SHIFT)
    skin = cv2.dilate(mask, np.ones((5, 5), np.uint8)) == 0
    cv2.fillPoly(mask, [_fixed(inside - (left, top))], 0, shift=SHIFT)
    lips = np.array(cv2.mean(part, mask)[:3], np.float32) if mask.any() else np.full(3, 120, np.float32)
    found = part[skin].astype(np.float32)
    if not len(found):
        found = part.reshape(-1, 3).astype(np.float32)
    light = found.mean(1)
    bright = found[light >= np.percentile(light, 85)].mean(0)
    level = float(bright.mean())
    tint = np.sqrt(bright / max(level, 1.0) / np.array([1.16, 0.98, 0.86], np.float32))
    teeth = (0.62 * level + 72) * np.array([1.03, 0.985, 0.92], np.float32) * tint
    return Colours(lips, np.minimum(teeth, 245).astype(np.float32))


def _over(below: Floats, above: Floats, share: Floats) -> Floats:
    return np.asarray(below + (above - below) * share[..., None], np.float32)


def _step(value: Floats) -> Floats:
    """Return 0 below 0 and 1 above 1, with a soft way between them."""
    value = np.clip(value, 0, 1)
    return np.asarray(value * value * (3 - 2 * value), np.float32)


def _areas(corners: Doubles) -> Doubles:
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])


def _fixed(places: Doubles) -> NDArray[np.int32]:
    """Return places as OpenCV's polygons take them, with SHIFT bits of fraction."""
    return np.asarray(np.round(places * (1 << SHIFT)), np.int32)
