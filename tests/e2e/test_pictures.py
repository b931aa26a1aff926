"""Images on the page: they fill the grid, are looked at one by one, are varied, and one of them begins a video."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import until

pytestmark = [pytest.mark.browser, pytest.mark.look]
MADE = "#stage-list > .card--succeeded [data-picture]"
PROMPT = "a red star in the night sky"


def test_four_pictures_appear_and_one_is_varied_and_becomes_a_first_frame(open_page):
    page = open_page("mila@example.org", "/home/tools/text2image")
    prompt, quality = page.locator("[name=prompt]"), page.locator("[name=quality]")
    prompt.fill(PROMPT)
    quality.focus()
    page.keyboard.press("Home")
    page.locator("[name=finish]").select_option("")
    page.get_by_text("4 images · 128 × 128").wait_for()
    page.locator("[data-submit]").click()
    growing = "#stage-list .results--growing .results__one"  # looked for with every frame, as it does not stay
    page.wait_for_function(f"() => document.querySelectorAll('{growing}').length === 4")
    expect(page.locator(MADE)).to_have_count(4, timeout=300_000)

    page.locator(MADE).first.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog", name="Image")
    box.get_by_text("1 of 4 · 128 × 128").wait_for()
    page.keyboard.press("ArrowRight")
    box.get_by_text("2 of 4").wait_for()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    box.get_by_text("4 of 4").wait_for()
    page.keyboard.press("+")
    expect(box.locator("[data-zoomed]"), "+ comes closer").to_have_count(1)
    page.keyboard.press("Escape")
    expect(box.locator("[data-zoomed]")).to_have_count(0)
    expect(box).to_be_visible()
    page.keyboard.press("Escape")
    box.wait_for(state="hidden")
    until(page, lambda: page.evaluate("document.activeElement.matches('[data-picture]')"))

    page.keyboard.press("Enter")
    box.get_by_text("4 of 4").wait_for()
    page.keyboard.press("v")
    page.wait_for_url(re.compile("near="))
    expect(prompt).to_have_value(PROMPT)
    expect(quality).to_have_value("30")
    expect(page.locator("[name=near]")).to_have_value(re.compile(r"^\d+$"))
    expect(page.locator("[name=count][value='4']")).to_be_checked()
    page.keyboard.press("Control+Enter")  # stands on the button, and needs no focus in the form
    expect(page.locator(MADE)).to_have_count(8, timeout=300_000)

    page.locator(MADE).nth(1).click()
    box.get_by_role("link", name="First frame", exact=True).click()
    page.wait_for_url(re.compile(r"/home/tools/to-video\?image="))
    expect(page.locator("[name=mode][value=picture]")).to_be_checked()
