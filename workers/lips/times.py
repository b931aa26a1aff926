"""When each phoneme of a sound is spoken: by pocketsphinx, with its text or without.

Its models are English (BSD-2-Clause, in its wheel). With a text they are aligned to it; without one, or where the text
does not fit the sound, phonemes are heard as they come, which is less exact. Other languages are only heard.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.lips.base import LipsError
from workers.voice.base import Speech, Timed

RATE = 16_000  # samples a second that pocketsphinx listens to
STEP = 0.01  # seconds of its frames
SPOKEN = 0.15  # of a second: less speech than this is none
# The phonemes of its dictionary in IPA.
IPA = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "i", "JH": "dʒ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t",
    "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
# The letters of hibari's G2P, for words that the dictionary lacks.
LETTERS = {
    "A": "EY", "I": "AY", "W": "AW", "O": "OW", "Q": "OW", "Y": "OY", "ʤ": "JH", "ʧ": "CH", "ᵊ": "AH", "ᵻ": "IH",
    "T": "D", "ɾ": "D", "ə": "AH", "ɐ": "AH", "ɜ": "ER", "ɚ": "ER", "a": "AE", "e": "EH", "ɒ": "AA", "o": "OW",
    "g": "G", "r": "R", **{ipa: name for name, ipa in IPA.items() if len(ipa) == 1},
}  # fmt: skip

Samples = NDArray[np.float32]


def listen(samples: Samples, rate: int, text: str = "", language: str = "en") -> Speech:
    """Return what is said in a sound, float32 mono [N] in -1 to 1, with the times of its phonemes.

    Words have times where a text is given and English. Raises LipsError("no_speech") where nothing is spoken.
    """
    heard = _at_rate(samples, rate)
    if not len(heard) or float(np.abs(samples).max()) < 1e-3:
        raise LipsError("no_speech", "Nothing is spoken in this sound.")
    found: tuple[tuple[Timed, ...], tuple[Timed, ...]] | None = None
    if text.strip() and language.split("-")[0] == "en":
        found = _aligned(heard, text)
    words, phonemes = found or ((), _heard(heard))
    if sum(phoneme.end - phoneme.start for phoneme in phonemes) < SPOKEN:
        raise LipsError("no_speech", "Nothing is spoken in this sound.")
    return Speech(np.asarray(samples, np.float32), rate, words, phonemes)


def plain(text: str) -> list[str]:
    """Return the words of a text in small letters, without punctuation."""
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("’", "'").replace("-", " ")).split()


def _aligned(heard: bytes, text: str) -> tuple[tuple[Timed, ...], tuple[Timed, ...]] | None:
    """Return the words and phonemes of a text with their times; None where it does not fit the sound."""
    from pocketsphinx import Decoder

    words = [word.strip("'") for word in plain(text)]
    words = [word for word in words if word]
    decoder = Decoder(samprate=RATE, lm=None, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80)
    for word in dict.fromkeys(words):
        if decoder.lookup_word(word) is None:
            spelt = _spelt(word)
            if not spelt:
                return None
            decoder.add_word(word, " ".join(spelt), True)
    if not words:
        return None
    decoder.set_align_text(" ".join(words))
    _hear(decoder, heard)
    if decoder.hyp() is None:
        return None
    decoder.set_alignment()
    _hear(decoder, heard)
    alignment = decoder.get_alignment()
    if alignment is None:
        return None
    timed: list[Timed] = []
    phonemes: list[Timed] = []
    for word in alignment:
        begin, end = word.start * STEP, (word.start + word.duration) * STEP
        if word.name.startswith(("<", "[", "+")):
            continue
        timed.append(Timed(re.sub(r"\(\d+\)$", "", word.name), begin, end))
        phonemes += _in_ipa((phone.name, phone.start, phone.duration) for phone in word)
    return tuple(timed), tuple(phonemes)


def _heard(heard: bytes) -> tuple[Timed, ...]:
    """Return the phonemes of a sound as they are heard, without knowing its words."""
    from pocketsphinx import Decoder, get_model_path

    phones = get_model_path("en-us/en-us-phone.lm.bin")
    decoder = Decoder(samprate=RATE, lm=None, allphone=phones, lw=2.0, beam=1e-20, pbeam=1e-20, loglevel="FATAL")
    _hear(decoder, heard)
    parts = ((part.word, part.start_frame, part.end_frame - part.start_frame + 1) for part in decoder.seg() or ())
    return tuple(_in_ipa(parts))


def _in_ipa(parts: Iterable[tuple[str, int, int]]) -> Iterator[Timed]:
    """Yield phonemes that have a sound, with their times in seconds for steps."""
    for name, start, steps in parts:
        if name in IPA:
            yield Timed(IPA[name], start * STEP, (start + steps) * STEP)


def _hear(decoder: Any, heard: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(heard, full_utt=True)
    decoder.end_utt()


def _at_rate(samples: Samples, rate: int) -> bytes:
    """Return a sound as pocketsphinx takes it: 16 kHz, 16 bits, loud."""
    length = round(len(samples) * RATE / rate)
    if not length:
        return b""
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    sound = np.fft.irfft(spectrum, length)
    loud = sound / max(float(np.abs(sound).max()), 1e-9) * 0.9
    return (loud * 32767).astype("<i2").tobytes()


def _spelt(word: str) -> list[str]:
    """Return the phonemes of a word that is in no dictionary, as hibari's rules read it; none without hibari."""
    g2p = _g2p()
    if g2p is None:
        return []
    said = "".join(token.phonemes or "" for token in g2p.phonemize_tokens(g2p.tokenize(word)))
    return [LETTERS[letter] for letter in said if letter in LETTERS]


@functools.cache
def _g2p() -> Any:
    if importlib.util.find_spec("hibari") is None:
        return None
    from hibari.g2p import G2P

    return G2P(british=False)
