"""What a sentence is to tell the storybook's text encoder, which is nano's in other words."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from workers.prompts import storybook_words

from ..nano_lab import text as plain
from . import captions, world

UNTOLD = plain.UNTOLD
# What the labels of a word choose from, in their order; one more than a table has stands for "not said".
TABLES: dict[str, Sequence[str]] = {
    "figure": world.FIGURES,
    "colour": list(world.COLOURS),
    "action": tuple(dict.fromkeys(action for actions in world.ACTIONS.values() for action in actions)),
    "look": world.LOOKS,
    "scene": world.SCENES,
    "light": world.LIGHTS,
    "camera": world.CAMERAS,
}
OWN = ("figure", "colour", "action", "look")  # what two figures have each for themselves
ALONE = 2  # the last label: the first of two figures, the second, or one alone


@functools.cache
def tokenizer() -> Any:
    """The storybook's words."""
    return plain.tokenizer(storybook_words.vocabulary())


def _labels(spec: world.Spec, said: captions.Said, text: str) -> list[int]:
    """Labels of a figure and its scene, as far as the sentence tells them."""
    told = {**dict.fromkeys(captions.PARTS, False), **dict.fromkeys(said, True), "light": True, "camera": True}
    told["look"] = any(words in text for words in storybook_words.LOOK_WORDS[spec.look])
    return [list(table).index(getattr(spec, name)) if told[name] else len(table) for name, table in TABLES.items()]


def lesson(tok: Any, rng: random.Random) -> tuple[str, list[list[int]], list[int]]:
    """A sentence and what is to be read from it: labels of each of its tokens and of the whole, by :data:`TABLES`."""
    if rng.random() < 0.08:
        text = captions.empty(rng)
        whole = [len(table) for table in TABLES.values()]
        whole = [*whole[:-1], 0, ALONE]
        return text, [whole] * len(tok(text).input_ids), whole
    spec, said = captions.sample_told(rng, open_ended=0.2, rich=0.45)
    if spec.second is None and rng.random() < 0.4:
        text = captions.caption(spec, rng, said)
        whole = [*_labels(spec, said, text), ALONE]
        return text, [whole] * len(tok(text).input_ids), whole
    told = captions.pieces(spec, rng, said)
    spoken = [" ".join(words for words, owner in told if owner == i) for i in range(len(spec.cast))]
    scene = _labels(spec, said, "")[len(OWN) :]
    labels = []
    for words, owner in told:
        if spec.second is None:
            label = [*_labels(spec, said, spoken[0]), ALONE]
        elif owner < 0:
            label = [*[UNTOLD] * len(OWN), *scene, UNTOLD]
        else:
            label = [*_labels(spec.cast[owner], said, spoken[owner])[: len(OWN)], *scene, owner]
        labels += [label] * len(tok(words, add_special_tokens=False).input_ids)
    whole = [*([UNTOLD] * len(OWN) if spec.second else _labels(spec, said, spoken[0])[: len(OWN)]), *scene]
    whole.append(UNTOLD if spec.second else ALONE)
    return " ".join(words for words, _ in told), [*labels, whole], whole


def heads() -> Any:
    """The linear layers that read the labels."""
    return nn.ModuleList([*(nn.Linear(plain.WIDTH, len(t) + 1) for t in TABLES.values()), nn.Linear(plain.WIDTH, 3)])


def train(path: Path, steps: int = 2000, seed: int = 0) -> Any:
    """Train to ``path`` unless it exists, and return the frozen encoder."""
    return plain.train(path, steps, seed, tokenizer(), lesson, heads())
