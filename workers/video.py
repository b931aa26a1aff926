"""Videos from the command line, the same for `make video` and the two commands that SkyReels-V2's scripts have become.

python -m workers.video --prompt "a red circle moves right" --out clip.mp4
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workers.base import EngineError, Progress
from workers.engines.skyreels import cards
from workers.engines.skyreels.request import flags
from workers.engines.skyreels.request.flags import Command, VideoRequest
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.request.spec import SpecError, frames_for_seconds
from workers.media import foreign
from workers.media.facts import MediaError
from workers.tasks.registry import recipe
from workers.tasks.video import prompts_of, sent

NAME_LENGTH = 60


def main(arguments: list[str] | None = None) -> int:
    """Make the video that the arguments ask for; returns the exit code."""
    options = vars(_parser().parse_args(arguments))
    if options["seconds"] is not None:
        try:
            options["num_frames"] = _frames(options)
        except SpecError as error:
            return _refused(error)
    return generate(options, out=options["out"], quiet=options["quiet"])


def generate(
    values: Mapping[str, Any], command: Command | None = None, out: Path | None = None, quiet: bool = False
) -> int:
    """Make the video of these flags (names to values) and print where it is; without `out`, into the flag's folder.

    Returns the exit code: 2 with a sentence on stderr for flags that cannot be, 1 for a video that could not be made.
    """
    try:
        asked = flags.request(values, command, _picture_size(values.get("image")))
        print(make(asked, out or asked.outdir / _name(asked), quiet))
    except SpecError as error:
        return _refused(error)
    except EngineError as error:
        print(error.public_text, file=sys.stderr)
        return 1
    except OSError as error:
        # The folder cannot be written to, or the disk is full.
        print(f"The video could not be saved ({error.strerror or error}): choose another place.", file=sys.stderr)
        return 1
    return 0


def make(asked: VideoRequest, out: Path, quiet: bool = False) -> str:
    """Make a request's film with the engine into the MP4 `out` and return one line about it."""
    from workers.engines import registry
    from workers.enhance import enhance
    from workers.render import render

    began = time.monotonic()
    spec = asked.spec
    both: dict[str, Any] = {}
    if asked.prompt_enhancer:
        pictured = any((spec.image, spec.end_image, spec.video))
        told = enhance(spec.prompt, spec.seed, target="i2v" if pictured else "t2v", model=spec.model, keep=False)
        both = prompts_of(spec.prompt, {"prompt": told.prompt, "engine": told.engine, "notes": told.notes})
        spec = dataclasses.replace(spec, prompt=told.prompt)
        if not quiet:
            for line in (told.prompt, *told.notes):
                _tell(line)
    out.parent.mkdir(parents=True, exist_ok=True)
    show = _silent if quiet else _show
    with tempfile.TemporaryDirectory(prefix="video-") as folder:
        made_from = recipe("video", _params(asked), spec.model)
        layout = plan(spec)
        made_from |= sent(dataclasses.replace(asked, spec=spec), layout.files) | both
        engine = registry.get("video")
        if not quiet:
            _tell(engine.settle(spec, asked.run).why if asked.run.ranks == 1 else "")
            _tell(cards.get(spec.model).teacache_warning if spec.teacache else "")
        info = render(engine, layout, Path(folder), out, on_progress=show, comment=json.dumps(made_from), run=asked.run)
    if not quiet:
        print(file=sys.stderr)
    return (
        f"{out}  {info.width}x{info.height}, {info.frames} frames, {info.seconds:.1f} s at {info.fps:g} fps, "
        f"{info.bytes / 1000:.0f} kB, made in {time.monotonic() - began:.1f} s"
    )


def _tell(sentence: str) -> None:
    if sentence:
        print(sentence, file=sys.stderr)


def _params(asked: VideoRequest) -> dict[str, Any]:
    """Return what was asked for, without the files: a recipe names them by their hashes."""
    values = dataclasses.asdict(asked.spec) | {"prompt_enhancer": asked.prompt_enhancer}
    return {name: value for name, value in values.items() if value is not None and not isinstance(value, Path)}


def _refused(error: SpecError) -> int:
    print(f"--{error.field}: {error.public_text}", file=sys.stderr)
    return 2


def _picture_size(image: Path | None) -> tuple[int, int] | None:
    """Return the sides of the start picture. Raises SpecError for one that cannot be used."""
    try:
        return foreign.picture_size(image) if image else None
    except MediaError as error:
        raise SpecError("image", error.public_text) from error
    except OSError as error:
        raise SpecError("image", f"The file cannot be read: {error.strerror}.") from error


def _name(asked: VideoRequest) -> str:
    words = re.sub(r"\W+", "-", asked.spec.prompt.lower())[:NAME_LENGTH].strip("-")
    return f"{words}_{asked.spec.seed}_{time.strftime('%Y-%m-%d_%H-%M-%S')}.mp4"


def _frames(options: Mapping[str, Any]) -> int:
    """Return the length of `--seconds`; of a video that goes on it is what is added."""
    card = flags.model_of(options["model_id"])
    if not 0 < options["seconds"] < math.inf:
        raise SpecError("seconds", "A length is a number of seconds above 0.")
    frames = frames_for_seconds(options["seconds"], options["fps"] or card.fps)
    seen = options["overlap_history"] or card.overlap_history
    return frames + seen - 1 if options["video_path"] else frames


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="workers.video", description="Make one video from a prompt.")
    flags.add_flags(parser, "generate_video_df")
    parser.add_argument("--out", type=Path, help="the MP4 to write (default: a name of its own in --outdir)")
    parser.add_argument("--seconds", type=float, help="length; the nearest possible one is made")
    parser.add_argument("--quiet", action="store_true", help="print no progress")
    return parser


def _show(progress: Progress) -> None:
    left = "" if progress.seconds_left is None else f", about {progress.seconds_left:.0f} s left"
    place = f"step {progress.step} of {progress.steps}"
    if progress.windows:
        place = f"window {progress.window} of {progress.windows}, {place}"
    print(f"\r\033[K{progress.stage}: {place}{left}", end="", file=sys.stderr, flush=True)


def _silent(progress: Progress) -> None:
    pass


if __name__ == "__main__":
    import environ

    # As manage.py does it, so that both make films with the same model.
    if (told := Path(__file__).parents[1] / ".env").exists():
        environ.Env.read_env(told)
    raise SystemExit(main())
