"""Lip sync, from the page and from a program: a face in a clip says a text or a sound."""

import json
import re
from fractions import Fraction

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.billing import services as billing
from apps.library.keeper import StorageKeeper
from apps.library.models import Generation, GenerationInput
from apps.tools import registry, services
from tests import media
from tests.factories import AssetFactory, GenerationFactory
from workers import actors
from workers.actors import run_generation
from workers.media import foreign
from workers.media.probe import probe, read_comment

API, PAGE, SIDES, FPS, SECONDS = "/api/v1/tools/lip-sync/", "/home/tools/lip-sync", (320, 240), 25, 1.2
SENT = {"text": "Mama, papa.", "voice": "skylark", "consent": True}
ONE, TWO, SMALL, TURNED, NOBODY = (
    (("mara", 160, 110, 110, 0),),
    (("mara", 85, 110, 90, 0), ("jonas", 235, 110, 90, 0)),
    (("mara", 160, 110, 24, 0),),
    (("mara", 160, 110, 110, 68),),
    (),
)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """The bytes of a clip of people, each once; call it with them."""
    from scripts.faces import PEOPLE, Clip, Pose, Scene
    from workers.media import film

    made = {}

    def written(people):
        if people not in made:
            path = tmp_path_factory.mktemp("faces") / "clip.mp4"
            poses = tuple(Pose(x, y, width, yaw=yaw) for _name, x, y, width, yaw in people)
            scene = Scene(tuple(PEOPLE[each[0]] for each in people), poses, SECONDS)
            film.write(path, Clip((scene,), *SIDES).read(), *SIDES, Fraction(FPS))
            made[people] = path.read_bytes()
        return made[people]

    return written


@pytest.fixture
def clip(ada, films):
    """A clip of ada's that she has uploaded; call it with the people in it."""

    def brought(people=ONE, **facts):
        known = {"width": 320, "height": 240, "frames": 30, "fps": FPS, "seconds": SECONDS, "user": ada} | facts
        file = ContentFile(films(people), "film.mp4")
        return AssetFactory(**{"generation": None, "recipe": {"name": "somebody"}} | known, file=file)

    return brought


def spoken(seconds=1.0, rate=16_000):
    """A sound like a voice: a ground note that comes and goes, as WAV."""
    from workers.media import audio

    at = np.arange(round(seconds * rate)) / rate
    note = sum(np.sin(2 * np.pi * 120 * k * at) / k for k in range(1, 12))
    return (0.2 * note * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * at)) ** 3).astype(np.float32), rate, audio


def voice_of(path, seconds=1.0):
    samples, rate, audio = spoken(seconds)
    return audio.encode(samples, rate, path).read_bytes()


def run(job):
    run_generation(job.queue)
    job.refresh_from_db()
    return job


def refused(answer, field, words):
    assert answer.status_code == 422 and words in answer.json()["errors"][field][0], answer.json()
    assert not Generation.objects.filter(tool="lip-sync").exists()


def test_a_clip_of_the_library_says_a_text(api, ada, clip, tmp_path):
    mine = clip()
    quote = api.post(f"{API}quote/", {"video": str(mine.pk), **SENT}, format="json").json()
    assert quote["summary"].endswith("s · 320 × 240 · Draft")
    answer = api.post(API, {"video": str(mine.pk), **SENT}, format="json")
    assert answer.status_code == 202, answer.json()
    job = run(Generation.objects.latest("created_at"))
    assert (job.status, job.error, job.cost, job.queue) == ("succeeded", "", quote["credits"], "cpu")
    assert billing.receipt(job.reference).captured == services.price_if_made(job, job.asset.frames) <= job.cost
    assert job.title == "Mama, papa."
    (path := tmp_path / "made.mp4").write_bytes(job.asset.file.read())
    info = probe(path)
    assert (info.width, info.height, info.fps) == (320, 240, 25) and info.frames >= 30
    told = read_comment(path)
    assert '"task": "lip-sync"' in told and "compositeWithTrainedAlgorithmicMedia" in told
    assert job.params["consent"] and "have agreed" in job.params["statement"]


def test_the_result_is_shown_beside_its_source_and_told_to_be_synthetic(page, ada, clip):
    mine = clip()
    tool = registry.get("lip-sync")
    form = tool.form_class({"video": str(mine.pk), **SENT}, user=ada)
    assert form.is_valid(), form.errors
    job = run(services.submit(ada, tool, form.params))
    shown = page.get(job.get_absolute_url()).content.decode()
    assert "data-compare" in shown and mine.file_url in shown and "Synthetic: the lips were moved" in shown


def test_a_sound_is_said(api, clip, tmp_path):
    sent = {"video": str(clip().pk), "consent": "true", "own_sound": "lowered"}
    voice = SimpleUploadedFile("voice.wav", voice_of(tmp_path / "voice.wav", 1.6), "audio/wav")
    answer = api.post(API, sent | {"audio": voice}, format="multipart")
    assert answer.status_code == 202, answer.json()
    job = run(Generation.objects.latest("created_at"))
    assert (job.status, job.error, job.asset.frames) == ("succeeded", "", 40)
    assert job.cost == 8, "1.6 s, of a speech that is longer than the clip"


def test_of_two_faces_the_picked_one_speaks(api, page, clip):
    mine = clip(TWO)
    refused(
        api.post(API, {"video": str(mine.pk), **SENT}, format="json"), "face", "2 faces are seen: pick the one that"
    )
    refused(api.post(API, {"video": str(mine.pk), "face": "0.03,0.98", **SENT}, format="json"), "face", "at this place")
    refused(api.post(API, {"video": str(mine.pk), "face": "left", **SENT}, format="json"), "face", "0.31,0.42")
    shown = page.post(f"{PAGE}/quote", {"video": str(mine.pk)}, headers={"HX-Request": "true"}).content.decode()
    assert shown.count('type="radio"') == 2 and "2 faces are seen" in shown and "data:image/jpeg" in shown
    answer = api.post(API, {"video": str(mine.pk), "face": "0.73,0.45", **SENT}, format="json")
    assert answer.status_code == 202, answer.json()
    job = run(Generation.objects.latest("created_at"))
    assert (job.status, job.error) == ("succeeded", "") and 0.6 < job.params["face_at"][1] < 0.85


def test_a_program_is_told_where_the_faces_are_and_can_send_one_back(api, clip):
    sent = {"video": str(clip(TWO).pk), **SENT}
    for address, more in ((f"{API}quote/", {}), (API, {}), (API, {"face": "0.03,0.98"})):
        told = api.post(address, sent | more, format="json").json()
        assert (told["code"], len(told["faces"]), list(told["errors"])) == ("validation_failed", 2, ["face"])
    first, second = told["faces"]
    assert 0.2 < first["x"] < 0.35 and 0.65 < second["x"] < 0.85 and 0.3 < first["y"] < 0.6
    picked = f"{second['x']},{second['y']}"
    assert api.post(f"{API}quote/", sent | {"face": picked}, format="json").status_code == 200
    assert "faces" not in api.post(API, sent | {"face": picked, "text": ""}, format="json").json()


def test_everything_that_is_missing_is_told_at_once_and_faces_can_be_picked_then(page, clip):
    answer = page.post(PAGE, {"video": str(clip(TWO).pk)})
    shown = answer.content.decode()
    assert answer.status_code == 422 and shown.count('name="face"') == 2
    for words in ("2 faces are seen", "write what is to be said", "Say that you may use"):
        assert words in shown


def test_faces_are_counted_from_the_left_and_told_where_they_are(page, clip):
    three = (("jonas", 60, 110, 80, 0), ("mara", 250, 110, 100, 0), ("ada", 155, 60, 24, 0))
    quote = page.post(f"{PAGE}/quote", {"video": str(clip(three).pk)}, headers={"HX-Request": "true"})
    shown = quote.content.decode()
    names = re.findall(r'aria-label="(Face [^"]+)"', shown)
    assert names == ["Face 1 of 3, on the left", "Face 2 of 3, in the middle", "Face 3 of 3, on the right"]
    sides = [int(side) for side in re.findall(r'<foreignObject [^>]*width="(\d+)"', shown)]
    assert min(sides) >= 28 and "broken line" in shown and shown.count("disabled>") == 1


@pytest.mark.parametrize(
    ("people", "field", "words"),
    [
        (NOBODY, "video", "no face is seen in this video: one in profile is not found"),
        (SMALL, "video", "too small"),
        (TURNED, "video", "too far to the side"),
    ],
)
def test_a_face_that_cannot_speak_is_refused(api, clip, people, field, words):
    refused(api.post(API, {"video": str(clip(people).pk), **SENT}, format="json"), field, words)


@pytest.mark.parametrize(
    ("facts", "asked", "field", "words"),
    [
        ({"seconds": 201.0}, {}, "video", "201 s long. Choose one of at most 120 s."),
        ({"bytes": 500_000_001}, {}, "video", "at most 500 MB"),
        ({}, {"text": ""}, "text", "write what is to be said, or choose a sound"),
        ({}, {"text": "Every film begins with a voice. " * 90, "speed": 0.7}, "text", "Shorten it to 200 s"),
        ({}, {"voice": "nobody"}, "voice", "voice"),
        ({}, {"quality": "high"}, "quality", "MuseTalk 1.5"),
        ({}, {"quality": "best"}, "quality", "best"),
        ({}, {"own_sound": "loud"}, "own_sound", "loud"),
        ({}, {"consent": False}, "consent", "Say that you may use this face and voice"),
        ({"kind": "image"}, {}, "video", "not in your library"),
        ({"kind": "audio"}, {}, "video", "not in your library"),
        ({"deleted_at": timezone.now()}, {}, "video", "not in your library"),
    ],
)
def test_what_cannot_be_is_refused_on_its_field_before_a_credit_is_held(
    api, ada, clip, monkeypatch, tmp_path, facts, asked, field, words
):
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))
    refused(api.post(API, {"video": str(clip(**facts).pk), **SENT, **asked}, format="json"), field, words)
    assert billing.held(ada) == 0


def test_a_sound_that_cannot_be_said_is_refused(api, clip, films, tmp_path):
    mine = clip()
    sent = {"video": str(mine.pk), "consent": "true"}

    def answer(name, data, **more):
        return api.post(API, sent | more | {"audio": SimpleUploadedFile(name, data)}, format="multipart")

    tone = media.sound(tmp_path / "tone.m4a", seconds=1.0).read_bytes()
    refused(answer("tone.m4a", tone), "audio", "nobody speaks in this sound")
    refused(answer("clip.mp4", films(ONE)), "audio", "this is a video")
    refused(answer("voice.wav", b"RIFF\0\0\0\0WAVE" + b"x" * 4000), "audio", "damaged")
    voice = voice_of(tmp_path / "voice.wav")
    refused(answer("voice.wav", voice, text="Mama."), "audio", "either a text or a sound")
    long = AssetFactory(generation=None, user=mine.user, recipe={}, kind="audio", seconds=201.0)
    refused(api.post(API, sent | {"audio": str(long.pk)}, format="json"), "audio", "up to 200 seconds")


def test_a_strangers_files_and_those_without_pictures_are_refused(api, page, ben, clip, films, tmp_path):
    theirs = clip(user=ben)
    refused(api.post(API, {"video": str(theirs.pk), **SENT}, format="json"), "video", "not in your library")
    sound = AssetFactory(generation=None, user=ben, recipe={}, kind="audio", seconds=1.0)
    sent = {"video": str(clip().pk), "audio": str(sound.pk), "consent": True}
    refused(api.post(API, sent, format="json"), "audio", "not in your library")
    refused(api.post(API, SENT, format="json"), "video", "choose the video whose face speaks")
    for data in (media.sound(tmp_path / "a.m4a", seconds=1.0).read_bytes(), films(ONE)[:3000]):
        upload = SimpleUploadedFile("clip.mp4", data, "video/mp4")
        assert page.post(PAGE, SENT | {"video": upload}).status_code == 422
    assert not Generation.objects.filter(tool="lip-sync").exists()


def test_consent_is_asked_for_what_was_brought_and_for_what_was_made_of_it(api, ada, clip):
    made = GenerationFactory(user=ada, status="succeeded", finished_at=timezone.now(), held=False)
    ours = clip(generation=made)
    sent = {"video": str(ours.pk)} | SENT | {"consent": False}
    assert api.post(API, sent, format="json").status_code == 202
    assert "statement" not in Generation.objects.get(tool="lip-sync").params
    Generation.objects.filter(tool="lip-sync").delete()
    GenerationInput.objects.create(generation=made, name="image", asset=clip(NOBODY))
    refused(api.post(API, sent, format="json"), "consent", "Say that you may use")


def test_a_clip_from_the_disk_is_looked_at_with_the_quote_and_started_from_the_page(page, films):
    def upload():
        return SimpleUploadedFile("two.mp4", films(TWO), "video/mp4")

    answer = page.post(f"{PAGE}/quote", {"video": upload()}, headers={"HX-Request": "true"})
    assert answer.content.decode().count('type="radio"') == 2
    answer = page.post(PAGE, SENT | {"video": upload()})
    assert answer.status_code == 422 and answer.content.decode().count('name="face"') == 2, "to be picked from at once"
    answer = page.post(PAGE, SENT | {"video": upload(), "face": "0.27,0.45"})
    assert answer.status_code == 302
    assert Generation.objects.get(tool="lip-sync").params["face"] == "0.27,0.45"


def test_a_clip_goes_up_once_for_all_quotes_and_the_form(page, films, monkeypatch):
    def quote(video, **more):
        return page.post(f"{PAGE}/quote", SENT | {"video": video} | more, headers={"HX-Request": "true"})

    upload = SimpleUploadedFile("two.mp4", films(TWO), "video/mp4")
    named = quote(upload, text="").headers["Held-Files"]
    held = json.loads(named)["video"]
    monkeypatch.setattr(foreign, "keep_clip", None)
    monkeypatch.setattr(foreign, "faces", None)
    again = quote(held)
    assert again.content.decode().count('type="radio"') == 2 and again.headers["Held-Files"] == named
    assert "credits" in quote(held, face="0.27,0.45").content.decode()
    assert page.post(PAGE, SENT | {"video": held, "face": "0.27,0.45"}).status_code == 302
    job = run(Generation.objects.get(tool="lip-sync"))
    assert (job.status, job.error) == ("succeeded", "")


def test_a_stopped_film_keeps_its_segments_and_pays_for_them(ada, clip, monkeypatch):
    keep = StorageKeeper.keep

    def keep_and_stop(self, folder, kept):
        keep(self, folder, kept)
        services.stop(Generation.objects.get(pk=self.job.pk))

    monkeypatch.setattr(StorageKeeper, "keep", keep_and_stop)
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    tool = registry.get("lip-sync")
    text = "Every film begins with a voice, and ends with one."
    form = tool.form_class({"video": str(clip().pk), **SENT, "text": text}, user=ada)
    assert form.is_valid(), form.errors
    job = run(services.submit(ada, tool, form.params))
    assert (job.status, job.error, job.stopped_early, job.asset.frames) == ("succeeded", "", True, 24)
    assert 0 < billing.receipt(job.reference).captured == tool.price_of_part(job, 24) < job.cost


def test_what_comes_out_shorter_than_expected_costs_no_more_than_what_was_made(page, ada, clip):
    tool = registry.get("lip-sync")
    text = "Every film begins with a voice, and it ends with one, too."
    form = tool.form_class({"video": str(clip().pk), **SENT, "text": text}, user=ada)
    assert form.is_valid(), form.errors
    job = run(services.submit(ada, tool, form.params))
    made, expected = job.asset.frames, job.params["frames"]
    assert (job.status, job.error) == ("succeeded", "") and made < expected
    paid = billing.receipt(job.reference)
    assert paid.captured == -(-job.cost * made // expected) < job.cost == paid.captured + paid.released
    assert billing.held(ada) == 0 and billing.balance(ada) == 100 - paid.captured
    shown = page.get(PAGE).content.decode()
    assert f"Shorter than expected: {paid.released} credit" in shown
    assert f"{paid.captured} of {paid.held} credits" in " ".join(shown.split())
    assert f"{paid.captured} of {paid.held} credits" in " ".join(
        page.get(job.get_absolute_url()).content.decode().split()
    )


def test_a_job_that_is_taken_over_knows_where_the_face_was(ada, clip, monkeypatch):
    class Killed(BaseException):
        """What a worker is not told of."""

    keep = StorageKeeper.keep

    def keep_and_die(self, folder, kept):
        keep(self, folder, kept)
        raise Killed

    tool = registry.get("lip-sync")
    form = tool.form_class({"video": str(clip().pk), **SENT, "text": "Every film begins with a voice."}, user=ada)
    assert form.is_valid(), form.errors
    job = services.submit(ada, tool, form.params)
    monkeypatch.setattr(StorageKeeper, "keep", keep_and_die)
    with pytest.raises(Killed):
        run_generation(job.queue)
    monkeypatch.setattr(StorageKeeper, "keep", keep)
    monkeypatch.setattr("workers.lipsync.follow", None)
    Generation.objects.filter(pk=job.pk).update(status="queued")
    job = run(job)
    assert (job.status, job.error, job.attempt) == ("succeeded", "", 2)
    assert billing.receipt(job.reference).captured == services.price_if_made(job, job.asset.frames)
    assert billing.held(ada) == 0


def test_high_is_greyed_with_its_reason(page, monkeypatch, tmp_path):
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))
    shown = page.get(PAGE).content.decode()
    assert "High: The weights of MuseTalk 1.5 are not on this machine yet." in shown
