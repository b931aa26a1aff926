"""`make bench`: run every benchmark, print the tables, and write them to docs/benchmarks.md."""

import argparse
import platform
from datetime import date
from pathlib import Path

from scripts.bench import web

OUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
PARTS = {"web": web.run}


def table(rows: list[dict[str, str]]) -> str:
    """A Markdown table of rows that share their keys."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([row[head] for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(part: str, text: str) -> None:
    """Replace one part of the document, or add it."""
    begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    old = (
        OUT.read_text()
        if OUT.exists()
        else "# Benchmarks\n\nMade by `make bench`. Ratios and times of one run on one machine.\n"
    )
    block = f"{begin}\n{text}\n{end}"
    before, _, rest = old.partition(begin)
    OUT.write_text(before + block + rest.partition(end)[2] if rest else f"{old}\n{block}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which ones; all when none is named")
    for part in parser.parse_args().parts or PARTS:
        title, rows, note = PARTS[part]()
        machine = f"{platform.machine()}, Python {platform.python_version()}, {date.today().isoformat()}"
        text = f"## {title}\n\n{table(rows)}\n\n{note} ({machine})"
        print(f"\n{text}\n", flush=True)
        write(part, text)


if __name__ == "__main__":
    main()
