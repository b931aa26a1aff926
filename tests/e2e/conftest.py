"""A real browser on a real site."""

import os
import re
import shutil

import pytest

from tests.e2e import jitter
from tests.e2e.site import Site

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def pytest_terminal_summary(terminalreporter):
    if jitter.ASKED:
        terminalreporter.line(f"Every answer was late; once more the same: E2E_JITTER={jitter.SEED}")


def slow(page):
    """Give a page less of the processor than it is used to."""
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": jitter.CPU_RATE})


def sign_in(context, link):
    """Press the button of a sign-in link's page, undrawn; test_security draws it."""
    page = context.request.get(link)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text())[1]
    answer = context.request.post(link, form={"csrfmiddlewaretoken": token}, headers={"Referer": link}, max_redirects=0)
    assert answer.status == 302, answer.text()


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        yield site.start()
    finally:
        site.stop()


@pytest.fixture(scope="package")
def browser():
    if not CHROMIUM:
        pytest.skip("No Chromium on this machine: install it (Debian: apt-get install chromium) or set CHROMIUM.")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, site):
    """Open a page in a browser of its own; at the end, nothing was refused by the CSP and no script failed."""
    contexts, problems, missed = [], [], []

    def note(text, address="", context=None):
        # A page asks for the next part of a film until it has heard that this was cancelled.
        if context and "404" in text and (film := re.search(r"/live/([0-9a-f-]{36})/", address)):
            missed.append((context, film[1], text))
        # htmx reports a quote that was still on its way when the page was left.
        elif not text.startswith(("htmx:sendAbort", "htmx:afterRequest")):
            problems.append(f"{text} {address}".strip())

    def told(message, context):
        if message.type == "error":
            note(message.text, message.location["url"], context)

    def open_page(email=None, path="/", problems_expected=False, **options):
        options = {"viewport": {"width": 1440, "height": 900}} | options
        context = browser.new_context(**options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        if jitter.ASKED:
            context.on("page", slow)
        page = context.new_page()
        if not problems_expected:
            page.on("console", lambda message: told(message, context))
            page.on("pageerror", lambda error: note(str(error)))
        if email:
            sign_in(context, site.sign_in_link(email))
        page.goto(f"{site.url}{path}")
        return page

    yield open_page
    for context, film, text in missed:
        answer = context.request.get(f"{site.url}/api/v1/generations/{film}/")
        if answer.status != 404 and answer.json()["status"] != "cancelled":
            note(text, film)
    for context in contexts:
        context.close()
    assert problems == []
