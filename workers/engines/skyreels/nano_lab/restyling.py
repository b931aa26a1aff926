"""How well the engine shows drawn clips in another colour: ``python -m workers.engines.skyreels.nano_lab.restyling``.

The drawn clip and what is made of it are read by ``score.py``. The path is off by the mean distance in pixels between
the centres of the object, over the frames that show it whole in both.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from workers.base import Inputs
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.request.restyle import restyle_request
from workers.engines.skyreels.sampler import vae_stream

from . import captions, paint, score, world
from .evaluate import balanced

log = logging.getLogger(__name__)
Frames = npt.NDArray[np.uint8]
SIZE = (128, 128)
JUDGED = ("colour", "shape", "motion", "scene")
NEAR = 4.0  # pixels


def as_floats(clip: Frames) -> npt.NDArray[np.float32]:
    """Return a clip in 0..1, as ``score`` reads it."""
    return np.asarray(clip, np.float32) / np.float32(255)


def part_of(clip: Frames) -> Callable[[int, int], Frames]:
    """Return what gives the frames of a clip to the engine."""
    return lambda first, end: clip[first:end]


def path_of(clip: Frames) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]] | None:
    """Return the centre of the object in every frame ``[T, 2]``, and which frames show it whole; None without one."""
    _, _, _, found = score._objects(as_floats(clip), ("fixed",), 1)
    if not found:
        return None
    alpha = found[0][1]
    area = alpha.sum((1, 2))
    seen = area > 60
    if seen.mean() < 0.5:
        return None
    return score._track(alpha, area, seen), seen & ~score._touches_edge(alpha)


def off(before: Frames, after: Frames) -> float:
    """How far the object of one clip is from that of another, in pixels; infinite where one has none."""
    one, other = path_of(before), path_of(after)
    if one is None or other is None:
        return float("inf")
    both = one[1] & other[1]
    apart = np.linalg.norm(one[0] - other[0], axis=1)
    return float(apart[both].mean() if both.any() else apart.mean())


def main(arguments: list[str]) -> int:
    """``[--n 24] [--strength 0.9 ...] [--drawn] [--windows 1] [--sheet PATH]``."""
    parser = argparse.ArgumentParser(prog="restyling")
    parser.add_argument("--n", type=int, default=24)
    parser.add_argument("--strength", type=float, nargs="*", default=[0.9])
    parser.add_argument("--windows", type=int, default=1)
    parser.add_argument("--drawn", action="store_true", help="give a first frame that is drawn in the other colour")
    parser.add_argument("--sheet", type=Path, help="save seven frames of each clip, before and after, as a picture")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    engine = SkyReelsEngine("nano")
    frames = 21 + 12 * (options.windows - 1)
    specs = [spec for spec in balanced(3 * options.n, 1) if spec.motion not in ("still", "rotate")][: options.n]
    with tempfile.TemporaryDirectory() as folder:
        (name := Path(folder) / "clip").write_bytes(b"drawn")
        for strength in options.strength:
            rng, rows, rolls = random.Random(5), [], []
            began = time.monotonic()
            for i, spec in enumerate(specs):
                path = world.trajectory(spec, 21, SIZE, random.Random(i))
                # Longer clips go back and forth, so that the object stays in sight.
                path = path[[k % 40 if k % 40 <= 20 else 40 - k % 40 for k in range(frames)]]
                other = rng.choice([colour for colour in world.COLOURS if colour != spec.colour])
                wanted = dataclasses.replace(spec, colour=other)
                clip, target = (vae_stream.to_uint8(paint.draw([each], [path], SIZE)[0]) for each in (spec, wanted))
                image = name if options.drawn else None
                params = {"prompt": captions.canonical(wanted), "seed": i, "num_frames": frames, "ratio": "1:1"}
                asked = restyle_request(params | {"strength": strength, "model_id": "nano"}, name, image)
                inputs = Inputs(image=target[0] if options.drawn else None, source=part_of(clip))
                made = np.concatenate([window.frames for window in engine.stream(asked.spec, inputs=inputs)])
                read = score.read(as_floats(made[-21:]))
                true = score.read(as_floats(clip[-21:]))
                right = [getattr(read, name) == getattr(true, name) for name in JUDGED]
                right[0] = read.colour == other
                rows.append([*right, off(clip, made)])
                rolls += [np.concatenate(each[np.linspace(0, frames - 1, 7).astype(int)], 1) for each in (clip, made)]
                log.info("%s %s %s", i, captions.canonical(wanted), rows[-1])
            table = np.array(rows, float)
            shares = " | ".join(f"{share:.3f}" for share in table[:, :4].mean(0))
            apart = table[:, 4]
            log.info(
                "%s",
                f"| {strength:g} | {'drawn' if options.drawn else 'made'} | {len(rows)} | {shares} | "
                f"{np.median(apart):.1f} | {apart[np.isfinite(apart)].mean():.1f} | {(apart < NEAR).mean():.3f} | "
                f"{(time.monotonic() - began) / len(rows):.1f} |",
            )
            if options.sheet:
                Image.fromarray(np.concatenate(rolls)).save(
                    options.sheet.with_stem(f"{options.sheet.stem}-{strength:g}")
                )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
