"""Smoother motion: frames between frames, made from the optical flow from one to the next; and a measure of flicker."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

FLOW_SIDE = 640  # pixels; flow is found in pictures no longer than this and enlarged, which is enough for motion
PATCH = 12  # pixels
# Two frames are apart where flow leaves this much of white between them on average, or this part of the picture with
# no match; moving objects and noise stay below (tests/workers/test_motion.py).
CUT_DIFFERENCE, CUT_UNMATCHED = 0.1, 0.6
UNMATCHED_PIXELS = 1.5  # how far forward and backward flow may miss each other, and
UNMATCHED_SHARE = 0.1  # how much more for each pixel of motion
DOUBT = 0.05  # the weight of a pixel that only one of the frames shows
STILL_LEVELS = 8.0  # of 255; what changes less over a whole film stands still


class Pair(Protocol):
    """What knows the way from one frame to the next."""

    def at(self, part: float) -> Picture:
        """Return the frame at `part` of the way, between 0 and 1; the earlier frame where there is a cut."""


def frames_at(frames: int, fps_in: Fraction | int, fps_out: Fraction | int) -> int:
    """Return how many frames a film of `frames` at `fps_in` has at `fps_out`: as many as keep its length."""
    return max(1, math.floor(frames * Fraction(fps_out) / Fraction(fps_in) + Fraction(1, 2)))


def needed_from(first: int, fps_in: Fraction | int, fps_out: Fraction | int) -> int:
    """Return the place of the earliest frame at `fps_in` that frame `first` at `fps_out` is made from."""
    return math.floor(first * Fraction(fps_in) / Fraction(fps_out))


def interpolate(
    frames: Iterable[Picture],
    fps_in: Fraction | int,
    fps_out: Fraction | int,
    *,
    first: int = 0,
    pair: Callable[[Picture, Picture], Pair] | None = None,
) -> Iterator[Picture]:
    """Yield uint8 RGB frames [H, W, 3] at `fps_out` for frames at `fps_in`; the film keeps its length.

    A frame at a place that the film has is that frame, untouched. Between two frames `pair` finds the others, by
    default `Between`; across a cut the earlier one stands until the later begins. Two frames are in memory.
    To go on with frame `first`, give `frames` from `needed_from(first, ...)` on: the same pictures come out.
    """
    step = Fraction(fps_in) / Fraction(fps_out)
    held = needed_from(first, fps_in, fps_out)  # the place of `here` in the film
    index = first
    here: Picture | None = None
    for after in frames:
        if here is None:
            here = after
            continue
        between: Pair | None = None
        while (part := index * step - held) < 1:
            if part == 0:
                yield here
            else:
                between = between or (pair or Between)(here, after)
                yield between.at(float(part))
            index += 1
        here, held = after, held + 1
    if here is not None:
        for _ in range(index, frames_at(held + 1, fps_in, fps_out)):
            yield here


class Between:
    """What moved between two frames, found once for all the frames that are made between them: both are moved along
    the optical flow, and blended."""

    def __init__(self, here: Picture, after: Picture) -> None:
        self.here, self.after = here, after
        small_here, small_after = _small(here), _small(after)
        self.shrunk = here.shape[1] / small_here.shape[1]
        there, back = _flow(small_here, small_after), _flow(small_after, small_here)
        self.there, self.back = _Flow.of(there, back), _Flow.of(back, there)
        self.match_there = _unlike(small_here, small_after, there)
        self.match_back = _unlike(small_after, small_here, back)
        self.cut = _is_cut(self.there, self.match_there) and _is_cut(self.back, self.match_back)

    def at(self, part: float) -> Picture:
        """Return the frame at `part` of the way, between 0 and 1; the earlier frame where there is a cut."""
        if self.cut:
            return self.here
        motion = self._motion(part)
        seen_here = self._visible(self.there, motion, -part)
        seen_after = self._visible(self.back, motion, 1 - part)
        height, width = self.here.shape[:2]
        full = cv2.resize(motion, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(self.shrunk)
        weight_here = cv2.resize(seen_here, (width, height)) * np.float32(1 - part)
        weight_after = cv2.resize(seen_after, (width, height)) * np.float32(part)
        share = (weight_after / (weight_here + weight_after))[..., None]
        moved_here = _moved(self.here, full, -part)
        moved_after = _moved(self.after, full, 1 - part)
        blend = moved_here + (moved_after - moved_here) * share
        return np.clip(blend + 0.5, 0, 255).astype(np.uint8)

    def _motion(self, part: float) -> Floats:
        """Return the flow from here to after, [h, w, 2], as it stands at `part` of the way.

        Every pixel of both frames carries its motion to where it is by then. Where several arrive, the one with the
        better match stays; where none does, something was uncovered, and the mean of both flows is the guess.
        """
        height, width = self.there.field.shape[:2]
        guess = ((1 - part) * self.there.field - part * self.back.field).astype(np.float32)
        sources = ((self.there.field, self.match_there, part), (-self.back.field, self.match_back, part - 1))
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        places, flows, unlike = [], [], []
        for field, match, way in sources:
            x = np.rint(columns + way * field[..., 0]).astype(np.int64)
            y = np.rint(rows + way * field[..., 1]).astype(np.int64)
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            places.append((y * width + x)[inside])
            flows.append(field[inside])
            unlike.append(match[inside])
        # Written from the worst match to the best: of several values for one place the last one stays.
        order = np.argsort(-np.concatenate(unlike), kind="stable")
        motion = guess.reshape(-1, 2)
        motion[np.concatenate(places)[order]] = np.concatenate(flows)[order]
        # Single pixels that disagree with all around them are errors of rounding.
        smooth = [cv2.medianBlur(np.ascontiguousarray(motion.reshape(height, width, 2)[..., i]), 5) for i in (0, 1)]
        return np.stack(smooth, -1).astype(np.float32)

    @staticmethod
    def _visible(flow: _Flow, motion: Floats, way: float) -> Floats:
        """Return how surely each pixel on the way is seen in the frame that lies `way` along its motion: DOUBT to 1."""
        seen = _moved(flow.sure, motion, way)
        return np.maximum(seen, np.float32(DOUBT))


@dataclass(frozen=True, slots=True)
class _Flow:
    """The flow from one frame to another, [h, w, 2], and where it is sure, [h, w]: the way back leads back."""

    field: Floats
    sure: Floats

    @classmethod
    def of(cls, field: Floats, back: Floats) -> _Flow:
        missed = np.linalg.norm(field + _moved(back, field, 1.0), axis=-1)
        allowed = UNMATCHED_PIXELS + UNMATCHED_SHARE * np.linalg.norm(field, axis=-1)
        sure = np.clip(1 - missed / (2 * allowed), 0, 1).astype(np.float32)
        return cls(field, cv2.GaussianBlur(sure, (0, 0), 1.0).astype(np.float32))


def still(frames: Sequence[Picture], levels: float = STILL_LEVELS) -> NDArray[np.bool_]:
    """Return where nothing moves in a film, [H, W]: all colours stay within `levels` of 255, a little around too."""
    lowest = np.minimum.reduce(frames).astype(np.float32)
    highest = np.maximum.reduce(frames).astype(np.float32)
    moves = ((highest - lowest).max(-1) > levels).astype(np.uint8)
    return np.asarray(cv2.dilate(moves, np.ones((5, 5), np.uint8)) == 0, np.bool_)


def flicker(frames: Sequence[Picture], mask: NDArray[np.bool_] | None = None) -> float:
    """Return how much pixels that should stand still tremble, in levels of 255.

    It is the mean of |a - 2b + c| over all colours of three frames that follow each other: 0 for what stands or
    changes evenly. `mask` [H, W] says what stands still, by default `still(frames)`; to compare a film with its
    upscale, take the mask of the source for both, resized.
    """
    mask = still(frames) if mask is None else mask
    if len(frames) < 3 or not mask.any():
        return 0.0
    total = 0.0
    for before, now, after in zip(frames, frames[1:], frames[2:], strict=False):
        a, b, c = (frame[mask].astype(np.float32) for frame in (before, now, after))
        total += float(np.abs(a - 2 * b + c).mean())
    return total / (len(frames) - 2)


def _small(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    shrink = min(1.0, FLOW_SIDE / max(height, width))
    if shrink == 1.0:
        return picture
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _flow(here: Picture, after: Picture) -> Floats:
    """Return the dense flow [h, w, 2] from one picture to another (Dense Inverse Search, arXiv:1603.03590)."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Larger patches than the preset's, down to single pixels: flat shapes on a soft ground are found with these.
    finder.setPatchSize(PATCH)
    finder.setPatchStride(PATCH // 3)
    finder.setFinestScale(0)
    greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (here, after)]
    nothing_known = np.zeros((*here.shape[:2], 2), np.float32)
    return np.asarray(finder.calc(greys[0], greys[1], nothing_known), np.float32)


def _moved(values: Picture | Floats, flow: Floats, way: float) -> Floats:
    """Return what `values` has at each pixel's place plus `way` times its flow; beyond the edge, what is on it."""
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32)[None, :] + np.float32(way) * flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(way) * flow[..., 1]
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _unlike(here: Picture, after: Picture, flow: Floats) -> Floats:
    """Return how far each pixel's colour is from the one that its flow leads to, 0 to 1."""
    found = _moved(after, flow, 1.0)
    difference: Floats = np.abs(here.astype(np.float32) - found).mean(-1) / 255
    return difference


def _is_cut(flow: _Flow, unlike: Floats) -> bool:
    unmatched = float((flow.sure < 0.5).mean())
    return float(unlike.mean()) > CUT_DIFFERENCE or (
        unmatched > CUT_UNMATCHED and float(unlike.mean()) > CUT_DIFFERENCE / 4
    )
