"""Beds of music by synthesis: a progression and a few instruments for each mood. Nobody else's rights are in them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.voice.mix import level

RATE = 48_000
BED_LUFS, BED_PEAK_DB = -20.0, -3.0
FADE_IN, FADE_OUT = 1.5, 3.0  # seconds


@dataclass(frozen=True, slots=True)
class Mood:
    """How a mood is played: beats a minute, the key as a MIDI note, chords by scale degree, and who plays.

    `progressions` are four chords each, as semitones above the key; `pad`, `pluck`, `mallet`, `bass` and `shaker` are
    levels; `steps` is the number of arpeggio notes in a bar of four beats; `bright` is how slowly overtones fall away.
    """

    tempo: float
    key: int
    progressions: tuple[tuple[tuple[int, ...], ...], ...]
    scale: tuple[int, ...]
    steps: int
    pad: float
    pluck: float
    mallet: float
    bass: float
    shaker: float
    bright: float
    room: float  # seconds of reverberation


MOODS = {
    "calm": Mood(
        tempo=62, key=50, scale=(0, 2, 4, 7, 9), steps=4,
        progressions=(
            ((0, 4, 7, 11), (9, 12, 16, 19), (5, 9, 12, 16), (7, 12, 14, 19)),
            ((0, 4, 7, 14), (5, 9, 12, 16), (9, 12, 16, 19), (5, 9, 12, 14)),
        ),
        pad=0.30, pluck=0.16, mallet=0.0, bass=0.16, shaker=0.0, bright=1.7, room=2.8,
    ),
    "hopeful": Mood(
        tempo=86, key=48, scale=(0, 2, 4, 7, 9), steps=8,
        progressions=(
            ((0, 4, 7, 12), (7, 11, 14, 19), (9, 12, 16, 21), (5, 9, 12, 17)),
            ((0, 4, 7, 14), (5, 9, 12, 16), (9, 12, 16, 19), (7, 12, 14, 19)),
        ),
        pad=0.26, pluck=0.22, mallet=0.05, bass=0.18, shaker=0.0, bright=1.4, room=2.0,
    ),
    "tense": Mood(
        tempo=74, key=45, scale=(0, 3, 5, 7, 8), steps=8,
        progressions=(
            ((0, 3, 7, 12), (-4, 3, 8, 12), (5, 8, 12, 15), (-1, 4, 7, 11)),
            ((0, 3, 7, 10), (1, 5, 8, 13), (0, 3, 7, 12), (-2, 5, 8, 14)),
        ),
        pad=0.30, pluck=0.10, mallet=0.0, bass=0.30, shaker=0.015, bright=1.9, room=2.4,
    ),
    "playful": Mood(
        tempo=114, key=53, scale=(0, 2, 4, 7, 9), steps=8,
        progressions=(
            ((0, 4, 7, 12), (9, 12, 16, 21), (2, 5, 9, 14), (7, 11, 14, 17)),
            ((0, 4, 7, 12), (5, 9, 12, 17), (2, 5, 9, 14), (7, 11, 14, 19)),
        ),
        pad=0.06, pluck=0.22, mallet=0.22, bass=0.20, shaker=0.03, bright=1.3, room=0.9,
    ),
}  # fmt: skip


def music(mood: str, seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Make a bed of music, float32 stereo [N, 2] at RATE, of -20 LUFS; the same seed gives the same samples.

    `mood` is one of MOODS. Raises KeyError for another.
    """
    style, rng = MOODS[mood], np.random.default_rng((seed, sorted(MOODS).index(mood)))
    length = round(seconds * RATE)
    beat = 60 / style.tempo
    bar = 4 * beat
    out = np.zeros((length + round((bar + 8) * RATE), 2), np.float32)
    progression = style.progressions[rng.integers(len(style.progressions))]
    patterns = [rng.permutation(4) for _ in range(2)]
    for number in range(int(np.ceil(seconds / bar))):
        chord = progression[number % 4]
        begin = number * bar
        calm_bar = number % 8 == 7  # a bar to breathe in
        for at, note in enumerate(chord):
            if style.pad:
                _put(out, _pad(style.key + note, round(bar * RATE), style.bright), begin, style.pad, (at - 1.5) / 3)
        _bass(out, style, rng, chord, begin, beat)
        _arpeggio(out, style, rng, chord, begin, bar, patterns[number // 4 % 2], calm_bar)
        if number % 2 and style.mallet:
            _melody(out, style, rng, chord, begin, beat)
        if style.shaker:
            _shaker(out, style, rng, begin, beat)
    wet = _reverberate(out, style.room, rng)
    mixed = (0.75 * out + 0.35 * wet)[:length]
    for size, part in ((FADE_IN, mixed), (FADE_OUT, mixed[::-1])):
        count = min(round(size * RATE), length // 2)
        part[:count] *= (np.sin(np.linspace(0, np.pi / 2, count)) ** 2)[:, None]
    return level(mixed.astype(np.float32), RATE, BED_LUFS, BED_PEAK_DB)


# --- who plays


def _bass(
    out: NDArray[np.float32], style: Mood, rng: np.random.Generator, chord: tuple[int, ...], begin: float, beat: float
) -> None:
    note = style.key + chord[0] - 12
    note += 12 if note < 33 else 0
    beats = {4: (0.0,), 8: (0.0, 2.0)}[style.steps] if style.bass < 0.3 else (0.0, 1.0, 2.0, 3.0)
    for at in beats:
        length = 4 * beat if len(beats) == 1 else 0.9 * beat * (2 if len(beats) == 2 else 1)
        _put(out, _low(note, round(length * RATE)), begin + at * beat, style.bass * rng.uniform(0.9, 1.0), 0.0)


def _arpeggio(
    out: NDArray[np.float32], style: Mood, rng: np.random.Generator, chord: tuple[int, ...],
    begin: float, bar: float, pattern: NDArray[np.int64], sparse: bool,
) -> None:  # fmt: skip
    for step in range(style.steps):
        if rng.random() < (0.5 if sparse else 0.12) and step:
            continue
        note = (
            style.key + 12 + chord[pattern[step % 4]] + (12 if step >= style.steps // 2 and rng.random() < 0.3 else 0)
        )
        when = begin + step * bar / style.steps + abs(rng.normal(0, 0.006))
        loud = style.pluck * (1.0 if step % 2 == 0 else 0.75) * rng.uniform(0.85, 1.0)
        _put(out, _plucked(note, style.bright), when, loud, rng.uniform(-0.5, 0.5))


def _melody(
    out: NDArray[np.float32], style: Mood, rng: np.random.Generator, chord: tuple[int, ...], begin: float, beat: float
) -> None:
    """A short phrase that ends on a note of the chord."""
    steps = sorted(rng.choice(8, size=int(rng.integers(3, 5)), replace=False))
    at = int(rng.integers(2, 6))
    for number, step in enumerate(steps):
        at = int(np.clip(at + rng.integers(-2, 3), 0, 9))
        octave, degree = divmod(at, len(style.scale))
        note = style.key + 24 + style.scale[degree] + 12 * octave
        if number == len(steps) - 1:
            note = min(
                (style.key + tone + shift for tone in chord for shift in (12, 24, 36)), key=lambda n: abs(n - note)
            )
        _put(out, _struck(note), begin + step * beat / 2, style.mallet * rng.uniform(0.8, 1.0), rng.uniform(-0.3, 0.3))


def _shaker(out: NDArray[np.float32], style: Mood, rng: np.random.Generator, begin: float, beat: float) -> None:
    time = np.arange(round(0.09 * RATE)) / RATE
    for step in range(8):
        noise = np.diff(rng.standard_normal(len(time) + 1)) * np.exp(-time * 55) * np.minimum(time / 0.012, 1)
        loud = style.shaker * (1.0 if step % 2 else 0.55)
        _put(out, noise.astype(np.float32), begin + step * beat / 2, loud, 0.25)


def _put(out: NDArray[np.float32], tone: NDArray[np.float32], begin: float, loud: float, side: float) -> None:
    """Add a tone at a time in seconds; `side` is -1 for left to 1 for right, by equal power."""
    at, angle = round(begin * RATE), (side + 1) * np.pi / 4
    tone = tone[: len(out) - at]
    out[at : at + len(tone), 0] += tone * np.float32(loud * np.cos(angle))
    out[at : at + len(tone), 1] += tone * np.float32(loud * np.sin(angle))


# --- instruments


def _hertz(note: int) -> float:
    return float(440 * 2 ** ((note - 69) / 12))


@functools.lru_cache(maxsize=64)
def _pad(note: int, length: int, bright: float) -> NDArray[np.float32]:
    """Detuned soft overtones that swell and overlap with the next bar."""
    tail = round(1.6 * RATE)
    time = np.arange(length + tail) / RATE
    tone = np.zeros(len(time))
    for cents in (-6.0, 0.0, 7.0):
        pitch = _hertz(note) * 2 ** (cents / 1200)
        for over in range(1, 9):
            if pitch * over < 7000:
                tone += over**-bright * np.sin(2 * np.pi * pitch * over * time + over * cents)
    rise, fall = round(0.9 * RATE), tail
    shape = np.ones(len(time))
    shape[:rise] = np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    shape[-fall:] = np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return (tone * shape * (1 + 0.08 * np.sin(2 * np.pi * 0.31 * time)) / 6).astype(np.float32)


@functools.lru_cache(maxsize=128)
def _plucked(note: int, bright: float) -> NDArray[np.float32]:
    """A string: the higher an overtone, the sooner it is gone."""
    time = np.arange(round(2.2 * RATE)) / RATE
    tone, pitch = np.zeros(len(time)), _hertz(note)
    for over in range(1, 13):
        ring = pitch * over * (1 + 0.0003 * over * over) ** 0.5
        if ring < 9000:
            tone += over ** -(bright - 0.2) * np.exp(-time * (1.6 + 0.9 * over)) * np.sin(2 * np.pi * ring * time)
    return (tone * np.minimum(time / 0.004, 1) * _gone(time)).astype(np.float32)


@functools.lru_cache(maxsize=128)
def _struck(note: int) -> NDArray[np.float32]:
    """A wooden bar: its overtones stand at 4 and 10 times its pitch."""
    time = np.arange(round(1.4 * RATE)) / RATE
    tone, pitch = np.zeros(len(time)), _hertz(note)
    for ratio, loud, decay in ((1.0, 1.0, 4.5), (3.93, 0.28, 11.0), (9.6, 0.06, 26.0)):
        if pitch * ratio < 12000:
            tone += loud * np.exp(-time * decay) * np.sin(2 * np.pi * pitch * ratio * time)
    return (tone * np.minimum(time / 0.003, 1) * _gone(time)).astype(np.float32)


@functools.lru_cache(maxsize=64)
def _low(note: int, length: int) -> NDArray[np.float32]:
    time = np.arange(length + round(0.15 * RATE)) / RATE
    pitch = _hertz(note)
    tone = sum(loud * np.sin(2 * np.pi * pitch * over * time) for over, loud in ((1, 1.0), (2, 0.35), (3, 0.12)))
    shape = np.minimum(time / 0.02, 1) * np.exp(-time * 0.5)
    shape *= np.clip((time[-1] - time) / 0.15, 0, 1)
    return (tone * shape).astype(np.float32)


def _gone(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """End a tone without a click."""
    return np.asarray(np.clip((time[-1] - time) / 0.1, 0, 1))


def _reverberate(sound: NDArray[np.float32], seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Convolve with noise that dies away, in the highs first."""
    time = np.arange(round(seconds * RATE)) / RATE
    size = 1 << (len(sound) + len(time) - 1).bit_length()
    wet = np.empty_like(sound)
    for channel in range(2):
        noise = rng.standard_normal(len(time))
        dark = np.convolve(noise, np.hanning(25) / np.hanning(25).sum(), "same")
        tail = (0.3 * noise * np.exp(-time * 14 / seconds) + dark * np.exp(-time * 6 / seconds)) * np.minimum(
            time / 0.02, 1
        )
        tail /= np.sqrt(np.sum(tail**2))
        spectrum = np.fft.rfft(sound[:, channel], size) * np.fft.rfft(tail, size)
        wet[:, channel] = np.fft.irfft(spectrum, size)[: len(sound)]
    return wet
