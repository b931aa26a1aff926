"""The first minutes of somebody new: a prompt, an account, a film; and no surprise before the click."""

import re
import time

import pytest

from tests.e2e.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PASSWORD = "a-long-enough-phrase"
TOOL = "/home/tools/to-video"
RUNNING = ".card[data-status=running], .card[data-status=queued], .card[data-status=succeeded]"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A studio that loads its models as it starts; it answers before they are there."""
    site = Site(tmp_path_factory.mktemp("warm"))
    site.env["CINEVIVID_WARM"] = "1"
    try:
        began = time.monotonic()
        site.start()
        site.answered_in = time.monotonic() - began
        yield site
    finally:
        site.kill("web")  # nobody waits for the film that is at work
        site.stop()


def warm(site, seconds=120):
    end, name = time.monotonic() + seconds, "worker" if site.fleet else "web"
    while "The models were loaded" not in (site.folder / f"{name}.log").read_text():
        assert time.monotonic() < end, site.log(name)
        time.sleep(0.2)


def test_the_landing_prompt_is_a_film_after_the_link_was_opened_in_another_browser(open_page, site):
    page = open_page()
    page.locator("textarea[name=prompt], input[name=prompt]").first.fill("a red star moves up at sunset")
    page.locator("form[action='/start'] button[type=submit]").first.click()
    page.wait_for_url("**/accounts/signup/")
    page.get_by_label("Email").fill("nora@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_text("This studio writes its emails to files").wait_for()
    assert page.get_by_role("link", name="Open the link").is_visible() is not site.fleet
    other = open_page(path=site.mailed_link("/accounts/confirm-email/").removeprefix(site.url))
    assert other.get_by_text("a red star moves up at sunset").is_visible()
    other.get_by_role("button", name="Confirm").click()
    other.get_by_label("Password").fill(PASSWORD)
    assert other.get_by_label("Email").input_value() == "nora@example.org"
    other.get_by_role("main").get_by_role("button", name="Sign in").click()
    other.wait_for_url(f"**{TOOL}")
    page.wait_for_url(f"**{TOOL}")  # it waited in front of the inbox, and went on by itself
    for each in (other, page):
        each.locator(RUNNING).get_by_text("a red star moves up at sunset").first.wait_for()
        assert each.locator(".card").count() == 1
    page.locator(".card[data-status=succeeded]").wait_for(timeout=240_000)


def test_unknown_words_are_named_and_rewritten_by_a_click_that_can_be_undone(open_page):
    page = open_page("olga@example.org", TOOL)
    prompt, quote = page.locator("[name=prompt]"), page.locator("#quote")
    prompt.fill("a golden retriever on the beach")
    quote.get_by_text("nano does not know:").wait_for()
    assert "retriever" in quote.inner_text()
    quote.locator("[data-rewrite]").click()
    assert prompt.input_value() == "a golden circle moves right over the sea"
    quote.get_by_text("nano does not know:").wait_for(state="detached")
    page.get_by_role("button", name="Undo").click()
    assert prompt.input_value() == "a golden retriever on the beach"
    quote.get_by_text("nano does not know:").wait_for()
    assert page.get_by_role("button", name="Undo").is_hidden()


def test_the_quote_moves_in_every_open_tab_when_credits_move(open_page, site):
    page = open_page("pia@example.org", TOOL)
    more = "from apps.accounts.models import User; from apps.billing import services as b;"
    more += "u = User.objects.get(email='pia@example.org');"
    tabs = [page, page.context.new_page()]
    tabs[1].goto(page.url)
    for tab in tabs:
        tab.locator("#quote strong").wait_for()
    price, take = int(page.locator("#quote strong").inner_text()), 295
    site.manage("shell", "-v", "0", "-c", f"{more} b.hold(u, {take}, 'generation:test')")
    for tab in tabs:
        tab.locator("#quote").get_by_text(f"You need {price - 5} more credits.").wait_for()
        assert re.sub(r"\D", "", tab.locator("#credits").inner_text()) == "5"
    site.manage("shell", "-v", "0", "-c", f"{more} b.grant(u, 1000, 'test:{price}')")
    for tab in tabs:
        tab.locator("#quote").get_by_text("more credit").wait_for(state="detached")
        assert re.sub(r"\D", "", tab.locator("#credits").inner_text()) == "1005"


def test_a_fresh_studio_shows_progress_soon_after_the_click(open_page, site):
    warm(site)
    page = open_page("quin@example.org", TOOL)
    page.locator("[name=prompt]").fill("a blue heart grows in the night sky")
    began = time.monotonic()
    page.locator("[data-submit]").click()
    page.locator(".card[data-status=running]").get_by_text(re.compile(r"step \d+ of", re.I)).first.wait_for()
    assert time.monotonic() - began < 9  # three seconds on a machine that does nothing else
