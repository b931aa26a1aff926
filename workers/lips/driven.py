"""What a head does after the face of a clip: its turns, moves, lids, brows and mouth, against that face's own rest.

Turns are those of MediaPipe's rigid face, found by Kabsch's method (1976) from landmarks that a mouth does not move.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from workers.lips.acting import Acts, breathed, gain_of, leaned
from workers.lips.base import Points, Track
from workers.lips.landmarks import mesh, size_of
from workers.lips.shape import NARROW, ROUNDED, SPREAD, WIDEST_GAP
from workers.lips.turning import RAISED, rotation
from workers.lips.visemes import Mouth

# What a portrait can be turned to and moved by, in degrees and in distances between the eyes' outer corners.
YAW, PITCH, ROLL, AWAY = 17.0, 12.0, 15.0, 0.12
MOVES = 0.6  # of the moves of the clip's face, which may have a body that comes along
SHUT, AJAR = 0.45, 0.86  # of how far the eyes are usually open: where they count as shut, and as not shut at all
CLOSED = 0.010  # of the gap between lips, below which they are closed
LIPS = ((13, 14), (82, 87), (312, 317))
LIDS = ((160, 144, 33, 133), (158, 153, 33, 133), (385, 380, 362, 263), (387, 373, 362, 263))
BROWS = ((105, 33, 133), (334, 362, 263))
EARS = (234, 454)

Curve = NDArray[np.float64]


def followed(track: Track, fps: Fraction, frames: int, expressiveness: float, seed: int) -> tuple[Acts, list[Mouth]]:
    """Return what a head does after a track, frame by frame, and how its mouth stands.

    A track that is shorter is gone through to and fro.
    """
    rate = float(fps)
    places = _to_and_fro(len(track), frames)
    found = _seen(track)
    angles, moves, gaps, widths, lids, brows = (curve[places] for curve in found)
    # At an expressiveness of 0.5 the portrait does what the clip does.
    gain = min(gain_of(expressiveness), 1.4)
    yaw, pitch, roll = (
        _within(gain * curve, math.radians(most)) for curve, most in zip(angles.T, (YAW, PITCH, ROLL), strict=True)
    )
    x, y = (_within(gain * MOVES * curve, AWAY) for curve in moves.T)
    draws = np.random.default_rng(seed)
    breath = breathed(draws, frames, rate, gain)
    acts = Acts(yaw, pitch, roll, x, y, leaned(yaw, rate), breath, lids, np.clip(gain * brows, -1, 1))
    mouths = [
        Mouth(open=float(gap), wide=float(wide), closed=float(gap <= 0)) for gap, wide in zip(gaps, widths, strict=True)
    ]
    return acts, mouths


def pose(points: Points) -> tuple[float, float, float]:
    """Return yaw, pitch and roll of a face in radians, by its landmarks [478, 3]; see `turning.rotation`."""
    return angles_of(_turn(points))


def angles_of(turn: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll of a rotation [3, 3] as `turning.rotation` makes it."""
    yaw, pitch = math.atan2(turn[2, 0], turn[2, 2]), math.asin(float(np.clip(turn[2, 1], -1, 1)))
    return yaw, pitch, math.atan2(-turn[0, 1], turn[1, 1])


def _seen(track: Track) -> tuple[Curve, ...]:
    """Return curves of the clip's face against its rest: turns [F, 3], moves [F, 2] and how open its mouth is, how
    wide, how far its lids are shut and its brows raised [F]."""
    there = np.flatnonzero(np.isfinite(track.points[:, 0, 0]))
    faces = [track.points[at] for at in there]
    turns = [_turn(points) for points in faces]
    rest = rotation(*np.median([angles_of(turn) for turn in turns], axis=0))
    angles = np.array([angles_of(turn @ rest.T) for turn in turns])
    size = float(np.median([size_of(points) for points in faces]))
    middles = np.array([points[list(EARS), :2].mean(0) for points in faces], np.float64)
    moves = (middles - np.median(middles, axis=0)) / size
    gap = np.array([_gap(points) for points in faces])
    gap = np.maximum(gap - min(float(np.percentile(gap, 3)), 0.03), 0)
    opened = np.where(gap > CLOSED, np.minimum(gap / WIDEST_GAP, 1) ** (1 / NARROW), 0.0)
    width = np.array([np.linalg.norm(points[61] - points[291]) / size_of(points) for points in faces])
    wider = width / float(np.median(width)) - 1
    wide = np.clip(np.where(wider > 0, wider / SPREAD, wider / ROUNDED), -1, 1)
    lids = np.array([_lids(points) for points in faces])
    shut = np.clip((AJAR - lids / max(float(np.percentile(lids, 85)), 1e-6)) / (AJAR - SHUT), 0, 1)
    brow = np.array([_brow(points) for points in faces])
    brows = np.clip((brow - float(np.median(brow))) / RAISED, -1, 1)

    def whole(curve: Curve) -> Curve:
        """Return a curve with what is between the frames in which the face is seen."""
        at = np.arange(len(track))
        if curve.ndim == 1:
            return np.interp(at, there, curve)
        return np.stack([np.interp(at, there, row) for row in curve.T], 1)

    return tuple(whole(np.asarray(curve, np.float64)) for curve in (angles, moves, opened, wide, shut, brows))


@functools.cache
def _rigid() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the landmarks that neither mouth nor lids move, and where a face has them: x right, y down, z away."""
    face = mesh().points.astype(np.float64)
    where = np.flatnonzero((face[:, 1] > -2.5) & (np.abs(face[:, 0]) < 6.5))
    places = face[where] * [1, -1, -1]
    return where, places - places.mean(0)


def _turn(points: Points) -> NDArray[np.float64]:
    """Return the rotation [3, 3] from a face at rest to the landmarks."""
    where, rest = _rigid()
    seen = points[where].astype(np.float64)
    left, _, right = np.linalg.svd((seen - seen.mean(0)).T @ rest)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return np.asarray(left @ flip @ right)


def _gap(points: Points) -> float:
    return float(np.mean([np.linalg.norm(points[a, :2] - points[b, :2]) for a, b in LIPS])) / size_of(points)


def _lids(points: Points) -> float:
    """Return how far the eyes are open, in shares of their width."""
    each = [
        np.linalg.norm(points[a, :2] - points[b, :2]) / max(float(np.linalg.norm(points[c] - points[d])), 1e-6)
        for a, b, c, d in LIDS
    ]
    return float(np.mean(each))


def _brow(points: Points) -> float:
    """Return how high the brows are above the corners of the eyes."""
    each = [np.linalg.norm(points[a] - (points[b] + points[c]) / 2) for a, b, c in BROWS]
    return float(np.mean(each)) / size_of(points)


def _within(curve: Curve, most: float) -> Curve:
    """Return a curve that bends before it goes beyond what is possible."""
    return np.asarray(most * np.tanh(curve / most))


def _to_and_fro(length: int, frames: int) -> NDArray[np.intp]:
    at = np.arange(frames) % max(2 * (length - 1), 1)
    return np.asarray(np.where(at < length, at, 2 * (length - 1) - at), np.intp)
