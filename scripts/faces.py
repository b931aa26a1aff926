"""Faces that belong to nobody: heads rendered from MediaPipe's canonical mesh, to test and measure lip sync with.

Everything about them is ours or computed, but for the shape of the face, which comes with the landmark models.
They turn, blink and move their mouths, so that a clip of them has something to override.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.lips.landmarks import mesh

SIDE = 1024  # pixels of the texture, which is the face as it is seen from the front
LOW, HIGH = np.array([-9.0, -11.0]), np.array([9.0, 10.0])  # cm that it shows
FINE = 2  # pixels that are rendered for one, in each direction; 1 is quicker, for clips
OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
UPPER, LOWER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308), (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
INNER = (*UPPER, *LOWER[-2:0:-1])
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LASHES = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody looks; `wide` and `long` stretch the face."""

    name: str
    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour = (96, 68, 44)
    beard: bool = False
    glasses: bool = False
    wide: float = 1.0
    long: float = 1.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head is and what it does: angles in degrees, its middle and the width of its face in pixels, its mouth
    and lids 0 to 1."""

    x: float
    y: float
    width: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    mouth: float = 0.0
    blink: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A clip: its people, each with a pose for its place in seconds, and when it cuts to the next scene."""

    people: tuple[Person, ...]
    poses: tuple[Pose, ...]
    seconds: float
    wall: Colour = (150, 158, 168)
    moves: float = 1.0  # how much heads move
    speaks: float = 0.35  # how far mouths open


PEOPLE = {
    person.name: person
    for person in (
        Person("mara", (222, 178, 152), (186, 96, 92), (70, 44, 30), seed=3),
        Person("jonas", (206, 160, 132), (164, 96, 86), (44, 34, 28), beard=True, wide=1.06, seed=5),
        Person("ada", (148, 102, 76), (128, 66, 62), (28, 22, 20), iris=(60, 40, 26), glasses=True, seed=8),
    )
}


@dataclass(slots=True)
class Clip:
    """Scenes one after another as `workers.lips.base.Clip`: frames are rendered as they are read."""

    scenes: tuple[Scene, ...]
    width: int = 1280
    height: int = 720
    fps: Fraction = field(default_factory=lambda: Fraction(25))
    fine: int = 1

    @property
    def frames(self) -> int:
        return sum(round(scene.seconds * self.fps) for scene in self.scenes)

    def read(self, first: int = 0) -> Iterator[Picture]:
        place = 0
        for number, scene in enumerate(self.scenes):
            count = round(scene.seconds * self.fps)
            for at in range(count):
                if place >= first:
                    yield shown(scene, at / float(self.fps), self.width, self.height, number, self.fine)
                place += 1


def small_clip(path: Path, seconds: float = 1.2) -> Path:
    """Write a clip of somebody, 320 x 240 at 25 frames a second, and return where."""
    from workers.media import film

    clip = Clip((Scene((PEOPLE["mara"],), (Pose(160, 110, 110),), seconds),), 320, 240)
    film.write(path, clip.read(), clip.width, clip.height, clip.fps)
    return path


def shown(scene: Scene, second: float, width: int, height: int, seed: int = 0, fine: int = FINE) -> Picture:
    """Return a frame of a scene, uint8 RGB [height, width, 3]."""
    picture = _wall(scene.wall, width, height, seed).copy()
    for number, (person, pose) in enumerate(zip(scene.people, scene.poses, strict=True)):
        at, sway = second + 1.7 * number, scene.moves
        since = (at + 0.6) % 3.1
        speaking = max(0.0, math.sin(2 * math.pi * 2.3 * at) * math.sin(2 * math.pi * 0.37 * at)) * scene.speaks
        draw(
            picture,
            person,
            replace(
                pose,
                x=pose.x + sway * 0.02 * pose.width * math.sin(1.1 * at),
                y=pose.y + sway * 0.015 * pose.width * math.sin(1.7 * at + 1),
                yaw=pose.yaw + sway * 5 * math.sin(0.9 * at),
                pitch=pose.pitch + sway * 3 * math.sin(1.3 * at + 2),
                roll=pose.roll + sway * 2 * math.sin(0.7 * at + 1),
                mouth=max(pose.mouth, speaking),
                blink=max(0.0, 1 - abs(since - 0.1) / 0.1),
            ),
            fine,
        )
    start = round(second * 1000) % 7
    grainy = cv2.add(picture, _grain(width, height)[start : start + height])
    return np.asarray(cv2.subtract(grainy, np.full_like(picture, 2)), np.uint8)


def draw(picture: Picture, person: Person, pose: Pose, fine: int = FINE) -> None:
    """Draw a head into a picture."""
    shape = _shape(person.wide, person.long)
    points, triangles = _moved(shape, pose), mesh().triangles
    zoom = pose.width / (15.5 * person.wide)
    turn = _turn(pose)
    height, width = picture.shape[:2]
    reach = 1.75 * pose.width
    left, top = max(0, int(pose.x - reach)), max(0, int(pose.y - reach))
    right, bottom = min(width, int(pose.x + reach)), height
    part = picture[top:bottom, left:right]
    canvas = cv2.resize(part, None, fx=fine, fy=fine, interpolation=cv2.INTER_LINEAR)

    def placed(cm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return places in cm as pixels of the canvas, with their depth towards the camera."""
        seen = cm @ turn.T
        near = 55.0 / (55.0 - seen[:, 2])
        x = (pose.x + seen[:, 0] * near * zoom - left) * fine
        y = (pose.y - seen[:, 1] * near * zoom - top) * fine
        return np.stack([x, y, seen[:, 2]], 1)

    _behind(canvas, person, placed, zoom * fine)
    flat = placed(points)
    light = _light(points, triangles, turn)
    _face(canvas, _texture(person), shape, flat, triangles, light)
    _mouth(canvas, flat, fine)
    _before(canvas, person, placed, points, flat, zoom * fine)
    part[:] = cv2.resize(canvas, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_AREA)


def _face(
    canvas: Picture,
    texture: Picture,
    shape: NDArray[np.float64],
    flat: NDArray[np.float64],
    triangles: NDArray[np.int32],
    light: NDArray[np.float64],
) -> None:
    corners = flat[triangles]
    one, other = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    facing = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0] < 0
    hole = np.isin(triangles, INNER).all(1)
    order = np.argsort(corners[:, :, 2].mean(1))
    order = order[facing[order] & ~hole[order]]
    labels = np.zeros(canvas.shape[:2], np.int32)
    for number, polygon in enumerate(np.round(corners[order, :, :2] * 16).astype(np.int32), 1):
        cv2.fillConvexPoly(labels, polygon, number, shift=4)
    rows, columns = np.nonzero(labels)
    # For each triangle the plane of what is interpolated on it: the place in the texture, and the light.
    values = np.concatenate([(shape[:, :2] - LOW) / (HIGH - LOW) * (SIDE - 1), light[:, None]], 1)
    square = np.concatenate([corners[order, :, :2], np.ones((len(order), 3, 1))], 2)
    planes = np.linalg.solve(square + np.eye(3) * 1e-9, values[triangles[order]])
    mine = planes[labels[rows, columns] - 1]
    told = mine[:, 0] * columns[:, None] + mine[:, 1] * rows[:, None] + mine[:, 2]
    x, y = told[:, 0].astype(np.float32), (SIDE - 1 - told[:, 1]).astype(np.float32)
    fill = (0, -len(x) % SIDE)  # OpenCV takes no rows as long as this
    x, y = np.pad(x, fill).reshape(-1, SIDE), np.pad(y, fill).reshape(-1, SIDE)
    colours = cv2.remap(texture, x, y, cv2.INTER_LINEAR).reshape(-1, 3)[: len(rows)]
    canvas[rows, columns] = np.clip(colours * told[:, 2:3], 0, 255).astype(np.uint8)


def _mouth(canvas: Picture, flat: NDArray[np.float64], fine: int) -> None:
    hole = np.round(flat[list(INNER), :2] * 16).astype(np.int32)
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [hole], 255, cv2.LINE_AA, shift=4)
    if _gap(flat) < 2 * fine:
        return
    inside = np.full_like(canvas, (58, 26, 26))
    teeth = np.concatenate([flat[list(UPPER), :2], flat[list(UPPER[::-1]), :2] + [0, 0.3 * _gap(flat)]])
    cv2.fillPoly(inside, [np.round(teeth * 16).astype(np.int32)], (206, 198, 186), cv2.LINE_AA, shift=4)
    inside = cv2.GaussianBlur(inside, (0, 0), fine)
    share = mask[..., None] / np.float32(255)
    canvas[:] = (canvas * (1 - share) + inside * share).astype(np.uint8)


def _gap(flat: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(flat[14, :2] - flat[13, :2]))


def _behind(canvas: Picture, person: Person, placed, zoom: float) -> None:  # type: ignore[no-untyped-def]
    """Draw what is behind the face: shoulders, neck, ears and hair."""
    neck, chest, skull = placed(np.array([[0, -11.0, -3], [0, -24.0, -4], [0, 2.4, -2.5]]))
    shade = tuple(int(value * 0.72) for value in person.skin)
    cloth = tuple(int(value) for value in np.random.default_rng(person.seed).integers(50, 120, 3))
    _ellipse(canvas, chest, (19 * zoom, 10 * zoom), cloth)
    _ellipse(canvas, neck, (5.0 * person.wide * zoom, 8 * zoom), shade)
    _ellipse(canvas, skull, (8.9 * person.wide * zoom, 9.9 * zoom), person.hair)
    for ear in placed(np.array([[-7.9 * person.wide, 0.8, -0.8], [7.9 * person.wide, 0.8, -0.8]])):
        _ellipse(canvas, ear, (1.3 * zoom, 2.4 * zoom), tuple(int(value * 0.85) for value in person.skin))


def _before(  # type: ignore[no-untyped-def]
    canvas: Picture, person: Person, placed, points: NDArray[np.float64], flat: NDArray[np.float64], zoom: float
) -> None:
    """Draw what is before the face: hair over the forehead, and glasses."""
    top = [127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356]
    edge = points[top]
    above = edge * [1.12, 1.0, 0.8] + [0, 2.6, -0.8]
    wave = 0.25 * np.sin(np.arange(len(top)) * 2.1 + person.seed)
    band = np.concatenate([placed(edge + np.stack([wave, wave, wave * 0 + 0.1], 1)), placed(above)[::-1]])
    cv2.fillPoly(canvas, [np.round(band[:, :2] * 16).astype(np.int32)], person.hair, cv2.LINE_AA, shift=4)
    if person.glasses:
        for eye in EYES:
            middle = np.add(points[list(eye)].mean(0), [0, 0, 1.2])
            angle = np.linspace(0, 2 * np.pi, 40)
            ring = middle + np.stack([2.5 * np.cos(angle), 1.9 * np.sin(angle), 0 * angle], 1)
            line = np.round(placed(ring)[:, :2] * 16).astype(np.int32)
            cv2.polylines(canvas, [line], True, (34, 30, 32), max(1, round(0.32 * zoom)), cv2.LINE_AA, shift=4)
        bridge = placed(np.add(points[[133, 362]], [[-0.2, 0.3, 1.4], [0.2, 0.3, 1.4]]))
        ends = np.round(bridge[:, :2] * 16).astype(np.int32)
        cv2.polylines(canvas, [ends], False, (34, 30, 32), max(1, round(0.32 * zoom)), cv2.LINE_AA, shift=4)


def _ellipse(canvas: Picture, at: NDArray[np.float64], radii: tuple[float, float], colour) -> None:  # type: ignore[no-untyped-def]
    middle, axes = (round(at[0] * 16), round(at[1] * 16)), (round(radii[0] * 16), round(radii[1] * 16))
    cv2.ellipse(canvas, middle, axes, 0, 0, 360, tuple(map(int, colour)), -1, cv2.LINE_AA, shift=4)


@functools.cache
def _shape(wide: float, long: float) -> NDArray[np.float64]:
    """Return the points of a face at rest, [468, 3] in cm, its lips closed."""
    points = mesh().points.astype(np.float64) * [wide, long, 1.0]
    for upper, lower in zip(UPPER[1:-1], LOWER[1:-1], strict=True):
        gap = points[upper] - points[lower]
        points[upper, 1] -= 0.45 * gap[1]
        points[lower, 1] += 0.5 * gap[1]
    return points


def _moved(shape: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """Return the points of a face with its mouth and lids as a pose has them."""
    points = shape.copy()
    mouth = points[[13, 14], 1].mean()
    below = np.clip((mouth + 0.1 - shape[:, 1]) / 1.0, 0, 1) * np.exp(-((shape[:, 0] / 6.5) ** 4))
    half = abs(shape[308, 0] - shape[78, 0]) / 2
    lips = 1 - np.clip(np.abs(shape[:, 0]) / half, 0, 1) ** 2.2
    for upper in (*UPPER, *OUTER[:11]):
        below[upper] = 0
    for lower in (*LOWER[1:-1], *OUTER[11:]):
        below[lower] = lips[lower]
    points[:, 1] -= 1.9 * pose.mouth * below
    for upper, lower in zip(LIDS, LASHES, strict=True):
        points[list(upper)] += (points[list(lower)] - points[list(upper)]) * 0.9 * pose.blink
    return points


def _turn(pose: Pose) -> NDArray[np.float64]:
    yaw, pitch, roll = (math.radians(angle) for angle in (pose.yaw, pose.pitch, pose.roll))
    about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def _light(points: NDArray[np.float64], triangles: NDArray[np.int32], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how bright every point is: a lamp above the camera to the left, and the light of a room."""
    corners = points[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], across)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9) @ turn.T
    lamp = np.array([-0.45, 0.5, 0.74])
    half = np.add(lamp, [0, 0, 1])
    shine = np.clip(normals @ (half / np.linalg.norm(half)), 0, 1) ** 24
    return np.asarray(0.52 + 0.5 * np.clip(normals @ lamp, 0, 1) + 0.1 * shine)


@functools.lru_cache(8)
def _wall(colour: Colour, width: int, height: int, seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 12, (9, 16, 1)) + rng.normal(0, 4, (9, 16, 3))
    stains = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    fall = np.linspace(12, -18, height, dtype=np.float32)[:, None, None]
    picture = np.clip(np.array(colour, np.float32) + stains + fall, 0, 255).astype(np.uint8)
    for at in range(3):  # straight lines, which a bent background would show
        x = int(width * (0.12 + 0.37 * at + 0.05 * rng.random()))
        cv2.line(picture, (x, 0), (x, height), tuple(int(value * 0.7) for value in colour), 3, cv2.LINE_AA)
    return picture


@functools.lru_cache(2)
def _grain(width: int, height: int) -> Picture:
    grain = np.random.default_rng(0).integers(0, 5, (height + 7, width, 1), np.uint8)
    return np.repeat(grain, 3, axis=2)


@functools.lru_cache(8)
def _texture(person: Person) -> Picture:
    """Return the colours of a face as it is seen from the front, [SIDE, SIDE, 3]."""
    rng = np.random.default_rng(person.seed)
    points = _shape(person.wide, person.long)
    places = (points[:, :2] - LOW) / (HIGH - LOW) * (SIDE - 1)
    places[:, 1] = SIDE - 1 - places[:, 1]
    unit = SIDE / (HIGH - LOW)[0]  # pixels of a cm
    skin = np.empty((SIDE, SIDE, 3), np.float32)
    skin[:] = person.skin
    for size, strength in ((8, 5.0), (64, 3.0), (512, 5.0)):
        grain = rng.normal(0, strength, (size, size)).astype(np.float32)
        skin += cv2.resize(grain, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)[..., None]

    def mask(ids, soft: float, grow: float = 1.0):  # type: ignore[no-untyped-def]
        polygon = places[list(ids)]
        middle = polygon.mean(0)
        filled = np.zeros((SIDE, SIDE), np.float32)
        cv2.fillPoly(filled, [np.round((middle + (polygon - middle) * grow) * 16).astype(np.int32)], 1.0, shift=4)
        return cv2.GaussianBlur(filled, (0, 0), soft * unit)[..., None]

    def paint(where, colour, share: float = 1.0) -> None:  # type: ignore[no-untyped-def]
        skin[:] = skin * (1 - share * where) + np.array(colour, np.float32) * share * where

    def spot(at, radius: float, soft: float):  # type: ignore[no-untyped-def]
        filled = np.zeros((SIDE, SIDE), np.float32)
        cv2.circle(filled, tuple(np.round(at).astype(int).tolist()), round(radius * unit), 1.0, -1)
        return cv2.GaussianBlur(filled, (0, 0), soft * unit)[..., None]

    dark = np.array(person.skin) * 0.55
    for cheek in (50, 280):
        paint(spot(places[cheek], 1.6, 0.9), np.array(person.skin) * [1.02, 0.86, 0.84], 0.6)
    if person.beard:
        _beard(skin, person, places, unit, rng)
    paint(mask(OUTER, 0.1, 1.02), person.lips, 0.9)
    line = np.zeros((SIDE, SIDE), np.float32)
    cv2.polylines(line, [np.round(places[list(UPPER)]).astype(np.int32)], False, 1.0, 4)
    paint(cv2.GaussianBlur(line, (0, 0), 2.5)[..., None], np.array(person.lips) * 0.4, 0.8)
    for side, (eye, brow) in enumerate(zip(EYES, BROWS, strict=True)):
        middle = places[list(eye)].mean(0)
        paint(mask(eye, 0.35, 1.5), dark, 0.45)
        sclera = mask(eye, 0.03)
        paint(sclera, (226, 220, 214))
        inner = np.minimum(sclera, spot(middle, 0.62, 0.03))
        paint(inner, person.iris)
        paint(np.minimum(sclera, spot(middle, 0.28, 0.03)), (12, 10, 10))
        paint(spot(np.subtract(middle, [0.18 * unit, 0.2 * unit]), 0.09, 0.02), (250, 250, 250), 0.9)
        lash = np.zeros((SIDE, SIDE), np.float32)
        lid = [eye[0], *LIDS[side], eye[8]]
        cv2.polylines(lash, [np.round(places[lid]).astype(np.int32)], False, 1.0, 5)
        paint(cv2.GaussianBlur(lash, (0, 0), 1.5)[..., None], (26, 18, 16), 0.9)
        paint(mask(brow, 0.12), np.array(person.hair) * 0.9 + 8, 0.85)
    for nostril in (98, 327):
        paint(spot(places[nostril] * 0.55 + places[2] * 0.45 + [0, 2], 0.28, 0.12), dark * 0.5, 0.9)
    return np.clip(skin, 0, 255).astype(np.uint8)


def _beard(skin, person: Person, places, unit: float, rng) -> None:  # type: ignore[no-untyped-def]
    area = np.zeros((SIDE, SIDE), np.float32)
    jaw = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454,
           425, 426, 322, 326, 2, 97, 92, 206, 205]  # fmt: skip
    cv2.fillPoly(area, [np.round(places[jaw]).astype(np.int32)], 1.0)
    area = cv2.GaussianBlur(area, (0, 0), 0.35 * unit)
    strands = np.zeros((SIDE, SIDE), np.float32)
    for x, y in rng.uniform(0, SIDE, (26_000, 2)):
        if area[int(y), int(x)] > 0.3:
            end = (int(x + rng.normal(0, 3)), int(y + rng.uniform(5, 13)))
            cv2.line(strands, (int(x), int(y)), end, float(rng.uniform(0.5, 1)), 1, cv2.LINE_AA)
    share = np.clip(area * (0.45 + 0.55 * strands), 0, 1)[..., None] * 0.9
    skin[:] = skin * (1 - share) + np.array(person.hair, np.float32) * share
