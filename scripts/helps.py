"""Make the clips that explain settings of To video with the model that ships: `make helps`.

The two clips of a pair differ in one value.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from workers.engines.skyreels import cards
from workers.tasks import registry as tasks

OUT = Path(__file__).resolve().parents[1] / "static" / "help"
NANO = cards.get("nano")
PROMPT = "a red heart moves right in the night sky"

# The field, and the values of its pair; everything else is the model's recommendation.
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "steps": ({"steps": 4}, {"steps": NANO.steps}),
    "guidance": ({"guidance_scale": 1.0}, {"guidance_scale": NANO.guidance_scale}),
    "shift": ({"shift": 12.0, "steps": 6}, {"shift": NANO.shift, "steps": 6}),
}


def main(names: list[str]) -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    for name in names or list(PAIRS):
        for number, change in enumerate(PAIRS[name], 1):
            params = {
                "prompt": PROMPT,
                "negative_prompt": "",
                "ratio": "16:9",
                "num_frames": NANO.base_num_frames,
                "style": "realistic",
                "steps": NANO.steps,
                "guidance_scale": NANO.guidance_scale,
                "shift": NANO.shift,
                "seed": 1,
            } | change
            with tempfile.TemporaryDirectory() as folder:
                (film,) = tasks.get("video")(tasks.Request(params=params, folder=Path(folder))).assets
                for part in ("file", "poster"):
                    shutil.copyfile(film.files[part], OUT / f"{name}-{number}{film.files[part].suffix}")
            print(f"{film.facts['bytes']:>8} bytes  {name}-{number}  {json.dumps(change)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
