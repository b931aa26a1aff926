"""The engines that find frames between frames: optical flow, and RIFE's network."""

from __future__ import annotations

import logging
import threading
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.base import EngineError
from workers.engines.interpolation import cards
from workers.engines.interpolation.network import IFNet, network
from workers.media import motion
from workers.weights import folder as models_folder
from workers.weights.card import WeightCard, checkpoint_in

log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]
WHITE = 255
LARGE = 1440  # pixels of the longer side, from which motion is found at half the size


class Flow:
    """Optical flow by OpenCV (see `workers.media.motion`), with the face of an engine."""

    def __init__(self, model: str = cards.DEFAULT) -> None:
        self.card = cards.get(model)

    def load(self) -> None:
        """Do nothing: there are no weights."""

    def between(self, here: Picture, after: Picture) -> motion.Between:
        """Return what moved between two frames, uint8 RGB [H, W, 3]."""
        return motion.Between(here, after)


class Rife:
    """RIFE 4.6 on one device. Its weights load with `load()` or the first frame."""

    def __init__(self, model: str, *, device: str | None = None) -> None:
        """Choose a checkpoint of the catalogue. Raises EngineError("model_unknown")."""
        try:
            self.card = cards.get(model)
        except KeyError as error:
            raise EngineError("model_unknown", f"There is no model {model} for interpolation.") from error
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.precision = torch.float16 if self.device.type == "cuda" else torch.float32
        self._network: IFNet | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read the weights. Raises EngineError("model_not_ready") or EngineError("model_broken")."""
        with self._lock:
            self._loaded()

    def between(self, here: Picture, after: Picture) -> _Pair:
        """Return what finds frames between two frames, uint8 RGB [H, W, 3]."""
        return _Pair(self, here, after)

    def frame(self, here: Tensor, after: Tensor, part: float) -> Picture:
        """Return the frame at `part` of the way between two that `tensor` made, uint8 RGB [H, W, 3]."""
        with self._lock, torch.inference_mode():
            coarser = 2 if max(here.shape[-2:]) > LARGE else 1
            made = self._loaded()(here, after, part, coarser)[0]
            pixels = made.float().clamp_(0, 1).mul_(WHITE).round_().to(torch.uint8).permute(1, 2, 0)
            return np.ascontiguousarray(pixels.cpu().numpy())

    def tensor(self, picture: Picture) -> Tensor:
        """Return a picture as [1, 3, H, W] in 0..1, on the device."""
        x = torch.from_numpy(np.ascontiguousarray(picture)).to(self.device).permute(2, 0, 1)[None]
        return (x.to(torch.float32) / WHITE).to(self.precision)

    def _loaded(self) -> IFNet:
        if self._network is None:
            place = self.card.folder()
            self._network = _read(self.card, place).to(self.device, self.precision)
            models_folder.used(self.card)
            log.info("interpolation %s on %s in %s", self.card.id, self.device, self.precision)
        return self._network


class _Pair:
    """Two frames, and the network that finds others between them."""

    def __init__(self, engine: Rife, here: Picture, after: Picture) -> None:
        self.engine, self.here, self.after = engine, here, after

    @cached_property
    def _tensors(self) -> tuple[Tensor, Tensor]:
        return self.engine.tensor(self.here), self.engine.tensor(self.after)

    @cached_property
    def _cut(self) -> bool:
        return motion.Between(self.here, self.after).cut

    def at(self, part: float) -> Picture:
        """Return the frame at `part` of the way, between 0 and 1; the earlier frame where there is a cut."""
        if self._cut or np.array_equal(self.here, self.after):
            return self.here
        return self.engine.frame(*self._tensors, part)


def check(card: cards.RifeCard, folder: Path) -> None:
    """Read a model's weights to see that they can be used. Raises EngineError("model_broken"), "model_not_ready"."""
    _read(card, folder)


def _read(card: WeightCard, folder: Path | None) -> IFNet:
    path = checkpoint_in(folder) if folder else None
    if path is None:
        raise EngineError("model_not_ready", f"The weights of {card.title} are not on this machine.")
    return network(path)
