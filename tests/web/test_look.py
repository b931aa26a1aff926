"""The colours can be read: every pair of tokens that meet on a page, in the dark and in the light."""

import re
from math import cos, radians, sin

import pytest
from django.conf import settings

pytestmark = pytest.mark.look
TOKENS = settings.BASE_DIR / "static" / "css" / "tokens.css"
TEXT, CONTROL = 4.5, 3.0
GROUNDS = ("canvas", "surface", "raised")
PAIRS = [
    *((ink, ground, TEXT) for ink in ("text", "muted", "link", "danger", "success", "warning") for ground in GROUNDS),
    *((line, ground, CONTROL) for line in ("control", "focus", "accent-line") for ground in ("canvas", "surface")),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    ("on-screen", "screen", TEXT),
    ("on-screen-muted", "screen", TEXT),
    ("on-screen-danger", "screen", TEXT),
    ("on-screen-success", "screen", TEXT),
    ("on-screen-muted", "shade", TEXT),
    ("on-screen", "shade", TEXT),
    ("canvas", "text", TEXT),
]


def luminance(lightness: float, chroma: float, hue: float) -> float:
    """WCAG relative luminance of an OKLCH colour, clipped to sRGB."""
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(1.0, max(0.0, part)) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def palettes() -> dict[str, dict[str, float]]:
    """The luminance of every opaque colour token of the dark and the light theme."""
    css = TOKENS.read_text(encoding="utf-8")
    dark, light = css.split("@media (prefers-color-scheme: light)")
    colour = re.compile(r"--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\);")

    def read(part: str) -> dict[str, float]:
        return {name: luminance(*map(float, values)) for name, *values in colour.findall(part)}

    return {"dark": read(dark), "light": {**read(dark), **read(light)}}


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_the_pair_has_contrast(theme, ink, ground, least):
    palette = palettes()[theme]
    bright, dim = sorted((palette[ink], palette[ground]), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= least


def test_luminance_of_known_colours():
    assert luminance(1, 0, 0) == pytest.approx(1, abs=1e-3)
    assert luminance(0, 0, 0) == 0
    assert luminance(0.62796, 0.25768, 29.234) == pytest.approx(0.2126, abs=2e-3)


def test_only_the_tokens_name_colours():
    raw = re.compile(r"#[0-9a-fA-F]{3,8}\b(?=[;\s,)])|\b(?:oklch|oklab|rgba?|hsla?|lab|lch|color)\(")
    for sheet in TOKENS.parent.glob("*.css"):
        found = raw.search(re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL))
        assert sheet.name == "tokens.css" or not found, f"{sheet.name}: {found}"


def test_every_token_that_a_sheet_uses_is_there():
    css = {sheet.name: sheet.read_text(encoding="utf-8") for sheet in TOKENS.parent.glob("*.css")}
    set_somewhere = set(re.findall(r"(--[\w-]+):", "".join(css.values()))) | {"--share"}  # of a slider, by tool.js
    used = {(name, token) for name, text in css.items() for token in re.findall(r"var\((--[\w-]+)", text)}
    assert {(name, token) for name, token in used if token not in set_somewhere} == set()


@pytest.mark.parametrize("folder", settings.TEMPLATES[0]["DIRS"])
def test_no_line_of_a_template_is_longer_than_one_reads(folder):
    lines = [
        f"{path.relative_to(folder)}:{number}"
        for path in sorted(folder.rglob("*.*"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 160
    ]
    assert lines == []


def test_no_rule_waits_for_just_anything():
    """A `:has()` whose siblings may be anything has a browser compute a page anew with every letter put into it."""
    for sheet in TOKENS.parent.glob("*.css"):
        rules = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.S)
        assert re.findall(r":has\([~+] \*", rules) == [], sheet.name
