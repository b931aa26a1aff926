"""A studio with two embedded models: what the pages show goes with the one that is chosen."""

import pytest
from playwright.sync_api import expect

from tests.e2e.site import Site
from tests.second_world import CARD
from workers.engines.skyreels import cards

pytestmark = [pytest.mark.browser, pytest.mark.look, pytest.mark.slow]


class TwoWorlds(Site):
    """A studio in one process that has both models."""

    program = ("-m", "tests.second_world")

    def __init__(self, folder):
        super().__init__(folder)
        self.fleet = False
        for name in ("REDIS_URL", "DATABASE_URL"):
            self.env.pop(name, None)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One studio for all tests of this file."""
    site = TwoWorlds(tmp_path_factory.mktemp("worlds") / "site")
    site.folder.mkdir()
    try:
        yield site.start()
    finally:
        site.stop()


@pytest.mark.parametrize(("tool", "suffix"), [("to-video", ""), ("text2image", "-image"), ("restyle", "")])
def test_another_model_brings_its_own_prompts_and_leaves_what_was_typed(open_page, tool, suffix):
    page = open_page("kai@example.org", f"/home/tools/{tool}")
    first, second = cards.get(cards.DEFAULT_ID), CARD
    prompt, title = page.locator("[name=prompt]"), page.locator("[data-model-title]")
    samples = page.locator(".sample")
    expect(title).to_contain_text(first.title)
    prompt.fill("a girl in a yellow raincoat")
    page.locator("#panel summary", has_text="Model").click()
    for card in (second, first):
        page.get_by_label("Model", exact=True).select_option(f"{card.id}{suffix}")
        expect(title).to_contain_text(card.title)
        examples = card.world["stills"]["examples"] if suffix else [*card.examples]
        expect(samples).to_have_text(examples)
        expect(prompt).to_have_attribute("placeholder", examples[0])
        expect(prompt).to_have_value("a girl in a yellow raincoat")
        expect(page.locator("[data-first-sample]")).to_have_text(examples[0])
    if tool == "to-video":
        page.locator("#quote").get_by_text(f"{first.id} does not know:").wait_for()
