"""The studio's own player: on the stage, on a film's page, for sounds and for what is compared."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_live import LONG, STEPS, WINDOWS, playing
from tests.e2e.test_main_job import NANO, TOOL, at_rest, card, finished, order, until
from tests.media import encoded, quarters, sound

pytestmark = [pytest.mark.browser, pytest.mark.look, pytest.mark.slow, pytest.mark.timeout(600)]
FRAME = 1 / NANO.fps
OWNER = "player@example.org"
TAP_MS = 250  # a little less than the player's own
SHOWN = """() => {
  const video = document.querySelector("video");
  return new Promise((resolve) => {
    video.requestVideoFrameCallback((_, frame) => resolve(frame.mediaTime));
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: KEY, bubbles: true, cancelable: true }));
  });
}"""
MAKE = """
from pathlib import Path
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from apps.accounts.models import User
from apps.library import uploads
from apps.library.models import Asset, Generation, GenerationInput
user = User.objects.get(email="{email}")
ended = dict(user=user, status="succeeded", finished_at=timezone.now())
film = Asset.objects.filter(user=user, kind="video").first()
about = dict(width=film.width, height=film.height, frames=film.frames, fps=film.fps, seconds=film.seconds)
larger = Generation.objects.create(tool="upscale", title="larger", params=dict(kind="video"), **ended)
GenerationInput.objects.create(generation=larger, name="source", asset=film)
file = ContentFile(film.file.read(), "film.mp4")
Asset.objects.create(user=user, generation=larger, kind="video", file=file, **about)
picture = Generation.objects.create(tool="to-image", title="quarters", **ended)
file = ContentFile(Path("{picture}").read_bytes(), "picture.png")
Asset.objects.create(user=user, generation=picture, kind="image", width=96, height=64, file=file)
uploads.keep(user, "audio", SimpleUploadedFile("bell.mp3", Path("{sound}").read_bytes()))
print(larger.get_absolute_url(), picture.get_absolute_url())
"""


@pytest.fixture(scope="module")
def made():
    """What the tests of this file have made for one another: the address of a film, once there is one."""
    return {}


def film_page(open_page, site, made, **options):
    """The page of a film of six windows; it is made when the first test needs it."""
    if "film" not in made:
        page = open_page(OWNER, TOOL)
        order(page, frames=LONG, steps=4)
        finished(page)
        made["film"] = card(page).get_by_role("link").first.get_attribute("href")
    return open_page(OWNER, made["film"], **options)


def state(page, names, selector="video"):
    return page.locator(selector).first.evaluate(f"media => ({{ {', '.join(f'{n}: media.{n}' for n in names)} }})")


def halt(page):
    """Stop the film at its beginning and give the page the keys."""
    video = page.locator("video").first
    until(page, lambda: video.evaluate("video => video.readyState >= 2"))

    def stands():
        video.evaluate("video => { video.pause(); video.currentTime = 0; }")
        page.wait_for_timeout(200)  # it may be about to play by itself
        return video.evaluate("video => !video.seeking && video.paused && video.currentTime === 0")

    until(page, stands)
    return video


def test_a_film_in_the_making_has_its_live_edge_and_what_was_chosen_stays(open_page, site, made):
    page = open_page(OWNER, TOOL)
    order(page, frames=LONG, steps=STEPS)
    film = playing(page)
    bar, scrub = page.locator("[data-bar]"), page.get_by_role("slider", name="Position")
    bar.wait_for()
    until(page, lambda: film.evaluate("video => video.controls") is False)
    expect(page.locator("#stage-list [data-bar]")).to_have_count(1)
    whole = pytest.approx(LONG * FRAME, abs=0.02)  # as long as it will be
    until(page, lambda: float(scrub.get_attribute("aria-valuemax")) == whole)
    expect(scrub.locator(".player__marks > i")).to_have_count(WINDOWS)
    assert bar.evaluate("bar => parseFloat(bar.style.getPropertyValue('--made'))") < 100
    until(page, lambda: film.evaluate("video => video.seekable.length && video.seekable.end(0)") > 3, seconds=120)
    scrub.focus()
    until(page, lambda: not state(page, ["paused"], "article.card video")["paused"])
    page.keyboard.press("k")
    page.keyboard.press("Home")
    until(page, lambda: film.evaluate("video => video.currentTime") < 0.5)
    expect(scrub).to_have_attribute("aria-valuetext", re.compile(r"^0:00\.\d; 0:\d\d\.\d are made$"))
    page.get_by_role("button", name="Live").click()
    until(page, lambda: film.evaluate("video => video.seekable.end(0) - video.currentTime") < 1.5)
    page.keyboard.press(">")
    page.get_by_role("button", name="Unmute").click()
    scrub.focus()
    bar.evaluate("bar => (window.bar = bar)")
    card(page, "succeeded").wait_for(timeout=300_000)
    expect(page.locator("[data-film]")).to_have_count(0)
    until(
        page, lambda: page.evaluate("bar.isConnected && document.activeElement === bar.querySelector('[role=slider]')")
    )
    chosen = {"playbackRate": 1.25, "muted": False, "controls": False}
    until(page, lambda: state(page, list(chosen), "article.card video") == chosen)
    expect(page.get_by_role("button", name="Live")).to_have_count(0)
    expect(scrub.locator(".player__marks > i")).to_have_count(WINDOWS)
    made["film"] = card(page).get_by_role("link").first.get_attribute("href")


def test_keys_play_step_and_change_how_a_film_is_shown(open_page, site, made):
    page = film_page(open_page, site, made)
    video = halt(page)
    for key, frame in ((".", 1), (".", 2), (".", 3), (",", 2)):
        shown = page.evaluate(SHOWN.replace("KEY", repr(key)))
        assert shown == pytest.approx(frame * FRAME, abs=0.005), "one frame, and the right one"
    scrub = page.get_by_role("slider", name="Position")
    expect(scrub).to_have_attribute("aria-valuetext", re.compile(r", frame 3$"))
    expect(scrub.locator(".player__marks > i")).to_have_count(WINDOWS)
    page.keyboard.press("End")
    page.keyboard.press("5")
    middle = pytest.approx(LONG * FRAME / 2, abs=0.05)
    until(page, lambda: video.evaluate("video => video.currentTime") == middle)
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.keyboard.press("<")
    page.keyboard.press("m")
    loop = page.get_by_role("button", name="Loop")
    keyed = {"loop": False, "playbackRate": 0.75, "muted": False}
    until(page, lambda: state(page, list(keyed)) == keyed)
    expect(loop).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Speed").select_option("0.25")  # it does not come to its end before the test has looked
    until(page, lambda: state(page, ["playbackRate"]) == {"playbackRate": 0.25})
    page.locator(".asset__prompt").click()
    page.keyboard.press("Space")
    until(page, lambda: not state(page, ["paused"])["paused"])
    page.get_by_role("button", name="Pause").click()
    until(page, lambda: state(page, ["paused"])["paused"])
    video.click()
    until(page, lambda: not state(page, ["paused"])["paused"])
    page.keyboard.press("k")
    page.keyboard.press("f")
    until(page, lambda: page.evaluate("document.fullscreenElement?.matches('.player') ?? false"))
    page.get_by_role("button", name="Leave full screen").click()
    until(page, lambda: page.evaluate("document.fullscreenElement === null"))
    address = page.url
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys of the player").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.url == address
    video.evaluate("video => video.addTextTrack('captions', 'English', 'en')")
    page.get_by_role("button", name="Captions").wait_for()
    page.keyboard.press("c")
    until(page, lambda: video.evaluate("video => video.textTracks[0].mode") == "showing")
    page.get_by_label("Volume").fill("40")
    # What was heard last is heard again when somebody plays the next one.
    page.reload()
    halt(page)
    until(page, lambda: state(page, ["volume", "muted"]) == {"volume": 0.4, "muted": True})
    page.get_by_role("button", name="Play").click()
    until(page, lambda: state(page, ["paused", "muted"]) == {"paused": False, "muted": False})


def test_the_bar_shows_a_picture_of_the_place_under_the_pointer_and_goes_when_nobody_moves(open_page, site, made):
    page = film_page(open_page, site, made)
    halt(page)
    place = page.locator("[data-scrub]").bounding_box()
    middle = (place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.move(*middle)
    frame = page.locator(".player__frame[data-ready]")
    frame.wait_for()
    assert "/strip" in frame.evaluate("frame => getComputedStyle(frame).backgroundImage")
    expect(page.locator(".player__preview .figures"), f"half of {LONG} frames").to_have_text("0:05.0")
    page.mouse.click(*middle)
    until(page, lambda: state(page, ["currentTime"])["currentTime"] == pytest.approx(LONG * FRAME / 2, abs=0.1))
    page.mouse.move(place["x"] + 100, place["y"] - 200)
    page.locator("video").first.evaluate("video => { video.loop = true; return video.play(); }")
    page.locator(".player[data-idle]").wait_for()
    page.mouse.move(place["x"] + 120, place["y"] - 220)
    page.locator(".player:not([data-idle])").wait_for()


def test_without_javascript_the_browsers_own_controls_stay(open_page, site, made):
    page = film_page(open_page, site, made, java_script_enabled=False)
    video = page.locator("video")
    expect(video).to_have_attribute("controls", "")
    expect(page.locator("[data-bar]")).to_have_count(0)
    expect(page.get_by_text("SHA-256")).to_be_hidden()


def test_on_a_phone_a_finger_is_enough(open_page, site, made):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = film_page(open_page, site, made, **phone)
    video = halt(page)
    for button in page.locator("[data-bar] :is(button, select, [role=slider])").all():
        if button.is_visible():
            size = button.bounding_box()
            assert size["height"] >= 44 and size["width"] >= 44, button.get_attribute("aria-label")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = video.bounding_box()
    x, y = box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 4
    page.evaluate("window.taps = []; addEventListener('click', ({ timeStamp }) => taps.push(timeStamp), true)")

    def two_taps():
        """Tap twice; whether it was as quick as a hand is, which a busy machine may not be."""
        halt(page)
        page.touchscreen.tap(x, y)
        page.touchscreen.tap(x, y)
        until(page, lambda: page.evaluate("taps.length % 2 === 0"))
        return page.evaluate("taps.at(-1) - taps.at(-2)") < TAP_MS

    until(page, two_taps)
    until(page, lambda: state(page, ["currentTime"])["currentTime"] == pytest.approx(5, abs=0.1))
    page.wait_for_timeout(500)
    assert state(page, ["paused"]) == {"paused": True}, "two taps are not a tap"
    page.touchscreen.tap(x, y)
    until(page, lambda: not state(page, ["paused"])["paused"])


def test_a_comparison_a_picture_and_a_sound_have_the_same_ways(open_page, site, made, tmp_path):
    page = film_page(open_page, site, made)
    (tmp_path / "picture.png").write_bytes(encoded(quarters()))
    path = sound(tmp_path / "bell.mp3", "libmp3lame", seconds=2)
    script = MAKE.format(email=OWNER, picture=tmp_path / "picture.png", sound=path)
    larger, picture = site.shell(script).split()

    page.goto(site.url + larger)
    until(page, lambda: page.locator("main video:visible").count() == 2)  # the result once, with what it was before
    halt(page)
    page.keyboard.press("5")
    both = "() => [...document.querySelectorAll('main video')].map(video => video.currentTime)"
    until(page, lambda: max(page.evaluate(both)) - min(page.evaluate(both)) < 0.05 and min(page.evaluate(both)) > 1)
    place = page.locator(".compare__screen").bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 100)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 4, place["y"] + 100, steps=4)
    page.mouse.up()
    expect(page.locator(".compare__slider input")).to_have_value(re.compile("^2[456]$"))
    assert state(page, ["paused"]) == {"paused": True}, "a drag is not a click"

    page.goto(site.url + picture)
    image = page.locator(".zoom > img.card__media")
    width = at_rest(image)["width"]
    page.get_by_role("button", name="Larger").click()
    until(page, lambda: image.bounding_box()["width"] == pytest.approx(1.5 * width, rel=0.01))
    before = at_rest(image)["x"]
    page.keyboard.press("ArrowRight")
    until(page, lambda: image.bounding_box()["x"] < before)
    assert page.url.endswith(picture), "it moves; the page stays"
    page.keyboard.press("0")
    until(page, lambda: image.bounding_box()["width"] == pytest.approx(width, rel=0.01))
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**{larger}")

    page.goto(f"{site.url}/home/my-library/uploads")
    wave = page.locator(".sound__wave").first
    until(page, lambda: wave.evaluate("image => image.naturalWidth") == 960)
    place = wave.bounding_box()
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    until(page, lambda: state(page, ["currentTime"], "audio")["currentTime"] == pytest.approx(1, abs=0.1))
    page.keyboard.press("k")
    until(page, lambda: (heard := state(page, ["paused", "ended"], "audio"))["ended"] or not heard["paused"])
