"""A portrait taken apart: who is seen, how near each place of the head is, and the wall behind, once per portrait.

The figure is told from the wall by GrabCut (Rother et al., 2004), from where the face is, and its edge by a guided
filter (He et al., 2010). What a moving head uncovers is inpainted.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.lips.base import Picture, Points
from workers.lips.landmarks import LEFT_EYE, RIGHT_EYE, size_of
from workers.lips.shape import OVAL

SIDE = 384  # pixels of the longer side in which the figure is looked for
ROUNDS = 4  # of GrabCut
CHIN, TOP, RIGHT_EAR, LEFT_EAR, BRIDGE = 152, 10, 234, 454, 168
MORE = 0.03  # how much more than the figure goes with it, in distances between the eyes' outer corners
BESIDE = 0.035  # how far beside the figure the wall is painted over as well, in these distances
RING = 0.35  # how far under the figure the wall is painted with care, in distances between the eyes' outer corners

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Where a head is: `eyes` is the middle between the eyes in pixels, `across` and `down` [2] are one pixel along its
    axes, `size` the distance between the outer corners of its eyes, and `chin` and `top` how far down these are."""

    points: Points
    eyes: Doubles
    across: Doubles
    down: Doubles
    size: float
    chin: float
    top: float

    @classmethod
    def of(cls, points: Points) -> Head:
        """Measure a head by its landmarks [478, 3]."""
        flat = points[:, :2].astype(np.float64)
        across = flat[LEFT_EYE] - flat[RIGHT_EYE]
        across /= max(float(np.linalg.norm(across)), 1e-6)
        down = np.array([-across[1], across[0]])
        eyes = (flat[LEFT_EYE] + flat[RIGHT_EYE]) / 2
        chin, top = float((flat[CHIN] - eyes) @ down), float((flat[TOP] - eyes) @ down)
        return cls(points, eyes, across, down, max(size_of(points), 1.0), chin, top)

    def placed(self, places: list[tuple[float, float]]) -> Doubles:
        """Return places, in sizes along the axes from between the eyes, as pixels."""
        return np.array([self.eyes + self.size * (u * self.across + v * self.down) for u, v in places])

    def seen(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[Doubles, Doubles]:
        """Return how far across and down pixels are, in pixels."""
        dx, dy = x - self.eyes[0], y - self.eyes[1]
        return dx * self.across[0] + dy * self.across[1], dx * self.down[0] + dy * self.down[1]


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A portrait in two layers, uint8 RGB [H, W, 3] each: `front`, of which `share` (uint8 [H, W]) is seen, and `wall`.

    Together they are the portrait, but for rounding at the edge, and hairs beside it that no share tells.
    """

    front: Picture
    share: Mask
    wall: Picture


def taken_apart(portrait: Picture, head: Head) -> Figure:
    """Return the layers of a portrait, uint8 RGB [H, W, 3]."""
    share = _share(portrait, head)
    solid = share.astype(np.float32) / 255
    wall = _wall(portrait, share, head)
    # At the edge a pixel has of both: what it has of the figure, so that the layers give the pixel again.
    given, behind = portrait.astype(np.float32), wall.astype(np.float32)
    edge = np.clip(behind + (given - behind) / np.maximum(solid, 0.2)[..., None], 0, 255).astype(np.float32)
    filled = _filled(edge, (share > 60).astype(np.float32))
    front = np.where(share[..., None] == 255, portrait, np.round(filled).astype(np.uint8))
    return Figure(np.ascontiguousarray(front), share, wall)


def _share(portrait: Picture, head: Head) -> Mask:
    """Return how much of each pixel is the figure, 0 to 255."""
    height, width = portrait.shape[:2]
    zoom = min(1.0, SIDE / max(height, width))
    small = cv2.resize(portrait, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    areas = _guess(small.shape[1], small.shape[0], head, zoom)
    nothing: Any = None  # no rectangle, which OpenCV's types do not know
    cv2.setRNGSeed(1)
    with suppress(cv2.error):  # where there is nothing but the figure
        cv2.grabCut(small, areas, nothing, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(areas, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    found = _whole(found, head, zoom)
    rough = cv2.resize(found * np.float32(1), (width, height), interpolation=cv2.INTER_LINEAR)
    fine = _guided(portrait, np.asarray(rough, np.float32), max(2, round(0.06 * head.size)))
    # A little more than the figure: better some of the wall goes with an ear than an ear's edge stays with the wall.
    reach = 2 * round(MORE * head.size) + 1
    wide = cv2.dilate(np.clip((fine - 0.08) / 0.72, 0, 1), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    soft = cv2.GaussianBlur(wide, (0, 0), max(0.7, MORE * head.size / 3))
    return np.asarray(np.round(np.clip(soft * 1.06 - 0.03, 0, 1) * 255), np.uint8)


def _guess(width: int, height: int, head: Head, zoom: float) -> Mask:
    """Return what is the figure for certain or likely, and what is not, as GrabCut takes it."""
    size, chin, top = head.size, head.chin / head.size, head.top / head.size
    areas = np.full((height, width), cv2.GC_PR_BGD, np.uint8)

    def fill(kind: int, places: list[tuple[float, float]]) -> None:
        cv2.fillPoly(areas, [np.round(head.placed(places) * zoom).astype(np.int32)], kind)

    def ellipse(kind: int, middle: tuple[float, float], wide: float, tall: float) -> None:
        turn = np.linspace(0, 2 * np.pi, 48)
        fill(kind, [(middle[0] + wide * np.cos(at), middle[1] + tall * np.sin(at)) for at in turn])

    far = 4 * max(width, height) / zoom / size
    # Far from head and shoulders: the wall.
    x, y = np.meshgrid(np.arange(width) / zoom, np.arange(height) / zoom)
    u, v = (along / size for along in head.seen(x, y))
    bubble = np.hypot(u / 1.75, (v - (chin + top) / 2) / (0.5 * (chin - top) + 1.25)) < 1
    # Skull and neck are behind the face, and beside it where the face is turned.
    back = float((head.points[[RIGHT_EAR, LEFT_EAR], :2].mean(0) - head.points[BRIDGE, :2]) @ head.across) / size
    body = np.abs(u - back) < np.where(v > chin - 0.3, 1.3 + 2.2 * (v - chin + 0.3), 0)
    outside = ~(bubble | body)
    for aside in (0.0, 0.6 * back, 1.2 * back):
        ellipse(cv2.GC_PR_FGD, (aside, (chin + top) / 2 - 0.12), 1.1, 0.5 * (chin - top) + 0.38)
    likely = [(0.5, 0.0), (0.6, 0.35), (2.1, 0.9), (2.6, far), (-2.6, far), (-2.1, 0.9), (-0.6, 0.35), (-0.5, 0.0)]
    fill(cv2.GC_PR_FGD, [(u + back, chin + v) for u, v in likely])
    areas[outside] = cv2.GC_BGD
    certain = [(0.32, -0.3), (0.32, 0.6), (0.7, 1.3), (0.7, far), (-0.7, far), (-0.7, 1.3), (-0.32, 0.6), (-0.32, -0.3)]
    fill(cv2.GC_FGD, [(u + back, chin + v) for u, v in certain])
    oval = head.points[list(OVAL), :2].astype(np.float64)
    oval = oval.mean(0) + 0.97 * (oval - oval.mean(0))
    cv2.fillPoly(areas, [np.round(oval * zoom).astype(np.int32)], cv2.GC_FGD)
    return areas


def _whole(found: Mask, head: Head, zoom: float) -> Mask:
    """Return the one piece that the face is in, without holes and without hairs of a pixel."""
    height, width = found.shape
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    smooth = cv2.morphologyEx(found, cv2.MORPH_OPEN, kernel)
    smooth = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    oval = np.zeros_like(found)
    cv2.fillPoly(oval, [np.round(head.points[list(OVAL), :2] * zoom).astype(np.int32)], 1)
    found = np.maximum(smooth, oval).astype(np.uint8)
    _, pieces = cv2.connectedComponents(found)
    x, y = np.clip(np.round(head.points[1, :2] * zoom).astype(int), 0, (width - 1, height - 1))
    found = (pieces == pieces[y, x]).astype(np.uint8)
    # Holes: what is not the figure and does not touch the edge above the figure's end.
    around = np.pad(1 - found, 1, constant_values=1)
    around[-1] = 0
    _, gaps = cv2.connectedComponents(around, connectivity=4)
    open_to = np.unique(np.concatenate([gaps[0], gaps[:, 0], gaps[:, -1], gaps[-2]]))
    return np.asarray(1 - np.isin(gaps, open_to[open_to > 0])[1:-1, 1:-1], np.uint8)


def _guided(portrait: Picture, rough: Floats, radius: int) -> Floats:
    """Return a rough mask, 0 to 1, with the edges of the picture."""
    guide = cv2.cvtColor(portrait, cv2.COLOR_RGB2LAB).astype(np.float32) / 255
    box = (2 * radius + 1, 2 * radius + 1)
    out = np.zeros_like(rough)
    weights = np.zeros_like(rough)
    mean = cv2.blur(rough, box)
    for channel in (0, 1, 2):
        light = guide[..., channel]
        own = cv2.blur(light, box)
        spread = cv2.blur(light * light, box) - own * own
        slope = (cv2.blur(light * rough, box) - own * mean) / (spread + 4e-4)
        told = cv2.blur(slope, box) * light + cv2.blur(mean - slope * own, box)
        # The channel that tells figure and wall apart best says most.
        weight = cv2.blur(np.square(slope) * spread, box) + 1e-6
        out += told * weight
        weights += weight
    return np.asarray(np.clip(out / weights, 0, 1), np.float32)


def _wall(portrait: Picture, share: Mask, head: Head) -> Picture:
    """Return the picture without the figure, uint8 RGB [H, W, 3]: with care where it may be uncovered."""
    # What is beside the figure may have its hairs, and their shadow.
    beside = max(2, round(BESIDE * head.size))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * beside + 1, 2 * beside + 1))
    under = cv2.dilate((share > 4).astype(np.uint8), disc)
    if under.all():
        return portrait
    deep = _filled(portrait.astype(np.float32), (1 - under).astype(np.float32))
    wall = np.round(deep).astype(np.uint8)
    zoom = min(1.0, 90 / head.size)  # painting takes long, and a wall is out of focus
    reach = max(3, round(RING * head.size * zoom))
    small = cv2.resize(wall, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    hidden = (cv2.resize(under * np.float32(1), small.shape[1::-1], interpolation=cv2.INTER_AREA) > 0.01).astype(
        np.uint8
    )
    ring = hidden - cv2.erode(hidden, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8), borderValue=1)
    painted = cv2.inpaint(np.ascontiguousarray(small), ring, 4, cv2.INPAINT_TELEA)
    large = cv2.resize(painted, wall.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    # Without an edge to see once the figure has moved.
    soft = cv2.GaussianBlur(cv2.dilate(under, disc) * np.float32(1), (0, 0), beside / 2)
    return np.asarray(cv2.blendLinear(np.ascontiguousarray(large), portrait, soft, 1 - soft), np.uint8)


def _filled(picture: Floats, known: Floats) -> Floats:
    """Return a picture [H, W, 3] whose unknown places have the colours of what is around, from coarse to fine."""
    if min(known.shape) <= 2 or known.all():
        usual = (picture * known[..., None]).sum((0, 1)) / max(float(known.sum()), 1e-6)
        return np.asarray(np.where(known[..., None] > 0, picture, usual), np.float32)
    half = (known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2
    weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA)
    mean = (small / np.maximum(weight, 1e-6)[..., None]).astype(np.float32)
    coarse = _filled(mean, (weight > 1e-3).astype(np.float32))
    large = cv2.resize(coarse, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where(known[..., None] > 0, picture, large), np.float32)
