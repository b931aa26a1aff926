"""Talking avatars: portraits cut to films, what a face does while it speaks, and films that go on after a crash."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from workers.avatar import Asked, cut_portrait, engine, keep_film, talk_film
from workers.base import EngineError, Stopped
from workers.lips.base import LipsError, Pick
from workers.voice.base import Speech, Timed

FPS = Fraction(25)
RATE = 24_000
SIDES = 320, 180


def said(*phonemes, seconds=2.0):
    """Return a speech of the phonemes (text, start, end), loud throughout."""
    samples = 0.5 * np.sin(np.arange(round(seconds * RATE)) * 0.05).astype(np.float32)
    return Speech(samples, RATE, (), tuple(Timed(*phoneme) for phoneme in phonemes))


def saved(path, *heads, width=400, height=400):
    """Save a picture of people (name, x, y, width of the face)."""
    from scripts.faces import PEOPLE, Pose, Scene, shown

    poses = tuple(Pose(x, y, size) for _, x, y, size in heads)
    scene = Scene(tuple(PEOPLE[name] for name, *_ in heads), poses, 1, moves=0, speaks=0)
    Image.fromarray(shown(scene, 0.8, width, height)).save(path)
    return path


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("avatar") / "mara.png", ("mara", 200, 190, 130))


# --- portraits


def test_a_portrait_is_cut_around_its_face(tmp_path):
    aside = saved(tmp_path / "aside.png", ("mara", 560, 200, 110), width=800, height=400)
    for width, height in ((200, 400), (320, 180), (240, 240)):
        cut = cut_portrait(Asked(aside, width, height))
        assert cut.picture.shape == (height, width, 3)
        x, y = cut.points[:, :2].mean(0)
        assert 0.25 * width < x < 0.75 * width and 0.25 * height < y < 0.75 * height


def test_the_face_that_speaks_is_picked_and_others_are_refused(tmp_path):
    two = saved(tmp_path / "two.png", ("mara", 200, 200, 110), ("jonas", 600, 200, 100), width=800)
    with pytest.raises(LipsError) as raised:
        cut_portrait(Asked(two, *SIDES))
    assert raised.value.code == "several_faces"
    cut = cut_portrait(Asked(two, 200, 200, Pick(point=(600, 200))))
    assert 60 < cut.points[:, 0].mean() < 140
    nobody = saved(tmp_path / "nobody.png")
    with pytest.raises(LipsError) as raised:
        cut_portrait(Asked(nobody, *SIDES))
    assert raised.value.code == "no_face"
    small = saved(tmp_path / "small.png", ("mara", 50, 50, 30), width=100, height=100)
    with pytest.raises(EngineError) as raised:
        cut_portrait(Asked(small, *SIDES))
    assert raised.value.code == "portrait_small"


# --- films


def test_a_film_is_gone_on_with_after_its_last_kept_segment(portrait, tmp_path):
    from workers.media import audio
    from workers.media.probe import read_frames
    from workers.segments import SEGMENT_FRAMES

    speech = said(("ɑ", 0.1, 0.9), ("m", 0.9, 1.0), ("ɑ", 1.0, 2.4), seconds=2.6)
    asked = Asked(portrait, *SIDES, seed=4)
    whole = talk_film(asked, speech, tmp_path / "whole", tmp_path / "whole.mp4", engine=engine(), watermark=True)
    assert (whole.width, whole.height, whole.frames) == (*SIDES, 65)
    assert (tmp_path / "whole-marked.mp4").is_file()
    planes, rate = audio.decode(tmp_path / "whole.mp4")
    assert planes.shape[1] / rate == pytest.approx(2.6, abs=0.1)
    stages = []

    def stop(told):
        stages.append(told.stage)
        if told.stage == "talking" and told.step > SEGMENT_FRAMES + 3:
            raise Stopped

    with pytest.raises(Stopped):
        talk_film(asked, speech, tmp_path / "part", tmp_path / "part.mp4", engine=engine(), on_progress=stop)
    info, segments = keep_film(asked, speech, tmp_path / "part", tmp_path / "kept.mp4", engine=engine())
    assert segments == 1 and info.frames == SEGMENT_FRAMES
    stages.clear()
    again = {"engine": engine(), "on_progress": lambda told: stages.append(told.stage)}
    talk_film(asked, speech, tmp_path / "part", tmp_path / "part.mp4", **again)
    assert stages.count("talking") == 65 - SEGMENT_FRAMES + 1
    one, other = (list(read_frames(tmp_path / name)) for name in ("whole.mp4", "part.mp4"))
    assert np.array_equal(one, other)


def test_another_way_of_speaking_begins_anew_and_nothing_can_be_said_without_a_sound(portrait, tmp_path):
    def stop(told):
        if told.stage == "talking" and told.step > 30:
            raise Stopped

    speech, asked = said(("ɑ", 0.1, 0.9)), Asked(portrait, *SIDES)
    with pytest.raises(Stopped):
        talk_film(asked, speech, tmp_path, tmp_path / "out.mp4", engine=engine(), on_progress=stop)
    for other in (replace(asked, expressiveness=0.9), replace(asked, seed=1), replace(asked, width=180, height=320)):
        with pytest.raises(EngineError) as raised:
            keep_film(other, speech, tmp_path, tmp_path / "out.mp4", engine=engine())
        assert raised.value.code == "nothing_to_keep"
    with pytest.raises(EngineError) as raised:
        talk_film(asked, None, tmp_path, tmp_path / "out.mp4", engine=engine())
    assert raised.value.code == "input_missing"
    with pytest.raises(EngineError) as raised:
        engine("best")
    assert raised.value.code == "engine_unknown"
