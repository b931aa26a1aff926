"""Reads a clip of the storybook world back from its pixels: what it shows, in the words of the world.

The scene, its light and the camera are those whose empty picture is nearest; what differs from it are the figures. How
a figure moves is read from its way, what it is and what else it does from the drawing that covers it best.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from . import paint
from .figures import sprite
from .world import (
    ACTIONS,
    CAMERAS,
    CYCLE,
    FIGURES,
    GOES,
    LIGHTS,
    LOOKS,
    PEOPLE,
    PLACES,
    SCENES,
    WINDOW,
    Spec,
    colours,
    floor,
)

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
DIFFERENT = {"day": 44, "sunset": 36, "night": 20}  # of 255: what differs from the empty scene by more is a figure
LEAST = 260  # pixels of a figure
FAR = 24  # pixels in a window, from which on something goes
HOP = 11  # pixels up and down, from which on it jumps
SHORTLIST = 8  # outlines whose colours are compared
POSES = tuple(range(0, CYCLE, 2))


@dataclass(slots=True)
class Seen:
    """One frame without its camera: the picture, the empty scene, and where they differ."""

    picture: Floats
    empty: Image.Image
    mask: Mask


def read(clip: paint.Bytes) -> Spec | None:
    """What a clip ``[T, height, width, 3]`` shows, from its first frame on; nothing when there is no figure in it."""
    scene, light, camera = setting(clip)
    times = list(range(0, min(len(clip), WINDOW), 2))
    seen = [_without_camera(clip[t], scene, light, camera, t) for t in times]
    parts = _split(seen)
    base = Spec("", "", "", scene, light, camera)
    found = [spec for part in parts if (spec := _figure(part, seen, times, base))]
    if not found:
        return None
    return replace(found[0], second=found[1]) if len(found) > 1 else found[0]


def setting(clip: paint.Bytes) -> tuple[str, str, str]:
    """Scene, light and camera of a clip: those whose empty pictures are nearest to its first, middle and last frame."""
    height, width = clip.shape[1:3]
    times = (0, min(len(clip), WINDOW) // 2, min(len(clip), WINDOW) - 1)
    small = [_small(clip[t]) for t in times]
    best, least = ("", "", ""), np.inf
    for camera in CAMERAS:
        for light in LIGHTS:
            for scene in SCENES:
                views = [_small_empty(scene, light, camera, t, width, height) for t in times]
                # What is very different is a figure, however different it is.
                error = sum(np.minimum(np.abs(a - b), 40).mean() for a, b in zip(small, views, strict=True))
                if error < least:
                    best, least = (scene, light, camera), error
    return best


def agreement(found: Spec | None, asked: Spec) -> dict[str, bool]:
    """Which parts of ``asked`` a clip shows; ``figure`` and ``colour`` and ``action`` are those of the first figure."""
    names = ("figure", "colour", "action", "scene", "light", "camera")
    out = {name: found is not None and getattr(found, name) == getattr(asked, name) for name in names}
    if asked.second is not None:
        out["second"] = (
            found is not None
            and found.second is not None
            and all(getattr(found.second, name) == getattr(asked.second, name) for name in names[:3])
        )
    out["alone"] = found is not None and (found.second is None) == (asked.second is None)
    return out


def _small(picture: Any) -> Floats:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return np.asarray(image.reduce(4), np.float32)


@functools.lru_cache(maxsize=2000)
def _small_empty(scene: str, light: str, camera: str, t: int, width: int, height: int) -> Floats:
    return _small(paint.empty(scene, light, camera, width, height, t))


def _without_camera(frame: paint.Bytes, scene: str, light: str, camera: str, t: int) -> Seen:
    height, width = frame.shape[:2]
    picture, empty = Image.fromarray(frame), paint.empty(scene, light, camera, width, height, t)
    if camera == "zoom in":
        left, top, right, bottom = (round(v) for v in paint.near_box((width, height), t))
        empty = paint.empty(scene, light, "still", width, height, t)
        whole = empty.copy()
        whole.paste(picture.resize((right - left, bottom - top), Image.Resampling.BOX), (left, top))
        picture = whole
    a, b = np.asarray(picture, np.float32), np.asarray(empty, np.float32)
    differs = Image.fromarray((np.abs(a - b).max(-1) > DIFFERENT[light]).astype(np.uint8) * 255)
    # Specks and thin lines are not figures.
    differs = differs.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3))
    return Seen(a, empty, np.asarray(differs) > 0)


def _split(seen: list[Seen]) -> list[slice]:
    """Columns of the middle frame with a figure each, from left to right: at most two."""
    columns = seen[len(seen) // 2].mask.sum(0)
    runs, begin = [], None
    for x, there in enumerate([*(columns > 1).tolist(), False]):
        if there and begin is None:
            begin = x
        elif not there and begin is not None:
            runs.append((begin, x))
            begin = None
    merged: list[tuple[int, int]] = []
    for run in runs:
        if merged and run[0] - merged[-1][1] < 5:
            merged[-1] = (merged[-1][0], run[1])
        else:
            merged.append(run)
    areas = {run: int(columns[run[0] : run[1]].sum()) for run in merged}
    large = [run for run in merged if areas[run] > max(LEAST, 0.2 * max(areas.values()))]
    return [slice(*run) for run in sorted(sorted(large, key=lambda run: -areas[run])[:2])]


def _figure(part: slice, seen: list[Seen], times: list[int], base: Spec) -> Spec | None:
    """The figure that stands in these columns of the middle frame."""
    pan = {"pan left": paint.PAN, "pan right": -paint.PAN}.get(base.camera, 0)
    middle, width = len(seen) // 2, seen[0].mask.shape[1]
    masks, way = [], []
    for i, each in enumerate(seen):
        drift, reach = pan * (times[i] - times[middle]), 14 * abs(times[i] - times[middle])
        low, high = part.start + min(drift, 0) - reach, part.stop + max(drift, 0) + reach
        mask = each.mask.copy()
        if len(_split(seen)) > 1:  # the other half belongs to the other figure
            border = width / 2 + drift
            low, high = (low, min(high, border)) if part.start < width / 2 - 4 else (max(low, border), high)
        mask[:, : max(0, int(low))] = False
        mask[:, max(0, int(high)) :] = False
        masks.append(mask)
        ys, xs = np.nonzero(mask)
        way.append((xs.mean() - drift, ys.mean(), np.percentile(ys, 98)) if len(xs) > LEAST else (np.nan,) * 3)
    track = np.array(way)
    good = ~np.isnan(track[:, 0])
    if good.sum() < 3:
        return None
    t = np.array(times)[good]
    dx, dy, low_y = (np.polyfit(t, track[good, k], 1)[0] * (WINDOW - 1) for k in range(3))
    if abs(dx) > FAR:
        moves: tuple[str, ...] = ("right" if dx > 0 else "left",)
    elif dy < -FAR and low_y < -FAR:
        moves = ("up",)
    elif np.ptp(track[good, 1]) > HOP:
        moves = ("jump",)
    else:
        moves = ("stand", "wave", "sit")
    frames = [i for i in range(len(seen)) if good[i] and i - middle in (-2, 0, 3)]
    return _best(frames, seen, masks, moves, base)


def _best(frames: list[int], seen: list[Seen], masks: list[Mask], moves: tuple[str, ...], base: Spec) -> Spec | None:
    """The spec with one of these actions whose drawings are nearest to the frames."""
    portrait = base.camera == "portrait"
    outlines = []
    for figure in PEOPLE if portrait else FIGURES:
        for action in set(moves) & set(ACTIONS[figure]) if base.scene in PLACES[figure] else ():
            ways = (action == "left",) if action in GOES else (False,) if portrait else (False, True)
            for mirrored in ways:
                fits = [_fit(masks[i], figure, action, mirrored, portrait) for i in frames]
                outlines.append((sum(fit[0] for fit in fits), figure, action, mirrored))
    outlines.sort(key=lambda row: -row[0])
    best, least = None, np.inf
    windows = [_window(masks[i]) for i in frames]
    for _, figure, action, mirrored in outlines[:SHORTLIST]:
        fits = [_fit(masks[i], figure, action, mirrored, portrait, fine=True) for i in frames]
        for colour in colours(figure):
            for look in LOOKS if figure in PEOPLE else LOOKS[:1]:
                spec = replace(base, figure=figure, colour=colour, action=action, look=look)
                error = sum(
                    _distance(seen[i], spec, fit[1], mirrored, fit[2], window)
                    for i, fit, window in zip(frames, fits, windows, strict=True)
                )
                if error < least:
                    best, least = spec, error
    return best


def _window(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a mask, and somewhat more."""
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    return max(0, xs.min() - 24), max(0, ys.min() - 24), min(width, xs.max() + 25), min(height, ys.max() + 25)


def _drawing(spec: Spec, pose: int, mirrored: bool, size: tuple[int, int]) -> tuple[Image.Image, int, int]:
    scale = paint.closeness(spec.figure, size) if spec.camera == "portrait" else 1.0
    return sprite(spec.figure, spec.colour, spec.look, spec.action, pose, spec.light, mirrored, scale)


def _fit(
    mask: Mask, figure: str, action: str, mirrored: bool, portrait: bool, fine: bool = False
) -> tuple[float, int, tuple[int, int]]:
    """What a mask and a figure's outline have in common (0..1) in the best pose, that pose, and where its feet are."""
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    spec = Spec(figure, colours(figure)[0], action, "meadow", camera="portrait" if portrait else "still")
    best: tuple[float, int, tuple[int, int]] = (-1.0, 0, (0, 0))
    for pose in POSES if action != "stand" else POSES[:1]:
        picture, ox, oy = _drawing(spec, pose, mirrored, (width, height))
        outline = np.asarray(picture.getchannel("A")) > 128
        if portrait:
            places = [paint.portrait_place(figure, (width, height), ox, oy)]
        else:
            rows, columns = np.nonzero(outline)
            x, y = round(xs.mean() - columns.mean()), round(ys.max() - rows.max())
            # Of what is half outside of the picture the middle says little.
            places = [(x, y)]
            if fine:  # feet that do not show are where feet stand
                feet = {y - 1, y, y + 1, *([floor(height) - oy] if action != "jump" else [])}
                places = [(x + dx, at) for dx in (-8, -4, -3, -2, -1, 0, 1, 2, 3, 4, 8) for at in feet]
        for place in places:
            both, inside = _overlap(outline, mask, place)
            alike = both / max(1, inside + len(xs) - both)
            if alike > best[0]:
                best = (alike, pose, (place[0] + ox, place[1] + oy))
    return best


def _overlap(outline: Mask, mask: Mask, place: tuple[int, int]) -> tuple[int, int]:
    """Pixels of an outline, put at a place of a picture, that the mask has too, and all that lie in the picture."""
    x, y = place
    x0, y0 = max(0, x), max(0, y)
    part = outline[y0 - y : mask.shape[0] - y, x0 - x : mask.shape[1] - x]
    under = mask[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
    return int((part & under).sum()), int(part.sum())


def _distance(
    seen: Seen, spec: Spec, pose: int, mirrored: bool, feet: tuple[int, int], window: tuple[int, int, int, int]
) -> float:
    """Mean difference of a frame from a drawing within a window."""
    left, top, right, bottom = window
    height, width = seen.mask.shape
    picture, ox, oy = _drawing(spec, pose, mirrored, (width, height))
    drawn = seen.empty.crop(window)
    drawn.paste(picture, (feet[0] - ox - left, feet[1] - oy - top), picture)
    return float(np.abs(np.asarray(drawn, np.float32) - seen.picture[top:bottom, left:right]).mean())
