"""Alternatives in a prompt: "a {red|blue} circle" is two prompts.

Braces may stand within braces. A backslash before a brace or a bar makes it a plain character, braces without a bar are
plain too, and so is a shot in JSON.
"""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

DEEPEST = 8  # braces within braces
PLAIN = "{}|"  # what a backslash makes a plain character
MOST = 10**12  # texts that are counted: a page of alternatives has more than Python writes out as a number


class UnbalancedError(ValueError):
    """A brace has no counterpart. `place` is where it stands, counted from 1."""

    def __init__(self, place: int) -> None:
        super().__init__(f"The brace at character {place} has no counterpart.")
        self.place = place


# A text as its parts one after the other: plain ones, and lists of branches, each of which is such a text again.
Parts = list[Any]


def offers(text: str) -> bool:
    """Return whether a text has alternatives, or means to: it has a brace and a bar, and is no shot in JSON."""
    return "|" in text and ("{" in text or "}" in text) and not _is_shot(text)


def count(text: str) -> int:
    """Return how many texts one is, up to MOST, without making them. Raises UnbalancedError."""
    return _count(_parsed(text))


def expanded(text: str) -> list[str]:
    """Return the texts that one is, in the order of its alternatives. Raises UnbalancedError."""
    return list(_texts(_parsed(text)))


def _parsed(text: str) -> Parts:
    return [text] if _is_shot(text) else _Parser(text).parsed()


def _is_shot(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def parsed(self) -> Parts:
        return self._branches(None)[0]

    def _branches(self, opened: int | None) -> list[Parts]:
        """Read up to the brace that closes the one at `opened`, or the whole text."""
        branches: list[Parts] = [[""]]
        depth = 0 if opened is None else self.depth
        while self.at < len(self.text):
            character = self.text[self.at]
            self.at += 1
            if character == "\\" and self.text[self.at : self.at + 1] in (*PLAIN,):
                self._add(branches[-1], self.text[self.at])
                self.at += 1
            elif character == "{":
                self.depth = depth + 1
                if self.depth > DEEPEST:
                    raise UnbalancedError(self.at)
                inner = self._branches(self.at)
                if len(inner) > 1:
                    branches[-1].append(inner)
                else:
                    for part in ("{", *inner[0], "}"):
                        self._add(branches[-1], part)
            elif character == "}":
                if opened is None:
                    raise UnbalancedError(self.at)
                return branches
            elif character == "|" and opened is not None:
                branches.append([""])
            else:
                self._add(branches[-1], character)
        if opened is not None:
            raise UnbalancedError(opened)
        return branches

    @staticmethod
    def _add(parts: Parts, part: Any) -> None:
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)


def _count(parts: Parts) -> int:
    number = 1
    for part in parts:
        if not isinstance(part, str):
            number = min(MOST, number * sum(map(_count, part)))
    return number


def _texts(parts: Parts) -> Iterator[str]:
    choices = [
        [part] if isinstance(part, str) else [text for branch in part for text in _texts(branch)] for part in parts
    ]
    return ("".join(chosen) for chosen in product(*choices))
