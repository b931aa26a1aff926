"""A batch on the page: asked for in the form, one card while it is made, compared, picked from, and undone."""

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import settled, until

pytestmark = [pytest.mark.browser]


def test_a_batch_is_one_card_and_what_is_discarded_comes_back(open_page):
    page = open_page("bella@example.org", "/home/tools/text2image")
    page.locator("[name=prompt]").fill("a {red|blue} star at sunset")
    page.locator("[name=count][value='1']").check(force=True)
    page.locator("[name=finish]").select_option("")
    page.locator(".batchfields summary").press("Enter")
    page.locator("[name=batch_prompts]").fill("a green heart at sunset")
    page.locator("#quote").get_by_text("3 jobs · 1 image · 128 × 128").wait_for()
    page.locator("[data-submit]").click()
    card = page.locator("#stage-list > .card--batch")
    card.locator("[data-live=state]").get_by_text("3 jobs").wait_for()
    expect(page.locator("#stage-list > .card")).to_have_count(1)
    expect(card.locator(".mosaic img")).to_have_count(3, timeout=300_000)
    whole = "all => all.map((one) => one.clientHeight >= (one.querySelector('img')?.clientHeight ?? Infinity))"
    until(page, lambda: card.locator(".mosaic__one").evaluate_all(whole) == [True] * 3)  # nothing is cut off

    with page.expect_navigation():
        card.get_by_role("link", name="Compare").click()
    variants = page.locator(".variant")
    page.get_by_text("green heart", exact=True).wait_for()
    variants.first.locator(".card__title a").focus()
    page.keyboard.press("x")
    page.get_by_role("button", name="Keep only these").click()
    page.get_by_text("2 deleted.").wait_for()
    expect(variants).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("2 restored.").wait_for()
    expect(variants).to_have_count(3)


def test_what_is_typed_while_a_preset_is_saved_stays(open_page):
    page = open_page("carla@example.org", "/home/tools/text2image")
    prompt, held = page.locator("[name=prompt]"), []
    page.route("**/preset", lambda route: held.append(route))
    prompt.fill("a red star")
    page.get_by_role("button", name="Save as preset").click()
    until(page, lambda: held)
    prompt.fill("a red star at sea")
    page.locator("[name=count][value='1']").check(force=True)
    held[0].continue_()
    page.locator(".preset").get_by_text("Preset 1").wait_for()
    settled(page)
    expect(prompt).to_have_value("a red star at sea")
    expect(page.locator("[name=count][value='1']")).to_be_checked()
    expect(page.locator("#quote")).to_contain_text("1 image")


def test_a_preset_puts_its_words_into_what_is_typed(open_page):
    page = open_page("bella@example.org", "/home/tools/text2image")
    prompt = page.locator("[name=prompt]")
    prompt.fill("a red star")
    page.get_by_role("button", name="Save as preset").click()
    page.locator(".preset").get_by_text("Preset 1").wait_for()
    with page.expect_navigation():
        page.get_by_role("link", name="Edit presets").click()
    address = page.url
    with page.expect_navigation():
        page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Words for the prompt").fill("at sunset")
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()
    page.goto(address.replace("/home/presets", "/home/tools/text2image"))
    prompt.fill("a blue star")
    page.get_by_role("button", name="Preset 1").click()
    page.get_by_text("is in the form.").wait_for()
    expect(prompt).to_have_value("a blue star, at sunset")
