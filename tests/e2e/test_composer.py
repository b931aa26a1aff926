"""The form of a tool page in a browser: what is in view, the help behind each "?", the length, and errors."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import TOOL, at_rest, until
from tests.media import encoded, quarters

pytestmark = [pytest.mark.browser, pytest.mark.look, pytest.mark.slow]
SHIFTED = """() => new Promise((done) => {
  new PerformanceObserver((list) => done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))).observe(
    { type: "layout-shift", buffered: true });
  setTimeout(() => done(0), 500);
})"""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def box(locator):
    found = locator.bounding_box()
    assert found, locator
    return found


def test_the_whole_choice_is_in_view_beside_the_price_and_generate(open_page):
    page = open_page("kai@example.org", TOOL)
    page.locator("#quote strong").wait_for()
    assert page.evaluate(SHIFTED) < 0.001, "nothing moves as the script starts"
    foot = box(page.locator(".panel__foot"))
    order = ["prompt", "ratio", "num_frames", "style", "finish"]
    boxes = [box(page.locator(f"#panel .field--{name}")) for name in order]
    assert [found["y"] for found in boxes] == sorted(found["y"] for found in boxes), "the prompt comes first"
    assert max(found["y"] + found["height"] for found in boxes) <= foot["y"]
    assert foot["y"] + foot["height"] <= 900
    rows = {box(shape)["y"] for shape in page.locator(".ratio:visible").all()}
    assert len(rows) == 1, "no ratio stands alone in a second row"
    expect(page.locator(".ratio:has(:checked)"), "the chosen one is among them").to_be_visible()
    shown = "images => images.length && images.every((image) => image.naturalWidth > 0)"
    until(page, lambda: page.locator(".style img").evaluate_all(shown))
    expect(page.get_by_text("Auto matches your image or video.")).to_be_hidden()
    page.get_by_label("Image", exact=True).check()
    expect(page.get_by_text("Auto matches your image or video.")).to_be_visible()
    expect(page.get_by_label("Auto", exact=True)).to_be_checked()


def test_buttons_and_slider_agree_on_the_length(open_page):
    page = open_page("kai@example.org", TOOL)
    length, told = page.get_by_label("Length"), page.locator(".slider__value")
    expect(told).to_have_text("4.1 s · 33 frames · 2 windows")
    five = page.get_by_role("button", name="5 s", exact=True)
    five.click()
    expect(told).to_have_text("5.1 s · 41 frames · 3 windows")
    expect(length).to_have_value("41")
    expect(five).to_have_attribute("aria-pressed", "true")
    page.locator("#quote").get_by_text("41 frames").wait_for()
    length.focus()
    page.keyboard.press("ArrowRight")
    expect(length).to_have_value("45")
    expect(five).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("ArrowLeft")
    expect(five).to_have_attribute("aria-pressed", "true")


def test_help_opens_and_closes_by_keyboard_and_shows_what_a_setting_does(open_page):
    page = open_page("kai@example.org", TOOL)
    quality = page.locator(".fold", has=page.get_by_label("Steps"))
    quality.locator("summary").focus()
    page.keyboard.press("Enter")
    hint = quality.get_by_role("button", name="About “Steps”")
    hint.focus()
    page.keyboard.press("Enter")
    help_ = page.locator("#id_steps_hint")
    help_.get_by_text("More steps take longer and look cleaner.").wait_for()
    until(page, lambda: help_.locator("video").first.evaluate("video => video.currentTime") > 0)
    side, controls = at_rest(help_), box(page.locator("#controls"))
    assert side["x"] >= box(hint)["x"] and side["y"] >= 0 and side["y"] + side["height"] <= 900
    assert side["x"] < controls["x"] + controls["width"] + 40, "it stands beside what it explains"
    page.keyboard.press("Escape")
    help_.wait_for(state="hidden")
    expect(hint).to_be_focused()


def test_changed_settings_are_counted_on_their_group_and_go_back(open_page):
    page = open_page("kai@example.org", TOOL)
    quality = page.locator(".fold", has=page.get_by_label("Steps"))
    quality.locator("summary").click()
    badge = quality.locator("[data-changed]")
    expect(badge).to_be_hidden()
    page.get_by_label("Steps").fill("8")
    page.get_by_label("Seed", exact=True).fill("7")
    expect(badge).to_have_text("2 changed")
    quality.get_by_role("button", name="Reset to default").click()
    expect(badge).to_be_hidden()
    expect(page.get_by_label("Steps")).to_have_value("")


def test_samples_fill_the_prompt_and_can_be_undone(open_page):
    page = open_page("kai@example.org", TOOL)
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a heart at sea")
    page.get_by_text("Samples").click()
    samples = page.locator(".sample")
    expect(samples).to_have_count(6)
    sentences = [samples.nth(place).inner_text() for place in (1, 2)]
    samples.nth(2).click()
    expect(prompt).to_have_value(sentences[1])
    page.keyboard.press("Control+z")
    expect(prompt).to_have_value("a heart at sea")
    samples.nth(1).click()
    expect(prompt).to_have_value(sentences[0])
    page.get_by_role("button", name="Undo").click()
    expect(prompt).to_have_value("a heart at sea")


def test_errors_are_listed_in_view_and_lead_to_their_fields(open_page):
    page = open_page("kai@example.org", TOOL, problems_expected=True)
    quality = page.locator(".fold", has=page.get_by_label("Steps"))
    quality.locator("summary").click()
    page.get_by_label("Steps").fill("2")
    page.get_by_label("Prompt", exact=True).fill("a red circle")
    page.get_by_role("button", name=re.compile("Generate")).click()
    sentence = page.locator("#panel .field--steps .errorlist")
    expect(sentence).to_have_text("Steps: choose 4 or more.")
    expect(page.get_by_label("Steps")).to_be_focused()
    expect(quality).to_have_attribute("open", "")
    foot, told = box(page.locator(".panel__foot")), at_rest(sentence)
    assert told["y"] + told["height"] <= foot["y"], "not behind the foot"
    page.get_by_label("Steps").fill("2")
    page.get_by_label("Prompt", exact=True).fill("")
    page.get_by_role("button", name=re.compile("Generate")).click()
    faults = page.locator("[data-faults]")
    expect(faults).to_be_focused()
    assert at_rest(faults)["y"] >= 56
    expect(faults.get_by_role("link")).to_have_count(2)
    faults.get_by_role("link", name="Steps: choose 4 or more.").click()
    expect(page.get_by_label("Steps")).to_be_focused()
    page.get_by_label("Prompt", exact=True).fill("a red circle")
    faults.wait_for(state="detached")  # what is left is told at its field
    expect(page.locator("#panel .field--steps .errorlist")).to_be_visible()


def test_on_a_phone_the_controls_are_a_sheet_with_generate_in_reach(open_page):
    page = open_page("lou@example.org", TOOL, **PHONE)
    sheet, generate = page.locator("#controls"), page.get_by_role("button", name=re.compile("Generate"))
    assert box(sheet)["y"] + box(sheet)["height"] <= 844
    assert box(page.get_by_label("Prompt", exact=True))["y"] < box(page.locator(".field--ratio"))["y"]
    for name in ("Steps", "Overlap by"):
        page.locator(".fold", has=page.get_by_label(name)).locator("summary").click()
    assert box(generate)["y"] + box(generate)["height"] <= 844, "wherever the sheet is scrolled to"
    targets = "#panel :is(button:not(.visually-hidden), summary, select, input[type=number], .mode, .ratio, .style)"
    for control in page.locator(targets).all():
        if control.is_visible() and "hint" not in (control.get_attribute("class") or ""):
            assert box(control)["height"] >= 44, control.evaluate("element => element.outerHTML.slice(0, 120)")
    page.get_by_role("button", name="About “Length”").click()
    help_ = at_rest(page.locator("#id_num_frames_hint"))
    assert (help_["x"], help_["width"], help_["y"] + help_["height"]) == (0, 390, 844), "a sheet from below"
    page.keyboard.press("Escape")
    expect(page.locator("#id_num_frames_hint")).to_be_hidden()
    expect(page.locator("#controls[data-open]"), "Escape closed the help alone").to_have_count(1)
    page.set_viewport_size({"width": 360, "height": 740})
    until(page, lambda: page.evaluate("innerWidth") == 360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator(".panel__body").evaluate("body => body.scrollWidth <= body.clientWidth")


def test_without_javascript_a_length_in_seconds_is_asked_for_and_help_still_opens(open_page):
    page = open_page("lou@example.org", TOOL, problems_expected=True, java_script_enabled=False)
    page.get_by_role("button", name="About “Ratio”").click()
    expect(page.get_by_text("16:9 suits screens")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Prompt", exact=True).fill("a red circle moves right")
    page.get_by_label("Seconds", exact=True).fill("0.1")
    page.get_by_role("button", name=re.compile("Generate")).click()
    expect(page.locator(".field--seconds .errorlist")).to_have_text("Seconds: choose 0.5 or more.")


def test_a_wrong_file_is_told_at_its_field_at_once_and_a_good_one_takes_that_back(open_page, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "start.png").write_bytes(encoded(quarters(320, 96)))
    page = open_page("kai@example.org", f"{TOOL}?mode=picture", problems_expected=True)
    field, chosen = page.locator(".field--image"), page.locator("#panel input[type=file][name=image]")
    chosen.set_input_files(tmp_path / "notes.txt")
    note = field.locator(".pick__note")
    note.get_by_text("This file is no image. Choose another.").wait_for()
    expect(page.locator(".field--image [data-pick-preview]")).to_be_hidden()
    chosen.set_input_files(tmp_path / "start.png")
    field.get_by_text("Cut to 5:3: 50 % of the width is lost.").wait_for()
    expect(page.locator(".field--image [data-pick-preview] img")).to_be_visible()


def test_an_error_of_the_whole_form_goes_with_the_next_good_quote(open_page):
    page = open_page("kai@example.org", TOOL)
    page.locator("#quote strong").wait_for()
    page.locator(".panel__body").evaluate(
        "body => body.insertAdjacentHTML('afterbegin', '<div class=\"notice\" data-faults>Too many jobs.</div>')"
    )
    page.locator("[name=prompt]").fill("a red circle moves right")
    page.locator("[data-faults]").wait_for(state="detached")


def test_the_keys_of_the_player_stand_in_the_middle(open_page):
    page = open_page("kai@example.org", TOOL)
    page.evaluate("document.body.append(document.getElementById('player-keys').content.cloneNode(true))")
    page.evaluate("document.querySelector('.player__keys').showModal()")
    keys = at_rest(page.locator(".player__keys"))
    assert abs(keys["x"] + keys["width"] / 2 - 720) < 20 and keys["y"] > 40
