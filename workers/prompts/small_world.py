"""What models of a small world have in common: how a prompt is read in the few words that such a model has learned.

Any other word reaches the model as one unknown token. Each world has tables of the phrases that it knows, and a lexicon
of words that come near one of them; what the lexicons of all worlds have is in `common.json`.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

COMMON = Path(__file__).with_name("common.json")
MOST_OBJECTS = 2
MOST_NAMED = 6  # unknown words in a note
TYPO = 0.8  # how much of a mistyped word agrees with the one that is meant
TYPO_LETTERS = 4  # shorter words have too many neighbours
JOINTS = frozenset({"and", "while", "with", "next", "beside"})  # what follows is about something else
# In a sentence they are joined to the word that they belong to: "the dog's ball", "it doesn't move".
_ENDINGS = re.compile(r"['’](?:s|d|ll|re|ve|m|t)$|n['’]t$")

Meaning = tuple[str, str]  # an attribute and its value
Tables = Mapping[str, Mapping[str, Sequence[str]]]  # by attribute and value: the phrases that say it


@dataclass(frozen=True, slots=True)
class Composed:
    """A sentence of a small world, and notes for the user, such as on words that its model does not know."""

    prompt: str
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Told:
    """What a prompt tells of an object, or of the picture around the objects: a value for each attribute.

    `said` has the phrases of the prompt, of those values that it says in words that the model knows.
    """

    values: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, attribute: str) -> str:
        """Return the value of an attribute; empty where it is left open."""
        return self.values.get(attribute, "")

    def take(self, attribute: str, value: str, said: str = "") -> None:
        """Set an attribute that is still open."""
        if attribute not in self.values:
            self.values[attribute] = value
            if said:
                self.said[attribute] = said

    def phrase(self, attribute: str, phrases: Mapping[str, Sequence[str]]) -> str:
        """Return how the prompt says an attribute, or the plainest phrase for its value; empty where it is open."""
        value = self[attribute]
        return self.said.get(attribute) or (phrases[value][0] if value else "")


@dataclass(slots=True)
class Asked:
    """What a prompt asks for: at least one object and at most two, and what is around them."""

    things: list[Told]
    around: Told


class Language:
    """The words of a small world.

    Args:
        tables: the phrases that ask for something.
        known: the words that the model has learned and that change, or may grace, what it draws.
        lexicon: JSON file with words that come near one of the phrases, by "attribute=value" joined by "&".
        name: the attribute that names an object.
        before: attributes of an object that may be said right before its name.
        around: attributes of what is around the objects.
    """

    def __init__(
        self,
        tables: Tables,
        known: Collection[str],
        lexicon: Path,
        *,
        name: str,
        before: Collection[str],
        around: Collection[str],
    ) -> None:
        self.known, self.name, self.before, self.around = frozenset(known), name, before, around
        self._lexicon_file = lexicon
        self._phrases = {
            tuple(spelled(phrase)): (attribute, value, phrase)
            for attribute, table in tables.items()
            for value, phrases in table.items()
            for phrase in phrases
        }
        self._values = {(attribute, value) for attribute, table in tables.items() for value in table}
        self._longest = max(map(len, self._phrases))
        self._means = lru_cache(maxsize=2048)(self._stands_for)

    def unknown(self, prompt: str, meaningless: Callable[[list[str], int], bool]) -> list[str]:
        """Return the words of a prompt that the model does not know, each once, in their order; "the" and such not.

        `meaningless` says of a word that it knows, by all words and the place of this one, whether it is in vain here.
        """
        words = spelled(prompt)
        found = [
            word
            for place, word in enumerate(words)
            if word not in self.stop
            and kind_of(word[0]) != "comma"
            and (word not in self.known or meaningless(words, place))
        ]
        return list(dict.fromkeys(found))

    def asked(self, prompt: str) -> Asked:
        """Read a prompt as the model would, and words that it does not know as the nearest that it does."""
        words = spelled(prompt)
        found = Asked([Told()], Told())
        told = list(self._read(words))
        for place, (attribute, value, said) in enumerate(told):
            if attribute in self.around:
                found.around.take(attribute, value, said)
                continue
            if not attribute:
                continue
            # A name after that of an object begins the second one, and so do a colour and the like right before it;
            # there is no third. Others belong to the object before them: "a ball that is red".
            rest = (each for each, *_ in told[place:] if each not in self.before)
            if found.things[-1][self.name] and len(found.things) < MOST_OBJECTS and next(rest, "") == self.name:
                found.things.append(Told())
            found.things[-1].take(attribute, value, said)
        (first, *more) = found.things
        if first[self.name] and not more and {"two", "both"} & set(words):
            found.things.append(Told(dict(first.values), dict(first.said)))
        return found

    @cached_property
    def stop(self) -> frozenset[str]:
        """The words that name nothing to be seen, so that nobody misses them in a film."""
        return frozenset(_json(COMMON)["stop"])

    @cached_property
    def _near(self) -> dict[str, tuple[Meaning, ...]]:
        """The words that come near a phrase, with what that asks for."""
        found: dict[str, tuple[Meaning, ...]] = {}
        for file in (COMMON, self._lexicon_file):
            for meaning, words in _json(file)["stands_for"].items():
                pairs = tuple((each.split("=")[0], each.split("=")[1]) for each in meaning.split("&"))
                if self._values.issuperset(pairs):
                    found |= dict.fromkeys(("".join(spelled(word)) for word in words), pairs)
        return found

    @cached_property
    def _single(self) -> dict[str, Meaning]:
        """The phrases that are one word."""
        return {phrase[0]: meaning[:2] for phrase, meaning in self._phrases.items() if len(phrase) == 1}

    def _read(self, words: list[str]) -> Iterator[tuple[str, str, str]]:
        """Yield what the words ask for, in their order: (attribute, value, the phrase if the model knows it).

        All three are empty for a word that joins two objects.
        """
        place = 0
        while place < len(words):
            for length in range(min(self._longest, len(words) - place), 0, -1):
                if found := self._phrases.get(tuple(words[place : place + length])):
                    yield found
                    place += length
                    break
            else:
                word = words[place]
                if word in JOINTS or kind_of(word[0]) == "comma":
                    yield "", "", ""
                else:
                    yield from ((attribute, value, "") for attribute, value in self._means(word))
                place += 1

    def _stands_for(self, word: str) -> tuple[Meaning, ...]:
        """Return what a word comes nearest to; nothing for one that stands for nothing in this world."""
        if word in self.stop:
            return ()
        for form in _forms(word):
            if form in self._single:
                return (self._single[form],)
            if form in self._near:
                return self._near[form]
        if not word.isascii():
            # Scripts without spaces, and prefixes such as an article: what of the run is known.
            return tuple(self._inside(word))
        if len(word) >= TYPO_LETTERS and word not in self.known:
            close = difflib.get_close_matches(word, [*self._single, *self._near], n=1, cutoff=TYPO)
            if close:
                return (self._single[close[0]],) if close[0] in self._single else self._near[close[0]]
        return ()

    def _inside(self, word: str) -> Iterator[Meaning]:
        """Yield what the parts of a word stand for, each the longest that the lexicon knows from where it begins."""
        parts = [known for known in self._near if not known.isascii()]
        place = 0
        while place < len(word):
            found = max((known for known in parts if word.startswith(known, place)), key=len, default="")
            yield from self._near[found] if found else ()
            place += len(found) or 1


def spelled(prompt: str) -> list[str]:
    """Return the words of a prompt as the tokenizer reads them: lower case, without what separates them.

    A run of symbols, such as an emoji with its modifiers, is a word, and so is a run of a script without spaces.
    """
    words: list[str] = []
    kind = ""
    for letter in unicodedata.normalize("NFKC", prompt).lower():
        now = kind_of(letter, kind)
        if now and now == kind:
            words[-1] += letter
        elif now:
            words.append(letter)
        kind = now
    stripped = (
        _ENDINGS.sub("", word.strip("'’")) if word[:1] not in ("'", "’") else word.strip("'’") for word in words
    )
    return [word for word in stripped if word]


def kind_of(letter: str, before: str = "") -> str:
    """Return what a character belongs to, after one of the kind `before`: a word, a symbol, a comma, or nothing."""
    category = unicodedata.category(letter)
    if letter in "\u200d\ufe0f\ufe0e":  # joiners and variants of emoji
        return before if before == "symbol" else ""
    if category in ("So", "Sk"):
        return "symbol"
    if category[0] in "LNM" or (letter in "'’" and before == "word"):
        return "word"
    return "comma" if letter in ",،，、" else ""


def named(words: Sequence[str]) -> str:
    """Return words for a note: the first of them in quotation marks."""
    return ", ".join(f"“{word}”" for word in words[:MOST_NAMED]) + (", …" if len(words) > MOST_NAMED else "")


def with_article(words: str) -> str:
    """Return words after "a" or "an"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _forms(word: str) -> list[str]:
    """Return a word and what its endings may hide: "runs", "running" and "ran" are "run" (by the lexicon)."""
    forms = [word]
    for ending, instead in (("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e")):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word.removesuffix(ending) + instead
            forms.append(stem)
            if ending in ("ing", "ed") and len(stem) > 3 and stem[-1] == stem[-2]:
                forms.append(stem[:-1])
    return forms
