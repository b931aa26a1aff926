"""The scorer must be right on drawn clips and must not be talked into anything."""

import dataclasses
import random

import numpy as np
import pytest

from workers.engines.skyreels.nano_lab import paint, world
from workers.engines.skyreels.nano_lab.score import Reading, clean, read, read_objects


def drawn(spec: world.Spec, size: tuple[int, int] = (128, 128), seed: int = 0) -> np.ndarray:
    path = world.trajectory(spec, world.WINDOW, size, random.Random(seed))
    clip, _ = paint.draw([spec], [path], size)
    return ((clip[0] + 1) / 2).permute(1, 2, 3, 0).numpy()


def examples(n: int, seed: int) -> list[world.Spec]:
    """Specs in which every value of every attribute occurs."""
    rng = random.Random(seed)
    colours = list(world.COLOURS)
    specs = []
    for i in range(n):
        spec = world.Spec(
            colours[i % 8], world.SHAPES[(i // 2) % 6], world.MOTIONS[i % 10], world.SCENES[(i + i // 8) % 8]
        )
        specs.append(spec if spec.legal else dataclasses.replace(spec, shape=rng.choice(("star", "heart"))))
    return specs


@pytest.mark.parametrize("size", world.SIZES.values(), ids=world.SIZES)
def test_reads_every_drawn_clip(size: tuple[int, int]) -> None:
    for i, spec in enumerate(examples(24, 1)):
        assert all(read(drawn(spec, size, i)).matches(spec).values()), spec


@pytest.mark.parametrize("size", world.SIZES.values(), ids=world.SIZES)
def test_reads_both_objects_of_a_clip(size: tuple[int, int]) -> None:
    rng = random.Random(8)
    for _ in range(8):
        spec = world.sample_pair(rng)
        clip, _ = paint.film(spec, world.WINDOW, size, rng)
        found = read_objects(((clip[0] + 1) / 2).permute(1, 2, 3, 0).numpy())
        asked = {(s.colour, s.shape, s.motion) for s in (spec, spec.second) if s}
        assert {(r.colour, r.shape, r.motion) for r in found} == asked, spec
    assert len(read_objects(drawn(world.Spec("red", "heart", "left", "night"), size))) == 1


@pytest.mark.parametrize("camera", world.CAMERAS)
def test_reads_how_the_camera_moves(camera: str) -> None:
    rng = random.Random(9)
    for scene in ("sky", "meadow", "night", "city"):
        spec = world.Spec("cyan", "triangle", "still", scene, camera=camera)
        clip, _ = paint.film(spec, world.WINDOW, (128, 128), rng)
        found = read(((clip[0] + 1) / 2).permute(1, 2, 3, 0).numpy(), world.CAMERAS)
        assert (found.camera, found.scene, found.colour, found.shape) == (camera, scene, "cyan", "triangle")


def test_a_wrong_clip_never_passes() -> None:
    tables = {"colour": list(world.COLOURS), "shape": world.SHAPES, "motion": world.MOTIONS, "scene": world.SCENES}
    rng = random.Random(2)
    for i, spec in enumerate(examples(16, 3)):
        name = rng.choice(list(tables))
        wrong = dataclasses.replace(spec, **{name: rng.choice([v for v in tables[name] if v != getattr(spec, name)])})
        if wrong.legal:
            assert not read(drawn(wrong, seed=i)).matches(spec)[name], (spec, name, wrong)


@pytest.mark.parametrize("shape", ["square", "triangle", "star", "heart"])
def test_the_end_of_what_turns_is_read_at_whatever_angle_it_is(shape: str) -> None:
    spec = world.Spec("cyan", shape, "rotate", "grey")
    path = world.trajectory(spec, 21, (128, 128), random.Random(4))
    for frames in (9, 13, 17, 21):
        clip, _ = paint.draw([spec], [path[:frames]], (128, 128))
        assert read(((clip[0] + 1) / 2).permute(1, 2, 3, 0).numpy(), last=5).shape == shape
    other = drawn(dataclasses.replace(spec, shape="circle", motion="still"))
    mixed = np.concatenate([drawn(spec), other[:5]])
    assert read(mixed, last=5).shape == "circle" and read(mixed[:17], last=5).shape == shape


def test_what_becomes_another_shape_on_its_way_has_none() -> None:
    for shape, other in (("triangle", "star"), ("circle", "heart"), ("square", "ring")):
        one, two = (drawn(world.Spec("red", s, "right", "sea")) for s in (shape, other))
        for begin, end in ((one, two), (two, one)):
            found = read(np.concatenate([begin[:10], end[10:]]))
            assert (found.shape, found.colour, found.motion) == (None, "red", "right")


@pytest.mark.parametrize("motion", ["left", "right", "up", "down"])
def test_backwards_is_the_other_direction(motion: str) -> None:
    spec = world.Spec("yellow", "star", motion, "night")
    other = {"left": "right", "right": "left", "up": "down", "down": "up"}[motion]
    assert read(drawn(spec)[::-1].copy()).motion == other


def test_drawn_clips_are_clean_and_noise_and_smears_are_not() -> None:
    rng = np.random.default_rng(0)
    for i, spec in enumerate(examples(8, 5)):
        clip = drawn(spec, seed=i)
        assert clean(clip) > 0.97, spec
        smeared = clip.mean(0, keepdims=True).repeat(17, 0)[:, ::-1] * 0.5 + rng.random(clip.shape, np.float32) * 0.5
        assert clean(smeared.astype(np.float32)) < 0.6, spec
    assert clean(rng.random((17, 128, 128, 3), dtype=np.float32)) == 0


def test_noise_and_empty_scenes_show_nothing() -> None:
    noise = np.random.default_rng(0).random((17, 128, 128, 3), dtype=np.float32)
    assert read(noise) == Reading(None, None, None, None)
    empty = ((paint.background("sea", (128, 128)) + 1) / 2).permute(1, 2, 0).numpy()
    assert read(np.repeat(empty[None], 17, 0)) == Reading(None, None, None, "sea")


def test_refuses_what_is_no_clip() -> None:
    with pytest.raises(ValueError, match="T, H, W, 3"):
        read(np.zeros((3, 17, 128, 128), np.float32))
