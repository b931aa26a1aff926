"""Grading looks: the pixels of each, and films that get one, whatever happens on the way."""

from fractions import Fraction

import numpy as np
import pytest

from tests import media
from tests.workers.test_upscale_film import heard, stop_at, talking
from workers.base import Cancelled, EngineError, Stopped
from workers.keeper import STATE
from workers.looks import Look, keep_film, look_film
from workers.media.looks import GRAINS, LOOKS, graded
from workers.media.probe import probe, read_comment, read_frames
from workers.segments import SEGMENT_FRAMES


def of(name, pixel, amount=1.0):
    """Return what a look makes of a picture of one colour, at its middle."""
    made = graded(np.full((9, 9, 3), pixel, np.uint8), name, amount)
    return tuple(int(value) for value in made[4, 4])


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("monochrome", (255, 0, 0), (54, 54, 54)),
        ("monochrome", (0, 255, 0), (182, 182, 182)),
        ("sepia", (10, 20, 30), (25, 22, 17)),
        ("sepia", (255, 255, 255), (255, 255, 239)),
        ("warm", (100, 100, 100), (108, 101, 86)),
        ("cool", (100, 100, 100), (88, 100, 110)),
        ("faded", (0, 0, 0), (28, 28, 28)),
        ("faded", (255, 255, 255), (237, 237, 237)),
        ("contrast", (64, 64, 64), (40, 40, 40)),
        ("contrast", (255, 255, 255), (255, 255, 255)),
        ("vivid", (200, 100, 100), (235, 90, 90)),
        ("vivid", (100, 100, 100), (100, 100, 100)),
        ("noir", (255, 255, 255), (255, 255, 255)),
        ("noir", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_a_look_makes_these_pixels(name, before, after):
    assert of(name, before) == after


def test_an_amount_mixes_the_look_with_the_frame():
    assert of("warm", (200, 200, 200)) == (216, 202, 172)
    assert of("warm", (200, 200, 200), 0.5) == (208, 201, 186)
    assert of("noir", (10, 90, 200), 0.0) == (10, 90, 200)


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_gives_another_frame_of_the_same_size_and_leaves_the_given_one_alone(name):
    given = media.quarters(48, 32)
    kept = given.copy()
    made = graded(given, name, place=3, seed=5)
    assert (made.shape, made.dtype) == (given.shape, np.uint8) and not np.array_equal(made, given)
    assert np.array_equal(given, kept) and np.array_equal(made, graded(given, name, place=3, seed=5))


def test_a_vignette_darkens_the_corners_and_not_the_middle():
    made = graded(np.full((65, 97, 3), 200, np.uint8), "noir").astype(int)
    assert made[0, 0, 0] < 0.75 * made[32, 48, 0] and made[32, 0, 0] > made[0, 0, 0]
    assert (made == made[:, :, :1]).all(), "without colour"


def test_grain_moves_from_frame_to_frame_and_changes_no_brightness():
    plain = np.full((128, 128, 3), 128, np.uint8)
    first, second = (graded(plain, "grain", place=place, seed=7).astype(int) for place in (0, 1))
    assert abs(first.mean() - 128) < 0.5 and 9 < first[..., 0].std() < 20
    assert (first == first[:, :, :1]).all(), "grain has no colour"
    assert not np.array_equal(first, second)
    assert np.array_equal(first, graded(plain, "grain", place=GRAINS, seed=7)), "one of so many plates"
    assert not np.array_equal(first, graded(plain, "grain", seed=8))
    black = np.zeros((64, 64, 3), np.uint8)
    assert graded(black, "grain").std() < first.std() / 2, "less of it in the shadows"


@pytest.fixture
def clip(tmp_path):
    frames = [np.full((64, 96, 3), (40 + 3 * i, 90, 140), np.uint8) for i in range(30)]
    return media.film(tmp_path / "clip.mp4", frames, rate=12)


def test_a_film_gets_a_look_frame_by_frame(clip, tmp_path):
    told = []
    asked = Look(clip, "sepia")
    info = look_film(asked, tmp_path / "work", tmp_path / "out.mp4", comment="so", on_progress=told.append)
    assert (info.width, info.height, info.frames, info.fps) == (96, 64, 30, 12)
    assert read_comment(tmp_path / "out.mp4") == "so"
    for before, after in zip(read_frames(clip), read_frames(tmp_path / "out.mp4"), strict=True):
        assert np.abs(graded(before, "sepia").astype(int) - after).mean() < 3
    assert [(p.stage, p.step) for p in told[:3]] == [("loading", 0), ("grading", 0), ("grading", 1)]
    assert (tmp_path / "work" / "hls" / "index.m3u8").read_text().endswith("#EXT-X-ENDLIST\n")
    assert not (tmp_path / "work" / STATE).exists()


def stop_grading(frame, error=Cancelled):
    stop = stop_at(frame, error)

    def report(progress):
        if progress.stage == "grading" and progress.step == frame:
            raise error
        stop(progress)

    return report


def test_a_film_that_was_interrupted_is_the_same_file_with_the_same_grain(clip, tmp_path):
    asked = Look(clip, "vintage", seed=3)
    whole = look_film(asked, tmp_path / "whole", tmp_path / "whole.mp4")
    with pytest.raises(Cancelled):
        look_film(asked, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=stop_grading(27))
    told = []
    again = look_film(asked, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=told.append)
    assert again.sha256 == whole.sha256 and told[0].step == SEGMENT_FRAMES


def test_what_is_finished_of_a_stopped_film_is_kept_with_its_sound(tmp_path):
    asked = Look(talking(tmp_path / "a.mp4", count=40, container_rate=12), "noir")
    with pytest.raises(EngineError, match="nothing_to_keep"):
        keep_film(asked, tmp_path / "work", tmp_path / "kept.mp4")
    with pytest.raises(Stopped):
        look_film(asked, tmp_path / "work", tmp_path / "b.mp4", on_progress=stop_grading(31, Stopped))
    info, segments = keep_film(asked, tmp_path / "work", tmp_path / "kept.mp4")
    assert (info.frames, segments, info.seconds) == (SEGMENT_FRAMES, 1, 2.0)
    assert heard(tmp_path / "kept.mp4")[0] == "aac"


def test_a_last_odd_line_is_left_out_and_the_copy_with_the_watermark_is_made(tmp_path):
    frames = [np.full((64, 128, 3), 120, np.uint8)] * 3
    clip = media.film(tmp_path / "odd.mp4", frames, aspect=Fraction(127, 128))
    look_film(Look(clip, "cool"), tmp_path / "work", tmp_path / "out.mp4", watermark=True)
    plain, marked = probe(tmp_path / "out.mp4"), probe(tmp_path / "out-marked.mp4")
    assert (plain.width % 2, plain.height % 2) == (0, 0)
    assert (marked.width, marked.frames) == (plain.width, 3) and marked.sha256 != plain.sha256
