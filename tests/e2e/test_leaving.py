"""Somebody takes their data away and leaves, in a browser."""

import json
import re
import zipfile

import pytest

from tests.e2e.test_main_job import LONG, TOOL, card, finished, order, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ADDRESS, PASSWORD, PROMPT = "leaver@example.org", "a-long-enough-phrase", "a green star at a lighthouse"


def sign_up(open_page, site):
    page = open_page(path="/accounts/signup/", problems_expected=True)  # a wrong address is a 422, on purpose
    page.get_by_label(re.compile("e-?mail", re.I)).fill(ADDRESS)
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/confirm-email/**")
    page.goto(site.mailed_link("/accounts/confirm-email/"))
    page.locator("main form button[type=submit]").click()
    page.wait_for_url(f"**{TOOL}")
    return page


def test_an_account_is_downloaded_then_deleted_while_a_film_is_made(open_page, site, tmp_path):
    page = sign_up(open_page, site)
    order(page, PROMPT)
    finished(page)
    order(page, f"{PROMPT} again", frames=LONG, steps=40)
    card(page, "running").wait_for()
    # It plays the film that goes with the account, and may still ask for the next part.
    other = open_page(ADDRESS, "/home/my-library", problems_expected=True)
    other.locator("article").first.wait_for()

    page.goto(f"{site.url}/accounts/data")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download your data").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert [name for name in archive.namelist() if name.startswith("videos/") and PROMPT.replace(" ", "-") in name]
        assert {job["status"] for job in json.loads(archive.read("generations.json"))} == {"succeeded", "running"}

    page.get_by_role("link", name="Delete account").click()
    page.wait_for_url("**/reauthenticate/**")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/accounts/delete")
    page.get_by_text("1 of them is not finished and will be cancelled").wait_for()
    page.get_by_label("Your email address").fill("somebody@example.org")
    page.get_by_role("button", name="Delete account").click()
    page.get_by_text("This is not the email address of this account.").wait_for()
    page.get_by_label("Your email address").fill(ADDRESS)
    page.get_by_role("button", name="Delete account").click()
    page.wait_for_url(f"{site.url}/")
    page.get_by_text("Your account is deleted.").wait_for()

    other.goto(f"{site.url}/home/my-library")
    other.wait_for_url("**/accounts/login/**")
    script = (
        "from tests.privacy.traces import traces; from django.conf import settings as s;"
        f"print(traces([{ADDRESS!r}, 'at a lighthouse'], s.MEDIA_ROOT, s.WORK_ROOT, s.EMAIL_FILE_PATH))"
    )
    # The worker drops the film at its next step.
    until(page, lambda: site.shell(script) == "[]")
    assert "The books are right." in site.manage("audit_ledger")
