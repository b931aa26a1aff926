"""Captions: what is said in a sound or a film and when, as WebVTT (W3C) and SubRip. Imports no codec."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Halves = tuple[list[tuple[str, float, float]], list[tuple[str, float, float]]]
WIDE = re.compile("[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")  # signs as wide as they are high
LETTERS = Path(__file__).with_name("fonts") / "letters.txt"  # what each font has, a line for each
# What players of SubRip take for markup or for a line of times, and signs that look like it.
_MARKUP = (
    (re.compile(r"<(?=[/A-Za-z])"), "\u2039"),
    (re.compile(r"\{(?=\\)"), "\uff5b"),
    (re.compile("-->"), "\u2192"),
)
LINE, LINES = 42, 2  # characters of a line, and lines of a caption, as broadcasters have them
MARKS = (",", ";", ":", "–", "—")
LONGEST, SHORTEST = 6.0, 1.0  # seconds that a caption stands
PAUSE = 0.6  # seconds of silence after which another caption begins
LEFT_OVER = 14  # characters; a caption that has no more gets some of the one before it
AT_A_MARK = 15  # characters by which two captions may differ more, where the first ends with a mark


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption: its text, and when it is shown, in seconds."""

    start: float
    end: float
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the cue as JSON has it."""
        return {"start": round(self.start, 3), "end": round(self.end, 3), "text": self.text}


def from_json(cues: Iterable[Mapping[str, Any]]) -> list[Cue]:
    """Return cues that `Cue.to_json` has written."""
    return [Cue(float(cue["start"]), float(cue["end"]), str(cue["text"])) for cue in cues]


def cues_of(text: str, words: Sequence[tuple[str, float, float]]) -> list[Cue]:
    """Return the captions of a text whose words (text, start, end) are placed in time.

    The text is one sentence. A caption ends at a pause, or before it has more than LINES lines or stands longer than
    LONGEST. It has the text as it was written, with its punctuation, and a word that is not there as it was spoken.
    """
    placed = _written(text, words)
    groups: list[list[tuple[str, float, float]]] = []
    for word in placed:
        last = groups[-1] if groups else []
        if last and not _ends_before(word, last):
            last.append(word)
        else:
            groups.append([word])
    groups = _evened(groups)
    found: list[Cue] = []
    for number, group in enumerate(groups):
        following = groups[number + 1][0][1] if number + 1 < len(groups) else group[-1][2] + SHORTEST
        end = min(max(group[-1][2], group[0][1] + SHORTEST), max(following, group[-1][2]))
        found.append(Cue(group[0][1], end, "\n".join(lines(" ".join(word for word, _, _ in group)))))
    return found


def lines(text: str, most: int = LINE) -> list[str]:
    """Return a text in lines of at most `most` characters; two of them are about as long as each other."""
    words = text.split()
    if len(text) > most and len(text) <= 2 * most:
        half = min(
            range(1, len(words)),
            key=lambda i: abs(len(" ".join(words[:i])) - len(" ".join(words[i:]))),
            default=0,
        )
        pair = [" ".join(words[:half]), " ".join(words[half:])]
        if half and max(map(len, pair)) <= most:
            return pair
    found: list[str] = []
    for word in words:
        for piece in [word[i : i + most] for i in range(0, len(word), most)]:
            if found and len(found[-1]) + 1 + len(piece) <= most:
                found[-1] += f" {piece}"
            else:
                found.append(piece)
    return found


@cache
def drawn() -> tuple[frozenset[str], frozenset[str]]:
    """Return the signs that the fonts of captions in pictures have: that of Europe's letters, and the Chinese one."""
    europe, chinese, *_rest = LETTERS.read_text(encoding="utf-8").split("\n")
    return frozenset(europe), frozenset(chinese)


def undrawn(text: str) -> str:
    """Return the first sign of a text that cannot be drawn into a picture, or an empty text."""
    europe, chinese = drawn()
    return next((sign for sign in text if not sign.isspace() and sign not in europe and sign not in chinese), "")


def vtt(cues: Iterable[Cue]) -> str:
    """Return cues as WebVTT."""
    blocks = [f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{_escaped(cue.text)}\n" for cue in cues]
    return "\n".join(["WEBVTT\n", *blocks])


def srt(cues: Iterable[Cue]) -> str:
    """Return cues as SubRip."""
    blocks = [
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{_unmarked(cue.text)}\n"
        for number, cue in enumerate(cues, start=1)
    ]
    return "\n".join(blocks)


def transcript(cues: Iterable[Cue]) -> str:
    """Return what cues say, as one text."""
    return " ".join(" ".join(cue.text.split()) for cue in cues)


def _ends_before(word: tuple[str, float, float], group: list[tuple[str, float, float]]) -> bool:
    said = " ".join(each for each, _, _ in group)
    return (
        word[1] - group[-1][2] > PAUSE
        or word[2] - group[0][1] > LONGEST
        or len(lines(f"{said} {word[0]}")) > LINES
        or (said.endswith(MARKS) and len(said) > LINE)
    )


def _evened(groups: Sequence[list[tuple[str, float, float]]]) -> list[list[tuple[str, float, float]]]:
    """Return groups of words of which none is a word or two left over from the group before it."""
    found: list[list[tuple[str, float, float]]] = []
    for group in groups:
        before = found[-1] if found else []
        if not before or len(_said(group)) > LEFT_OVER or group[0][1] - before[-1][2] > PAUSE:
            found.append(group)
            continue
        words = [*before, *group]
        halves: list[Halves] = [(words[:cut], words[cut:]) for cut in range(1, len(words))]
        fitting = [(first, second) for first, second in halves if _fits(first) and _fits(second)]
        best: Halves = min(fitting, key=_unevenness) if fitting else (before, group)
        found[-1:] = best
    return found


def _said(group: Sequence[tuple[str, float, float]]) -> str:
    return " ".join(word for word, _, _ in group)


def _fits(group: Sequence[tuple[str, float, float]]) -> bool:
    return group[-1][2] - group[0][1] <= LONGEST and len(lines(_said(group))) <= LINES


def _unevenness(pair: Halves) -> int:
    first, second = map(_said, pair)
    return abs(len(first) - len(second)) - (AT_A_MARK if first.endswith(MARKS) else 0)


def _written(text: str, words: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Return words with the marks that stand around them in the text."""
    places: list[tuple[int, int] | None] = []
    at = 0
    for word, _, _ in words:
        found = text.find(word, at) if word.strip() else -1
        places.append((found, found + len(word)) if found >= 0 else None)
        at = found + len(word) if found >= 0 else at
    shown: list[tuple[str, float, float]] = []
    for number, (word, start, end) in enumerate(words):
        place = places[number]
        if place is not None:
            ahead = next((each[0] for each in places[number + 1 :] if each), len(text))
            begin = place[0] if number else 0
            word = text[begin:ahead]
            if number + 1 < len(words) and places[number + 1] is None:
                word = text[begin : place[1]]  # what follows is spoken otherwise than it is written
        if said := " ".join(word.split()):
            shown.append((said, start, end))
    return shown


def _time(seconds: float, mark: str) -> str:
    thousandths = max(0, round(seconds * 1000))
    hours, rest = divmod(thousandths, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"


def _unmarked(text: str) -> str:
    for pattern, sign in _MARKUP:
        text = pattern.sub(sign, text)
    return text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
