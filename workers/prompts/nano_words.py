"""The words that nano has learned, for its training and for the prompts that are written for it.

What nano draws, by attribute, with the phrases that say it; the first of each is that of the plainest sentence.
"""

from __future__ import annotations

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet", "ruby"),
    "green": ("green", "emerald", "lime"),
    "blue": ("blue", "navy", "azure"),
    "yellow": ("yellow", "golden", "gold", "lemon"),
    "orange": ("orange", "tangerine", "amber"),
    "purple": ("purple", "violet", "lilac"),
    "white": ("white", "snowy", "ivory"),
    "cyan": ("cyan", "turquoise", "teal"),
}
SHAPE_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "ball", "disc", "sphere", "dot"),
    "square": ("square", "box", "cube", "block"),
    "triangle": ("triangle", "pyramid", "cone"),
    "star": ("star", "starfish"),
    "ring": ("ring", "donut", "hoop", "wheel"),
    "heart": ("heart", "valentine"),
}
MOTION_WORDS: dict[str, tuple[str, ...]] = {
    "left": (
        "moves left",
        "moving left",
        "moves to the left",
        "slides left",
        "glides to the left",
        "gliding to the left",
        "drifts left",
        "flies to the left",
        "travels left",
        "going left",
    ),
    "right": (
        "moves right",
        "moving right",
        "moves to the right",
        "slides right",
        "glides to the right",
        "gliding to the right",
        "drifts right",
        "flies to the right",
        "travels right",
        "going right",
    ),
    "up": ("moves up", "moving up", "rises", "rising", "floats up", "moves upward", "climbs", "flies up", "going up"),
    "down": (
        "moves down",
        "moving down",
        "falls",
        "falling",
        "sinks",
        "moves downward",
        "drops",
        "descends",
        "going down",
    ),
    "bounce": ("bounces", "bouncing", "is bouncing", "jumps", "jumping", "hops", "bounces up and down"),
    "orbit": (
        "orbits",
        "orbiting",
        "circles around",
        "moves in a circle",
        "goes around in a circle",
        "flies in circles",
        "revolves",
    ),
    "grow": ("grows", "growing", "gets bigger", "expands", "grows larger", "becomes bigger", "swells"),
    "shrink": ("shrinks", "shrinking", "gets smaller", "contracts", "becomes smaller", "is shrinking"),
    "rotate": ("rotates", "rotating", "spins", "spinning", "turns", "twirls", "is spinning"),
    "still": (
        "stays still",
        "is still",
        "does not move",
        "stands still",
        "stays in place",
        "rests",
        "waits",
        "standing still",
    ),
}
SCENE_WORDS: dict[str, tuple[str, ...]] = {
    "black": ("on a black background", "on black", "black background", "in the dark", "in darkness"),
    "grey": ("on a grey background", "on a gray background", "on grey", "gray background", "in a studio"),
    "sky": (
        "in the blue sky",
        "in the sky",
        "among the clouds",
        "in front of clouds",
        "in the air",
        "by day in the sky",
    ),
    "sea": ("over the sea", "above the ocean", "over the ocean", "at the beach", "by the sea", "over the water"),
    "meadow": ("over a meadow", "on a green meadow", "on the grass", "in a field", "over the grass", "in a park"),
    "night": ("in the night sky", "at night", "under the stars", "in space", "in a starry night"),
    "sunset": ("at sunset", "in front of a sunset", "at dusk", "during sunset", "in the evening"),
    "city": (
        "over the city",
        "above a city",
        "in the city",
        "in front of a skyline",
        "over the town",
        "above the buildings",
    ),
}
CAMERA_WORDS: dict[str, tuple[str, ...]] = {
    "pan left": (
        "the camera pans left",
        "the camera pans to the left",
        "camera panning left",
        "camera pan to the left",
    ),
    "pan right": (
        "the camera pans right",
        "the camera pans to the right",
        "camera panning right",
        "camera pan to the right",
    ),
    "zoom in": ("the camera zooms in", "camera zooming in", "zoom in", "camera zooms in", "slow zoom in"),
    "zoom out": ("the camera zooms out", "camera zooming out", "zoom out", "camera zooms out", "slow zoom out"),
}
OPENINGS: tuple[str, ...] = (
    "",
    "",
    "",
    "a video of ",
    "an animation of ",
    "a clip of ",
    "a short film of ",
    "there is ",
    "we see ",
)
FILLERS: tuple[str, ...] = (
    "beautiful",
    "cinematic",
    "shiny",
    "nice",
    "little",
    "big",
    "small",
    "large",
    "simple",
    "bright",
    "colorful",
    "smooth",
    "smoothly",
    "slowly",
    "quickly",
    "gently",
    "happily",
    "scene",
    "high",
    "quality",
    "4k",
    "detailed",
    "very",
    "lovely",
    "cute",
    "solid",
    "plain",
    "shape",
    "colour",
    "colored",
    "quiet",
    "calm",
    "wide",
    "wonderful",
    "its",
    "shot",
    "style",
    "film",
)
RESERVED: tuple[str, ...] = (
    "behind",
    "beside",
    "next",
    "first",
    "in",
    "static",
    "fixed",
    "follows",
    "tracking",
    "towards",
    "away",
    "slow",
    "fast",
    "pink",
    "brown",
    "black",
    "diamond",
    "cross",
    "moon",
    "sun",
    "rain",
    "snow",
    "forest",
    "desert",
    "mountain",
    "mountains",
    "room",
    "waves",
    "wave",
    "flies",
    "then",
    "now",
    "until",
    "of",
    "from",
    "side",
    "top",
    "bottom",
    "corner",
    "center",
    "middle",
    "is",
    "are",
    "to",
    "for",
    "by",
    "shape",
    "object",
    "it",
    "there",
    "that",
)
# Known words that mean nothing by themselves; they are not among the words that are strewn in.
BINDING: tuple[str, ...] = ("two", "and", "with", "second", "another", "other", "into", "while", "camera")
# What a sentence stands for where it says nothing of an attribute.
ASSUMED = {"colour": "yellow", "shape": "circle", "motion": "right", "scene": "sky"}
# Of two objects: motions along a row, motions along a column, and those that go with both.
ROW, COLUMN, PLACE = ("left", "right"), ("up", "down", "bounce"), ("rotate", "still")
ROUND = frozenset({"circle", "ring"})  # a round thing that turns is seen to stand still


def vocabulary() -> list[str]:
    """Every word the model can tell apart, sorted."""
    words = {"a", "an", "the", "one", "that", "is", ",", "."}
    for table in (COLOUR_WORDS, SHAPE_WORDS, MOTION_WORDS, SCENE_WORDS, CAMERA_WORDS):
        for phrases in table.values():
            for phrase in phrases:
                words.update(phrase.split())
    for phrase in (*OPENINGS, *FILLERS, *RESERVED, *BINDING):
        words.update(phrase.split())
    return sorted(words)
