"""Reads a clip back: which colour, shape, motion and scene do the frames show?

Only pixels are looked at, never the caption. The object is what differs from the nearest known scene towards a known
colour; its shape is the template that overlaps it best at equal area, in the first half of its frames as in the second;
its motion follows from the track of centre, area and angle.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from . import paint, world

Array = npt.NDArray[np.float32]
PATCH = 112
BINS = 72


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clip shows; ``None`` where it cannot be told.

    ``dx`` and ``dy`` are the way gone in parts of width and height, ``swell`` the last radius over the first,
    ``turn`` the angle turned in degrees, ``overlap`` the intersection over union with the best shape.
    """

    colour: str | None
    shape: str | None
    motion: str | None
    scene: str | None
    dx: float = 0.0
    dy: float = 0.0
    swell: float = 1.0
    turn: float = 0.0
    overlap: float = 0.0
    camera: str = "fixed"

    def matches(self, spec: world.Spec) -> dict[str, bool]:
        """Which of the four attributes are as asked."""
        return {k: getattr(self, k) == getattr(spec, k) for k in ("colour", "shape", "motion", "scene")}


def read(clip: Array, cameras: Sequence[str] = ("fixed",), last: int | None = None) -> Reading:
    """Read a clip ``[T, height, width, 3]`` in 0..1 at one of the sizes of the world (others work if scenes scale).

    With more ``cameras`` the one is told as well whose way of seeing the scene fits best. The shape is that of the
    ``last`` frames, if a number of them is given; whether it turns is seen from the whole clip all the same.

    Raises:
        ValueError: the clip has not this form.
    """
    camera, scene, _, found = _objects(clip, cameras, 1)
    if not found:
        return Reading(None, None, None, scene, camera=camera)
    return _reading(*found[0], scene, camera, last)


def read_objects(clip: Array, most: int = 2) -> list[Reading]:
    """Readings of the objects of a clip, the most striking first, as far as their colours differ.

    Raises:
        ValueError: the clip has not the form that :func:`read` takes.
    """
    camera, scene, _, found = _objects(clip, ("fixed",), most)
    return [_reading(colour, alpha, scene, camera) for colour, alpha in found]


def _reading(colour: str, alpha: Array, scene: str | None, camera: str, last: int | None = None) -> Reading:
    area = alpha.sum((1, 2))
    seen = area > 60
    if seen.mean() < 0.5:
        return Reading(colour, None, None, scene, camera=camera)
    track = _track(alpha, area, seen)
    radius = np.sqrt(area / math.pi)
    whole = seen & ~_touches_edge(alpha)
    turn = _turn(alpha, track, radius, whole)
    motion, dx, dy, swell = _motion(track, radius, seen, whole, turn, (alpha.shape[2], alpha.shape[1]))
    late = np.arange(len(area)) >= len(area) - (last or len(area))
    usable = whole & late if (whole & late).any() else seen & late
    shape, overlap = _shape(alpha, track, area, usable, abs(turn) > 45, 1 if last else 2)
    return Reading(colour, shape, motion, scene, dx, dy, swell, turn, overlap, camera)


def clean(clip: Array) -> float:
    """Part of the pixels of a clip ``[T, height, width, 3]`` that show a scene of the world or an object of one plain
    colour; noise and smears are neither.
    """
    _, scene, empty, found = _objects(clip, ("fixed",), 1)
    if scene is None:
        return 0.0
    shown = np.linalg.norm(clip - empty, axis=-1) < 0.25
    for colour, _ in found:
        plain = np.array(world.COLOURS[colour], np.float32) / 255
        shown |= np.linalg.norm(clip - plain, axis=-1) < 0.35
    return float(shown.mean())


def _scene(clip: Array, size: tuple[int, int], cameras: Sequence[str] = ("fixed",)) -> tuple[str | None, Array, str]:
    best, name, picture, way = 9.0, None, clip[0], "fixed"
    for scene in world.SCENES:
        for camera in cameras:
            if camera == "fixed":
                empty = ((paint.background(scene, size) + 1) / 2).permute(1, 2, 0).numpy()
            else:
                shown = paint.panorama(scene, world.view(camera, len(clip), size[0]), size)
                empty = ((shown + 1) / 2).permute(1, 2, 3, 0).numpy()
            distance = float(np.minimum(np.abs(clip - empty).sum(-1), 0.4).mean())
            if distance < best:
                best, name, picture, way = distance, scene, empty, camera
    return (name if best < 0.26 else None), picture, way


def _objects(clip: Array, cameras: Sequence[str], most: int) -> tuple[str, str | None, Array, list[tuple[str, Array]]]:
    """The camera, the scene, how it looks empty, and up to ``most`` colours with how much of every pixel is of them,
    ``[T, H, W]``.
    """
    if clip.ndim != 4 or clip.shape[3] != 3:
        raise ValueError(f"a clip is [T, H, W, 3], not {clip.shape}")
    scene, empty, camera = _scene(clip, (clip.shape[2], clip.shape[1]), cameras)
    if scene is None:
        return "fixed", None, empty, []
    colours = ((paint.palette() + 1) / 2).numpy()
    from_scene = np.linalg.norm(clip - empty, axis=-1)
    from_colour = np.linalg.norm(clip[..., None, :] - colours, axis=-1)
    nearest = from_colour.argmin(-1)
    inside = (from_scene > 0.25) & (from_colour.min(-1) < 0.9 * from_scene)
    # The scene's own white and grey details, softened by decoding, are not objects: votes count by how solid they are.
    votes = np.bincount(nearest[inside], weights=from_scene[inside], minlength=len(colours))
    if inside.mean() < 0.004:
        return camera, scene, empty, []
    strongest = np.argsort(-votes, kind="stable")[:most]
    chosen = [int(i) for i in strongest if votes[i] > 0.25 * votes.max()]
    found = []
    for index in chosen:
        axis = colours[index] - empty
        length = (axis * axis).sum(-1)
        alpha = (((clip - empty) * axis).sum(-1) / np.maximum(length, 1e-6)).clip(0, 1)
        alpha = np.where(from_colour[..., index] < 0.62 * np.sqrt(length) + 0.1, alpha, 0.0)
        alpha[alpha < 0.35] = 0
        for other in chosen:
            # The soft edge of one object may have another's colour.
            if other != index:
                alpha[_around(from_colour[..., other] < 0.25)] = 0
        found.append((list(world.COLOURS)[index], alpha.astype(np.float32)))
    return camera, scene, empty, found


def _around(mask: npt.NDArray[np.bool_], reach: int = 3) -> npt.NDArray[np.bool_]:
    wide = F.max_pool2d(torch.from_numpy(mask.astype(np.float32))[:, None], 2 * reach + 1, 1, reach)
    return np.asarray(wide[:, 0].numpy() > 0)


def _track(alpha: Array, area: Array, seen: npt.NDArray[np.bool_]) -> Array:
    h, w = alpha.shape[1:]
    mass = np.maximum(area, 1e-6)
    cx = (alpha.sum(1) * (np.arange(w) + 0.5)).sum(1) / mass
    cy = (alpha.sum(2) * (np.arange(h) + 0.5)).sum(1) / mass
    at = np.flatnonzero(seen)
    every = np.arange(len(area))
    return np.stack([np.interp(every, at, cx[at]), np.interp(every, at, cy[at])], 1).astype(np.float32)


def _touches_edge(alpha: Array) -> npt.NDArray[np.bool_]:
    border = np.concatenate([alpha[:, 0], alpha[:, -1], alpha[:, :, 0], alpha[:, :, -1]], 1)
    return np.asarray((border > 0.5).sum(1) > 2)


def _profile(alpha: Array, centre: Array, radius: float) -> Array:
    """Mass of an object by direction, ``[BINS]``, mean 1."""
    h, w = alpha.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) + 0.5
    x, y = x - centre[0], y - centre[1]
    near = np.hypot(x, y) < 2 * radius
    angle = np.arctan2(y[near], x[near]) / (2 * math.pi) * BINS
    low = np.floor(angle).astype(int)
    part = angle - low
    # Weighting by the distance counts the corners, which carry the angle.
    weight = alpha[near] * np.hypot(x[near], y[near])
    out = np.bincount(low % BINS, weight * (1 - part), BINS) + np.bincount((low + 1) % BINS, weight * part, BINS)
    out = (np.roll(out, 1) + 2 * out + np.roll(out, -1)) / 4
    return np.asarray(out / max(out.mean(), 1e-6), np.float32)


def _turn(alpha: Array, track: Array, radius: Array, whole: npt.NDArray[np.bool_]) -> float:
    """Degrees turned, summed over pairs of neighbouring frames."""
    at = np.flatnonzero(whole)
    if len(at) < 4:
        return 0.0
    profiles = [_profile(alpha[i], track[i], float(radius[i])) for i in at]
    if float(np.mean([p.std() for p in profiles])) < 0.12:
        return 0.0
    total = 0.0
    reach = 6
    for a, b, gap in zip(profiles, profiles[1:], np.diff(at), strict=False):
        if gap != 1:
            continue
        fit = np.array([(a * np.roll(b, -k)).mean() for k in range(-reach - 1, reach + 2)])
        k = int(fit[1:-1].argmax()) + 1
        left, mid, right = fit[k - 1 : k + 2]
        bend = left - 2 * mid + right
        total += (k - reach - 1 + (0.5 * (left - right) / bend if bend < -1e-9 else 0.0)) * 360 / BINS
    return float(total)


def _motion(
    track: Array,
    radius: Array,
    seen: npt.NDArray[np.bool_],
    whole: npt.NDArray[np.bool_],
    turn: float,
    size: tuple[int, int],
) -> tuple[str, float, float, float]:
    way = track / np.array(size, np.float32)
    steps = np.diff(way, axis=0)
    # A jump is an object that left on one side and came back on the other.
    steps[np.abs(steps).max(1) > 0.3] = 0
    path = np.concatenate([np.zeros((1, 2), np.float32), steps.cumsum(0)])
    smooth = np.stack([np.convolve(np.pad(path[:, k], 1, mode="edge"), np.ones(3) / 3, "valid") for k in range(2)], 1)
    dx, dy = (float(v) for v in path[-1] - path[0])
    wide, high = (float(v) for v in smooth.max(0) - smooth.min(0))
    gone = float(np.abs(np.diff(smooth[:, 1])).sum())
    at = np.flatnonzero(whole if whole.sum() >= 4 else seen)
    third = max(1, len(at) // 5)
    swell = float(radius[at[-third:]].mean() / max(radius[at[:third]].mean(), 1e-6))
    if min(wide, high) > 0.11:
        motion = "orbit"
    elif high > 0.15 and gone > 1.55 * high and wide < 0.12:
        motion = "bounce"
    elif max(wide, high) > 0.2:
        motion = ("right" if dx > 0 else "left") if wide > high else ("down" if dy > 0 else "up")
    elif swell > 1.3:
        motion = "grow"
    elif swell < 0.77:
        motion = "shrink"
    else:
        motion = "rotate" if abs(turn) > 60 else "still"
    return motion, dx, dy, swell


@functools.lru_cache(maxsize=1024)
def _template(shape: str, area: int, degrees: int) -> Array:
    unit = _unit_area(shape)
    point = torch.tensor([PATCH / 2, PATCH / 2, math.sqrt(area / unit), math.radians(degrees)])
    mask: Array = paint.coverage(shape, point, (PATCH, PATCH)).numpy()
    return _centred(mask, *_centre(mask))


@functools.cache
def _unit_area(shape: str) -> float:
    mask = paint.coverage(shape, torch.tensor([128.0, 128.0, 60.0, 0.0]), (256, 256))
    return float(mask.sum()) / 3600


def _centre(mask: Array) -> tuple[float, float]:
    h, w = mask.shape
    mass = max(float(mask.sum()), 1e-6)
    return float((mask.sum(0) * (np.arange(w) + 0.5)).sum()) / mass, float(
        (mask.sum(1) * (np.arange(h) + 0.5)).sum()
    ) / mass


def _centred(mask: Array, cx: float, cy: float) -> Array:
    """Patch ``[PATCH, PATCH]`` around a point, resampled linearly."""
    x0, y0 = cx - PATCH / 2, cy - PATCH / 2
    ix, iy = math.floor(x0), math.floor(y0)
    fx, fy = x0 - ix, y0 - iy
    big = np.zeros((PATCH + 1, PATCH + 1), np.float32)
    h, w = mask.shape
    ys, xs = slice(max(iy, 0), min(iy + PATCH + 1, h)), slice(max(ix, 0), min(ix + PATCH + 1, w))
    big[ys.start - iy : ys.stop - iy, xs.start - ix : xs.stop - ix] = mask[ys, xs]
    rows = big[:-1] * (1 - fy) + big[1:] * fy
    return np.asarray(rows[:, :-1] * (1 - fx) + rows[:, 1:] * fx, np.float32)


def _shape(
    alpha: Array, track: Array, area: Array, usable: npt.NDArray[np.bool_], turned: bool, halves: int
) -> tuple[str | None, float]:
    at = np.flatnonzero(usable)
    if not len(at):
        return None, 0.0
    # Of what grows or shrinks only the larger pictures: all shapes look alike when they are small.
    at = at[area[at] >= 0.4 * area[at].max()]
    at = at[np.linspace(0, len(at) - 1, min(8, len(at))).round().astype(int)]
    angles = range(0, 360, 12) if turned else (-8, 0, 8)
    overlaps = np.zeros((len(at), len(world.SHAPES)))
    for row, i in enumerate(at):
        mine = _centred(alpha[i], float(track[i, 0]), float(track[i, 1]))
        rounded = max(60, round(float(area[i]) / 40) * 40)
        for column, shape in enumerate(world.SHAPES):
            best = 0.0
            for degrees in (0,) if shape in world.ROUND else angles:
                other = _template(shape, rounded, degrees)
                best = max(best, float(np.minimum(mine, other).sum() / max(np.maximum(mine, other).sum(), 1e-6)))
            overlaps[row, column] = best
    # What changes on its way has no shape.
    parts = [part.mean(0).argmax() for part in np.array_split(overlaps, halves) if len(part)]
    overlap = float(overlaps.mean(0).max())
    return (world.SHAPES[parts[0]] if len(set(parts)) == 1 and overlap > 0.5 else None), overlap
