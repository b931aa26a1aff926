"""A video in another look: from the form to the player that shows it before and after."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import card, finished, until
from tests.media import film

pytestmark = [pytest.mark.browser, pytest.mark.look, pytest.mark.slow, pytest.mark.timeout(600)]
OWNER = "restyle@example.org"


def clip(path):
    frames = []
    for i in range(21):
        frame = np.full((160, 160, 3), 30, np.uint8)
        frame[50:100, 4 * i : 4 * i + 50] = (228, 38, 38)
        frames.append(frame)
    return film(path, frames, rate=8)


def compared(page):
    """On the page of what was made, both films are shown, and the slider between them works by key."""
    with page.expect_navigation():
        card(page).get_by_role("link").first.click()
    until(page, lambda: page.locator(".compare video:visible").count() == 2)
    slider = page.locator(".compare__slider input")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("51")
    page.keyboard.press("Home")
    until(page, lambda: page.locator(".compare").evaluate("it => it.style.getPropertyValue('--compare')") == "0%")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_a_video_is_restyled_and_gets_a_look_on_a_phone(open_page, site, tmp_path):
    page = open_page(OWNER, "/home/tools/restyle", viewport={"width": 390, "height": 844})
    page.locator("input[type=file][name=video]").set_input_files(clip(tmp_path / "square.mp4"))
    page.get_by_label("Prompt", exact=True).fill("a blue square moves right on a black background")
    page.locator("input[name=strength]").evaluate("it => { it.value = 0.3; it.dispatchEvent(new Event('input')) }")
    expect(page.locator("#note-video")).to_contain_text("Made at 128 × 128.")
    page.locator("[data-submit]").click()
    finished(page)
    compared(page)

    page.goto(f"{site.url}/home/tools/looks")
    page.locator("input[type=file][name=video]").set_input_files(tmp_path / "square.mp4")
    page.locator("input[name=look][value=sepia]").check()
    page.locator("[data-submit]").click()
    finished(page)
    compared(page)
