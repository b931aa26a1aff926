"""Lips: mouths from phonemes, times from sounds, faces in pictures, and films whose face says a speech."""

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from workers.base import Cancelled, EngineError, Stopped
from workers.lips import times
from workers.lips.base import LipsError, Pick, Track
from workers.lips.shape import NARROW, WIDEST_GAP
from workers.lips.visemes import mouths
from workers.voice.base import Speech, Timed

FPS = Fraction(25)
RATE = 24_000


def said(*phonemes, seconds=2.0):
    """Return a speech of the phonemes (text, start, end), loud throughout."""
    samples = 0.5 * np.sin(np.arange(round(seconds * RATE)) * 0.05).astype(np.float32)
    return Speech(samples, RATE, (), tuple(Timed(*phoneme) for phoneme in phonemes))


def at(second):
    return int(second * FPS)


# --- mouths


def test_lips_meet_on_b_p_and_m_however_short_they_are():
    speech = said(("ɑ", 0.2, 0.5), ("m", 0.5, 0.53), ("ɑ", 0.53, 0.8), ("b", 0.8, 0.9), ("æ", 0.9, 1.2))
    made = mouths(speech, FPS, 50)
    assert min(mouth.open for mouth in made[at(0.46) : at(0.56)]) < 0.15
    assert min(mouth.open for mouth in made[at(0.8) : at(0.9)]) < 0.05
    assert max(mouth.open for mouth in made[at(0.3) : at(0.45)]) > 0.7


def test_round_vowels_round_the_lips_and_spread_ones_spread_them():
    made = mouths(said(("uː", 0.2, 0.6), ("iː", 1.0, 1.4)), FPS, 50)
    assert made[at(0.4)].wide < -0.6
    assert made[at(1.2)].wide > 0.35


def test_a_diphthong_goes_from_one_vowel_to_the_other():
    made = mouths(said(("aʊ", 0.2, 0.8)), FPS, 50)
    assert made[at(0.3)].open > made[at(0.7)].open + 0.2
    assert made[at(0.7)].wide < made[at(0.3)].wide - 0.3


def test_the_jaw_falls_by_the_height_of_vowels():
    opened = [max(mouth.open for mouth in mouths(said((vowel, 0.2, 0.5)), FPS, 25)) for vowel in "ɑʌəi"]
    assert opened == sorted(opened, reverse=True)
    assert opened[1] == pytest.approx(max(mouth.open for mouth in mouths(said(("ɛ", 0.2, 0.5)), FPS, 25)), abs=0.02)


def test_a_soft_vowel_opens_nearly_as_far_as_a_loud_one():
    speech = said(("ɑ", 0.2, 0.5), ("ɑ", 0.8, 1.1))
    samples = speech.samples.copy()
    samples[round(0.65 * RATE) :] *= 0.3
    made = mouths(replace(speech, samples=samples), FPS, 50)
    assert 0.8 * made[at(0.35)].open < made[at(0.95)].open < made[at(0.35)].open


def test_a_silent_mouth_is_at_rest():
    speech = said(("ɑ", 0.2, 0.6), seconds=1.0)
    made = mouths(speech, FPS, 75)
    assert all(mouth.open < 0.02 for mouth in made[at(1.1) :])
    silent = replace(speech, samples=np.zeros_like(speech.samples))
    assert max(mouth.open for mouth in mouths(silent, FPS, 75)) == 0


def test_what_nobody_listed_is_a_vowel_and_no_speech_is_rest():
    assert mouths(said(("ʘ", 0.2, 0.6)), FPS, 50)[at(0.4)].open > 0.2
    assert max(mouth.open for mouth in mouths(said(), FPS, 50)) < 0.01


# --- times


@pytest.fixture(scope="module")
def spoken():
    from workers.engines import voice

    return voice.say("Big brown bears move above the river.", "skylark")


def test_phonemes_are_found_where_the_voice_has_put_them(spoken):
    found = times.listen(spoken.samples, spoken.rate, "Big brown bears move above the river.")
    assert [word.text for word in found.words] == ["big", "brown", "bears", "move", "above", "the", "river"]
    lips = [part.start for part in found.phonemes if part.text in "bm"]
    meant = [part.start for part in spoken.phonemes if part.text in "bm"]
    assert len(lips) == len(meant) == 5
    assert np.median(np.abs(np.subtract(lips, meant))) < 0.06


def test_words_that_no_dictionary_has_are_spelt_by_rules(spoken):
    found = times.listen(spoken.samples, spoken.rate, "Big brown blorfs move above the river.")
    assert "blorfs" in [word.text for word in found.words]


def test_phonemes_are_heard_without_a_text(spoken):
    for language in ("en", "de"):
        found = times.listen(spoken.samples, spoken.rate, "Groß" if language == "de" else "", language)
        assert not found.words
        assert len(found.phonemes) > 12
        assert found.phonemes[-1].end <= spoken.seconds + 0.05


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), np.zeros(0, np.float32)])
def test_silence_is_no_speech(samples):
    with pytest.raises(LipsError) as raised:
        times.listen(samples, RATE)
    assert raised.value.code == "no_speech"


def test_a_text_is_said_sentence_by_sentence_and_heard_again_in_a_file(tmp_path):
    from workers import lipsync
    from workers.media import audio

    told = []
    speech = lipsync.said(
        "Bob moves. Pam waits.", "skylark", on_progress=lambda now: told.append((now.step, now.steps))
    )
    assert told == [(0, 2), (1, 2)]
    assert [word.text.strip(".") for word in speech.words] == ["Bob", "moves", "Pam", "waits"]
    starts = [part.start for part in speech.phonemes]
    assert starts == sorted(starts) and speech.phonemes[-1].end <= speech.seconds
    audio.encode(speech.samples, speech.rate, tmp_path / "speech.mp3")
    found = lipsync.heard(tmp_path / "speech.mp3", tmp_path / "work", "Bob moves. Pam waits.")
    assert found.seconds == pytest.approx(speech.seconds, abs=0.15)
    lips = [part.start for part in found.phonemes if part.text in "bpm"]
    meant = [part.start for part in speech.phonemes if part.text in "bpm"]
    assert np.median(np.abs(np.subtract(lips, meant))) < 0.1


def test_a_film_is_no_sound_to_lip_sync_where_it_has_none(tmp_path):
    from workers import lipsync

    (tmp_path / "broken.mp3").write_bytes(b"ID3" + bytes(500))
    with pytest.raises(EngineError) as raised:
        lipsync.heard(tmp_path / "broken.mp3", tmp_path / "work")
    assert raised.value.code == "sound_broken"


def test_lips_are_quick_but_never_jump(spoken):
    made = mouths(spoken, FPS, int(spoken.seconds * FPS))
    gaps = [WIDEST_GAP * mouth.open**NARROW * (1 - mouth.closed) for mouth in made]
    assert max(np.abs(np.diff(gaps))) * FPS < 4.5  # distances between the eyes in a second: some 40 cm/s
    assert max(gaps) > 0.1


# --- faces

SIDES = 320, 240


def clip(*scenes, seconds=0.6):
    from scripts.faces import PEOPLE, Clip, Pose, Scene

    made = []
    for people in scenes:
        poses = tuple(Pose(x, y, width) for _, x, y, width in people)
        made.append(Scene(tuple(PEOPLE[name] for name, *_ in people), poses, seconds))
    return Clip(tuple(made), *SIDES)


ONE = (("mara", 160, 110, 110),)
TWO = (("mara", 90, 110, 90), ("jonas", 235, 110, 80))
NOBODY = ()


def gap(picture):
    """Return how far the lips of the only face are apart, in distances between the eyes' corners."""
    from workers.lips.landmarks import landmarker, size_of

    (face,) = landmarker().faces(picture)
    return float(np.linalg.norm(face.points[13, :2] - face.points[14, :2])) / size_of(face.points)


def test_large_and_small_faces_are_found_and_walls_are_not():
    from scripts.faces import PEOPLE, Pose, Scene, shown
    from workers.lips.landmarks import landmarker

    scene = Scene((PEOPLE["mara"], PEOPLE["ada"]), (Pose(300, 300, 200), Pose(1000, 300, 70)), 1, moves=0)
    large, small = landmarker().faces(shown(scene, 0.4, 1280, 720))
    assert large.box[2] < 450 and small.box[0] > 900
    assert landmarker().faces(shown(Scene((), (), 1), 0.4, 1280, 720)) == []


def test_a_face_must_be_picked_where_there_are_two():
    from workers.lips.tracking import pick_face

    (picture,) = itertools.islice(clip(TWO).read(), 1)
    with pytest.raises(LipsError) as raised:
        pick_face(picture, Pick())
    assert raised.value.code == "several_faces"
    assert pick_face(picture, Pick(point=(235, 110))).box[0] > 160
    assert pick_face(picture, Pick(index=0)).box[2] < 160
    for pick in (Pick(index=2), Pick(point=(10, 230))):
        with pytest.raises(LipsError) as raised:
            pick_face(picture, pick)
        assert raised.value.code == "no_face"


def test_the_picked_face_is_followed_over_cuts_and_past_others(tmp_path):
    from workers.lips.tracking import follow

    film = clip(TWO, NOBODY, (("jonas", 100, 110, 100), ("mara", 240, 120, 80)))
    each = film.frames // 3
    track = follow(film, Pick(frame=4, point=(235, 110)))
    assert track.shots == (0, each, 2 * each)
    assert all(track.at(place)[:, 0].mean() > 160 for place in range(each))
    assert all(track.at(place) is None for place in range(each, 2 * each))
    assert all(track.at(place)[:, 0].mean() < 160 for place in range(2 * each, 3 * each))
    track.save(tmp_path / "track.npz")
    again = Track.load(tmp_path / "track.npz")
    assert np.array_equal(again.points, track.points, equal_nan=True) and again.shots == track.shots


FILMED = Path(__file__).parents[1] / "data" / "clips" / "tears-of-steel.mp4"


@dataclass
class Pictures:
    """Pictures as a clip."""

    pictures: list
    width, height, fps = 640, 360, FPS

    @property
    def frames(self):
        return len(self.pictures)

    def read(self, first=0):
        yield from self.pictures[first:]


def test_a_face_that_is_lost_for_a_moment_is_not_taken_for_one_across_the_picture(monkeypatch):
    from workers.clips import FileClip
    from workers.lips.tracking import follow

    monkeypatch.setattr("workers.lips.tracking.SAME_PERSON", -2.0)  # as if all looked alike
    shot = list(FileClip(FILMED, 640, 360, Fraction(24), 77).read(65))
    hidden = shot[0].copy()  # here a head behind him is taken for a face
    hidden[20:240, 380:580] = hidden[20:240, 380:580].mean((0, 1)).astype(np.uint8)
    track = follow(Pictures([*shot[:0:-1], hidden, *shot[1:]]), Pick(0, point=(498, 110)))
    assert track.shots == (0,) and 20 <= track.seen <= 22
    places = track.points[np.isfinite(track.points[:, 0, 0]), :, 0].mean(1)
    assert places.min() > 450


def test_an_actor_in_a_film_is_followed_between_its_cuts_until_his_mouth_is_covered():
    from workers.clips import FileClip
    from workers.lips.tracking import follow

    film = FileClip(FILMED, 640, 360, Fraction(24), 195)
    track = follow(film, Pick(72, point=(498, 110)))
    assert track.shots[:4] == (0, 21, 65, 185)  # a robot, a street, the man, and the robot again
    seen = np.flatnonzero(np.isfinite(track.points[:, 0, 0]))
    assert 65 <= seen[0] <= 67 and 158 <= seen[-1] < 170
    assert len(seen) == seen[-1] - seen[0] + 1
    steps = np.linalg.norm(np.diff(track.points[seen, 4, :2], axis=0), axis=1)  # of the tip of his nose
    assert steps.max() < 20


def test_a_clip_without_a_face_is_refused():
    from workers.lips.tracking import follow

    with pytest.raises(LipsError) as raised:
        follow(clip(NOBODY))
    assert raised.value.code == "no_face"


# --- the draft engine


def test_a_mouth_opens_and_an_open_one_closes():
    from scripts.faces import PEOPLE, Pose, Scene, shown
    from workers.lips.draw import with_mouth
    from workers.lips.landmarks import landmarker
    from workers.lips.visemes import Mouth

    scene = Scene((PEOPLE["jonas"],), (Pose(320, 220, 240, mouth=0.5),), 1, moves=0, speaks=0)
    picture = shown(scene, 0.4, 640, 480)
    (face,) = landmarker().faces(picture)
    assert gap(picture) > 0.06
    assert gap(with_mouth(picture, face.points, Mouth(closed=1))) < 0.03
    assert gap(with_mouth(picture, face.points, Mouth(open=1))) > 0.12
    made = with_mouth(picture, face.points, Mouth(open=1))
    assert np.array_equal(made[: int(face.points[1, 1])], picture[: int(face.points[1, 1])])
    assert np.array_equal(made, with_mouth(picture, face.points, Mouth(open=1)))


def test_frames_without_the_face_come_out_bit_for_bit_and_any_frame_can_be_gone_on_with():
    from workers.lips.draft import Draft
    from workers.lips.tracking import follow

    film = clip(ONE, NOBODY)
    each = film.frames // 2
    speech = said(("ɑ", 0.0, 0.5), ("m", 0.5, 0.6), ("ɑ", 0.6, 1.2))
    track = follow(film)
    made = list(Draft().sync(film, speech, track))
    given = list(film.read())
    assert all(np.array_equal(new, old) for new, old in zip(made[each:], given[each:], strict=True))
    assert not np.array_equal(made[4], given[4])
    later = list(Draft().sync(film, speech, track, first=7))
    assert all(np.array_equal(one, other) for one, other in zip(made[7:], later, strict=True))


# --- films


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    from workers.media import film

    path = tmp_path_factory.mktemp("lips") / "source.mp4"
    scene = clip(ONE, seconds=2.2)
    film.write(path, scene.read(), *SIDES, FPS)
    return path


def heard_seconds(film):
    from workers.media import audio

    planes, rate = audio.decode(film)
    return planes.shape[1] / rate


def test_a_film_is_gone_on_with_after_its_last_kept_segment(source, tmp_path):
    from workers.lipsync import Asked, engine, keep_film, sync_film
    from workers.media.probe import read_frames
    from workers.segments import SEGMENT_FRAMES

    speech, asked = said(("ɑ", 0.1, 0.9), ("m", 0.9, 1.0), ("ɑ", 1.0, 2.4), seconds=2.6), Asked(source)
    whole = sync_film(asked, speech, tmp_path / "whole", tmp_path / "whole.mp4", engine=engine())
    assert (whole.width, whole.height, whole.frames) == (*SIDES, 65)  # the last picture stands for what is said then
    assert heard_seconds(tmp_path / "whole.mp4") == pytest.approx(2.6, abs=0.1)

    stages = []

    def stop(told):
        stages.append(told.stage)
        if told.stage == "syncing" and told.step > SEGMENT_FRAMES + 3:
            raise Stopped

    with pytest.raises(Stopped):
        sync_film(asked, speech, tmp_path / "part", tmp_path / "part.mp4", engine=engine(), on_progress=stop)
    info, segments = keep_film(asked, speech, tmp_path / "part", tmp_path / "kept.mp4", engine=engine())
    assert segments == 1 and info.frames == SEGMENT_FRAMES
    kept = (tmp_path / "part" / "0000.mp4").read_bytes()
    stages.clear()
    sync_film(
        asked,
        speech,
        tmp_path / "part",
        tmp_path / "part.mp4",
        engine=engine(),
        on_progress=lambda told: stages.append(told.stage),
    )
    assert "tracking" not in stages and stages.count("syncing") == 65 - SEGMENT_FRAMES + 1
    assert (tmp_path / "part" / "0000.mp4").read_bytes() == kept, "it is not made again"
    # What is drawn is the same bit for bit, see above; of what is encoded, a busy machine once gave other bytes.
    one, other = (np.stack(list(read_frames(tmp_path / name))) for name in ("whole.mp4", "part.mp4"))
    assert one.shape == other.shape and np.abs(one.astype(int) - other).mean() < 0.5


def test_another_speech_begins_anew_and_nothing_is_kept_of_nothing(source, tmp_path):
    from workers.lipsync import Asked, engine, keep_film, sync_film

    def stop(told):
        if told.stage == "syncing" and told.step > 50:
            raise Cancelled

    speech, asked = said(("ɑ", 0.1, 0.9)), Asked(source)
    with pytest.raises(Cancelled):
        sync_film(asked, speech, tmp_path, tmp_path / "out.mp4", engine=engine(), on_progress=stop)
    with pytest.raises(EngineError) as raised:
        keep_film(asked, said(("m", 0.1, 0.9)), tmp_path, tmp_path / "out.mp4", engine=engine())
    assert raised.value.code == "nothing_to_keep"


def test_the_task_makes_a_film_of_a_clip_and_a_text_with_its_marked_copy(source, tmp_path):
    from workers.tasks import registry

    params = {"text": "Bob.", "voice": "skylark", "face_at": [0.2, 0.5, 0.45], "own_sound": "lowered"}
    request = registry.Request(params=params, folder=tmp_path, inputs={"video": [source]}, watermark=True)
    made = registry.get("lip-sync")(request)
    (film,) = made.assets
    assert film.kind == "video" and film.facts["frames"] == 55
    assert film.files["file"].is_file() and film.marked["file"].is_file()
    assert made.recipe["inputs"]["video"] and not made.stopped


def test_the_task_refuses_what_is_missing_and_qualities_that_are_none(source, tmp_path):
    from workers.tasks import registry

    for params, inputs, code in (
        ({"text": "Bob.", "voice": "skylark"}, {}, "input_missing"),
        ({"text": ""}, {"video": [source]}, "input_missing"),
        ({"text": "Bob.", "voice": "skylark", "quality": "best"}, {"video": [source]}, "engine_unknown"),
    ):
        with pytest.raises(EngineError) as raised:
            registry.get("lip-sync")(registry.Request(params=params, folder=tmp_path, inputs=inputs))
        assert raised.value.code == code
