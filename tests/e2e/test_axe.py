"""What axe finds: nothing that keeps somebody out of a page.

Every page is looked at once; the pages that people spend their time on, in the dark and the light, wide and on a phone.
"""

from importlib.resources import files

import pytest

from scripts.pages import MOVING, World, pages

pytestmark = [pytest.mark.browser, pytest.mark.look, pytest.mark.slow]
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
HEAVY = ("serious", "critical")
# (width, height, scheme, what is looked for): everything once a width, and in the other scheme what colours change.
EVERY = [(1440, 900, "dark", None)]
MAIN = [*EVERY, (1440, 900, "light", ["color-contrast"]), (390, 844, "light", None)]
OFTEN = {
    *("landing-visitor", "docs-visitor", "tools-tool-full", "tools-tool-running", "library-library-full"),
    *(
        "library-generation-film",
        "tools-tool-lip-sync-faces",
        "library-generation-failed",
        "tools-activity-full",
        "billing-credits-full",
    ),
    *("prompts-builder-full", "models-full", "account-login-error", "tools-tool-talking-avatar-empty"),
}
RUN = """
async (rules) => {
  const options = { resultTypes: ["violations"], ...(rules && { runOnly: { type: "rule", values: rules } }) };
  const { violations } = await axe.run(document, options);
  return violations.map(({ id, impact, nodes }) => ({
    id, impact, where: nodes.slice(0, 4).map((node) => `${node.target.join(" ")}  ${node.any[0]?.message ?? ""}`),
  }));
}
"""


@pytest.fixture(scope="module")
def world(site, browser):
    """The site with everything on it that a page can show."""
    context = browser.new_context()
    world = World(site, context.request, quick=True).fill()
    yield world
    world.end()
    context.close()


def test_nothing_keeps_anybody_out_of_a_page(world, site, browser):
    # A browser without the site's policy, for axe alone, which is put into the pages from outside.
    options = {"bypass_csp": True, "reduced_motion": "reduce", "viewport": {"width": 1440, "height": 900}}
    found, windows = [], {None: browser.new_context(**options).new_page()}
    for page in pages(world):
        if page.state in MOVING and "running" not in world.ids:
            world.begin()
        if page.who not in windows:
            windows[page.who] = browser.new_context(**options).new_page()
            world.sign_in(windows[page.who], page.who)
        window = windows[page.who]
        window.set_viewport_size({"width": 1440, "height": 900})
        window.goto(f"{site.url}{page.path.format(**world.ids)}")
        if page.act:
            page.act(window)
        window.evaluate(AXE)
        for width, height, scheme, rules in MAIN if page.file in OFTEN else EVERY:
            window.set_viewport_size({"width": width, "height": height})
            window.emulate_media(color_scheme=scheme)
            for told in window.evaluate(RUN, rules):
                if told["impact"] in HEAVY:
                    where = "\n    ".join(told["where"])
                    found.append(f"{page.file} {width} {scheme}: {told['id']} ({told['impact']})\n    {where}")
    for window in windows.values():
        window.context.close()
    assert not found, "\n".join(found)
