"""The engine that repaints the lower half of a face by MuseTalk 1.5, in batches of frames.

One pass of the network makes a mouth: it sees the face with its lower half covered, the face as it is, and what is
heard around the frame. Nothing in it is drawn by lot.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workers.base import EngineError, OnProgress, Progress, ignore_progress
from workers.engines import registry
from workers.engines.musetalk import cards, faces, networks, plan
from workers.engines.musetalk.hearing import Hearing, placed
from workers.engines.skyreels.engine import free_memory, free_on_card
from workers.engines.skyreels.memory.planner import GB, SLACK
from workers.engines.skyreels.memory.trouble import out_of_memory
from workers.lips.base import Clip, Picture, Track
from workers.voice.base import Speech
from workers.weights import folder as models_folder

log = logging.getLogger(__name__)

GREY = 127.5  # pixels are -1 to 1 for the VAE
COVERED = -1.0  # what the lower half of a face is for the network that paints it


class MuseTalk:
    """MuseTalk on one device. Its weights load with `load()` or the first clip, and stay."""

    def __init__(
        self,
        model: str = cards.ID,
        *,
        device: str | None = None,
        precision: torch.dtype | None = None,
        batch: int | None = None,
        read: networks.Networks | None = None,
    ) -> None:
        """Choose a model of the catalogue. On a card it computes in float16, as its makers do, elsewhere in float32.

        `batch` is how many frames are computed at once, by default as the memory allows; `read` are networks that are
        in memory already, for tests. Raises EngineError("model_unknown").
        """
        try:
            self.card = cards.get(model)
        except KeyError as error:
            raise EngineError("model_unknown", f"There is no model {model} for lip sync.") from error
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.precision = precision or (torch.float16 if self.device.type == "cuda" else torch.float32)
        self.batch, self._asked = batch or plan.BATCHES[0], batch
        self._networks, self._lock = read, threading.RLock()

    def load(self) -> None:
        """Read the model. Raises EngineError: "model_not_ready", "memory_short" or "model_broken"."""
        with self._lock:
            self._loaded()

    def release(self) -> None:
        """Let the memory go, for another engine that needs it; a batch at work is finished first."""
        with self._lock:
            self._networks = None
        free_memory()

    def sync(
        self, clip: Clip, speech: Speech, track: Track, *, first: int = 0, on_progress: OnProgress = ignore_progress
    ) -> Iterator[Picture]:
        """Yield the frames of a clip from the place `first` on (see `workers.lips.base.LipSync`).

        Raises EngineError as `load` does, and "memory_short" where a batch does not fit after all.
        """
        on_progress(Progress(stage="loading"))
        with self._lock:
            loaded = self._loaded()
            batch = self.batch
            hearing = Hearing(speech, clip.fps, clip.frames, loaded.encoder, loaded.extractor)
            hearing.listen(first, on_progress)
        # Batches begin at the same frames wherever a run begins: a frame's last bits may depend on its company.
        begin = first - first % batch
        frames = clip.read(begin)
        while pictures := list(islice(frames, batch)):
            places = range(begin, begin + len(pictures))
            made = self._batch(pictures, places, track, hearing)
            yield from made[max(0, first - begin) :]
            begin += len(pictures)

    def _batch(self, pictures: list[Picture], places: range, track: Track, hearing: Hearing) -> list[Picture]:
        found = {}
        for index, place in enumerate(places):
            points = track.at(place)
            where = faces.box(points) if points is not None else None
            if points is not None and where is not None:
                found[index] = points, where
        if not found:
            return pictures
        # Jobs take turns batch by batch.
        with self._lock:
            seen = np.stack([faces.seen(pictures[index], where) for index, (_, where) in found.items()])
            answers = self._painted(seen, [places[index] for index in found], hearing)
        made = list(pictures)
        for answer, (index, (points, where)) in zip(answers, found.items(), strict=True):
            made[index] = faces.painted(pictures[index], answer, where, points)
        return made

    def _painted(self, seen: Picture, places: list[int], hearing: Hearing) -> Picture:
        """Return the network's faces, uint8 [B, 256, 256, 3], for faces of the same shape. Raises EngineError."""
        loaded = self._loaded()
        try:
            with torch.inference_mode():
                heard = placed(torch.stack([hearing.around(place) for place in places]))
                made = _forward(loaded, torch.from_numpy(seen).to(loaded.device), heard.to(loaded.device))
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            self.release()
            raise EngineError("memory_short", f"{self.card.title} ran out of memory.") from error
        if not bool(torch.isfinite(made).all()):
            raise EngineError(
                "model_broken", f"{self.card.title} made no picture: its numbers left what {loaded.precision} can hold."
            )
        answers = ((made.clamp(-1, 1) + 1) * GREY).round().to(torch.uint8).permute(0, 2, 3, 1)
        return np.ascontiguousarray(answers.cpu().numpy())

    def _loaded(self) -> networks.Networks:
        if self._networks is None:
            folder = self.card.folder()
            if folder is None:
                text = f"The model {self.card.title} is not on this machine yet."
                how = f"The operator brings it with: python manage.py models download {self.card.id}."
                raise EngineError("model_not_ready", f"{text} {how}")
            choice = (
                plan.check(_memory(self.device), device="cuda" if self.device.type == "cuda" else "cpu")
                if plan.weighed(folder)
                else None
            )
            if choice and self.device.type == "cuda" and choice.card_gb > free_on_card():
                registry.make_room(self)
            if choice:
                self.batch = self._asked or choice.batch
            self._networks = networks.read(folder, self.device, self.precision)
            log.info("%s on %s in %s, %d frames at once", self.card.id, self.device, self.precision, self.batch)
        models_folder.used(self.card)
        return self._networks


def _memory(device: torch.device) -> float:
    """Return the memory of a device in GB, used or not: a job that goes on has the batches that it began with.

    `CINEVIVID_DEVICE_GB` says less or more, for a card that is shared.
    """
    if told := float(os.environ.get("CINEVIVID_DEVICE_GB") or 0):
        return told
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory * (1 - SLACK) / GB
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB


def _forward(loaded: networks.Networks, seen: Tensor, heard: Tensor) -> Tensor:
    """Return faces float32 [B, 3, H, W] in about -1 to 1 for faces uint8 [B, H, W, 3] and what is heard at each."""
    unet, vae, kind = loaded.unet, loaded.vae, loaded.precision
    whole = (seen.permute(0, 3, 1, 2).float() / GREY - 1).to(kind)
    covered = whole.clone()
    covered[:, :, whole.shape[2] // 2 :] = COVERED
    latents = _encoded(vae, torch.cat((covered, whole)))
    looked_at = torch.cat(latents.chunk(2), 1)
    at = torch.zeros(1, dtype=torch.long, device=seen.device)
    made = unet(looked_at, at, encoder_hidden_states=heard.to(kind)).sample
    answer: Tensor = vae.decode(made / vae.config.scaling_factor).sample
    return answer.float()


def _encoded(vae: Any, pictures: Tensor) -> Tensor:
    found: Tensor = vae.encode(pictures).latent_dist.mode() * vae.config.scaling_factor
    return found
