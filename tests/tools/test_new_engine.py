"""An engine of a new kind is a folder with its cards, a task and a tool: everything else follows from them."""

import io
import sys

import numpy as np
import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from PIL import Image

from apps.billing import services as billing
from apps.library import uploads
from apps.library.models import Asset, Generation
from apps.tools import catalog, registry, services
from apps.tools.fields import AssetField
from tests import toy_engine
from tests.media import BLUE, GREEN, RED, encoded, quarters
from tests.tools.test_inputs import upload
from tests.toy_engine.repository import MODEL, REPO, repository
from workers.base import EngineError
from workers.engines import registry as engines
from workers.tasks import registry as tasks
from workers.weights import catalog as models
from workers.weights import store

API, PAGE = "/api/v1/tools/mosaic/", "/home/tools/mosaic"
MODELS = "/studio/models"


@pytest.fixture(autouse=True)
def tool(monkeypatch):
    """The toy's tool, in a studio that has the toy's folders for one test."""
    models.all()
    for name in ("_cards", "_read"):
        monkeypatch.setattr(models, name, getattr(models, name).copy())
    monkeypatch.setattr(engines, "_engines", {})
    toy_engine.install()
    catalog.load()
    yield registry.get("mosaic")
    registry.unregister("mosaic")
    if "mosaic" in tasks._tasks:
        tasks.forget("mosaic")
    toy_engine.remove()
    for name in [
        name for name in sys.modules if name.startswith(tuple(f"{place}.mosaic" for place in toy_engine.PLACES))
    ]:
        del sys.modules[name]


@pytest.fixture
def hub(remote, tmp_path):
    """The hub of the tests, which has the toy's model."""
    remote.repos[REPO] = repository(tmp_path / "tesserae")
    return remote


@pytest.fixture
def staff(page, ada):
    """A browser in which ada is signed in, who runs this studio."""
    ada.is_staff = True
    ada.save()
    return page


def plain(colour):
    """A picture of one colour, as an upload."""
    return upload(encoded(np.full((64, 96, 3), colour, np.uint8)), "plain.png")


def in_library(user):
    """The id of a red picture in the user's library."""
    return str(uploads.keep(user, "image", plain(RED)).pk)


def colours(asset):
    """The colours of a stored picture, by their names."""
    with asset.file.open("rb") as stored:
        pixels = np.asarray(Image.open(io.BytesIO(stored.read())))
    return {tuple(int(value) for value in colour) for colour in np.unique(pixels.reshape(-1, 3), axis=0)}


def test_the_scans_find_it(page, tool):
    card = models.get(MODEL)
    assert (card.kind, models.chosen("mosaic"), tool.title) == ("mosaic", MODEL, "Mosaic")
    assert tool.inputs == ["first", "second"]
    html = page.get("/home/tools/all").content.decode()
    assert "Pictures" in html and f'href="{PAGE}"' in html and tool.tagline in html
    assert tool.description in page.get("/").content.decode()


def test_the_page_has_its_fields_and_tells_its_price(page):
    html = page.get(PAGE).content.decode()
    assert html.count('type="file"') == 3, "two pictures, and the table of a batch"
    assert "First picture" in html and ">Lay<" in html
    # A price needs no pictures.
    quote = page.get(f"{PAGE}/quote", {"tiles": "32"}).content.decode()
    assert "3 pictures of 32 × 32 tiles" in quote and "5" in quote


def test_the_page_says_which_picture_is_missing(page, ada):
    answer = page.post(PAGE, {"first": plain(RED), "tiles": "8"})
    assert answer.status_code == 422 and answer.content.decode().count("Second picture: choose a file") == 1
    assert not Generation.objects.exists() and billing.balance(ada) == 100
    assert AssetField("image").widget.use_required_attribute(None) is False


def test_the_api_lists_it_and_the_schema_has_its_fields(api):
    listed = {tool["slug"]: tool for tool in api.get("/api/v1/tools/").json()}
    assert listed["mosaic"]["path"].endswith(API) and listed["mosaic"]["category"] == "Pictures"
    schema = api.get("/api/v1/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()
    body = schema["components"]["schemas"]["MosaicRequestRequest"]
    assert f"{API}quote/" in schema["paths"] and schema["paths"][API]["post"]["operationId"] == "submit_mosaic"
    assert set(body["properties"]) == {"first", "second", "tiles", "batch"}
    assert set(body["required"]) == {"first", "second"}
    tiles = body["properties"]["tiles"]
    assert (tiles["minimum"], tiles["maximum"]) == (2, 64)


def test_staff_bring_verify_and_remove_its_model(worker, staff, hub, wait_until):
    html = staff.get(MODELS).content.decode()
    row = html[html.index(f'id="model-{MODEL}"') :]
    assert "Tesserae" in row and "Makes the mosaics" in row and "64 × 64 tiles" in row and REPO in row
    staff.post(f"{MODELS}/{MODEL}/download")
    wait_until(lambda: store.status(MODEL).state == "ready", message="it did not come")
    here = {path.name for path in models.get(MODEL).folder().iterdir()}
    assert {"colours.safetensors", "mosaic.json"} == here - {".cinevivid.json"}
    requests = len(hub.requests)
    staff.post(f"{MODELS}/{MODEL}/verify")
    wait_until(lambda: store.status(MODEL).state == "ready", message="it was not checked")
    assert len(hub.requests) == requests
    staff.post(f"{MODELS}/{MODEL}/remove")
    assert store.status(MODEL).state == "ready"  # the only one that lays mosaics goes only when that is said
    staff.post(f"{MODELS}/{MODEL}/remove", {"force": "yes"})
    assert store.status(MODEL).state == "absent"


def test_damaged_weights_are_found_by_the_check_of_its_own_card(hub):
    (hub.repos[REPO] / "colours.safetensors").write_bytes(b"no tensors")
    with pytest.raises(EngineError, match="has no colours that can be read"):
        store.download(MODEL)
    assert store.status(MODEL).state == "broken"


def test_the_command_knows_models_of_every_kind(hub, db, capsys):
    call_command("models", "download", MODEL)
    call_command("models", "list")
    assert "tesserae-1 *" in capsys.readouterr().out
    call_command("models", "evict", MODEL, "--force")
    assert store.status(MODEL).state == "absent"


def test_three_pictures_from_two(worker, api, ada, hub, wait_until):
    store.download(MODEL)
    quote = api.post(f"{API}quote/", {"first": plain(RED), "second": plain(BLUE), "tiles": 16}, format="multipart")
    assert (quote.json()["credits"], Asset.objects.count()) == (3, 0)

    def submit():
        asked = {"first": plain(RED), "second": plain(BLUE), "tiles": 16}
        return api.post(API, asked, format="multipart", HTTP_IDEMPOTENCY_KEY="mosaic-1")

    answer = submit()
    assert answer.status_code == 202, answer.json()
    assert submit().json()["id"] == answer.json()["id"] and Generation.objects.count() == 1

    seen = []

    def ended():
        job = api.get(answer["Location"]).json()
        seen.append(job["progress"])
        return job if job["status"] not in ("queued", "running") else None

    job = wait_until(ended, message="it did not end")
    assert (job["status"], job["engine"], job["cost"]) == ("succeeded", MODEL, 3), job["error"]
    assert {each["windows"] for each in seen} == {0}
    assert job["credits"] == {"held": 3, "captured": 3, "released": 0} and billing.balance(ada) == 97
    assert Generation.objects.get().queue == "cpu"

    given = {each["name"]: each["asset"] for each in job["inputs"]}
    assert [asset["kind"] for asset in job["assets"]] == ["image"] * 3
    first, second, both = Asset.objects.filter(generation=job["id"])
    assert [asset["id"] for asset in job["assets"]] == [str(each.pk) for each in (first, second, both)]
    assert [colours(each) for each in (first, second, both)] == [{RED}, {BLUE}, {RED, BLUE}]
    assert (first.width, first.height) == (512, 512)
    for asset in job["assets"]:
        stored = api.get(asset["url"])
        assert (stored["Content-Type"], int(stored["Content-Length"])) == ("image/png", asset["bytes"])

    recipe = job["assets"][2]["recipe"]
    assert (recipe["task"], recipe["model"], recipe["params"]) == ("mosaic", MODEL, {"tiles": 16})
    assert recipe["inputs"] == {name: Asset.objects.get(pk=pk).sha256 for name, pk in given.items()}
    assert set(recipe["versions"]) == {"numpy", "pillow", "safetensors"}


def test_a_job_of_the_page_is_on_its_card_page_and_receipt(worker, page, hub, wait_until):
    store.download(MODEL)
    picture = upload(encoded(quarters()), "quarters.png")
    assert page.post(PAGE, {"first": picture, "second": plain(GREEN), "tiles": "8"}).status_code == 302
    wait_until(lambda: not Generation.objects.active().exists(), message="it did not end")
    job = Generation.objects.get()
    assert job.status == "succeeded", job.error
    assert "window" not in page.get(PAGE).content.decode().partition(f'id="generation-{job.pk}"')[2].lower()
    html = page.get(job.get_absolute_url()).content.decode()
    assert MODEL in html and "Tiles" in html and "3 images" in html and "written into the file" not in html
    assert all(asset.file_url in html and asset.download_name in html for asset in job.assets.all())
    # What it made goes into the next one.
    assert "Second picture of a mosaic" in html and f"second={job.assets.first().pk}" in html
    receipt = page.get(f"/home/credits/{job.reference}").content.decode()
    assert "Charged" in receipt and "2 credits" in receipt


def test_a_model_that_a_job_needs_stays(staff, ada, tool, hub):
    store.download(MODEL)
    pictures = {name: in_library(ada) for name in tool.inputs}
    job = services.submit(ada, tool, pictures | {"tiles": 8})
    staff.post(f"{MODELS}/{MODEL}/remove", {"force": "yes"})
    assert services.models_in_use() == {MODEL} and store.status(MODEL).state == "ready"
    services.cancel(job)
    staff.post(f"{MODELS}/{MODEL}/remove", {"force": "yes"})
    assert store.status(MODEL).state == "absent"


def test_a_film_needs_the_model_that_finishes_it_too():
    film = registry.get("to-video")
    assert film.models({"model_id": "nano"}) == {"nano"}
    assert film.models({"model_id": "nano", "finish": 2}) == {"nano", models.chosen("upscale")}


def test_without_its_model_a_job_says_so_and_costs_nothing(worker, ada, tool, remote, wait_until):
    job = services.submit(ada, tool, {name: in_library(ada) for name in tool.inputs} | {"tiles": 8})
    wait_until(lambda: not Generation.objects.active().exists(), message="it did not end")
    job.refresh_from_db()
    assert (job.status, job.error) == ("failed", "The model Tesserae is not on this machine.")
    assert billing.balance(ada) == 100


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("tesserae-9", "which is in no catalogue."),
        ("nano", "which does another kind of work: video."),
        (MODEL, ""),
        ("", ""),
    ],
)
def test_a_choice_of_a_model_that_cannot_do_the_work_is_told(name, why, monkeypatch):
    monkeypatch.setenv("CINEVIVID_MOSAIC_ENGINE", name)
    told = [error.msg for error in run_checks() if error.id == "cinevivid.E003"]
    assert told == ([f"CINEVIVID_MOSAIC_ENGINE names the model '{name}', {why}"] if why else [])
    if why:
        with pytest.raises(EngineError, match="engine_unknown"):
            engines.get("mosaic")
    else:
        assert engines.get("mosaic").card.id == MODEL
