"""What every part of the benchmark hands back, and how it gets into docs/benchmarks.md."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

BLOCK = re.compile(r"<!-- (\w+) -->\n.*?<!-- /\1 -->\n?", re.DOTALL)
MEGA = 1e6
CARD = "card"  # the part that scripts/card_check.py writes, on a machine with a card


@dataclass(frozen=True, slots=True)
class Section:
    """One part: rows of a table that share their keys, a note below, and charts by file name."""

    title: str
    rows: Sequence[dict[str, str]]
    note: str
    charts: dict[str, str] = field(default_factory=dict)

    def markdown(self, machine: str) -> str:
        """The section as it stands in the document."""
        pictures = [f"![{self.title}]({name})" for name in self.charts]
        return "\n\n".join([f"## {self.title}", table(self.rows), *pictures, f"{self.note} ({machine})"])


def table(rows: Sequence[dict[str, str]]) -> str:
    """A Markdown table of rows that share their keys."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([row[head] for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def replaced(document: str, part: str, text: str, order: Iterable[str]) -> str:
    """The document with one part replaced or added; parts stand in `order`, after what is written by hand."""
    blocks = {found[1]: found[0].rstrip("\n") for found in BLOCK.finditer(document)}
    blocks[part] = f"<!-- {part} -->\n{text}\n<!-- /{part} -->"
    head = BLOCK.sub("", document).rstrip("\n")
    return "\n\n".join([head, *(blocks[name] for name in order if name in blocks)]) + "\n"


def seconds(value: float) -> str:
    """Seconds with as many digits as can be trusted."""
    return f"{value:.0f} s" if value >= 100 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def megabytes(value: float) -> str:
    """Bytes as megabytes."""
    return f"{value / MEGA:.0f} MB"


def against(ratio: float, goal: float | None = None) -> str:
    """A ratio, and whether it reaches a goal that is an upper limit."""
    told = f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"
    if goal is None:
        return told
    return f"**{told}** (goal ≤ {goal:g}: {'met' if ratio <= goal else 'missed'})"
