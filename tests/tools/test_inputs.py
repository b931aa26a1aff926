"""Films that begin with a picture or a video: through the page and the API, until they can be watched."""

import json
import uuid
from io import BytesIO

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from apps.billing import services as billing
from apps.library import uploads
from apps.library.models import Asset, Generation
from apps.tools import registry, videos
from apps.tools.video_modes import spec_of
from tests.factories import AssetFactory, GenerationFactory
from tests.media import encoded, film, quarters, sound
from tests.params import PARAMS
from workers.actors import run_generation
from workers.engines.skyreels import cards
from workers.media.probe import probe, read_frames
from workers.media.uploads import picture

PAGE, API = "/home/tools/to-video", "/api/v1/tools/to-video/"
NANO = cards.get("nano")
SMALL = PARAMS | {"num_frames": 9}
WINDOWS = PARAMS | {"base_num_frames": 9, "overlap_history": 5}


def upload(data=None, name="start.png"):
    return SimpleUploadedFile(name, encoded(quarters()) if data is None else data)


def clip(tmp_path, frames=24, **options):
    """A clip in which a bright field grows over a dark one."""
    shades = [np.full((64, 96, 3), 40, np.uint8) for _ in range(frames)]
    for i, shade in enumerate(shades):
        shade[:, : 4 * i] = (220, 40, 40)
    return upload(film(tmp_path / "clip.mp4", shades, **({"rate": 8} | options)).read_bytes(), "clip.mp4")


def mine(user, kind="image"):
    """Something in the user's library."""
    files = {"file": ContentFile(encoded(quarters()), "picture.png"), "poster": ContentFile(b"x", "poster.webp")}
    return AssetFactory(generation=None, user=user, kind=kind, width=96, height=64, seconds=0, recipe={}, **files)


@pytest.fixture
def made(transactional_db, tmp_path):
    """Run a job as a worker does, beside its own heartbeat, and return its film's frames [T, H, W, 3]."""

    def run(job):
        run_generation(job.queue)
        job.refresh_from_db()
        assert job.status == "succeeded", job.error
        path = tmp_path / "made.mp4"
        path.write_bytes(job.asset.file.read())
        return np.stack(list(read_frames(path)))

    return run


def nothing_happened(user):
    return (Generation.objects.count(), billing.balance(user)) == (0, 100)


def test_a_picture_that_is_uploaded_on_the_page_is_the_first_frame(made, page, ada, tmp_path):
    answer = page.post(PAGE, SMALL | {"mode": "picture", "ratio": "", "image": upload()})
    assert answer.status_code == 302
    job, kept = Generation.objects.get(), Asset.objects.get()
    assert (job.inputs.get().asset, job.params["mode"], job.params["ratio"]) == (kept, "picture", "16:9")
    assert "image" not in job.params
    assert (kept.user, kept.generation, kept.kind, kept.width, kept.height) == (ada, None, "image", 96, 64)
    frames = made(job)
    (tmp_path / "start.png").write_bytes(encoded(quarters()))
    expected = picture(tmp_path / "start.png", *NANO.sizes["16:9"])
    assert np.abs(frames[0].astype(int) - expected).mean() < 25
    assert job.asset.recipe["inputs"]["image"] == kept.sha256


def test_the_api_takes_a_file_or_an_id(api, ada):
    sent = api.post(API, {"prompt": "a swan", "image": upload()}, format="multipart")
    assert sent.status_code == 202, sent.json()
    asset = Asset.objects.get()
    named = api.post(API, {"prompt": "a swan", "image": str(asset.pk)}, format="json")
    given = [{"name": "image", "position": 0, "asset": str(asset.pk), "source": None}]
    assert [answer.json()["inputs"] for answer in (sent, named)] == [given, given]
    assert named.json()["params"]["mode"] == "picture"


def test_the_same_file_twice_is_one_asset(api):
    for _ in range(2):
        api.post(API, {"prompt": "a swan", "image": upload()}, format="multipart")
    assert (Generation.objects.count(), Asset.objects.count()) == (2, 1)


def test_the_same_key_with_another_picture_is_another_request(api):
    key = {"HTTP_IDEMPOTENCY_KEY": "k"}
    first = api.post(API, {"prompt": "a swan", "image": upload()}, format="multipart", **key)
    again = api.post(API, {"prompt": "a swan", "image": upload()}, format="multipart", **key)
    other = upload(encoded(quarters(64, 64)))
    another = api.post(API, {"prompt": "a swan", "image": other}, format="multipart", **key)
    assert first.json()["id"] == again.json()["id"]
    assert another.json()["code"] == "duplicate_request"


def test_the_same_key_gives_the_same_job_when_its_picture_is_gone(api, ada):
    picture = mine(ada)
    asked = {"prompt": "a swan", "image": str(picture.pk)}
    first = api.post(API, asked, format="json", HTTP_IDEMPOTENCY_KEY="k")
    uploads.delete(picture)
    again = api.post(API, asked, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


def test_what_a_picture_says_about_its_owner_is_not_kept(api, ada):
    image = Image.fromarray(quarters())
    exif = image.getexif()
    exif[0x0112], exif[0x010F] = 6, "A camera that knows where it is"
    file = BytesIO()
    image.save(file, "JPEG", exif=exif)
    body = api.post(API, {"prompt": "a swan", "image": upload(file.getvalue(), "IMG_1.jpg")}, format="multipart").json()
    assert body["params"]["ratio"] == "9:16"
    with Asset.objects.get().file.open() as stored:
        kept = Image.open(stored)
        assert (kept.size, kept.format, len(kept.getexif())) == ((64, 96), "PNG", 0)


def test_a_film_leads_from_one_picture_to_another_over_several_windows(made, api, ada, tmp_path):
    end = upload(encoded(quarters()[::-1].copy()), "end.png")
    asked = WINDOWS | {"num_frames": 13, "ratio": "1:1", "image": upload(), "end_image": end}
    body = api.post(API, asked, format="multipart").json()
    assert body["params"]["mode"] == "ends"
    job = Generation.objects.get()
    frames = made(job)
    assert (len(frames), job.asset.recipe["spec"]["base_num_frames"]) == (13, 9)
    (tmp_path / "start.png").write_bytes(encoded(quarters()))
    assert np.abs(frames[0].astype(int) - picture(tmp_path / "start.png", 128, 128)).mean() < 25
    assert set(job.asset.recipe["inputs"]) == {"image", "end_image"}


def test_an_uploaded_video_goes_on(made, page, ada, tmp_path):
    page.post(PAGE, WINDOWS | {"num_frames": 9, "mode": "extend", "ratio": "", "video": clip(tmp_path)})
    job = Generation.objects.get()
    assert job.cost == 1  # 4 new frames
    assert len(made(job)) == 24 + 9 - 5


def test_a_video_goes_on_towards_a_picture(made, api, ada, tmp_path):
    asked = WINDOWS | {"num_frames": 9, "video": clip(tmp_path), "end_image": upload(name="end.png")}
    body = api.post(API, asked, format="multipart").json()
    assert body["params"]["mode"] == "extend"
    job = Generation.objects.get()
    assert len(made(job)) == 24 + 9 - 5
    assert set(job.asset.recipe["inputs"]) == {"video", "end_image"}


@pytest.mark.parametrize("address", [API, f"{API}quote/"])
def test_a_picture_and_a_video_without_a_mode_are_refused(api, ada, tmp_path, address):
    answer = api.post(address, PARAMS | {"image": upload(), "video": clip(tmp_path)}, format="multipart")
    assert answer.status_code == 422
    assert "not both" in answer.json()["errors"]["image"][0] and nothing_happened(ada)


def test_a_film_of_the_library_goes_on(made, page, ada):
    page.post(PAGE, SMALL)
    first = Generation.objects.get()
    before = made(first)
    link = f"{PAGE}?video={first.asset.pk}"
    assert link in page.get(first.get_absolute_url()).content.decode()
    assert f'value="{first.asset.pk}" checked' in page.get(link).content.decode()
    page.post(PAGE, WINDOWS | {"num_frames": 9, "mode": "extend", "ratio": "1:1", "video": str(first.asset.pk)})
    second = Generation.objects.exclude(pk=first.pk).get()
    after = made(second)
    assert len(after) == len(before) + 4
    assert np.abs(after[8].astype(int) - before[8]).mean() < 10, "the film itself is its first part"
    assert np.abs(after[9].astype(int) - after[8]).mean() < 20, "the new frames follow on it"
    assert str(first.pk) in page.get(second.get_absolute_url()).content.decode()


def test_the_last_frame_of_a_film_begins_another(page, ada, tmp_path):
    data = film(tmp_path / "a.mp4", [np.full((64, 96, 3), shade, np.uint8) for shade in (20, 120, 220)]).read_bytes()
    asset = AssetFactory(generation__user=ada, file=ContentFile(data, "film.mp4"))
    answers = [page.post(f"/home/my-library/last-frame/{asset.pk}") for _ in range(2)]
    frame = Asset.objects.get(kind="image")
    assert {answer.url for answer in answers} == {f"/start?image={frame.pk}"}
    assert abs(int(np.asarray(Image.open(frame.file)).mean()) - 220) < 5
    form = page.get(answers[0].url, follow=True)
    assert f'value="{frame.pk}" checked' in form.content.decode()
    assert form.context["form"]["mode"].value() == "picture"


def animated():
    file = BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


@pytest.mark.parametrize(
    ("field", "data", "sentence"),
    [
        ("image", b"", "empty"),
        ("image", b"<svg onload=alert(1)>", "isn't an image"),
        ("image", encoded(quarters())[:150], "damaged"),
        ("image", encoded(np.zeros((20, 20, 3), np.uint8)), "at least 32 pixels"),
        ("end_image", b"GIF89a", "image"),
        ("image", animated()[: animated().rindex(b"!\xf9\x04") + 10], "damaged"),
        ("video", b"", "empty"),
        ("video", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "no video"),
        ("video", encoded(quarters()), "no video"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_on_its_field(page, api, ada, field, data, sentence):
    html = page.post(PAGE, PARAMS | {"mode": "", field: upload(data)})
    told = html.context["form"].errors[field][0]
    assert html.status_code == 422 and sentence in told and told.endswith(".")
    answer = api.post(API, PARAMS | {field: upload(data)}, format="multipart")
    assert (answer.status_code, answer.json()["errors"][field]) == (422, [told])
    assert nothing_happened(ada) and not Asset.objects.exists()


def vast():
    file = BytesIO()
    Image.new("1", (14_200, 14_200)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(("data", "sentence"), [(animated, "moves"), (vast, "megapixels")])
def test_pictures_that_move_or_are_vast_are_refused(api, ada, data, sentence):
    answer = api.post(API, PARAMS | {"image": upload(data())}, format="multipart").json()
    assert sentence in answer["errors"]["image"][0] and nothing_happened(ada)


def test_a_picture_in_printing_colours_is_taken(api, ada):
    file = BytesIO()
    Image.fromarray(quarters()).convert("CMYK").save(file, "JPEG")
    assert api.post(API, SMALL | {"image": upload(file.getvalue())}, format="multipart").status_code == 202
    assert Image.open(Asset.objects.get().file).mode == "RGB"


def test_a_clip_that_is_cut_off_has_no_picture_or_is_short_is_refused(api, ada, tmp_path):
    noise = [np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8) for i in range(60)]
    whole = film(tmp_path / "whole.mp4", noise, movflags="faststart").read_bytes()
    for file, sentence in (
        (upload(whole[: len(whole) // 2], "half.mp4"), "cut off"),
        (clip(tmp_path, frames=4), "too short to extend. Choose one of 1.1 s"),
        (upload(sound(tmp_path / "sound.mp4").read_bytes(), "sound.mp4"), "no picture, only sound"),
    ):
        errors = api.post(API, PARAMS | {"video": file}, format="multipart").json()["errors"]
        assert sentence in errors["video"][0]
    assert nothing_happened(ada)


@pytest.mark.parametrize(
    "options",
    [
        {"pix_fmt": "yuv420p10le"},
        {"rotate": 90},
        {"times": [0, 40, 400, 440, 800, 840, 1200, 1240, 1600, 1640, 2000, 2040], "frames": 12},
    ],
    ids=["10 bits", "turned", "uneven"],
)
def test_clips_as_cameras_make_them_are_taken(api, ada, tmp_path, options):
    answer = api.post(API, PARAMS | {"ratio": "", "video": clip(tmp_path, **options)}, format="multipart")
    assert answer.status_code == 202, answer.json()
    assert answer.json()["params"]["ratio"] == ("9:16" if "rotate" in options else "16:9")


def test_a_clip_of_odd_sides_goes_on(made, api, ada, tmp_path):
    data = film(tmp_path / "odd.mp4", [quarters(97, 65)] * 20, rate=8, pix_fmt="yuv444p").read_bytes()
    answer = api.post(API, WINDOWS | {"num_frames": 9, "video": upload(data, "odd.mp4")}, format="multipart")
    assert answer.status_code == 202
    assert made(Generation.objects.get()).shape[1:3] == (128, 128)


def test_a_strangers_picture_is_not_there(page, api, ada, ben):
    for asset in (mine(ben), uuid.uuid4(), "nonsense"):
        name = str(getattr(asset, "pk", asset))
        errors = api.post(API, PARAMS | {"image": name}, format="json").json()["errors"]
        assert "not in your library" in errors["image"][0]
    assert str(mine(ben).pk) not in page.get(f"{PAGE}?mode=picture").content.decode()
    assert nothing_happened(ada)


def test_a_video_is_no_picture(api, ada):
    film = AssetFactory(generation__user=ada)
    errors = api.post(API, PARAMS | {"image": str(film.pk)}, format="json").json()["errors"]
    assert "not in your library" in errors["image"][0]


@pytest.mark.parametrize(("mode", "field"), [("picture", "image"), ("ends", "end_image"), ("extend", "video")])
def test_a_mode_says_what_it_needs(page, ada, mode, field):
    answer = page.post(PAGE, PARAMS | {"mode": mode})
    assert answer.context["form"].errors[field][0].partition(": ")[2].startswith("choose the")
    assert nothing_happened(ada)


def test_what_another_mode_has_counts_for_nothing(page, ada):
    page.post(PAGE, PARAMS | {"mode": "text", "image": upload(b"no picture"), "video": str(uuid.uuid4())})
    job = Generation.objects.get()
    assert not job.inputs.exists() and "image" not in job.params


def test_a_picture_is_not_kept_when_something_else_is_wrong(page, ada, stored):
    answer = page.post(PAGE, PARAMS | {"mode": "picture", "image": upload(), "prompt": ""}, HTTP_HX_REQUEST="true")
    assert answer.status_code == 422
    assert not Asset.objects.exists() and stored() == []


def test_a_picture_that_is_deleted_while_the_film_waits_gives_the_credits_back(page, ada):
    page.post(PAGE, PARAMS | {"mode": "picture", "image": upload()})
    job, asset = Generation.objects.get(), Asset.objects.get()
    assert page.post(f"/home/my-library/uploads/{asset.pk}/delete").url == "/home/my-library/uploads"
    run_generation(job.queue)
    job.refresh_from_db()
    assert (job.status, job.error_code, billing.balance(ada)) == ("failed", "input_missing", 100)
    html = page.get(job.get_absolute_url()).content.decode()
    assert "no longer in your library" in html


def test_a_quote_stores_nothing_and_needs_no_picture(page, api, ada):
    html = page.get(f"{PAGE}/quote", PARAMS | {"mode": "picture", "prompt": ""}).content.decode()
    assert "21 frames" in html
    answer = api.post(f"{API}quote/", PARAMS | {"image": upload()}, format="multipart")
    assert answer.json()["credits"] == 2
    html = page.get(f"{PAGE}/quote", PARAMS | {"mode": "extend", "image": "[object File]"}).content.decode()
    assert "12 frames more" in html
    assert not Asset.objects.exists()


def test_a_remix_begins_with_the_same_picture(page, ada):
    page.post(PAGE, PARAMS | {"mode": "picture", "image": upload()})
    job = Generation.objects.get()
    html = page.get(f"{PAGE}?from={job.pk}").content.decode()
    assert f'value="{job.inputs.get().asset_id}" checked' in html


def test_uploads_are_listed_for_their_owner_and_deleted_by_nobody_else(page, client, ada, ben):
    asset, other = mine(ada), mine(ben)
    html = page.get("/home/my-library/uploads").content.decode()
    assert str(asset.pk) in html and str(other.pk) not in html
    assert page.get(f"/home/my-library/uploads/{asset.pk}/delete").status_code == 405
    assert page.post(f"/home/my-library/uploads/{other.pk}/delete").status_code == 404
    assert page.post(f"/home/my-library/last-frame/{other.pk}").status_code == 404
    assert Asset.objects.of(ben).count() == 1


def test_a_file_with_too_many_bytes_is_refused_unread(ada, monkeypatch):
    monkeypatch.setitem(uploads.MAX_BYTES, "image", 10)
    with pytest.raises(uploads.UnusableFile) as caught:
        uploads.keep(ada, "image", upload())
    assert caught.value.code == "file_too_large"


def test_the_file_of_a_film_says_what_it_was_made_from(made, page, ada, tmp_path):
    said = "a red circle"
    page.post(PAGE, SMALL | {"prompt": said, "mode": "picture", "image": upload(), "prompt_enhancer": "on"})
    job = Generation.objects.get()
    made(job)
    recipe = job.asset.recipe
    assert recipe["params"]["prompt"] == recipe["prompt_original"] == said in recipe["prompt_enhanced"] != said
    assert recipe["prompt_enhanced"] in recipe["prompt_sent"]
    assert (recipe["prompt_engine"], recipe["spec"]["base_num_frames"]) == ("shot-grammar", NANO.base_num_frames)
    html = page.get(job.get_absolute_url()).content.decode()
    assert recipe["prompt_sent"] in html
    assert json.dumps(recipe) and probe(tmp_path / "made.mp4").frames == 9


def test_the_tool_names_its_inputs():
    assert registry.get_or_404("to-video").inputs == ["image", "video", "end_image"]


@pytest.fixture
def large_models(monkeypatch, tmp_path):
    """Folders that say that a text, an image and a diffusion forcing model are on this machine."""
    ids = {kind: f"SkyReels-V2-{kind}-14B-540P" for kind in ("T2V", "I2V", "DF")}
    for model in ids.values():
        (tmp_path / "models" / model).mkdir(parents=True)
        (tmp_path / "models" / model / "model_index.json").write_text("{}")
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path / "models"))
    return ids


@pytest.mark.parametrize(
    ("kind", "change", "field", "sentence"),
    [
        ("T2V", {"image": True}, "image", "knows words only"),
        ("T2V", {"num_frames": 177}, "num_frames", "at most 97 frames"),
        ("T2V", {"ar_step": 5}, "ar_step", "Only diffusion forcing models"),
        ("I2V", {}, "mode", "begins with a picture"),
        ("I2V", {"end_image": True, "image": True}, "end_image", "Only diffusion forcing models"),
        ("DF", {"resolution": "720P"}, "resolution", "“720P” is not offered"),
        ("DF", {"ar_step": 5, "causal_block_size": 7, "num_frames": 177}, "base_num_frames", "Nearest"),
        ("DF", {"ratio": "4:3", "num_frames": 1465}, "num_frames", "1457"),
    ],
)
def test_what_a_model_cannot_do_is_said_where_it_can_be_changed(api, ada, large_models, kind, change, field, sentence):
    asked = {"prompt": "a swan", "num_frames": 97, "model_id": large_models[kind]} | change
    asked |= {name: str(mine(ada).pk) for name, value in change.items() if value is True}
    errors = api.post(API, asked, format="json").json()["errors"]
    assert sentence in " ".join(errors[field]) and nothing_happened(ada)


def test_models_of_this_machine_are_offered_and_have_their_own_values(page, api, large_models):
    html = page.get(PAGE).content.decode()
    assert all(f'value="{model}"' in html for model in large_models.values())
    assert "SkyReels-V2-DF-14B-720P" not in html
    asked = {"prompt": "a swan", "model_id": large_models["T2V"], "ratio": "4:3"}
    answer = api.post(f"{API}quote/", asked, format="json").json()
    assert "97 frames · 1 window" in answer["summary"]


def test_the_studios_own_model_is_refused_until_it_is_here(api, ada, large_models, monkeypatch):
    absent = cards.get("SkyReels-V2-DF-14B-720P")
    monkeypatch.setattr(videos, "MODEL", absent)
    errors = api.post(API, {"prompt": "a swan"}, format="json").json()["errors"]
    assert f"{absent.title} is not on this machine yet" in errors["model_id"][0]
    assert nothing_happened(ada)
    assert api.post(API, SMALL | {"model_id": "nano"}, format="json").status_code == 202


def remixed(page, ada, **params):
    """The form of a film that was asked for with these parameters."""
    job = GenerationFactory(user=ada, params=PARAMS | {"mode": "text"} | params)
    return page.get(f"{PAGE}?from={job.pk}").context["form"]


def test_a_remix_has_the_lengths_the_ratios_and_the_values_of_its_model(page, ada, large_models):
    form = remixed(page, ada, model_id=large_models["DF"], num_frames=737, ratio="4:3", steps=None)
    length, ratio = str(form["num_frames"]), str(form["ratio"])
    assert all(part in length for part in ('value="737"', 'min="97"', 'max="1457"', 'step="4"', 'data-fps="24"'))
    assert 'value="4:3"' in ratio and "disabled" not in ratio
    assert 'placeholder="50"' in str(form["steps"])
    own = remixed(page, ada, model_id="nano", num_frames=NANO.base_num_frames)
    assert f'data-fps="{NANO.fps}"' in str(own["num_frames"])
    assert "disabled" in next(line for line in str(own["ratio"]).split("<label") if 'value="4:3"' in line)


def test_the_page_of_a_remix_is_that_of_its_model(page, ada, large_models):
    card = cards.get(large_models["DF"])
    job = GenerationFactory(user=ada, params=PARAMS | {"mode": "text", "model_id": card.id, "num_frames": 97})
    for address, shown in ((f"{PAGE}?from={job.pk}", card), (PAGE, NANO)):
        told = page.get(address).context
        assert (told["model"], told["suggestions"]) == (shown, shown.examples)
        assert f'placeholder="{shown.examples[0]}"' in str(told["form"]["prompt"])


def test_a_form_that_comes_back_has_them_too(page, ada, large_models):
    asked = PARAMS | {"mode": "text", "model_id": large_models["T2V"], "num_frames": 97, "prompt": ""}
    length = str(page.post(PAGE, asked).context["form"]["num_frames"])
    assert all(part in length for part in ('value="97"', 'max="97"', 'data-fps="24"'))


@pytest.mark.parametrize("frames", [13, 25, NANO.base_num_frames + 4])
def test_a_length_between_whole_windows_stays_as_it_was(page, ada, frames):
    attrs = remixed(page, ada, num_frames=frames).fields["num_frames"].widget.attrs
    assert attrs["min"] <= frames <= attrs["max"] and (frames - attrs["min"]) % attrs["step"] == 0


@pytest.mark.parametrize(
    ("kind", "mode", "shown"), [("DF", "text", "6.0"), ("DF", "picture", "5.0"), ("I2V", "picture", "5.0")]
)
def test_what_is_shown_as_recommended_is_what_is_used(page, ada, large_models, kind, mode, shown):
    picture = {"image": str(mine(ada).pk)} if mode == "picture" else {}
    asked = {"prompt": "a swan", "model_id": large_models[kind], "mode": mode, "num_frames": 97} | picture
    form = remixed(page, ada, guidance_scale=None, shift=None, **asked)
    assert f'placeholder="{shown}"' in str(form["guidance_scale"])
    spec = spec_of(asked)
    values = {name: form.fields[name].widget.attrs["placeholder"] for name in ("guidance_scale", "shift", "steps")}
    assert values == {name: getattr(spec, name) for name in values}


def test_every_flag_has_a_field():
    from workers.engines.skyreels.request.flags import FLAGS, parameter_of

    fields = registry.get_or_404("to-video").form_class.base_fields
    assert {parameter_of(flag) for flag in FLAGS} - {"outdir"} <= set(fields)
    folded = {name for names in registry.get_or_404("to-video").form_class.advanced.values() for name in names}
    assert all(fields[name].help_text for name in folded)
