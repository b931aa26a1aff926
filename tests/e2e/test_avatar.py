"""Talking avatar: a presenter, or a portrait of one's own, says what is written."""

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import card, finished, settled, until
from workers import presenters

pytestmark = [
    pytest.mark.browser,
    pytest.mark.look,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]
TOOL = "/home/tools/talking-avatar"
PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
TEXT = "Hello."


def presenter(page, slug):
    return page.locator(f"input[name=portrait][value={slug}]")


def own(page):
    return page.get_by_role("radio", name="Your own picture")


def fits(page):
    until(page, lambda: page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"])


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_a_presenter_says_a_text_in_a_film_that_plays_and_says_that_it_is_synthetic(open_page, size):
    page = open_page("avatar@example.org", TOOL, viewport=size)
    expect(presenter(page, "professional-woman")).to_be_checked()
    expect(page.locator("input[name=consent]")).to_be_hidden()
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.locator("input[name=ratio][value='1:1']").check()
    fits(page)
    page.locator("[data-submit]").click()
    clip = finished(page)
    expect(clip).to_have_count(1)
    with page.expect_navigation():
        card(page).get_by_role("link").first.click()
    expect(page.locator(".asset__side")).to_contain_text("Synthetic")
    film = page.locator("video").first
    film.evaluate("video => { video.muted = true; return video.play(); }")
    until(page, lambda: film.evaluate("video => video.currentTime") > 0)
    fits(page)


def test_a_picture_of_ones_own_needs_consent(open_page, tmp_path):
    page = open_page("avatar-own@example.org", TOOL, problems_expected=True)  # a refused form is a 422
    consent = page.locator("input[name=consent]")
    own(page).check()
    page.locator("input[type=file][name=portrait]").set_input_files(presenters.path("senior-presenter"))
    expect(page.locator(".faces__told")).to_contain_text("One face is seen")
    expect(consent).to_be_visible()
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.locator("[data-submit]").click()
    field = page.locator(".field--invalid", has=consent)
    expect(field).to_contain_text("Say that you may use this face and voice")
    settled(page)
    expect(page.locator("[data-pick-name]").first, "the picture is still chosen").to_contain_text(
        "senior-presenter.webp"
    )
    consent.check()
    page.locator("[data-submit]").click()
    expect(finished(page)).to_have_count(1)


def test_presenters_are_chosen_by_keys_and_bring_their_voices(open_page):
    page = open_page("avatar-keys@example.org", TOOL)
    voice, shown = page.locator("select[name=voice] option:checked"), page.locator("[data-portrait-shown]")
    settled(page)
    presenter(page, "professional-woman").focus()
    expect(voice).to_have_text("Rachel, the presenter’s voice")
    page.keyboard.press("ArrowRight")
    expect(presenter(page, "business-man")).to_be_checked()
    expect(voice).to_have_text("Drew, the presenter’s voice")
    expect(shown).to_contain_text("Confident and warm")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(own(page)).to_be_checked()
    expect(page.locator(".portraits .pick__drop")).to_be_visible()
    expect(shown).to_be_hidden()
    page.locator("select[name=voice]").select_option("george")
    presenter(page, "young-creator").check()
    expect(page.locator("select[name=voice]"), "a voice that was chosen stays").to_have_value("george")
    expect(page.locator(".portraits .pick__drop")).to_be_hidden()


def test_presenters_are_chosen_without_scripts(open_page, browser, site):
    known = open_page("avatar-plain@example.org", TOOL).context.storage_state()
    context = browser.new_context(storage_state=known, java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(f"{site.url}{TOOL}")
    presenter(page, "business-man").check()
    expect(page.locator("input[type=file][name=portrait]")).to_be_visible()
    expect(page.locator("input[name=consent]")).to_be_visible()
    page.get_by_label("Text", exact=True).fill(TEXT)
    with page.expect_navigation():
        page.locator("[data-submit]").click()
    expect(page.locator("article[id^=generation-]")).to_have_count(1)
    expect(page.locator(".errorlist")).to_have_count(0)
    context.close()
