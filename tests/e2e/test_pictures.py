"""Images on the page: they fill the grid, are looked at one by one, are varied, and one of them begins a video."""

import re

import pytest

pytestmark = [pytest.mark.browser]
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
    page.wait_for_function(
        "() => document.querySelectorAll('#stage-list .results--growing .results__one').length === 4"
    )
    page.wait_for_function(f"() => document.querySelectorAll('{MADE}').length === 4")

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
    assert box.locator("[data-zoomed]").count(), "+ comes closer"
    page.keyboard.press("Escape")
    assert box.is_visible() and not box.locator("[data-zoomed]").count()
    page.keyboard.press("Escape")
    box.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.matches('[data-picture]')")

    page.keyboard.press("Enter")
    box.get_by_text("4 of 4").wait_for()
    page.keyboard.press("v")
    page.wait_for_url(re.compile("near="))
    assert (prompt.input_value(), quality.input_value()) == (PROMPT, "30")
    assert page.locator("[name=near]").input_value().isdigit() and page.locator("[name=count][value='4']").is_checked()
    page.keyboard.press("Control+Enter")  # stands on the button, and needs no focus in the form
    page.wait_for_function(f"() => document.querySelectorAll('{MADE}').length === 8")

    page.locator(MADE).nth(1).click()
    box.get_by_role("link", name="First frame", exact=True).click()
    page.wait_for_url(re.compile(r"/home/tools/to-video\?image="))
    assert page.locator("[name=mode][value=picture]").is_checked()
