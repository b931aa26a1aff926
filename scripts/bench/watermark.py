"""What the watermark costs: films made once, and made twice in one pass."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.bench.child import Case, _engine, _load, _spec
from scripts.bench.report import Section, against, seconds
from workers.media.film import Film
from workers.media.probe import read_frames
from workers.render import render

NANO = Case(way="ours", model="nano", frames=65, steps=8, width=128, height=128)
CLIP = Path(__file__).resolve().parents[2] / "static" / "clips" / "a-white-heart-grows-at-sunset.mp4"
SIZES, WINDOW = ((960, 544), (1280, 720)), 97  # of the released models, in pixels and frames
GOAL, ROUNDS = 1.05, 2  # a whole film may take this much longer


def run(quick: bool) -> Section:
    """Time a film of nano, and the encoding of one window of the released models, without the watermark and with it."""
    rounds = 1 if quick else ROUNDS
    case = replace(NANO, frames=33, steps=4) if quick else NANO
    engine, spec = _engine(_load("nano")), _spec(case)
    next(engine.stream(spec))  # what only the first film of a process pays
    told = f"Film of nano, {case.frames} frames of {case.width}×{case.height}, {case.steps} steps"
    rows = [
        _row(told, rounds, lambda folder, mark: render(engine, spec, folder, folder / "o.mp4", watermark=mark), GOAL)
    ]
    for width, height in SIZES[: 1 if quick else None]:
        frames = _window(width, height, 9 if quick else WINDOW)
        told = f"Encoding alone, {len(frames)} frames of {width}×{height}"
        rows.append(_row(told, rounds, lambda folder, mark, frames=frames: _encode(folder, frames, mark)))
    note = (
        "Medians of alternating runs. Every frame is computed once and encoded twice, so the watermark adds the time "
        "of one encoding. For a window of a released model, that comes to the minutes in which a card computes it. "
        "Plans without the watermark take no longer."
    )
    return Section("Watermark", rows, note)


def _row(told: str, rounds: int, make: Callable[[Path, bool], object], goal: float | None = None) -> dict[str, str]:
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for mark, times in taken.items():
            with tempfile.TemporaryDirectory(prefix="cinevivid-bench-") as folder:
                began = time.monotonic()
                make(Path(folder) / "film", mark)
                times.append(time.monotonic() - began)
    without, with_it = (statistics.median(taken[mark]) for mark in (False, True))
    return {
        "": told,
        "without": seconds(without),
        "with": seconds(with_it),
        "ratio": against(with_it / without, goal),
        "added": seconds(with_it - without),
    }


def _window(width: int, height: int, count: int) -> NDArray[np.uint8]:
    """Return frames of a film of the studio at another size."""
    import av

    found = list(read_frames(CLIP))
    frames = [
        av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(width, height).to_ndarray()
        for frame in found[: min(count, len(found))]
    ]
    return np.stack([frames[i % len(frames)] for i in range(count)])


def _encode(folder: Path, frames: NDArray[np.uint8], mark: bool) -> None:
    film = Film(folder, frames.shape[2], frames.shape[1], 24, watermark=mark)
    film.append(frames)
    film.finish(folder / "out.mp4")
