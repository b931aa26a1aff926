"""Lip sync: from a clip of two people, one of them picked, to the player that shows it before and after."""

import os

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import card, finished, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]
OWNER = "lipsync@example.org"
LOOKED_AT = os.environ.get("LOOKED_AT", "")  # a folder for pictures of what this test sees


def clip(path):
    from scripts.faces import PEOPLE, Clip, Pose, Scene
    from workers.media import film

    poses = (Pose(170, 220, 180), Pose(470, 220, 180))
    made = Clip((Scene((PEOPLE["mara"], PEOPLE["jonas"]), poses, 1.2),), 640, 480)
    film.write(path, made.read(), made.width, made.height, made.fps)
    return path


def look(page, name):
    if LOOKED_AT:
        page.screenshot(path=f"{LOOKED_AT}/{name}.png", full_page=name.endswith("whole"))


@pytest.mark.parametrize("size", [(390, 844), (1440, 900)])
def test_one_of_two_faces_is_picked_and_speaks(open_page, tmp_path, size):
    page = open_page(OWNER, "/home/tools/lip-sync", viewport={"width": size[0], "height": size[1]})
    look(page, f"{size[0]}-empty")
    page.locator("input[type=file][name=video]").set_input_files(clip(tmp_path / "two.mp4"))
    faces = page.locator(".faces input")
    expect(faces).to_have_count(2)
    expect(page.locator(".faces__told")).to_contain_text("2 faces are seen")
    first, second = faces.nth(0), faces.nth(1)
    page.locator(".faces").scroll_into_view_if_needed()
    first.click()
    expect(first).to_be_checked()
    page.keyboard.press("ArrowRight")
    expect(second).to_be_checked()
    with page.expect_response("**/quote"):
        page.locator("textarea[name=text]").fill("Mama, papa.")
    expect(page.locator(".quote__credits")).to_have_count(1)
    expect(page.locator("#quote.htmx-request")).to_have_count(0)
    page.locator(".faces").scroll_into_view_if_needed()
    look(page, f"{size[0]}-picked")
    expect(page.locator(".faces input:checked"), "a quote leaves what is picked").to_have_count(1)
    page.locator("input[name=consent]").check()
    look(page, f"{size[0]}-consent")
    page.locator("[data-submit]").click()
    finished(page)
    look(page, f"{size[0]}-made")
    with page.expect_navigation():
        card(page).get_by_role("link").first.click()
    until(page, lambda: page.locator(".compare video:visible").count() == 2)
    expect(page.locator(".asset__side")).to_contain_text("Synthetic")
    look(page, f"{size[0]}-result-whole")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
