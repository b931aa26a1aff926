"""Make the clips of the landing page with the models that ship: `make showcase`. Prompts and seeds stand here."""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from workers.engines.skyreels import cards
from workers.tasks import registry as tasks

OUT = Path(__file__).resolve().parents[1] / "static" / "clips"
NANO = cards.get("nano")
WINDOWS = 1
FINISH = 4  # times as large, as the tool Upscale makes them

# (prompt, ratio, seed)
CLIPS = [
    # The first stands behind the words of the landing page, so it is a dark one.
    ("a red heart moves right in the night sky", "16:9", 1),
    ("a yellow star moves up at sunset", "16:9", 1),
    ("a red square moves right over the sea", "16:9", 1),
    ("a white square bounces over a meadow", "1:1", 1),
    ("a purple square moves left over the city", "16:9", 1),
    ("a green star grows on a black background", "1:1", 1),
    ("a cyan ring orbits in the blue sky", "16:9", 1),
    ("an orange triangle moves down in the night sky", "9:16", 4),
]


def main() -> int:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    told = []
    for prompt, ratio, seed in CLIPS:
        ratio = ratio if ratio in NANO.sizes else next(iter(NANO.sizes))
        params = {
            "prompt": prompt,
            "negative_prompt": "",
            "ratio": ratio,
            "num_frames": NANO.base_num_frames + (WINDOWS - 1) * (NANO.base_num_frames - NANO.overlap_history),
            "style": "realistic",
            "steps": NANO.steps,
            "guidance_scale": NANO.guidance_scale,
            "shift": NANO.shift,
            "seed": seed,
            "finish": FINISH,
        }
        with tempfile.TemporaryDirectory() as folder:
            (film,) = tasks.get("video")(tasks.Request(params=params, folder=Path(folder))).assets
            name = re.sub(r"\W+", "-", prompt)
            for part, path in film.files.items():
                if part != "strip":
                    shutil.copyfile(path, OUT / f"{name}{path.suffix}")
        told.append(
            {
                "file": f"clips/{name}.mp4",
                "poster": f"clips/{name}.webp",
                "prompt": prompt,
                "ratio": ratio,
                "width": film.facts["width"],
                "height": film.facts["height"],
                "seconds": round(film.facts["seconds"], 1),
            }
        )
        print(f"{film.facts['bytes']:>8} bytes  {prompt}", flush=True)
    (OUT / "showcase.json").write_text(json.dumps(told, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
