"""What one tab does the others show, and the stage shows what runs. Nothing on the page jumps meanwhile."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import NANO, STEP, TOOL, at_rest, card, order, slide, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
LONG = NANO.base_num_frames + 3 * STEP
# What moves though nobody asked for it: the browser forgives half a second after a key or a click, and this as much
# after the answer to it, which may be late.
NOTE_SHIFTS = """() => {
  window.shifts = [];
  const asked = new Map(); // what was asked for by hand → from when to when
  const byHand = ({ verb, path }) => verb === "post" && !/[/](quote|seen)$/.test(path);
  document.addEventListener("htmx:beforeRequest", ({ detail: { xhr, requestConfig } }) => {
    if (byHand(requestConfig)) asked.set(xhr, [performance.now(), Infinity]);
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { xhr } }) => {
    if (asked.has(xhr)) asked.get(xhr)[1] = performance.now() + 500;
  });
  new PerformanceObserver((list) => {
    for (const { value, startTime, hadRecentInput, sources } of list.getEntries()) {
      if (hadRecentInput || [...asked.values()].some(([from, to]) => from <= startTime && startTime <= to)) continue;
      shifts.push([value, ...sources.map(({ node }) => node?.className || node?.nodeName)]);
    }
  }).observe({ type: "layout-shift", buffered: true });
}"""
LOST = """
from django.utils import timezone
from apps.library.models import *
user = User.objects.get(email={email!r})
Generation.objects.create(
    user=user, tool="to-video", title="a lost film", params={{"prompt": "x", "num_frames": 33}}, cost=12,
    status="failed", error_code={code!r}, error="It did not go well.", finished_at=timezone.now(),
)
"""


def hide(page, hidden):
    """Tell a page that its tab is out of sight, or back in sight; without a window a browser never does."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def shows(page, job, status):
    return page.locator(f"#{job}[data-status={status}]")


def box(locator):
    return locator.evaluate("node => node.getBoundingClientRect().toJSON()")


def test_two_tabs_agree_from_the_first_job_to_the_last_deletion(open_page, site):
    page = open_page("tabs@example.org", TOOL)
    page.evaluate(NOTE_SHIFTS)
    other = page.context.new_page()
    other.goto(f"{site.url}/home/my-library")
    expect(other.get_by_text("Nothing here yet.")).to_be_visible()

    # One tab starts a film, the other shows it: as a card, as a number, and in the title of both.
    order(page, frames=LONG, steps=40)  # it is at work until all that is looked at meanwhile has been seen
    card(page, "running").wait_for()
    first = card(page).get_attribute("id")
    shows(other, first, "running").wait_for()
    expect(other.get_by_text("Nothing here yet.")).to_be_hidden()
    for tab in (page, other):
        until(tab, lambda tab=tab: re.fullmatch(r"\([1-9]\d? %\) a red circle moves.*… · CineVivid", tab.title()), 60)
        expect(tab.locator("#activity-count")).to_have_attribute("data-active", "1")

    assert page.evaluate("shifts") == [], "the first film moves nothing"

    # A second film waits: the one at work keeps the stage, and the other says when its turn comes.
    page.get_by_label("Prompt", exact=True).fill("a blue square")
    slide(page, NANO.base_num_frames)
    page.get_by_role("button", name=re.compile("Generate")).click()
    card(page, "queued").wait_for()
    second = card(page, "queued").get_attribute("id")
    expect(card(page)).to_have_id(first)
    until(page, lambda: box(card(page))["width"] > 2 * box(page.locator(f"#{second}"))["width"])
    turn = re.compile(r"Next in line, starts in (about \d+ (s|min)|a moment)")
    expect(page.locator(f"#{second}")).to_contain_text(turn)

    # The panel of the other tab has both; a job that is cancelled there is cancelled here.
    other.get_by_role("link", name="Activity").first.click()
    panel = other.get_by_role("dialog", name="Activity")
    panel.get_by_role("heading", name="Running").wait_for()
    panel.locator("section", has_text="In line").get_by_role("button", name="Cancel").click()
    shows(page, second, "cancelled").wait_for()
    panel.get_by_role("heading", name="In line").wait_for(state="detached")
    other.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    until(other, lambda: other.evaluate("'activity' in document.activeElement.dataset"))  # the focus is where it was

    # Tried again with one click; the film is finished on the stage while nobody looks.
    page.locator(f"#{second}").get_by_role("button", name="Try again").click()
    page.get_by_text("Started again.").wait_for()
    third = card(page, "queued").get_attribute("id")
    shows(other, third, "queued").wait_for()
    hide(page, True)
    shows(page, first, "succeeded").wait_for(timeout=300_000)
    until(page, lambda: page.title().startswith("(Done) a red circle"))
    hide(page, False)
    until(page, lambda: "Done" not in page.title())
    shows(page, third, "succeeded").wait_for(timeout=300_000)
    until(page, lambda: not page.title().startswith("("))
    # The other tab is told over a socket of its own, at its own pace.
    expect(other.locator("#activity-count")).to_have_attribute("data-unseen", "2")

    # Deleted in one tab it goes from the other, and comes back with Undo.
    shows(page, third, "succeeded").hover()
    page.locator(f"#{third}").get_by_role("button", name="Delete").click()
    other.locator(f"#{third}").wait_for(state="hidden")
    page.get_by_role("button", name="Undo").click()
    shows(other, third, "succeeded").wait_for()
    until(
        page, lambda: page.evaluate(f"document.activeElement.closest('#{third}') !== null")
    )  # the keyboard goes on there
    expect(page.locator(".toast"), "what is undone is not told beside what it undoes").to_have_count(1)
    shifts = page.evaluate("shifts")
    assert sum(value for value, *_ in shifts) < 0.005, f"nor does what follows, to the eye: {shifts}"


def test_on_a_phone_nothing_moves_and_nothing_is_covered(open_page):
    page = open_page("handy@example.org", TOOL, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.evaluate(NOTE_SHIFTS)
    order(page, steps=4)
    toast = page.locator(".toast")
    toast.wait_for()
    covered = at_rest(toast)
    page.get_by_role("button", name=re.compile("^New")).click()
    generate = page.get_by_role("button", name=re.compile("Generate"))
    until(page, lambda: box(generate)["bottom"] <= 844)
    assert covered["y"] + covered["height"] < box(generate)["top"]
    page.get_by_role("button", name="Close the controls").click()
    card(page, "succeeded").wait_for(timeout=300_000)
    page.wait_for_timeout(1000)
    assert page.evaluate("shifts") == []

    bar = page.get_by_role("navigation", name="Sections")
    names = ["Create", "Library", "Activity", "Me"]  # the number beside the third goes when nothing is made any more
    until(page, lambda: [link.strip() for link in bar.get_by_role("link").all_inner_texts()] == names)
    small = page.evaluate(
        """() => [...document.querySelectorAll(":is(.topbar, .bottombar, .card__actions) :is(a, button, summary)")]
          .filter((node) => node.checkVisibility({ visibilityProperty: true }))
          .map((node) => [node.outerHTML.slice(0, 60), node.getBoundingClientRect()])
          .filter(([, { width, height }]) => Math.min(width, height) < 43.9).map(([name]) => name)"""
    )
    assert small == []
    bar.get_by_role("link", name="Activity").click()
    page.get_by_role("dialog", name="Activity").get_by_role("heading", name="Done since you last looked").wait_for()
    expect(page.locator("#activity-count")).to_have_attribute("data-unseen", "0")


def test_a_failure_offers_what_helps(open_page, site):
    page = open_page("lost@example.org", TOOL)
    site.shell(LOST.format(email="lost@example.org", code="out_of_memory"))
    page.reload()
    card(page, "failed").get_by_role("link", name="Make it shorter").click()
    page.wait_for_url("**from=**")
    length = page.get_by_label("Length")
    expect(length).to_have_value("33")
    expect(length).to_be_focused()
    page.goto(f"{site.url}/home/credits")
    page.get_by_role("link", name="Activity").first.click()
    panel = page.get_by_role("dialog", name="Activity")
    panel.get_by_role("link", name="Make it shorter").wait_for()
    panel.get_by_role("button", name="Close activity").click()
    expect(panel).to_be_hidden()
