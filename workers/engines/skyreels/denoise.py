"""One window from noise to latents: our own loop over diffusers' transformer and UniPC scheduler.

diffusers' pipelines are not called because they lose the tail of a film that the block does not divide, leave their
settings in the model, draw noise from the global generator and hand the scheduler views that they then overwrite.
UniPC: Zhao et al. 2023, arXiv:2302.04867. Guidance: Ho and Salimans 2022, arXiv:2207.12598.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

from workers.engines.skyreels.models import Components
from workers.engines.skyreels.plan import WindowPlan
from workers.engines.skyreels.spec import VideoSpec

WAITING_TIMESTEP = 999  # what a block that has not started is told, as in the official script


@dataclass(frozen=True, slots=True)
class Condition:
    """What a window is to show: embeddings [1, L, D]; `negative` is None when there is no guidance."""

    positive: torch.Tensor
    negative: torch.Tensor | None


def draw(generator: torch.Generator, models: Components, spec: VideoSpec, latents: int) -> torch.Tensor:
    """Draw the noise of one window, float32 [1, C, F, h, w], from the job's generator."""
    factor = models.spatial_factor
    shape = (1, models.latent_channels, latents, spec.height // factor, spec.width // factor)
    return torch.randn(shape, generator=generator, dtype=torch.float32).to(models.device)


def denoise_window(
    models: Components,
    spec: VideoSpec,
    window: WindowPlan,
    condition: Condition,
    history: torch.Tensor | None,
    generator: torch.Generator,
    on_step: Callable[[int], None],
) -> torch.Tensor:
    """Return the latents of one window, float32 [1, C, F, h, w], the history included as it was given.

    `history` is [1, C, window.history, h, w] or None for the first window. All randomness comes from `generator`.
    `on_step(i)` is called after each of `window.steps` iterations, outside inference mode; what it raises goes through.
    """
    loop = _Loop(models, spec, window, condition, history, generator)
    with attention(models.transformer, 1):
        for i in range(window.steps):
            loop.iterate(i)
            on_step(i)
    return loop.latents


@contextmanager
def attention(transformer: Any, block: int) -> Iterator[None]:
    """Let attention be causal over blocks of `block` latents (1: bidirectional) and put the old value back after.

    diffusers reads the block from the model's configuration, where its own pipelines leave the last job's value behind.
    """
    before = transformer.config.num_frame_per_block
    if before == block:
        yield
        return
    transformer.register_to_config(num_frame_per_block=block)
    try:
        yield
    finally:
        transformer.register_to_config(num_frame_per_block=before)


class _Loop:
    """The state of one window between iterations."""

    @torch.inference_mode()
    def __init__(
        self,
        models: Components,
        spec: VideoSpec,
        window: WindowPlan,
        condition: Condition,
        history: torch.Tensor | None,
        generator: torch.Generator,
    ) -> None:
        self.models, self.spec, self.window, self.condition = models, spec, window, condition
        self.generator = generator
        self.ready = window.history
        self.latents = draw(generator, models, spec, window.latents)
        if history is not None:
            self.latents[:, :, : self.ready] = history.to(self.latents)
        scheduler = models.scheduler(spec.shift)
        scheduler.set_timesteps(spec.steps, device=models.device)
        # Else the scheduler looks the first timestep up by value and skips a step where rounding made two equal.
        scheduler.set_begin_index(0)
        self.times = [WAITING_TIMESTEP, *(int(t) for t in scheduler.timesteps), 0]
        # Blocks that move together share one scheduler: UniPC works elementwise, so this equals one per latent.
        spans = [sum(window.blocks)] if spec.ar_step == 0 else list(window.blocks)
        self.spans: list[tuple[int, int, Any]] = []
        start = self.ready
        for size in spans:
            self.spans.append((start, start + size, deepcopy(scheduler)))
            start += size

    @torch.inference_mode()
    def iterate(self, i: int) -> None:
        """Ask the transformer once (twice with guidance) and move every block that is under way by one step."""
        row = self.window.table[i]
        before = self.window.table[i - 1] if i else (0,) * len(row)
        times = [0] * self.ready + [
            self.times[place] for place, size in zip(row, self.window.blocks, strict=True) for _ in range(size)
        ]
        velocity = self._velocity(torch.tensor([times], device=self.models.device))
        for block, (start, end, scheduler) in enumerate(self.spans):
            place = row[block]
            if place == before[block] or place > self.spec.steps:
                continue
            # A clone, because UniPC keeps the sample for its correction and the assignment below would change it.
            sample = self.latents[:, :, start:end].clone()
            moved = scheduler.step(velocity[:, :, start:end], self.times[place], sample, return_dict=False)[0]
            self.latents[:, :, start:end] = moved

    def _velocity(self, timestep: torch.Tensor) -> torch.Tensor:
        """Return the predicted velocity [1, C, F, h, w] at the per-latent `timestep` [1, F]."""
        dtype = self.models.transformer.dtype
        given = self.latents.to(dtype)
        if self.ready and self.spec.addnoise_condition:
            # A little noise on the history hides its small faults from the model (SkyReels-V2, section 3.4).
            amount = 0.001 * self.spec.addnoise_condition
            clean = given[:, :, : self.ready]
            noise = torch.randn(clean.shape, generator=self.generator, dtype=torch.float32).to(clean)
            given = torch.cat([clean * (1.0 - amount) + noise * amount, given[:, :, self.ready :]], dim=2)
            timestep = timestep.clone()
            timestep[:, : self.ready] = self.spec.addnoise_condition
        velocity = self._ask("cond", given, timestep, self.condition.positive)
        if self.condition.negative is not None:
            without = self._ask("uncond", given, timestep, self.condition.negative)
            velocity = without + self.spec.guidance_scale * (velocity - without)
        return velocity

    def _ask(self, name: str, given: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        with self.models.transformer.cache_context(name):
            answer: torch.Tensor = self.models.transformer(
                hidden_states=given,
                timestep=timestep,
                encoder_hidden_states=text,
                enable_diffusion_forcing=True,
                # The model knows two rates only: 16 and the rest.
                fps=[0 if self.spec.fps == 16 else 1],
                return_dict=False,
            )[0]
        return answer
