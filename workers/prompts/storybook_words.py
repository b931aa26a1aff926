"""The words that the storybook model has learned, for its training and for the prompts that are written for it.

What its world has and what goes together there, and by attribute the phrases that say it; the first of each is that of
the plainest sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Words = tuple[str, ...]

BRIGHT: Words = ("red", "blue", "green", "yellow", "orange", "purple", "white", "pink")
FUR: Words = ("orange", "white", "brown", "black", "grey")
PEOPLE: Words = ("woman", "man", "girl", "boy")
CHILDREN: Words = ("girl", "boy")
PETS: Words = ("cat", "dog")
SHAPES: Words = ("circle", "square", "triangle", "star", "ring", "heart")
FIGURES: Words = (*PEOPLE, *PETS, "bird", "balloon", "boat", "car", *SHAPES)
LOOKS: Words = ("dark", "brown", "blond", "curly")  # a person's hair, and skin that goes with it
SCENES: Words = ("meadow", "beach", "sea", "mountains", "forest", "city", "street", "room")
LIGHTS: Words = ("day", "sunset", "night")
CAMERAS: Words = ("still", "pan left", "pan right", "zoom in", "portrait")
GOES: Words = ("left", "right", "up")
ACTIONS: dict[str, Words] = {
    **dict.fromkeys(PEOPLE, ("left", "right", "stand", "wave", "jump", "sit")),
    **dict.fromkeys(PETS, ("left", "right", "stand", "jump", "sit")),
    "bird": ("left", "right"),
    "balloon": ("left", "right", "up"),
    "boat": ("left", "right"),
    "car": ("left", "right", "stand"),
    **dict.fromkeys(SHAPES, ("left", "right", "up", "stand", "jump")),
}
PLACES: dict[str, Words] = {
    **dict.fromkeys((*PEOPLE, *PETS), tuple(s for s in SCENES if s != "sea")),
    "bird": tuple(s for s in SCENES if s not in ("room", "forest")),
    "balloon": ("meadow", "beach", "sea", "mountains", "city"),
    "boat": ("sea",),
    "car": ("city", "street", "meadow", "mountains"),
    **dict.fromkeys(SHAPES, SCENES),
}

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
# What is seen, and what a figure has and does, where a sentence leaves it open.
USUAL_FIGURE = "girl"
USUAL_COLOUR: dict[str, str] = {
    **dict.fromkeys(("woman", "balloon", "boat", "car", "circle", "heart"), "red"),
    **dict.fromkeys(("man", "bird", "square"), "blue"),
    **dict.fromkeys(("girl", "star"), "yellow"),
    **dict.fromkeys(("boy", "triangle"), "green"),
    **dict.fromkeys(("cat", "ring"), "orange"),
    "dog": "brown",
}


def colours(figure: str) -> Words:
    """The colours a figure comes in."""
    return FUR if figure in PETS else BRIGHT


def usual_action(figure: str) -> str:
    """What a figure does where a sentence leaves it open."""
    return "right" if figure in ("bird", "boat") else "up" if figure == "balloon" else "stand"


def _split(words: Iterable[str]) -> set[str]:
    return {token for phrase in words for token in re.findall(r"[\w']+|[^\w\s]", phrase.lower())}


def vocabulary() -> list[str]:
    """Every word the model can tell apart, sorted; words with a hyphen count as two and a hyphen."""
    tables = (FIGURE_WORDS, COLOUR_WORDS, GARMENTS, LOOK_WORDS, GOES_WORDS, WAY_WORDS, DOES_WORDS)
    words = {*CHILD_WORDS, *OPENINGS, *FILLERS, *BINDING, "is parked"}
    for table in (*tables, SCENE_WORDS, LIGHT_WORDS, CAMERA_WORDS):
        words.update(phrase for phrases in table.values() for phrase in phrases)
    return sorted(_split(words))
