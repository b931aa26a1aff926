"""From a prompt to a few pictures in a folder, one after the other; a crash costs one picture.

The folder holds a PNG for each picture that is finished. Whoever paints the same pictures into the same folder goes on
with the next one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from workers.base import EngineError, OnProgress, Progress, ignore_progress
from workers.engines import registry
from workers.engines.image.request import Picture
from workers.engines.upscale import plan
from workers.keeper import Keeper, KeepNothing, Kept, picture_name

COMMENT = "Comment"  # the text of a PNG in which its recipe stands
PAINTING = "painting"


@dataclass(frozen=True, slots=True)
class Finish:
    """How pictures are made larger: `factor` times, by a model of the tool Upscale."""

    factor: int
    model: str


def paint(
    asked: Sequence[Picture],
    folder: Path,
    *,
    finish: Finish | None = None,
    recipes: Sequence[Mapping[str, Any]] = (),
    on_progress: OnProgress = ignore_progress,
    keeper: Keeper | None = None,
) -> list[Path]:
    """Make the pictures in `folder`, one after the other, and return their files in order.

    All are of one model. `recipes` are written into their files. Goes on after the last picture that the folder or the
    keeper has. `on_progress` is called after every sampler step, and what it raises goes through: after Stopped,
    `finished` names what there is. Raises EngineError for a model that is not ready or too large.
    """
    keeper = keeper or KeepNothing()
    keeper.fetch(folder)
    folder.mkdir(parents=True, exist_ok=True)
    clock = _Clock(len(asked), len(finished(folder)), on_progress)
    clock.loading()
    painter = registry.get("image", asked[0].model)
    painter.load()
    if finish:
        registry.get("upscale", finish.model).load()
    clock.begin()
    for number in range(clock.done, len(asked)):
        pixels = painter.paint(asked[number], clock.within)
        if finish:
            pixels = _larger(pixels, finish)
        _save(pixels, folder / picture_name(number + 1), recipes[number] if recipes else {})
        clock.done = number + 1
        keeper.keep(folder, Kept(windows=clock.done, frames=clock.done, seconds=0.0))
    return finished(folder)


def finished(folder: Path) -> list[Path]:
    """Return the pictures that are finished, in order, as far as none is missing."""
    found: list[Path] = []
    while (path := folder / picture_name(len(found) + 1)).is_file():
        found.append(path)
    return found


class _Clock:
    """Tells of a picture's steps as steps of that picture among all of them, with the expected time for the rest."""

    def __init__(self, pictures: int, done: int, on_progress: OnProgress) -> None:
        self.pictures, self.done, self.on_progress = pictures, done, on_progress
        self._before, self._since = done, time.monotonic()

    def loading(self) -> None:
        """Tell that the model is being read; a job that was stopped ends here."""
        self._tell(Progress(stage="loading"))

    def begin(self) -> None:
        """Begin to measure: nothing is left to load."""
        self._since = time.monotonic()

    def within(self, now: Progress) -> None:
        """Tell of a step of the picture at work, as its engine reports it."""
        if now.stage == "loading":
            self._tell(Progress(stage="loading"))
            return
        # What follows the steps is short.
        share = now.step / max(1, now.steps) if now.stage == "denoising" else 1.0
        done = self.done - self._before + share
        left = (time.monotonic() - self._since) / done * (self.pictures - self._before - done) if done else None
        step, steps = (now.step, now.steps) if now.stage == "denoising" else (1, 1)
        self._tell(Progress(stage=PAINTING, step=step, steps=steps, seconds_left=left))

    def _tell(self, now: Progress) -> None:
        self.on_progress(replace(now, window=min(self.done + 1, self.pictures), windows=self.pictures))


def _larger(pixels: NDArray[np.uint8], finish: Finish) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    (large,) = registry.get("upscale", finish.model).upscale(
        [pixels], *plan.target(width, height, factor=finish.factor)
    )
    found: NDArray[np.uint8] = large
    return found


def _save(pixels: NDArray[np.uint8], out: Path, recipe: Mapping[str, Any]) -> None:
    """Write a picture so that a crash leaves it whole or not there."""
    about = PngImagePlugin.PngInfo()
    about.add_itxt(COMMENT, json.dumps(recipe, sort_keys=True, ensure_ascii=False))
    partial = out.with_suffix(".part")
    try:
        Image.fromarray(pixels).save(partial, "PNG", pnginfo=about)
    except OSError as error:
        raise EngineError("storage_failed", "The picture could not be written.") from error
    partial.replace(out)
