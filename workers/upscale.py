"""From a picture or a film to a larger one in a folder, frame by frame; a crash costs one segment.

The folder holds the segments, the saved state and the playlist, as that of `workers.render` does; whoever upscales the
same file in the same way into the same folder goes on after the last whole segment.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from workers.base import EngineError, OnProgress, Progress, ignore_progress
from workers.engines import registry
from workers.engines.interpolation import cards as interpolation
from workers.engines.upscale import cards, plan
from workers.keeper import STATE, Keeper, KeepNothing, Kept
from workers.media import foreign, motion
from workers.media.facts import ClipInfo, MediaError, sha256
from workers.media.film import Film, marked
from workers.media.hls import Playlists
from workers.media.probe import MediaInfo, probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engines.upscale.engine import Upscaler

SEGMENT_FRAMES = 24  # what a crash costs at most
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


@dataclass(frozen=True, slots=True)
class Planned:
    """The film that will come out: even sides in pixels, its rate, its number of frames, and what it is made from."""

    width: int
    height: int
    fps: Fraction
    frames: int
    source: ClipInfo

    @property
    def segments(self) -> int:
        """How many segments the film is written in."""
        return math.ceil(self.frames / SEGMENT_FRAMES)


def planned(asked: Upscale) -> Planned:
    """Decode the source to see what it is, and say what will come out.

    Raises EngineError for a film that cannot be used, that would exceed 4K, or that would not become larger or
    smoother as asked.
    """
    with _as_engine_error():
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
    film = _left_off(asked, makes, folder, watermark)
    clock = _Clock(makes, len(film.segments), on_progress)
    clock.loading()
    if upscaler is None:
        upscaler = registry.get("upscale", asked.model)
    upscaler.load()
    if makes.fps != makes.source.fps:
        registry.get("interpolation", asked.interpolation).load()
    clock.begin()
    playlists = Playlists(film, SEGMENT_FRAMES)
    frames = clock.counted(_frames(asked, makes, upscaler, first=len(film.segments) * SEGMENT_FRAMES))
    while (ahead := next(frames, None)) is not None:
        with _as_engine_error():
            film.append(itertools.chain([ahead], itertools.islice(frames, SEGMENT_FRAMES - 1)))
            playlists.append()
        # After the segment: a state on the disk says that its segment is whole.
        _save(asked, makes, len(film.segments), folder)
        count = playlists.frames
        keeper.keep(folder, Kept(windows=len(film.segments), frames=count, seconds=float(count / makes.fps)))
    playlists.finish()
    info = _finish(film, asked, out, comment)
    (folder / STATE).unlink(missing_ok=True)
    return info


def keep_film(
    asked: Upscale, folder: Path, out: Path, comment: str = "", *, watermark: bool = False
) -> tuple[MediaInfo, int]:
    """Join the segments that a stopped `upscale_film` has left in `folder` into the MP4 `out`; nothing is computed.

    Returns what came out and how many segments are in it. Raises EngineError("nothing_to_keep") before the first.
    """
    makes = planned(asked)
    film = _left_off(asked, makes, folder, watermark)
    if not film.segments:
        raise EngineError("nothing_to_keep", "Nothing of this video is finished yet.")
    Playlists(film, SEGMENT_FRAMES).finish()
    return _finish(film, asked, out, comment), len(film.segments)


def upscale_picture(
    asked: Upscale, out: Path, *, on_progress: OnProgress = ignore_progress, upscaler: Upscaler | None = None
) -> tuple[int, int]:
    """Make a picture larger and save it as `out`, PNG, JPEG or WebP by its name; returns its (width, height).

    Raises EngineError for a picture that cannot be used or would exceed 4K, and what the engine raises.
    """
    with _as_engine_error():
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


class _Clock:
    """Reports progress after every frame, with the expected seconds for the rest."""

    def __init__(self, makes: Planned, segments: int, on_progress: OnProgress) -> None:
        self.makes, self.on_progress = makes, on_progress
        self.done = segments * SEGMENT_FRAMES

    def loading(self) -> None:
        """Report that the model is being read; a stopped job ends here."""
        self.on_progress(Progress(stage="loading", step=self.done, steps=self.makes.frames))

    def begin(self) -> None:
        """Report that nothing is left to load."""
        self.on_progress(Progress(stage="upscaling", step=self.done, steps=self.makes.frames))

    def counted(self, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames and report progress after each."""
        began, before = time.monotonic(), self.done
        for frame in frames:
            self.done += 1
            each = (time.monotonic() - began) / (self.done - before)
            # A film that varies in speed may have a frame more than was counted on.
            total = max(self.makes.frames, self.done)
            left = (total - self.done) * each
            self.on_progress(Progress(stage="upscaling", step=self.done, steps=total, seconds_left=left))
            yield frame


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


def _finish(film: Film, asked: Upscale, out: Path, comment: str) -> MediaInfo:
    with _as_engine_error():
        film.finish(out, comment)
        for made in (out, marked(out)) if film.marked else (out,):
            foreign.add_sound(made, asked.source)
        return probe(out)


def _left_off(asked: Upscale, makes: Planned, folder: Path, watermark: bool) -> Film:
    """Return the film of an earlier call with its whole segments; an empty one where they are of no use."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / STATE, "np") as state:
            if (state.metadata() or {}).get("upscale") == _identity(asked, makes):
                segments = int(state.get_tensor("segments")[0])
                return Film(folder, makes.width, makes.height, makes.fps, segments, watermark=watermark)
    except (SafetensorError, MediaError, OSError, ValueError):
        pass
    (folder / STATE).unlink(missing_ok=True)
    return Film(folder, makes.width, makes.height, makes.fps, watermark=watermark)


def _save(asked: Upscale, makes: Planned, segments: int, folder: Path) -> None:
    from safetensors.numpy import save_file

    partial = folder / f"{STATE}.part"
    save_file({"segments": np.array([segments])}, partial, metadata={"upscale": _identity(asked, makes)})
    partial.replace(folder / STATE)


def _identity(asked: Upscale, makes: Planned) -> str:
    """Return what the segments of a film depend on, as text."""
    return json.dumps(
        asdict(asked) | {"source": sha256(asked.source), "size": [makes.width, makes.height, str(makes.fps)]}
    )


@contextmanager
def _as_engine_error() -> Iterator[None]:
    """Raise what is wrong with a file as an EngineError."""
    try:
        yield
    except MediaError as error:
        raise EngineError(error.code, error.public_text) from error
    except FileNotFoundError as error:
        raise EngineError("input_missing", "A picture or video of this request cannot be read.") from error
