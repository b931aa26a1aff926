"""A film made frame by frame from another one, in segments: a crash costs one, and what is finished can be kept.

The folder holds the segments, the saved state and the playlist, as that of `workers.render` does; whoever makes the
same film from the same file into the same folder goes on after the last whole segment.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.base import EngineError, OnProgress, Progress
from workers.keeper import STATE, Keeper, Kept
from workers.media import audio, foreign
from workers.media.facts import ClipInfo, MediaError, sha256
from workers.media.film import Film, marked
from workers.media.hls import Playlists
from workers.media.probe import MediaInfo, probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEGMENT_FRAMES = 24  # what a crash costs at most


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


@dataclass(frozen=True, slots=True)
class Work:
    """A film to be made from `source`. `asked` (JSON) is what its frames depend on, `stage` how the work is called
    while it goes on, and `watermark` says whether there is a copy with one. `sound` returns what is heard in a film of
    so many seconds, [2, N] at audio.RATE, or None for a silent one; without it the film gets the sound of its source.
    """

    makes: Planned
    source: Path
    asked: Mapping[str, Any]
    stage: str
    watermark: bool = False
    sound: Callable[[float], audio.Samples | None] | None = None

    @property
    def identity(self) -> str:
        """What the segments of the film depend on, as text."""
        size = [self.makes.width, self.makes.height, str(self.makes.fps)]
        return json.dumps(dict(self.asked) | {"source": sha256(self.source), "size": size}, default=str)


def make_film(
    work: Work,
    folder: Path,
    out: Path,
    frames: Callable[[int], Iterator[NDArray[np.uint8]]],
    *,
    load: Callable[[], None],
    on_progress: OnProgress,
    keeper: Keeper,
    comment: str = "",
) -> MediaInfo:
    """Make the film in `folder` and join it into the MP4 `out`, with its sound.

    `frames(first)` yields its frames from the one numbered `first` on, [H, W, 3]; `load` is called before. What is
    wrong with a file that `frames` reads is raised as an EngineError.
    `on_progress` is called after every frame, and what it raises goes through: after Stopped, `keep_film` makes a film
    of the finished segments. With a watermark, `folder`/marked/hls holds another playlist, and `film.marked(out)` is
    the film with it. The folder is what `keeper` has fetched.
    """
    makes, film = work.makes, _left_off(work, folder)
    clock = _Clock(work, len(film.segments), on_progress)
    clock.loading()
    load()
    with as_engine_error():
        made = frames(len(film.segments) * SEGMENT_FRAMES)
    clock.begin()
    playlists = Playlists(film, SEGMENT_FRAMES)
    counted = clock.counted(made)
    while (ahead := next(counted, None)) is not None:
        with as_engine_error():
            film.append(itertools.chain([ahead], itertools.islice(counted, SEGMENT_FRAMES - 1)))
            playlists.append()
        # After the segment: a state on the disk says that its segment is whole.
        _save(work, len(film.segments), folder)
        count = playlists.frames
        keeper.keep(folder, Kept(windows=len(film.segments), frames=count, seconds=float(count / makes.fps)))
    playlists.finish()
    info = _finish(film, work, out, comment)
    (folder / STATE).unlink(missing_ok=True)
    return info


def keep_film(work: Work, folder: Path, out: Path, comment: str = "") -> tuple[MediaInfo, int]:
    """Join the segments that a stopped `make_film` has left in `folder` into the MP4 `out`; nothing is computed.

    Returns what came out and how many segments are in it. Raises EngineError("nothing_to_keep") before the first.
    """
    film = _left_off(work, folder)
    if not film.segments:
        raise EngineError("nothing_to_keep", "Nothing of this video is finished yet.")
    Playlists(film, SEGMENT_FRAMES).finish()
    return _finish(film, work, out, comment), len(film.segments)


class _Clock:
    """Reports progress after every frame, with the expected seconds for the rest."""

    def __init__(self, work: Work, segments: int, on_progress: OnProgress) -> None:
        self.makes, self.stage, self.on_progress = work.makes, work.stage, on_progress
        self.done = segments * SEGMENT_FRAMES

    def loading(self) -> None:
        """Report that the model is being read; a stopped job ends here."""
        self.on_progress(Progress(stage="loading", step=self.done, steps=self.makes.frames))

    def begin(self) -> None:
        """Report that nothing is left to load."""
        self.on_progress(Progress(stage=self.stage, step=self.done, steps=self.makes.frames))

    def counted(self, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames and report progress after each."""
        began, before = time.monotonic(), self.done
        with as_engine_error():
            for frame in frames:
                self.done += 1
                each = (time.monotonic() - began) / (self.done - before)
                # A film that varies in speed may have a frame more than was counted on.
                total = max(self.makes.frames, self.done)
                # The first frame has waited for what is read and made once.
                left = (total - self.done) * each if self.done - before > 1 else None
                self.on_progress(Progress(stage=self.stage, step=self.done, steps=total, seconds_left=left))
                yield frame


def _finish(film: Film, work: Work, out: Path, comment: str) -> MediaInfo:
    with as_engine_error():
        seconds = film.finish(out, comment).seconds
        heard = work.sound(seconds) if work.sound else None
        for made in (out, marked(out)) if film.marked else (out,):
            if work.sound is None:
                foreign.add_sound(made, work.source)
            elif heard is not None:
                audio.give_sound(made, heard)
        return probe(out)


def _left_off(work: Work, folder: Path) -> Film:
    """Return the film of an earlier call with its whole segments; an empty one where they are of no use."""
    from safetensors import SafetensorError, safe_open

    makes = work.makes
    try:
        with safe_open(folder / STATE, "np") as state:
            if (state.metadata() or {}).get(work.stage) == work.identity:
                segments = int(state.get_tensor("segments")[0])
                return Film(folder, makes.width, makes.height, makes.fps, segments, watermark=work.watermark)
    except (SafetensorError, MediaError, OSError, ValueError):
        pass
    (folder / STATE).unlink(missing_ok=True)
    return Film(folder, makes.width, makes.height, makes.fps, watermark=work.watermark)


def _save(work: Work, segments: int, folder: Path) -> None:
    from safetensors.numpy import save_file

    partial = folder / f"{STATE}.part"
    save_file({"segments": np.array([segments])}, partial, metadata={work.stage: work.identity})
    partial.replace(folder / STATE)


@contextmanager
def as_engine_error() -> Iterator[None]:
    """Raise what is wrong with a file as an EngineError."""
    try:
        yield
    except MediaError as error:
        raise EngineError(error.code, error.public_text) from error
    except FileNotFoundError as error:
        raise EngineError("input_missing", "A picture or video of this request cannot be read.") from error
