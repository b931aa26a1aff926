"""What a suggestion keeps, adds and removes, word by word, for marking on a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["kept", "added", "removed"]
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
    matcher = SequenceMatcher(None, [_key(word) for word in old], [_key(word) for word in new], autojunk=False)
    spans: list[Span] = []
    for what, start, end, first, last in matcher.get_opcodes():
        if what == "equal":
            spans.append(Span("kept", "".join(new[first:last])))
            continue
        if start < end:
            spans.append(Span("removed", "".join(old[start:end])))
        if first < last:
            spans.append(Span("added", "".join(new[first:last])))
    return spans


def _key(word: str) -> str:
    return word.strip().casefold().strip(".,;:!?…\"'") or word.strip()
