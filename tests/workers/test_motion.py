"""Frames between frames, and the measure of flicker."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from workers.media.motion import Between, flicker, frames_at, interpolate, needed_from, still


def ground(width=160, height=96):
    """Return a soft picture with structure everywhere."""
    spots = np.random.default_rng(5).integers(40, 215, (height // 16, width // 16, 3)).astype(np.uint8)
    return np.array(Image.fromarray(spots).resize((width, height), Image.Resampling.BICUBIC))


def moving(place, width=160, height=96):
    """Return the ground with a red square whose left side is at `place`."""
    pixels = ground(width, height)
    pixels[32:64, place : place + 32] = (230, 30, 30)
    return pixels


def error(a, b):
    return float(np.abs(a.astype(float) - b).mean())


def test_what_moves_is_half_way_and_not_seen_twice():
    here, after, truth = (moving(place, 320, 192) for place in (80, 88, 84))
    made = Between(here, after).at(0.5)
    blend = ((here.astype(int) + after) // 2).astype(np.uint8)
    assert error(made, truth) < error(blend, truth) / 2


@pytest.mark.parametrize(("fps_in", "fps_out"), [(8, 24), (8, 16), (24, 60), (Fraction(30000, 1001), 60), (25, 30)])
def test_a_smoother_film_is_as_long_and_has_the_frames_that_it_had(fps_in, fps_out):
    film = [moving(10 + 4 * i) for i in range(9)]
    made = list(interpolate(iter(film), fps_in, fps_out))
    assert len(made) == frames_at(9, fps_in, fps_out)
    assert abs(len(made) / fps_out - 9 / fps_in) <= 0.5 / fps_out + 1e-9
    for index, frame in enumerate(made):
        place = index * Fraction(fps_in) / Fraction(fps_out)
        if place.denominator == 1 and place < 9:
            assert np.array_equal(frame, film[int(place)])


@pytest.mark.parametrize("first", [0, 1, 2, 5, 11, 14])
def test_a_film_goes_on_anywhere_with_the_same_frames(first):
    film = [moving(10 + 5 * i) for i in range(6)]
    whole = list(interpolate(film, 8, 20))
    rest = list(interpolate(film[needed_from(first, 8, 20) :], 8, 20, first=first))
    assert len(whole) == 15 and len(rest) == len(whole) - first
    assert all(np.array_equal(a, b) for a, b in zip(rest, whole[first:], strict=True))


def test_nothing_is_blended_across_a_cut():
    other = np.full_like(ground(), (20, 60, 20))
    other[20:50, 90:140] = (250, 250, 60)
    for here, after in ((moving(40), other), (other, ground()[:, ::-1])):
        assert Between(here, after).cut
        made = list(interpolate([here, after], 8, 32))
        assert all(np.array_equal(frame, here) for frame in made[:4])
        assert all(np.array_equal(frame, after) for frame in made[4:])


def test_noise_and_fast_motion_are_no_cuts():
    noise = np.random.default_rng(1).integers(-20, 20, (2, 96, 160, 3))
    noisy = [np.clip(moving(40 + 24 * i).astype(int) + noise[i], 0, 255).astype(np.uint8) for i in (0, 1)]
    assert not Between(*noisy).cut and not Between(moving(40), moving(70)).cut


def test_two_frames_are_asked_for_at_a_time():
    taken = 0

    def source():
        nonlocal taken
        for i in range(5):
            taken += 1
            yield moving(10 + 4 * i)

    stream = interpolate(source(), 8, 16)
    next(stream), next(stream)
    assert taken == 2


def test_a_film_of_one_frame_stands():
    assert len(list(interpolate([moving(4)], 8, 24))) == 3 and list(interpolate([], 8, 24)) == []


def test_flicker_counts_what_trembles_where_nothing_moves():
    calm = [moving(10 + 4 * i) for i in range(8)]
    assert flicker(calm) == 0.0
    trembling = [np.clip(frame.astype(int) + 3 * (i % 2), 0, 255).astype(np.uint8) for i, frame in enumerate(calm)]
    assert flicker(trembling) == pytest.approx(6.0)
    mask = still(calm)
    assert not mask[40:60, 20:60].any() and mask[:20].all()
    assert flicker(calm, np.ones_like(mask)) > 1.0 and flicker(calm[:2]) == 0.0
