"""Images from words, from the page and from a program, by nano's one frame."""

import io
import json
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.template.loader import render_to_string
from django.utils import timezone
from PIL import Image

from apps.billing import services as billing
from apps.library.keeper import GRACE, StorageKeeper, path_of, remove_ended
from apps.library.models import Generation
from apps.library.templatetags.cards import contents, detail, kept
from apps.tools import pictures, registry, services
from apps.tools.templatetags.jobs import can_stop, terms, variations
from tests.factories import GenerationFactory, UserFactory
from workers import actors
from workers.actors import run_generation
from workers.engines.image import cards
from workers.pictures import COMMENT

API, PAGE = "/api/v1/tools/text2image/", "/home/tools/text2image"
QUICK = {"prompt": "a red star in the night sky", "quality": 30, "seed": 7}


def run(job):
    run_generation(job.queue)
    job.refresh_from_db()
    return job


def submitted(user, **params):
    tool = registry.get("text2image")
    form = tool.form_class({"style": "realistic", "count": 1, **QUICK, **params}, user=user)
    assert form.is_valid(), form.errors
    return services.submit(user, tool, form.params)


def content(asset):
    with asset.file.open("rb") as file:
        return file.read()


def pixels(asset):
    return np.asarray(Image.open(io.BytesIO(content(asset))).convert("RGB"))


def shown(job):
    """The card of a job as it is now."""
    return render_to_string("components/card.html", {"job": Generation.objects.with_assets().get(pk=job.pk)})


@pytest.fixture
def pair(ada):
    """Two finished pictures of one job."""
    return run(submitted(ada, count=2))


def test_a_prompt_becomes_pictures_each_with_its_seed_and_recipe(api, ada):
    answer = api.post(API, QUICK | {"count": 2, "ratio": "4:3"}, format="json")
    assert answer.status_code == 202, answer.json()
    job = run(Generation.objects.get())
    assert (job.status, job.error, job.engine) == ("succeeded", "", "nano-image")
    first, second = job.assets.all()
    assert (first.kind, first.width, first.height, first.position, second.position) == ("image", 128, 96, 0, 1)
    assert np.abs(pixels(first).astype(int) - pixels(second)).mean() > 1, "each has a seed of its own"
    middle = pixels(first).reshape(-1, 3).astype(int)
    assert ((middle[:, 0] > 150) & (middle[:, 1] < 90)).mean() > 0.02, "something red is there"
    assert [each.recipe["params"]["seed"] for each in (first, second)] == [7, 8]
    assert first.recipe["noise"] == "7" and first.recipe["picture"] == 1
    written = json.loads(Image.open(io.BytesIO(content(first))).text[COMMENT])
    assert written == first.recipe, "it travels in the file"
    assert (billing.balance(ada), billing.receipt(job.reference).captured) == (98, 2)
    assert contents(job) == "2 images" and second.download_name == "a-red-star-in-the-night-sky-2.png"


def test_the_recipe_of_one_picture_makes_it_again(api, pair):
    second = list(pair.assets.all())[1]
    api.post(API, second.recipe["params"], format="json")
    again = run(Generation.objects.latest("created_at"))
    assert again.pk != pair.pk and again.asset.sha256 and (pixels(again.asset) == pixels(second)).all()


def test_variations_stay_near_the_picture_that_was_chosen(page, ada, pair):
    chosen = pair.asset
    address = variations(chosen)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked == {"from": str(pair.pk), "near": "7", "seed": "1007", "count": "4"}
    answer = page.get(address)
    form = answer.context["form"]
    assert (form["prompt"].value(), form["near"].value(), form["seed"].value()) == (QUICK["prompt"], "7", "1007")
    assert "4 images · 128 × 128 · 30 % varied" in answer.content.decode()
    little, much = (run(submitted(ada, near="7", variation=percent, seed=1007)) for percent in (15, 100))
    away = [np.abs(pixels(job.asset).astype(int) - pixels(chosen)).mean() for job in (little, much)]
    assert 0 < away[0] < away[1]
    assert little.asset.recipe["noise"] == "7 1007@15"
    assert parse_qs(urlsplit(variations(little.asset)).query)["near"] == ["7 1007@15"], "and can be varied again"


def test_a_finish_makes_each_picture_four_times_as_large(ada):
    job = run(submitted(ada, finish="4"))
    assert (job.error, job.asset.width, job.asset.height, job.cost) == ("", 512, 512, 2)
    assert job.asset.recipe["finish"] == {"factor": 4, "model": "realesr-animevideov3"}


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"prompt": ""}, "prompt", "describe what is in the image"),
        ({"prompt": "x" * 2001}, "prompt", "at most 2000 characters"),
        ({"style": "baroque"}, "style", "“baroque” is not offered"),
        ({"ratio": "21:9"}, "ratio", "“21:9” is not offered"),
        ({"model_id": "DALL-E"}, "model_id", "DALL-E"),
        ({"model_id": "Z-Image"}, "model_id", "Z-Image is not on this machine"),
        ({"count": 0}, "count", "choose 1 or more"),
        ({"count": 5}, "count", "choose 4 or less"),
        ({"count": "x"}, "count", "enter a whole number"),
        ({"seed": -1}, "seed", "choose 0 or more"),
        ({"seed": 2**31}, "seed", "choose 2147483647 or less"),
        ({"quality": 29}, "quality", "choose 30 or more"),
        ({"quality": 101}, "quality", "choose 100 or less"),
        ({"near": "seven"}, "near", "noise of no image"),
        ({"near": "7 8@0"}, "near", "noise of no image"),
        ({"variation": 30}, "variation", "what is varied"),
        ({"negative_prompt": "text", "guidance_scale": 1}, "negative_prompt", "guidance of 1"),
    ],
)
def test_what_cannot_be_is_refused_on_its_field_before_a_credit_moves(api, ada, asked, field, words):
    answer = api.post(API, QUICK | asked, format="json")
    assert answer.status_code == 422 and words in answer.json()["errors"][field][0], answer.json()
    assert (billing.balance(ada), billing.held(ada)) == (100, 0) and not Generation.objects.exists()


def test_more_pictures_than_the_wallet_holds_are_refused(client, db):
    poor = UserFactory(credits=3)
    client.force_login(poor)
    quote = client.post(f"{PAGE}/quote", {**QUICK, "style": "realistic", "count": "4"}).content.decode()
    assert "You need 1 more credit" in quote
    answer = client.post(PAGE, {**QUICK, "style": "realistic", "count": "4"})
    assert answer.status_code == 422 and billing.balance(poor) == 3 and not Generation.objects.exists()


def test_the_quote_names_size_price_and_the_words_that_nano_does_not_know(api):
    asked = QUICK | {"count": 3, "quality": 100, "finish": 4, "ratio": "16:9", "prompt": "a crimson dragon at sunset"}
    quote = api.post(f"{API}quote/", asked, format="json").json()
    assert (quote["credits"], quote["summary"]) == (7, "3 images · 640 × 384"), "24 steps cost more than 18"
    assert "dragon" in quote["unknown_words"] and quote["suggestion"]


def test_each_picture_is_stored_and_seen_as_it_comes(page, ada, monkeypatch):
    seen, keep = [], StorageKeeper.keep

    def keep_and_look(self, folder, made):
        keep(self, folder, made)
        job = Generation.objects.get(pk=self.job.pk)
        urls = [url for url in job.pictures if url]
        assert {page.get(url).status_code for url in urls} == {200}
        stored = [default_storage.open(path_of(job, url.rpartition("/")[2])) for url in urls]
        seen.append([Image.open(io.BytesIO(file.read())).size for file in stored])
        assert shown(job).count("<img") == made.windows and "Image" in detail(job)

    monkeypatch.setattr(StorageKeeper, "keep", keep_and_look)
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    job = run(submitted(ada, count=2))
    assert job.error == "" and seen == [[(128, 128)], [(128, 128)] * 2]
    late = page.get(f"/live/{job.pk}/picture-2.png")
    assert (late.status_code, late["Location"]) == (302, list(job.assets.all())[1].file_url), "a page may ask too late"
    # One that asked in time is sent the file, though the job ends before it is opened.
    assert default_storage.exists(f"live/{job.pk}/{job.kept_attempt}/picture-2.png")
    Generation.objects.filter(pk=job.pk).update(finished_at=timezone.now() - GRACE)
    remove_ended()
    assert not default_storage.exists(f"live/{job.pk}")


def test_a_lost_worker_costs_one_picture(ada, monkeypatch):
    whole = run(submitted(ada, count=2))
    job, keep, painted = submitted(ada, count=2), StorageKeeper.keep, []

    class Killed(BaseException):
        """The worker is gone, with everything that it would have done."""

    def keep_and_die(self, folder, made):
        keep(self, folder, made)
        raise Killed

    monkeypatch.setattr(StorageKeeper, "keep", keep_and_die)
    with pytest.raises(Killed):
        run_generation(job.queue)
    monkeypatch.setattr(StorageKeeper, "keep", lambda self, folder, made: painted.append(made.windows))
    job.refresh_from_db()
    assert (job.status, job.kept_windows) == ("running", 1)
    job.move(frm=("running",), status="queued")
    run(job)
    assert (job.status, job.error, job.attempt, painted) == ("succeeded", "", 2, [2])
    pairs = zip(job.assets.all(), whole.assets.all(), strict=True)
    assert all((pixels(one) == pixels(other)).all() for one, other in pairs)


def test_a_stop_keeps_what_is_finished_and_only_that_is_paid_for(page, ada, monkeypatch):
    keep = StorageKeeper.keep

    def keep_and_stop(self, folder, made):
        keep(self, folder, made)
        job = Generation.objects.get(pk=self.job.pk)
        assert can_stop(job) and terms(job) == "keep 1 image, pay 1 of 4 credits"
        services.stop(job)

    monkeypatch.setattr(StorageKeeper, "keep", keep_and_stop)
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    job = run(submitted(ada, count=4))
    assert (job.status, job.error, job.stopped_early, job.assets.count()) == ("succeeded", "", True, 1)
    assert (billing.balance(ada), billing.held(ada), kept(job)) == (99, 0, "1 of 4 images")
    assert "Stopped early: 1 of 4 images kept" in page.get(job.get_absolute_url()).content.decode()


def test_the_card_of_a_set_shows_each_picture_with_its_uses(page, pair):
    html = page.get("/home/my-library?kind=image").content.decode()
    assert html.count("data-picture=") == 2 and "2 images" in html
    assert html.count("lightbox__uses") == 2
    for use in ("First frame", "Last frame", "Upscale"):
        assert f">{use}</a>" in html
    assert page.get(f"/home/my-library?tool=text2image&q={pair.engine}").context["count"] == 1
    assert page.get(pair.get_absolute_url()).status_code == 200
    chosen = pair.asset
    assert page.get(f"/home/tools/to-video?mode=picture&image={chosen.pk}").content.decode().count(str(chosen.pk))


def test_the_set_is_downloaded_as_one_zip(page, pair):
    answer = page.post("/home/my-library/zip", {"id": [str(pair.pk)]})
    assert answer["Content-Type"] == "application/zip"


@pytest.fixture
def hall(monkeypatch, tmp_path):
    """A machine on which every model of the catalogue lies."""
    for card_ in cards.all():
        if not card_.of:
            folder = tmp_path / card_.id
            folder.mkdir()
            (folder / "model_index.json").write_text("{}")
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))


def test_controls_follow_the_model(page, api, hall, settings):
    html = page.get(f"{PAGE}?prompt=a+boat").content.decode()
    assert pictures.default().id == "Z-Image", "the default where it is on the machine"
    assert 'data-why="negative_prompt" hidden' in html
    options = {option.attrib["value"]: json.loads(option.attrib["data-suits"]) for option in _options(html)}
    turbo = options["Z-Image-Turbo"]["ignored"]
    assert turbo["negative_prompt"].startswith("This model takes no negative prompt")
    assert set(turbo) == {"quality", "negative_prompt", "guidance_scale"} == set(options["FLUX.2-klein-4B"]["ignored"])
    assert options["Z-Image"]["ignored"] == {} and options["nano-image"]["ratios"][0] == "1:1"
    refused = {"model_id": "Z-Image-Turbo", "negative_prompt": "text", "guidance_scale": 4}
    errors = api.post(API, QUICK | refused, format="json").json()["errors"]
    assert "no negative prompt" in errors["negative_prompt"][0] and "without guidance" in errors["guidance_scale"][0]
    settings.DEVICE_GB = 12.0
    assert pictures.default().id == "Z-Image", "the parts take turns"
    settings.DEVICE_GB = 2.0
    assert pictures.default().id == "nano-image"
    told = api.post(f"{API}quote/", QUICK | {"model_id": "Z-Image"}, format="json").json()["errors"]["model_id"][0]
    assert "Z-Image needs" in told and "2 GB are there" in told


def _options(html):
    from html.parser import HTMLParser
    from types import SimpleNamespace

    found = []

    class Options(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag == "option" and "data-suits" in dict(attributes):
                found.append(SimpleNamespace(attrib=dict(attributes)))

    Options().feed(html)
    return found


def test_price_grows_with_the_tier_and_with_what_takes_more_passes(hall):
    tool, usual = registry.get("text2image"), {"quality": 70, "count": 1}
    assert tool.price(usual | {"model_id": "nano-image"}) == 1
    assert [tool.price(usual | {"model_id": name}) for name in ("Z-Image", "Z-Image-Turbo", "FLUX.2-klein-4B")] == [
        10
    ] * 3
    assert tool.price(usual | {"model_id": "Z-Image", "quality": 100, "count": 4}) == 49, "50 steps and not 41"
    assert tool.price(usual | {"model_id": "Z-Image", "guidance_scale": 1.0}) == 10, "less is not cheaper"
    frame = "SkyReels-V2-DF-14B-540P-image"
    assert tool.models({"model_id": frame, "finish": 2}) == {
        frame,
        frame.removesuffix("-image"),
        "realesr-animevideov3",
    }


def test_a_job_at_work_says_which_picture_it_is_at(page, ada):
    job = GenerationFactory(
        user=ada, tool="text2image", params={"count": 4, "finish": 4, "ratio": "1:1"}, status="running"
    )
    at = {"stage": "painting", "window": 3, "windows": 4, "step": 9, "steps": 18, "kept_windows": 2, "kept_attempt": 0}
    Generation.objects.filter(pk=job.pk).update(**at, seconds_left=8)
    job.refresh_from_db()
    assert (job.percent, detail(job)) == (62, "Image 3 of 4, about 8 s left")
    html = shown(job)
    assert "Making the image" in html and html.count("results__one") == 4 and html.count("<img") == 2
    assert "Stop here: keep 2 images" in html


def test_strangers_see_no_picture_that_is_being_made(client, ben, ada):
    job = GenerationFactory(user=ada, tool="text2image", params={"count": 2}, status="running")
    Generation.objects.filter(pk=job.pk).update(kept_windows=1, windows=2)
    job.refresh_from_db()
    client.force_login(ben)
    assert client.get(job.pictures[0]).status_code == 404
