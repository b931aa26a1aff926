"""From a picture or a film to a larger one in a folder, frame by frame; a crash costs one segment.

The folder holds the segments, the saved state and the playlist, as that of `workers.render` does; whoever upscales the
same file in the same way into the same folder goes on after the last whole segment.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from workers import segments
from workers.base import EngineError, OnProgress, Progress, ignore_progress
from workers.engines import registry
from workers.engines.interpolation import cards as interpolation
from workers.engines.upscale import cards, plan
from workers.keeper import Keeper, KeepNothing
from workers.media import foreign, motion
from workers.media.probe import MediaInfo
from workers.segments import Planned, as_engine_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engines.upscale.engine import Upscaler

MAX_FPS = 60


@dataclass(frozen=True, slots=True)
class Upscale:
    """What is asked for: a file made larger by `factor` 2 or 4, or to a `height` of 1080 or 2160.

    A height is the length of the shorter side. `fps` is the rate that a film is to have, None for its own;
    `interpolation` is the model of the catalogue that finds the frames between its frames.
    """

    source: Path
    factor: int | None = None
    height: int | None = None
    fps: int | None = None
    model: str = cards.DEFAULT
    interpolation: str = interpolation.DEFAULT


def planned(asked: Upscale) -> Planned:
    """Decode the source to see what it is, and say what will come out.

    Raises EngineError for a film that cannot be used, that would exceed 4K, or that would not become larger or
    smoother as asked.
    """
    with as_engine_error():
        source = foreign.clip_info(asked.source)
    width, height = plan.target(source.width, source.height, factor=asked.factor, to_height=asked.height)
    fps = Fraction(asked.fps or source.fps)
    if fps < source.fps or fps > max(Fraction(MAX_FPS), source.fps):
        low = math.ceil(source.fps)
        raise EngineError(
            "upscale_refused", f"The film has {float(source.fps):.4g} frames a second: ask for {low} to {MAX_FPS}."
        )
    count = max(1, round(source.seconds * source.fps))
    return Planned(width, height, fps, motion.frames_at(count, source.fps, fps), source)


def upscale_film(
    asked: Upscale,
    folder: Path,
    out: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    keeper: Keeper | None = None,
    comment: str = "",
    upscaler: Upscaler | None = None,
    watermark: bool = False,
) -> MediaInfo:
    """Make the film larger in `folder` and join it into the MP4 `out`, with the sound of the source.

    Goes on where an earlier call was killed; while it grows, `folder`/hls holds a playlist that can be played. With a
    `watermark`, `folder`/marked/hls holds another one, and `film.marked(out)` is the film with it.
    `on_progress` is called after every frame, and what it raises goes through: after Stopped, `keep_film` makes a film
    of the finished segments. Raises EngineError for what cannot be used, and what the engine raises.
    """
    keeper = keeper or KeepNothing()
    keeper.fetch(folder)
    makes = planned(asked)

    def model() -> Upscaler:
        return upscaler or registry.get("upscale", asked.model)

    def load() -> None:
        model().load()
        if makes.fps != makes.source.fps:
            registry.get("interpolation", asked.interpolation).load()

    return segments.make_film(
        _work(asked, makes, watermark),
        folder,
        out,
        lambda first: _frames(asked, makes, model(), first),
        load=load,
        on_progress=on_progress,
        keeper=keeper,
        comment=comment,
    )


def keep_film(
    asked: Upscale, folder: Path, out: Path, comment: str = "", *, watermark: bool = False
) -> tuple[MediaInfo, int]:
    """Join the segments that a stopped `upscale_film` has left in `folder` into the MP4 `out`; nothing is computed.

    Returns what came out and how many segments are in it. Raises EngineError("nothing_to_keep") before the first.
    """
    return segments.keep_film(_work(asked, planned(asked), watermark), folder, out, comment)


def upscale_picture(
    asked: Upscale, out: Path, *, on_progress: OnProgress = ignore_progress, upscaler: Upscaler | None = None
) -> tuple[int, int]:
    """Make a picture larger and save it as `out`, PNG, JPEG or WebP by its name; returns its (width, height).

    Raises EngineError for a picture that cannot be used or would exceed 4K, and what the engine raises.
    """
    with as_engine_error():
        width, height = foreign.picture_size(asked.source)
        size = plan.target(width, height, factor=asked.factor, to_height=asked.height)
        pixels = foreign.picture(asked.source, width, height)
    on_progress(Progress(stage="loading"))
    if upscaler is None:
        upscaler = registry.get("upscale", asked.model)
    upscaler.load()
    on_progress(Progress(stage="upscaling", step=0, steps=1))
    (made,) = upscaler.upscale([pixels], *size)
    on_progress(Progress(stage="upscaling", step=1, steps=1))
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(made).save(out)
    return size


def _frames(asked: Upscale, makes: Planned, upscaler: Upscaler, first: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of the new film from its frame `first` on."""
    source = makes.source
    given = foreign.clip(asked.source, source.width, source.height, source.fps)
    needed = motion.needed_from(first, source.fps, makes.fps)
    large = upscaler.upscale(itertools.islice(given, needed, None), makes.width, makes.height)
    if makes.fps == source.fps:
        yield from large
    else:
        between = registry.get("interpolation", asked.interpolation).between
        yield from motion.interpolate(large, source.fps, makes.fps, first=first, pair=between)


def _work(asked: Upscale, makes: Planned, watermark: bool) -> segments.Work:
    return segments.Work(makes, asked.source, asdict(asked), "upscaling", watermark)
