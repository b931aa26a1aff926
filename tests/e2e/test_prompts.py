"""A suggestion beside the prompt, and the shot builder over it."""

import re

import pytest

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
    assert prompt.input_value() == MINE, "nothing is taken by itself"
    assert panel.locator("ins").count() and panel.get_by_text("Yours").is_visible()
    assert page.evaluate("document.activeElement.closest('#suggestion') !== null")
    box, body = prompt.bounding_box(), page.locator(".panel__body").bounding_box()
    assert box["y"] >= max(0, body["y"]), "the prompt stays in view"
    assert page.locator("[data-rewrite]").count() == 0 or page.locator("[data-rewrite]").is_hidden()

    suggested = panel.locator("[data-suggested]").get_attribute("data-whole")
    panel.get_by_role("button", name="Another").click()
    page.wait_for_function("was => document.querySelector('[data-suggested]').dataset.whole !== was", arg=suggested)
    suggested = panel.locator("[data-suggested]").get_attribute("data-whole")

    first = panel.get_by_role("button", name="Use this part").first
    first.focus()
    page.keyboard.press("Enter")
    assert first.get_attribute("aria-pressed") == "true"
    assert prompt.input_value() not in (MINE, suggested) and kept.input_value() == MINE
    undo.click()
    assert (prompt.input_value(), kept.input_value()) == (MINE, "")
    assert first.get_attribute("aria-pressed") == "false" and undo.is_hidden()

    panel.get_by_role("button", name="Use it").click()
    assert (prompt.input_value(), kept.input_value()) == (suggested, MINE)
    assert panel.inner_text() == ""
    undo.click()
    assert (prompt.input_value(), kept.input_value()) == (MINE, "")

    page.get_by_role("button", name="Enhance").click()
    panel.get_by_role("button", name="Keep mine").focus()
    page.keyboard.press("Escape")
    assert panel.inner_text() == "" and prompt.input_value() == MINE


def test_a_shot_is_built_over_the_prompt_and_put_into_it(open_page):
    page = open_page("vera@example.org", TOOL)
    prompt, dialog = page.locator("[name=prompt]"), page.locator("dialog[open]")
    prompt.fill("close-up of a swan at night")
    page.get_by_role("link", name="Build a shot").click()
    dialog.locator("#builder").wait_for()
    assert dialog.get_by_role("radio", name="Close-up not for nano", exact=True).is_checked()
    assert dialog.locator("[name=sub_type-0]").input_value().lower() == "swan"
    dialog.get_by_role("button", name="Add a subject").click()
    dialog.locator("[name=sub_type-1]").fill("Dog")
    dialog.get_by_role("group", name="Camera motion").get_by_role("radio", name=re.compile("Pan left", re.I)).check(
        force=True
    )
    dialog.locator("#built-text").get_by_text("pans left").wait_for()
    dialog.get_by_role("button", name="Use this prompt").click()
    dialog.wait_for(state="detached")
    assert "dog" in prompt.input_value().lower() and "camera pans left" in prompt.input_value()
    page.locator("[data-fill-undo]").click()
    assert prompt.input_value() == "close-up of a swan at night"


def test_the_prompt_of_a_shot_follows_what_is_typed_and_the_caret_stays(open_page):
    page = open_page("xena@example.org", "/home/tools/prompt/builder", problems_expected=True)  # a 422
    text, name = page.locator("#built-text"), page.locator("#sub_type-0")
    caret = "[document.activeElement.id, document.activeElement.selectionStart]"
    name.press_sequentially("Swan")
    text.get_by_text("A swan.", exact=True).wait_for()
    name.press("ArrowLeft")
    name.press("e")
    text.get_by_text("A swaen.", exact=True).wait_for()
    assert page.evaluate(caret) == ["sub_type-0", 4]
    with page.expect_response("**/builder"):
        name.press("Enter")  # writes it anew, and presses nothing else
    text.get_by_text("A swaen.", exact=True).wait_for()
    assert (name.input_value(), page.evaluate(caret)) == ("Swaen", ["sub_type-0", 4])

    page.get_by_role("button", name="Add a subject").press("Enter")
    subject = page.locator("#sub_type-1:focus")
    subject.wait_for()
    page.locator(".htmx-added").first.wait_for(state="detached")  # until then, nobody listens to the new fields
    subject.press_sequentially("Dog")
    text.get_by_text("A dog.").wait_for()
    page.get_by_role("button", name="Add a subject").press("Enter")
    page.locator("#sub_type-2:focus").wait_for()
    page.get_by_role("button", name="Remove subject 1").press("Enter")
    page.locator("#sub_type-0:focus").wait_for()
    assert name.input_value() == "Dog" and page.locator("form#builder").count() == 1

    page.locator("#builder summary").first.press("Enter")
    page.locator("#paste").fill('{"shot_type": "huge"}')
    page.get_by_role("button", name="Fill in the choices").press("Enter")
    page.locator("#paste[aria-invalid]:focus").wait_for()
    assert text.inner_text() == "A dog."


def test_both_fit_a_phone(open_page):
    page = open_page("wim@example.org", TOOL, **PHONE)
    prompt = page.locator("[name=prompt]")
    if not prompt.is_visible():
        page.locator("[data-sheet-open]").click()
    prompt.fill(MINE)
    page.get_by_role("button", name="Enhance").click()
    page.locator("[data-suggested]").wait_for()
    box = prompt.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 844, "the prompt stays in view"
    for button in page.locator("#suggestion button").all():
        assert button.bounding_box()["height"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Build a shot").click()
    page.locator("dialog[open] #builder").wait_for()
    assert page.locator("dialog[open]").evaluate("dialog => dialog.scrollWidth <= innerWidth")
