"""A film with a grading look, frame by frame on the CPU; a crash costs one segment (`workers.segments`)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from workers import segments
from workers.base import OnProgress, ignore_progress
from workers.keeper import Keeper, KeepNothing
from workers.media import foreign
from workers.media.looks import graded
from workers.media.probe import MediaInfo
from workers.segments import Planned, as_engine_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STAGE = "grading"


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked for: a film with the look of `name`, `amount` 0 to 1 of it, and the `seed` of its grain."""

    source: Path
    name: str
    amount: float = 1.0
    seed: int = 0


def planned(asked: Look) -> Planned:
    """Decode the source to see what it is: it keeps its rate and length, and its size less a last odd pixel.

    Raises EngineError for a film that cannot be used.
    """
    with as_engine_error():
        source = foreign.clip_info(asked.source)
    fps, count = Fraction(source.fps), max(1, round(source.seconds * source.fps))
    return Planned(source.width - source.width % 2, source.height - source.height % 2, fps, count, source)


def look_film(
    asked: Look,
    folder: Path,
    out: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    keeper: Keeper | None = None,
    comment: str = "",
    watermark: bool = False,
) -> MediaInfo:
    """Make the film in `folder` and join it into the MP4 `out`, with the sound of the source.

    Goes on, streams and ends as `segments.make_film` says. Raises EngineError for what cannot be used.
    """
    keeper = keeper or KeepNothing()
    keeper.fetch(folder)
    makes = planned(asked)
    work = segments.Work(makes, asked.source, asdict(asked), STAGE, watermark)
    return segments.make_film(
        work,
        folder,
        out,
        lambda first: _frames(asked, makes, first),
        load=lambda: None,
        on_progress=on_progress,
        keeper=keeper,
        comment=comment,
    )


def keep_film(
    asked: Look, folder: Path, out: Path, comment: str = "", *, watermark: bool = False
) -> tuple[MediaInfo, int]:
    """Join the segments that a stopped `look_film` has left in `folder` into the MP4 `out`; nothing is computed.

    Returns what came out and how many segments are in it. Raises EngineError("nothing_to_keep") before the first.
    """
    work = segments.Work(planned(asked), asked.source, asdict(asked), STAGE, watermark)
    return segments.keep_film(work, folder, out, comment)


def _frames(asked: Look, makes: Planned, first: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of the new film from its frame `first` on."""
    source = makes.source
    given = foreign.clip(asked.source, source.width, source.height, source.fps)
    for place, frame in enumerate(itertools.islice(given, first, None), first):
        yield graded(frame[: makes.height, : makes.width], asked.name, asked.amount, place=place, seed=asked.seed)
