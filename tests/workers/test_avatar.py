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


def test_a_head_that_a_wide_film_would_cut_off_is_seen_whole(tmp_path):
    close = saved(tmp_path / "close.png", ("mara", 150, 200, 150), width=300, height=500)
    cut = cut_portrait(Asked(close, 640, 360))
    low, high = cut.points[:, :2].min(0), cut.points[:, :2].max(0)
    assert low[1] > 15 and high[1] < 345 and 250 < (low[0] + high[0]) / 2 < 390
    assert high[1] - low[1] > 180
    assert cut.picture[:, :40].std() < 30 and cut.picture[:, :40].mean() > 60  # the wall, blurred
    away = round(0.4 * (high[0] - low[0]))
    for part in (cut.picture[:, : int(low[0]) - away], cut.picture[:, int(high[0]) + away :]):
        steps = np.abs(np.diff(part[:300].astype(int), axis=1)).mean((0, 2))
        assert steps.max() < 2  # no edge is seen where the picture ends


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
    # As they are seen: of the same pictures, a busy machine once gave other bytes.
    one, other = (np.stack(list(read_frames(tmp_path / name))) for name in ("whole.mp4", "part.mp4"))
    assert one.shape == other.shape and np.abs(one.astype(int) - other).mean() < 0.5


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
    from scripts.faces import small_clip

    asked = Asked(portrait, 128, 128, driver=small_clip(tmp_path / "clip.mp4", 0.4))
    with pytest.raises(EngineError) as raised:
        talk_film(asked, speech, tmp_path / "c", tmp_path / "o.mp4", engine=toy)
    assert (raised.value.code, raised.value.public_text) == ("engine_unknown", "Toy does not follow a video.")
    for quality in ("high", "large"):
        assert engine(quality).name in ("EchoMimicV3-Flash", "toy")
    with pytest.raises(EngineError) as raised:
        engine("high").load()
    assert raised.value.code == "model_not_ready"


# --- the draft engine: heads, lids and walls


def stood(portrait, *sides):
    """Return a portrait's layers, what turns them, and how its head stands."""
    from workers.lips.figure import Head, taken_apart
    from workers.lips.turning import Turner

    cut = cut_portrait(Asked(portrait, *(sides or SIDES)))
    head = Head.of(cut.points)
    figure = taken_apart(cut.picture, head)
    return cut, figure, Turner(figure, head), head


@pytest.fixture(scope="module")
def striped(tmp_path_factory):
    """Somebody before a wall of stripes."""
    from scripts.faces import PEOPLE, Pose, draw

    wall = np.full((360, 640, 3), (150, 158, 168), np.uint8)
    wall[:, ::20] = wall[:, 1::20] = (90, 96, 110)
    draw(wall, PEOPLE["mara"], Pose(320, 165, 150))
    path = tmp_path_factory.mktemp("striped") / "mara.png"
    Image.fromarray(wall).save(path)
    return path


def test_a_head_turns_and_stripes_behind_it_stay_where_they_are(striped):
    import cv2

    from workers.lips.driven import pose
    from workers.lips.landmarks import landmarker
    from workers.lips.turning import Turn

    cut, figure, turner, head = stood(striped, 640, 360)
    at_rest = turner.turned(figure.front, Turn())
    assert np.abs(at_rest.astype(int) - cut.picture).mean() < 0.5
    near = cv2.dilate((figure.share > 0).astype(np.uint8), np.ones((2 * round(0.3 * head.size) + 1,) * 2, np.uint8))
    assert (near == 0).mean() > 0.35
    for turn in (Turn(yaw=0.16), Turn(yaw=-0.16), Turn(pitch=0.12), Turn(roll=0.1), Turn(breath=0.02, lean=0.03)):
        made = turner.turned(figure.front, turn)
        assert np.array_equal(made[near == 0], cut.picture[near == 0])
        (face,) = landmarker().faces(made)
        change = np.subtract(pose(face.points), pose(cut.points))
        asked = np.array(turn[:3])
        assert np.argmax(np.abs(change)) == np.argmax(np.abs(asked)) or not asked.any()
        assert np.all(change[asked > 0] > 0.04) and np.all(change[asked < 0] < -0.04)
    # Right beside the hair, where the wall is painted anew, stripes are where they were.
    row = int(head.eyes[1])
    beside = np.flatnonzero(figure.share[row] == 0)
    made = turner.turned(figure.front, Turn(yaw=0.16))
    assert np.abs(made[row, beside].astype(int) - cut.picture[row, beside]).mean() < 3


def test_a_neck_joins_head_and_shoulders_without_a_tear(portrait):
    from workers.lips.turning import Turn

    _, _, turner, head = stood(portrait, 320, 320)
    for turn in (Turn(yaw=0.25), Turn(pitch=0.2), Turn(roll=0.2), Turn(yaw=-0.2, pitch=-0.15, x=0.1, y=0.1)):
        ways = turner.forward(turn)
        for axis in (0, 1):  # nothing folds, and nothing is pulled to more than twice its length
            stretched = np.diff(ways[..., axis], axis=1 - axis) / turner.step
            assert stretched.min() > -1 and stretched.max() < 1
        assert np.abs(ways[-1]).max() < 0.02 * head.size  # the shoulders stay
    _, _, turner, head = stood(portrait)
    assert np.abs(turner.forward(Turn(yaw=0.25))[-1]).max() < 0.02 * head.size  # also where a neck is cut off


def openness(picture, points):
    from workers.lips.landmarks import landmarker

    face = landmarker().again(picture, points)
    pairs = ((159, 145), (386, 374))
    return np.mean([np.linalg.norm(face.points[a, :2] - face.points[b, :2]) for a, b in pairs])


def test_lids_close_and_only_pixels_around_the_eyes_change(portrait):
    from workers.lips.lids import blinked, lids

    cut = cut_portrait(Asked(portrait, 640, 640))
    eyes = lids(cut.picture, cut.points)
    assert len(eyes) == 2
    assert blinked(cut.picture, eyes, 0.0) is cut.picture
    wide = openness(cut.picture, cut.points)
    half, shut = (blinked(cut.picture, eyes, amount) for amount in (0.5, 1.0))
    assert openness(shut, cut.points) < 0.45 * wide
    assert openness(shut, cut.points) < openness(half, cut.points) < wide
    changed = np.argwhere(np.any(shut != cut.picture, axis=2))
    low, high = cut.points[:, :2].min(0), cut.points[:, :2].max(0)
    assert np.all(changed[:, ::-1] > low) and np.all(changed[:, 0] < (low[1] + high[1]) / 2)


def test_a_lid_that_has_begun_to_move_is_as_sharp_as_before():
    from scripts.portraits.sheet import FILM
    from workers import presenters
    from workers.lips.lids import blinked, lids

    cut = cut_portrait(Asked(presenters.path("professional-woman"), *FILM))
    eyes = lids(cut.picture, cut.points)
    begun = blinked(cut.picture, eyes, 0.14)
    assert not np.array_equal(begun, cut.picture)
    for lid in eyes:
        height, width = lid.reach.shape
        box = np.s_[lid.top : lid.top + height, lid.left : lid.left + width]
        before, after = (np.square(np.diff(one[box].astype(float), axis=1)).mean() for one in (cut.picture, begun))
        assert after > 0.8 * before


def test_hairs_beside_the_figure_do_not_stay_on_the_wall(tmp_path):
    import cv2

    path = saved(tmp_path / "mara.png", ("mara", 500, 475, 325), width=1000, height=1000)
    _, figure, _, head = stood(path, 1000, 1000)
    # One more hair, a pixel thick, right beside what is told from the wall.
    row = round(head.eyes[1])
    end = int(np.flatnonzero(figure.share[row])[-1]) + 5
    with Image.open(path) as picture:
        hairy = np.array(picture)
    cv2.line(hairy, (end, row - 12), (end, row + 12), (20, 20, 20), 1)
    Image.fromarray(hairy).save(path)
    cut, figure, _, _ = stood(path, 1000, 1000)
    assert cut.picture[row, end].max() < 90
    assert figure.wall[row, end].min() > 90


def test_an_eye_that_is_shut_or_cut_off_does_not_blink(portrait):
    from workers.lips.lids import lids

    cut = cut_portrait(Asked(portrait, *SIDES))
    flat = cut.points.copy()
    flat[:, 1] = flat[33, 1]
    assert lids(cut.picture, flat) == []
    assert lids(np.ascontiguousarray(cut.picture[: int(cut.points[159, 1])]), cut.points) == []


def spoken_for(seconds):
    """Return a speech of words and pauses."""
    at = np.arange(round(seconds * RATE)) / RATE
    loud = np.clip(np.sin(2 * np.pi * 1.7 * at), 0, 1) * ((at % 4) < 3)
    return replace(said(seconds=seconds), samples=(0.5 * loud * np.sin(at * 900)).astype(np.float32))


def test_a_head_drifts_nods_and_blinks_every_few_seconds_and_the_same_for_a_seed():
    from workers.lips.acting import acted

    speech = spoken_for(40)
    acts = acted(speech, FPS, 1000, 0.5, 7)
    again, other = acted(speech, FPS, 1000, 0.5, 7), acted(speech, FPS, 1000, 0.5, 8)
    assert all(np.array_equal(getattr(acts, name), getattr(again, name)) for name in acts.__slots__)
    assert not np.array_equal(acts.yaw, other.yaw)
    assert 1 < np.degrees(acts.yaw.std()) < 6 and np.degrees(np.abs(acts.yaw).max()) < 14
    assert np.degrees(np.abs(np.diff(acts.yaw)).max()) < 1.2  # within a frame: nothing jerks
    blinks = np.flatnonzero(np.diff((acts.blink > 0.9).astype(int)) == 1)
    assert 7 <= len(blinks) <= 24 and np.diff(blinks).min() > 25
    for begin in blinks[:3]:
        assert 4 <= (acts.blink[begin - 4 : begin + 8] > 0.1).sum() <= 6


def test_expressiveness_goes_from_nearly_still_to_lively():
    from workers.lips.acting import acted

    speech = spoken_for(20)
    still, usual, lively = (acted(speech, FPS, 500, amount, 3) for amount in (0.0, 0.5, 1.0))
    for name in ("yaw", "pitch", "roll", "y"):
        spreads = [getattr(acts, name).std() for acts in (still, usual, lively)]
        assert spreads[0] < 0.1 * spreads[1] < spreads[1] < spreads[2]
    assert np.array_equal(still.blink, lively.blink) and still.blink.max() == 1


# --- driven by a clip


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A clip of somebody who moves, speaks and blinks, with a sound, and its length in frames."""
    from scripts.faces import PEOPLE, Clip, Pose, Scene
    from workers.media import audio, film

    path = tmp_path_factory.mktemp("driver") / "clip.mp4"
    clip = Clip((Scene((PEOPLE["jonas"],), (Pose(160, 115, 120),), 3.6, moves=2.0, speaks=0.6),), 320, 240)
    film.write(path, clip.read(), clip.width, clip.height, clip.fps)
    tone = 0.2 * np.sin(np.arange(round(3.6 * audio.RATE)) * 0.06).astype(np.float32)
    audio.give_sound(path, np.stack([tone, tone]))
    return path, clip.frames


def test_a_portrait_follows_the_head_mouth_and_lids_of_a_clip(portrait, driver, tmp_path):
    from workers.clips import FileClip
    from workers.lips.driven import pose
    from workers.lips.tracking import follow
    from workers.media import audio

    path, frames = driver
    asked, stages = Asked(portrait, 320, 320, driver=path), []
    told = {"on_progress": lambda now: stages.append(now.stage)}
    info = talk_film(asked, None, tmp_path / "job", tmp_path / "out.mp4", engine=engine(), **told)
    assert info.frames == frames and stages.index("tracking") < stages.index("talking")
    planes, rate = audio.decode(tmp_path / "out.mp4")
    assert planes.shape[1] / rate == pytest.approx(3.6, abs=0.1) and np.abs(planes).max() > 0.05
    given = follow(FileClip(path, 320, 240, FPS, frames))
    made = follow(FileClip(tmp_path / "out.mp4", 320, 320, FPS, frames))

    def curves(track):
        gaps = [np.linalg.norm(points[13] - points[14]) for points in track.points]
        return np.column_stack([[pose(points)[:2] for points in track.points], gaps]).T

    for one, other, least in zip(curves(given), curves(made), (0.9, 0.8, 0.75), strict=True):
        assert np.corrcoef(one, other)[0, 1] > least


def test_a_longer_speech_has_the_clip_to_and_fro_and_its_own_mouth(portrait, driver, tmp_path):
    from workers.clips import FileClip
    from workers.lips.driven import followed
    from workers.lips.tracking import follow

    path, frames = driver
    track = follow(FileClip(path, 320, 240, FPS, frames))
    acts, _ = followed(track, FPS, 2 * frames - 1, 0.5, 0)
    assert np.allclose(acts.yaw[:frames], acts.yaw[frames - 1 :][::-1])
    broken = replace(track, points=track.points.copy())
    broken.points[10:20] = np.nan
    held, _ = followed(broken, FPS, frames, 0.5, 0)
    assert np.isfinite(held.yaw).all() and np.abs(np.diff(held.yaw)).max() < 0.05
    asked = Asked(portrait, *SIDES, driver=path)
    speech = said(("ɑ", 0.1, 0.9), seconds=4.2)
    info = talk_film(asked, speech, tmp_path / "job", tmp_path / "out.mp4", engine=engine())
    assert info.frames == 105


def test_a_silent_clip_makes_a_silent_film(portrait, tmp_path):
    from scripts.faces import small_clip
    from workers.media import audio

    asked = Asked(portrait, *SIDES, driver=small_clip(tmp_path / "clip.mp4", 1.0))
    talk_film(asked, None, tmp_path / "job", tmp_path / "out.mp4", engine=engine())
    with pytest.raises(Exception):  # noqa: B017 - there is no sound to decode
        audio.decode(tmp_path / "out.mp4")
