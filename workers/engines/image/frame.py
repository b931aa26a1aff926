"""Pictures by a video model: a film of one frame, made by the video engine of this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from workers.base import OnProgress
from workers.engines import registry
from workers.engines.image import cards, plan
from workers.engines.image.frame_spec import spec_of
from workers.engines.image.noise import drawn
from workers.engines.image.request import Noise, Picture
from workers.engines.skyreels.request.execution import Execution

if TYPE_CHECKING:
    from workers.engines.skyreels.engine import SkyReelsEngine


class FramePainter:
    """A model of SkyReels-V2 that makes one frame. The video engine has the model, so that both kinds of work share it.

    One image is what the models were first trained on (SkyReels-V2, arXiv:2504.13074, section 3.2).
    """

    def __init__(self, name: str, engine: SkyReelsEngine | None = None) -> None:
        self.card = cards.get(name)
        self._given = engine

    @property
    def engine(self) -> SkyReelsEngine:
        """The video engine of this process."""
        found: SkyReelsEngine = self._given or registry.get("video")
        return found

    def load(self) -> None:
        """Read the model into memory. Raises EngineError when it is not there, damaged, or too large."""
        asked = plan.usual(self.card, *next(iter(self.card.sizes.values())))
        engine = self.engine
        way = engine.settle(spec_of(asked), Execution())
        engine.make_room(way)
        engine.pool.get(way.key)

    def paint(self, asked: Picture, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Return the picture, uint8 RGB [H, W, 3]. Raises EngineError, and what `on_progress` raises."""
        spec = spec_of(asked)
        (window,) = self.engine.stream(spec, on_progress, noise=_begins(asked.noise))
        frame: NDArray[np.uint8] = window.frames[0]
        return frame


def _begins(noise: Noise) -> Callable[[tuple[int, ...]], torch.Tensor] | None:
    """Return what draws the noise of a variation; a film draws that of its seed itself."""
    return (lambda shape: drawn(noise, shape)) if noise.links else None
