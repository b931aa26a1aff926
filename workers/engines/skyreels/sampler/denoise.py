"""One window from noise to latents: our own loop over diffusers' transformer and UniPC scheduler.

diffusers' pipelines are not called because they lose the tail of a film that the block does not divide, leave their
settings in the model, draw noise from the global generator and hand the scheduler views that they then overwrite.
UniPC: Zhao et al. 2023, arXiv:2302.04867. Guidance: Ho and Salimans 2022, arXiv:2207.12598.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

from workers.engines.skyreels import cards
from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.request.plan import WindowPlan
from workers.engines.skyreels.request.spec import VideoSpec
from workers.engines.skyreels.sampler.attention import self_attention
from workers.engines.skyreels.sampler.schedule import scheduler_of
from workers.engines.skyreels.sampler.sequence import SequenceParallel
from workers.engines.skyreels.sampler.teacache import TeaCache, teacache

WAITING_TIMESTEP = 999  # what a block that has not started is told, as in the official script


@dataclass(frozen=True, slots=True)
class Condition:
    """What a window is to show: embeddings [1, L, D]; `negative` is None when there is no guidance.

    `blank` are those of no words at all, for films with a source.
    `end` is the latent [1, C, 1, h, w] of the picture that the window leads up to. Image to video models also take
    `picture`, CLIP's view of the start picture [1, L, D], and `channels` [1, 4 + C, F, h, w] beside the noisy latents.
    """

    positive: torch.Tensor
    negative: torch.Tensor | None
    end: torch.Tensor | None = None
    picture: torch.Tensor | None = None
    channels: torch.Tensor | None = None
    blank: torch.Tensor | None = None


Noise = Callable[[tuple[int, ...]], torch.Tensor]  # float32 noise of a shape


def draw(
    generator: torch.Generator, models: Components, spec: VideoSpec, latents: int, noise: Noise | None = None
) -> torch.Tensor:
    """Draw the noise of one window, [1, C, F, h, w], from the job's generator, or take it from `noise`.

    It is float32, except where the official code keeps the latents of diffusion forcing in the transformer's type.
    """
    factor = models.spatial_factor
    shape = (1, models.latent_channels, latents, spec.height // factor, spec.width // factor)
    narrow = spec.compat == "official" and cards.get(spec.model).variant == "df"
    dtype = models.transformer.dtype if narrow else torch.float32
    drawn = noise(shape).to(dtype) if noise else torch.randn(shape, generator=generator, dtype=dtype)
    return drawn.to(models.device)


def denoise_window(
    models: Components,
    spec: VideoSpec,
    window: WindowPlan,
    condition: Condition,
    given: torch.Tensor | None,
    generator: torch.Generator,
    addnoise: torch.Generator | None = None,
    parallel: SequenceParallel | None = None,
    noise: Noise | None = None,
    source: torch.Tensor | None = None,
) -> Iterator[torch.Tensor]:
    """Yield the latents of one window after each of its `window.steps` iterations: [1, C, F, h, w], the same tensor.

    `given` is [1, C, window.given, h, w], the history or the start picture, or None where there is none; it stays as it
    was given. A block that has come to the end of the noise schedule does not change any more (`window.parts`). All
    randomness comes from `generator`, except the noise on what was given where `addnoise` is there for it, and `noise`,
    which the window begins with instead. `source` are the latents that show through the noise at the beginning
    (`VideoSpec.begins_at`), [1, C, F, h, w].
    With `parallel`, all its ranks have to call this with equal arguments, and all get the same latents.
    """
    loop = _Loop(models, spec, window, condition, given, generator, addnoise or generator, noise, source)
    _, high, wide = models.transformer.config.patch_size
    tokens = loop.latents.shape[3] // high * (loop.latents.shape[4] // wide)
    shown = window.latents + int(condition.end is not None and window.closing)
    transformer = models.transformer
    split = parallel.split(transformer, shown * tokens, loop.forcing) if parallel else nullcontext()
    attention = self_attention(transformer, window.attention, tokens, parallel)
    with split, attention, teacache(transformer, spec, parallel) as loop.cache:
        for i in range(window.steps):
            loop.iterate(i)
            yield loop.latents


def edit_window(
    models: Components,
    spec: VideoSpec,
    window: WindowPlan,
    condition: Condition,
    source: torch.Tensor,
    generator: torch.Generator,
    parallel: SequenceParallel | None = None,
) -> Iterator[torch.Tensor]:
    """Yield the latents of a window that has nothing given, after each iteration: `source` on its way to the prompt.

    FlowEdit (Kulikov et al. 2024, arXiv:2412.08629): the latents move by the difference between where the prompt and
    where no words would take them from the same noise, so that what both agree on stays. Each step draws new noise.
    """
    loop = _Edit(models, spec, window, condition, None, generator, generator)
    loop.begin(source)
    _, high, wide = models.transformer.config.patch_size
    tokens = source.shape[3] // high * (source.shape[4] // wide)
    with self_attention(models.transformer, window.attention, tokens, parallel):
        for i in range(window.steps):
            loop.edit(i)
            yield loop.film


class _Loop:
    """The state of one window between iterations."""

    @torch.inference_mode()
    def __init__(
        self,
        models: Components,
        spec: VideoSpec,
        window: WindowPlan,
        condition: Condition,
        given: torch.Tensor | None,
        generator: torch.Generator,
        addnoise: torch.Generator,
        noise: Noise | None = None,
        source: torch.Tensor | None = None,
    ) -> None:
        self.models, self.spec, self.window, self.condition = models, spec, window, condition
        self.addnoise = addnoise
        self.cache: TeaCache | None = None
        self.forcing = cards.get(spec.model).variant == "df"
        self.latents = draw(generator, models, spec, window.latents, noise)
        scheduler = scheduler_of(models, spec)
        if source is not None:
            share = float(scheduler.sigmas[spec.begins_at])
            self.latents = torch.lerp(source.to(self.latents), self.latents, share)
            scheduler.set_begin_index(spec.begins_at)
        if given is not None:
            self.latents[:, :, : window.given] = given.to(self.latents)
        self.times = [WAITING_TIMESTEP, *(int(t) for t in scheduler.timesteps), 0]
        # Blocks that move together share one scheduler: UniPC works elementwise, so this equals one per latent.
        spans = [sum(window.blocks)] if spec.ar_step == 0 else list(window.blocks)
        self.spans: list[tuple[int, int, Any]] = []
        start = window.denoised_from
        for size in spans:
            self.spans.append((start, start + size, deepcopy(scheduler)))
            start += size

    @torch.inference_mode()
    def iterate(self, i: int) -> None:
        """Ask the transformer once (twice with guidance) and move every block that is under way by one step."""
        row = self.window.table[i]
        before = self.window.table[i - 1] if i else (0,) * len(row)
        if self.cache:
            self.cache.begin(row, before)
        velocity = self._velocity(row)
        for block, (start, end, scheduler) in enumerate(self.spans):
            place = row[block]
            if place == before[block] or place > self.spec.steps:
                continue
            sample = self.latents[:, :, start:end]
            if self.spec.compat == "fixed" or not self.forcing:
                # UniPC keeps the sample for its correction, and the assignment below would change it.
                sample = sample.clone()
            moved = scheduler.step(velocity[:, :, start:end], self.times[place], sample, return_dict=False)[0]
            self.latents[:, :, start:end] = moved

    def _velocity(self, row: tuple[int, ...]) -> torch.Tensor:
        """Return the predicted velocity [1, C, F, h, w] with every block at its place in the noise schedule."""
        shown, timestep = self._shown(row)
        velocity = self._ask("cond", shown, timestep, self.condition.positive)
        if self.condition.negative is not None:
            without = self._ask("uncond", shown, timestep, self.condition.negative)
            velocity = without + self.spec.guidance_scale * (velocity - without)
        return velocity

    def _shown(self, row: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the model is shown [1, C', F', h, w] and its noise levels: [1, F'], or [1] without forcing."""
        dtype, device = self.models.transformer.dtype, self.models.device
        shown = self.latents.to(dtype)
        if not self.forcing:
            if self.condition.channels is not None:
                shown = torch.cat([shown, self.condition.channels.to(shown)], dim=1)
            return shown, torch.tensor([self.times[row[0]]], device=device)
        times = [0] * self.window.denoised_from + [
            self.times[place] for place, size in zip(row, self.window.blocks, strict=True) for _ in range(size)
        ]
        given, level = self.window.given, self.spec.addnoise_condition
        if given and level:
            # A little noise on what is given hides its small faults from the model (SkyReels-V2, section 3.4).
            amount = 0.001 * level
            clean = shown[:, :, :given]
            noise = torch.randn(clean.shape, generator=self.addnoise, dtype=torch.float32).to(clean)
            shown = torch.cat([clean * (1.0 - amount) + noise * amount, shown[:, :, given:]], dim=2)
            times[:given] = [level] * given
        if self.condition.end is not None and self.window.closing:
            shown = torch.cat([shown, self.condition.end.to(shown)], dim=2)
            times.append(0)
        return shown, torch.tensor([times], device=device)

    def _ask(self, name: str, shown: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        if self.cache:
            self.cache.prompt = name
        with self.models.transformer.cache_context(name):
            answer: torch.Tensor = self.models.transformer(
                hidden_states=shown,
                timestep=timestep,
                encoder_hidden_states=text,
                encoder_hidden_states_image=self.condition.picture,
                enable_diffusion_forcing=self.forcing,
                # The model knows two rates only: 16 and the rest.
                fps=[0 if self.spec.fps == 16 else 1],
                return_dict=False,
            )[0]
        answer = answer[:, :, : self.window.latents]
        # In bfloat16 the difference of the two answers loses its last bits, and guidance makes that error larger.
        return answer if self.spec.compat == "diffusers" else answer.float()


class _Edit(_Loop):
    """The state of a window that is edited: `film` is where it is, without any noise."""

    def begin(self, source: torch.Tensor) -> None:
        """Begin with what the source shows."""
        self.source = source.float()
        self.film = self.source.clone()
        self.shares = [float(share) for share in scheduler_of(self.models, self.spec).sigmas]

    @torch.inference_mode()
    def edit(self, i: int) -> None:
        """Ask the transformer with the prompt and without words, at the same noise, and move the film."""
        row = self.window.table[i]
        place = row[0] - 1
        share, following = self.shares[place], self.shares[place + 1]
        noise = draw(self.addnoise, self.models, self.spec, self.window.latents)
        noisy = torch.lerp(self.source, noise, share)
        self.latents = noisy
        without = self._ask("source", *self._shown(row), self.blank)
        self.latents = noisy + (self.film - self.source)
        apart = self._velocity(row) - without
        if self.models.scheduler_config["prediction_type"] == "sample":
            # The model predicts the film itself, and the way to it from here follows.
            apart = (self.latents - noisy - apart) / share
        self.film = self.film + (following - share) * apart

    @property
    def blank(self) -> torch.Tensor:
        """The embedding of no words."""
        assert self.condition.blank is not None
        return self.condition.blank
