"""What a hasty hand, a keyboard and a lost session do: nothing twice, and nothing lost."""

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import LONG, NANO, PROMPT, STEP, TOOL, card, credits, finished, order, slide, until
from tests.media import encoded, quarters

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_key_that_is_held_makes_one_film(open_page):
    page = open_page("kim@example.org", TOOL)
    before = credits(page)
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    slide(page, NANO.base_num_frames)
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.down("Control")
    for _ in range(4):
        page.keyboard.down("Enter")  # the second one and those after it are repeats
    page.keyboard.up("Control")
    card(page).wait_for()
    finished(page)
    expect(page.locator("article[id^=generation-]")).to_have_count(1)
    until(page, lambda: credits(page) < before)
    assert before - credits(page) <= 8


def test_a_double_click_on_the_first_page_makes_one_film(open_page):
    page = open_page("leo@example.org", "/")
    page.locator("form[action='/start'] [name=prompt]").first.fill(PROMPT)
    # As two clicks do that are apart: the first request has arrived when the second one takes its place.
    page.locator("form[action='/start']").first.evaluate(
        "form => { form.requestSubmit(); setTimeout(() => form.requestSubmit(), 40); }"
    )
    page.wait_for_url(f"**{TOOL}")
    page.reload()
    expect(page.locator("article[id^=generation-]")).to_have_count(1)


def test_a_session_that_ended_meanwhile_costs_no_prompt(open_page):
    page = open_page("mia@example.org", TOOL)
    page.get_by_label("Prompt", exact=True).fill("a heart at sea & more")
    page.context.clear_cookies(name="sessionid")
    slide(page, NANO.base_num_frames + STEP)
    page.locator("#quote").get_by_text("You are signed out.").wait_for()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a heart at sea & more")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/accounts/login/**")


def test_undo_stays_until_it_worked_and_keys_go_on_where_they_were(open_page):
    page = open_page("noa@example.org", TOOL, problems_expected=True)
    order(page, frames=LONG, steps=40)
    card(page, "running").wait_for()
    card(page).get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    card(page, "cancelled").wait_for()
    inside = "document.activeElement.closest('.card') !== null"
    until(page, lambda: page.evaluate(inside))
    page.evaluate("document.activeElement.blur()")
    with page.expect_response("**/quote"):
        slide(page, NANO.base_num_frames)
    expect(page.locator("#quote")).to_contain_text(f"{NANO.base_num_frames} frames")
    page.wait_for_timeout(500)
    assert not page.evaluate(inside), "a later answer takes no focus"
    name = card(page).get_attribute("id")
    card(page).get_by_role("button", name="Delete").click()
    page.locator(f"#{name}").wait_for(state="hidden")
    page.route("**/restore", lambda route: route.fulfill(status=502, body=""), times=1)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("The studio could not answer that").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator(f"#{name}").wait_for()


def test_escape_closes_a_menu_and_not_the_films_page(open_page):
    page = open_page("ola@example.org", TOOL)
    order(page, steps=4)
    finished(page)
    page.goto(page.locator(".card__title a").first.evaluate("link => link.href"))
    address = page.url
    menu = page.locator("details[data-menu]").first
    menu.locator("summary").click()
    page.keyboard.press("Escape")
    until(page, lambda: menu.get_attribute("open") is None)
    page.wait_for_timeout(300)
    assert page.url == address


def test_a_picture_is_not_lost_when_something_else_is_wrong(open_page, tmp_path):
    (tmp_path / "start.png").write_bytes(encoded(quarters()))
    page = open_page("nia@example.org", f"{TOOL}?mode=picture", problems_expected=True)
    chosen = page.locator("#panel input[type=file][name=image]")
    chosen.set_input_files(tmp_path / "start.png")
    page.get_by_role("button", name="Generate").click()
    page.locator("#panel .field--prompt [aria-invalid=true]").wait_for()
    until(page, lambda: chosen.evaluate("input => input.files[0]?.name") == "start.png")
    page.get_by_text("start.png").wait_for()
    order(page, steps=4)
    card(page).wait_for()
    expect(page.locator("#panel .errorlist")).to_have_count(0)
