"""What the measurements of voices and lips share: a process for each subject, and a table in the docs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def measured(script: str, folder: Path, names: Sequence[str], anew: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the figures that `script --one <name>` leaves in `folder`; those of `anew`, or all missing ones, are taken
    first."""
    for name in anew or [name for name in names if not (folder / f"{name}.json").exists()]:
        print(f"measuring {name}", flush=True)
        subprocess.run([sys.executable, "-m", script, "--one", name], check=True, cwd=ROOT)
    files = [folder / f"{name}.json" for name in names]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def publish(page: Path, table: str) -> None:
    """Print a table, and put it into a page of the docs between its marks."""
    print(table)
    if page.exists():
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")
