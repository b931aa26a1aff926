"""`make bench`: run every benchmark, print the tables, and write them to docs/benchmarks.md with their charts.

`--only engine` (or `web`, `drift`, or one part of the engine) runs less; `--quick` takes less than three minutes and
writes nothing: it shows that everything runs, its figures mean little.
"""

import argparse
import platform
from collections.abc import Callable
from datetime import date
from pathlib import Path

from scripts.bench import drift, engine, watermark, web
from scripts.bench.report import CARD, Section, replaced

DOCS = Path(__file__).resolve().parents[2] / "docs"
ENGINE: dict[str, Callable[[bool], Section]] = {
    "length": engine.length,
    "first": engine.first,
    "start": engine.start,
    "batch": engine.batch,
    "platform": engine.platform,
    "resume": engine.resume,
}
PARTS: dict[str, Callable[[bool], Section]] = {
    "web": web.run,
    **ENGINE,
    "watermark": watermark.run,
    "drift": drift.run,
}
GROUPS = {"engine": tuple(ENGINE)} | {part: (part,) for part in PARTS}
QUICK = (*ENGINE, "watermark", "drift")  # the site's figures come from a fixed number of events


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts.bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=GROUPS, metavar="PART", help=", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true", help="small and short, nothing is written")
    options = parser.parse_args()
    chosen = [part for name in options.only or (QUICK if options.quick else PARTS) for part in GROUPS[name]]
    machine = f"{platform.machine()}, Python {platform.python_version()}, {date.today().isoformat()}"
    for part in chosen:
        section = PARTS[part](options.quick)
        text = section.markdown(machine)
        print(f"\n{text}\n", flush=True)
        if not options.quick:
            page = DOCS / "benchmarks.md"
            page.write_text(replaced(page.read_text(), part, text, [*PARTS, CARD]))
            for name, chart in section.charts.items():
                (DOCS / name).write_text(chart)


if __name__ == "__main__":
    main()
