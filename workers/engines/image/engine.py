"""The engine of diffusers' picture pipelines: one model on one device, one picture at a time.

The pipelines are called as they are, but for three things: noise is drawn on the CPU, so that a seed makes the same
picture on every device; a text is read once for all the pictures of a job, and of a batch; and guidance is counted as
other models count it (`PipelineCard.offset`).
"""

from __future__ import annotations

import gc
import logging
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray

from workers.base import EngineError, OnProgress, Progress
from workers.engines import registry
from workers.engines.image import cards, plan
from workers.engines.image.noise import drawn
from workers.engines.image.request import Picture
from workers.engines.skyreels.engine import device_memory, free_on_card
from workers.engines.skyreels.memory.planner import MemoryPlan, Mode
from workers.weights import folder as models_folder

log = logging.getLogger(__name__)
KLEIN = "Flux2KleinPipeline"  # without guidance
KEPT_TEXTS = 64


class Painter:
    """A model that one of diffusers' pipelines runs. It loads with `load()` or the first picture, and stays."""

    def __init__(self, name: str, pipeline: Any = None) -> None:
        """Make an engine for a model of the catalogue; `pipeline` is a loaded one, for tests."""
        card = cards.get(name)
        assert isinstance(card, cards.PipelineCard)
        self.card, self.loads = card, 0
        self._pipe, self._lock = pipeline, threading.RLock()
        self._read: OrderedDict[str, Any] = OrderedDict()  # embeddings by text, those that were used last at the end

    def load(self) -> None:
        """Read the model. Raises EngineError: "model_not_ready", "memory_short" or "model_broken"."""
        with self._lock:
            if self._pipe is None:
                self._pipe = self._loaded()
                self.loads += 1
            models_folder.used(self.card)

    def release(self) -> None:
        """Let the memory go, for another engine that needs it; a picture at work is finished first."""
        with self._lock:
            self._pipe = None
            self._read.clear()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def paint(self, asked: Picture, on_progress: OnProgress) -> NDArray[np.uint8]:
        """Return the picture, uint8 RGB [H, W, 3].

        `on_progress` is called after every sampler step; what it raises goes through and leaves the engine usable.
        Raises EngineError as `load` does.
        """
        with self._lock:
            on_progress(Progress(stage="loading"))
            self.load()
            pipe, card = self._pipe, self.card
            guidance = asked.guidance_scale - card.offset
            on_progress(Progress(stage="denoising", step=0, steps=asked.steps))

            def step_done(_pipe: Any, step: int, _time: Any, given: dict[str, Any]) -> dict[str, Any]:
                on_progress(Progress(stage="denoising", step=step + 1, steps=asked.steps))
                return given

            try:
                with torch.inference_mode():
                    made = pipe(
                        **self._words(asked),
                        width=asked.width,
                        height=asked.height,
                        num_inference_steps=asked.steps,
                        guidance_scale=guidance,
                        latents=drawn(asked.noise, latent_shape(pipe, asked.width, asked.height)),
                        callback_on_step_end=step_done,
                    ).images[0]
            except torch.OutOfMemoryError as error:
                self.release()
                raise EngineError("memory_short", f"{card.title} ran out of memory.") from error
            finally:
                # A picture that was stopped leaves a part on the card.
                pipe.maybe_free_model_hooks()
            return np.asarray(made.convert("RGB"))

    def _words(self, asked: Picture) -> dict[str, Any]:
        """Return the embeddings of a request as the pipeline takes them."""
        words = {"prompt_embeds": self._embedded(asked.prompt)}
        if asked.guidance_scale > cards.WITHOUT and self.card.pipeline != KLEIN:
            words["negative_prompt_embeds"] = self._embedded(asked.negative_prompt)
        return words

    def _embedded(self, text: str) -> Any:
        """Return a text as the model reads it: once for as many pictures as follow each other closely."""
        if text not in self._read:
            with torch.inference_mode():
                if self.card.pipeline == KLEIN:
                    self._read[text], _ids = self._pipe.encode_prompt(text)
                else:
                    self._read[text], _without = self._pipe.encode_prompt(text, do_classifier_free_guidance=False)
            self._pipe.maybe_free_model_hooks()
            if len(self._read) > KEPT_TEXTS:
                self._read.popitem(last=False)
        self._read.move_to_end(text)
        return self._read[text]

    def _loaded(self) -> Any:
        folder = self.card.folder()
        if folder is None:
            text = f"The model {self.card.title} is not on this machine yet."
            raise EngineError(
                "model_not_ready",
                f"{text} The operator brings it with: python manage.py models download {self.card.id}.",
            )
        kind, gigabytes = device_memory()
        way = plan.settle(self.card, folder, gigabytes, kind)
        if way and way.chosen.card_gb > free_on_card():
            registry.make_room(self)
        pipe = read(self.card, folder, torch.bfloat16 if kind == "cuda" else torch.float32)
        arrange(pipe, way.chosen.mode if way else "resident", torch.device(kind))
        log.info("%s on %s: %s", self.card.id, kind, _words_of(way))
        return pipe


def _words_of(way: MemoryPlan | None) -> str:
    return way.explanation if way else "as it is"


def read(card: cards.PipelineCard, folder: Path, dtype: torch.dtype) -> Any:
    """Return the pipeline of a card, read from its folder. Raises EngineError("model_broken")."""
    try:
        pipe = getattr(diffusers, card.pipeline).from_pretrained(folder, torch_dtype=dtype, use_safetensors=True)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise EngineError("model_broken", f"The model {card.title} cannot be loaded.") from error
    return quiet(pipe)


def quiet(pipe: Any) -> Any:
    """Have a pipeline print no progress of its own."""
    pipe.set_progress_bar_config(disable=True)
    return pipe


def arrange(pipe: Any, mode: Mode, device: torch.device) -> None:
    """Have the parts of a pipeline where a way of running (planner.py) wants them while they work.

    "resident": all stay on the device. "model": they take turns. "fp8": the transformer is stored in 8 bits, and they
    take turns. "sequential": layer by layer.
    """
    if mode == "fp8":
        pipe.transformer.enable_layerwise_casting(
            storage_dtype=torch.float8_e4m3fn, compute_dtype=pipe.transformer.dtype
        )
    if mode == "resident":
        pipe.to(device)
    elif mode == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        pipe.enable_model_cpu_offload(device=device)


def latent_shape(pipe: Any, width: int, height: int) -> tuple[int, ...]:
    """Return the shape of the noise that a pipeline takes: FLUX.2 packs 2 x 2 latents into one, Z-Image does not."""
    factor = pipe.vae_scale_factor
    if isinstance(pipe, diffusers.Flux2KleinPipeline):
        return (1, pipe.transformer.config.in_channels, height // factor // 2, width // factor // 2)
    return (1, pipe.transformer.config.in_channels, height // factor, width // factor)
