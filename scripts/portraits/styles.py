"""How the presenters wear their hair: each returns strands in groups, which are drawn one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.portraits.hair import Strands, clear, clumped, coiled, grown, hairline, open_to, roots
from scripts.portraits.surface import RADII, SKULL, Surface

Array = NDArray[Any]


def ranked(places: Array) -> Array:
    """Return how far outside each strand lies among all, 0 to 1."""
    steps = places.shape[1]
    part = places[:, steps // 10 : steps // 2]
    far = np.linalg.norm((part - SKULL) / RADII, axis=2).mean(1)
    rank = np.empty(len(far))
    rank[np.argsort(far, kind="stable")] = np.linspace(0, 1, len(far))
    return np.asarray(0.08 + 0.92 * rank)


def bob(surface: Surface, seed: int) -> list[Strands]:
    """Smooth hair to the shoulders with a parting at the side."""
    rng = np.random.default_rng(seed)
    begin = roots(860, hairline(0.35), seed)
    begin = begin + rng.normal(0, 0.12, begin.shape)
    part = 1.9

    def way(place: Array, normal: Array, share: float) -> Array:
        side = np.where(np.abs(place[:, 0] - part) < 4, np.sign(place[:, 0] - part), np.sign(place[:, 0]))
        out = np.zeros_like(place)
        on_top = np.clip((place[:, 1] - 3) / 5, 0, 1)
        out[:, 0] = side * 1.1 * on_top
        front = np.clip((place[:, 2] - 1.5) / 2, 0, 1) * np.clip((place[:, 1] - 4) / 2, 0, 1)
        out[:, 1] = (0.5 + 0.3 * front) * (share < 0.12) * on_top
        out[:, 2] = -0.5 * front * (share < 0.12)
        out[:, 2] -= 0.55 * np.clip((place[:, 2] - 0.5) / 3, 0, 1) * (share > 0.05)
        if share > 0.30:
            out[:, 0] += -0.35 * np.sign(place[:, 0]) * np.clip((np.abs(place[:, 0]) - 7.6) / 1.2, 0, 1)
        if share > 0.62:
            out[:, 0] += -np.sign(place[:, 0]) * 0.55 * (share - 0.62) / 0.38
            out[:, 2] += 0.35
        return out

    level = 0.5 + 0.5 * np.sin(0.9 * begin[:, 0] + 0.7 * begin[:, 1] + 0.8 * begin[:, 2])
    shell = 0.10 + (0.45 + 0.35 * level + 0.35 * np.clip((begin[:, 1] - 6) / 4, 0, 1)) * rng.random(len(begin))
    length = (12.0 + 0.98 * (begin[:, 1] + 1.0)) * rng.uniform(0.95, 1.04, len(begin)) + 1.0 * (begin[:, 2] > 3)
    guides = grown(begin, way, length, shell, pull=0.27, cling=0.13)
    kept = open_to(guides, 6.35, 7.1)
    guides, begin = guides[kept], begin[kept]
    t = np.linspace(0, 1, guides.shape[1])[None]
    phase = 0.5 * begin[:, 1:2] + 0.35 * begin[:, 2:3]
    guides[..., 0] += np.sign(begin[:, :1]) * 0.34 * np.sin(2 * np.pi * 1.5 * t + phase) * t
    guides[..., 2] += 0.30 * np.cos(2 * np.pi * 1.5 * t + phase) * t
    places, _ = clumped(guides, 104, 0.36, 0.40, seed + 1, 0.022)
    return [Strands(places, ranked(places), (76, 46, 31), (136, 86, 54), 0.022, 0.95)]


def crop(surface: Surface, seed: int) -> list[Strands]:
    """Very short tight curls, shorter at the sides."""
    rng = np.random.default_rng(seed)
    begin = roots(58_000, hairline(0.9, 0.5), seed)
    begin = begin[hairline(0.95, 0.6)(begin + rng.normal(0, 0.32, begin.shape))]
    normal = (begin - SKULL) / RADII**2
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    top = np.clip((begin[:, 1] - 1.5) / 6, 0.0, 1)
    deep = rng.uniform(0, 1, len(begin))
    stays = rng.uniform(0, 1, len(begin)) < 0.25 + 0.75 * np.clip((begin[:, 1] + 3.5) / 5, 0, 1)
    begin, normal, top, deep = begin[stays], normal[stays], top[stays], deep[stays]
    lift = (0.08 + 1.25 * top**1.3) * deep
    middle = begin + normal * lift[:, None]
    t = np.linspace(0, 1, 9)[None, :, None]
    one = np.cross(normal, rng.normal(0, 1, normal.shape))
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    other = np.cross(normal, one)
    size = (0.07 + 0.13 * top)[:, None, None] * rng.uniform(0.6, 1.2, (len(begin), 1, 1))
    angle = rng.uniform(0, 2 * np.pi, (len(begin), 1, 1)) + t * 4.6
    arc = one[:, None] * np.cos(angle) + other[:, None] * np.sin(angle)
    places = middle[:, None] + arc * size + normal[:, None] * (t * 0.18)
    layer = np.clip(deep + rng.normal(0, 0.1, len(begin)), 0, 1)
    return [Strands(places, layer, (30, 24, 22), (44, 36, 32), 0.026, 0.42, 0.10)]


def curls(surface: Surface, seed: int) -> list[Strands]:
    """A mass of ringlets."""
    rng = np.random.default_rng(seed)
    begin = roots(430, hairline(0.4), seed)

    def way(place: Array, normal: Array, share: float) -> Array:
        out: Array = normal * np.array([0.8, 0.25, 0.5]) * (1.0 - share)
        out[:, 0] += np.sign(place[:, 0] + 0.8) * 0.30 * (share < 0.5)
        face = np.clip((place[:, 2] - 0.5) / 2, 0, 1) * (place[:, 1] < 8)
        out[:, 2] -= 0.7 * face
        out[:, 0] += np.sign(place[:, 0] + 0.8) * 0.9 * face
        return out

    shell = rng.uniform(0.3, 3.2, len(begin))
    length = (7.0 + 0.80 * (begin[:, 1] + 2)) * rng.uniform(0.85, 1.12, len(begin))
    short = (begin[:, 2] > 3.4) & (begin[:, 1] > 6)
    length = np.where(short, rng.uniform(5.5, 9, len(begin)), length)
    guides = grown(begin, way, length, shell, steps=72, pull=0.13, cling=0.10)
    kept = open_to(guides[:, :30], 6.9, 9.0, -1.6) | (begin[:, 1] > 5.8)
    guides, begin, shell, length = clear(guides[kept], 6.9, 9.0, -1.6), begin[kept], shell[kept], length[kept]
    places, own = clumped(guides, 62, 0.13, 0.5, seed + 1, 0.05)
    places = coiled(
        places, own, rng.uniform(0.32, 0.62, len(begin)), length / rng.uniform(1.7, 2.6, len(begin)), seed + 2
    )
    layer = np.clip((shell[own] - 0.3) / 2.5 + rng.normal(0, 0.12, len(own)), 0, 1)
    return [Strands(places, layer, (58, 34, 24), (150, 92, 52), 0.024, 0.5)]


def combed(surface: Surface, seed: int) -> list[Strands]:
    """Short grey hair combed to the side and back, and a short beard."""
    rng = np.random.default_rng(seed)
    begin = roots(760, hairline(0.7, 1.5), seed)
    part = -3.2

    def way(place: Array, normal: Array, share: float) -> Array:
        out = np.zeros_like(place)
        top = np.clip((place[:, 1] - 4.5) / 3, 0, 1)
        out[:, 0] = np.where(place[:, 0] < part, -0.5, 0.85) * top
        out[:, 1] = 0.8 * top * (share < 0.3)
        out[:, 2] = -0.75 * top - 0.55 * (1 - top)
        out[:, 1] -= 0.45 * (1 - top)
        return out

    top = np.clip((begin[:, 1] - 4) / 4, 0, 1)
    shell = (0.10 + 0.25 * rng.random(len(begin))) * (1 - top) + top * rng.uniform(0.25, 1.05, len(begin))
    length = (1.7 + 4.8 * top) * rng.uniform(0.85, 1.1, len(begin))
    guides = grown(begin, way, length, shell, steps=30, pull=0.12, cling=0.45)
    places, own = clumped(guides, 90, 0.28, 0.40, seed + 1, 0.05)
    layer = np.clip((shell[own] - 0.1) / 0.8 + rng.normal(0, 0.14, len(own)), 0, 1)
    layer = np.maximum(layer, 0.55 * (1 - top[own]))
    hair = Strands(places, layer, (140, 138, 136), (200, 198, 194), 0.022, 0.38, 0.14)
    return [hair, beard(surface, seed + 5)]


def beard(surface: Surface, seed: int, count: int = 26_000) -> Strands:
    """A short beard with a moustache that leaves the lips free."""
    rng = np.random.default_rng(seed)
    corners = surface.points[surface.triangles]
    normals = surface.normals()[surface.triangles].mean(1)
    middle = corners.mean(1)
    broad = (middle[:, 1] < 2.5) & (middle[:, 1] > -12) & (middle[:, 2] > -4) & (normals[:, 2] > -0.35)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) * broad
    which = rng.choice(len(area), 4 * count, p=area / area.sum())
    u, v = rng.random(4 * count), rng.random(4 * count)
    flip = u + v > 1
    u[flip], v[flip] = 1 - u[flip], 1 - v[flip]
    a, b, c = (corners[which, at] for at in range(3))
    begin = a + (b - a) * u[:, None] + (c - a) * v[:, None]
    x, y, z = (begin + rng.normal(0, 0.13, begin.shape)).T
    x = np.abs(x)
    lips = surface.points[[0, 17, 61, 291]]
    top, bottom, half = lips[0, 1], lips[1, 1], abs(lips[2, 0])
    low = np.interp(x, [0, 2, 5, 8], [-10.7, -10.4, -8.4, -6.0])
    line = np.interp(
        x, [0, 1.2, 2.2, 3.2, 4.6, 6.0, 7.0, 8.0], [-5.4, -5.4, -5.2, -4.4, -4.2, -2.4, 0.2, 1.6]
    )  # its edge
    tall = (top - bottom) / 2
    free = (begin[:, 0] / (half + 0.12)) ** 2 + ((begin[:, 1] - bottom - tall) / (tall + 0.22)) ** 2 < 1
    jaw = np.interp(y, [-11, -8.5, -6, 2], [3.4, 1.0, -2.4, -3.4])
    chin = (y < line) & (y > low) & (z > jaw) & ((x > half) | (y < bottom - 0.25))
    around = (x > half + 0.15) & (x < half + 1.9) & (y < -2.9) & (y > -6.5) & (y < line + 2.2)
    moustache = (y < -2.25 - 0.12 * x) & (y > top + 0.05 - 0.42 * np.maximum(0, x - 0.9)) & (x < half + 1.0) & (z > 2)
    soul = (x < 0.8) & (y < bottom - 0.30) & (y > -7.5)
    grows = np.flatnonzero((chin | around | moustache | soul) & ~free)[:count]
    begin, which, lip, count = begin[grows], which[grows], moustache[grows], len(grows)
    normal = normals[which] / np.linalg.norm(normals[which], axis=1, keepdims=True)
    down = np.stack(
        [0.35 * np.sign(begin[:, 0]) * np.minimum(1, np.abs(begin[:, 0])), -np.ones(count), np.zeros(count)], 1
    )
    down[lip, 0] *= 2.2
    down = down - normal * (down * normal).sum(1, keepdims=True)
    going = normal * 0.42 + down + rng.normal(0, 0.20, (count, 3))
    going /= np.linalg.norm(going, axis=1, keepdims=True)
    length = np.where(lip, 0.46, 0.85) * rng.uniform(0.6, 1.15, count)
    t = np.linspace(0, 1, 9)[None, :, None]
    places = begin[:, None] + going[:, None] * t * length[:, None, None] - normal[:, None] * (t**2) * 0.10
    layer = np.clip(0.55 + 0.3 * rng.random(count), 0, 1)
    return Strands(places, layer, (166, 162, 158), (222, 218, 212), 0.024, 0.25, 0.20)


STYLES = {"bob": bob, "crop": crop, "curls": curls, "combed": combed}
