"""The storybook world as it is drawn, and its sentences."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from workers.engines.skyreels.storybook_lab import captions, crops, figures, paint, scenes, world
from workers.engines.skyreels.storybook_lab.pen import INK
from workers.prompts import storybook

SQUARE = (256, 256)


def spec(figure: str, colour: str = "red", action: str = "stand", scene: str = "meadow", **more: str) -> world.Spec:
    return world.Spec(figure, colour, action, scene, **more)


def close(picture: np.ndarray, colour: world.RGB, within: int = 12) -> np.ndarray:
    """Where a picture has a colour."""
    return (abs(picture[..., :3].astype(int) - colour).max(-1) <= within) & (picture[..., -1] == 255)


def drawn(figure: str, colour: str, action: str = "stand", frame: int = 0, look: str = "dark", scale: float = 1.0):
    """A figure alone, RGBA."""
    return np.asarray(figures.sprite(figure, colour, look, action, figures.held(frame), "day", False, scale)[0])


def test_same_seed_same_clip_and_another_seed_another_place() -> None:
    one, two, other = (
        paint.film(spec("dog", "brown", "right"), 9, SQUARE, random.Random(seed))[0] for seed in (5, 5, 6)
    )
    assert one.shape == (9, 256, 256, 3) and one.dtype == np.uint8
    assert (one == two).all() and (one != other).any()


@pytest.mark.parametrize("scene", world.SCENES)
def test_every_scene_fills_every_picture_size_and_tells_its_hour(scene: str) -> None:
    for width, height in world.SIZES.values():
        mean = {}
        for light in world.LIGHTS:
            back, front, _ = paint.view(scene, light, width, height)
            assert back.size == (width, height) and (front is not None) == (scene == "sea")
            assert scenes.layers(scene, light, width, height)[0][1].getextrema()[3][0] > 230
            mean[light] = np.asarray(back).mean((0, 1))
        day, sunset, night = mean.values()
        assert night.mean() < 0.8 * day.mean()
        assert abs(sunset - day).max() > 12 and sunset.mean() > 1.1 * night.mean()


@pytest.mark.parametrize("figure", world.FIGURES)
def test_a_figure_shows_its_colour_in_all_its_actions(figure: str) -> None:
    for colour in world.colours(figure):
        for action in world.ACTIONS[figure]:
            for frame in (0, 3, 6, 9):
                picture = drawn(figure, colour, action, frame)
                part = close(picture, world.COLOURS[colour]).sum() / (picture[..., 3] > 0).sum()
                assert part > 0.12, (colour, action, frame, part)


def test_colours_can_be_told_apart_by_day_and_by_night() -> None:
    for names in (world.BRIGHT, world.FUR):
        for a in names:
            for b in names:
                if a != b:
                    assert np.abs(np.subtract(world.COLOURS[a], world.COLOURS[b])).max() > 40, (a, b)


@pytest.mark.parametrize("figure", world.PEOPLE)
@pytest.mark.parametrize("look", world.LOOKS)
def test_people_have_two_eyes_in_a_portrait(figure: str, look: str) -> None:
    for action in ("stand", "wave"):
        clip, mask = paint.film(
            spec(figure, "green", action, camera="portrait", look=look), 3, SQUARE, random.Random(0)
        )
        face = np.concatenate([clip[2], mask[2][..., None]], -1)[20:180]
        assert len(islands(close(face, INK, 6), 60)) == 2


def islands(where: np.ndarray, least: int) -> list[int]:
    """Sizes of connected regions of at least so many pixels."""
    where, sizes = where.copy(), []
    while where.any():
        todo, size = [tuple(np.argwhere(where)[0])], 0
        while todo:
            y, x = todo.pop()
            if 0 <= y < where.shape[0] and 0 <= x < where.shape[1] and where[y, x]:
                where[y, x], size = False, size + 1
                todo += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        sizes += [size] * (size >= least)
    return sizes


@pytest.mark.parametrize("figure", world.PEOPLE)
def test_somebody_who_walks_has_two_legs_and_puts_them_before_each_other(figure: str) -> None:
    apart = []
    for frame in range(0, world.CYCLE, 2):
        picture = drawn(figure, "red", "right", frame)
        shins = picture[-14:-8, :, 3] > 128
        runs = max(int(((row[1:] & ~row[:-1]).sum()) + row[0]) for row in shins)
        apart.append(runs)
    assert max(apart) == 2 and apart.count(2) >= 3


@pytest.mark.parametrize("figure", world.FIGURES)
def test_nothing_pops_from_one_pose_to_the_next(figure: str) -> None:
    for action in world.ACTIONS[figure]:
        size = 0
        canvases = []
        for frame in range(0, world.CYCLE + 2, 2):
            picture, x, y = figures.sprite(figure, "white", "dark", action, figures.held(frame), "day", False)
            canvas = np.zeros((400, 400), bool)
            alpha = np.asarray(picture)[..., 3] > 128
            canvas[250 - y : 250 - y + alpha.shape[0], 200 - x : 200 - x + alpha.shape[1]] = alpha
            canvases.append(canvas)
            size = max(size, int(canvas.sum()))
        changes = [int((a ^ b).sum()) / size for a, b in itertools.pairwise(canvases)]
        assert max(changes) < 0.55, (action, changes)
        assert (canvases[0] == canvases[-1]).all()


def test_feet_stay_on_the_ground_except_in_a_jump() -> None:
    for figure in world.PEOPLE:
        for action in ("right", "stand", "wave", "sit", "jump"):
            for frame in range(0, world.CYCLE, 2):
                picture, _, y = figures.sprite(figure, "red", "dark", action, figures.held(frame), "day", False)
                assert abs(picture.height - y) <= 3, (figure, action, frame)
    way = world.path(spec("girl", action="jump"), 24, SQUARE, random.Random(0))
    assert way[:, 1].max() - way[:, 1].min() == world.LEAP


def test_a_walk_goes_its_way_at_an_even_pace_and_comes_back() -> None:
    for figure, way in (("woman", "right"), ("cat", "left"), ("car", "left")):
        path = world.path(spec(figure, action=way), 160, SQUARE, random.Random(1))
        steps = np.diff(path[:, 0])
        pace = world.SPEED.get(figure, 4) * (1 if way == "right" else -1)
        assert set(steps) == {pace, pace - int(np.sign(pace)) * (256 + 192)}
        assert (path[:, 0] + 10 * pace)[0] % 8 == 0


def test_poses_are_held_for_two_frames_so_that_a_latent_holds_two() -> None:
    assert [figures.held(t) for t in range(9)] == [0, 2, 2, 4, 4, 6, 6, 8, 8]


def test_two_figures_stand_beside_each_other_and_look_at_each_other() -> None:
    rng = random.Random(3)
    for _ in range(20):
        pair = world.sample_pair(rng)
        assert pair.second is not None and pair.second.scene == pair.scene and not pair.held_out
        stay = pair.action not in world.GOES
        assert paint.mirrored(pair, pair.second) == (stay or pair.second.action == "left")
        _, mask = paint.film(pair, 1, SQUARE, rng, start=10)
        columns = (mask[0] > 128).any(0)
        assert columns[:128].any() and columns[128:].any()
        assert world.sample_pair(rng, held_out=True).held_out


def test_a_camera_that_pans_moves_near_things_faster_than_far_ones() -> None:
    still, pan = (
        paint.film(spec("cat", "white", "sit", camera=camera), 21, SQUARE, random.Random(2))[1]
        for camera in ("still", "pan right")
    )
    middle = [float(np.nonzero(m > 128)[1].mean()) for m in (still[0], still[20], pan[8], pan[13])]
    assert middle[0] == pytest.approx(middle[1], abs=2)
    assert middle[3] - middle[2] == pytest.approx(-5 * paint.PAN, abs=1.5)
    near, far = (np.asarray(paint.view("meadow", "day", *SQUARE, shift)[0]).astype(int) for shift in (0, 20))
    assert np.abs(near[:60] - far[:60]).mean() < np.abs(near[220:] - far[220:]).mean()


def test_a_camera_that_zooms_makes_the_figure_larger() -> None:
    mask = paint.film(spec("man", action="stand", camera="zoom in"), 21, SQUARE, random.Random(2))[1] > 128
    assert mask[20].sum() / mask[0].sum() == pytest.approx(paint.ZOOM**2, rel=0.1)


def test_a_portrait_shows_head_and_shoulders() -> None:
    for figure in world.PEOPLE:
        for size in world.SIZES.values():
            mask = paint.film(spec(figure, camera="portrait"), 1, size, random.Random(2))[1][0] > 128
            assert not mask[: size[1] // 20].any() and mask[-1].any()
            assert 0.15 < mask.mean() < 0.6


def test_held_out_combinations_are_an_eighth_and_never_drawn_for_training() -> None:
    rng = random.Random(0)
    every = [
        spec(figure, colour, action)
        for figure in world.FIGURES
        for colour in world.colours(figure)
        for action in world.ACTIONS[figure]
    ]
    assert 0.09 < sum(s.held_out for s in every) / len(every) < 0.16
    seen = [draw(rng) for draw in (world.sample, world.sample_pair, world.sample_camera) for _ in range(200)]
    assert not any(s.held_out for s in seen)
    assert {s.figure for s in seen} == set(world.FIGURES) and {s.camera for s in seen} == set(world.CAMERAS)
    assert all(s.scene in world.PLACES[s.figure] and s.action in world.ACTIONS[s.figure] for s in seen)
    for figure in world.FIGURES:  # nobody is held out in every colour
        assert any(not s.held_out for s in every if s.figure == figure)


def test_squares_for_the_autoencoder_are_the_same_after_a_stop(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(crops, "SHELF", 8)
    first = crops.Shelves(tmp_path / "a", 1)
    for step in range(3):
        first.batch(step, 2)
    again = crops.Shelves(tmp_path / "b", 1)
    (one, mask), (two, _) = first.batch(3, 2), again.batch(3, 2)
    assert (one == two).all() and one.shape == (2, 3, crops.FRAMES, crops.CROP, crops.CROP)
    assert float(one.min()) >= -1 and float(one.max()) <= 1 and mask.shape[1] == 1 and 0 < float(mask.mean()) < 1


def test_a_sentence_says_what_is_shown() -> None:
    girl = spec("girl", "yellow", "right", "beach", light="sunset")
    assert captions.canonical(girl) == "a girl in a yellow dress walks to the right at the beach at sunset"
    car = spec("car", "orange", "stand", "city")
    assert captions.canonical(car) == "an orange car stands in the city"
    both = replace(girl, action="wave", second=spec("dog", "white", "sit", "beach", light="sunset"))
    assert captions.canonical(both) == ("a girl in a yellow dress waves and a white dog sits at the beach at sunset")
    assert captions.canonical(replace(car, camera="zoom in")).endswith(", the camera zooms in")


def test_free_sentences_have_synonyms_and_other_orders_and_all_their_words_are_known() -> None:
    rng, boy = random.Random(2), spec("boy", "blue", "jump", "forest", light="night", look="blond")
    texts = [captions.caption(boy, rng) for _ in range(400)]
    assert len(set(texts)) > 200
    said = Counter(word for text in texts for word in set(text.lower().rstrip(".").split()))
    for word in ("son", "kid", "navy", "hops", "woods", "moonlight", "blond", "wearing"):
        assert said[word] > 1, word
    assert any(text.lower().startswith(("in the woods", "at night", "under the stars")) for text in texts)
    assert {word for text in texts for word in storybook.unknown(text)} <= {captions.UNKNOWN}


def test_what_a_sentence_leaves_open_is_what_the_figure_usually_does() -> None:
    ship = captions.assumed(spec("boat", "pink", "left", "sea"), frozenset({"figure"}))
    assert (ship.colour, ship.action, ship.scene) == ("red", "right", "sea")
    somebody = captions.assumed(spec("man", "pink", "wave", "city"), frozenset({"colour", "action"}))
    assert (somebody.figure, somebody.colour, somebody.action, somebody.scene) == ("girl", "pink", "wave", "meadow")
    rng = random.Random(1)
    told = [captions.sample_told(rng, open_ended=0.5) for _ in range(300)]
    assert any(said != captions.ALL for _, said in told) and not any(s.held_out for s, _ in told)
    for shown, said in told:
        if "colour" not in said:
            words = set(captions.caption(shown, rng, said).lower().split())
            assert not words & {"red", "blue", "green", "yellow", "orange", "purple", "white", "pink", "grey"}
