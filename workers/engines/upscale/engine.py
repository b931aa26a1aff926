"""The engine that enlarges: frames in, larger frames out, one at a time, in tiles where the memory asks for them."""

from __future__ import annotations

import copy
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from workers.base import EngineError
from workers.engines.upscale import cards, checkpoints, ncnn_weights, plan
from workers.weights import folder as models_folder
from workers.weights.card import checkpoint_in

log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]
CARD_SHARE, HOST_SHARE = 0.7, 0.25  # how much of the free memory of a card, and of the host, tiles may take
HOST_GB, HOST_LEAST_GB = 2.0, 0.1  # what the system has cached is not counted as free, though it can be had
# A CPU keeps tiles of this side in its cache; longer ones are slower there, and on a card they are faster.
CPU_TILE = 256
WHITE = 255
TRIAL_SIDE, TRIALS = 64, 3  # of the measurement that chooses a precision
CLEARLY = 1.3  # how much faster bfloat16 has to be before its rounding is worth it


class Network(Protocol):
    """What the engine asks of a network: `reach` is the border a tile needs, `numbers_per_pixel` what is in memory
    at once for each pixel of its input."""

    scale: int
    reach: int
    numbers_per_pixel: int

    def __call__(self, x: Tensor) -> Tensor:
        """Return pictures [N, 3, scale * H, scale * W] in float32 for pictures [N, 3, H, W] with values in 0..1."""


class Upscaler:
    """One model on one device. Its weights load with `load()` or the first frame; any number of jobs may share it."""

    def __init__(
        self,
        model: str = cards.DEFAULT,
        *,
        device: str | None = None,
        gigabytes: float | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        """Choose a model of the catalogue; `gigabytes` bounds what tiles may take, by default a share of what is free.

        Raises EngineError("model_unknown") for a model that is not in the catalogue.
        """
        try:
            self.card = cards.get(model)
        except KeyError as error:
            raise EngineError("model_unknown", f"There is no model {model} for upscaling.") from error
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.gigabytes, self.precision = gigabytes, precision
        self.network: Network | None = None
        self._lock = threading.Lock()

    def load(self) -> Network:
        """Read the weights, choose a precision and return the network. Raises EngineError as the readers do."""
        with self._lock:
            return self._loaded()

    def upscale(self, frames: Iterable[Picture], width: int, height: int) -> Iterator[Picture]:
        """Yield each frame, uint8 RGB [H, W, 3], at `width` x `height`; one frame is in memory at a time.

        A frame that is the same as the one before it is not computed again.
        """
        before: Picture | None = None
        made: Picture | None = None
        for frame in frames:
            if made is None or before is None or not np.array_equal(frame, before):
                made = fit(self.enlarge(frame), width, height)
            before = frame
            yield made

    def enlarge(self, frame: Picture) -> Picture:
        """Return one picture, uint8 RGB [H, W, 3], larger by the network's own factor.

        Raises EngineError("memory_short") when the device cannot hold even a small tile.
        """
        # Jobs take turns frame by frame, so that tiles of two never share the memory that was planned for one.
        with self._lock:
            network = self._loaded()
            height, width = frame.shape[:2]
            tile = plan.tile_of(
                width,
                height,
                self._free_gb(),
                bytes_per_pixel=network.numbers_per_pixel * torch.finfo(self.precision or torch.float32).bits / 8,
                border=network.reach,
                longest=CPU_TILE if self.device.type == "cpu" else 0,
            )
            return self._in_tiles(network, frame, tile)

    def _in_tiles(self, network: Network, frame: Picture, tile: tuple[int, int]) -> Picture:
        height, width = frame.shape[:2]
        scale = network.scale
        out = np.empty((height * scale, width * scale, 3), np.uint8)
        for box in plan.tiles(width, height, tile):
            seen = box.grown(network.reach, width, height)
            part = self._compute(network, frame[seen.top : seen.bottom, seen.left : seen.right])
            top, left = (box.top - seen.top) * scale, (box.left - seen.left) * scale
            bottom, right = top + (box.bottom - box.top) * scale, left + (box.right - box.left) * scale
            place = slice(box.top * scale, box.bottom * scale), slice(box.left * scale, box.right * scale)
            out[place] = part[top:bottom, left:right]
        return out

    def _compute(self, network: Network, pixels: Picture) -> Picture:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).permute(2, 0, 1)[None]
            x = (x.to(torch.float32) / WHITE).to(self.precision).contiguous(memory_format=torch.channels_last)
            y = network(x)[0].clamp_(0, 1).mul_(WHITE).round_().to(torch.uint8).permute(1, 2, 0)
            answer: Picture = y.contiguous().cpu().numpy()
            return answer

    def _loaded(self) -> Network:
        if self.network is None:
            # Half as long again in planes, on an AVX2 machine; torch's types do not know the argument.
            module = read(self.card, self.card.folder()).to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if self.precision is None:
                self.precision = _precision(module, self.device)
            self.network = cast("Network", module.to(self.precision))
            log.info("upscaler %s on %s in %s", self.card.id, self.device, self.precision)
        return self.network

    def _free_gb(self) -> float:
        if self.gigabytes is not None:
            return self.gigabytes
        if self.device.type == "cuda":
            return float(torch.cuda.mem_get_info(self.device)[0] / plan.GB * CARD_SHARE)
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / plan.GB
        return min(HOST_GB, max(HOST_LEAST_GB, free * HOST_SHARE))


def read(card: cards.UpscaleCard, folder: Path | None) -> nn.Module:
    """Return the network of a model, read from its folder. Raises EngineError when it is not there or damaged."""
    if card.file:
        return ncnn_weights.network(card.file, folder)
    path = checkpoint_in(folder) if folder else None
    if path is None:
        raise EngineError("model_not_ready", f"The weights of {card.title} are not on this machine.")
    models_folder.used(card)
    return checkpoints.network(path)


def check(card: cards.UpscaleCard, folder: Path) -> None:
    """Read a model's weights to see that they can be used. Raises EngineError("model_broken"), "model_not_ready"."""
    try:
        read(card, folder)
    except EngineError as error:
        if error.code == "model_not_ready":
            raise
        raise EngineError("model_broken", error.public_text) from error


def fit(picture: Picture, width: int, height: int) -> Picture:
    """Return a picture at `width` x `height`: the mean of whole blocks of pixels where that is exact, else Lanczos."""
    high, wide = picture.shape[:2]
    if (wide, high) == (width, height):
        return picture
    image = Image.fromarray(picture)
    if wide % width == 0 and high % height == 0:
        return np.array(image.reduce((wide // width, high // height)))
    return np.array(image.resize((width, height), Image.Resampling.LANCZOS))


def _precision(module: nn.Module, device: torch.device) -> torch.dtype:
    """Return float16 on a card. On a CPU, bfloat16 where it can compute in it and is measured to be faster."""
    if device.type == "cuda":
        return torch.float16 if getattr(module, "half_works", True) else torch.float32
    able = torch.cpu.get_capabilities()
    if not (able.get("avx512_bf16") or able.get("amx_bf16")) or not getattr(module, "bfloat16_works", True):
        # Elsewhere it is emulated: three hundred times slower on an AVX2 machine.
        return torch.float32
    spent = {kind: _spent(copy.deepcopy(module).to(kind), kind) for kind in (torch.float32, torch.bfloat16)}
    return torch.bfloat16 if spent[torch.float32] > CLEARLY * spent[torch.bfloat16] else torch.float32


def _spent(module: Callable[[Tensor], Tensor], kind: torch.dtype) -> float:
    x = torch.zeros(1, 3, TRIAL_SIDE, TRIAL_SIDE, dtype=kind).contiguous(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode():
        for _ in range(TRIALS + 1):
            began = time.perf_counter()
            module(x)
            times.append(time.perf_counter() - began)
    return min(times[1:])
