"""A film is watched while it is made, and ends where it is told to."""

import itertools
import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import NANO, STEP, TOOL, card, credits, order, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
WINDOWS = 6
LONG = NANO.base_num_frames + (WINDOWS - 1) * STEP
SHORTER = LONG - 2 * STEP  # for who waits for the end
STEPS = 24  # enough of them for somebody to come, look and press before it is done

NOTE = """() => {
  window.seen = [];
  window.taken = window.left = null;
  const pause = ({ target }) => { if ("film" in target.dataset) left = target.currentTime; };
  document.addEventListener("pause", pause, true); // such events do not bubble
  new MutationObserver((changes) => {
    const gone = changes.flatMap((change) => [...change.removedNodes]);
    const film = gone.some((node) => node.matches?.(".card__film"));
    if (film) taken = document.querySelector("article.card video").currentTime;
  }).observe(document.body, { childList: true, subtree: true });
  const note = () => {
    const video = document.querySelector("article.card video");
    const { currentTime, currentSrc, clientWidth, paused, ended } = video ?? {};
    if (video) seen.push([currentTime, currentSrc.startsWith("blob:"), clientWidth, paused, ended]);
    requestAnimationFrame(note);
  };
  note();
}"""


def price(frames):
    return -(-2 * frames * STEPS // (NANO.fps * NANO.steps))  # 2 a second for the recommended steps


def job_of(page, site):
    name = card(page).get_attribute("id").removeprefix("generation-")
    return page.request.get(f"{site.url}/api/v1/generations/{name}/").json()


def playing(page):
    """Wait for a picture of a film that is still being made."""
    card(page, "running").locator("[data-on] video").wait_for(timeout=300_000)
    return page.locator("article.card video").first


def test_it_plays_while_it_renders_and_the_finished_film_takes_over_without_a_jump(open_page, site):
    page = open_page("live@example.org", TOOL)
    order(page, frames=SHORTER, steps=STEPS)
    film = playing(page)
    page.evaluate(NOTE)
    until(page, lambda: film.evaluate("video => video.currentTime") > 1, seconds=60)
    job = job_of(page, site)
    assert job["status"] == "running"
    assert job["created_at"] < job["first_frames_at"]
    assert job["kept"]["live_url"].endswith("/index.m3u8")
    card(page, "succeeded").wait_for(timeout=300_000)
    expect(page.locator("[data-film]")).to_have_count(0)
    asset = job_of(page, site)["assets"][0]
    assert asset["frames"] == SHORTER
    until(page, lambda: asset["url"].endswith(page.locator("article.card video").first.get_attribute("src")))
    until(page, lambda: page.evaluate("seen.some(([, live]) => !live)"))
    page.wait_for_timeout(1000)
    seen = page.evaluate("seen")
    live, final = [one for one in seen if one[1]], [one for one in seen if not one[1]]
    assert live and final
    assert all(after[0] >= before[0] - 0.01 for before, after in itertools.pairwise(live)), "it began again"
    # At the moment itself: what is left of the film may be over, and have begun again, before the next sample.
    assert abs(page.evaluate("taken - left")) < 0.3
    assert final[0][2] == live[-1][2]
    assert final[-1][3] == live[-1][4], "it stands still, though it had not come to the end"


def test_a_finished_film_that_does_not_load_or_play_at_first_is_shown_where_the_live_one_was(open_page, site):
    page = open_page("unlucky@example.org", TOOL, problems_expected=True)
    lost = []

    def lose(route):
        if len(lost) < 2:
            lost.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route(re.compile(r"/file"), lose)
    order(page, frames=SHORTER, steps=STEPS)
    film = playing(page)
    until(page, lambda: film.evaluate("video => video.currentTime") > 1, seconds=60)
    page.evaluate(NOTE)
    page.evaluate("""() => {
      const play = HTMLMediaElement.prototype.play;
      HTMLMediaElement.prototype.play = function () {
        return "film" in this.dataset ? play.call(this) : Promise.reject(new DOMException("No", "NotAllowedError"));
      };
    }""")
    card(page, "succeeded").wait_for(timeout=300_000)
    expect(page.locator("[data-film]")).to_have_count(0)
    assert len(lost) == 2
    page.wait_for_timeout(500)
    last = page.evaluate("left")
    assert last > 1
    assert abs(page.evaluate("taken - left")) < 0.3
    shown = page.locator("article.card video").first
    assert abs(shown.evaluate("video => video.currentTime") - last) < 0.3
    assert shown.evaluate("video => video.paused && video.error === null")


def test_stop_here_keeps_what_is_finished_and_says_what_it_cost(open_page, site):
    page = open_page("stopper@example.org", TOOL)
    order(page, frames=LONG, steps=STEPS)
    playing(page)
    page.evaluate(NOTE)
    whole = price(LONG)
    stop = card(page).get_by_role("button", name=re.compile(rf"Stop here: keep \d+\.\d s, pay \d+ of {whole} credits"))
    stop.click()
    page.get_by_text("What is finished is kept").wait_for()
    card(page, "succeeded").wait_for(timeout=300_000)
    expect(page.locator("[data-film]")).to_have_count(0)
    assert page.evaluate("taken") is not None, "the answer swapped the film away"
    job = job_of(page, site)
    assert job["stopped_early"] and job["assets"][0]["frames"] < LONG
    paid = job["credits"]
    assert paid["captured"] == price(job["assets"][0]["frames"])
    assert paid["captured"] + paid["released"] == paid["held"] == whole
    card(page).get_by_text(re.compile(rf"Stopped early: \d of {WINDOWS} windows kept")).wait_for()
    card(page).get_by_text(f"{paid['captured']} of {whole} credits").wait_for()
    until(page, lambda: credits(page) == 300 - paid["captured"])


def test_what_stands_beside_a_film_is_there_when_it_is_finished_without_a_reload(open_page, site):
    page = open_page("beside@example.org", TOOL)
    order(page, frames=SHORTER, steps=STEPS)
    page.goto(site.url + card(page).get_by_role("link").first.get_attribute("href"))
    page.evaluate("window.same = true")
    expect(page.get_by_text("Details")).to_have_count(0)
    page.get_by_text("Details").wait_for(timeout=300_000)
    expect(page.get_by_text(f"{SHORTER} frames")).to_have_count(1)
    assert page.evaluate("window.same") is True


def test_with_reduced_motion_it_waits_to_be_asked(open_page):
    page = open_page("calm@example.org", TOOL, reduced_motion="reduce")
    order(page, frames=LONG, steps=STEPS)
    film = playing(page)
    page.wait_for_timeout(1000)
    assert film.evaluate("video => video.paused") is True
    expect(card(page).get_by_role("button", name="Play")).to_be_visible()
    card(page).get_by_role("button", name="Cancel").click()
    card(page, "cancelled").wait_for()
