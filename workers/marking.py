"""The copies with the watermark of what a task has made, where the task has not made them itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.media import foreign
from workers.media.film import join, marked, write
from workers.media.probe import probe, read_comment, read_frames
from workers.media.stills import QUALITY, poster, strip
from workers.media.watermark import Watermark, mark_picture
from workers.tasks.registry import MadeAsset

STILLS = {"poster": poster, "strip": strip}


def with_copies(made: MadeAsset) -> MadeAsset:
    """Return a film or a picture with marked copies of all its files; anything else as it is."""
    copies = dict(made.marked)
    if made.kind == "video":
        copies["file"] = copies.get("file") or _marked_film(made.files["file"])
        copies |= {
            name: STILLS[name](copies["file"], marked(made.files[name])) for name in STILLS if name in made.files
        }
    elif made.kind == "image":
        copies |= {name: _marked_picture(path) for name, path in made.files.items() if name not in copies}
    return dataclasses.replace(made, marked=copies)


def _marked_picture(path: Path) -> Path:
    return mark_picture(path, marked(path), **({"quality": QUALITY} if path.suffix == ".webp" else {}))


def _marked_film(path: Path) -> Path:
    info, out = probe(path), marked(path)
    watermark, fps = Watermark(info.width, info.height), Fraction(info.fps).limit_denominator(100_000)
    frames: Iterator[NDArray[np.uint8]] = (watermark.on(frame) for frame in read_frames(path))
    write(whole := out.with_suffix(".once.mp4"), frames, info.width, info.height, fps)
    join([whole], out, fps, read_comment(path))
    whole.unlink()
    foreign.add_sound(out, path)
    return out
