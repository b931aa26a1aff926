"""The talking avatar, from the page and from a program: a portrait says a text or a sound, or follows a clip."""

import re
import sys
from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from apps.billing import services as billing
from apps.library import consents
from apps.library.keeper import StorageKeeper
from apps.library.models import Asset, Generation, GenerationInput, LikenessConsent
from apps.library.templatetags import cards
from apps.tools import registry, services, sweeper
from apps.tools.catalog import avatar as catalogued
from tests import media
from tests.factories import AssetFactory, GenerationFactory
from tests.threads import Killed
from workers import actors, avatar, presenters
from workers.actors import run_generation
from workers.media.probe import probe, read_comment, read_frames

API, PAGE = "/api/v1/tools/talking-avatar/", "/home/tools/talking-avatar"
SENT = {"portrait": "business-man", "text": "Mama, papa."}
OWN = {"text": "Mama, papa.", "voice": "skylark", "consent": True}
ONE, TWO, SMALL, TURNED, NOBODY = (
    (("mara", 200, 190, 150, 0),),
    (("mara", 105, 200, 110, 0), ("jonas", 295, 200, 110, 0)),
    (("mara", 200, 190, 24, 0),),
    (("mara", 200, 190, 150, 68),),
    (),
)


def scene(people):
    from scripts.faces import PEOPLE, Pose, Scene

    poses = tuple(Pose(x, y, width, yaw=yaw) for _name, x, y, width, yaw in people)
    return Scene(tuple(PEOPLE[each[0]] for each in people), poses, 1.2)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The bytes of a picture, or of a clip, of people, each once; call it with the kind and them."""
    from scripts.faces import Clip, shown
    from workers.media import film

    made = {}

    def written(kind, people):
        if (kind, people) not in made:
            path = tmp_path_factory.mktemp("faces") / ("face.png" if kind == "image" else "clip.mp4")
            if kind == "image":
                Image.fromarray(shown(scene(people), 0.0, 400, 400)).save(path)
            else:
                film.write(path, Clip((scene(people),), 400, 400).read(), 400, 400, Fraction(25))
            made[kind, people] = path.read_bytes()
        return made[kind, people]

    return written


@pytest.fixture
def brought(ada, drawn):
    """A picture or a clip that ada has uploaded; call it with its kind, the people in it, and what is told of it."""

    def given(kind, people=ONE, /, **facts):
        known = {"width": 400, "height": 400, "user": ada, "generation": None, "recipe": {"name": "somebody"}}
        known |= {"frames": 30, "fps": 25, "seconds": 1.2} if kind == "video" else {"seconds": 0}
        name = "face.png" if kind == "image" else "clip.mp4"
        return AssetFactory(**known | {"kind": kind} | facts, file=ContentFile(drawn(kind, people), name))

    return given


def voice_of(path, seconds=1.0, rate=16_000):
    """A sound like a voice: a ground note that comes and goes, as the bytes of a WAV."""
    from workers.media import audio

    at = np.arange(round(seconds * rate)) / rate
    note = sum(np.sin(2 * np.pi * 120 * k * at) / k for k in range(1, 12))
    return audio.encode((0.2 * note * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * at)) ** 3).astype(np.float32), rate, path)


def started(answer):
    assert answer.status_code == 202, answer.json()
    return Generation.objects.latest("created_at")


def run(job):
    run_generation(job.queue)
    job.refresh_from_db()
    return job


def film_of(job, tmp_path):
    assert (job.status, job.error) == ("succeeded", ""), job.error
    (path := tmp_path / "made.mp4").write_bytes(job.asset.file.read())
    return path


def refused(answer, field, words):
    assert answer.status_code == 422, answer.json()
    assert words in answer.json()["errors"].get(field, [""])[0], answer.json()["errors"]
    assert answer.json()["code"] == "validation_failed" and not Generation.objects.filter(tool="talking-avatar")


# --- what is made


def test_a_presenter_says_a_text_in_the_voice_that_fits(api, page, tmp_path):
    quote = api.post(f"{API}quote/", SENT, format="json").json()
    assert quote["summary"].endswith("s · 1280 × 720 · Draft"), quote
    job = run(started(api.post(API, SENT, format="json")))
    path = film_of(job, tmp_path)
    assert (job.cost, job.queue, job.title) == (quote["credits"], "cpu", "Mama, papa.")
    assert billing.receipt(job.reference).captured == services.price_if_made(job, job.asset.frames) <= job.cost
    assert job.params["voice"] == "drew" and "consent" not in job.params and not job.inputs.exists()
    info = probe(path)
    assert (info.width, info.height, info.fps) == (1280, 720, 25)
    told = read_comment(path)
    assert '"task": "talking-avatar"' in told and "compositeWithTrainedAlgorithmicMedia" in told
    assert "Synthetic: this portrait was moved" in page.get(job.get_absolute_url()).content.decode()


def test_a_portrait_of_ones_own_says_a_sound_with_consent(api, ada, brought, tmp_path):
    mine, voice = brought("image"), voice_of(tmp_path / "voice.wav", 1.2).read_bytes()
    sent = {"portrait": str(mine.pk), "ratio": "1:1", "consent": "true"}
    upload = SimpleUploadedFile("voice.wav", voice, "audio/wav")
    job = run(started(api.post(API, sent | {"audio": upload}, format="multipart")))
    info = probe(film_of(job, tmp_path))
    assert (info.width, info.height, info.frames, job.cost) == (720, 720, 30, 6)
    assert {given.name for given in job.inputs.all()} == {"portrait", "audio"} and "have agreed" in job.params[
        "statement"
    ]
    assert LikenessConsent.objects.standing().filter(user=ada).count() == 2, "for the face and for the voice"
    again = api.post(API, {"portrait": str(mine.pk), **OWN, "consent": False}, format="json")
    assert again.status_code == 202, "it is asked for once"


def test_a_clip_alone_is_followed_and_gives_its_length(api, brought, tmp_path):
    clip = brought("video")
    sent = {"portrait": "young-creator", "driver": str(clip.pk), "consent": True}
    quote = api.post(f"{API}quote/", sent, format="json").json()
    assert quote["summary"].startswith("1.2 s") and quote["credits"] == 6
    job = run(started(api.post(API, sent, format="json")))
    assert probe(film_of(job, tmp_path)).frames == 30 and "voice" not in job.params and "text" not in job.params


def test_of_two_faces_the_picked_one_speaks(api, page, brought):
    mine = str(brought("image", TWO).pk)
    refused(api.post(API, {"portrait": mine, **OWN}, format="json"), "face", "2 faces are seen: pick the one that")
    shown = page.post(f"{PAGE}/quote", {"portrait": mine}, headers={"HX-Request": "true"}).content.decode()
    assert "2 faces are seen" in shown and "data:image/jpeg" in shown
    job = started(api.post(API, {"portrait": mine, "face": "0.73,0.5", **OWN}, format="json"))
    assert 0.6 < job.params["face_at"][1] < 0.85


def test_a_film_begins_where_its_page_is_filled_in(page, brought):
    answer = page.post(PAGE, SENT | {"ratio": "9:16"})
    assert answer.status_code == 302, answer.content.decode()
    job = Generation.objects.get(tool="talking-avatar")
    assert (job.params["made_width"], job.params["made_height"]) == (720, 1280)
    shown = page.get(f"{PAGE}?from={job.pk}").content.decode()
    assert 'value="business-man"' in shown and "Mama, papa." in shown
    picture = brought("image")
    assert (str(registry.get("talking-avatar").title), f"{PAGE}?portrait={picture.pk}") in registry.uses(picture)
    assert f'value="{picture.pk}" checked' in page.get(f"{PAGE}?portrait={picture.pk}").content.decode()


def test_the_page_shows_every_field_and_greys_what_cannot_be_had(page):
    shown = page.get(PAGE).content.decode()
    for presenter in presenters.PRESENTERS:
        assert f'value="{presenter.slug}"' in shown and presenter.alt in shown
    for name in registry.get("talking-avatar").form_class.base_fields.keys() - {"face"}:
        assert f'name="{name}"' in shown, name
    assert "High: EchoMimicV3-Flash is not set up in this studio." in shown


def test_its_percent_only_grows_and_frames_are_counted_as_frames(api, brought, monkeypatch):
    advance, percents, details = Generation.advance, [], {}

    def advancing(self, **changes):
        mine = advance(self, **changes)
        if "stage" in changes:
            percents.append(self.percent)
            details[self.stage] = cards.detail(self)
        return mine

    monkeypatch.setattr(Generation, "advance", advancing)
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    sent = {"portrait": "business-man", "driver": str(brought("video").pk), "consent": True, "ratio": "1:1"}
    job = run(started(api.post(API, sent | {"text": "Mama, papa. Papa, mama."}, format="json")))
    assert (job.status, percents) == ("succeeded", sorted(percents))
    assert {"voicing", "tracking", "talking"} <= details.keys()
    assert details["talking"].startswith(f"Frame {job.asset.frames} of {job.asset.frames}")


def test_what_says_nothing_yet_has_no_price_and_is_no_fault(page):
    shown = page.post(f"{PAGE}/quote", {"portrait": "business-man"}, headers={"HX-Request": "true"}).content.decode()
    assert "credit" not in shown and "problem" not in shown


def test_the_page_selects_the_presenter_also_where_the_library_has_pictures(page, brought):
    mine = brought("image")

    def selected(**given):
        shown = page.get(PAGE, given).content.decode()
        radios = re.findall(r'<input type="radio" name="portrait" value="([^"]*)"([^>]*)>', shown)
        assert str(mine.pk) in dict(radios)
        return [value for value, rest in radios if "checked" in rest]

    assert selected() == ["professional-woman"]
    assert selected(portrait="young-creator") == ["young-creator"]
    assert selected(portrait=str(mine.pk)) == [str(mine.pk)]


# --- what is refused


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"portrait": ""}, "portrait", "choose a presenter, or the picture of a face"),
        ({"portrait": ["business-man"]}, "portrait", "send a presenter's name, a file in a multipart form, or a"),
        ({"portrait": "news-anchor"}, "portrait", "professional-woman, business-man, young-creator, senior-presenter"),
        ({"portrait": "4f5c3f5e-0000-4000-8000-000000000000"}, "portrait", "not in your library"),
        ({"text": ""}, "text", "write what is to be said, or choose a sound"),
        ({"text": "Every film begins with a voice. " * 90, "speed": 0.7}, "text", "Shorten it to 200 s"),
        ({"text": "Hallo, wie geht es dir?", "language": "de"}, "language", "German"),
        ({"voice": "nobody"}, "voice", "voice"),
        ({"quality": "high"}, "quality", "EchoMimicV3-Flash is not set up in this studio"),
        ({"quality": "large"}, "quality", "SkyReels-V3-A2V is not set up in this studio"),
        ({"quality": "best"}, "quality", "best"),
        ({"expressiveness": 1.5}, "expressiveness", "1"),
        ({"ratio": "4:3"}, "ratio", "4:3"),
        ({"resolution": "4k"}, "resolution", "4k"),
        ({"mood": "calm"}, "mood", "mood"),
    ],
)
def test_what_cannot_be_is_refused_on_its_field_before_a_credit_is_held(api, ada, asked, field, words):
    refused(api.post(API, SENT | asked, format="json"), field, words)
    assert billing.held(ada) == 0


@pytest.mark.parametrize(
    ("people", "facts", "words"),
    [
        (NOBODY, {}, "no face is seen in this picture"),
        (SMALL, {}, "too small"),
        (TURNED, {}, "too far to the side"),
        (ONE, {"width": 100, "height": 100}, "at least 200 x 200 pixels; this one has 100 x 100"),
        (ONE, {"width": 10_000, "height": 5_000}, "at most 40 megapixels; this one has 50"),
        (ONE, {"deleted_at": timezone.now()}, "not in your library"),
        (ONE, {"kind": "audio"}, "not in your library"),
    ],
)
def test_a_portrait_that_cannot_speak_is_refused(api, brought, people, facts, words):
    refused(
        api.post(API, {"portrait": str(brought("image", people, **facts).pk), **OWN}, format="json"), "portrait", words
    )


def test_an_uploaded_portrait_is_looked_at_before_anything_is_stored(page, api, tmp_path, stored, drawn):
    (Image.new("RGB", (100, 100), "gray")).save(tmp_path / "small.png")
    small = SimpleUploadedFile("small.png", (tmp_path / "small.png").read_bytes(), "image/png")
    refused(api.post(API, {"portrait": small, **OWN}, format="multipart"), "portrait", "at least 200 x 200")
    (Image.new("L", (10_000, 5_000))).save(tmp_path / "large.png")
    large = SimpleUploadedFile("large.png", (tmp_path / "large.png").read_bytes(), "image/png")
    refused(
        api.post(API, {"portrait": large, **OWN}, format="multipart"),
        "portrait",
        "at most 40 megapixels; this one has 50",
    )
    broken = SimpleUploadedFile("face.png", drawn("image", ONE)[:900], "image/png")
    refused(api.post(API, {"portrait": broken, **OWN}, format="multipart"), "portrait", "")
    assert not stored()
    whole = SimpleUploadedFile("face.png", drawn("image", ONE), "image/png")
    assert page.post(PAGE, OWN | {"portrait": whole}).status_code == 302
    assert Generation.objects.get(tool="talking-avatar").inputs.get().name == "portrait"


def test_a_sound_that_cannot_be_said_is_refused(api, ada, drawn, tmp_path):
    sent = {"portrait": "business-man", "consent": "true"}

    def answer(name, data, **more):
        return api.post(API, sent | more | {"audio": SimpleUploadedFile(name, data)}, format="multipart")

    tone = media.sound(tmp_path / "tone.m4a", seconds=1.0).read_bytes()
    refused(answer("tone.m4a", tone), "audio", "nobody speaks in this sound")
    refused(answer("clip.mp4", drawn("video", ONE)), "audio", "this is a video")
    refused(answer("voice.wav", b"RIFF\0\0\0\0WAVE" + b"x" * 4000), "audio", "damaged")
    voice = voice_of(tmp_path / "voice.wav").read_bytes()
    refused(answer("voice.wav", voice, text="Mama."), "audio", "either a text or a sound")
    refused(answer("voice.wav", voice, consent="false"), "consent", "Say that you may use this face and voice")
    long = AssetFactory(generation=None, user=ada, recipe={}, kind="audio", seconds=201.0)
    refused(api.post(API, sent | {"audio": str(long.pk)}, format="json"), "audio", "up to 200 seconds")


def test_a_clip_that_cannot_be_followed_is_refused(api, ada, ben, brought, tmp_path):
    sent = {"portrait": "business-man", "consent": True}

    def answer(clip, **more):
        return api.post(API, sent | {"driver": str(clip.pk)} | more, format="json")

    refused(answer(brought("video", NOBODY)), "driver", "no face is seen in this video")
    refused(answer(brought("video", TURNED)), "driver", "too far to the side")
    refused(answer(brought("video", seconds=121.0)), "driver", "Choose one of at most 120 s")
    refused(answer(brought("video", user=ben)), "driver", "not in your library")
    refused(answer(brought("video"), consent=False), "consent", "Say that you may use")
    sound = SimpleUploadedFile("clip.mp4", media.sound(tmp_path / "a.m4a", seconds=1.0).read_bytes(), "video/mp4")
    assert "driver" in api.post(API, sent | {"driver": sound}, format="multipart").json()["errors"]


def test_consent_is_never_asked_for_what_was_made_here_and_can_be_withdrawn(api, ada, ben, brought):
    made = GenerationFactory(user=ada, status="succeeded", finished_at=timezone.now(), held=False)
    ours, theirs = brought("image", generation=made), brought("image", user=ben)
    sent = OWN | {"portrait": str(ours.pk), "consent": False}
    assert api.post(API, sent, format="json").status_code == 202
    Generation.objects.filter(tool="talking-avatar").delete()
    mine = brought("image")
    GenerationInput.objects.create(generation=made, name="image", asset=mine)
    refused(api.post(API, sent, format="json"), "consent", "Say that you may use")
    refused(api.post(API, OWN | {"portrait": str(theirs.pk)}, format="json"), "portrait", "not in your library")
    consents.give(ada, [mine], "yes")
    consents.withdraw(ada, mine)
    refused(api.post(API, OWN | {"portrait": str(mine.pk)}, format="json"), "portrait", "you withdrew your consent")


def test_the_plan_limits_the_resolution(ada, settings):
    tool = registry.get("talking-avatar")
    form = tool.form_class(SENT | {"resolution": "1080p", "ratio": "9:16"}, user=ada)
    assert form.is_valid(), form.errors
    assert tool.asks(form.params)["lines"] == 1080 and tool.size(form.params) == (1080, 1920)
    assert form.asked_by("resolution", "1080p") == {"lines": 1080}


# --- long work


LONG = {"portrait": "business-man", "text": "Every film begins with a voice, and ends with one.", "ratio": "1:1"}


def test_a_stopped_film_keeps_its_segments_and_pays_for_them(api, monkeypatch, tmp_path):
    keep = StorageKeeper.keep

    def keep_and_stop(self, folder, kept):
        keep(self, folder, kept)
        services.stop(Generation.objects.get(pk=self.job.pk))

    monkeypatch.setattr(StorageKeeper, "keep", keep_and_stop)
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    job = run(started(api.post(API, LONG, format="json")))
    film_of(job, tmp_path)
    assert (job.stopped_early, job.asset.frames) == (True, 24)
    price = registry.get("talking-avatar").price_of_part(job, 24)
    assert 0 < billing.receipt(job.reference).captured == price < job.cost


def test_a_killed_worker_goes_on_after_its_last_segment(api, monkeypatch, tmp_path):
    keep, seen = StorageKeeper.keep, []

    def keep_and_die(self, folder, kept):
        keep(self, folder, kept)
        seen.append(kept)
        if len(seen) == 1:
            raise Killed

    monkeypatch.setattr(StorageKeeper, "keep", keep_and_die)
    job = started(api.post(API, LONG, format="json"))
    with pytest.raises(Killed):
        run_generation(job.queue)
    sweeper.sweep(lease=timedelta(0))
    job = run(job)
    assert probe(film_of(job, tmp_path)).frames == job.params["frames"] or job.asset.frames > 24
    assert job.attempt == 2 and len(seen) == -(-job.asset.frames // 24), "no segment was made twice"


def test_an_external_engine_makes_the_film_in_its_own_process(api, monkeypatch, tmp_path):
    from workers.engines import registry as engines
    from workers.engines.external import cards
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
    monkeypatch.setattr(engines, "make_room", lambda asking: None)
    assert catalogued.MODELS == avatar.MODELS
    for known in (catalogued.MODELS, avatar.MODELS):
        monkeypatch.setitem(known, "high", "toy")
    tool, job = registry.get("talking-avatar"), started(api.post(API, SENT | {"quality": "high"}, format="json"))
    assert job.queue == "gpu" and tool.models(job.params) == {"toy"}
    assert tool.limit_of(job.params) > tool.time_limit + 60
    path = film_of(run(job), tmp_path)
    levels = [round(float(frame.mean()) / 40) for frame in read_frames(path)]
    assert levels[:11] == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5], (
        "two parts, of which the second begins with a frame of both"
    )
    assert Asset.objects.get(generation=job).recipe["params"]["quality"] == "high"
