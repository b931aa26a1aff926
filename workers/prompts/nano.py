"""Prompts of nano's world: one or two shapes with a colour and a motion, a scene, and a camera.

The small world that nano was trained on is all that it can draw. Here a prompt is read as nano would read it, for three
answers: which of its words nano does not know, the nearest sentence that it does (`nearest`), and a whole sentence of
which the seed draws what the prompt leaves open (`compose`).
"""

from __future__ import annotations

import random
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
from workers.prompts.small_world import Asked, Composed, Language, Told, named, with_article

MODEL = "nano"  # its id in the catalogue
DRAWN = ("left", "right", "bounce")  # motions that are drawn where a prompt has none
# Against these scenes an object of that colour is hard to see.
SCENE_COLOURS = {"sky": "blue", "sea": "blue", "meadow": "green", "sunset": "orange", "night": "blue"}
TABLES = {
    "colour": COLOUR_WORDS,
    "shape": SHAPE_WORDS,
    "motion": MOTION_WORDS,
    "scene": SCENE_WORDS,
    "camera": CAMERA_WORDS,
}
# The colours of two scenes, which no object has.
_BACKDROPS = frozenset({"black", "grey", "gray"})


def _meant() -> set[str]:
    """Return the words that change, or may grace, what nano draws; not those that it has only learned to ignore."""
    used = {
        word for table in TABLES.values() for phrases in table.values() for each in phrases for word in each.split()
    }
    graces = {*FILLERS, *BINDING, "object", *" ".join(OPENINGS).split()}
    return set(vocabulary()) - (set(RESERVED) - used - graces)


LANGUAGE = Language(
    TABLES,
    _meant(),
    Path(__file__).with_name("nano.json"),
    name="shape",
    before=("colour",),
    around=("scene", "camera"),
)
asked = LANGUAGE.asked


def unknown(prompt: str) -> list[str]:
    """Return the words of a prompt that nano does not know, each once, in their order; words such as "the" not."""
    return LANGUAGE.unknown(prompt, _no_backdrop)


def _no_backdrop(words: list[str], place: int) -> bool:
    """Whether a word is the colour of a backdrop, and of none."""
    if words[place] not in _BACKDROPS:
        return False
    return words[place + 1 : place + 2] != ["background"] and words[max(0, place - 1) : place] != ["on"]


def nearest(prompt: str) -> str:
    """Return the sentence in nano's words that comes nearest to a prompt; it keeps the words that nano knows.

    What the prompt leaves open, or says in words that stand for nothing here, is what nano draws then.
    """
    found = asked(prompt)
    motion = _beside(found, ASSUMED["motion"])
    for thing in found.things:
        for attribute in ("colour", "shape"):
            thing.take(attribute, ASSUMED[attribute])
        thing.take("motion", motion)
    found.around.take("scene", ASSUMED["scene"])
    return _sentence(found)


def compose(prompt: str, seed: int, pictured: bool = False) -> Composed:
    """Return a whole sentence for nano: what the prompt says of its world, and the rest drawn by the seed.

    Where the film begins with a picture, which shows the rest, only a motion is added, and only if none is said.
    """
    draw = random.Random(f"nano:{seed}")
    notes = _notes(unknown(prompt))
    found = asked(prompt)
    if pictured:
        motion = MOTION_WORDS[draw.choice(DRAWN)][0]
        told = any(thing["motion"] for thing in found.things)
        return Composed(prompt if told else f"{prompt.rstrip(' .')} {motion}".strip(), notes)
    motion = _beside(found, draw.choice(DRAWN))
    for thing in found.things:
        drawn = draw.choice(list(COLOUR_WORDS)), draw.choice(list(SHAPE_WORDS)), motion
        for attribute, value in zip(("colour", "shape", "motion"), drawn, strict=True):
            thing.take(attribute, value)
        thing.said = {}
    scene = draw.choice(list(SCENE_WORDS))
    if SCENE_COLOURS.get(scene) in {thing["colour"] for thing in found.things}:
        scene = "grey"
    found.around.take("scene", scene)
    found.around.said = {}
    return Composed(_sentence(found), notes)


def _together(moves: set[str]) -> bool:
    """Whether nano draws two objects with these motions."""
    return any(moves <= {*way, *PLACE} for way in (ROW, COLUMN))


def _beside(found: Asked, motion: str) -> str:
    """Return the motion of an object that has none: `motion`, or that of the other where the two do not go together."""
    told = [thing["motion"] for thing in found.things if thing["motion"]]
    return told[0] if told and not _together({*told, motion}) else motion


def _notes(missing: list[str]) -> tuple[str, ...]:
    if not missing:
        return ()
    note = Sentence(
        "nano does not know {words}. It draws coloured circles, squares, triangles, stars, rings and hearts.",
        words=named(missing),
    )
    return (note,)


def _sentence(found: Asked) -> str:
    """Say whole objects: "a golden ball bounces over the sea"."""
    things = found.things if _together({thing["motion"] for thing in found.things}) else found.things[:1]
    camera = found.around.phrase("camera", CAMERA_WORDS)
    seen = f", {camera}" if camera else ""
    return f"{' and '.join(map(_clause, things))} {found.around.phrase('scene', SCENE_WORDS)}{seen}"


def _clause(thing: Told) -> str:
    moves = thing.phrase("motion", MOTION_WORDS)
    if thing["motion"] == "rotate" and thing["shape"] in ROUND:
        moves = MOTION_WORDS["orbit"][0]
    return f"{with_article(thing.phrase('colour', COLOUR_WORDS))} {thing.phrase('shape', SHAPE_WORDS)} {moves}"
