"""The loudness of sounds, and their mix: measured by ITU-R BS.1770, brought to a level, ducked under speech.

Sounds are float32 [N] or [N, channels] in -1 to 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]

LUFS, PEAK_DB = -16.0, -2.0  # of a film with speech; half a decibel under the limit, as encoders overshoot
SILENT_LUFS = -70.0  # BS.1770's absolute gate: nothing quieter is measured
MOST_GAIN_DB = 30.0  # of `level`: more would raise noise
DUCKED_DB = -14.0
# Seconds that a bed takes to go down before speech, waits in a pause of it, and takes to come back.
DUCK_ATTACK, DUCK_HOLD, DUCK_RELEASE = 0.2, 0.4, 0.8

_BLOCK = 0.1  # seconds; a gating block is four of them, and begins with each
_CHUNK = 1 << 20  # samples that are filtered at once
_RING = 1 << 14  # samples after which K-weighting's filters have died away
_OVERSAMPLING, _TAPS = 4, 16  # of the true peak: phases, and samples on each side
_LIMITER_SECONDS, _LIMITER_BLOCKS = 0.001, 6  # how finely a limiter's gain is set, and how far it looks ahead
_PEAK_MARGIN_DB = 0.15  # what smoothing a limiter's gain may add to a peak


class Loudness(NamedTuple):
    """Integrated loudness in LUFS and true peak in dB relative to full scale; both -inf for silence."""

    lufs: float
    peak: float


def loudness(samples: Sound, rate: int) -> Loudness:
    """Measure a sound by ITU-R BS.1770-5; one that is shorter than 0.4 s is measured as a whole."""
    sound = _channels(samples)
    return Loudness(_integrated(sound, rate), _decibels(float(_true_peaks(sound).max(initial=0.0))))


def level(samples: Sound, rate: int, lufs: float = LUFS, peak: float = PEAK_DB) -> Sound:
    """Bring a sound to an integrated loudness, with its true peak limited; silence stays silence."""
    sound = _channels(samples)
    measured = _integrated(sound, rate)
    if not np.isfinite(measured):
        return np.asarray(samples, np.float32).copy()
    gain = min(lufs - measured, MOST_GAIN_DB)
    made = _limit(sound * _factor(gain), rate, peak)
    for _ in range(4):  # what the limiter took is given back
        short = lufs - _integrated(made, rate)
        if abs(short) < 0.1 or gain + short > MOST_GAIN_DB:
            break
        gain += short
        made = _limit(sound * _factor(gain), rate, peak)
    return made.reshape(np.shape(samples)).astype(np.float32)


def duck(bed: Sound, speech: Sound, rate: int, decibels: float = DUCKED_DB) -> Sound:
    """Return a bed that is quieter by `decibels` wherever speech is heard; both begin together."""
    length = len(bed)
    voice = _channels(speech)[:length]
    window = max(rate // 50, 1)
    count = -(-length // window)
    energy = np.zeros(count)
    blocks = np.pad(np.mean(np.square(voice, dtype=np.float64), axis=1), (0, -len(voice) % window))
    energy[: len(blocks) // window] = blocks.reshape(-1, window).mean(axis=1)
    heard = energy > max(energy.max(initial=0.0) * 1e-4, 1e-9)
    # Down before a word begins, held in the pauses between words, and slowly up after them.
    step = window / rate
    wanted = np.zeros(count)
    for at in np.flatnonzero(heard).tolist():
        wanted[max(at - round(DUCK_ATTACK / step), 0) : at + round(DUCK_HOLD / step) + 1] = 1.0
    depth, now = np.empty(count), wanted[0] if count else 0.0
    for at, goal in enumerate(wanted):
        now = min(now + step / DUCK_ATTACK, goal) if goal > now else max(now - step / DUCK_RELEASE, goal)
        depth[at] = now
    smooth = 0.5 - 0.5 * np.cos(np.pi * depth)
    gain = _factor(decibels * np.interp(np.arange(length) / window, np.arange(count) + 0.5, smooth))
    shaped = gain.reshape(-1, *[1] * (np.ndim(bed) - 1))
    return (np.asarray(bed) * shaped).astype(np.float32)


def fade(samples: Sound, rate: int, begin: float = 0.02, end: float = 0.05) -> Sound:
    """Return a sound that comes and goes within so many seconds."""
    made = np.array(samples, np.float32)
    for seconds, part in ((begin, made), (end, made[::-1])):
        length = min(round(seconds * rate), len(made) // 2)
        curve = 0.5 - 0.5 * np.cos(np.pi * np.arange(length) / max(length, 1))
        part[:length] *= curve.reshape(-1, *[1] * (made.ndim - 1)).astype(np.float32)
    return made


def bend(samples: Sound, factor: float) -> Sound:
    """Raise the pitch of a sound [N] by a factor, by playing it as much faster; band-limited, by FFT."""
    if abs(factor - 1) < 1e-4 or not len(samples):
        return samples
    length = max(round(len(samples) / factor), 1)
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    spectrum = np.pad(spectrum, (0, length // 2 + 1 - len(spectrum)))
    return (np.fft.irfft(spectrum, length) * (length / len(samples))).astype(np.float32)


def _channels(samples: Sound) -> NDArray[np.float64]:
    sound = np.asarray(samples, np.float64)
    return sound[:, None] if sound.ndim == 1 else sound


def _factor(decibels: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(10.0 ** (np.asarray(decibels) / 20))


def _decibels(value: float) -> float:
    return 20 * float(np.log10(value)) if value > 0 else -np.inf


# --- loudness


def _integrated(sound: NDArray[np.float64], rate: int) -> float:
    hop = round(_BLOCK * rate)
    squares = np.square(_k_weighted(sound, rate)).sum(axis=1)
    if len(squares) < 4 * hop:
        powers = np.array([squares.mean()]) if len(squares) else np.zeros(0)
    else:
        hops = squares[: len(squares) // hop * hop].reshape(-1, hop).mean(axis=1)
        powers = np.convolve(hops, np.ones(4) / 4, "valid")
    for gate in (_power(SILENT_LUFS), None):
        powers = powers[powers > (powers.mean() / 10 if gate is None and len(powers) else gate or 0.0)]
    return -0.691 + 10 * float(np.log10(powers.mean())) if len(powers) else -np.inf


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _k_weighted(sound: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Filter a sound as BS.1770 does, by the frequency response of its two filters and overlap-add."""
    size = _CHUNK if len(sound) > _CHUNK else len(sound)
    whole = 1 << (size + _RING - 1).bit_length() if size else 1
    response = _k_response(rate, whole)[:, None]
    made = np.zeros((len(sound) + whole, sound.shape[1]))
    for at in range(0, len(sound), size or 1):
        spectrum = np.fft.rfft(sound[at : at + size], whole, axis=0)
        made[at : at + whole] += np.fft.irfft(spectrum * response, whole, axis=0)
    return made[: len(sound)]


def _k_response(rate: int, size: int) -> NDArray[np.complex128]:
    """Return the response of the shelf (a head) and the high-pass (RLB) for any rate.

    The analogue prototypes are those that give the standard's table of coefficients at 48 kHz.
    """
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    k, q, gain = np.tan(np.pi * 1681.974450955533 / rate), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band, under = gain**0.4996667741545416, 1 + k / q + k * k
    shelf = ((gain + band * k / q + k * k) + 2 * (k * k - gain) * z + (gain - band * k / q + k * k) * z**2) / (
        under + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z**2
    )
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    high = (1 - 2 * z + z**2) / (1 + (2 * (k * k - 1) * z + (1 - k / q + k * k) * z**2) / (1 + k / q + k * k))
    return np.asarray(shelf * high)


def _true_peaks(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest absolute value at and after each sample, over channels, between samples too."""
    peaks = np.abs(sound).max(axis=1, initial=0.0)
    places = np.arange(-_TAPS + 1, _TAPS + 1)
    for phase in range(1, _OVERSAMPLING):
        away = places - phase / _OVERSAMPLING
        taps = np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * away / _TAPS))
        for channel in sound.T:
            between = np.convolve(channel, taps[::-1])[_TAPS : _TAPS + len(channel)]
            np.maximum(peaks, np.abs(between), out=peaks)
    return np.asarray(peaks)


def _limit(sound: NDArray[np.float64], rate: int, peak: float) -> NDArray[np.float64]:
    """Turn a sound down around what is over the peak; the gain looks ahead and moves smoothly."""
    most = float(_factor(peak))
    peaks = _true_peaks(sound)
    if peaks.max(initial=0.0) <= most:
        return sound
    most *= float(_factor(-_PEAK_MARGIN_DB))
    window = max(round(_LIMITER_SECONDS * rate), 1)
    blocks = np.pad(peaks, (0, -len(peaks) % window)).reshape(-1, window).max(axis=1)
    needed = np.minimum(1.0, most / np.maximum(blocks, 1e-9))
    wide = 2 * _LIMITER_BLOCKS + 1
    padded = np.pad(needed, _LIMITER_BLOCKS, constant_values=1.0)
    lowest = np.lib.stride_tricks.sliding_window_view(padded, wide).min(axis=1)
    # Two blocks narrower than the look-ahead, so that interpolation between blocks stays under what is needed.
    curve = np.hanning(wide - 2)
    smooth = np.convolve(np.pad(lowest, _LIMITER_BLOCKS - 1, mode="edge"), curve / curve.sum(), "valid")
    gain = np.interp((np.arange(len(sound)) + 0.5) / window, np.arange(len(smooth)) + 0.5, smooth)
    return np.asarray(sound * gain[:, None])
