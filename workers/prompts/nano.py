"""Prompts of nano's world: one or two shapes with a colour and a motion, a scene, and a camera.

nano reads a few hundred words. What a prompt says in them is kept and put into the plainest sentence; what it leaves
open is drawn by the seed, and what nano does not know is named.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workers.prompts.vocabulary import lexicon

MODEL = "nano"  # its id in the catalogue

# By what nano draws, the words that mean it; the first are those of its plainest sentence.
COLOURS: Mapping[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet", "ruby"),
    "green": ("green", "emerald", "lime"),
    "blue": ("blue", "navy", "azure"),
    "yellow": ("yellow", "golden", "gold", "lemon"),
    "orange": ("orange", "tangerine", "amber"),
    "purple": ("purple", "violet", "lilac"),
    "white": ("white", "snowy", "ivory"),
    "cyan": ("cyan", "turquoise", "teal"),
}
SHAPES: Mapping[str, tuple[str, ...]] = {
    "circle": ("circle", "ball", "disc", "sphere", "dot"),
    "square": ("square", "box", "cube", "block"),
    "triangle": ("triangle", "pyramid", "cone"),
    "star": ("star", "starfish"),
    "ring": ("ring", "donut", "hoop", "wheel"),
    "heart": ("heart", "valentine"),
}
MOTIONS: Mapping[str, tuple[str, str]] = {  # how it is said, and what means it
    "left": ("moves left", r"left|leftwards?"),
    "right": ("moves right", r"right|rightwards?"),
    "bounce": ("bounces", r"bounc\w+|jump\w*|hop|hops|hopping"),
    "up": ("moves up", r"up|upwards?|ris(?:es|ing)|climb\w*"),
    "down": ("moves down", r"down|downwards?|fall\w*|sink\w*|drop\w*|descend\w*"),
    "orbit": ("orbits", r"orbit\w*|revolv\w+|circles around|in a circle|in circles"),
    "grow": ("grows", r"grow\w*|bigger|expand\w*|larger|swell\w*"),
    "shrink": ("shrinks", r"shrink\w*|smaller|contract\w*"),
    "rotate": ("rotates", r"rotat\w+|spin|spins|spinning|turn\w*|twirl\w*"),
    "still": ("stays still", r"still|rests?|waits?|stays in place|does not move"),
}
SCENES: Mapping[str, tuple[str, str]] = {
    "night": ("in the night sky", r"night sky|night|under the stars|among the stars|starry|space"),
    "sunset": ("at sunset", r"sunset|dusk|evening"),
    "black": ("on a black background", r"black background|on black|dark|darkness"),
    "grey": ("on a grey background", r"gr[ea]y background|gr[ea]y|studio"),
    "sea": ("over the sea", r"sea|ocean|beach|water"),
    "meadow": ("over a meadow", r"green meadow|meadow|grass|field|park"),
    "city": ("over the city", r"city|skyline|town|buildings"),
    "sky": ("in the blue sky", r"blue sky|sky|clouds|air"),
}
CAMERAS: Mapping[str, tuple[str, str]] = {
    "pan left": ("the camera pans left", r"pan(?:s|ning)? (?:to the )?left"),
    "pan right": ("the camera pans right", r"pan(?:s|ning)? (?:to the )?right"),
    "zoom in": ("the camera zooms in", r"zoom(?:s|ing)? in"),
    "zoom out": ("the camera zooms out", r"zoom(?:s|ing)? out"),
}
# Words that nano may be sent but that change nothing it draws.
GLUE = lexicon(
    "a an the one two and with of in on at to by over above from while that is are it its there we see "
    "video film clip animation scene shot camera background moves moving slides glides drifts flies "
    "travels going among front under slowly quickly gently smoothly beautiful cinematic shiny little big "
    "small large bright very cute simple then by day during shape object colour coloured slow short goes "
    "gets becomes around floats gliding stands standing"
)
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
AROUND = re.compile(r"\bin (?:a )?circles?\b|\bcircles around\b")  # a motion, and no shape
MOST_OBJECTS = 2
DRAWN = ("left", "right", "bounce")  # motions that are drawn where a prompt has none


@dataclass(frozen=True, slots=True)
class Composed:
    """A sentence of nano's world, the words of the prompt that it does not know, and notes for the user."""

    prompt: str
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Thing:
    """One object; what a prompt leaves open is empty."""

    colour: str = ""
    shape: str = ""
    motion: str = ""


def unknown_words(prompt: str) -> tuple[str, ...]:
    """Return the words of a prompt that mean nothing to nano, in their order."""
    said = prompt.lower()
    known = set(GLUE)
    for table in (COLOURS, SHAPES):
        known |= {word for words in table.values() for word in words}
        known |= {f"{word}s" for words in table.values() for word in words}
    for table_of_patterns in (MOTIONS, SCENES, CAMERAS):
        for phrase, pattern in table_of_patterns.values():
            for match in re.finditer(rf"\b(?:{pattern})\b", said):
                known |= set(match[0].split())
            known |= set(phrase.split())
    known |= {"pans", "zooms", "background"}
    return tuple(dict.fromkeys(word for word in WORD.findall(said) if word not in known and not word.isdigit()))


def compose(prompt: str, seed: int, pictured: bool = False) -> Composed:
    """Return a whole sentence for nano: what the prompt says of its world, and the rest drawn by the seed.

    Where the film begins with a picture, which shows the rest, only a motion is added, and only if none is said.
    """
    draw = random.Random(f"nano:{seed}")
    said = " ".join(prompt.lower().split())
    unknown = unknown_words(prompt)
    if pictured:
        motion = MOTIONS[draw.choice(DRAWN)][0]
        return Composed(prompt if _motion(said) else f"{prompt.rstrip(' .')} {motion}", unknown, _notes(unknown))
    camera, said = _taken(said, CAMERAS)
    scene, said = _taken(said, SCENES, keep=_colour_of_thing)
    things = [_filled(thing, draw) for thing in _things(said)]
    drawn_scene = draw.choice(list(SCENES))
    scene = scene or _unlike(drawn_scene, things)
    told = " and ".join(
        f"{_article(thing.colour)} {thing.colour} {thing.shape} {MOTIONS[thing.motion][0]}" for thing in things
    )
    sentence = f"{told} {SCENES[scene][0]}" + (f", {CAMERAS[camera][0]}" if camera else "")
    return Composed(sentence, unknown, _notes(unknown))


def _notes(unknown: tuple[str, ...]) -> tuple[str, ...]:
    if not unknown:
        return ()
    named = ", ".join(f"“{word}”" for word in unknown[:6]) + (" and more" if len(unknown) > 6 else "")
    return (
        f"nano does not know {named}. It draws coloured circles, squares, triangles, stars, rings and hearts; "
        "choose another model for the rest.",
    )


def _colour_of_thing(match: re.Match[str], said: str) -> bool:
    """Whether a scene's word stands before a shape and so names no scene, as in "sea star"."""
    following = WORD.findall(said[match.end() :])[:1]
    return bool(following) and any(following[0].removesuffix("s") in words for words in SHAPES.values())


def _taken(
    said: str, table: Mapping[str, tuple[str, str]], keep: Callable[[re.Match[str], str], bool] | None = None
) -> tuple[str, str]:
    """Return the value that a text names, and the text without those words."""
    found: list[tuple[int, str, re.Match[str]]] = []
    for value, (_, pattern) in table.items():
        for match in re.finditer(rf"\b(?:{pattern})\b", said):
            if not (keep and keep(match, said)):
                found.append((match.start(), value, match))
                break
    if not found:
        return "", said
    ranks = list(table)
    # "in the night sky" names the night: of two scenes, the one that stands first in the table.
    _, value, match = min(found, key=lambda each: ranks.index(each[1]))
    if table is SCENES:
        for _, _, other in found:
            said = said[: other.start()] + " " * len(other[0]) + said[other.end() :]
        return value, said
    return value, said[: match.start()] + said[match.end() :]


def _things(said: str) -> list[Thing]:
    """Return the objects that a text names, one at least, each with the colour before it and the motion behind it."""
    shapes = [
        (match.start(), match.end(), value)
        for value, words in SHAPES.items()
        for match in re.finditer(rf"\b(?:{'|'.join(words)})s?\b", said)
        if not AROUND.search(said[max(0, match.start() - 5) : match.end() + 7])
    ]
    shapes = sorted(shapes)[:MOST_OBJECTS]
    if not shapes:
        return [Thing(_colour(said), "", _motion(said))]
    things = []
    for place, (start, end, shape) in enumerate(shapes):
        before = said[shapes[place - 1][1] if place else 0 : start]
        behind = said[end : shapes[place + 1][0] if place + 1 < len(shapes) else len(said)]
        colour = _colour(before, last=True) or (_colour(behind) if place + 1 == len(shapes) else "")
        motion = _motion(behind) or (_motion(before) if place == 0 else "")
        things.append(Thing(colour, shape, motion))
    if len(things) == 1 and re.search(r"\b(two|both)\b", said[: shapes[0][0]]):
        things *= 2
    return things


def _colour(said: str, last: bool = False) -> str:
    found = [
        (match.start(), value)
        for value, words in COLOURS.items()
        for match in re.finditer(rf"\b(?:{'|'.join(words)})\b", said)
    ]
    return (max(found) if last else min(found))[1] if found else ""


def _motion(said: str) -> str:
    found = [
        (match.start(), value)
        for value, (_, pattern) in MOTIONS.items()
        if (match := re.search(rf"\b(?:{pattern})\b", said))
    ]
    bounces = [each for each in found if each[1] == "bounce"]
    return (bounces or sorted(found))[0][1] if found else ""  # "bounces up and down" is no motion up


def _filled(thing: Thing, draw: random.Random) -> Thing:
    colour, shape, motion = (
        draw.choice(list(COLOURS)),
        draw.choice(list(SHAPES)),
        draw.choice(DRAWN),
    )
    return Thing(thing.colour or colour, thing.shape or shape, thing.motion or motion)


def _unlike(scene: str, things: list[Thing]) -> str:
    """Return a scene against which the colours are seen."""
    unseen = {"sky": "blue", "sea": "blue", "meadow": "green", "sunset": "orange", "night": "blue"}
    return "grey" if unseen.get(scene) in {thing.colour for thing in things} else scene


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
