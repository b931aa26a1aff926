"""The library in a browser: order, picking by hand and by key, the zip, and the trash."""

import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LIBRARY = "/home/my-library"
FILMS = 5
FILL = """
from datetime import timedelta
from pathlib import Path
from django.core.files import File
from django.utils import timezone
from apps.accounts.models import User
from apps.library.models import Asset, Generation
user = User.objects.get(email={email!r})
clip = sorted(Path("static/clips").glob("*.mp4"))[0]
for number in range({films}):
    at = timezone.now() - timedelta(hours=number + 1)
    job = Generation.objects.create(
        user=user, tool="to-video", title=f"sea {{number % 4}}", params={{"prompt": "the sea", "ratio": "16:9"}},
        status="succeeded", created_at=at, finished_at=at, length=number, engine="nano")
    asset = Asset(user=user, generation=job, kind="video", width=160, height=96, seconds=number, created_at=at)
    for name, path in (("file", clip), ("poster", clip.with_suffix(".webp"))):
        with path.open("rb") as file:
            getattr(asset, name).save(f"{{name}}{{path.suffix}}", File(file), save=False)
    asset.save()
"""


@pytest.fixture
def shelf(open_page, site):
    """Open the library of somebody who has a few films."""

    def shelf(email, **options):
        page = open_page(email, LIBRARY, **options)
        site.shell(FILL.format(email=email, films=FILMS))
        page.goto(f"{site.url}{LIBRARY}")
        return page

    return shelf


def tiles(page):
    return page.locator(".grid > article")


def titles(page):
    return [each.strip() for each in page.locator(".grid .card__title").all_inner_texts()]


def chosen(page):
    return page.locator("[data-pick]:checked").count()


def test_picking_the_zip_the_trash_and_the_way_back(shelf, site, tmp_path):
    page = shelf("una@example.org", reduced_motion="reduce")  # no preview is on its way when its video is deleted
    expected = ["sea 0", "sea 1", "sea 2", "sea 3", "sea 0"]
    until(page, lambda: titles(page) == expected)  # each has its title, without a pointer
    bar = page.locator("[data-picked]")
    expect(bar).to_be_hidden()

    # By key: x picks the tile that has the focus, Escape lets all go.
    page.locator(".grid .card__title a").first.focus()
    page.keyboard.press("x")
    until(page, lambda: chosen(page) == 1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+X")
    until(page, lambda: chosen(page) == 3)
    expect(bar).to_contain_text("3 selected")
    page.keyboard.press("Escape")
    until(page, lambda: chosen(page) == 0 and not bar.is_visible())

    # By hand: a tick, then Shift for a range; while some are picked, a tile is picked and not opened.
    tiles(page).nth(0).hover()
    tiles(page).nth(0).locator("[data-pick]").click()
    tiles(page).nth(3).locator("[data-pick]").click(modifiers=["Shift"])
    until(page, lambda: chosen(page) == 4)
    tiles(page).nth(3).click(position={"x": 80, "y": 60})
    until(page, lambda: chosen(page) == 3)
    assert page.url.endswith(LIBRARY)
    bar.get_by_role("button", name="Select all").click()
    until(page, lambda: chosen(page) == FILMS)

    names = []
    for _ in range(2):  # it can be asked for again
        with page.expect_download() as download:
            bar.get_by_role("button", name="Download").click()
        download.value.save_as(tmp_path / "films.zip")
        with zipfile.ZipFile(tmp_path / "films.zip") as archive:
            assert archive.testzip() is None
            names = archive.namelist()
            assert all(archive.read(name)[4:8] == b"ftyp" for name in names)
    links = page.locator(".grid a[download]").evaluate_all("all => all.map((each) => each.getAttribute('download'))")
    assert len(names) == len(set(names)) == FILMS and set(names) & set(links)
    assert {re.sub(r" \(\d+\)(?=\.)", "", name) for name in names} == set(links)

    # Deleted without another page, and taken back.
    page.keyboard.press("Escape")
    tiles(page).nth(0).hover()
    tiles(page).nth(0).locator("[data-pick]").click()
    tiles(page).nth(1).locator("[data-pick]").click()
    bar.get_by_role("button", name="Delete").click()
    until(page, lambda: tiles(page).count() == FILMS - 2)  # told to every tab, and so perhaps before the answer
    until(page, lambda: "3 items" in page.locator(".filters__count").inner_text() and not bar.is_visible())
    page.get_by_role("button", name="Undo").click()
    until(page, lambda: tiles(page).count() == FILMS and "5 items" in page.locator(".filters__count").inner_text())

    # Through the trash: one comes back, one goes for good.
    tiles(page).nth(0).hover()
    tiles(page).nth(0).locator("[data-pick]").click()
    tiles(page).nth(1).locator("[data-pick]").click()
    bar.get_by_role("button", name="Delete").click()
    until(page, lambda: tiles(page).count() == FILMS - 2)
    page.get_by_role("link", name="Trash", exact=True).click()
    page.wait_for_url(f"**{LIBRARY}/trash")
    expect(page.get_by_text("Goes for good on")).to_have_count(2)
    page.locator(".upload").nth(0).get_by_role("button", name="Restore").click()
    page.get_by_text("Restored.", exact=True).wait_for()
    expect(page.locator(".upload")).to_have_count(1)
    page.locator(".upload").nth(0).hover()
    page.locator(".upload [data-pick]").first.click()
    bar.locator("summary").click()
    bar.locator("details").get_by_role("button", name="Delete for good").click()
    page.get_by_text("The trash is empty.").first.wait_for()
    page.goto(f"{site.url}{LIBRARY}")
    expect(tiles(page)).to_have_count(FILMS - 1)


def test_orders_and_filters_change_the_page_without_leaving_it(shelf):
    page = shelf("vic@example.org")
    page.get_by_label("Sort by").focus()
    page.get_by_label("Sort by").select_option("long")
    page.wait_for_url("**sort=long")
    until(page, lambda: titles(page) == ["sea 0", "sea 3", "sea 2", "sea 1", "sea 0"])
    until(page, lambda: page.evaluate("document.activeElement.id") == "filter-sort")  # the focus stays
    page.locator("#filter-q").fill("SEA 3")
    page.keyboard.press("Enter")
    until(page, lambda: titles(page) == ["sea 3"])
    until(page, lambda: "q=" in page.url)
    assert "sort=long" in page.url and "kind=" not in page.url
    page.get_by_role("link", name="Failed or cancelled").click()
    page.get_by_text("Nothing matches.").wait_for()
    page.go_back()
    page.locator(".grid .card__title", has_text="sea 3").wait_for()


def test_a_finger_picks_and_hits(shelf):
    page = shelf("wes@example.org", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    small = page.locator(".library").evaluate(
        "shelf => [...shelf.querySelectorAll('.button, .chip, select, .shelves a, .filters__search')]"
        ".filter((each) => each.offsetParent && (each.offsetHeight < 44 || each.offsetWidth < 44))"
        ".map((each) => each.outerHTML.slice(0, 80))"
    )
    assert small == []
    page.get_by_role("button", name="Select", exact=True).tap()
    tiles(page).nth(1).tap()
    until(page, lambda: chosen(page) == 1)
    expect(page.locator("[data-picked]")).to_be_visible()
    boxes = page.locator("[data-picked] :is(button, summary)").evaluate_all(
        "all => all.filter((each) => each.offsetParent).map((each) => [each.offsetWidth, each.offsetHeight])"
    )
    assert min(side for box in boxes for side in box) >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_works_without_scripts(shelf, site):
    page = shelf("xan@example.org", java_script_enabled=False)
    tiles(page).nth(0).locator("[data-pick]").check()
    page.locator("[data-pick-delete]").click()
    page.get_by_text("Deleted. It stays in the trash").wait_for()
    page.goto(f"{site.url}{LIBRARY}/trash")
    with page.expect_navigation():
        page.get_by_role("button", name="Restore").first.click()
    page.goto(f"{site.url}{LIBRARY}?sort=old")
    expect(tiles(page)).to_have_count(FILMS)
