"""From phonemes with their times to how a mouth stands in every frame.

Each phoneme pulls the mouth towards its own shape, most in its middle; what neighbours pull is blended by dominance
(Cohen and Massaro, 1993). Closures of b, p and m, and the lip under the teeth of f and v, are not up for blending.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.voice.base import Speech, Timed

LEAD = 0.0  # seconds by which lips are ahead of the times of phonemes, which already are a little ahead of the sound
FINE = 8  # places that are computed for each frame
CLOSED_SECONDS = 0.045  # what a closure takes at least, so that a frame shows it
FLANK = 0.014  # seconds in which lips close and part
REACH, REST_REACH = 0.024, 0.05  # seconds in which the pull of a phoneme fades, and that of silence
QUIET = 0.02  # of the loudest: less is silence, whatever the phonemes say
BLUR = 0.04  # seconds
ENDS = 0.08  # seconds of silence between phonemes from which on the mouth goes to rest

Floats = NDArray[np.float64]


class Shape(NamedTuple):
    """How a phoneme forms the mouth: the jaw open 0 to 1; lips from rounded -1 to spread 1; how hard it pulls."""

    open: float
    wide: float
    pull: float
    tongue: float = 0.0


@dataclass(frozen=True, slots=True)
class Mouth:
    """How a mouth stands in a frame: `open`, `closed`, `tucked` (lower lip under the teeth) and `tongue` 0 to 1;
    `wide` from rounded, -1, to spread, 1."""

    open: float = 0.0
    wide: float = 0.0
    closed: float = 0.0
    tucked: float = 0.0
    tongue: float = 0.0


REST = Shape(0.0, 0.0, 0.8)
# By the first letter that has an entry; what has none is a neutral vowel.
SHAPES = {
    **dict.fromkeys("bpm", Shape(0.0, -0.05, 1.8)),
    **dict.fromkeys("fv", Shape(0.08, 0.05, 1.5)),
    **dict.fromkeys("θð", Shape(0.20, 0.05, 0.7, 1.0)),
    **dict.fromkeys("tdɾ", Shape(0.18, 0.1, 0.8, 0.5)),
    **dict.fromkeys("lnɫɲ", Shape(0.18, 0.1, 0.8, 0.8)),
    **dict.fromkeys("sz", Shape(0.10, 0.3, 0.9)),
    **dict.fromkeys("ʃʒɕʑ", Shape(0.12, -0.5, 1.2)),
    **dict.fromkeys("kɡgŋxɣqhʔçχʁɦ", Shape(0.24, 0.05, 0.7)),
    **dict.fromkeys("ɹrɻ", Shape(0.16, -0.4, 1.0)),
    **dict.fromkeys("wɥ", Shape(0.10, -0.95, 1.2)),
    "j": Shape(0.22, 0.5, 0.7),
    **dict.fromkeys("aɑæ", Shape(1.0, 0.1, 1.3)),
    "ɐ": Shape(0.88, 0.05, 1.2),
    "ʌ": Shape(0.76, 0.0, 1.2),  # open-mid, as ɛ is
    **dict.fromkeys("ɛ", Shape(0.76, 0.3, 1.2)),
    **dict.fromkeys("eø", Shape(0.55, 0.35, 1.0)),
    **dict.fromkeys("əɘɵɜɝɚ", Shape(0.45, 0.0, 0.8)),
    **dict.fromkeys("ɪʏ", Shape(0.46, 0.35, 1.0)),
    **dict.fromkeys("iy", Shape(0.28, 0.6, 1.0)),
    **dict.fromkeys("ɔɒœ", Shape(0.80, -0.45, 1.2)),
    "o": Shape(0.58, -0.75, 1.0),
    **dict.fromkeys("ʊ", Shape(0.34, -0.7, 1.0)),
    **dict.fromkeys("uɯ", Shape(0.24, -0.95, 1.1)),
}
NEUTRAL = Shape(0.4, 0.0, 0.6)
CLOSING, TUCKING = frozenset("bpm"), frozenset("fv")


def mouths(speech: Speech, fps: Fraction, frames: int) -> list[Mouth]:
    """Return how the mouth stands in each frame; frame i is taken over its whole time, i / fps to (i + 1) / fps."""
    count = frames * FINE
    rate = float(fps) * FINE
    at = np.asarray((np.arange(count) + 0.5) / rate, np.float64)
    sums, weights = np.zeros((count, 3)), np.full(count, 1e-6)
    closed, tucked = np.zeros(count), np.zeros(count)
    for part in _with_rests(_parts(speech.phonemes), frames / float(fps)):
        _pull(part, at, sums, weights)
        if part.kind in CLOSING:
            _at_least(closed, at, part, CLOSED_SECONDS)
        elif part.kind in TUCKING:
            _at_least(tucked, at, part, CLOSED_SECONDS)
    opened, wide, tongue = (sums / weights[:, None]).T
    opened = opened * _loudness(speech, at)
    blur = np.hanning(max(3, round(BLUR * rate)) + 2)
    opened, wide, tongue, tucked = (_blurred(curve, blur) for curve in (opened, wide, tongue, tucked))
    opened = opened * (1 - closed)
    means = (np.clip(curve, low, 1).reshape(frames, FINE).mean(1) for curve, low in (
        (opened, 0.0), (wide, -1.0), (closed, 0.0), (tucked, 0.0), (tongue, 0.0)
    ))  # fmt: skip
    return [Mouth(*(float(value) for value in values)) for values in zip(*means, strict=True)]


class _Part(NamedTuple):
    """A phoneme, or half of a diphthong: the letter that says its kind, and its time in seconds. Rest has none."""

    kind: str
    start: float
    end: float


def _parts(phonemes: Iterable[Timed]) -> Iterable[_Part]:
    for phoneme in phonemes:
        letters = [letter for letter in phoneme.text if letter in SHAPES]
        if len(letters) == 2 and letters[0] in "td":  # an affricate is seen as its second half
            letters = letters[1:]
        if not letters:
            letters = ["ə"] if any(letter.isalpha() for letter in phoneme.text) else []
        for number, letter in enumerate(letters):
            length = (phoneme.end - phoneme.start) / len(letters)
            yield _Part(letter, phoneme.start + number * length - LEAD, phoneme.start + (number + 1) * length - LEAD)


def _with_rests(parts: Iterable[_Part], seconds: float) -> list[_Part]:
    """Return the parts with a rest before the first, in pauses, and after the last.

    What is between two words without a pause belongs to the phoneme before.
    """
    out: list[_Part] = []
    end = -1.0
    for part in parts:
        if part.start - end > ENDS:
            out.append(_Part("", end, part.start))
        elif out and part.start > end:
            out[-1] = out[-1]._replace(end=part.start)
        out.append(part)
        end = part.end
    out.append(_Part("", end, max(end, seconds) + 1.0))
    return out


def _pull(part: _Part, at: Floats, sums: Floats, weights: Floats) -> None:
    shape = SHAPES.get(part.kind, NEUTRAL) if part.kind else REST
    reach = REACH if part.kind else REST_REACH
    middle, half = (part.start + part.end) / 2, max((part.end - part.start) / 2, 0.012)
    begin, end = np.searchsorted(at, [middle - half - 12 * reach, middle + half + 12 * reach])
    near = at[begin:end]
    pull = shape.pull * np.exp(-np.maximum(np.abs(near - middle) - 0.6 * half, 0) / reach)
    weights[begin:end] += pull
    sums[begin:end] += pull[:, None] * [shape.open, shape.wide, shape.tongue]


def _at_least(curve: Floats, at: Floats, part: _Part, seconds: float) -> None:
    """Raise a curve to 1 within a part, for so many seconds at least, with steep flanks."""
    middle, half = (part.start + part.end) / 2, max(part.end - part.start, seconds) / 2
    near = np.exp(-((np.maximum(np.abs(at - middle) - half, 0) / FLANK) ** 2))
    np.maximum(curve, near, out=curve)


def _loudness(speech: Speech, at: Floats) -> Floats:
    """Return by how much a mouth opens more or less for how loud it speaks: 0 in silence, about 1 elsewhere."""
    if not len(speech.samples):
        return np.zeros(len(at))
    window = max(1, speech.rate // 100)
    energy = np.square(speech.samples, dtype=np.float64)
    blocks = np.sqrt(np.pad(energy, (0, -len(energy) % window)).reshape(-1, window).mean(1))
    blocks = np.convolve(blocks, np.ones(5) / 5, "same")
    loud = float(np.percentile(blocks[blocks > 0.1 * blocks.max()], 90)) if blocks.max() > 0 else 1.0
    level = np.interp(at + LEAD, (np.arange(len(blocks)) + 0.5) * window / speech.rate, blocks / loud, right=0.0)
    gate = np.clip(level / QUIET / 2, 0, 1)
    return np.asarray(gate * (0.85 + 0.2 * np.clip(level, 0, 1)))


def _blurred(curve: Floats, kernel: Floats) -> Floats:
    kernel = kernel / kernel.sum()
    half = len(kernel) // 2
    return np.convolve(np.pad(curve, (half, len(kernel) - 1 - half), mode="edge"), kernel, "valid")
