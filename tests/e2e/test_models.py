"""A member of the staff brings a model, on a telephone, and watches it come."""

import pytest
from playwright.sync_api import expect

from tests.e2e.site import Site
from workers.engines.skyreels import cards

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CARD = cards.get("SkyReels-V2-DF-1.3B-540P")


@pytest.fixture
def site(tmp_path, hub_server):
    """A studio of its own, whose models come from the hub of the tests."""
    site = Site(tmp_path / "site")
    site.folder.mkdir()
    site.env |= {"HF_ENDPOINT": hub_server.url, "CINEVIVID_MODELS": str(tmp_path / "models")}
    try:
        yield site.start()
    finally:
        site.stop()


def test_a_download_is_started_watched_cancelled_and_finished(open_page, site, hub_server, tmp_path):
    hub_server.seconds_a_block = 2
    site.sign_in_link("ada@example.org")
    site.shell("from apps.accounts.models import User; User.objects.update(is_staff=True)")
    page = open_page("ada@example.org", "/studio/models", viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    row = page.locator("#model-SkyReels-V2-DF-1-3B-540P")
    row.get_by_text("Not installed").wait_for()
    row.get_by_role("button", name="Download").click()
    # What the hub of the tests has is nano.
    whole = sum(f.stat().st_size for f in cards.NANO.rglob("*.safetensors"))
    row.get_by_text(f"MB of {whole / 1e6:.1f} MB").wait_for(timeout=200_000)  # in a process that starts for it
    expect(row.get_by_role("progressbar")).to_be_visible()
    shown = row.get_by_role("progressbar").get_attribute("value")
    # Nobody reloads the page.
    expect(row.get_by_role("progressbar")).not_to_have_attribute("value", shown)
    row.get_by_role("button", name="Cancel").click()
    row.get_by_text("Interrupted at").wait_for()
    hub_server.seconds_a_block = 0
    row.get_by_role("button", name="Continue").click()
    row.get_by_text("Ready").wait_for(timeout=200_000)  # the first check of a process imports torch
    assert (tmp_path / "models" / CARD.id / "model_index.json").exists()
    # Removing asks first.
    row.locator("summary", has_text="Remove").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    row.get_by_role("button", name="Remove model").click()
    row.get_by_text("Not installed").wait_for()
    assert not (tmp_path / "models" / CARD.id).exists()
