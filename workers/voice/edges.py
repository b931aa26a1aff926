"""Where one phoneme becomes the next: the times that a voice gives, moved to where its sound changes.

The offline voices count in frames of 25 ms, and what they say has a constant error for each place of an edge. That is
corrected first. Each kind of phoneme has its own spectrum, and the edges then go to where the spectra on both sides fit
best, not far from where they were (Viterbi).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.voice.base import Timed

STEP, WINDOW = 0.005, 0.02  # seconds
BANDS = (80, 300, 600, 1200, 2400, 4800, 8000, 11900)  # Hz
SOFTEST = -60.0  # dB below what is loud
AHEAD = 0.01  # seconds by which the times are ahead of the sound, as those of pocketsphinx are, and as lips are
# How much later than the voice says phonemes change: within a word; after the last phoneme of a word; around a pause.
# And how long it says nothing, at least, in a pause (seconds).
WITHIN, BETWEEN, RISING, PAUSE = 0.022, 0.048, 0.011, 0.11
NEAR = 0.01  # seconds that an edge usually moves (a standard deviation); one inside a phoneme twice as far
SPREAD = 9.0  # dB that a level usually differs (a standard deviation)
WEIGHT = 0.1  # of a step; neighbouring steps say nearly the same
SHORTEST, SHORTEST_STOP = 3, 2  # steps
# The levels of kinds of phonemes in the bands, in dB below what is loud: means of 20 sentences in five of the voices,
# found together with the edges. `_` is silence; `p` is the closure of p, t and k, and `'` what comes after it.
LEVELS = {
    "_": (-58, -59, -59, -58, -59, -60, -60),
    "a": (-9, -12, -11, -15, -22, -32, -35),
    "ɛ": (-9, -10, -14, -18, -20, -32, -33),
    "ə": (-11, -14, -22, -25, -29, -36, -38),
    "ɪ": (-13, -16, -30, -30, -26, -38, -38),
    "ɔ": (-9, -9, -11, -22, -27, -36, -38),
    "ʊ": (-16, -19, -27, -34, -36, -43, -43),
    "m": (-9, -20, -32, -34, -40, -48, -54),
    "n": (-8, -17, -30, -35, -37, -46, -49),
    "l": (-15, -16, -23, -39, -37, -42, -46),
    "r": (-14, -17, -23, -23, -40, -44, -43),
    "w": (-11, -17, -29, -43, -46, -51, -52),
    "j": (-6, -16, -35, -35, -22, -30, -33),
    "b": (-24, -34, -43, -46, -48, -52, -54),
    "p": (-43, -49, -54, -55, -56, -57, -58),
    "'": (-36, -34, -33, -29, -28, -31, -37),
    "s": (-45, -43, -41, -36, -27, -18, -20),
    "z": (-33, -39, -41, -35, -28, -17, -20),
    "ʃ": (-43, -40, -39, -28, -15, -19, -27),
    "ʒ": (-40, -39, -40, -30, -18, -20, -27),
    "f": (-44, -42, -40, -33, -31, -30, -25),
    "θ": (-40, -44, -46, -45, -41, -41, -40),
    "v": (-23, -32, -38, -38, -39, -39, -39),
    "h": (-28, -37, -27, -22, -24, -35, -42),
}
KINDS = {
    letter: kind
    for kind, letters in {
        "a": "aɑæʌɐ", "ɛ": "ɛeø", "ə": "əɘɵɜɝɚ", "ɪ": "ɪʏiy", "ɔ": "ɔɒœo", "ʊ": "ʊuɯ", "m": "m", "n": "nŋɲ", "l": "lɫ",
        "r": "ɹrɻ", "w": "wɥ", "j": "j", "b": "bdɡgɾ", "p": "ptkq", "s": "s", "z": "z", "ʃ": "ʃɕ", "ʒ": "ʒʑ", "f": "f",
        "θ": "θ", "v": "vð", "h": "hxçχɦʔʁɣ",
    }.items()
    for letter in letters
}  # fmt: skip

Floats = NDArray[np.float64]


class _Part(NamedTuple):
    """What sounds alike: its kind, when it should begin (seconds), and the phoneme that it is of, -1 in pauses."""

    kind: str
    start: float
    phoneme: int


def settled(samples: NDArray[np.float32], rate: int, phonemes: Sequence[Timed]) -> list[Timed]:
    """Return the phonemes of an offline voice with times that follow its sound, float32 mono [N].

    They stay as they are where they cannot fit the sound: in silence, and where it is too short for them.
    """
    if not phonemes or float(np.abs(samples).max(initial=0)) < 1e-4:
        return list(phonemes)
    levels = _levels(samples, rate)
    parts = _parts(phonemes)
    edges = _edges(levels, parts)
    if edges is None:
        return list(phonemes)
    seconds = len(samples) / rate
    places: dict[int, tuple[float, float]] = {}
    for part, start, end in zip(parts, edges, edges[1:], strict=False):
        begin, stop = (min(max(edge * STEP - AHEAD, 0.0), seconds) for edge in (start, end))
        if part.phoneme >= 0:
            places[part.phoneme] = (places.get(part.phoneme, (begin,))[0], stop)
    return [Timed(phoneme.text, *places[number]) for number, phoneme in enumerate(phonemes)]


def _levels(samples: NDArray[np.float32], rate: int) -> Floats:
    """Return the level of every band around every step in dB below what is loud [steps, bands]."""
    window, step = round(WINDOW * rate), round(STEP * rate)
    count = len(samples) // step + 1
    sound = np.pad(samples.astype(np.float64), (window // 2, window + step))
    frames = np.lib.stride_tricks.sliding_window_view(sound, window)[: count * step : step]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(window), 512)))
    hertz = np.fft.rfftfreq(512, 1 / rate)
    bands = np.stack([power[:, (hertz >= low) & (hertz < high)].sum(1) for low, high in itertools.pairwise(BANDS)], 1)
    whole = bands.sum(1)
    loud = np.percentile(whole[whole > 1e-3 * whole.max()], 90)
    return np.asarray(np.maximum(10 * np.log10(bands / loud + 1e-7), SOFTEST))


def _parts(phonemes: Sequence[Timed]) -> list[_Part]:
    """Return silence, the parts of all phonemes with the pauses between them, and silence."""
    begins: list[_Part] = []
    for number, phoneme in enumerate(phonemes):
        end = phonemes[number - 1].end if number else -np.inf
        gap = phoneme.start - end
        if number and gap > PAUSE:
            begins.append(_Part("_", end + WITHIN, -1))
        late = phoneme.start + RISING if gap > PAUSE else end + BETWEEN if gap > 1e-3 else phoneme.start + WITHIN
        begins.append(_Part(phoneme.text, late, number))
    begins.append(_Part("_", phonemes[-1].end + WITHIN, -1))
    parts = [_Part("_", 0.0, -1)]
    for now, after in zip(begins, [*begins[1:], begins[-1]], strict=True):
        kinds = "_" if now.phoneme < 0 else _kinds(now.kind)
        length = (after.start - now.start) / len(kinds)
        parts += [_Part(kind, now.start + place * length, now.phoneme) for place, kind in enumerate(kinds)]
    return parts


def _kinds(text: str) -> str:
    """Return the kinds of sound that a phoneme goes through: both vowels of a diphthong, a closure and its release."""
    kinds = "".join(KINDS[letter] for letter in text if letter in KINDS) or "ə"
    return kinds if len(kinds) > 1 and kinds[0] in "pb" else kinds.replace("p", "p'")


def _edges(levels: Floats, parts: Sequence[_Part]) -> list[int] | None:
    """Return the steps in which the parts begin, and the end of the last; None where they do not fit."""
    steps = len(levels)
    costs = {
        kind: np.concatenate([[0.0], np.cumsum(WEIGHT / 2 * (((levels - LEVELS[kind]) / SPREAD) ** 2).sum(1))])
        for kind in {part.kind for part in parts}
    }
    at = np.arange(steps + 1)
    least, came = costs[parts[0].kind], []
    for before, part in itertools.pairwise(parts):
        near = 2 * NEAR if part.phoneme == before.phoneme >= 0 else NEAR
        cost = costs[part.kind]
        entered = least + 0.5 * ((at * STEP - part.start) / near) ** 2 - cost
        best = np.minimum.accumulate(entered)
        where = np.maximum.accumulate(np.where(entered <= best, at, 0))
        short = SHORTEST_STOP if part.kind in "pb'_" else SHORTEST
        least, origin = np.full(steps + 1, np.inf), np.zeros(steps + 1, np.int64)
        if short <= steps:
            least[short:] = best[: steps + 1 - short] + cost[short:]
            origin[short:] = where[: steps + 1 - short]
        came.append(origin)
    if not np.isfinite(least[-1]):
        return None
    edges = [steps]
    for origin in reversed(came):
        edges.append(int(origin[edges[-1]]))
    return [0, *reversed(edges)]
