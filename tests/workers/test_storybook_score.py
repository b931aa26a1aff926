"""The reader of storybook clips: right about what is drawn, and about what is not."""

import random
from dataclasses import replace

import numpy as np
import pytest

from workers.engines.skyreels.storybook_lab import evaluate, paint, score, world

Spec = world.Spec
SEEN = [
    Spec("woman", "red", "left", "meadow", "sunset", look="brown"),
    Spec("boy", "green", "stand", "room", camera="portrait", look="curly"),
    Spec("cat", "black", "sit", "mountains", "night", second=Spec("girl", "red", "wave", "mountains", "night")),
    Spec("dog", "orange", "jump", "street", camera="pan left"),
    Spec("boat", "blue", "right", "sea", "sunset"),
    Spec("balloon", "yellow", "up", "beach"),
    Spec("man", "white", "stand", "forest", "night", camera="zoom in", look="blond"),
]


@pytest.mark.slow
@pytest.mark.parametrize("spec", SEEN, ids=lambda spec: f"{spec.figure} {spec.camera}")
def test_a_drawn_clip_is_read_as_what_it_shows(spec: Spec) -> None:
    clip, _ = paint.film(spec, world.WINDOW, (256, 256), random.Random(1))
    found = score.read(clip)
    right = score.agreement(found, spec)
    assert all(right.values()), (right, found)
    wrong = replace(spec, figure="star", colour="brown", action="drive", scene="moon", light="noon", camera="roll")
    wrong = replace(wrong, second=spec.second and replace(spec.second, colour="brown"))
    assert not any(value for name, value in score.agreement(found, wrong).items() if name != "alone")


def test_nobody_is_seen_in_an_empty_scene_or_in_noise() -> None:
    empty = np.stack([np.asarray(paint.empty("city", "night", "still", 256, 256, t)) for t in range(world.WINDOW)])
    assert score.read(empty) is None
    assert score.agreement(None, SEEN[0]) == dict.fromkeys(score.agreement(None, SEEN[0]), False)
    assert score.setting(empty) == ("city", "night", "still")


@pytest.mark.slow
def test_what_is_measured_of_drawn_clips_is_all_right(tmp_path) -> None:
    scores = evaluate.measure(tmp_path, "drawn", 3, seed=2)
    assert scores == dict.fromkeys(("figure", "colour", "action", "scene", "light", "camera", "alone", "all"), 1.0)
