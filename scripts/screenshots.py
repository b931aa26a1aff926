"""Take pictures of every page, on a studio of its own that is filled with real work: `make screenshots`.

Three widths, dark and light, and each page empty, full and wrong. `index.html` shows them all. ARGS="--only credits"
takes some of them; ARGS=--readme takes the three of the README, and writes them to docs/.
"""

import argparse
import html
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from scripts.pages import MOVING, Page, UnknownPage, World, pages
from scripts.studio import ROOT, Studio

WIDTHS = {1440: 900, 768: 1024, 390: 844}
SCHEMES = ("dark", "light")
TALLEST = 2600  # pixels of a page that its picture shows
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
README = {"landing-visitor": "landing", "tools-tool-running": "studio", "library-generation-film": "film"}
README_WIDTH, README_BYTES = 1280, 200_000


def main() -> int:
    parser = argparse.ArgumentParser(description="Take pictures of every page of the site.")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "screenshots", help="where they go")
    parser.add_argument("--only", default=[""], nargs="+", help="parts of the names of the pages to take")
    parser.add_argument(
        "--readme", action="store_true", help="take the pictures of the README, and write them to docs/"
    )
    args = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        print("There is no Chromium here: install it (Debian: apt-get install chromium), or set CHROMIUM.")
        return 1
    with tempfile.TemporaryDirectory(prefix="cinevivid-screenshots-") as folder:
        os.environ |= {"CINEVIVID_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "cinevivid.settings"}
        os.environ |= {"REDIS_URL": "", "DATABASE_URL": "", "MAX_ACTIVE_JOBS": "20"}
        import django

        django.setup()
        studio = Studio(Path(folder))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the studio is stopped too
        try:
            studio.start()
            return take(studio, chromium, args)
        except UnknownPage as error:
            print(error)
            return 1
        finally:
            studio.stop()


def take(studio: Studio, chromium: str, args: argparse.Namespace) -> int:
    """Fill the studio and take every picture; returns 1 when a page was not what it should be."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER)
        world = World(studio, playwright.request.new_context())
        pages(world)  # says at once which page has no rule
        world.fill()
        print("The studio is filled.", flush=True)
        shutil.rmtree(args.out, ignore_errors=True)
        args.out.mkdir(parents=True)
        camera = Camera(browser, world, args.out)
        wanted = [page for page in pages(world) if any(part in page.file for part in args.only)]
        if args.readme:
            wanted = [page for page in wanted if page.file in README]
        for page in wanted:
            if page.state in MOVING and "running" not in world.ids:
                world.begin()
            camera.shoot(page)
        world.end()
        (args.out / "index.html").write_text(sheet(wanted), encoding="utf-8")
        if args.readme:
            camera.for_readme(wanted)
        browser.close()
    print(f"{len(list(args.out.glob('*.png')))} pictures of {len(wanted)} pages: {args.out / 'index.html'}")
    for problem in camera.problems:
        print(problem)
    return 1 if camera.problems else 0


class Camera:
    """A window for each person and width, and what it noticed."""

    def __init__(self, browser: Any, world: World, out: Path) -> None:
        self.browser, self.world, self.out = browser, world, out
        self.problems: list[str] = []
        self.known: dict[str | None, Any] = {None: None}  # cookies of who has signed in
        self.windows: dict[tuple[str | None, int], Any] = {}
        self.where = ""

    def cookies(self, who: str | None) -> Any:
        if who not in self.known:
            context = self.browser.new_context()
            self.world.sign_in(context.new_page(), str(who))
            self.known[who] = context.storage_state()
            context.close()
        return self.known[who]

    def window(self, who: str | None, width: int) -> Any:
        if (who, width) not in self.windows:
            context = self.browser.new_context(
                viewport={"width": width, "height": WIDTHS[width]},
                storage_state=self.cookies(who),
                reduced_motion="reduce",
                has_touch=width < 500,
            )
            window = self.windows[who, width] = context.new_page()
            window.on("pageerror", lambda error: self.problems.append(f"{self.where}{error}"))
        return self.windows[who, width]

    def shoot(self, page: Page) -> None:
        for width, height in WIDTHS.items():
            window = self.window(page.who, width)
            self.visit(window, page, width)
            for scheme in SCHEMES:
                window.emulate_media(color_scheme=scheme)
                tall = min(TALLEST, window.evaluate("document.documentElement.scrollHeight"))
                window.screenshot(
                    path=self.out / f"{page.file}-{width}-{scheme}.png",
                    full_page=True,
                    clip={"x": 0, "y": 0, "width": width, "height": max(tall, height)},
                )

    def visit(self, window: Any, page: Page, width: int) -> None:
        """Open a page and bring it into its state; notes what is wrong with it."""
        self.where = f"{page.file} at {width}: "
        path = page.path.format(**self.world.ids)
        answer = window.goto(f"{self.world.studio.url}{path}")
        if answer.status >= 400 and page.state != "error":
            self.problems.append(f"{self.where}answered {answer.status}")
        if page.act:
            page.act(window)
        window.wait_for_timeout(300)  # pictures and posters are decoded
        wide = window.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            self.problems.append(f"{self.where}{wide} pixels wide")

    def for_readme(self, wanted: list[Page]) -> None:
        """Write the first screen of some pages to docs/, small enough for a page that is read on the way."""
        for page in wanted:
            if name := README.get(page.file):
                with Image.open(self.out / f"{page.file}-1440-dark.png") as shot:
                    height = README_WIDTH * WIDTHS[1440] // 1440
                    small = shot.crop((0, 0, 1440, WIDTHS[1440])).resize(
                        (README_WIDTH, height), Image.Resampling.LANCZOS
                    )
                path = ROOT / "docs" / f"{name}.webp"
                for quality in range(90, 30, -10):
                    small.save(path, quality=quality, method=6)
                    if path.stat().st_size < README_BYTES:
                        break
                print(f"{path.stat().st_size:>8,} bytes  {path.relative_to(ROOT)}")


def sheet(wanted: list[Page]) -> str:
    """Return a page that shows every picture, large on a click."""
    rows = []
    for page in wanted:
        title = f"{html.escape(page.name)} <small>{html.escape(page.state)}</small>"
        shots = "".join(
            f'<a href="{name}"><img src="{name}" alt="{width}, {scheme}" loading="lazy" height="260"></a>'
            for width in WIDTHS
            for scheme in SCHEMES
            if (name := f"{page.file}-{width}-{scheme}.png")
        )
        rows.append(f'<section id="{page.file}"><h2>{title}</h2><div>{shots}</div></section>')
    return SHEET.replace("ROWS", "\n".join(rows))


SHEET = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>CineVivid, every page</title>
<style>
  body { margin: 2rem; font: 16px/1.5 system-ui; background: #777; color: #fff }
  div { display: flex; flex-wrap: wrap; gap: 12px }
  img { display: block; width: auto; max-width: 420px; object-fit: cover; object-position: top; border-radius: 6px }
  h2 { margin: 2rem 0 .5rem; font-size: 1.1rem } small { font-weight: 400; opacity: .8 }
</style>
<h1>Every page</h1>
ROWS
</html>
"""

if __name__ == "__main__":
    sys.exit(main())
