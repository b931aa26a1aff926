"""Sentences about the world: canonical ones, free ones with synonyms, other word orders and filler words."""

from __future__ import annotations

import random
from dataclasses import replace

from workers.prompts import nano_words
from workers.prompts.nano_words import (
    CAMERA_WORDS,
    COLOUR_WORDS,
    FILLERS,
    MOTION_WORDS,
    OPENINGS,
    RESERVED,
    SCENE_WORDS,
    SHAPE_WORDS,
)

from .world import Spec, sample_camera, sample_pair, sample_spec

UNKNOWN = "zzunknown"
Said = tuple[bool, bool, bool, bool]
ALL: Said = (True, True, True, True)
# What a clip shows of which its sentence says nothing, so that every sentence has one clean answer.
ASSUMED = Spec(
    nano_words.ASSUMED["colour"], nano_words.ASSUMED["shape"], nano_words.ASSUMED["motion"], nano_words.ASSUMED["scene"]
)


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
