"""What a head does while it speaks: it drifts, nods on loud words, settles in pauses, blinks and breathes.

All of it is known before the first frame, from the speech and a seed, so that a film can be gone on with anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from workers.lips.turning import Turn
from workers.voice.base import Speech

QUIET = 0.10  # of what is loud: less is a pause
PAUSE = 0.28  # seconds of silence from which on a phrase has ended
# At an expressiveness of 0.5, in degrees: where a head turns to (one standard deviation), how it drifts, how it nods.
YAW, PITCH, ROLL = 3.4, 1.3, 1.3
DRIFT = 1.1
NOD = 2.6
FARTHEST = 2.5  # standard deviations
STRESS = 0.62  # of what is loud, from which on a word may have a nod
NODS, RAISES = 0.7, 0.35  # of the stressed words
BLINK = (0.45, 0.95, 1.0, 0.72, 0.38, 0.12)  # how far lids are shut, frame by frame at 25 a second
BLINK_SECONDS = 0.24
EVERY = (2.0, 6.0)  # seconds from one blink to the next
AT_ENDS = 0.55  # of the phrases end with one
BREATH = (3.4, 4.6)  # seconds of a breath
FOLLOWS = 0.7  # seconds in which shoulders go after the head

Curve = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Acts:
    """What a head does in each frame, [F] each.

    `yaw` (to the picture's right), `pitch` (down) and `roll` (to the picture's right) are radians from the portrait's
    own; `x` and `y` are moves, `lean` one of the shoulders, and `breath` how far they rise, in distances between the
    eyes' outer corners; `blink` and `brow` are 0 to 1, `brow` -1 where it is drawn down.
    """

    yaw: Curve
    pitch: Curve
    roll: Curve
    x: Curve
    y: Curve
    lean: Curve
    breath: Curve
    blink: Curve
    brow: Curve

    def turn(self, place: int) -> Turn:
        """Return how the head stands in a frame."""
        return Turn(*(float(getattr(self, name)[place]) for name in Turn._fields))


def acted(speech: Speech, fps: Fraction, frames: int, expressiveness: float, seed: int) -> Acts:
    """Return what a head does while it says a speech."""
    rate, count = float(fps), frames
    draws = np.random.default_rng(seed)
    loud = loudness(speech, rate, count)
    phrases = _phrases(loud, rate)
    spoken = np.zeros(count)
    for begin, end in phrases:
        spoken[begin:end] = 1
    active = 0.3 + 0.7 * _blurred(spoken, 0.8 * rate)
    gain = gain_of(expressiveness)
    turns = _turns(draws, phrases, count, rate)
    yaw = YAW * turns[0] * active + DRIFT * _drift(draws, count, rate)
    roll = ROLL * (0.8 * turns[1] - 0.35 * turns[0]) * active + 0.7 * DRIFT * _drift(draws, count, rate)
    pitch = PITCH * turns[2] * active + 0.8 * DRIFT * _drift(draws, count, rate)
    nods, brow = _stresses(draws, loud, rate)
    pitch = np.radians(gain * (pitch + NOD * nods))
    yaw, roll = np.radians(gain * yaw), np.radians(gain * roll)
    x, y = (gain * 0.012 * _drift(draws, count, rate) for _ in range(2))
    return Acts(
        yaw, pitch, roll, x + 0.10 * yaw, y + 0.25 * pitch, leaned(yaw, rate), breathed(draws, count, rate, gain),
        blinks(draws, phrases, count, rate), np.clip(min(gain, 1.3) * brow, -1, 1),
    )  # fmt: skip


def loudness(speech: Speech, rate: float, frames: int) -> Curve:
    """Return how loud each frame is, 1 for what is loud."""
    edges = np.round(np.arange(frames + 1) * speech.rate / rate).astype(int)
    total = np.concatenate([[0.0], np.cumsum(np.square(speech.samples, dtype=np.float64))])
    edges = np.minimum(edges, len(total) - 1)
    level = np.sqrt(np.diff(total[edges]) / np.maximum(np.diff(edges), 1))
    heard = level[level > 0.05 * max(float(level.max(initial=0.0)), 1e-9)]
    return np.asarray(level / max(float(np.percentile(heard, 90)) if len(heard) else 1.0, 1e-9))


def blinks(draws: np.random.Generator, phrases: list[tuple[int, int]], frames: int, rate: float) -> Curve:
    """Return how far the lids are shut: every few seconds, and often where a phrase ends."""
    ends = [end for _, end in phrases if draws.random() < AT_ENDS]
    at, places = float(draws.uniform(0.7, 2.4)), list[float]()
    seconds = frames / rate
    while at < seconds:
        near = [end / rate + 0.05 for end in ends if at - 1.6 < end / rate <= at + 0.8]
        at = near[0] if near and (not places or near[0] - places[-1] > EVERY[0] * 0.7) else at
        places.append(at)
        at += float(draws.uniform(*EVERY))
    shut = np.zeros(frames)
    length = max(3, round(BLINK_SECONDS * rate))
    shape = np.interp(np.linspace(0, len(BLINK) - 1, length), np.arange(len(BLINK)), BLINK)
    for at in places:
        begin = round(at * rate)
        part = shut[begin : begin + length]
        np.maximum(part, shape[: len(part)], out=part)
    return shut


def breathed(draws: np.random.Generator, frames: int, rate: float, gain: float) -> Curve:
    """Return how far the shoulders rise and sink, in distances between the eyes' outer corners."""
    length = float(draws.uniform(*BREATH))
    at = np.arange(frames) / rate
    slow = at + 0.5 * np.sin(at * 0.37 + draws.uniform(0, 6.28))
    return np.asarray(0.014 * min(1.0, 0.15 + gain) * np.sin(2 * np.pi * slow / length + draws.uniform(0, 6.28)))


def leaned(yaw: Curve, rate: float) -> Curve:
    """Return how the shoulders go after a head that turns."""
    return 0.20 * _blurred(yaw, 2 * FOLLOWS * rate)


def gain_of(expressiveness: float) -> float:
    """Return how much of the usual motion there is for an expressiveness of 0 to 1: 1 in the middle."""
    e = min(max(expressiveness, 0.0), 1.0)
    return 0.06 + 1.88 * e if e < 0.5 else 1.0 + 1.4 * (e - 0.5)


def _phrases(loud: Curve, rate: float) -> list[tuple[int, int]]:
    """Return from which frame on to which something is said without a pause."""
    out: list[tuple[int, int]] = []
    for at in np.flatnonzero(loud > QUIET):
        if out and at - out[-1][1] <= PAUSE * rate:
            out[-1] = (out[-1][0], int(at) + 1)
        else:
            out.append((int(at), int(at) + 1))
    return [part for part in out if part[1] - part[0] > 0.1 * rate]


def _turns(draws: np.random.Generator, phrases: list[tuple[int, int]], frames: int, rate: float) -> list[Curve]:
    """Return where a head turns to across, aside and down, in standard deviations: anew with a phrase, and within."""
    held = np.zeros((3, frames))
    begins = [begin for begin, _ in phrases]
    at, now = 0, np.zeros(3)
    while at < frames:
        now = np.clip(0.25 * now + 0.95 * draws.standard_normal(3), -FARTHEST, FARTHEST)
        following = at + int(draws.uniform(1.2, 3.4) * rate)
        near = [begin for begin in begins if at + 0.8 * rate < begin < following + 0.6 * rate]
        following = near[-1] if near else following
        held[:, at:following] = now[:, None]
        at = following
    held -= 0.6 * held.mean(1, keepdims=True)
    return [_blurred(_blurred(row, (0.75 + 0.2 * draws.random()) * rate), 0.3 * rate) for row in held]


def _drift(draws: np.random.Generator, frames: int, rate: float) -> Curve:
    """Return a slow wandering about 0."""
    at = np.arange(frames) / rate
    speeds, phases = draws.uniform((0.06, 0.13, 0.24), (0.11, 0.22, 0.40)), draws.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * speeds[:, None] * at + phases[:, None])
    return np.asarray(np.array([0.5, 0.35, 0.22]) @ waves)


def _stresses(draws: np.random.Generator, loud: Curve, rate: float) -> tuple[Curve, Curve]:
    """Return nods and raised brows on loud words, 1 for a usual one."""
    smooth = _blurred(loud, 0.22 * rate)
    nods, brow = np.zeros(len(loud)), np.zeros(len(loud))
    last = -rate
    for at in range(1, len(loud) - 1):
        peak = smooth[at] >= smooth[at - 1] and smooth[at] > smooth[at + 1] and smooth[at] > STRESS
        if not peak or at - last < 0.45 * rate:
            continue
        last = at
        chance, strength = draws.random(2)
        if chance < NODS:
            _add(nods, at, rate, 0.13, 0.5 + 0.8 * strength)
        if chance > 1 - RAISES:
            _add(brow, at, rate, 0.20, 0.6 + 0.5 * strength)
    return _blurred(nods, 0.12 * rate), _blurred(brow, 0.16 * rate)


def _add(curve: Curve, at: int, rate: float, rise: float, height: float) -> None:
    """Add a bump that rises in so many seconds to its peak at a frame, and falls slower."""
    begin = max(0, at - round(2 * rise * rate))
    since = (np.arange(begin, min(len(curve), at + round(1.4 * rate))) - at) / rate
    before = np.exp(-np.square(np.minimum(since, 0) / (0.7 * rise)))
    after = np.exp(-np.square(np.maximum(since, 0) / (1.9 * rise)))
    curve[begin : begin + len(since)] += height * before * after


def _blurred(curve: Curve, width: float) -> Curve:
    """Return a curve blurred over about so many frames; its ends go on."""
    half = max(1, round(width / 2))
    kernel = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(curve, half, mode="edge"), kernel / kernel.sum(), "valid")
