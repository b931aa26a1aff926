"""Sentences about the storybook world: canonical ones, and free ones with synonyms, other word orders and fillers."""

from __future__ import annotations

import random
from dataclasses import replace

from workers.prompts.small_world import Asked, Told
from workers.prompts.storybook import sentence
from workers.prompts.storybook_words import (
    ACTIONS,
    CAMERA_WORDS,
    CHILD_WORDS,
    CHILDREN,
    COLOUR_WORDS,
    DOES_WORDS,
    FIGURE_WORDS,
    FILLERS,
    GARMENTS,
    GOES_WORDS,
    LIGHT_WORDS,
    LOOK_WORDS,
    OPENINGS,
    PEOPLE,
    PLACES,
    SCENE_WORDS,
    USUAL_COLOUR,
    USUAL_FIGURE,
    WAY_WORDS,
    Words,
    usual_action,
)

from ..nano_lab.captions import UNKNOWN
from .world import Spec, sample, sample_camera, sample_pair

Piece = tuple[str, int]  # words, and the figure they are about: 0, 1, or -1 for neither

Said = frozenset[str]
PARTS: Words = ("figure", "colour", "action", "scene")
ALL: Said = frozenset(PARTS)


def assumed(spec: Spec, said: Said) -> Spec:
    """What a sentence stands for that only tells the parts of ``spec`` that are ``said``.

    Of what it leaves open every figure has its usual colour, action and scene, so that a sentence has one clean answer.
    """
    figure = spec.figure if "figure" in said else USUAL_FIGURE
    colour = spec.colour if "colour" in said else USUAL_COLOUR[figure]
    action = spec.action if "action" in said else usual_action(figure)
    scene = spec.scene if "scene" in said else PLACES[figure][0]
    return replace(spec, figure=figure, colour=colour, action=action, scene=scene, second=None, camera="still")


def canonical(spec: Spec, looks: bool = False) -> str:
    """The plainest sentence for a spec; it says nothing of daylight and a camera that does not move, and of people's
    hair only with ``looks``.
    """
    things = [
        Told({"figure": each.figure, "colour": each.colour, "action": each.action, "look": each.look if looks else ""})
        for each in spec.cast
    ]
    return sentence(Asked(things, Told({"scene": spec.scene, "light": spec.light, "camera": spec.camera})))


def does(spec: Spec) -> Words:
    """Every way to say what a figure does; without a way it goes to the right."""
    if spec.action not in WAY_WORDS:
        return (*DOES_WORDS[spec.action], *(("is parked",) if spec.figure == "car" else ()))
    verbs, ways = GOES_WORDS[spec.figure], WAY_WORDS[spec.action]
    both = tuple(f"{verb} {way}" for verb in verbs for way in ways)
    return (*both, *verbs) if spec.action == "right" else both


def _who(spec: Spec, said: Said, rng: random.Random) -> str:
    """The figure and its colour, some with their hair."""
    name = rng.choice(FIGURE_WORDS[spec.figure]) if rng.random() < 0.5 else spec.figure
    if spec.figure in CHILDREN and rng.random() < 0.15:
        name = rng.choice(CHILD_WORDS)
    colour = rng.choice(COLOUR_WORDS[spec.colour]) if rng.random() < 0.4 else spec.colour
    if "figure" not in said:
        name = rng.choice(("someone", "something", UNKNOWN))
    if "colour" not in said:
        colour = ""
    article = rng.choice(("a", "a", "the", "one", ""))
    if spec.figure not in PEOPLE or "figure" not in said:
        if colour and rng.random() < 0.1:
            return f"{article} {name} that is {colour}"
        return f"{article} {colour} {name}"
    before = after = ""
    if rng.random() < 0.3:
        look = rng.choice(LOOK_WORDS[spec.look])
        before, after = ("", look) if look.startswith("with") else (look, "")
    dressed = ""
    if colour:
        garment = rng.choice(GARMENTS[spec.figure])
        dressed = rng.choice(
            (f"in a {colour} {garment}", f"wearing a {colour} {garment}", f"in {colour}", f"dressed in {colour}")
        )
    words = [after, dressed] if rng.random() < 0.5 else [dressed, after]
    return " ".join((article, before, name, *words))


def pieces(spec: Spec, rng: random.Random, said: Said = ALL) -> list[Piece]:
    """A free sentence in pieces, each with the figure that it is about."""
    out: list[Piece] = []
    for i, each in enumerate(spec.cast):
        if i:
            out.append((rng.choice(("and", "and", ",", "while", "next to", "beside")), -1))
        out.append((_who(each, said, rng), i))
        if "action" in said:
            words = does(each)
            out.append((words[0] if rng.random() < 0.35 else rng.choice(words), i))
    place = rng.choice(SCENE_WORDS[spec.scene]) if "scene" in said else ""
    light = "" if spec.light == "day" and rng.random() < 0.6 else rng.choice(LIGHT_WORDS[spec.light])
    both = [place, light] if rng.random() < 0.75 else [light, place]
    if rng.random() < 0.25:
        out = [(both[0], -1), (",", -1), *out, (both[1], -1)] if both[0] else [*out, (both[1], -1)]
    else:
        out = [(rng.choice(OPENINGS), -1), *out, (both[0], -1), (both[1], -1)]
    if spec.camera != "still" or rng.random() < 0.05:
        camera = rng.choice(CAMERA_WORDS[spec.camera])
        out = [*out, (",", -1), (camera, -1)] if rng.random() < 0.7 else [(camera, -1), (",", -1), *out]
    return [(" ".join(text.split()), owner) for text, owner in out if text.strip()]


def caption(spec: Spec, rng: random.Random, said: Said = ALL) -> str:
    """A sentence for a spec, two in five canonical if it tells all; some with fillers, unknown words or a full stop."""
    if said == ALL and rng.random() < 0.4:
        text = canonical(spec)
    else:
        text = " ".join(text for text, _ in pieces(spec, rng, said)).replace(" ,", ",")
    if rng.random() < 0.15:
        words = text.split(" ")
        for _ in range(rng.randint(1, 3)):
            words.insert(rng.randint(0, len(words)), rng.choice((*FILLERS, *[UNKNOWN] * 20)))
        text = " ".join(words)
    if rng.random() < 0.2:
        text = text[0].upper() + text[1:] + "."
    return text


def empty(rng: random.Random) -> str:
    """A sentence without content: nothing, fillers, or unknown words only."""
    words = (*FILLERS, *[UNKNOWN] * 40)
    return "" if rng.random() < 0.6 else " ".join(rng.choice(words) for _ in range(rng.randint(1, 16)))


def sample_told(rng: random.Random, open_ended: float = 0.15, rich: float = 0.4) -> tuple[Spec, Said]:
    """A spec of the training part and what its sentences say of it.

    Args:
        rng: source of chance.
        open_ended: part of the sentences that do not tell all.
        rich: part of the specs with two figures or a camera that does more than stand still.
    """
    if rng.random() < rich:
        return rng.choice((sample_pair, sample_camera))(rng), ALL
    while True:
        spec = sample(rng)
        if rng.random() >= open_ended:
            return spec, ALL
        said = frozenset(part for part in PARTS if rng.random() < 0.6)
        spec = assumed(spec, said)
        if spec.action in ACTIONS[spec.figure] and spec.scene in PLACES[spec.figure] and not spec.held_out:
            return spec, said
