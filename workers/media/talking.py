"""What a talking avatar can be made of, seen before anything is paid for: sides, lengths, and whether somebody speaks.

These are quick answers from facts and samples. Whether there is one face, and what is said, is found by a worker.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.base import Sentence
from workers.media.facts import MediaError

LEAST_SIDE, MOST_PIXELS = 200, 40_000_000
LEAST_SECONDS, MOST_SECONDS = 0.4, 200.0

RATE = 8_000  # samples a second that are looked at; enough for a voice's ground note
WINDOW, HOP = 0.04, 0.01  # seconds
RUMBLE = 0.9  # of each sample is taken from the next one, so that wind and traffic are no voice
QUIET_DB = -65.0  # below, nothing is meant to be heard
LOUD = 0.2  # of a second: how much of a sound is its loud part, at least; a click is less
FLOOR_DB = 35.0  # below a sound's loud parts, its pauses
LOWEST, HIGHEST = 70, 400  # Hz of a voice's ground note
VOICED = 0.5  # of the autocorrelation at the ground note's period
SWAY_DB = 4.0  # by which the level of speech moves about within a second, at least
SPOKEN = 0.25  # of a second: less voice than this is no speech
CHUNK = 4096  # windows at once


def check_portrait(width: int, height: int) -> None:
    """Refuse a portrait whose sides do not do. Raises MediaError("portrait_small"), "portrait_large"."""
    if min(width, height) < LEAST_SIDE:
        text = Sentence(
            "A portrait has at least {least} x {least} pixels; this one has {width} x {height}.",
            least=LEAST_SIDE,
            width=width,
            height=height,
        )
        raise MediaError("portrait_small", text)
    if width * height > MOST_PIXELS:
        text = Sentence(
            "A portrait has at most {most} megapixels; this one has {there:.0f}. Save it smaller.",
            most=MOST_PIXELS // 1_000_000,
            there=width * height / 1e6,
        )
        raise MediaError("portrait_large", text)


def check_sound(kind: str, seconds: float) -> None:
    """Refuse a file by its kind ("image", "video" or "audio") and its length.

    Raises MediaError("sound_kind"), "sound_short" and "sound_long".
    """
    if kind == "video":
        raise MediaError("sound_kind", Sentence("This is a video. Choose a sound, such as an MP3 or a WAV."))
    if kind != "audio":
        raise MediaError("sound_kind", Sentence("This is no sound. Choose an MP3, a WAV or an M4A."))
    if seconds < LEAST_SECONDS:
        raise MediaError("sound_short", Sentence("A speech lasts at least {least:g} seconds.", least=LEAST_SECONDS))
    if seconds > MOST_SECONDS:
        text = Sentence(
            "A speech lasts up to {most:g} seconds; this one has {there:.0f}.", most=MOST_SECONDS, there=seconds
        )
        raise MediaError("sound_long", text)


def check_speech(samples: NDArray[np.float32], rate: int) -> None:
    """Refuse a sound, float32 mono [N] in -1 to 1, in which nobody speaks. Raises MediaError("no_speech")."""
    if spoken(samples, rate) < SPOKEN:
        raise MediaError("no_speech", Sentence("Nobody speaks in this sound."))


def spoken(samples: NDArray[np.float32], rate: int) -> float:
    """Return for how many seconds there is something like a voice: it has a ground note, and its level moves.

    Silence, noise, hum and steady tones have none; singing and some music count, too.
    """
    thin = _thinned(np.asarray(samples, np.float32), rate)
    sound = thin[1:] - RUMBLE * thin[:-1]
    window, hop = round(WINDOW * RATE), round(HOP * RATE)
    if len(sound) < window:
        return 0.0
    pieces = np.lib.stride_tricks.sliding_window_view(sound, window)[::hop]
    levels = np.concatenate(
        [10 * np.log10(np.square(pieces[at : at + CHUNK]).mean(1) + 1e-10) for at in range(0, len(pieces), CHUNK)]
    )
    loud = float(np.sort(levels)[-min(len(levels), round(LOUD / HOP))])
    if loud < QUIET_DB:
        return 0.0
    heard = (levels > max(QUIET_DB, loud - FLOOR_DB)) & (_sway(np.maximum(levels, loud - FLOOR_DB)) > SWAY_DB)
    places = np.flatnonzero(heard)
    voiced = sum(int((_ground(pieces[places[at : at + CHUNK]]) > VOICED).sum()) for at in range(0, len(places), CHUNK))
    return voiced * HOP


def _thinned(sound: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Return a sound at RATE: means of its samples, which is enough to find a ground note in."""
    if rate <= RATE:
        places = np.arange(int(len(sound) * RATE / rate)) * rate / RATE
        return np.asarray(np.interp(places, np.arange(len(sound)), sound), np.float32) if len(sound) else sound
    edges = (np.arange(int(len(sound) * RATE / rate) + 1) * rate / RATE).astype(int)
    sums = np.concatenate(([0.0], np.cumsum(sound, dtype=np.float64)))
    return np.asarray(np.diff(sums[edges]) / np.diff(edges), np.float32)


def _sway(levels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return by how many decibels the level moves within the second around each window."""
    around = min(len(levels), round(1 / HOP))
    ones = np.ones(around) / around
    padded = np.pad(levels.astype(np.float64), (around // 2, around - 1 - around // 2), mode="edge")
    mean = np.convolve(padded, ones, "valid")
    return np.asarray(np.sqrt(np.maximum(0, np.convolve(padded**2, ones, "valid") - mean**2)))


def _ground(pieces: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how periodic each window is at the period of a voice, 0 to 1."""
    even = (pieces - pieces.mean(1, keepdims=True)) * np.hanning(pieces.shape[1])
    size = 2 * pieces.shape[1]
    power = np.abs(np.fft.rfft(even, size)) ** 2
    alike = np.fft.irfft(power, size)
    # A window's own shape makes what is later less alike.
    shape = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(pieces.shape[1]), size)) ** 2, size)
    lags = slice(RATE // HIGHEST, RATE // LOWEST)
    alike = alike[:, lags] / shape[lags] * shape[0] / np.maximum(alike[:, :1], 1e-12)
    return np.asarray(alike.max(1))
