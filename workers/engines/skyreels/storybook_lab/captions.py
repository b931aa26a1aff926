"""Sentences about the storybook world: canonical ones, and free ones with synonyms, other word orders and fillers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace

from ..nano_lab.captions import UNKNOWN
from .world import ACTIONS, CHILDREN, PEOPLE, PETS, PLACES, SHAPES, Spec, sample, sample_camera, sample_pair

Words = tuple[str, ...]
Piece = tuple[str, int]  # words, and the figure they are about: 0, 1, or -1 for neither

FIGURE_WORDS: dict[str, Words] = {
    "woman": ("woman", "lady", "mother", "mum", "mom"),
    "man": ("man", "gentleman", "guy", "father", "dad"),
    "girl": ("girl", "daughter", "schoolgirl"),
    "boy": ("boy", "son", "schoolboy"),
    "cat": ("cat", "kitten", "kitty", "tomcat"),
    "dog": ("dog", "puppy", "hound"),
    "bird": ("bird", "songbird"),
    "balloon": ("balloon", "hot-air balloon", "airship"),
    "boat": ("boat", "sailboat", "sailing boat", "ship", "yacht"),
    "car": ("car", "automobile", "taxi"),
    "circle": ("circle", "ball", "disc", "sphere"),
    "square": ("square", "box", "cube", "block"),
    "triangle": ("triangle", "pyramid", "cone"),
    "star": ("star", "starfish"),
    "ring": ("ring", "donut", "hoop"),
    "heart": ("heart", "valentine"),
}
CHILD_WORDS: Words = ("child", "kid")  # a girl or a boy
COLOUR_WORDS: dict[str, Words] = {
    "red": ("red", "crimson", "scarlet", "ruby"),
    "blue": ("blue", "navy", "azure"),
    "green": ("green", "emerald"),
    "yellow": ("yellow", "golden", "lemon"),
    "orange": ("orange", "ginger", "tangerine"),
    "purple": ("purple", "violet", "lilac"),
    "white": ("white", "snowy", "ivory"),
    "pink": ("pink", "rosy", "rose"),
    "brown": ("brown", "chocolate"),
    "black": ("black", "ebony"),
    "grey": ("grey", "gray", "silver"),
}
GARMENTS: dict[str, Words] = {
    "woman": ("dress", "gown", "coat", "raincoat"),
    "girl": ("dress", "frock", "coat", "raincoat"),
    "man": ("shirt", "sweater", "jacket", "coat", "jumper"),
    "boy": ("shirt", "t-shirt", "sweater", "jacket", "jumper"),
}
LOOK_WORDS: dict[str, Words] = {
    "dark": ("dark-haired", "with dark hair", "with black hair"),
    "brown": ("brown-haired", "with brown hair"),
    "blond": ("blond", "blonde", "fair-haired", "with blond hair"),
    "curly": ("curly-haired", "with curly hair", "with an afro"),
}
GOES_WORDS: dict[str, Words] = {
    **dict.fromkeys(PEOPLE, ("walks", "walking", "is walking", "strolls", "goes", "wanders", "hikes")),
    **dict.fromkeys(PETS, ("walks", "walking", "trots", "runs", "strolls", "goes")),
    "bird": ("flies", "flying", "is flying", "glides", "soars"),
    "balloon": ("floats", "floating", "drifts", "flies", "glides"),
    "boat": ("sails", "sailing", "is sailing", "glides", "cruises"),
    "car": ("drives", "driving", "is driving", "rolls", "goes"),
    **dict.fromkeys(SHAPES, ("moves", "moving", "slides", "glides", "floats", "drifts")),
}
WAY_WORDS: dict[str, Words] = {
    "left": ("to the left", "left", "towards the left"),
    "right": ("to the right", "right", "towards the right"),
}
DOES_WORDS: dict[str, Words] = {
    "stand": ("stands", "standing", "is standing", "stands still", "waits", "stays in place"),
    "wave": ("waves", "waving", "is waving", "waves hello", "waves a hand", "greets"),
    "jump": ("jumps", "jumping", "is jumping", "hops", "leaps", "bounces", "jumps up and down"),
    "sit": ("sits", "sitting", "is sitting", "sits down", "rests", "is seated"),
    "up": ("rises", "rising", "floats up", "climbs", "goes up", "ascends"),
}
SCENE_WORDS: dict[str, Words] = {
    "meadow": ("on a meadow", "in a meadow", "on a green meadow", "on the grass", "in a field", "in the countryside"),
    "beach": ("at the beach", "on the beach", "along the beach", "on the sand", "by the sea", "at the seaside"),
    "sea": ("on the sea", "over the sea", "over the ocean", "on the water", "across the sea", "out at sea"),
    "mountains": ("in the mountains", "before snowy peaks", "in front of mountains", "below a mountain"),
    "forest": ("in the forest", "in a forest", "through the forest", "in the woods", "among tall trees"),
    "city": ("in the city", "in front of a skyline", "downtown", "before skyscrapers", "in a big city"),
    "street": ("on the street", "on a street of shops", "along the street", "in the old town", "past the shops"),
    "room": ("in the room", "in a room", "at home", "in the living room", "indoors"),
}
LIGHT_WORDS: dict[str, Words] = {
    "day": ("by day", "in the sunshine", "on a sunny day", "at noon", "in the daylight"),
    "sunset": ("at sunset", "at dusk", "in the evening", "in the evening light"),
    "night": ("at night", "in the moonlight", "under the stars", "at midnight"),
}
CAMERA_WORDS: dict[str, Words] = {
    "still": ("the camera is still", "static camera"),
    "pan left": ("the camera pans left", "the camera pans to the left", "camera panning left"),
    "pan right": ("the camera pans right", "the camera pans to the right", "camera panning right"),
    "zoom in": ("the camera zooms in", "slow zoom in", "camera zooming in"),
    "portrait": ("portrait", "close-up", "a portrait shot", "head and shoulders", "close up of the face"),
}
OPENINGS: Words = ("", "", "", "", "a video of", "an animation of", "a picture book page of", "there is", "we see")
FILLERS: Words = (
    *("beautiful", "cinematic", "nice", "little", "big", "small", "large", "young", "old", "happy", "happily", "cute"),
    *("slowly", "quickly", "gently", "quiet", "calm", "lovely", "friendly", "bright", "colourful", "very", "high"),
    *("quality", "4k", "detailed", "smooth", "scene", "shot", "style", "illustration", "storybook", "cartoon", "film"),
)
BINDING: Words = (
    *("a", "an", "the", "one", "two", "and", "with", "while", "in", "wearing", "dressed", "that", "is", "who", "of"),
    *(",", ".", "-", "her", "his", "their", "another", "next", "beside", "to", "someone", "something"),
)
Said = frozenset[str]
PARTS: Words = ("figure", "colour", "action", "scene")
ALL: Said = frozenset(PARTS)
USUAL_COLOUR: dict[str, str] = {
    **dict.fromkeys(("woman", "balloon", "boat", "car", "circle", "heart"), "red"),
    **dict.fromkeys(("man", "bird", "square"), "blue"),
    **dict.fromkeys(("girl", "star"), "yellow"),
    **dict.fromkeys(("boy", "triangle"), "green"),
    **dict.fromkeys(("cat", "ring"), "orange"),
    "dog": "brown",
}


def assumed(spec: Spec, said: Said) -> Spec:
    """What a sentence stands for that only tells the parts of ``spec`` that are ``said``.

    Of what it leaves open every figure has its usual colour, action and scene, so that a sentence has one clean answer.
    """
    figure = spec.figure if "figure" in said else "girl"
    colour = spec.colour if "colour" in said else USUAL_COLOUR[figure]
    action = "right" if figure in ("bird", "boat") else "up" if figure == "balloon" else "stand"
    scene = PLACES[figure][0]
    action, scene = (spec.action if "action" in said else action), (spec.scene if "scene" in said else scene)
    return replace(spec, figure=figure, colour=colour, action=action, scene=scene, second=None, camera="still")


def canonical(spec: Spec, looks: bool = False) -> str:
    """The plainest sentence for a spec; it says nothing of daylight and a camera that does not move, and of people's
    hair only with ``looks``.
    """
    told = []
    for each in spec.cast:
        colour, name = each.colour, each.figure
        who = f"{name} in {_a(f'{colour} {GARMENTS[name][0]}')}" if name in GARMENTS else f"{colour} {name}"
        if looks and name in GARMENTS:
            who = f"{LOOK_WORDS[each.look][0]} {who}"
        told.append(f"{_a(who)} {does(each)[0]}")
    light = "" if spec.light == "day" else f" {LIGHT_WORDS[spec.light][0]}"
    camera = "" if spec.camera == "still" else f", {CAMERA_WORDS[spec.camera][0]}"
    return f"{' and '.join(told)} {SCENE_WORDS[spec.scene][0]}{light}{camera}"


def does(spec: Spec) -> Words:
    """Every way to say what a figure does; without a way it goes to the right."""
    if spec.action not in WAY_WORDS:
        return (*DOES_WORDS[spec.action], *(("is parked",) if spec.figure == "car" else ()))
    verbs, ways = GOES_WORDS[spec.figure], WAY_WORDS[spec.action]
    both = tuple(f"{verb} {way}" for verb in verbs for way in ways)
    return (*both, *verbs) if spec.action == "right" else both


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


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


def _split(words: Iterable[str]) -> set[str]:
    return {token for phrase in words for token in re.findall(r"[\w']+|[^\w\s]", phrase.lower())}


def vocabulary() -> list[str]:
    """Every word the model can tell apart, sorted; words with a hyphen count as two and a hyphen."""
    tables = (FIGURE_WORDS, COLOUR_WORDS, GARMENTS, LOOK_WORDS, GOES_WORDS, WAY_WORDS, DOES_WORDS)
    words = {*CHILD_WORDS, *OPENINGS, *FILLERS, *BINDING, "is parked"}
    for table in (*tables, SCENE_WORDS, LIGHT_WORDS, CAMERA_WORDS):
        words.update(phrase for phrases in table.values() for phrase in phrases)
    return sorted(_split(words))


def unknown(sentence: str) -> list[str]:
    """The words of a sentence that mean nothing to the model, in their order."""
    known = set(vocabulary())
    return [word for word in re.findall(r"[\w']+", sentence.lower()) if word not in known]
