"""The API page in a browser: found by a word, in the language of the reader, and on a phone without scripts."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.look, pytest.mark.slow]
CALL = "[id=submit_to_video]"


def test_a_call_is_found_and_its_example_taken(open_page, site):
    page = open_page(path="/docs#generations_retrieve")
    page.locator(".docs__contents [aria-current=location]").get_by_text("Get a job").wait_for()
    page.wait_for_url("**/docs/generations#generations_retrieve")  # an address from when there was one page
    page.get_by_role("searchbox", name="Filter calls and fields").fill("causal_block")
    page.locator("[data-elsewhere]").get_by_role("link", name="To video").click()
    page.wait_for_url("**/docs/tools/to-video#submit_to_video")
    expect(page.get_by_role("searchbox")).to_have_value("causal_block")
    shown = page.locator("[data-call]:visible")
    expect(shown).to_have_count(1)
    expect(shown).to_have_id("submit_to_video")
    expect(page.locator(CALL).get_by_text("causal_block_size", exact=True), "its fold is opened").to_be_visible()
    page.get_by_role("searchbox").fill("zebra")
    page.get_by_text("No call has that.").wait_for()
    page.get_by_role("searchbox").fill("")
    expect(page.locator("[data-call]:visible")).to_have_count(2)
    page.get_by_role("radio", name="Python").check(force=True)
    expect(page.locator(f"{CALL} pre[aria-label=Python]").first).to_be_visible()
    expect(page.locator(f"{CALL} pre[aria-label=curl]").first).to_be_hidden()
    page.reload()
    expect(page.locator(f"{CALL} pre[aria-label=Python]").first, "the choice is remembered").to_be_visible()


@pytest.mark.parametrize("path", ["/docs", "/docs/generations", "/docs/tools/to-video"])
def test_the_page_is_small(open_page, path):
    sizes = "performance.getEntries().map((entry) => entry.decodedBodySize ?? 0)"
    sent = open_page(path=path).evaluate(sizes)
    assert len(sent) > 10 and 100_000 < sum(sent) < 250_000


def test_it_is_whole_without_scripts_on_a_phone(open_page):
    page = open_page(path="/docs", java_script_enabled=False, viewport={"width": 390, "height": 844})
    page.get_by_text("Contents").click()
    page.get_by_role("navigation", name="API reference").get_by_text("Cancel a job").click()
    expect(page.locator("[id=generations_cancel_create] h2")).to_be_visible()
    expect(page.locator("[id=generations_cancel_create] pre[aria-label=curl]").first).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_count(0)
