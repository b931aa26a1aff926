"""Draws the nano model's world.

Everything is analytic: a clip is a function of its :class:`Spec` and of paths, so that any number of captioned clips
can be drawn.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .world import COLOURS, Array, Spec, pair, through, trajectory, view


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
