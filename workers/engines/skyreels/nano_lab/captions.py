"""Sentences about the world: canonical ones, free ones with synonyms, other word orders and filler words."""

from __future__ import annotations

import random
from dataclasses import replace

from .world import Spec, sample_camera, sample_pair, sample_spec

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
UNKNOWN = "zzunknown"
Said = tuple[bool, bool, bool, bool]
ALL: Said = (True, True, True, True)
# What a clip shows of which its sentence says nothing, so that every sentence has one clean answer.
ASSUMED = Spec("yellow", "circle", "right", "sky")


def canonical(spec: Spec) -> str:
    """The plainest sentence for a spec."""
    objects = [spec, spec.second] if spec.second else [spec]
    told = (f"{_article(s.colour)} {s.colour} {s.shape} {MOTION_WORDS[s.motion][0]}" for s in objects)
    camera = "" if spec.camera == "fixed" else f", {CAMERA_WORDS[spec.camera][0]}"
    return f"{' and '.join(told)} {SCENE_WORDS[spec.scene][0]}{camera}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _named(spec: Spec, rng: random.Random) -> tuple[str, str, str]:
    colour = spec.colour if rng.random() < 0.6 else rng.choice(COLOUR_WORDS[spec.colour])
    shape = spec.shape if rng.random() < 0.6 else rng.choice(SHAPE_WORDS[spec.shape])
    return colour, shape, rng.choice(MOTION_WORDS[spec.motion])


def pieces(spec: Spec, rng: random.Random) -> list[tuple[str, int]]:
    """A free sentence for a spec in pieces, each with the object that it is about: 0, 1, or -1 for neither."""
    told = []
    for s in [spec, spec.second] if spec.second else [spec]:
        told.append(" ".join((rng.choice(("a", "the", "one")), *_named(s, rng))))
    out = [(told[0], 0)]
    if spec.second:
        out += [(rng.choice(("and", "and", ",", ", and", "while")), -1), (told[1], 1)]
    scene = rng.choice(SCENE_WORDS[spec.scene])
    out = [(f"{scene},", -1), *out] if rng.random() < 0.25 else [(rng.choice(OPENINGS).strip(), -1), *out, (scene, -1)]
    if spec.camera != "fixed":
        camera = rng.choice(CAMERA_WORDS[spec.camera])
        out = rng.choice(([*out, (f", {camera}", -1)], [*out, (f"while {camera}", -1)], [(f"{camera},", -1), *out]))
    return [(text, owner) for text, owner in out if text]


def caption(spec: Spec, rng: random.Random) -> str:
    """A sentence for a spec, half of the time canonical, else free; some with fillers, unknown words or a full stop."""
    if rng.random() < 0.5:
        text = canonical(spec)
    elif not spec.plain:
        text = " ".join(text for text, _ in pieces(spec, rng)).replace(" ,", ",")
    else:
        article, (colour, shape, motion) = rng.choice(("a", "the", "one")), _named(spec, rng)
        scene = rng.choice(SCENE_WORDS[spec.scene])
        text = rng.choice(
            (
                f"{rng.choice(OPENINGS)}{article} {colour} {shape} {motion} {scene}",
                f"{rng.choice(OPENINGS)}{article} {colour} {shape} {motion} {scene}",
                f"{scene}, {article} {colour} {shape} {motion}",
                f"{colour} {shape} {motion}, {scene}",
                f"{colour} {shape}, {motion}, {scene}",
                f"{article} {shape} that is {colour} {motion} {scene}",
                f"{article} {colour} {shape} {scene} {motion}",
            )
        )
    if rng.random() < 0.12:
        words = text.split(" ")
        for _ in range(rng.randint(1, 4)):
            words.insert(rng.randint(0, len(words)), rng.choice((*FILLERS, *[UNKNOWN] * 20)))
        text = " ".join(words)
    if rng.random() < 0.2:
        text = text[0].upper() + text[1:] + "."
    return text


def empty(rng: random.Random) -> str:
    """A sentence without content: nothing, fillers, or unknown words only."""
    draw = rng.random()
    if draw < 0.6:
        return ""
    return " ".join(rng.choice((*FILLERS, *[UNKNOWN] * 40)) for _ in range(rng.randint(1, 16)))


def sample_said(rng: random.Random) -> Said:
    """Which of colour, shape, motion and scene a sentence tells; each about every second time."""
    return rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5


def partial(spec: Spec, said: Said, rng: random.Random) -> str:
    """A sentence that leaves open what is not ``said``, often among words that mean nothing here."""
    colour, shape, motion, scene = said
    words = [
        rng.choice(COLOUR_WORDS[spec.colour]) if colour else "",
        rng.choice(SHAPE_WORDS[spec.shape]) if shape else rng.choice(("object", "shape", UNKNOWN, "")),
        rng.choice(MOTION_WORDS[spec.motion]) if motion else "",
        rng.choice(SCENE_WORDS[spec.scene]) if scene else "",
    ]
    words = [w for w in (rng.choice(("a", "the", "")), *words) if w] or [UNKNOWN]
    for _ in range(rng.choice((0, 1, 2, 4, 8))):
        words.insert(rng.randint(0, len(words)), rng.choice((*FILLERS, *RESERVED, *[UNKNOWN] * 100)))
    return " ".join(words)


def assumed(spec: Spec, said: Said) -> Spec:
    """The spec a sentence with these parts ``said`` stands for: the others are those of :data:`ASSUMED`."""
    names = ("colour", "shape", "motion", "scene")
    return replace(spec, **{k: getattr(ASSUMED, k) for k, told in zip(names, said, strict=True) if not told})


def sample(rng: random.Random, open_ended: float = 0.15) -> tuple[Spec, Said]:
    """A spec of the training part and what its sentences say of it; with the probability ``open_ended`` not all."""
    while True:
        spec, said = sample_spec(rng), ALL
        if rng.random() < open_ended:
            said = sample_said(rng)
            spec = assumed(spec, said)
        if spec.legal and not spec.held_out:
            return spec, said


def sample_rich(rng: random.Random) -> Spec:
    """A spec of the training part with two objects or a moving camera."""
    return sample_pair(rng) if rng.random() < 0.6 else sample_camera(rng)


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
