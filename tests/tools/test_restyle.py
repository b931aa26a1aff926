"""Videos in another look, from the page and from a program."""

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.billing import services as billing
from apps.library.keeper import StorageKeeper
from apps.library.models import Generation
from apps.tools import registry, services
from tests import media
from tests.factories import AssetFactory
from workers import actors
from workers.actors import run_generation
from workers.media.probe import probe, read_comment

API, PAGE = "/api/v1/tools/restyle/", "/home/tools/restyle"
SENT = {"prompt": "a blue circle moves right over the sea", "strength": 0.3, "steps": 4, "seed": 3}


def clip_of(user, path, count=34, width=160, height=160, rate=8, **facts):
    """A film in a library, in which a red square moves over dark ground."""
    frames = []
    for i in range(count):
        frame = np.full((height, width, 3), 40, np.uint8)
        frame[40:90, 2 * i : 2 * i + 50] = (228, 38, 38)
        frames.append(frame)
    data = media.film(path, frames, rate=rate).read_bytes()
    known = {"width": width, "height": height, "frames": count, "fps": rate, "seconds": count / rate} | facts
    return AssetFactory(
        generation=None, user=user, recipe={"name": "a square"}, file=ContentFile(data, "film.mp4"), **known
    )


@pytest.fixture
def clip(ada, tmp_path):
    return clip_of(ada, tmp_path / "clip.mp4")


def run(job):
    run_generation(job.queue)
    job.refresh_from_db()
    return job


def test_a_film_of_the_library_is_restyled_in_windows(api, ada, clip, tmp_path):
    quote = api.post(f"{API}quote/", {"video": str(clip.pk), **SENT}, format="json").json()
    assert quote["summary"] == "4.1 s · 128 × 128 · 2 windows"
    answer = api.post(API, {"video": str(clip.pk), **SENT}, format="json")
    assert answer.status_code == 202, answer.json()
    job = run(Generation.objects.latest("created_at"))
    assert (job.status, job.error, job.cost) == ("succeeded", "", quote["credits"])
    (path := tmp_path / "made.mp4").write_bytes(job.asset.file.read())
    info = probe(path)
    assert (info.width, info.height, info.frames, info.fps) == (128, 128, 33, 8)
    recipe = job.asset.recipe
    assert '"task": "restyle"' in read_comment(path) and recipe["prompt_sent"] == SENT["prompt"]
    assert len(recipe["inputs"]["source"]) == 64
    assert recipe["spec"]["strength"] == 0.3 and "image" not in recipe["spec"]
    told = api.get(f"/api/v1/generations/{job.pk}/").json()
    assert told["progress"]["windows"] == 2


def test_a_restyle_costs_what_its_steps_are_of_a_new_video(ada, clip):
    tool, usual = registry.get("restyle"), {"num_frames": 117, "ratio": "1:1", "model_id": "nano", "prompt": "x"}
    weak, strong = (tool.price(usual | {"strength": strength}) for strength in (0.3, 0.98))
    new = registry.get("to-video").price(usual | {"mode": "text"})
    assert 0 < weak < strong <= new
    job = Generation(cost=30, params=usual | {"strength": 0.9})
    assert [tool.price_of_part(job, frames) for frames in (0, 39, 117)] == [0, 10, 30]


def test_the_page_says_before_the_click_what_is_cut_and_resampled(page, ada, tmp_path):
    wide = clip_of(ada, tmp_path / "wide.mp4", count=26, width=320, height=160, rate=24)
    asked, htmx = {"prompt": "a red star", "style": "realistic"}, {"HX-Request": "true"}
    shown = page.post(f"{PAGE}/quote", {"video": str(wide.pk), **asked}, headers=htmx).content.decode()
    for words in ("of the width is lost", "Made at 160 × 96.", "8 frames a second instead of 24"):
        assert words in shown
    assert "left out" not in shown
    longer = clip_of(ada, tmp_path / "longer.mp4", count=35)
    shown = page.post(f"{PAGE}/quote", {"video": str(longer.pk), **asked}, headers=htmx).content.decode()
    assert "The last 0.2 s are left out." in shown
    shown = page.post(f"{PAGE}/quote", asked, headers=htmx).content.decode()
    assert "choose the video" not in shown, "nothing is wrong before anything was chosen"
    short = clip_of(ada, tmp_path / "short.mp4", count=3)
    shown = page.post(f"{PAGE}/quote", {"video": str(short.pk), **asked}, headers=htmx).content.decode()
    assert "Video: this video is too short" in shown


def test_words_that_the_model_does_not_know_are_told(page, clip):
    shown = page.post(f"{PAGE}/quote", {"video": str(clip.pk), "prompt": "a samurai", "style": "realistic"})
    assert "samurai" in shown.content.decode()


@pytest.mark.parametrize(
    ("facts", "asked", "field", "words"),
    [
        ({"seconds": 600.0}, {}, "video", "this video is 600 s long. Choose one of at most 120 s."),
        ({"seconds": 0.3}, {}, "video", "too short. Choose one of 0.6 s or more."),
        ({"width": 64, "height": 64}, {}, "video", "this video is 64 × 64, and the model makes 128 × 128."),
        ({}, {"strength": 1.5}, "strength", "0.98"),
        ({}, {"strength": -1}, "strength", "0.1"),
        ({}, {"strength": "loud"}, "strength", "number"),
        ({}, {"prompt": ""}, "prompt", "describe the video as it is to look"),
        ({}, {"style": "noir"}, "style", "does not know this look"),
        ({}, {"model_id": "SkyReels-V2-T2V-14B-540P"}, "model_id", "cannot restyle"),
        ({"kind": "image"}, {}, "video", "not in your library"),
        ({"kind": "audio"}, {}, "video", "not in your library"),
        ({"deleted_at": timezone.now()}, {}, "video", "not in your library"),
    ],
)
def test_what_cannot_be_is_refused_on_its_field_before_a_credit_is_held(api, ada, facts, asked, field, words):
    given = {"width": 160, "height": 160, "fps": 8, "frames": 32, "seconds": 4.0, "kind": "video"} | facts
    mine = AssetFactory(generation=None, user=ada, recipe={}, **given)
    answer = api.post(API, {"video": str(mine.pk), **SENT, **asked}, format="json")
    assert answer.status_code == 422 and words in answer.json()["errors"][field][0], answer.json()
    assert billing.held(ada) == 0 and not Generation.objects.filter(tool="restyle").exists()


def test_without_a_video_with_a_strangers_and_with_a_damaged_one_it_says_so(api, page, ada, ben, tmp_path):
    assert "choose the video" in api.post(API, SENT, format="json").json()["errors"]["video"][0]
    theirs = clip_of(ben, tmp_path / "theirs.mp4")
    answer = api.post(API, {"video": str(theirs.pk), **SENT}, format="json")
    assert answer.status_code == 422 and "not in your library" in answer.json()["errors"]["video"][0]
    damaged = SimpleUploadedFile("clip.mp4", b"\0\0\0\x18ftypmp42" + b"x" * 5000, "video/mp4")
    answer = page.post(PAGE, {"video": damaged, **SENT, "style": "realistic"})
    assert answer.status_code == 422 and billing.held(ada) == 0
    sound = SimpleUploadedFile("a.m4a", media.sound(tmp_path / "a.m4a", seconds=1.0).read_bytes(), "audio/mp4")
    assert page.post(PAGE, {"video": sound, **SENT, "style": "realistic"}).status_code == 422
    assert not Generation.objects.filter(tool="restyle").exists()


def test_too_few_credits_hold_nothing(api, ada, clip):
    billing.hold(ada, billing.balance(ada) - 1, "generation:another")
    answer = api.post(API, {"video": str(clip.pk), **SENT, "strength": 0.9}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_credits")
    assert not Generation.objects.filter(tool="restyle").exists()


def test_a_film_that_fits_no_card_is_refused_with_what_it_needs(api, clip, settings):
    settings.DEVICE_GB = 0.1
    answer = api.post(f"{API}quote/", {"video": str(clip.pk), **SENT}, format="json")
    assert answer.status_code == 422 and "GB are there" in str(answer.json()["errors"])


def test_a_stopped_film_keeps_its_windows_and_pays_for_them(ada, clip, monkeypatch):
    """Stop is pressed when the first window is safe."""
    keep = StorageKeeper.keep

    def keep_and_stop(self, folder, kept):
        keep(self, folder, kept)
        if kept.windows:
            services.stop(Generation.objects.get(pk=self.job.pk))

    monkeypatch.setattr(StorageKeeper, "keep", keep_and_stop)
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    tool = registry.get("restyle")
    form = tool.form_class({"video": str(clip.pk), "style": "realistic", **SENT}, user=ada)
    assert form.is_valid(), form.errors
    job = run(services.submit(ada, tool, form.params))
    assert (job.status, job.error, job.stopped_early, job.kept_frames) == ("succeeded", "", True, 21)
    assert job.asset.frames == 21
    paid = billing.receipt(job.reference).captured
    assert paid == tool.price_of_part(job, 21) <= job.cost and billing.held(ada) == 0


def test_the_result_is_shown_beside_its_source(page, ada, clip):
    form = registry.get("restyle").form_class({"video": str(clip.pk), "style": "realistic", **SENT}, user=ada)
    assert form.is_valid(), form.errors
    job = run(services.submit(ada, registry.get("restyle"), form.params))
    shown = page.get(job.get_absolute_url()).content.decode()
    assert "data-compare" in shown and clip.file_url in shown
    assert registry.get("restyle").timeline(job).windows == (0, 21)


class TestFilmLooks:
    api, page = "/api/v1/tools/looks/", "/home/tools/looks"

    def test_a_look_is_free_and_keeps_size_rate_and_length(self, api, ada, clip, tmp_path):
        quote = api.post(f"{self.api}quote/", {"video": str(clip.pk), "look": "sepia"}, format="json").json()
        assert (quote["credits"], quote["summary"]) == (0, "Sepia · 160 × 160 · 4.2 s")
        before = billing.balance(ada)
        answer = api.post(self.api, {"video": str(clip.pk), "look": "sepia"}, format="json")
        assert answer.status_code == 202, answer.json()
        job = run(Generation.objects.latest("created_at"))
        assert (job.status, job.error, job.cost, job.queue) == ("succeeded", "", 0, "cpu")
        assert (billing.balance(ada), billing.held(ada)) == (before, 0)
        (path := tmp_path / "made.mp4").write_bytes(job.asset.file.read())
        info = probe(path)
        assert (info.width, info.height, info.frames, info.fps) == (160, 160, 34, 8)
        assert job.title == "a square, Sepia" and '"task": "look"' in read_comment(path)

    @pytest.mark.parametrize(
        ("facts", "asked", "field", "words"),
        [
            ({"seconds": 600.0}, {}, "video", "at most 120 s"),
            ({"bytes": 500_000_001}, {}, "video", "at most 500 MB"),
            ({"kind": "image"}, {}, "video", "not in your library"),
            ({}, {"look": "neon"}, "look", "neon"),
            ({}, {"amount": 0}, "amount", "1"),
            ({}, {"amount": 101}, "amount", "100"),
        ],
    )
    def test_what_cannot_be_is_refused(self, api, ada, facts, asked, field, words):
        given = {"width": 160, "height": 160, "fps": 8, "frames": 32, "seconds": 4.0, "kind": "video"} | facts
        mine = AssetFactory(generation=None, user=ada, recipe={}, **given)
        answer = api.post(self.api, {"video": str(mine.pk), "look": "noir"} | asked, format="json")
        assert answer.status_code == 422 and words in answer.json()["errors"][field][0], answer.json()
        assert not Generation.objects.filter(tool="looks").exists()

    def test_a_film_at_work_can_be_stopped_and_kept(self, ada, clip, monkeypatch):
        keep = StorageKeeper.keep

        def keep_and_stop(keeper, folder, kept):
            keep(keeper, folder, kept)
            services.stop(Generation.objects.get(pk=keeper.job.pk))

        monkeypatch.setattr(StorageKeeper, "keep", keep_and_stop)
        monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
        tool = registry.get("looks")
        form = tool.form_class({"video": str(clip.pk), "look": "grain"}, user=ada)
        assert form.is_valid(), form.errors
        job = run(services.submit(ada, tool, form.params))
        assert (job.status, job.error, job.stopped_early, job.asset.frames) == ("succeeded", "", True, 24)
        assert billing.receipt(job.reference).captured == 0
