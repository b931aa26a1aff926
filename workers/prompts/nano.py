"""Prompts of nano's world: one or two shapes with a colour and a motion, a scene, and a camera.

The small world that nano was trained on is all that it can draw. Words outside of it reach the model as one unknown
token, or as words that meant nothing in training. Here a prompt is read as nano would read it, for three answers: which
of its words nano does not know, the nearest sentence that it does (`nearest`), and a whole sentence of which the seed
draws what the prompt leaves open (`compose`).
"""

from __future__ import annotations

import difflib
import json
import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path

from workers.base import Sentence
from workers.prompts.nano_words import (
    ASSUMED,
    BINDING,
    CAMERA_WORDS,
    COLOUR_WORDS,
    COLUMN,
    FILLERS,
    MOTION_WORDS,
    OPENINGS,
    PLACE,
    RESERVED,
    ROUND,
    ROW,
    SCENE_WORDS,
    SHAPE_WORDS,
    vocabulary,
)

MODEL = "nano"  # its id in the catalogue
MOST_OBJECTS = 2
DRAWN = ("left", "right", "bounce")  # motions that are drawn where a prompt has none
# Against these scenes an object of that colour is hard to see.
SCENE_COLOURS = {"sky": "blue", "sea": "blue", "meadow": "green", "sunset": "orange", "night": "blue"}
LEXICON = Path(__file__).with_name("nano.json")
TYPO = 0.8  # how much of a mistyped word agrees with the one that is meant
TYPO_LETTERS = 4  # shorter words have too many neighbours
# In a sentence they are joined to the word that they belong to: "the dog's ball", "it doesn't move".
_ENDINGS = re.compile(r"['’](?:s|d|ll|re|ve|m|t)$|n['’]t$")
# The colours of two scenes, which no object has.
_BACKDROPS = frozenset({"black", "grey", "gray"})


@dataclass(frozen=True, slots=True)
class Composed:
    """A sentence of nano's world, and notes for the user, such as on words that nano does not know."""

    prompt: str
    notes: tuple[str, ...] = ()


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
    graces = {*FILLERS, *BINDING, "object", *" ".join(OPENINGS).split()}
    ignored = set(RESERVED) - used - graces
    return frozenset(set(vocabulary()) - ignored)


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
class Thing:
    """An object of a prompt, as far as it is told: in nano's plainest words, and in those of the prompt."""

    colour: str = ""
    shape: str = ""
    motion: str = ""
    said: dict[str, str] = field(default_factory=dict)

    def take(self, attribute: str, value: str, said: str) -> None:
        if not getattr(self, attribute):
            setattr(self, attribute, value)
            self.said[attribute] = said


@dataclass(slots=True)
class Asked:
    """What a prompt asks nano for; what it leaves open is empty. There is one object at least, and two at most."""

    things: list[Thing]
    scene: str = ""
    camera: str = ""
    said: dict[str, str] = field(default_factory=dict)


def asked(prompt: str) -> Asked:
    """Read a prompt as nano would, and words that it does not know as the nearest that it does."""
    words = spelled(prompt)
    found = Asked([Thing()])
    told = _read(words)
    for place, (attribute, value, said) in enumerate(told):
        if attribute in ("scene", "camera"):
            if not getattr(found, attribute):
                setattr(found, attribute, value)
                found.said[attribute] = said
            continue
        # A shape after a whole object begins the second one, and so does a colour right before it; nano draws no
        # third. Other colours are those of the object before them: "a ball that is red".
        begins = attribute == "shape" or (attribute == "colour" and [a for a, *_ in told[place + 1 :]][:1] == ["shape"])
        if begins and found.things[-1].shape and len(found.things) < MOST_OBJECTS:
            found.things.append(Thing())
        found.things[-1].take(attribute, value, said)
    if len(found.things) == 1 and found.things[0].shape and {"two", "both"} & set(words):
        found.things.append(replace(found.things[0]))
    return found


def nearest(prompt: str) -> str:
    """Return the sentence in nano's words that comes nearest to a prompt; it keeps the words that nano knows.

    What the prompt leaves open, or says in words that stand for nothing here, is what nano draws then.
    """
    found = asked(prompt)
    motion = _beside(found, ASSUMED["motion"])
    for thing in found.things:
        for attribute, value in (ASSUMED | {"motion": motion}).items():
            if attribute != "scene":
                thing.take(attribute, value, "")
    return _sentence(found, ASSUMED["scene"])


def compose(prompt: str, seed: int, pictured: bool = False) -> Composed:
    """Return a whole sentence for nano: what the prompt says of its world, and the rest drawn by the seed.

    Where the film begins with a picture, which shows the rest, only a motion is added, and only if none is said.
    """
    draw = random.Random(f"nano:{seed}")
    notes = _notes(unknown(prompt))
    found = asked(prompt)
    if pictured:
        motion = MOTION_WORDS[draw.choice(DRAWN)][0]
        told = any(thing.motion for thing in found.things)
        return Composed(prompt if told else f"{prompt.rstrip(' .')} {motion}".strip(), notes)
    motion = _beside(found, draw.choice(DRAWN))
    for thing in found.things:
        drawn = draw.choice(list(COLOUR_WORDS)), draw.choice(list(SHAPE_WORDS)), motion
        for attribute, value in zip(("colour", "shape", "motion"), drawn, strict=True):
            thing.take(attribute, value, "")
        thing.said = {}
    scene = draw.choice(list(SCENE_WORDS))
    if SCENE_COLOURS.get(scene) in {thing.colour for thing in found.things}:
        scene = "grey"
    found.said = {}
    return Composed(_sentence(found, scene), notes)


def _together(moves: set[str]) -> bool:
    """Whether nano draws two objects with these motions."""
    return any(moves <= {*way, *PLACE} for way in (ROW, COLUMN))


def _beside(found: Asked, motion: str) -> str:
    """Return the motion of an object that has none: `motion`, or that of the other where the two do not go together."""
    told = [thing.motion for thing in found.things if thing.motion]
    return told[0] if told and not _together({*told, motion}) else motion


def _notes(missing: list[str]) -> tuple[str, ...]:
    if not missing:
        return ()
    words = ", ".join(f"“{word}”" for word in missing[:6]) + (", …" if len(missing) > 6 else "")
    note = Sentence(
        "nano does not know {words}. It draws coloured circles, squares, triangles, stars, rings and hearts.",
        words=words,
    )
    return (note,)


def _sentence(found: Asked, scene: str) -> str:
    """Say whole objects: "a golden ball bounces over the sea"; `scene` is for a prompt without one."""
    things = found.things if _together({thing.motion for thing in found.things}) else found.things[:1]
    where = found.said.get("scene") or SCENE_WORDS[found.scene or scene][0]
    seen = f", {found.said.get('camera') or CAMERA_WORDS[found.camera][0]}" if found.camera else ""
    return f"{' and '.join(map(_clause, things))} {where}{seen}"


def _clause(thing: Thing) -> str:
    motion, moves = thing.motion, thing.said.get("motion")
    if motion == "rotate" and thing.shape in ROUND:
        motion, moves = "orbit", ""
    colour = thing.said.get("colour") or thing.colour
    article = "an" if colour[0] in "aeiou" else "a"
    return f"{article} {colour} {thing.said.get('shape') or thing.shape} {moves or MOTION_WORDS[motion][0]}"


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
