"""One video from the command line: python -m workers.video --prompt "a red circle moves right" --out clip.mp4"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from workers.engines import registry
from workers.engines.base import EngineError, Progress
from workers.engines.skyreels import catalog
from workers.engines.skyreels.spec import SpecError, VideoSpec, frames_for_seconds


def main(arguments: list[str] | None = None) -> int:
    """Make the video that the arguments ask for; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        spec = _spec(options)
        spec.validate()
        made = make(spec, options.out, quiet=options.quiet)
    except SpecError as error:
        field = {"video": "video-path"}.get(error.field, error.field.replace("_", "-"))
        print(f"--{field}: {error.public_text}", file=sys.stderr)
        return 2
    except EngineError as error:
        print(error.public_text, file=sys.stderr)
        return 1
    print(made)
    return 0


def make(spec: VideoSpec, out: Path, quiet: bool = False) -> str:
    """Run `spec` through the engine into the MP4 `out` and return one line about it."""
    from workers.render import render

    began = time.monotonic()
    engine = registry.get("video")
    show = _silent if quiet else _show
    with tempfile.TemporaryDirectory(prefix="video-") as folder:
        info = render(engine, spec, Path(folder), out, on_progress=show, comment=json.dumps(recipe(spec)))
    if not quiet:
        print(file=sys.stderr)
    return (
        f"{out}  {info.width}x{info.height}, {info.frames} frames, {info.seconds:.1f} s at {info.fps:g} fps, "
        f"{info.bytes / 1000:.0f} kB, made in {time.monotonic() - began:.1f} s"
    )


def recipe(spec: VideoSpec) -> dict[str, object]:
    """Return the values that make this video again, for the file's comment."""
    fields = {name: getattr(spec, name) for name in spec.__dataclass_fields__}
    return {name: str(value) if isinstance(value, Path) else value for name, value in fields.items()}


def _spec(options: argparse.Namespace) -> VideoSpec:
    model = options.model or registry.chosen("video")
    given = ("negative_prompt", "num_frames", "fps", "steps", "guidance_scale", "shift")
    values = {name: getattr(options, name) for name in given if getattr(options, name) is not None}
    if options.seconds is not None and "num_frames" not in values:
        rate = values.get("fps") or catalog.get(model).fps
        values["num_frames"] = frames_for_seconds(options.seconds, rate)
    values |= {"image": options.image, "end_image": options.end_image, "video": options.video_path}
    if options.video_path and "num_frames" in values:
        # What is asked for is what is added; the end of the clip that the model looks at comes on top.
        values["num_frames"] += catalog.get(model).overlap_history - 1
    # The seed is drawn here, once, so that the recipe in the file can make the video again.
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    return VideoSpec.for_model(model, options.prompt, ratio=options.ratio, seed=seed, **values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="workers.video", description="Make one video from a prompt.")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--out", type=Path, default=Path("video.mp4"), help="the MP4 to write (default: video.mp4)")
    parser.add_argument("--negative-prompt")
    parser.add_argument("--model", help="a model of the catalogue (default: CINEVIVID_VIDEO_ENGINE, or nano)")
    parser.add_argument("--ratio", help="aspect ratio, such as 16:9, 9:16 or 1:1")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="length; the nearest possible one is made")
    length.add_argument("--num-frames", type=int, help="length in frames: 1 more than a multiple of 4")
    parser.add_argument("--image", type=Path, help="the picture that the video begins with")
    parser.add_argument("--end-image", type=Path, help="the picture that the video leads up to")
    parser.add_argument("--video-path", type=Path, help="a video that goes on; the length is then what is added")
    parser.add_argument("--fps", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance-scale", type=float)
    parser.add_argument("--shift", type=float)
    parser.add_argument("--seed", type=int, help="the same seed makes the same video (default: random)")
    parser.add_argument("--quiet", action="store_true", help="print no progress")
    return parser


def _show(progress: Progress) -> None:
    left = "" if progress.seconds_left is None else f", about {progress.seconds_left:.0f} s left"
    place = f"window {progress.window} of {progress.windows}, step {progress.step} of {progress.steps}"
    print(f"\r\033[K{progress.stage}: {place}{left}", end="", file=sys.stderr, flush=True)


def _silent(progress: Progress) -> None:
    pass


if __name__ == "__main__":
    raise SystemExit(main())
