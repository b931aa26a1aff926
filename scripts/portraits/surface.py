"""Surfaces: the head from MediaPipe's canonical face, subdivided, and how triangles become pixels.

Places are in cm of the head: x to the right of the picture, y up, z to the camera; the eyes are at y = 2.6, the chin
is at -9.4. Buffers are float32 [H, W, ...] of the whole canvas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.lips.landmarks import mesh
from workers.lips.shape import INNER, LOWER, OVAL, UPPER

Array = NDArray[Any]
Place = tuple[float, float, float]

FAR = 95.0  # cm from the middle of the head to the camera
MIDDLE, EYES_AT, UNIT = 0.5, 0.468, 26.0 / 1920  # of the canvas: where the head is, and how long a cm is
SKULL, RADII = np.array([0.0, 3.4, -3.2]), np.array([7.75, 8.9, 9.3])
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
LIDS = tuple(eye[1:8] for eye in EYES)
LASHES = tuple(eye[:8:-1] for eye in EYES)
BROWS = ((46, 53, 52, 65, 55, 107, 66, 105, 63, 70), (276, 283, 282, 295, 285, 336, 296, 334, 293, 300))


@dataclass(frozen=True, slots=True)
class Push:
    """What moves a part of the face: points within about `reach` cm of a place go by (x, y, z) cm.

    x is outward, away from the middle: both sides of the face move alike, but for `only` -1 or 1.
    """

    at: Place
    reach: float
    by: Place
    only: int = 0


def smile(share: float) -> tuple[Push, ...]:
    """Return what makes a friendly face: corners of the mouth go up and out, cheeks and lower lids follow."""
    return tuple(
        Push(at, reach, (share * by[0], share * by[1], share * by[2]))
        for at, reach, by in (
            ((2.5, -4.35, 4.3), 1.0, (0.26, 0.34, -0.16)),
            ((3.7, -1.7, 4.6), 1.6, (0.10, 0.22, 0.30)),
            ((3.2, 1.9, 3.9), 0.8, (0.0, 0.14, 0.04)),
            ((0.0, -4.6, 5.3), 1.1, (0.0, -0.08, -0.06)),
        )
    )


@dataclass(frozen=True, slots=True)
class Build:
    """The shape of a head: how wide and long its face is, its neck, what is moved, and how it is turned (degrees)."""

    wide: float = 1.0
    long: float = 1.0
    neck: float = 5.2
    open: float = 1.0  # how far the eyes are
    eyes: float = 1.0  # how large they are
    pushes: tuple[Push, ...] = ()
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


@dataclass(slots=True)
class View:
    """Where things are on a square canvas of `side` pixels, of which a window is drawn: its left, top, right and bottom
    in shares of the canvas."""

    side: int
    build: Build
    window: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    turn: Array = field(init=False)

    def __post_init__(self) -> None:
        yaw, pitch, roll = (math.radians(a) for a in (self.build.yaw, self.build.pitch, self.build.roll))
        about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
        about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
        about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
        self.turn = about_z @ about_x @ about_y

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The window in pixels of the canvas."""
        left, top, right, bottom = (round(each * self.side) for each in self.window)
        return left, top, right, bottom

    @property
    def shape(self) -> tuple[int, int]:
        left, top, right, bottom = self.box
        return bottom - top, right - left

    @property
    def unit(self) -> float:
        """Pixels of a cm at the middle of the head."""
        return UNIT * self.side

    def turned(self, places: Array) -> Array:
        """Return places [..., 3] of the head as they are before the camera; the foot of the neck stays."""
        share = np.clip((places[..., 1:2] + 19) / 10, 0, 1)
        share = share * share * (3 - 2 * share)
        pivot = np.array([0.0, -6.0, -3.0])
        return np.asarray(places + share * ((places - pivot) @ self.turn.T + pivot - places))

    def seen(self, turned: Array) -> Array:
        """Return pixels [..., 2] of places before the camera."""
        near = FAR / (FAR - turned[..., 2])
        left, top = self.box[:2]
        x = MIDDLE * self.side - left + turned[..., 0] * near * self.unit
        y = EYES_AT * self.side - top - (turned[..., 1] * near - 2.6) * self.unit
        return np.stack([x, y], -1)

    def pixels(self, places: Array) -> Array:
        """Return pixels [..., 2] of places of the head."""
        return self.seen(self.turned(np.asarray(places, np.float64)))

    def cm(self, deep: float = 0.0) -> tuple[Array, Array]:
        """Return x and y in cm, [H, W], of what every pixel shows at a depth before the camera."""
        rows, columns = (np.arange(count, dtype=np.float32) for count in self.shape)
        near = FAR / (FAR - deep)
        x = (columns + self.box[0] - MIDDLE * self.side) / (near * self.unit)
        y = ((EYES_AT * self.side - rows - self.box[1]) / self.unit + 2.6) / near
        return np.broadcast_to(x[None], self.shape), np.broadcast_to(y[:, None], self.shape)


@dataclass(slots=True)
class Surface:
    """A mesh: `points` [N, 3] in cm, `triangles` [M, 3] of them. The first 468 points are the landmarks."""

    points: Array
    triangles: Array

    def normals(self) -> Array:
        corners = self.points[self.triangles]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        out = np.zeros_like(self.points)
        for corner in range(3):
            np.add.at(out, self.triangles[:, corner], across)
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9))


@dataclass(slots=True)
class Seen:
    """A surface on the canvas: where it is (`mask`, bool), its normals and places before the camera, and its places
    on the head at rest; float32 [H, W, 3]."""

    mask: Array
    normal: Array
    place: Array
    rest: Array


def head(build: Build) -> Surface:
    """Return a head: face, skull and neck, its lips closed and its eyes holes with rims."""
    face = mesh()
    points = face.points.astype(np.float64)
    points[:, 0] *= build.wide
    points[:, 1] *= np.where(points[:, 1] < 2.6, build.long, 1.0)
    points[:, 1] += 2.6 * (1 - build.long) * (points[:, 1] < 2.6)
    _shut(points)
    _enlarge(points, build.eyes)
    _open(points, build.open)
    for push in build.pushes:
        _pushed(points, push)
    triangles = face.triangles[~np.isin(face.triangles, INNER).all(1)]
    for eye in EYES:
        triangles = triangles[~np.isin(triangles, eye).all(1)]
    parts, more = [points], [triangles]
    count = len(points)
    for ring, back in ((EYES[0], 0.28), (EYES[1], 0.28), (INNER, 0.7)):  # lids and lips have thickness
        rim = points[list(ring)].copy()
        middle = rim.mean(0)
        rim[:, :2] += (rim[:, :2] - middle[:2]) * (0.02 if ring is not INNER else 0.0)
        rim[:, 2] -= back
        more.append(_strip(np.array(ring), np.arange(count, count + len(ring)), _around(triangles, ring)))
        parts.append(rim)
        count += len(ring)
    before, along = np.array(OVAL), _around(triangles, OVAL)
    for ring_points in _back(points[list(OVAL)], build.neck):
        after = np.arange(count, count + len(OVAL))
        more.append(_strip(before, after, along))
        parts.append(ring_points)
        count, before = count + len(OVAL), after
    surface = Surface(np.concatenate(parts), np.concatenate(more).astype(np.int64))
    return subdivided(subdivided(surface))


def _shut(points: Array) -> None:
    """Close the lips, so that they touch along a soft curve."""
    for rings in range(1, 4):
        share = (0.0, 0.10, 0.35, 0.5)[rings]
        for upper, lower in zip(UPPER[rings][1:-1], LOWER[rings][1:-1], strict=True):
            gap = points[UPPER[3][UPPER[rings].index(upper)]] - points[LOWER[3][LOWER[rings].index(lower)]]
            points[upper, 1] -= share * gap[1] * (1 if rings < 3 else 0)
            points[lower, 1] += share * gap[1] * (1 if rings < 3 else 0)
    for upper, lower in zip(UPPER[3][1:-1], LOWER[3][1:-1], strict=True):
        middle = 0.5 * (points[upper] + points[lower])
        points[upper], points[lower] = middle + np.array([0, 0.015, 0]), middle - np.array([0, 0.015, 0.03])


def _open(points: Array, share: float) -> None:
    """Open the eyes further than the mesh has them, the skin above going along a little."""
    rest = points.copy()
    for eye, lids, lashes in zip(EYES, LIDS, LASHES, strict=True):
        middle = rest[list(eye)].mean(0)
        half = 0.5 * abs(rest[eye[0], 0] - rest[eye[8], 0])
        for ring, way in ((lids, 0.36), (lashes, -0.10)):
            for at in ring:
                arc = 1 - min(1.0, abs(rest[at, 0] - middle[0]) / half) ** 2.4
                points[at, 1] += way * share * arc
                points[at, 2] += 0.10 * arc
        near = np.abs(rest[:, 0] - middle[0]) < 1.25 * half
        above = near & (rest[:, 1] > middle[1] + 0.1) & (rest[:, 1] < middle[1] + 1.9)
        above[list(eye)] = False
        arc = 1 - np.minimum(1, np.abs(rest[above, 0] - middle[0]) / (1.25 * half)) ** 2
        points[above, 1] += 0.26 * share * arc * np.clip((middle[1] + 1.9 - rest[above, 1]) / 1.5, 0, 1)


def _enlarge(points: Array, size: float) -> None:
    rest = points.copy()
    for eye in EYES:
        away = rest[:, :2] - rest[list(eye), :2].mean(0)
        share = np.exp(-((np.linalg.norm(away, axis=1) / 2.5) ** 4))
        points[:, :2] += away * (size - 1) * share[:, None]


def _pushed(points: Array, push: Push) -> None:
    for side in (-1, 1):
        if (push.only and side != push.only) or (push.at[0] == 0 and side == -1):
            continue
        away = points - np.array([side * push.at[0], push.at[1], push.at[2]])
        share = np.exp(-(away**2).sum(1) / push.reach**2)[:, None]
        outward = np.sign(points[:, 0]) * np.minimum(1, np.abs(points[:, 0])) if push.at[0] == 0 else side
        by = np.stack([outward * push.by[0] * np.ones(len(points)), np.full(len(points), push.by[1]),
                       np.full(len(points), push.by[2])], 1)  # fmt: skip
        points += share * by


def _around(triangles: Array, ring: Any) -> bool:
    """Return whether the triangles that touch a ring go along its first edge."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return bool(((edges[:, 0] == ring[0]) & (edges[:, 1] == ring[1])).any())


def _strip(one: Array, other: Array, along: bool) -> Array:
    """Return the triangles between two rings."""
    following = np.roll(np.arange(len(one)), -1)
    first = np.stack([one, one[following], other], 1)
    second = np.stack([one[following], other[following], other], 1)
    strip = np.concatenate([first, second])
    return strip[:, ::-1] if along else strip


def _back(oval: Array, neck: float) -> list[Array]:
    """Return rings that go from the edge of the face over the skull, and under the jaw down the neck."""
    lower = np.clip((0.5 - oval[:, 1]) / 5.5, 0, 1)[:, None]
    lower = lower * lower * (3 - 2 * lower)
    way = (oval - SKULL) / RADII
    length = np.linalg.norm(way, axis=1, keepdims=True)
    side = np.sign(oval[:, :1]) * np.minimum(np.abs(oval[:, :1]) / 6.2, 1) ** 0.8 * 1.45
    rings = []
    pole = np.array([0.0, -0.15, -1.0])
    for step, (t, inward, down) in enumerate(
        ((0.16, 0.20, 0.6), (0.36, 0.60, 2.0), (0.6, 1.0, 5.0), (0.85, 1.06, 12.0))
    ):
        over = way / length * (1 - t) + pole * t
        over = over / np.linalg.norm(over, axis=1, keepdims=True) * (length * (1 - min(1, 2 * t)) + min(1, 2 * t))
        over = SKULL + over * RADII
        base = np.concatenate(
            [neck * np.sin(side), oval[:, 1:2] * 0.25 - 7.2 - down, -3.6 + 0.95 * neck * np.cos(side)], 1
        )
        under = oval + (base - oval) * [inward, 1, inward]
        under[:, 1] = oval[:, 1] + (base[:, 1] - oval[:, 1]) * (0.09, 0.32, 0.8, 1.0)[step]
        rings.append(over + (under - over) * lower)
    return rings


def subdivided(surface: Surface) -> Surface:
    """Return a surface with four triangles for each, its points smoothed (Loop, 1987); edges stay smooth curves."""
    points, triangles = surface.points, surface.triangles
    count = len(points)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    opposite = np.concatenate([triangles[:, 2], triangles[:, 0], triangles[:, 1]])
    unique, inverse, times = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    ends = points[unique].sum(1)
    across = np.zeros_like(ends)
    np.add.at(across, inverse, points[opposite])
    border = times == 1
    middle = np.where(border[:, None], ends / 2, 0.375 * ends + 0.125 * across)
    total, near = np.zeros_like(points), np.zeros(count)
    for one, other in ((0, 1), (1, 0)):
        np.add.at(total, unique[:, one], points[unique[:, other]])
        np.add.at(near, unique[:, one], 1)
    beta = (0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / np.maximum(near, 1))) ** 2) / np.maximum(near, 1)
    moved = points * (1 - near * beta)[:, None] + total * beta[:, None]
    rim = np.zeros_like(points)
    for one, other in ((0, 1), (1, 0)):
        np.add.at(rim, unique[border, one], points[unique[border, other]])
    on_rim = np.unique(unique[border])
    moved[on_rim] = 0.75 * points[on_rim] + 0.125 * rim[on_rim]
    first, second, third = (count + part for part in np.split(inverse, 3))
    a, b, c = triangles.T
    more = [(a, first, third), (b, second, first), (c, third, second), (first, second, third)]
    return Surface(np.concatenate([moved, middle]), np.concatenate([np.stack(each, 1) for each in more]))


def raster(pixels: Array, depth: Array, triangles: Array, values: Array, side: tuple[int, int]) -> tuple[Array, Array]:
    """Draw triangles far to near; return where they are, bool [H, W], and their values [H, W, K] between points."""
    corners = pixels[triangles]
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    order = np.argsort(depth[triangles].mean(1), kind="stable")
    order = order[area[order] < -1e-6]
    labels = np.zeros(side, np.int32)
    for number, polygon in enumerate(np.round(corners[order] * 16).astype(np.int32), 1):
        cv2.fillConvexPoly(labels, polygon, number, shift=4)
    out = np.zeros((*side, values.shape[1]), np.float32)
    rows, columns = np.nonzero(labels)
    mine = labels[rows, columns] - 1
    square = np.concatenate([corners[order], np.ones((len(order), 3, 1))], 2)
    planes = np.linalg.solve(square, values[triangles[order]])
    told = planes[mine, 0] * columns[:, None] + planes[mine, 1] * rows[:, None] + planes[mine, 2]
    mine_values = values[triangles[order]]
    told = np.clip(told, mine_values.min(1)[mine], mine_values.max(1)[mine])
    out[rows, columns] = told
    return labels > 0, out


def drawn(surface: Surface, view: View) -> Seen:
    """Return how a surface of the head is seen."""
    turned = view.turned(surface.points)
    normals = Surface(turned, surface.triangles).normals()
    values = np.concatenate([normals, turned, surface.points], 1)
    mask, out = raster(view.seen(turned), turned[:, 2], surface.triangles, values, view.shape)
    normal = out[..., :3]
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-6)
    return Seen(mask, normal, out[..., 3:6], out[..., 6:9])


def shadow(surface: Surface, view: View, seen: Seen, light: Array, fine: float = 14.0) -> Array:
    """Return how much of a light from a direction reaches each pixel of a surface, 0 to 1, its edges not yet soft."""
    away = light / np.linalg.norm(light)
    right = np.cross([0.0, 1.0, 0.0], away)
    right /= np.linalg.norm(right)
    up = np.cross(away, right)
    basis = np.stack([right, up, away])
    turned = view.turned(surface.points) @ basis.T
    low = turned.min(0)
    size = (np.ceil((turned.max(0) - low)[:2] * fine).astype(int) + 3).tolist()
    flat = np.stack([(turned[:, 0] - low[0]) * fine + 1, size[1] - 2 - (turned[:, 1] - low[1]) * fine], 1)
    mask, out = raster(flat, turned[:, 2], surface.triangles, turned[:, 2:3] - low[2], (size[1], size[0]))
    deep = np.where(mask, out[..., 0], -1e3).astype(np.float32)
    mine = seen.place @ basis.T.astype(np.float32)
    x = ((mine[..., 0] - low[0]) * fine + 1).astype(np.float32)
    y = (size[1] - 2 - (mine[..., 1] - low[1]) * fine).astype(np.float32)
    there = cv2.remap(deep, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=-1e3)
    return np.asarray((there - (mine[..., 2] - low[2]) < 0.35), np.float32)
