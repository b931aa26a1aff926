"""Every page opens, in the site's look, at both widths, without a script error or a refused resource."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.look, pytest.mark.slow]
PUBLIC = ["/", "/home/tools/all", "/docs", "/docs/tools/to-video", "/docs/generations"]
PUBLIC += ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
PRIVATE = [
    "/home/tools/to-video",
    "/home/tools/upscale",
    "/home/tools/restyle",
    "/home/tools/lip-sync",
    "/home/tools/talking-avatar",
    "/home/tools/looks",
    "/home/tools/text2image",
    "/home/my-library",
    "/home/my-library/uploads",
    "/home/my-library/trash",
    "/home/credits",
    "/accounts/profile",
    "/accounts/tokens",
    "/accounts/data",
    "/accounts/delete",
    "/accounts/email/",
    "/accounts/password/change/",
]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("email", [None, "ivy@example.org"])
def test_pages_open_and_fit_the_screen(open_page, site, email, width):
    page = open_page(email, viewport={"width": width, "height": 800})
    for path in PUBLIC + (PRIVATE if email else []):
        if email and path.startswith("/accounts/") and path in PUBLIC:
            continue
        answer = page.goto(f"{site.url}{path}", wait_until="load")
        assert answer.status == 200, path
        expect(page, path).to_have_title(re.compile("."))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("path", PRIVATE)
def test_private_pages_ask_visitors_to_sign_in(open_page, path):
    page = open_page(path=path)
    assert "/accounts/login/" in page.url


def test_a_page_that_is_not_there_is_told_in_the_sites_look(open_page, site):
    page = open_page(problems_expected=True)
    answer = page.goto(f"{site.url}/home/nothing")
    assert answer.status == 404
    expect(page.get_by_text("There is nothing here.")).to_have_count(1)
    expect(page.locator("header a[href='/']").first).to_be_attached()


def test_a_token_is_shown_once_and_works_until_it_is_revoked(open_page, site):
    page = open_page("jan@example.org", "/accounts/tokens")
    page.get_by_label("Token name").fill("script")
    page.locator("main form button[type=submit]").first.click()
    secret = page.locator("text=/cv_[A-Za-z0-9_-]{40,}/").first.inner_text().strip()
    headers = {"Authorization": f"Bearer {secret}"}
    fresh = open_page()
    assert fresh.request.get(f"{site.url}/api/v1/account/", headers=headers).json()["email"] == "jan@example.org"
    page.goto(f"{site.url}/accounts/tokens")
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("is revoked").wait_for()
    assert fresh.request.get(f"{site.url}/api/v1/account/", headers=headers).status == 401


def test_the_log_has_no_one_time_keys(open_page, site):
    page = open_page(problems_expected=True)
    page.goto(f"{site.url}/accounts/link/x/one-time-key-of-nobody")
    page.goto(f"{site.url}/home/tools/to-video?prompt=a-secret-story")
    page.goto(f"{site.url}/home/tools/all")
    log = (site.folder / "web.log").read_text()
    assert "home/tools/all" in log and "one-time-key" not in log and "secret-story" not in log
