"""What a suggestion keeps, adds and removes, word by word, for marking on a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

Kind = Literal["kept", "added", "removed"]
ENDS = re.compile(r"[.!?…][\"'”’)]*\s*$")
KINDS: tuple[Kind, ...] = ("kept", "added", "removed")


@dataclass(frozen=True, slots=True)
class Span:
    """Some words with the white space behind them. The kept and added spans, joined, are the new text."""

    kind: Kind
    text: str


def changes(before: str, after: str) -> list[Span]:
    """Return the spans that lead from one text to the other.

    A word that differs only in its capital or in the mark behind it counts as kept, and is shown as it is now.
    """
    old, new = re.findall(r"\S+\s*", before), re.findall(r"\S+\s*", after)
    opcodes = SequenceMatcher(
        None, [_key(word) for word in old], [_key(word) for word in new], autojunk=False
    ).get_opcodes()
    told: list[tuple[Kind, list[str]]] = []
    for what, start, end, first, last in opcodes:
        if what == "equal":
            told.append(("kept", new[first:last]))
            continue
        if start < end:
            told.append(("removed", old[start:end]))
        if first < last:
            told.append(("added", new[first:last]))
    return [Span(kind, "".join(words)) for kind, words in _whole_sentences(told)]


def _whole_sentences(told: list[tuple[Kind, list[str]]]) -> list[tuple[Kind, list[str]]]:
    """Move additions to where sentences begin: of "A [full shot. A] swan" it is "[A full shot.] A swan" that is new."""
    for place in range(1, len(told)):
        (before, kept), (kind, added) = told[place - 1], told[place]
        if (before, kind) != ("kept", "added"):
            continue
        for count in range(1, min(len(kept), len(added)) + 1):
            tail = added[-count:]
            if [_key(word) for word in kept[-count:]] != [_key(word) for word in tail]:
                continue
            behind = [*told[place + 1 :]]
            starts = kept[:-count]
            text, ends = [*kept[-count:], *added[:-count]], starts[-1:] or ["."]
            if not (ENDS.search(text[-1]) and ENDS.search(ends[-1])):
                continue
            if behind and behind[0][0] == "kept":
                behind[0] = ("kept", [*tail, *behind[0][1]])
            else:
                behind.insert(0, ("kept", tail))
            head: list[tuple[Kind, list[str]]] = [*told[: place - 1], *([("kept", starts)] if starts else [])]  # type: ignore[list-item]
            return [*head, ("added", text), *_whole_sentences(behind)]
    return told


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a suggestion. Those with the same `part` are taken or left together; kept words have none."""

    kind: Kind
    text: str
    part: int | None = None


def pieces(spans: Iterable[Span]) -> list[Piece]:
    """Return the spans in parts that can be taken one by one.

    What replaces other words is one part with them; what is only added is a part for each sentence.
    """
    found: list[Piece] = []
    part = -1
    for kept, group in groupby(spans, lambda span: span.kind == "kept"):
        changed = list(group)
        if kept:
            found += [Piece("kept", span.text) for span in changed]
        elif any(span.kind == "removed" for span in changed):
            part += 1
            found += [Piece(span.kind, span.text, part) for span in changed]
        else:
            for text in re.findall(r"\S.*?(?:[.!?…]\s+|$)", "".join(span.text for span in changed), re.DOTALL):
                part += 1
                found.append(Piece("added", text, part))
    return found


def _key(word: str) -> str:
    return word.strip().casefold().strip(".,;:!?…\"'") or word.strip()
