"""Pictures and films made larger, from the page and from a program."""

import io
import math

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from apps.billing import services as billing
from apps.library.keeper import StorageKeeper
from apps.library.models import Asset, Generation
from apps.tools import registry, services
from tests.factories import AssetFactory
from tests.media import film
from tests.params import PARAMS
from workers import actors
from workers.actors import run_generation
from workers.media.probe import probe, read_comment, read_frames

API, PAGE = "/api/v1/tools/upscale/", "/home/tools/upscale"


def picture(width=48, height=32):
    out = io.BytesIO()
    shades = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    Image.fromarray(shades).save(out, "PNG")
    return SimpleUploadedFile("boat.png", out.getvalue(), "image/png")


@pytest.fixture
def clip(ada, tmp_path):
    """A film of 30 frames in ada's library, in which a light square moves over dark ground."""
    frames = []
    for i in range(30):
        frame = np.full((32, 48, 3), 40, np.uint8)
        frame[8:24, i : i + 12] = 220
        frames.append(frame)
    data = film(tmp_path / "clip.mp4", frames, rate=8).read_bytes()
    facts = {"width": 48, "height": 32, "frames": 30, "fps": 8, "seconds": 30 / 8}
    return AssetFactory(
        generation=None, user=ada, recipe={"name": "a square"}, file=ContentFile(data, "film.mp4"), **facts
    )


def run(job):
    run_generation(job.queue)
    job.refresh_from_db()
    return job


def test_a_picture_becomes_four_times_as_large(page, ada):
    answer = page.post(PAGE, {"source": picture(), "factor": "4"})
    assert answer.status_code == 302
    job = run(Generation.objects.get())
    assert (job.status, job.error, billing.balance(ada)) == ("succeeded", "", 99)
    made = job.asset
    assert (made.kind, made.width, made.height) == ("image", 192, 128)
    assert Image.open(made.file).size == (192, 128)
    before = np.asarray(Image.open(job.inputs.get().asset.file).resize((192, 128), Image.Resampling.BICUBIC))
    assert np.abs(np.asarray(Image.open(made.file)).astype(int) - before).mean() < 12, "it is the same picture"
    assert made.recipe["inputs"]["source"] == job.inputs.get().asset.sha256


def test_a_height_chosen_on_the_page_is_all_that_it_takes(page, ada):
    photo = AssetFactory(generation=None, user=ada, recipe={}, kind="image", width=640, height=480)
    untouched = registry.get("upscale").form_class.page_data() | {"source": str(photo.pk)}
    for chosen, made in (({}, "1280 × 960"), ({"height": "1080"}, "1440 × 1080")):
        answer = page.post(f"{PAGE}/quote", untouched | chosen)
        assert made in answer.content.decode()


def test_a_film_of_the_library_keeps_its_length_and_says_how_it_was_made(api, ada, clip, tmp_path):
    quote = api.post(f"{API}quote/", {"source": str(clip.pk), "factor": 2}, format="json").json()
    assert (quote["credits"], quote["summary"]) == (4, "96 × 64 · 3.8 s")
    answer = api.post(API, {"source": str(clip.pk), "factor": 2}, format="json")
    assert answer.status_code == 202, answer.json()
    job = run(Generation.objects.latest("created_at"))
    assert (job.status, job.error, job.cost) == ("succeeded", "", 4)
    (path := tmp_path / "large.mp4").write_bytes(job.asset.file.read())
    info = probe(path)
    assert (info.width, info.height, info.frames, info.fps) == (96, 64, 30, 8)
    assert '"task": "upscale"' in read_comment(path)
    told = api.get(f"/api/v1/generations/{job.pk}/").json()
    assert told["progress"]["windows"] == 0 and told["assets"][0]["width"] == 96


def test_smoother_motion_adds_frames_and_not_time(api, clip, tmp_path):
    api.post(API, {"source": str(clip.pk), "factor": 2, "fps": 16}, format="json")
    job = run(Generation.objects.latest("created_at"))
    (path := tmp_path / "smooth.mp4").write_bytes(job.asset.file.read())
    info = probe(path)
    assert (job.cost, info.fps, round(info.seconds, 1)) == (8, 16, 3.8)
    first, between, after = (frame[32, :, 0].astype(int) for frame in list(read_frames(path))[20:23])
    edges = [int(np.argmax(line > 130)) for line in (first, between, after)]
    assert edges[0] < edges[1] < edges[2], "the square stands in the middle of its way"


@pytest.mark.parametrize(
    ("size", "asked", "field", "words"),
    [
        ((2000, 1500), {"factor": 2}, "factor", "height of 2160"),
        ((1200, 900), {"factor": 4}, "factor", "largest factor that works for 1200 x 900 is 2"),
        ((3840, 2160), {"height": 2160}, "height", "2160 lines already"),
        ((7680, 4320), {"factor": 2}, "factor", "cannot be made larger"),
        ((48, 32), {"factor": 2, "height": 1080}, "height", "either a size or a height"),
        ((48, 32), {"factor": 2, "fps": 30}, "fps", "an image does not move"),
    ],
)
def test_what_cannot_be_is_refused_before_a_credit_is_held(api, ada, size, asked, field, words):
    mine = AssetFactory(generation=None, user=ada, recipe={}, kind="image", width=size[0], height=size[1])
    answer = api.post(API, {"source": str(mine.pk), **asked}, format="json")
    assert answer.status_code == 422 and words in answer.json()["errors"][field][0], answer.json()
    assert billing.held(ada) == 0 and not Generation.objects.filter(tool="upscale").exists()


@pytest.mark.parametrize(
    ("facts", "asked", "field", "words"),
    [
        ({"seconds": 121}, {}, "source", "this video is 121 s long. Choose one of at most 120 s."),
        ({"bytes": 500_000_001}, {}, "source", "at most 500 MB"),
        ({"fps": 25}, {"fps": 24}, "fps", "25 frames a second already. Choose more, up to 60."),
        ({"fps": 100}, {"fps": 60}, "fps", "100 frames a second already. Leave this empty."),
    ],
)
def test_a_film_that_cannot_be_is_refused_before_a_credit_is_held(api, ada, facts, asked, field, words):
    mine = AssetFactory(generation=None, user=ada, recipe={}, kind="video", **{"width": 64, "height": 48} | facts)
    answer = api.post(API, {"source": str(mine.pk), **asked}, format="json")
    assert answer.status_code == 422 and words in answer.json()["errors"][field][0], answer.json()
    assert billing.held(ada) == 0


def test_the_rate_that_a_film_has_costs_no_more(api, clip):
    quote = api.post(f"{API}quote/", {"source": str(clip.pk), "fps": 8}, format="json").json()
    assert (quote["credits"], quote["summary"]) == (4, "96 × 64 · 3.8 s")


def test_without_a_source_and_with_a_strangers_it_says_so(api, ben):
    theirs = AssetFactory(generation__user=ben)
    assert "choose the image or video" in api.post(API, {}, format="json").json()["errors"]["source"][0]
    assert api.post(API, {"source": str(theirs.pk)}, format="json").status_code == 422


def test_a_stopped_film_keeps_its_segments_and_pays_for_them(ada, clip, monkeypatch):
    """Stop is pressed when the first segment of 24 frames is safe."""
    keep = StorageKeeper.keep

    def keep_and_stop(self, folder, kept):
        keep(self, folder, kept)
        services.stop(Generation.objects.get(pk=self.job.pk))

    monkeypatch.setattr(StorageKeeper, "keep", keep_and_stop)
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    tool = registry.get("upscale")
    form = tool.form_class({"source": str(clip.pk), "factor": "2"}, user=ada)
    assert form.is_valid(), form.errors
    job = run(services.submit(ada, tool, form.params))
    assert (job.status, job.error, job.stopped_early, job.kept_frames) == ("succeeded", "", True, 24)
    assert job.asset.frames == 24
    assert (job.cost, billing.receipt(job.reference).captured, billing.held(ada)) == (4, math.ceil(4 * 24 / 30), 0)


def test_the_card_offers_to_stop_a_film_at_work_and_says_in_seconds_what_was_kept(page, ada, clip):
    form = registry.get("upscale").form_class({"source": str(clip.pk), "factor": "2"}, user=ada)
    assert form.is_valid(), form.errors
    job = services.submit(ada, registry.get("upscale"), form.params)
    at_work = Generation.objects.claim(job.queue)
    at_work.advance(stage="upscaling", step=26, steps=30)
    library = "/home/my-library"
    assert "Stop here" not in page.get(library).content.decode(), "nothing is kept yet"
    at_work.advance(kept_attempt=1, kept_windows=1, kept_frames=24, kept_seconds=3.0)
    assert "Stop here: keep 3.0 s, pay 4 of 4 credits" in page.get(library).content.decode()
    services.stop(job)
    assert "Keeping 3.0 s" in page.get(library).content.decode()
    services.finish(at_work, [(Asset(kind="video"), {})], "realesr-animevideov3", stopped=True)
    for address in (library, job.get_absolute_url()):
        assert "Stopped early: 3.0 s kept" in page.get(address).content.decode()


def test_a_film_of_nano_is_finished_four_times_as_large(ada, page, monkeypatch):
    told, changed = [], actors.progress.changed
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    monkeypatch.setattr(actors.progress, "changed", lambda job: (told.append((job.stage, job.percent)), changed(job)))
    page.post("/home/tools/to-video", PARAMS | {"num_frames": 5, "steps": 4, "finish": "4"})
    job = run(Generation.objects.get())
    assert (job.status, job.error) == ("succeeded", "")
    percents = [percent for _, percent in told]
    assert percents == sorted(percents) and "upscaling" in {stage for stage, _ in told}
    plain = Asset.objects.get()
    assert (plain.width, plain.frames) == (512, 5)
    assert plain.recipe["finish"] == {"factor": 4, "model": "realesr-animevideov3"}
