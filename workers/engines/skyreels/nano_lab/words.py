"""The words that nano knows: which of a prompt it does not, and the nearest prompt in words that it does.

The small world that nano was trained on is all that it can draw. Words outside of it reach the model as one unknown
token, or as words that meant nothing in training, so a prompt is best judged before it is paid for.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from . import captions
from .captions import ASSUMED, CAMERA_WORDS, COLOUR_WORDS, MOTION_WORDS, SCENE_WORDS, SHAPE_WORDS
from .world import COLUMN, PLACE, ROUND, ROW

LEXICON = Path(__file__).with_name("lexicon.json")
TYPO = 0.8  # how much of a mistyped word agrees with the one that is meant
TYPO_LETTERS = 4  # shorter words have too many neighbours
# In a sentence they are joined to the word that they belong to: "the dog's ball", "it doesn't move".
_ENDINGS = re.compile(r"['’](?:s|d|ll|re|ve|m|t)$|n['’]t$")
# The colours of two scenes, which no object has.
_BACKDROPS = frozenset({"black", "grey", "gray"})


def spelled(prompt: str) -> list[str]:
    """Return the words of a prompt as the tokenizer reads them: lower case, without what separates them.

    A run of symbols, such as an emoji with its modifiers, is a word, and so is a run of a script without spaces.
    """
    words: list[str] = []
    kind = ""
    for letter in unicodedata.normalize("NFKC", prompt).lower():
        now = _kind(letter, kind)
        if now and now == kind:
            words[-1] += letter
        elif now:
            words.append(letter)
        kind = now
    stripped = (
        _ENDINGS.sub("", word.strip("'’")) if word[:1] not in ("'", "’") else word.strip("'’") for word in words
    )
    return [word for word in stripped if word]


def _kind(letter: str, before: str) -> str:
    """Return what a character belongs to: a word, a symbol, a comma, or nothing (empty)."""
    category = unicodedata.category(letter)
    if letter in "\u200d\ufe0f\ufe0e":  # joiners and variants of emoji
        return before if before == "symbol" else ""
    if category in ("So", "Sk"):
        return "symbol"
    if category[0] in "LNM" or (letter in "'’" and before == "word"):
        return "word"
    return "comma" if letter in ",،，、" else ""


@cache
def _phrases() -> dict[tuple[str, ...], tuple[str, str]]:
    """Return every phrase of the training sentences with what it asks for, as (attribute, value)."""
    tables = (
        ("colour", COLOUR_WORDS),
        ("shape", SHAPE_WORDS),
        ("motion", MOTION_WORDS),
        ("scene", SCENE_WORDS),
        ("camera", CAMERA_WORDS),
    )
    return {
        tuple(phrase.split()): (attribute, value)
        for attribute, table in tables
        for value, phrases in table.items()
        for phrase in phrases
    }


@cache
def _meant() -> frozenset[str]:
    """Return the words that change, or may grace, what nano draws; not those that it has only learned to ignore."""
    used = {word for phrase in _phrases() for word in phrase}
    graces = {*captions.FILLERS, *captions.BINDING, "object", *" ".join(captions.OPENINGS).split()}
    ignored = set(captions.RESERVED) - used - graces
    return frozenset(set(captions.vocabulary()) - ignored)


@cache
def _stop() -> frozenset[str]:
    """Return the words that name nothing to be seen, so that nobody misses them in a film."""
    return frozenset(json.loads(LEXICON.read_text(encoding="utf-8"))["stop"])


@cache
def _lexicon() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the words that nano does not know but that come near one that it does, with their (attribute, value)."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for meaning, words in json.loads(LEXICON.read_text(encoding="utf-8"))["stands_for"].items():
        attributes = tuple((each.split("=")[0], each.split("=")[1]) for each in meaning.split("&"))
        for word in words:
            found["".join(spelled(word)) if " " not in word else word] = attributes
    return found


def unknown(prompt: str) -> list[str]:
    """Return the words of a prompt that nano does not know, each once, in their order; words such as "the" not."""
    words = spelled(prompt)
    found = []
    for place, word in enumerate(words):
        if word in _stop() or _kind(word[0], "") == "comma":
            continue
        backdrop = words[place + 1 : place + 2] == ["background"] or words[max(0, place - 1) : place] == ["on"]
        if word not in _meant() or (word in _BACKDROPS and not backdrop):
            found.append(word)
    return list(dict.fromkeys(found))


@dataclass(slots=True)
class _Object:
    """An object of the sentence, as far as it is told, in nano's own words and in those of the prompt."""

    colour: str = ""
    shape: str = ""
    motion: str = ""
    colour_word: str = ""
    shape_word: str = ""
    motion_word: str = ""

    def take(self, attribute: str, value: str, said: str) -> None:
        if not getattr(self, attribute):
            setattr(self, attribute, value)
            setattr(self, f"{attribute}_word", said)


def nearest(prompt: str) -> str:
    """Return the sentence in nano's words that comes nearest to a prompt; it keeps the words that nano knows.

    What the prompt leaves open, or says in words that stand for nothing here, is what nano draws then.
    """
    objects, scene, camera = [_Object()], "", ""
    scene_words = camera_words = ""
    asked = _read(spelled(prompt))
    for place, (attribute, value, said) in enumerate(asked):
        if attribute == "scene":
            scene, scene_words = (scene, scene_words) if scene else (value, said)
        elif attribute == "camera":
            camera, camera_words = (camera, camera_words) if camera else (value, said)
        else:
            # A shape after a whole object begins the second one, and so does a colour right before it; nano draws no
            # third. Other colours are those of the object before them: "a ball that is red".
            begins = attribute == "shape" or (
                attribute == "colour" and [a for a, *_ in asked[place + 1 :]][:1] == ["shape"]
            )
            if begins and objects[-1].shape and len(objects) < 2:
                objects.append(_Object())
            objects[-1].take(attribute, value, said)
    moves = {each.motion or ASSUMED.motion for each in objects}
    together = any(moves <= {*way, *PLACE} for way in (ROW, COLUMN))
    sentence = " and ".join(_clause(each) for each in (objects if together else objects[:1]))
    where = scene_words or SCENE_WORDS[scene or ASSUMED.scene][0]
    seen = f", {camera_words or CAMERA_WORDS[camera][0]}" if camera else ""
    return f"{sentence} {where}{seen}"


def _clause(each: _Object) -> str:
    """Tell of one object: "a golden ball bounces"."""
    shape, motion, moves = each.shape or ASSUMED.shape, each.motion or ASSUMED.motion, each.motion_word
    if motion == "rotate" and shape in ROUND:
        motion, moves = "orbit", ""  # a round thing that turns is seen to stand still
    colour = each.colour_word or each.colour or ASSUMED.colour
    article = "an" if colour[0] in "aeiou" else "a"
    return f"{article} {colour} {each.shape_word or shape} {moves or MOTION_WORDS[motion][0]}"


def _read(words: list[str]) -> list[tuple[str, str, str]]:
    """Return what the words ask for, in their order: (attribute, value, the words if nano knows them else "")."""
    phrases = _phrases()
    longest = max(map(len, phrases))
    found: list[tuple[str, str, str]] = []
    place = 0
    while place < len(words):
        for length in range(min(longest, len(words) - place), 0, -1):
            said = tuple(words[place : place + length])
            if said in phrases:
                found.append((*phrases[said], " ".join(said)))
                place += length
                break
        else:
            found += [(attribute, value, "") for attribute, value in _stands_for(words[place])]
            place += 1
    return found


@cache
def _single() -> dict[str, tuple[str, str]]:
    """Return the phrases that are one word."""
    return {phrase[0]: meaning for phrase, meaning in _phrases().items() if len(phrase) == 1}


@lru_cache(maxsize=2048)
def _stands_for(word: str) -> tuple[tuple[str, str], ...]:
    """Return what a word comes nearest to; nothing for one that stands for nothing that nano could draw."""
    single, lexicon = _single(), _lexicon()
    if word in _stop():
        return ()
    for form in _forms(word):
        if form in single:
            return (single[form],)
        if form in lexicon:
            return lexicon[form]
    if not word.isascii():
        # Scripts without spaces, and prefixes such as an article: what of the run is known.
        return tuple(_inside(word))
    if len(word) >= TYPO_LETTERS and word not in _meant():
        near = difflib.get_close_matches(word, [*single, *lexicon], n=1, cutoff=TYPO)
        if near:
            return (single[near[0]],) if near[0] in single else lexicon[near[0]]
    return ()


def _inside(word: str) -> Iterator[tuple[str, str]]:
    """Yield what the parts of a word stand for, each the longest that the lexicon knows from where it begins."""
    parts = [known for known in _lexicon() if not known.isascii()]
    place = 0
    while place < len(word):
        found = max((known for known in parts if word.startswith(known, place)), key=len, default="")
        yield from _lexicon()[found] if found else ()
        place += len(found) or 1


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
