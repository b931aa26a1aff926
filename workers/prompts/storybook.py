"""Prompts of the storybook's world: one or two figures with a colour and an action, a scene, its light, and a camera.

The world that the storybook model was trained on is all that it can draw, and not everything goes together there: cats
are not blue, and boats are at sea. Here a prompt is read as the model would read it, for three answers: which of its
words it does not know, or would not draw of what they are about; the nearest sentence that it does (`nearest`); and a
whole sentence of which the seed draws what the prompt leaves open (`compose`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from workers.base import Sentence
from workers.prompts.small_world import Asked, Composed, Language, Tables, Told, named, spelled, with_article
from workers.prompts.storybook_words import (
    ACTIONS,
    CAMERA_WORDS,
    CHILD_WORDS,
    CHILDREN,
    COLOUR_WORDS,
    DOES_WORDS,
    FIGURE_WORDS,
    FIGURES,
    GARMENTS,
    GOES,
    GOES_WORDS,
    LIGHT_WORDS,
    LIGHTS,
    LOOK_WORDS,
    PEOPLE,
    PETS,
    PLACES,
    SCENE_WORDS,
    SCENES,
    SHAPES,
    USUAL_COLOUR,
    USUAL_FIGURE,
    WAY_WORDS,
    colours,
    usual_action,
    vocabulary,
)

MODEL = "storybook"  # its id in the catalogue
CHILD = "child"  # a girl or a boy
GO = "go"  # an action that has a way besides
TABLES: Tables = {
    "figure": FIGURE_WORDS | {CHILD: CHILD_WORDS},
    "colour": COLOUR_WORDS,
    "garment": {each: (each,) for garments in GARMENTS.values() for each in garments},
    "look": LOOK_WORDS,
    "action": DOES_WORDS
    | {GO: tuple(verb for verbs in GOES_WORDS.values() for verb in verbs)}
    | {"stand": (*DOES_WORDS["stand"], "is parked")},
    "way": WAY_WORDS,
    "scene": SCENE_WORDS,
    "light": LIGHT_WORDS,
    "camera": CAMERA_WORDS,
}
# What comes nearest to what a figure or a scene does not have.
NEAR_COLOUR = {
    "brown": "orange",
    "black": "blue",
    "grey": "white",
    "red": "orange",
    "yellow": "orange",
    "green": "grey",
    "blue": "grey",
    "purple": "black",
    "pink": "white",
}
NEAR_SCENE = {"sea": "beach", "street": "city"}
PAIRED = (*PEOPLE, *PETS)  # figures that there may be two of
STEADY = ("stand", "wave", "sit", "jump")  # actions before a camera that moves
POSED = ("stand", "wave")  # actions in a portrait
STILL = ("", "still")  # the cameras that ask for nothing else

LANGUAGE = Language(
    TABLES,
    vocabulary(),
    Path(__file__).with_name("storybook.json"),
    name="figure",
    before=("colour", "look"),
    around=("scene", "light", "camera"),
)
asked = LANGUAGE.asked

Choose = Callable[[Sequence[str], str], str]  # one of several values, of which the last argument is the usual one


def unknown(prompt: str) -> list[str]:
    """Return the words of a prompt that the model does not know, or does not draw of what they are about.

    Each is there once, in their order; words such as "the" are not.
    """
    found = asked(prompt)
    vain = settle(found, _usual) - set(spelled(sentence(found)))
    return LANGUAGE.unknown(prompt, lambda words, place: words[place] in vain)


def nearest(prompt: str) -> str:
    """Return the sentence of the model's world that comes nearest to a prompt; it keeps the words that go together.

    What the prompt leaves open is what the model draws then.
    """
    found = asked(prompt)
    settle(found, _usual)
    return sentence(found)


def compose(prompt: str, seed: int, pictured: bool = False) -> Composed:
    """Return a whole sentence for the model: what the prompt says of its world, and the rest drawn by the seed.

    Where the film begins with a picture, which shows the rest, only an action is added, and only if none is said.
    """
    draw = random.Random(f"storybook:{seed}")
    notes = _notes(unknown(prompt))
    found = asked(prompt)
    if pictured:
        told = any(thing["action"] or thing["way"] for thing in found.things)
        figure = next(iter(FIGURE_WORDS.keys() & {found.things[0]["figure"]}), USUAL_FIGURE)
        does = _does(Told({"figure": figure, "action": draw.choice(ACTIONS[figure])}))
        who = " " if found.things[0]["figure"] else ", someone "
        return Composed(prompt if told else f"{prompt.rstrip(' .')}{who}{does}".strip(" ,"), notes)
    settle(found, lambda values, usual: draw.choice(values))
    for each in (*found.things, found.around):
        each.said = {}
    return Composed(sentence(found), notes)


def settle(found: Asked, choose: Choose) -> set[str]:
    """Choose what a prompt leaves open, and replace what does not go together in the model's world.

    Returns the words that said what was replaced.
    """
    settling = _Settling(found, choose)
    settling.figures()
    settling.colours()
    settling.scene()
    settling.actions()
    settling.camera()
    return settling.vain


def _usual(values: Sequence[str], usual: str) -> str:
    return usual


class _Settling:
    """Makes one prompt whole, attribute by attribute. What was told comes before what is chosen."""

    def __init__(self, found: Asked, choose: Choose) -> None:
        self.found, self.choose = found, choose
        self.vain: set[str] = set()

    def forget(self, told: Told, attribute: str) -> None:
        """Take back how the prompt says an attribute."""
        self.vain.update(spelled(told.said.pop(attribute, "")))

    def put(self, told: Told, attribute: str, value: str) -> None:
        """Set an attribute, whatever was told."""
        if told[attribute] != value:
            self.forget(told, attribute)
            told.values[attribute] = value

    def figures(self) -> None:
        """Name what has no name by what has the rest of what is told: what sails is a boat."""
        things = self.found.things
        for thing in things:
            if thing["figure"] not in FIGURES:
                thing.values["figure"] = self.fitting(thing, CHILDREN if thing["figure"] else FIGURES)
        if len(things) > 1 and not all(thing["figure"] in PAIRED for thing in things):
            dropped = things.pop()
            for attribute in [*dropped.said]:
                self.forget(dropped, attribute)
        for thing in things:
            if thing["figure"] not in PEOPLE:
                self.put(thing, "look", "")
            if thing["garment"] not in GARMENTS.get(thing["figure"], ()):
                self.put(thing, "garment", "")

    def fitting(self, thing: Told, figures: Sequence[str]) -> str:
        """Return one of the figures that an object may be."""
        scene, portrait = self.found.around["scene"], self.found.around["camera"] == "portrait"
        verb = thing.said.get("action") if thing["action"] == GO else None
        fitting = [
            figure
            for figure in figures
            if thing["colour"] in ("", *colours(figure))
            and thing["action"] in ("", GO, *ACTIONS[figure])
            and (verb is None or verb in GOES_WORDS[figure])
            and scene in ("", *PLACES[figure])
            and thing["garment"] in ("", *GARMENTS.get(figure, ()))
            and (figure in PEOPLE or not (portrait or thing["look"]))
        ] or [USUAL_FIGURE]
        at_home = [figure for figure in fitting if PLACES[figure][0] == scene]
        usual = USUAL_FIGURE if USUAL_FIGURE in fitting else (*at_home, *fitting)[0]
        return self.choose([figure for figure in fitting if figure not in SHAPES] or fitting, usual)

    def colours(self) -> None:
        """Give everything a colour that it comes in, and two of a kind different ones."""
        things = self.found.things
        for thing in things:
            figure = thing["figure"]
            if thing["colour"] not in colours(figure):
                near = NEAR_COLOUR.get(thing["colour"])
                self.put(thing, "colour", near or self.choose(colours(figure), USUAL_COLOUR[figure]))
        first, last = things[0], things[-1]
        if last is not first and (first["figure"], first["colour"]) == (last["figure"], last["colour"]):
            others = [colour for colour in colours(last["figure"]) if colour != last["colour"]]
            self.put(last, "colour", self.choose(others, others[0]))

    def scene(self) -> None:
        """Choose a place where all figures may be, and an hour."""
        around, figures = self.found.around, [thing["figure"] for thing in self.found.things]
        scenes = [scene for scene in SCENES if all(scene in PLACES[figure] for figure in figures)]
        if around["scene"] not in scenes:
            near, usual = NEAR_SCENE.get(around["scene"], ""), PLACES[figures[0]][0]
            if around["scene"]:
                self.put(around, "scene", near if near in scenes else usual)
            else:
                around.take("scene", self.choose(scenes, usual))
        around.take("light", self.choose(LIGHTS, LIGHTS[0]))

    def actions(self) -> None:
        """Say what everything does: of two both go the same way, or neither goes."""
        first, *more = self.found.things
        can = ACTIONS[first["figure"]]
        beside = tuple(way for thing in more if (way := _told_action(thing)) in GOES and way in can)
        self.act(first, beside if beside and not _told_action(first) else can)
        goes = first["action"] in GOES
        for thing in more:
            stays = tuple(action for action in ACTIONS[thing["figure"]] if action not in GOES)
            self.act(thing, (first["action"],) if goes else stays)

    def act(self, thing: Told, can: Sequence[str]) -> None:
        told, usual = _told_action(thing), usual_action(thing["figure"])
        if told not in can:
            if not told:  # a camera that moves, or is near, chooses among few
                can = [action for action in can if action in _before(self.found.around["camera"])] or can
            usual = usual if usual in can else can[0]
            self.forget(thing, "way")
            if told and not {told, usual} <= {*WAY_WORDS}:
                self.forget(thing, "action")
            told = usual if told else self.choose(can, usual)
        thing.values["action"] = told

    def camera(self) -> None:
        """Leave out a camera that the world does not have before what is seen."""
        around, things = self.found.around, self.found.things
        camera, figure = around["camera"], things[0]["figure"]
        if camera not in STILL and (
            len(things) > 1
            or things[0]["action"] not in _before(camera)
            or (camera == "portrait" and figure not in PEOPLE)
        ):
            self.put(around, "camera", STILL[-1])


def _told_action(thing: Told) -> str:
    """Return what an object is told to do; what goes without a way goes to the right."""
    if thing["action"] in ("", GO):
        return thing["way"] or ("right" if thing["action"] else "")
    return thing["action"]


def _before(camera: str) -> Sequence[str]:
    """Return what is done before a camera that does more than stand still."""
    return () if camera in STILL else POSED if camera == "portrait" else STEADY


def sentence(found: Asked) -> str:
    """Say whole objects: "a girl in a yellow dress waves at the beach at sunset".

    Nothing is said of daylight and of a camera that does not move, unless the prompt did.
    """
    around = found.around
    light = around.said.get("light") or ("" if around["light"] in ("", "day") else LIGHT_WORDS[around["light"]][0])
    camera = around.said.get("camera") or ("" if around["camera"] in STILL else CAMERA_WORDS[around["camera"]][0])
    where = " ".join(filter(None, (around.phrase("scene", SCENE_WORDS), light)))
    return f"{' and '.join(map(_clause, found.things))} {where}{', ' if camera else ''}{camera}"


def _clause(thing: Told) -> str:
    figure, name, colour = thing["figure"], thing.phrase("figure", FIGURE_WORDS), thing.phrase("colour", COLOUR_WORDS)
    if figure not in GARMENTS:
        return f"{with_article(f'{colour} {name}')} {_does(thing)}"
    look = thing.phrase("look", LOOK_WORDS)
    who = f"{name} {look}" if look.startswith("with ") else f"{look} {name}".strip()
    garment = thing.said.get("garment") or GARMENTS[figure][0]
    return f"{with_article(who)} in {with_article(f'{colour} {garment}')} {_does(thing)}"


def _does(thing: Told) -> str:
    action, said = thing["action"], thing.said.get("action", "")
    if action not in WAY_WORDS:
        return said or DOES_WORDS[action][0]
    verbs = GOES_WORDS[thing["figure"]]
    way = thing.said.get("way") or WAY_WORDS[action][0]
    return f"{said if said in verbs else verbs[0]} {way}"


def _notes(missing: list[str]) -> tuple[str, ...]:
    if not missing:
        return ()
    note = Sentence(
        "The storybook model does not draw {words}. It draws people, cats, dogs, birds, balloons, boats, cars and "
        "simple shapes.",
        words=named(missing),
    )
    return (note,)
