"""Sign-in links, sockets and the administration in a real browser."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ADMIN = ["/admin/", "/admin/auth/group/", "/admin/auth/group/add/", "/admin/account/emailaddress/"]


def test_a_sign_in_link_waits_for_its_button_and_works_once(open_page, site):
    link = site.sign_in_link("kay@example.org")
    page, other = open_page(viewport={"width": 390, "height": 800}), open_page()
    for each in (page, other):
        each.goto(link)
        each.get_by_text("This link signs you in as").wait_for()
        assert each.evaluate("document.documentElement.scrollWidth") <= each.viewport_size["width"]
    for each, place in ((page, "**/home/**"), (other, "**/accounts/login/**")):
        each.get_by_role("main").get_by_role("button", name="Sign in").click()
        each.wait_for_url(place)


def test_the_administration_works_within_its_policy(open_page, site):
    """What the browser refuses is told on its console; so is an icon that the theme does not have."""
    page, refused = open_page("root@example.org", problems_expected=True), []
    page.on("console", lambda message: "Content Security Policy" in message.text and refused.append(message.text))
    page.on("pageerror", lambda error: refused.append(str(error)))
    site.shell(
        "from apps.accounts.models import User;"
        "User.objects.filter(email='root@example.org').update(is_staff=True, is_superuser=True)"
    )
    for path in ADMIN:
        answer = page.goto(f"{site.url}{path}", wait_until="networkidle")
        assert answer.status == 200, path
        assert "unsafe-inline" not in answer.headers["content-security-policy"].split("script-src")[1].split(";")[0]
    # Alpine opens the menu of the user, and a form is saved.
    page.goto(f"{site.url}/admin/")
    page.get_by_text("root@example.org").first.click()
    page.get_by_text("Log out").first.wait_for(state="visible")
    page.goto(f"{site.url}/admin/auth/group/add/")
    page.fill("[name=name]", "Editors")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").first.wait_for()
    assert refused == []


def test_a_page_left_open_goes_quiet_when_its_session_ends(open_page, site):
    page = open_page("lee@example.org", "/home/tools/to-video")
    page.locator("[ws-connect]").wait_for(state="attached")
    second = page.context.new_page()
    second.goto(f"{site.url}/accounts/logout/")
    second.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.locator("body[data-live=off]").wait_for(state="attached")
