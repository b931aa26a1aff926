"""From the free plan to a paid one, up, down and out, in a real browser with the policy of production."""

import urllib.request

import pytest

from tests.e2e.site import Site
from tests.e2e.test_axe import AXE, HEAVY, RUN
from tests.e2e.test_main_job import until
from tests.stripe_standin import Standin

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.look]
WAIT = 60_000  # milliseconds


class Till:
    """A studio that takes payments, with the stand-in for Stripe that it talks to."""

    def __init__(self, folder):
        self.standin = Standin()
        self.site = Site(folder)
        self.site.env |= {
            "STRIPE_SECRET_KEY": self.standin.key,
            "STRIPE_WEBHOOK_SECRET": self.standin.secret,
            "STRIPE_API": self.standin.url,
            "STRIPE_PAGES": self.standin.url,
        }

    def open(self):
        self.site.start()
        self.site.manage("stripe_setup")
        self.standin.post = self.post
        return self

    def post(self, body, signature):
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        asked = urllib.request.Request(f"{self.site.url}/stripe/webhook", body, headers)
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.status == 200

    def stop(self):
        self.site.stop()
        self.standin.stop()


@pytest.fixture(scope="module")
def till(tmp_path_factory):
    till = Till(tmp_path_factory.mktemp("till"))
    try:
        yield till.open()
    finally:
        till.stop()


def sign_in(page, site, email):
    page.goto(site.sign_in_link(email))
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/accounts/link/" not in address)


def has(page, plan, credits):
    """The page says the plan, and the chip the credits."""
    page.locator(".mine__title", has_text=plan).wait_for(timeout=WAIT)
    page.locator("#credits", has_text=f"{credits:,}").wait_for(timeout=WAIT)
    page.locator(".plan--mine", has_text=plan).wait_for(timeout=WAIT)


def test_free_pays_upgrades_downgrades_and_cancels(till, browser):
    site, problems = till.site, []
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(WAIT)
    page = context.new_page()
    ours = lambda address: address.startswith(site.url)  # noqa: E731
    page.on("console", lambda told: told.type == "error" and ours(page.url) and problems.append(told.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{site.url}/pricing")
    page.get_by_text("$149.99").wait_for()
    sign_in(page, site, "maya@example.org")

    answer = page.goto(f"{site.url}/home/billing")
    policy = answer.headers["content-security-policy"]
    assert f"form-action 'self' {till.standin.url}" in policy and "unsafe" not in policy
    has(page, "Free", 300)
    page.get_by_role("button", name="Subscribe to Pro").click()
    page.get_by_role("button", name="Pay 19.99 USD").click()
    page.wait_for_url(lambda address: "/home/billing?checkout=" in address)
    page.get_by_text("Welcome to Pro").wait_for()
    has(page, "Pro", 1300)
    page.get_by_text("ending in 4242").wait_for()
    page.get_by_role("link", name="Invoice of Pro").wait_for()

    page.get_by_role("link", name="Upgrade to Business").click()
    page.get_by_text("Charged now").wait_for()
    page.get_by_role("button", name="Pay $49.99 and upgrade").click()
    page.get_by_text("You are on Business now.").wait_for()
    has(page, "Business", 4300)

    page.get_by_role("button", name="Buy 500 credits").click()
    page.get_by_role("button", name="Pay 11.99 USD").click()
    page.get_by_text("500 credits are in your account").wait_for()
    has(page, "Business", 4800)

    page.get_by_role("link", name="Downgrade to Pro").click()
    page.get_by_role("button", name="Change to Pro").click()
    page.get_by_text("From then on you are on Pro").wait_for()
    has(page, "Business", 4800)
    page.get_by_text("$19.99").first.wait_for()

    page.get_by_role("link", name="Cancel plan").click()
    page.get_by_role("button", name="Cancel plan").click()
    page.locator(".mine__next", has_text="Ends on").wait_for()
    has(page, "Business", 4800)
    page.get_by_role("button", name="Keep Business").click()
    page.locator(".mine__next", has_text="Next charge").wait_for()

    page.get_by_role("button", name="Change card").click()  # a form that leads to the portal
    page.get_by_role("button", name="Use the card “action”").click()

    def changed():
        page.goto(f"{site.url}/home/billing")
        return page.locator(".mine__card", has_text="3220").count()

    until(page, changed)  # a worker hears of it from Stripe
    page.get_by_role("link", name="Upgrade to Enterprise").click()
    page.get_by_role("button", name="Pay $149.99 and upgrade").click()
    page.get_by_role("button", name="Confirm and pay 149.99 USD").wait_for()
    page.goto(f"{site.url}/home/billing")
    page.get_by_text("Your bank wants you to confirm $149.99 for Enterprise.").wait_for()
    has(page, "Business", 4800)
    bank = context.new_page()
    bank.goto(page.get_by_role("link", name="Confirm payment", exact=True).get_attribute("href"))
    bank.get_by_role("button", name="Confirm and pay 149.99 USD").click()
    bank.get_by_text("Paid.").wait_for()
    bank.close()
    has(page, "Enterprise", 14800)  # the page looks by itself
    assert problems == []
    assert "The books are right." in site.manage("audit_ledger")
    assert "Nothing was missed." in site.manage("reconcile_stripe")
    found = accessible(browser, context, site)
    context.close()
    assert not found, "\n".join(found)


def accessible(browser, context, site):
    """What axe finds on the pages of money, wide and on a phone, dark and light."""
    options = {"bypass_csp": True, "reduced_motion": "reduce", "storage_state": context.storage_state()}
    window = browser.new_context(**options)
    page, found = window.new_page(), []
    for path in ("/pricing", "/home/billing", "/home/billing/change/pro"):
        page.goto(f"{site.url}{path}")
        page.evaluate(AXE)
        for width, height, scheme in ((1440, 900, "dark"), (390, 844, "light")):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            for told in page.evaluate(RUN, None):
                if told["impact"] in HEAVY:
                    found.append(f"{path} {width} {scheme}: {told['id']} {told['where']}")
    window.close()
    return found
