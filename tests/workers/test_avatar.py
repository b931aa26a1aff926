"""Talking avatars: portraits cut to films, what a face does while it speaks, and films that go on after a crash."""

from contextlib import suppress
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


# --- engines of others


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A studio with the toy as the large engine; what it does is its prompt."""
    import sys

    from tests import media
    from workers import avatar
    from workers.engines import registry
    from workers.engines.external import cards
    from workers.engines.external import engine as external
    from workers.weights import catalog

    models, code = tmp_path / "models", tmp_path / "code"
    monkeypatch.setenv("CINEVIVID_MODELS", str(models))
    monkeypatch.setenv(cards.PLACES, f"toy={code}")
    (models / "toy").mkdir(parents=True)
    media.film(models / "toy" / "film.mp4", [np.full((64, 64, 3), 40 * i, np.uint8) for i in range(6)], rate=25)
    (code / ".venv" / "bin").mkdir(parents=True)
    (code / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (code / "make.py").touch()
    card = cards.ExternalCard(
        id="toy", title="Toy", adapter="tests.workers.toy_external", script="make.py", files=("*.mp4",), card_gb=1.0,
        host_gb=8.0, patience=60.0, pace=1.0, silence=60.0,
    )  # fmt: skip
    catalog.get("nano")  # the catalogue is read before something is added to it
    monkeypatch.setitem(catalog._cards, "toy", card)
    monkeypatch.setattr(registry, "make_room", lambda asking: None)
    monkeypatch.setattr(external, "STOP_SECONDS", 0.2)
    monkeypatch.setitem(avatar.MODELS, "large", "toy")
    return engine("large")


def levels(film):
    from workers.media.probe import read_frames

    return [round(float(frame.mean()) / 40) for frame in read_frames(film)]


def home_of(folder):
    (home,) = folder.parent.glob(f"{folder.name}-engine-*/from-*")
    return home


def test_an_engine_of_others_makes_the_film_in_its_own_process(portrait, toy, tmp_path):
    import json

    asked = Asked(portrait, 128, 128, prompt="good", seed=7, expressiveness=0.8)
    info = talk_film(asked, said(("ɑ", 0.1, 0.3), seconds=0.5), tmp_path / "job", tmp_path / "out.mp4", engine=toy)
    assert (info.width, info.height, info.frames) == (128, 128, 13)
    # Parts share a frame; what is missing at the end is the last frame.
    assert levels(tmp_path / "out.mp4") == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 5, 5]
    home = home_of(tmp_path / "job")
    told = json.loads((home / "asked.json").read_text())
    assert (told["seed"], told["expressiveness"], told["width"]) == (7, 0.8, 128)
    assert Image.open(home / "portrait.png").size == (128, 128)


def test_what_an_engine_has_finished_survives_a_stop_and_is_gone_on_with(portrait, toy, tmp_path):
    import shutil

    speech, asked = said(("ɑ", 0.1, 0.3), seconds=1.6), Asked(portrait, 128, 128, prompt="parts")
    folder, out = tmp_path / "job", tmp_path / "out.mp4"

    def stop(told):
        if told.stage == "talking" and told.step == 24:
            stopped.append(told.step)
        elif stopped and told.stage != "talking":  # after the first segment, while the engine is waited for
            raise Stopped

    stopped = []
    with pytest.raises(Stopped):
        talk_film(asked, speech, folder, out, engine=toy, on_progress=stop)
    pid = int((home_of(folder) / "pid").read_text())
    assert not alive(pid)
    info, segments = keep_film(asked, speech, folder, tmp_path / "kept.mp4", engine=toy)
    assert segments == 1 and info.frames == 24
    # Where the engine's folder is left, its parts are used again; where it is not, it goes on from the last frame.
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    talk_film(asked, speech, folder, out, engine=toy)
    assert home_of(folder).name == "from-000000" and len(levels(out)) == 40
    assert levels(out)[:12] == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1]
    quick = Asked(portrait, 128, 128, prompt="parts")
    stopped = []
    with pytest.raises(Stopped):
        talk_film(quick, speech, other, out, engine=toy, on_progress=lambda told: stop_at_part(told, other))
    assert home_of(other).name == "from-000024"


def stop_at_part(told, folder):
    if list(folder.parent.glob(f"{folder.name}-engine-*/from-*/part-0.mp4")):
        raise Stopped


def alive(pid):
    from pathlib import Path

    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_killed_engine_is_a_lost_one_and_a_clip_is_not_followed(portrait, toy, tmp_path):
    import os
    import signal

    speech = said(("ɑ", 0.1, 0.3), seconds=0.5)
    with pytest.raises(EngineError) as raised:
        talk_film(Asked(portrait, 128, 128, prompt="killed"), speech, tmp_path / "a", tmp_path / "o.mp4", engine=toy)
    assert raised.value.code == "engine_lost"

    def kill(told):
        child = list(tmp_path.glob("b-engine-*/from-*/child"))
        if child and child[0].read_text():
            with suppress(ProcessLookupError):  # it is told of more than once
                os.kill(int((child[0].parent / "pid").read_text()), signal.SIGKILL)

    with pytest.raises(EngineError) as raised:
        asked = Asked(portrait, 128, 128, prompt="busy")
        talk_film(asked, speech, tmp_path / "b", tmp_path / "o.mp4", engine=toy, on_progress=kill)
    assert raised.value.code == "engine_lost"
    assert not alive(int((home_of(tmp_path / "b") / "child").read_text()))
    for quality in ("high", "large"):
        assert engine(quality).name in ("EchoMimicV3-Flash", "toy")
    with pytest.raises(EngineError) as raised:
        engine("high").load()
    assert raised.value.code == "model_not_ready"
