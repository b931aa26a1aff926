"""Voices in a browser: a text becomes a sound that is heard, and a film speaks with captions."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import until
from tests.e2e.test_player import halt

pytestmark = [pytest.mark.browser, pytest.mark.look]


def done(page):
    """Wait for the newest job and open its page."""
    page.locator("#stage-list > .card--succeeded").first.wait_for(timeout=300_000)
    page.locator("#stage-list > .card--succeeded .card__title a").first.click()
    page.wait_for_url(re.compile("/home/my-library/"))


def test_a_text_is_spoken_heard_and_downloaded_with_its_captions(open_page):
    page = open_page("mouth@example.org", "/home/tools/voiceover")
    page.get_by_label("Text", exact=True).fill("The rain has stopped. A door opens, slowly.")
    page.get_by_label("Voice", exact=True).select_option("skylark")
    expect(page.locator("#quote")).to_contain_text("1 credit")
    page.get_by_role("button", name="Speak").click()
    done(page)
    play = page.get_by_role("button", name="Play")
    page.locator("audio").evaluate("audio => (audio.muted = true)")
    play.click()
    until(page, lambda: page.locator("audio").evaluate("audio => audio.currentTime") > 0)
    until(page, lambda: page.locator(".sound__wave").evaluate("image => image.naturalWidth") > 0)
    with page.expect_download() as sound:
        page.get_by_role("link", name="Download", exact=True).click()
    assert sound.value.suggested_filename == "the-rain-has-stopped-a-door-opens-slowly.mp3"
    with page.expect_download() as captions:
        page.get_by_role("link", name="Captions (SRT)").click()
    assert "A door opens, slowly." in captions.value.path().read_text()
    expect(page.locator(".transcript")).to_contain_text("The rain has stopped. A door opens, slowly.")


def test_a_film_speaks_and_shows_its_captions(open_page):
    page = open_page("mouth@example.org", "/home/tools/to-video")
    page.get_by_label("Prompt", exact=True).fill("a red circle moves right")
    page.locator("[name=num_frames]").evaluate("field => (field.value = field.min)")
    page.locator("[name=finish]").select_option("")
    page.get_by_text("Voiceover and music").click()
    page.get_by_label("Spoken text").fill("A red circle moves slowly to the right side of the picture.")
    page.locator("[name=voiceover_voice]").select_option("skylark")
    expect(page.locator("#quote")).to_contain_text("s of speech")
    page.locator("[name=voiceover_fit]").select_option("run_on")
    expect(page.locator("#quote")).to_contain_text("credits")
    page.get_by_role("button", name="Generate").click()
    done(page)
    film = page.locator("video.card__media")
    until(page, lambda: film.evaluate("film => film.textTracks.length") == 1)
    halt(page)  # it plays by itself, without its sound
    page.get_by_role("button", name="Play").click()
    until(page, lambda: film.evaluate("film => film.currentTime > 0 && !film.muted"))
    page.get_by_role("button", name="Captions").click()
    until(page, lambda: film.evaluate("film => film.textTracks[0].cues?.length ?? 0") >= 1)
    until(page, lambda: film.evaluate("film => film.textTracks[0].mode") == "showing")
    assert "red circle" in film.evaluate("film => film.textTracks[0].cues[0].text")
    expect(page.locator(".transcript")).to_contain_text("side of the picture.")
