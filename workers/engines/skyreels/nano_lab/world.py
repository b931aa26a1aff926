"""The world the nano model knows: a drawn object with a colour, a shape and a motion, or two, in front of a scene.

What is shown and where it is at any time; ``paint.py`` draws it and ``score.py`` reads it back. Lengths are pixels,
times are frames at :data:`FPS` frames a second, colours are sRGB.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workers.prompts import nano_words

Array = npt.NDArray[np.float32]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (228, 38, 38),
    "green": (40, 205, 60),
    "blue": (48, 84, 245),
    "yellow": (250, 228, 45),
    "orange": (252, 136, 24),
    "purple": (168, 58, 218),
    "white": (250, 250, 250),
    "cyan": (45, 222, 232),
}
SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "star", "ring", "heart")
MOTIONS: tuple[str, ...] = ("left", "right", "up", "down", "bounce", "orbit", "grow", "shrink", "rotate", "still")
SCENES: tuple[str, ...] = ("black", "grey", "sky", "sea", "meadow", "night", "sunset", "city")
CAMERAS: tuple[str, ...] = ("fixed", "pan left", "pan right", "zoom in", "zoom out")
ROW, COLUMN, PLACE, ROUND = nano_words.ROW, nano_words.COLUMN, nano_words.PLACE, nano_words.ROUND
SIZES: dict[str, tuple[int, int]] = {"16:9": (160, 96), "9:16": (96, 160), "1:1": (128, 128)}
FPS = 8
WINDOW = 17
JOURNEY = 21
EXAMPLES: tuple[str, ...] = (
    "a red heart moves right in the night sky",
    "a crimson ball glides to the right over the ocean",
    "a purple square moves left over the city",
    "an orange triangle moves down at sunset",
    "a white square moves up over a green meadow",
    "a cyan circle shrinks in the blue sky",
)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a clip shows, in the words of :data:`COLOURS`, :data:`SHAPES`, :data:`MOTIONS`, :data:`SCENES` and
    :data:`CAMERAS`.

    ``second`` is another object of the same scene, to the right of the first or below it.
    """

    colour: str
    shape: str
    motion: str
    scene: str
    second: Spec | None = None
    camera: str = "fixed"

    @property
    def legal(self) -> bool:
        """Whether the combination can be seen: a rotating circle or ring cannot."""
        return not (self.motion == "rotate" and self.shape in ROUND)

    @property
    def plain(self) -> bool:
        """Whether there is one object before a camera that does not move."""
        return self.second is None and self.camera == "fixed"

    @property
    def steady(self) -> bool:
        """Whether the camera does not move."""
        return self.camera == "fixed"

    @property
    def held_out(self) -> bool:
        """Whether this triple of colour, shape and motion is kept away from training (about one in eight)."""
        key = f"{self.colour}|{self.shape}|{self.motion}".encode()
        return int(hashlib.md5(key, usedforsecurity=False).hexdigest(), 16) % 8 == 0


def sample_spec(rng: random.Random, held_out: bool = False) -> Spec:
    """Draw a legal spec, either from the training part or from the held-out part."""
    while True:
        spec = Spec(rng.choice(list(COLOURS)), rng.choice(SHAPES), rng.choice(MOTIONS), rng.choice(SCENES))
        if spec.legal and spec.held_out == held_out:
            return spec


def sample_pair(rng: random.Random, held_out: bool = False) -> Spec:
    """Draw a spec of two objects of different colours, of which the first is held out from training or none is."""
    while True:
        first = sample_spec(rng, held_out)
        ways = ROW if first.motion in ROW else COLUMN if first.motion in COLUMN else ROW + COLUMN
        if first.motion in ROW + COLUMN + PLACE:
            break
    while True:
        second = replace(sample_spec(rng), scene=first.scene)
        if second.colour != first.colour and second.motion in ways + PLACE:
            return replace(first, second=second)


def sample_camera(rng: random.Random, held_out: bool = False) -> Spec:
    """Draw a spec of an object that stays where it is while the camera moves."""
    while True:
        spec = sample_spec(rng, held_out)
        if spec.motion in PLACE:
            return replace(spec, camera=rng.choice(CAMERAS[1:]))


def trajectory(spec: Spec, frames: int, size: tuple[int, int], rng: random.Random, free: bool = False) -> Array:
    """Path of the object.

    Args:
        spec: only shape and motion matter.
        frames: length T.
        size: (width, height) in pixels.
        rng: source of jitter.
        free: start anywhere, as a user's first picture may; otherwise start where the motion has room for a whole
            window.

    Returns:
        ``[T, 4]``: centre x, centre y, radius (pixels) and angle (radians, clockwise). An object that leaves
        re-enters on the other side.
    """
    w, h = size
    t = np.arange(frames, dtype=np.float32)
    radius = rng.uniform(22.0, 26.5)
    cx = np.full(frames, w * rng.uniform(0.4, 0.6), np.float32)
    cy = np.full(frames, h * rng.uniform(0.4, 0.6), np.float32)
    if free:
        cx[:] = w * rng.uniform(0.25, 0.75)
        cy[:] = h * rng.uniform(0.3, 0.7)
    r = np.full(frames, radius, np.float32)
    angle = np.zeros(frames, np.float32)
    n = WINDOW - 1
    if spec.motion in ("left", "right", "up", "down"):
        side = w if spec.motion in ("left", "right") else h
        travel = side * rng.uniform(0.48, 0.56)
        sign = 1.0 if spec.motion in ("right", "down") else -1.0
        start = rng.uniform(0.0, side) if free else side / 2 - sign * travel / 2 + side * rng.uniform(-0.05, 0.05)
        reach = 1.25 * radius
        path = np.mod(start + sign * travel * t / n + reach, side + 2 * reach) - reach
        if spec.motion in ("left", "right"):
            cx = path.astype(np.float32)
        else:
            cy = path.astype(np.float32)
    elif spec.motion == "bounce":
        hop = min(0.38 * h, h - 2.3 * radius)
        phase = rng.random() if free else 0.0
        cy = (h * 0.9 - radius - hop * np.abs(np.sin(np.pi * (t / 16.0 + phase)))).astype(np.float32)
    elif spec.motion == "orbit":
        phase = rng.uniform(0, 2 * math.pi) if free else -math.pi / 2 + rng.uniform(-0.2, 0.2)
        turn = 2 * math.pi * t / 36.0 + phase
        cx = (w / 2 + 0.25 * w * np.cos(turn)).astype(np.float32)
        cy = (h / 2 + 0.23 * h * np.sin(turn)).astype(np.float32)
        r *= 0.85
    elif spec.motion == "grow":
        t = t + (rng.uniform(0, 10) if free else 0.0)
        r = np.minimum(radius * (0.6 + 0.95 * t / n), 42.0).astype(np.float32)
    elif spec.motion == "shrink":
        t = t + (rng.uniform(0, 10) if free else 0.0)
        r = np.maximum(radius * (1.55 - 0.95 * t / n), 15.0).astype(np.float32)
    elif spec.motion == "rotate":
        angle = (2 * math.pi * t / 50.0 + (rng.uniform(0, 2 * math.pi) if free else 0.0)).astype(np.float32)
    return np.stack([cx, cy, r, angle], axis=1).astype(np.float32)


def journey(spec: Spec, frames: int, size: tuple[int, int], rng: random.Random) -> Array:
    """Path ``[T, 4]`` between two places drawn by lot, in the form of :func:`trajectory`.

    Size and, of shapes that show it, angle change on the way. After :data:`JOURNEY` frames the object waits.
    """
    w, h = size
    low = np.array([w * 0.2, h * 0.25, 14.0, 0.0], np.float32)
    high = np.array([w * 0.8, h * 0.75, 30.0, 0.0 if spec.shape in ROUND else 2 * math.pi / 3], np.float32)
    first, last = (low + (high - low) * np.array([rng.random() for _ in range(4)], np.float32) for _ in range(2))
    if rng.random() < 0.5:
        first[3] = last[3] = 0.0
    part = np.clip(np.arange(frames, dtype=np.float32) / (JOURNEY - 1), 0, 1)
    part = part if rng.random() < 0.5 else part * part * (3 - 2 * part)
    return (first + (last - first) * part[:, None]).astype(np.float32)


def pair(spec: Spec, frames: int, size: tuple[int, int], rng: random.Random) -> tuple[Array, Array]:
    """Paths ``[T, 4]`` of the two objects of ``spec``, in the form of :func:`trajectory`: one above the other when one
    of them moves along a row, else side by side.

    Raises:
        ValueError: there is one object.
    """
    if spec.second is None:
        raise ValueError("there is no second object")
    axis = 1 if spec.motion in ROW or spec.second.motion in ROW else 0
    paths = trajectory(spec, frames, size, rng), trajectory(spec.second, frames, size, rng)
    for path, at in zip(paths, (0.28, 0.72), strict=True):
        path[:, axis] = size[axis] * (at + rng.uniform(-0.02, 0.02))
        path[:, 2] *= min(0.9, 0.0075 * size[axis])
    return paths


def view(camera: str, frames: int, width: int) -> Array:
    """What the camera sees of the scene: way to the right (pixels) and magnification of every frame, ``[T, 2]``.

    Raises:
        KeyError: unknown camera.
    """
    t = np.arange(frames, dtype=np.float32) / (WINDOW - 1)
    way, scale = np.zeros_like(t), np.ones_like(t)
    if camera in ("pan left", "pan right"):
        way += (0.4 if camera == "pan right" else -0.4) * width * t
    elif camera in ("zoom in", "zoom out"):
        scale *= 1.5 ** (t if camera == "zoom in" else 1 - t)
    elif camera != "fixed":
        raise KeyError(camera)
    return np.stack([way, scale], 1).astype(np.float32)


def through(path: Array, seen: Array, size: tuple[int, int]) -> Array:
    """A path ``[T, 4]`` of the scene as the camera's view ``[T, 2]`` shows it."""
    out = path.copy()
    out[:, 0] = size[0] / 2 + (path[:, 0] - size[0] / 2 - seen[:, 0]) * seen[:, 1]
    out[:, 1] = size[1] / 2 + (path[:, 1] - size[1] / 2) * seen[:, 1]
    out[:, 2] *= seen[:, 1]
    return out
