"""Hair: strands that grow from the skull, fall over it, and are lit as fibres (Kajiya and Kay, 1989)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.portraits.light import Colour, Lights, Strokes, facing
from scripts.portraits.surface import RADII, SKULL, Seen, View

Array = NDArray[Any]
BEHIND = -4.4  # cm: what is further from the camera is behind the neck and the collar
Way = Callable[[Array, Array, float], Array]


@dataclass(frozen=True, slots=True)
class Strands:
    """Strands [N, K, 3] in cm, how deep each lies in the hair (0 inside, 1 outside), their width and shine."""

    places: Array
    layer: Array
    colour: Colour
    tips: Colour
    width: float = 0.035
    shine: float = 0.5
    grey: float = 0.0  # how much they differ in lightness


def roots(count: int, grows: Callable[[Array], Array], seed: int) -> Array:
    """Return places on the skull where hair grows."""
    rng = np.random.default_rng(seed)
    way = rng.normal(0, 1, (count * 12, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    places = SKULL + way * RADII
    return np.asarray(places[grows(places)][:count])


def hairline(lift: float = 0.0, temples: float = 0.0) -> Callable[[Array], Array]:
    """Return what says where hair grows; `lift` raises the line over the forehead, `temples` takes it back at them."""

    def grows(places: Array) -> Array:
        x, y, z = places.T
        edge = np.interp(y - lift, [-6, -2.5, 1.5, 3.5, 5.5, 7.0, 8.2, 9.2], [-7, -4.0, -1.1, 0.4, 2.4, 4.0, 5.2, 12])
        edge = edge - temples * np.exp(-(((np.abs(x) - 4.2) / 1.6) ** 2)) * np.clip((y - 4) / 2, 0, 1)
        wobble = 0.14 * np.sin(3.1 * x + 1.3 * y) + 0.10 * np.sin(7.7 * x - 4.1 * y)
        return np.asarray((z < edge + wobble) & (y > -5.2))

    return grows


def grown(
    begin: Array, way: Way, length: Array, shell: Array, steps: int = 44, pull: float = 0.14, cling: float = 0.0
) -> Array:
    """Return strands that grow from the skull: each step goes on in its direction, falls, is led by `way`, and stays
    outside of the skull by `shell` cm."""
    out = np.empty((len(begin), steps, 3))
    place = begin.copy()
    normal = (place - SKULL) / RADII**2
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    going = normal * 0.4 + way(place, normal, 0.0)
    going /= np.linalg.norm(going, axis=1, keepdims=True)
    step = (length / (steps - 1))[:, None]
    for at in range(steps):
        out[:, at] = place
        share = at / (steps - 1)
        normal = (place - SKULL) / RADII**2
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        going = going + way(place, normal, share) * 0.16 + np.array([0, -pull, 0])
        going /= np.linalg.norm(going, axis=1, keepdims=True)
        if cling:
            out_of = np.linalg.norm((place - SKULL) / (RADII + shell[:, None]), axis=1, keepdims=True) - 1
            going = going - normal * cling * np.clip(out_of * 8, 0, 1) * (place[:, 1:2] > -2)
            going /= np.linalg.norm(going, axis=1, keepdims=True)
        place = place + going * step
        grows = np.minimum(1.0, at / (0.22 * steps)) * shell[:, None]
        away = (place - SKULL) / (RADII + grows)
        size = np.linalg.norm(away, axis=1, keepdims=True)
        inside = (size < 1)[:, 0]
        place[inside] = (SKULL + away / size * (RADII + grows))[inside]
        sink = np.minimum(0, (going * normal).sum(1, keepdims=True))
        going[inside] = (going - normal * sink)[inside]
    return out


def clumped(
    guides: Array, children: int, spread: float, close: float, seed: int, frizz: float = 0.05
) -> tuple[Array, Array]:
    """Return strands around each guide: apart at the roots by `spread` cm, and closer at the tips by the share `close`.

    And which guide each belongs to.
    """
    rng = np.random.default_rng(seed)
    count, steps = guides.shape[:2]
    own = np.repeat(np.arange(count), children)
    t = np.linspace(0, 1, steps)[None, :, None]
    apart = rng.normal(0, spread, (count * children, 1, 3))
    wave = rng.normal(0, 1, (count * children, 1, 3)) * np.sin(t * rng.uniform(4, 12, (count * children, 1, 1)))
    late = np.minimum(1.0, t * 4)
    return np.asarray(guides[own] + apart * (1 - close * t) + wave * frizz * late), own


def clear(strands: Array, wide: float, tall: float, middle: float = -1.5) -> Array:
    """Return strands cut where they would come before the face, an ellipse of cm."""
    there = _before_face(strands, wide, tall, middle)
    first = np.where(there.any(1), there.argmax(1), strands.shape[1] - 1) / (strands.shape[1] - 1)
    return cut(strands, first)


def open_to(strands: Array, wide: float, tall: float, middle: float = -1.5) -> Array:
    """Return which strands leave the face free, an ellipse of cm."""
    return np.asarray(~_before_face(strands, wide, tall, middle).any(1))


def _before_face(strands: Array, wide: float, tall: float, middle: float) -> Array:
    x, y, z = np.moveaxis(strands, 2, 0)
    return np.asarray(((x / wide) ** 2 + ((y - middle) / tall) ** 2 < 1) & (z > 0.5))


def cut(strands: Array, share: Array) -> Array:
    """Return strands of which only a share from the root is kept, with as many places as before."""
    steps = strands.shape[1]
    at = share[:, None] * np.linspace(0, steps - 1, steps)[None]
    low = np.minimum(at.astype(int), steps - 2)
    part = (at - low)[..., None]
    row = np.arange(len(strands)).reshape(-1, 1)
    return np.asarray(strands[row, low] * (1 - part) + strands[row, low + 1] * part)


def coiled(strands: Array, own: Array, radius: Array, turns: Array, seed: int) -> Array:
    """Return strands wound around themselves, those of one guide together."""
    rng = np.random.default_rng(seed)
    count = int(own.max()) + 1
    steps = strands.shape[1]
    t = np.linspace(0, 1, steps)[None]
    phase = rng.uniform(0, 2 * np.pi, count)[own][:, None] + rng.normal(0, 0.35, (len(own), 1))
    hand = rng.choice([-1.0, 1.0], count)[own][:, None]
    angle = phase + hand * 2 * np.pi * turns[own][:, None] * t
    size = radius[own][:, None] * np.minimum(1, t * 5) * (1 - 0.25 * t) * rng.uniform(0.75, 1.15, (len(own), 1))
    along = np.gradient(strands, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-6)
    one = np.cross(along, np.array([0.31, 0.22, 0.92]))
    one /= np.maximum(np.linalg.norm(one, axis=2, keepdims=True), 1e-6)
    other = np.cross(along, one)
    return np.asarray(strands + size[..., None] * (one * np.cos(angle)[..., None] + other * np.sin(angle)[..., None]))


def painted(
    view: View, strands: Strands, lights: Lights, seen: Seen, seed: int, pieces: int = 14
) -> tuple[Strokes, Strokes]:
    """Draw strands from the back to the front, without what the head hides: those behind the neck, and the others."""
    rng = np.random.default_rng(seed)
    turned = view.turned(strands.places.reshape(-1, 3)).reshape(strands.places.shape)
    pixels = view.seen(turned)
    count, steps = len(strands.places), strands.places.shape[1]
    along = np.gradient(turned, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-6)
    shift = rng.normal(0, 0.10, (count, 1, 1))
    normal = (turned - (SKULL @ view.turn.T)) / RADII**2
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-6)
    tilted = along + normal * (shift - 0.08)
    tilted /= np.linalg.norm(tilted, axis=2, keepdims=True)
    t = np.linspace(0, 1, steps)[None]
    base = (
        np.array(strands.colour, np.float64)[None, None] * (1 - t[..., None])
        + np.array(strands.tips)[None, None] * t[..., None]
    )
    tone = (base / 255) ** 2.2 * np.exp(rng.normal(0, 0.10 + strands.grey, (count, 1, 1)))
    layer = strands.layer[:, None]
    hidden = np.clip(0.20 + 0.80 * layer, 0, 1) * np.clip(1.0 + (normal[..., 2] - 0.25) * 0.7, 0.25, 1)
    total = np.array(lights.above)[None, None] * (0.45 + 0.4 * normal[..., 1:2]) + np.array(lights.below) * 0.3
    total = total * hidden[..., None]
    gloss = np.zeros_like(tone)
    for lamp, strength in ((lights.key, 1.0), (lights.fill, 0.8), *((rim, 0.4) for rim in lights.rims)):
        to = lamp.to.astype(np.float64)
        wrap = np.clip((facing(normal, to) + 0.30) / 1.30, 0, 1)
        fibre = np.sqrt(np.clip(1 - facing(along, to) ** 2, 0, 1))
        colour = np.array(lamp.colour)
        total = total + (wrap * fibre * hidden * strength)[..., None] * colour
        half = to + np.array([0, 0, 1]) if lamp.way[2] > 0 else to
        half = half / np.linalg.norm(half)
        sin = np.sqrt(np.clip(1 - facing(tilted, half) ** 2, 0, 1))
        amount = wrap * (hidden**2)[...] * strength
        gloss += (sin**90 * amount * strands.shine * 0.20)[..., None] * colour
        gloss += (sin**18 * amount * strands.shine)[..., None] * colour * (tone * 1.2 + 0.01)
    light = tone * total + gloss
    light = np.where(light > 0.6, 0.6 + 0.4 * np.tanh((light - 0.6) / 0.55), np.maximum(light, 0))
    shown = 255 * light ** (1 / 2.2)
    edges = np.linspace(0, steps - 1, pieces + 1).round().astype(int)
    middles = (edges[:-1] + edges[1:]) // 2
    deep = turned[:, middles, 2]
    height, width = view.shape
    column = np.clip(pixels[:, middles, 0], 0, width - 1).astype(int)
    row = np.clip(pixels[:, middles, 1], 0, height - 1).astype(int)
    front = np.where(seen.mask[row, column], seen.place[row, column, 2], -99.0)
    ok = (deep > front - 0.35) & (pixels[:, middles, 1] > -50) & (pixels[:, middles, 1] < height + 50)
    which, piece = np.nonzero(ok)
    order = np.argsort((deep + 0.6 * strands.layer[:, None])[which, piece], kind="stable")
    behind, before = Strokes(view.shape), Strokes(view.shape)
    thick = strands.width * view.unit
    taper = np.where((piece > pieces - 4) | (piece < 2), 0.6, 1.0) * thick
    for one in order:
        strand, at = which[one], piece[one]
        strokes = behind if deep[strand, at] < BEHIND else before
        strokes.add(pixels[strand, edges[at] : edges[at + 1] + 1], shown[strand, middles[at]], taper[one])
    return behind, before
