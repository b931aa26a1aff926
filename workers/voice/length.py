"""How long a text takes to speak, and how much of it is paid for. Imports no engine."""

from __future__ import annotations

import re
import unicodedata

from workers.voice.text import sentences, spoken

CHARACTERS_A_SECOND = 18.0  # of what is said, at the usual speed
OF_A_SENTENCE = 0.12  # seconds in which a voice begins and ends
SIGNS_A_SECOND = 4.5  # of a text in signs that stand for words
SLACK = 1.1  # what is expected is seldom exceeded
WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def expected(text: str, speed: float = 1.0) -> float:
    """Return about how many seconds a text takes to speak, rather too many than too few."""
    return SLACK * sum(_seconds(part.text) + part.pause for part in sentences(text)) / speed


def length(text: str) -> int:
    """Return how many characters of a text are paid for: those that are neither spaces nor marks of accents."""
    return sum(not character.isspace() and unicodedata.category(character) != "Mn" for character in text)


def _seconds(sentence: str) -> float:
    signs = len(WIDE.findall(sentence))
    return OF_A_SENTENCE + (len(spoken(sentence)) - signs) / CHARACTERS_A_SECOND + signs / SIGNS_A_SECOND
