"""The world the nano model knows: a drawn object with a colour, a shape and a motion, or two, in front of a scene.

Everything is analytic: a clip is a function of its :class:`Spec` and trajectories, so any number of captioned clips
can be drawn and every decoded clip can be read back by ``score.py``. Lengths are pixels, times are frames at
:data:`FPS` frames a second, colours are sRGB.
"""

from __future__ import annotations

import functools
import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

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
# Of two objects: motions along a row, motions along a column, and those that go with both.
ROW, COLUMN, PLACE = ("left", "right"), ("up", "down", "bounce"), ("rotate", "still")
SIZES: dict[str, tuple[int, int]] = {"16:9": (160, 96), "9:16": (96, 160), "1:1": (128, 128)}
FPS = 8
WINDOW = 17
JOURNEY = 21
EXAMPLES: tuple[str, ...] = (
    "a red heart grows in the night sky",
    "a crimson ball glides to the right over the ocean",
    "a yellow star moves up at sunset",
    "a cyan ring orbits in the blue sky",
    "a white triangle spins over the city",
    "a purple square bounces on a green meadow",
)
ROUND = frozenset({"circle", "ring"})


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
        cy = (h * 0.9 - radius - hop * np.abs(np.sin(np.pi * (t / 14.0 + phase)))).astype(np.float32)
    elif spec.motion == "orbit":
        phase = rng.uniform(0, 2 * math.pi) if free else -math.pi / 2 + rng.uniform(-0.2, 0.2)
        turn = 2 * math.pi * t / 28.0 + phase
        cx = (w / 2 + 0.25 * w * np.cos(turn)).astype(np.float32)
        cy = (h / 2 + 0.23 * h * np.sin(turn)).astype(np.float32)
        r *= 0.8
    elif spec.motion == "grow":
        t = t + (rng.uniform(0, 10) if free else 0.0)
        r = np.minimum(radius * (0.45 + 1.1 * t / n), 42.0).astype(np.float32)
    elif spec.motion == "shrink":
        t = t + (rng.uniform(0, 10) if free else 0.0)
        r = np.maximum(radius * (1.55 - 1.1 * t / n), 12.0).astype(np.float32)
    elif spec.motion == "rotate":
        angle = (2 * math.pi * t / 30.0 + (rng.uniform(0, 2 * math.pi) if free else 0.0)).astype(np.float32)
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
        path[:, 2] *= 0.72
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


def panorama(scene: str, seen: Array, size: tuple[int, int]) -> Tensor:
    """An empty scene as the camera's view ``[T, 2]`` shows it, ``[3, T, height, width]`` in -1..1; it goes on beyond
    its edges as its mirror image.
    """
    w, h = size
    way, scale = torch.from_numpy(seen).unbind(1)
    x = ((torch.arange(w) + 0.5) * 2 / w - 1)[None] / scale[:, None] + way[:, None] * 2 / w
    y = ((torch.arange(h) + 0.5) * 2 / h - 1)[None] / scale[:, None]
    grid = torch.stack([x[:, None].expand(-1, h, -1), y[:, :, None].expand(-1, -1, w)], -1)
    picture = background(scene, size)[None].expand(len(seen), -1, -1, -1)
    return F.grid_sample(picture, grid, padding_mode="reflection", align_corners=False).transpose(0, 1)


def film(spec: Spec, frames: int, size: tuple[int, int], rng: random.Random) -> tuple[Tensor, Tensor]:
    """Draw a clip of any spec from its beginning.

    Args:
        spec: what it shows.
        frames: length T.
        size: (width, height) in pixels.
        rng: source of jitter.

    Returns:
        The clip ``[1, 3, T, height, width]`` in -1..1 and the mask of its objects ``[1, 1, T, height, width]`` in 0..1.
    """
    if spec.plain:
        return draw([spec], [trajectory(spec, frames, size, rng)], size)
    seen = view(spec.camera, frames, size[0])
    paths = pair(spec, frames, size, rng) if spec.second else (trajectory(spec, frames, size, rng),)
    if spec.camera.startswith("pan"):
        paths[0][:, 0] += 0.2 * size[0] * (1 if spec.camera == "pan right" else -1)
    elif spec.camera != "fixed":
        paths[0][:, 2] *= 0.85
    return compose(spec, paths, seen, size)


def compose(spec: Spec, paths: Sequence[Array], seen: Array, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Draw the objects of ``spec`` on ``paths`` ``[T, 4]`` in the view ``[T, 2]``; returns what :func:`film` does."""
    objects = [spec, spec.second] if spec.second else [spec]
    clip, total = panorama(spec.scene, seen, size), torch.zeros(1, len(seen), size[1], size[0])
    for each, path in zip(objects, paths, strict=True):
        mask = coverage(each.shape, torch.from_numpy(through(path, seen, size)), size)[None]
        colour = palette()[list(COLOURS).index(each.colour)][:, None, None, None]
        clip, total = torch.lerp(clip, colour, mask), torch.maximum(total, mask)
    return clip[None], total[None]


def signed_distance(shape: str, x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    """Distance in pixels from (x, y), relative to the centre with y downwards, to the outline of ``shape``; negative
    inside.

    Raises:
        KeyError: unknown shape.
    """
    if shape == "circle":
        return (x * x + y * y).sqrt() - r
    if shape == "ring":
        return ((x * x + y * y).sqrt() - 0.78 * r).abs() - 0.27 * r
    if shape == "square":
        return torch.maximum(x.abs(), y.abs()) - 0.88 * r
    if shape == "triangle":
        k = 0.6 * r
        y = y - 0.15 * r
        return torch.maximum(y - k, torch.maximum(0.866025 * x - 0.5 * y, -0.866025 * x - 0.5 * y) - k)
    if shape == "star":
        sector = 2 * math.pi / 5
        theta = torch.remainder(torch.atan2(x, -y) + sector / 2, sector) - sector / 2
        rho = (x * x + y * y).sqrt()
        px, py = rho * theta.abs().cos(), rho * theta.abs().sin()
        tip, waist = 1.22, 0.52
        vx, vy = waist * math.cos(math.pi / 5) - tip, waist * math.sin(math.pi / 5)
        norm = math.hypot(vx, vy)
        return (px - tip * r) * (vy / norm) - py * (vx / norm)
    if shape == "heart":
        s = 1.85 * r
        px, py = (x / s).abs(), 0.56 - y / s
        lobe = ((px - 0.25) ** 2 + (py - 0.75) ** 2).sqrt() - math.sqrt(2) / 4
        m = 0.5 * (px + py).clamp(min=0)
        edge = torch.minimum(px**2 + (py - 1) ** 2, (px - m) ** 2 + (py - m) ** 2).sqrt() * torch.sign(px - py)
        return torch.where(px + py > 1, lobe, edge) * s
    raise KeyError(shape)


def coverage(shape: str, path: Tensor, size: tuple[int, int], crop: tuple[int, int, int, int] | None = None) -> Tensor:
    """Antialiased mask of one shape.

    Args:
        shape: one of :data:`SHAPES`.
        path: ``[..., 4]`` trajectory points.
        size: (width, height) of the picture.
        crop: (x, y, width, height) of the part to draw; the whole picture without it.

    Returns:
        ``[..., height, width]`` in 0..1.
    """
    x0, y0, w, h = crop or (0, 0, *size)
    cx, cy, r, angle = (path[..., k, None, None] for k in range(4))
    x = torch.arange(x0, x0 + w, dtype=torch.float32) + 0.5 - cx
    y = torch.arange(y0, y0 + h, dtype=torch.float32)[:, None] + 0.5 - cy
    if bool(angle.any()):
        x, y = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    return (0.5 - signed_distance(shape, x, y, r)).clamp(0, 1)


def _gradient(stops: Sequence[tuple[int, int, int]], n: int) -> Array:
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(np.linspace(0, 1, n), at, [s[c] for s in stops]) for c in range(3)], 1).astype(
        np.float32
    )


@functools.lru_cache(maxsize=256)
def background(scene: str, size: tuple[int, int]) -> Tensor:
    """Picture of an empty scene, ``[3, height, width]`` in -1..1.

    Raises:
        KeyError: unknown scene.
    """
    w, h = size
    image = np.zeros((h, w, 3), np.float32)
    if scene == "black":
        image[:] = 8
    elif scene == "grey":
        image[:] = (116, 116, 120)
    elif scene == "sky":
        image[:] = _gradient(((86, 136, 196), (172, 200, 222)), h)[:, None]
        for x, y, r in (
            (0.2, 0.2, 0.10),
            (0.29, 0.23, 0.07),
            (0.78, 0.42, 0.09),
            (0.69, 0.45, 0.06),
            (0.36, 0.82, 0.08),
        ):
            yy, xx = np.mgrid[0:h, 0:w]
            blob = np.clip((r * w - np.hypot(xx - x * w, (yy - y * h) * 1.6)) / 3 + 0.5, 0, 1)[..., None]
            image = image * (1 - 0.75 * blob) + np.array((214, 224, 232), np.float32) * 0.75 * blob
    elif scene == "sea":
        line = int(h * 0.55)
        image[:line] = _gradient(((150, 176, 196), (206, 210, 206)), line)[:, None]
        image[line:] = _gradient(((52, 96, 122), (24, 52, 80)), h - line)[:, None]
    elif scene == "meadow":
        line = int(h * 0.58)
        image[:line] = _gradient(((140, 178, 206), (204, 216, 216)), line)[:, None]
        hill = line + 5 * np.sin(np.arange(w) / w * 2 * math.pi + 0.6)
        below = np.clip(np.arange(h)[:, None] - hill[None] + 0.5, 0, 1)[..., None]
        grass = np.broadcast_to(_gradient(((116, 138, 84), (58, 82, 42)), h)[:, None], image.shape)
        image[line:] = _gradient(((204, 216, 216), (204, 216, 216)), h - line)[:, None]
        image = image * (1 - below) + grass * below
    elif scene == "night":
        image[:] = _gradient(((8, 10, 32), (32, 36, 76)), h)[:, None]
        dice = np.random.RandomState(7)
        for _ in range(22):
            y, x = dice.randint(3, h - 4), dice.randint(3, w - 4)
            image[y : y + 2, x : x + 2] = (176, 176, 190)
    elif scene == "sunset":
        line = int(h * 0.74)
        image[:line] = _gradient(((54, 40, 84), (136, 72, 98), (198, 128, 96)), line)[:, None]
        image[line:] = (34, 26, 36)
    elif scene == "city":
        image[:] = _gradient(((70, 78, 104), (150, 140, 150)), h)[:, None]
        dice = np.random.RandomState(11)
        x = 0
        while x < w:
            width, top = dice.randint(12, 20), int(h * dice.uniform(0.52, 0.8))
            image[top:, x : x + width] = (44, 46, 58)
            for wy in range(top + 4, h - 3, 8):
                for wx in range(x + 3, min(x + width - 3, w - 2), 6):
                    if dice.rand() < 0.6:
                        image[wy : wy + 2, wx : wx + 2] = (170, 156, 112)
            x += width
    else:
        raise KeyError(scene)
    return torch.from_numpy(image).float().div(127.5).sub(1).permute(2, 0, 1).contiguous()


@functools.cache
def palette() -> Tensor:
    """Object colours in the order of :data:`COLOURS`, ``[8, 3]`` in -1..1."""
    return torch.tensor(list(COLOURS.values()), dtype=torch.float32) / 127.5 - 1


def draw(specs: Sequence[Spec], paths: Sequence[Array], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Draw clips of one size.

    Args:
        specs: B specs.
        paths: B trajectories ``[T, 4]``.
        size: (width, height) in pixels.

    Returns:
        The clips ``[B, 3, T, height, width]`` in -1..1 and the object masks ``[B, 1, T, height, width]`` in 0..1.
    """
    path = torch.from_numpy(np.stack(paths))
    mask = torch.empty(len(specs), path.shape[1], size[1], size[0])
    for shape in {s.shape for s in specs}:
        for turned in (False, True):
            index = [i for i, s in enumerate(specs) if s.shape == shape and bool(path[i, :, 3].any()) == turned]
            if index:
                mask[index] = coverage(shape, path[index], size)
    names = list(COLOURS)
    colour = palette()[[names.index(s.colour) for s in specs]][:, :, None, None, None]
    scene = torch.stack([background(s.scene, size) for s in specs])[:, :, None]
    mask = mask[:, None]
    return torch.lerp(scene, colour, mask), mask
