"""A suggestion beside the prompt, and the shot builder over it."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import at_rest, settled, until

pytestmark = [pytest.mark.browser, pytest.mark.look]

TOOL = "/home/tools/to-video"
MINE = "a swan glides over a lake"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


def test_a_suggestion_stands_beside_the_prompt_and_is_taken_by_hand_only(open_page):
    page = open_page("uma@example.org", TOOL)
    prompt, panel = page.locator("[name=prompt]"), page.locator("#suggestion")
    kept, undo = page.locator("[name=prompt_original]"), page.locator("[data-fill-undo]")
    prompt.fill(MINE)
    page.get_by_role("button", name="Enhance").click()
    panel.locator("[data-suggested]").wait_for()
    expect(prompt, "nothing is taken by itself").to_have_value(MINE)
    expect(panel.locator("ins").first).to_be_attached()
    expect(panel.get_by_text("Yours")).to_be_visible()
    until(page, lambda: page.evaluate("document.activeElement.closest('#suggestion') !== null"))
    box, body = at_rest(prompt), page.locator(".panel__body").bounding_box()
    assert box["y"] >= max(0, body["y"]), "the prompt stays in view"
    expect(page.locator("[data-rewrite]:visible")).to_have_count(0)

    suggested = panel.locator("[data-suggested]").get_attribute("data-whole")
    settled(page)
    panel.get_by_role("button", name="Another").click()
    expect(panel.locator("[data-suggested]")).not_to_have_attribute("data-whole", suggested)
    suggested = panel.locator("[data-suggested]").get_attribute("data-whole")

    first = panel.get_by_role("button", name="Use this part").first
    first.focus()
    page.keyboard.press("Enter")
    expect(first).to_have_attribute("aria-pressed", "true")
    until(page, lambda: prompt.input_value() not in (MINE, suggested) and kept.input_value() == MINE)
    undo.click()
    until(page, lambda: (prompt.input_value(), kept.input_value()) == (MINE, ""))
    expect(first).to_have_attribute("aria-pressed", "false")
    expect(undo).to_be_hidden()

    panel.get_by_role("button", name="Use it").click()
    until(page, lambda: (prompt.input_value(), kept.input_value()) == (suggested, MINE))
    expect(panel).to_have_text("")
    undo.click()
    until(page, lambda: (prompt.input_value(), kept.input_value()) == (MINE, ""))

    page.get_by_role("button", name="Enhance").click()
    panel.get_by_role("button", name="Keep mine").focus()
    page.keyboard.press("Escape")
    expect(panel).to_have_text("")
    expect(prompt).to_have_value(MINE)


def test_a_shot_is_built_over_the_prompt_and_put_into_it(open_page):
    page = open_page("vera@example.org", TOOL)
    prompt, dialog = page.locator("[name=prompt]"), page.locator("dialog[open]")
    prompt.fill("close-up of a swan at night")
    page.get_by_role("link", name="Build a shot").click()
    dialog.locator("#builder").wait_for()
    expect(dialog.get_by_role("radio", name="Close-up not for nano", exact=True)).to_be_checked()
    expect(dialog.locator("[name=sub_type-0]")).to_have_value(re.compile("^swan$", re.I))
    settled(page)
    dialog.get_by_role("button", name="Add a subject").click()
    dialog.locator("[name=sub_type-1]").wait_for()
    settled(page)
    dialog.locator("[name=sub_type-1]").fill("Dog")
    dialog.get_by_role("group", name="Camera motion").get_by_role("radio", name=re.compile("Pan left", re.I)).check(
        force=True
    )
    dialog.locator("#built-text").get_by_text("pans left").wait_for()
    dialog.get_by_role("button", name="Use this prompt").click()
    dialog.wait_for(state="detached")
    expect(prompt).to_have_value(re.compile("dog", re.I))
    expect(prompt).to_have_value(re.compile("camera pans left"))
    page.locator("[data-fill-undo]").click()
    expect(prompt).to_have_value("close-up of a swan at night")


def test_the_prompt_of_a_shot_follows_what_is_typed_and_the_caret_stays(open_page):
    page = open_page("xena@example.org", "/home/tools/prompt/builder", problems_expected=True)  # a 422
    text, name = page.locator("#built-text"), page.locator("#sub_type-0")
    caret = "[document.activeElement.id, document.activeElement.selectionStart]"
    name.press_sequentially("Swan")
    text.get_by_text("A swan.", exact=True).wait_for()
    name.press("ArrowLeft")
    name.press("e")
    text.get_by_text("A swaen.", exact=True).wait_for()
    until(page, lambda: page.evaluate(caret) == ["sub_type-0", 4])
    settled(page)
    with page.expect_response("**/builder"):
        name.press("Enter")  # writes it anew, and presses nothing else
    settled(page)
    text.get_by_text("A swaen.", exact=True).wait_for()
    until(page, lambda: (name.input_value(), page.evaluate(caret)) == ("Swaen", ["sub_type-0", 4]))

    page.get_by_role("button", name="Add a subject").press("Enter")
    subject = page.locator("#sub_type-1:focus")
    subject.wait_for()
    settled(page)
    subject.press_sequentially("Dog")
    text.get_by_text("A dog.").wait_for()
    page.get_by_role("button", name="Add a subject").press("Enter")
    page.locator("#sub_type-2:focus").wait_for()
    settled(page)
    page.get_by_role("button", name="Remove subject 1").press("Enter")
    page.locator("#sub_type-0:focus").wait_for()
    settled(page)
    expect(name).to_have_value("Dog")
    expect(page.locator("form#builder")).to_have_count(1)

    page.locator("#builder summary").first.press("Enter")
    page.locator("#paste").fill('{"shot_type": "huge"}')
    page.get_by_role("button", name="Fill in the choices").press("Enter")
    page.locator("#paste[aria-invalid]:focus").wait_for()
    expect(text).to_have_text("A dog.")


def test_both_fit_a_phone(open_page):
    page = open_page("wim@example.org", TOOL, **PHONE)
    prompt = page.locator("[name=prompt]")
    expect(prompt).to_be_visible()
    prompt.fill(MINE)
    page.get_by_role("button", name="Enhance").click()
    page.locator("[data-suggested]").wait_for()
    box = at_rest(prompt)
    assert box["y"] >= 0 and box["y"] + box["height"] <= 844, "the prompt stays in view"
    for button in page.locator("#suggestion button").all():
        assert button.bounding_box()["height"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Build a shot").click()
    page.locator("dialog[open] #builder").wait_for()
    assert page.locator("dialog[open]").evaluate("dialog => dialog.scrollWidth <= innerWidth")
