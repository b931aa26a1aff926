"""A studio with an engine of a new kind, as its staff and a visitor use it: two pictures become three."""

import io
import json
import re
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.site import Site
from tests.e2e.test_main_job import until
from tests.media import BLUE, RED, encoded
from tests.toy_engine.repository import MODEL, REPO, repository

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PAGE, MODELS = "/home/tools/mosaic", "/studio/models"
STAFF = "staff@example.org"


class ToySite(Site):
    """A studio in one process that has the folders of the toy engine."""

    program = ("-m", "tests.toy_engine")

    def __init__(self, folder):
        super().__init__(folder)
        self.fleet = False
        for name in ("REDIS_URL", "DATABASE_URL"):
            self.env.pop(name, None)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One studio for all tests of this file, whose models come from a hub that has the toy's."""
    from tests.workers.hub_server import Hub

    hub, folder = Hub(), tmp_path_factory.mktemp("toy")
    hub.repos[REPO] = repository(folder / "tesserae")
    site = ToySite(folder / "site")
    site.folder.mkdir()
    site.env |= {"HF_ENDPOINT": hub.url, "CINEVIVID_MODELS": str(folder / "models"), "MOSAIC_PAUSE": "0.1"}
    try:
        site.start()
        site.sign_in_link(STAFF)
        script = f"from apps.accounts.models import User; User.objects.filter(email={STAFF!r}).update(is_staff=True)"
        site.shell(script)
        yield site
    finally:
        site.stop()
        hub.stop()


def plain(folder, name, colour):
    """A picture of one colour on the disk."""
    path = folder / f"{name}.png"
    path.write_bytes(encoded(np.full((64, 96, 3), colour, np.uint8)))
    return path


def colours(content):
    """The colours of a picture's bytes."""
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    return {tuple(int(value) for value in colour) for colour in np.unique(pixels.reshape(-1, 3), axis=0)}


def model_row(page):
    return page.locator(f"#model-{MODEL}")


def order(page, folder, tiles):
    """Fill in the tool's page and send it; the card of the job."""
    page.get_by_label("First picture").set_input_files(plain(folder, "red", RED))
    page.get_by_label("Second picture").set_input_files(plain(folder, "blue", BLUE))
    page.get_by_label("Tiles").fill(str(tiles))
    page.locator("#quote").get_by_text(f"3 pictures of {tiles} × {tiles} tiles").wait_for()
    expect(page.locator("#quote")).to_contain_text(str(1 + tiles // 8))
    cards = page.locator("article[id^=generation-]")
    before = cards.count()
    page.get_by_role("button", name=re.compile("^Lay")).click()
    expect(cards).to_have_count(before + 1)
    return cards.first


def test_staff_bring_the_model_and_verify_it(open_page, site):
    page = open_page(STAFF, MODELS)
    row = model_row(page)
    expect(row.get_by_role("heading", name="Tesserae")).to_be_visible()
    row.get_by_text("Makes the mosaics").wait_for()
    row.get_by_role("button", name="Download").click()
    row.get_by_text("Ready").wait_for()
    with page.expect_response(f"**/{MODEL}/verify") as answer:
        row.get_by_role("button", name="Verify").click()
    assert answer.value.status == 200
    expect(row.get_by_role("button", name="Verify")).to_be_visible()
    row.get_by_text("Ready").wait_for()


def test_two_pictures_become_three_while_one_watches(open_page, site, tmp_path):
    page = open_page("ada@example.org", "/home/tools/all")
    page.get_by_role("link", name="Mosaic", exact=True).first.click()
    page.wait_for_url(f"**{PAGE}")
    # 64 rows of each picture take a moment, in which the model cannot be removed.
    card = order(page, tmp_path, 64)
    number = card.get_attribute("id")
    seen = set()

    def done():
        seen.add(card.inner_text())
        return card.get_attribute("data-status") == "succeeded"

    until(page, done, seconds=300)
    words = "\n".join(seen)
    assert "Laying" in words and re.search(r"Step \d+ of 128", words), words
    assert "window" not in words.lower() and "film" not in words.lower()

    page.goto(f"{site.url}/home/my-library/{number.removeprefix('generation-')}")
    pictures = page.locator("main article img[src*='/media/']")
    expect(pictures).to_have_count(3)
    addresses = [picture.get_attribute("src") for picture in pictures.all()]
    shown = [colours(page.request.get(f"{site.url}{address}").body()) for address in addresses]
    assert shown == [{RED}, {BLUE}, {RED, BLUE}]
    links = page.locator("main article a[download]")
    expect(links).to_have_count(3)
    for link, expected in zip(links.all(), shown, strict=True):
        with page.expect_download() as download:
            link.click()
        assert colours(download.value.path().read_bytes()) == expected

    page.locator("details.recipe summary").first.click()
    recipe = json.loads(page.locator("details.recipe pre").first.inner_text())
    assert (recipe["task"], recipe["model"], recipe["params"]) == ("mosaic", MODEL, {"tiles": 64})
    assert set(recipe["inputs"]) == {"first", "second"}
    page.get_by_role("link", name=re.compile("receipt")).first.click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(page.locator(".receipt__total")).to_contain_text("9 credits")


def test_a_program_does_the_same(site, tmp_path):
    script = (
        "from apps.accounts.models import ApiToken, User;"
        "print(ApiToken.objects.issue(User.objects.get(email='staff@example.org'), 'toy')[1])"
    )
    token = site.shell(script)

    def call(path, data=None, **headers):
        request = urllib.request.Request(
            path if path.startswith("http") else f"{site.url}/api/v1/{path}",
            data,
            {"Authorization": f"Bearer {token}", "Accept": "application/json"} | headers,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
            return json.loads(content) if "json" in answer.headers["Content-Type"] else content

    (tool,) = [tool for tool in call("tools/") if tool["slug"] == "mosaic"]
    schema = call("schema/?format=json")
    operation = schema["paths"]["/api/v1/tools/mosaic/"]["post"]
    name = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]
    assert list(schema["components"]["schemas"][name]["properties"]) == ["first", "second", "tiles", "batch"]

    pictures = {"first": plain(tmp_path, "red", RED), "second": plain(tmp_path, "blue", BLUE)}
    content, kind = multipart(pictures, {"tiles": "8"})
    assert call(f"{tool['path']}quote/", content, **kind)["credits"] == 2
    made = [call(tool["path"], content, **kind, **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert made[0]["id"] == made[1]["id"]
    job = made[0]
    while job["status"] in ("queued", "running"):
        time.sleep(0.1)
        job = call(f"generations/{job['id']}/")
    assert job["status"] == "succeeded", job["error"]
    assert [colours(call(asset["url"])) for asset in job["assets"]] == [{RED}, {BLUE}, {RED, BLUE}]
    assert job["credits"] == {"held": 2, "captured": 2, "released": 0}


def multipart(files, values):
    """The body of a form with files, and its header."""
    edge = "edge-of-a-part"
    parts = [(f'name="{name}"', value.encode()) for name, value in values.items()]
    parts += [(f'name="{name}"; filename="{path.name}"', path.read_bytes()) for name, path in files.items()]
    body = b"".join(
        f"--{edge}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return body + f"--{edge}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={edge}"}


def test_the_model_stays_while_a_job_needs_it_and_goes_later(open_page, site, tmp_path):
    page, staff = open_page("ada@example.org", PAGE), open_page(STAFF, MODELS, problems_expected=True)
    row = model_row(staff)

    def remove():
        row.locator("summary", has_text="Remove").click()
        row.get_by_role("button", name="Remove model").click()

    card = order(page, tmp_path, 64)
    remove()
    staff.locator("#toasts").get_by_text("is needed by mosaics that wait or are being made").wait_for()
    expect(card).to_have_attribute("data-status", "succeeded", timeout=300_000)
    staff.reload()
    remove()
    row.get_by_text("Not installed").wait_for()

    # Without it a job says what is missing, and costs nothing.
    card = order(page, tmp_path, 8)
    expect(card).to_have_attribute("data-status", "failed", timeout=300_000)
    expect(card).to_contain_text("The model Tesserae is not on this machine.")
    expect(card).to_contain_text("given back")
