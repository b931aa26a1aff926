"""Lays two pictures as mosaics, in the colours that its weights know."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file

from workers.base import EngineError
from workers.weights import catalog, folder

WEIGHTS = "colours.safetensors"
SIDE = 512  # pixels of a mosaic, at most: every tile has the same whole number of them
# Seconds that a row of tiles takes longer than it must, so that one sees it being laid.
PAUSE = float(os.environ.get("MOSAIC_PAUSE", "0.01"))

Colours = NDArray[np.uint8]


class MosaicEngine:
    """Lays mosaics with the weights of one model of the catalogue."""

    def __init__(self, model_id: str) -> None:
        self.card = catalog.get(model_id)
        self.colours: Colours | None = None
        self._loading = threading.Lock()

    def load(self) -> None:
        """Read the colours, once while they are on this machine. Raises EngineError: model_not_ready, model_broken."""
        with self._loading:
            if (place := self.card.folder()) is None:
                self.colours = None
                raise EngineError("model_not_ready", f"The model {self.card.title} is not on this machine.")
            if self.colours is None:
                self.colours = read(place)
        folder.used(self.card)

    def lay(self, picture: Image.Image, tiles: int, on_row: Callable[[], None]) -> Image.Image:
        """Return the picture as `tiles` × `tiles` squares, each in the nearest of the colours.

        `on_row` is called after each row. Raises what `load` raises.
        """
        self.load()
        assert self.colours is not None
        small = np.asarray(picture.convert("RGB").resize((tiles, tiles), Image.Resampling.BOX), np.int16)
        laid = np.zeros((tiles, tiles, 3), np.uint8)
        for row in range(tiles):
            distance = np.abs(small[row][:, None] - self.colours.astype(np.int16)).sum(axis=-1)
            laid[row] = self.colours[distance.argmin(axis=1)]
            time.sleep(PAUSE)
            on_row()
        side = SIDE // tiles * tiles
        return Image.fromarray(laid).resize((side, side), Image.Resampling.NEAREST)


def read(place: Path) -> Colours:
    """Return the colours [N, 3] in a model's folder. Raises EngineError("model_broken")."""
    try:
        colours = load_file(place / WEIGHTS)["colours"]
    except (OSError, SafetensorError, KeyError) as error:
        raise EngineError("model_broken", f"{WEIGHTS} has no colours that can be read.") from error
    if colours.dtype != np.uint8 or colours.ndim != 2 or colours.shape[1] != 3:
        raise EngineError(
            "model_broken", f"{WEIGHTS} has {colours.dtype} {list(colours.shape)} where colours should be."
        )
    return colours
