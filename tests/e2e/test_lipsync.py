"""Lip sync: from a clip of two people, one of them picked, to the player that shows it before and after."""

import os

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import card, finished, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.look,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]
OWNER = "lipsync@example.org"
LOOKED_AT = os.environ.get("LOOKED_AT", "")  # a folder for pictures of what this test sees


def clip(path, people=("mara", "jonas"), width=640):
    from scripts.faces import PEOPLE, Clip, Pose, Scene
    from workers.media import film

    poses = tuple(Pose(170 + 300 * place, 220, 180) for place in range(len(people)))
    made = Clip((Scene(tuple(PEOPLE[name] for name in people), poses, 1.2),), width, 480)
    film.write(path, made.read(), made.width, made.height, made.fps)
    return path


def look(page, name):
    if LOOKED_AT:
        page.screenshot(path=f"{LOOKED_AT}/{name}.png", full_page=name.endswith("whole"))


@pytest.mark.parametrize("size", [(390, 844), (1440, 900)])
def test_one_of_two_faces_is_picked_and_speaks(open_page, tmp_path, size):
    page = open_page(f"{size[0]}-{OWNER}", "/home/tools/lip-sync", viewport={"width": size[0], "height": size[1]})
    look(page, f"{size[0]}-empty")
    page.locator("input[type=file][name=video]").set_input_files(clip(tmp_path / "two.mp4"))
    faces = page.locator(".faces input")
    expect(faces).to_have_count(2)
    expect(page.locator(".faces__told")).to_contain_text("2 faces are seen")
    first, second = faces.nth(0), faces.nth(1)
    page.locator(".faces").scroll_into_view_if_needed()
    first.click()
    expect(first).to_be_checked()
    page.keyboard.press("ArrowRight")
    expect(second).to_be_checked()
    with page.expect_response("**/quote"):
        page.locator("textarea[name=text]").fill("Mama, papa.")
    expect(page.locator(".quote__credits")).to_have_count(1)
    expect(page.locator("#quote.htmx-request")).to_have_count(0)
    page.locator(".faces").scroll_into_view_if_needed()
    look(page, f"{size[0]}-picked")
    expect(page.locator(".faces input:checked"), "a quote leaves what is picked").to_have_count(1)
    page.locator("input[name=consent]").check()
    look(page, f"{size[0]}-consent")
    page.locator("[data-submit]").click()
    finished(page)
    look(page, f"{size[0]}-made")
    with page.expect_navigation():
        card(page).get_by_role("link").first.click()
    until(page, lambda: page.locator(".compare video:visible").count() == 2)
    expect(page.locator(".asset__side")).to_contain_text("Synthetic")
    look(page, f"{size[0]}-result-whole")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_another_clip_has_nobody_picked_and_a_large_one_goes_up_once(open_page, tmp_path):
    page = open_page("lipsync-other@example.org", "/home/tools/lip-sync", problems_expected=True)  # a form is refused
    two = clip(tmp_path / "two.mp4")
    three = clip(tmp_path / "three.mp4", ("mara", "jonas", "ada"), 960)
    large, room = tmp_path / "large.mp4", 55_000_000
    large.write_bytes(two.read_bytes() + room.to_bytes(4, "big") + b"free" + bytes(room - 8))
    video, faces, picked = page.locator("input[type=file][name=video]"), ".faces input", ".faces input:checked"
    sent = []  # bytes of each form and quote
    page.on(
        "request",
        lambda request: request.method == "POST" and sent.append(int(request.all_headers().get("content-length", 0))),
    )
    video.set_input_files(two)
    expect(page.locator(faces)).to_have_count(2, timeout=60_000)
    page.locator(faces).last.check()
    video.set_input_files(three)
    expect(page.locator(picked)).to_have_count(0)
    expect(page.locator(faces)).to_have_count(3, timeout=60_000)
    expect(page.locator(picked)).to_have_count(0)
    expect(page.get_by_role("radio", name="Face 3 of 3, on the right")).to_be_enabled()

    video.set_input_files(large)
    page.locator("textarea[name=text]").fill("Mama, papa.")  # while it is on its way
    expect(page.locator(faces)).to_have_count(2, timeout=60_000)
    page.locator("[data-submit]").click()
    expect(page.locator(".field--face .errorlist")).to_contain_text("2 faces are seen", timeout=60_000)
    expect(page.locator(faces)).to_have_count(2)
    with page.expect_response(lambda response: response.url.endswith("/quote")):
        page.locator("textarea[name=text]").fill("Mama, papa, Bob.")
    expect(page.locator(faces)).to_have_count(2)
    page.locator(faces).first.check()
    expect(page.locator(".field--face .errorlist")).to_have_count(0)
    expect(page.locator(".quote__credits")).to_have_count(1)
    page.locator("input[name=consent]").check()
    page.locator("[data-submit]").click()
    finished(page)
    assert sum(size > room for size in sent) == 1
