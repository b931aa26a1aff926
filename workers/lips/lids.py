"""Eyes that blink: lids of the skin around them close over an eye, with their lashes on their edge.

The skin of a lid is painted from what is around the eye and its lashes, so that lashes of the open eye are not seen on
it; the edge goes down, and its lashes are drawn on it. Prepared once for a portrait; a frame without a blink costs
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.lips.base import Picture, Points
from workers.lips.landmarks import size_of

# The edges of the lids from one corner of the eye to the other.
EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
# In distances between the eyes' outer corners.
ABOVE, BELOW, ASIDE = 0.095, 0.05, 0.085  # how far lashes and folds are painted over around an eye
SOFT = 0.022
LASH = 0.015  # how thick the line of lashes is
OPEN = 0.022  # what an eye is open at least, to blink
LOWER = 0.16  # of the way that the lower lid comes up
STRETCHED, PAINTED = 0.15, 0.42  # how far shut a lid is still the portrait's own, and wholly painted
BRIDGE = 168  # of the nose

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Lid:
    """An eye of a portrait, ready to be shut: a part of the picture at (`left`, `top`), float32 [h, w, 3] when it is
    shut, and how much of each pixel belongs to it; where it begins and its edges are in each column, in pixels of the
    part, and how much of its lashes is seen there."""

    left: int
    top: int
    skin: Floats
    reach: Floats
    top_edge: Floats
    upper: Floats
    lower: Floats
    lashes: Floats
    lash: Floats
    thick: float


def lids(portrait: Picture, points: Points) -> list[Lid]:
    """Return the eyes of a portrait, uint8 RGB [H, W, 3], that can blink, by the landmarks [478, 3] of its face.

    An eye that is shut, or is at the edge of the picture, has none.
    """
    return [lid for edges in EYES if (lid := _lid(portrait, points, *edges)) is not None]


def blinked(front: Picture, eyes: list[Lid], shut: float) -> Picture:
    """Return a picture with its eyes as far shut as asked, 0 to 1."""
    if shut < 0.02 or not eyes:
        return front
    out = front.copy()
    for lid in eyes:
        height, width = lid.reach.shape
        part = out[lid.top : lid.top + height, lid.left : lid.left + width]
        part[:] = np.clip(_shut(part.astype(np.float32), lid, shut) + 0.5, 0, 255).astype(np.uint8)
    return out


def _lid(portrait: Picture, points: Points, upper: tuple[int, ...], lower: tuple[int, ...]) -> Lid | None:
    size = size_of(points)
    above, below = points[list(upper), :2].astype(np.float64), points[list(lower), :2].astype(np.float64)
    tall = float(np.linalg.norm(above[4] - below[4]))
    if tall < OPEN * size:
        return None
    both = np.concatenate([above, below])
    margin = np.array([ASIDE + 0.05, ABOVE + 0.07]) * size
    low, high = np.floor(both.min(0) - margin).astype(int), np.ceil(both.max(0) + margin).astype(int) + 1
    height, width = portrait.shape[:2]
    if low.min() < 0 or high[0] > width or high[1] > height:
        return None
    part = portrait[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    x = np.arange(part.shape[1], dtype=np.float64)
    y = np.arange(part.shape[0], dtype=np.float32)[:, None]
    up, down = (_edge(edge - low, x) for edge in (above, below))
    # Wider at the corners, where lashes reach out; the place in the eye from one corner to the other is 0 to 1.
    begin, end = sorted((above[0, 0] - low[0], above[-1, 0] - low[0]))
    place = (x - begin) / max(end - begin, 1.0)
    aside = np.maximum(np.maximum(-place, place - 1), 0) * max(end - begin, 1.0) / size
    inside = np.clip(1 - aside / ASIDE, 0, 1)
    bulge = np.sqrt(np.clip(1 - (2 * np.clip(place, 0, 1) - 1) ** 2, 0.35, 1))
    high_, low_ = up - ABOVE * size * bulge, down + BELOW * size * bulge
    hidden = ((y > high_) & (y < low_) & (inside > 0)).astype(np.float32)
    skin = _skin(part, hidden, size)
    # A lid is a part of a ball: lighter in the middle, darker towards its edge and the corners.
    along = np.clip((y - high_) / np.maximum(down - high_, 1), 0, 1)
    light = 0.05 * np.sin(np.pi * np.clip(along * 1.1, 0, 1)) * bulge - 0.10 * along**3
    light *= np.square(inside) * np.clip(1 - (y - down) / (BELOW * size), 0, 1)
    light += 1
    skin = skin * light[..., None].astype(np.float32)
    # Its edge is soft.
    far = cv2.distanceTransform(np.pad(hidden, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    reach = np.clip(far / max(1.5, SOFT * size), 0, 1).astype(np.float32)
    eye = part[(y > up - 0.02 * size) & (y < up + 0.3 * tall) & (inside >= 1)]
    dark = np.percentile(eye, 6, axis=0) if len(eye) else np.full(3, 40.0)
    lash = np.minimum(dark, skin.reshape(-1, 3).mean(0) * 0.35).astype(np.float32)
    # Lashes get less towards the nose, and end before the corner there.
    nose = place if points[BRIDGE, 0] < both[:, 0].mean() else 1 - place
    seen = np.clip(1 - aside / 0.02, 0, 1) * (0.35 + 0.65 * np.clip(nose / 0.3, 0, 1)) * np.clip(nose / 0.06, 0, 1)
    return Lid(
        int(low[0]), int(low[1]), skin, reach, np.asarray(high_, np.float32), up.astype(np.float32),
        down.astype(np.float32), np.asarray(seen, np.float32), lash, max(1.0, LASH * size),
    )  # fmt: skip


def _edge(places: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the height of an edge in each column."""
    order = np.argsort(places[:, 0])
    rough = np.interp(x, places[order, 0], places[order, 1])
    return np.convolve(np.pad(rough, 2, mode="edge"), np.array([1, 2, 3, 2, 1]) / 9, "valid")


def _skin(part: Floats, hidden: Floats, size: float) -> Floats:
    """Return a part of a picture in which what is hidden has the colours around it, and their grain."""
    known = (hidden == 0).astype(np.float32)
    out = part.copy()
    rest = cv2.inpaint(np.clip(part, 0, 255).astype(np.uint8), (hidden > 0).astype(np.uint8), 3, cv2.INPAINT_NS)
    soft = cv2.GaussianBlur(rest.astype(np.float32), (0, 0), max(1.0, 0.03 * size))
    fine = part - cv2.GaussianBlur(part, (0, 0), max(1.0, 0.01 * size))
    grain = float((fine * known[..., None]).std()) * 0.6
    noise = np.random.default_rng(1).normal(0, min(grain, 4.0), part.shape[:2]).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.8) * 1.6
    at = hidden > 0
    out[at] = soft[at] + noise[at][:, None]
    return out


def _shut(part: Floats, lid: Lid, shut: float) -> Floats:
    """Return an eye whose upper lid has gone a part of its way down."""
    y = np.arange(part.shape[0], dtype=np.float32)[:, None]
    meet = lid.lower - LOWER * (lid.lower - lid.upper)
    edge = lid.upper + shut * (meet - lid.upper)
    x = np.broadcast_to(np.arange(part.shape[1], dtype=np.float32), part.shape[:2])
    soft = 0.8
    over = np.clip((edge - y) / soft + 0.5, 0, 1)
    # A lid that has only begun to move is that of the portrait, stretched, with its lashes and folds.
    stretch = (lid.upper - lid.top_edge) / np.maximum(edge - lid.top_edge, 1)
    from_y = np.where(y > lid.top_edge, lid.top_edge + (y - lid.top_edge) * stretch, y)
    own = cv2.remap(part, x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    out = part + (own - part) * (over * lid.reach)[..., None]
    # Then it is the painted one, which comes with its edge: it is taken from as far above the shut edge.
    painted = min(1.0, max(0.0, (shut - STRETCHED) / (PAINTED - STRETCHED)))
    if not painted:
        return np.asarray(out, np.float32)
    skin = cv2.remap(
        lid.skin, x, np.ascontiguousarray(y + (meet - edge)), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    out += (skin - out) * (over * lid.reach * np.float32(painted))[..., None]
    # The lower lid comes up a little.
    below = lid.lower - shut * LOWER * (lid.lower - lid.upper)
    cover = np.clip((y - below) / soft + 0.5, 0, 1) * np.clip((lid.lower + 2 - y) / 2, 0, 1) * lid.reach
    out += (lid.skin - out) * (cover * np.float32(painted))[..., None]
    line = np.exp(-(((y - edge) / lid.thick) ** 2)) * 0.9 * min(1.0, 2.5 * painted) * lid.lashes
    return np.asarray(out + (lid.lash - out) * line[..., None], np.float32)
