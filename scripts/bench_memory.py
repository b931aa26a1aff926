"""Peak memory against length: python -m scripts.bench_memory 257 737 1457 [--side 128]

Each length runs in a process of its own, from noise to the finished MP4, on a small model with random weights; what is
counted is the highest resident set above that of the loaded process. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

KILOBYTE = 1024


def peak_in_a_process(frames: int, side: int = 128, base_num_frames: int = 97) -> float:
    """Return the peak of `peak` in MB, measured in a fresh process."""
    command = [sys.executable, "-m", "scripts.bench_memory", "--here", str(frames)]
    command += ["--side", str(side), "--base-num-frames", str(base_num_frames)]
    # One heap: with one for each thread, glibc keeps more the longer a film is, though nothing is in use.
    environment = os.environ | {"MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def peak(frames: int, side: int, base_num_frames: int) -> float:
    """Render a film of `frames` and return by how many MB the resident set rose at most."""
    from workers.engines.skyreels import tiny
    from workers.engines.skyreels.engine import SkyReelsEngine
    from workers.engines.skyreels.models import Pool
    from workers.engines.skyreels.spec import VideoSpec
    from workers.render import render

    pool = Pool()
    pool.put("nano", tiny.components())
    engine = SkyReelsEngine("nano", pool)
    size = {"width": side, "height": side, "fps": 24, "steps": 1, "guidance_scale": 1.0, "overlap": "latent"}
    overlap = min(17, base_num_frames - 8)
    long = {"base_num_frames": base_num_frames, "overlap_history": overlap, "num_frames": frames}
    spec = VideoSpec.for_model("nano", "a cat", **size, **long)
    with tempfile.TemporaryDirectory() as folder:
        # Writing 5 there starts the high-water mark of the resident set anew (man 5 proc).
        Path("/proc/self/clear_refs").write_text("5")
        loaded = _resident("VmRSS")
        render(engine, spec, Path(folder) / "film", Path(folder) / "film.mp4")
        return (_resident("VmHWM") - loaded) / KILOBYTE


def _resident(field: str) -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


def main() -> None:
    """Print a table of lengths and peaks, or with --here one peak."""
    parser = argparse.ArgumentParser(prog="scripts.bench_memory", description=__doc__)
    parser.add_argument("frames", type=int, nargs="+")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--base-num-frames", type=int, default=97)
    parser.add_argument("--here", action="store_true", help="measure this process and print one number")
    options = parser.parse_args()
    if options.here:
        print(peak(options.frames[0], options.side, options.base_num_frames))
        return
    first = None
    for frames in options.frames:
        found = peak_in_a_process(frames, options.side, options.base_num_frames)
        first = first or found
        print(f"{frames:6d} frames  {found:8.1f} MB  {found / first:5.2f} x", flush=True)


if __name__ == "__main__":
    main()
