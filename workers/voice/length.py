"""A long text as the parts that are spoken one after another, and how long it will take. Imports no engine."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from workers.voice.text import sentences

AFTER_SENTENCE, AFTER_PARAGRAPH = 0.35, 0.8  # seconds of silence, at the usual speed
CHARACTERS_A_SECOND = 14.5  # of a text in letters, at the usual speed
SIGNS_A_SECOND = 4.5  # of one in signs that stand for words
SLACK = 1.08  # what is expected is seldom exceeded
MOODS = ("calm", "happy", "tense", "epic", "energetic", "professional")  # of a bed of music
WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Part:
    """A sentence, and the seconds of silence that follow it at the usual speed."""

    text: str
    pause: float


def parts(text: str) -> list[Part]:
    """Return a text in sentences, with a longer pause after a paragraph and none at the end."""
    found: list[Part] = []
    for paragraph in re.split(r"\n\s*\n", text):
        inside = [each for each in sentences(paragraph) if each.strip()]
        for number, sentence in enumerate(inside, start=1):
            found.append(Part(sentence, AFTER_PARAGRAPH if number == len(inside) else AFTER_SENTENCE))
    if found:
        found[-1] = Part(found[-1].text, 0.0)
    return found


def expected(text: str, speed: float = 1.0) -> float:
    """Return about how many seconds a text takes to speak, rather too many than too few."""
    spoken = sum(_seconds(part.text) + part.pause for part in parts(text))
    return spoken * SLACK / speed


def length(text: str) -> int:
    """Return how many characters of a text are paid for: those that are neither spaces nor marks of accents."""
    return sum(not character.isspace() and unicodedata.category(character) != "Mn" for character in text)


def _seconds(sentence: str) -> float:
    signs = len(WIDE.findall(sentence))
    digits = sum(character.isdigit() for character in sentence)
    # "1,250" is five characters and seven words.
    return (len(sentence) - signs + 3 * digits) / CHARACTERS_A_SECOND + signs / SIGNS_A_SECOND
