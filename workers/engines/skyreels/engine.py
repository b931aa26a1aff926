"""The video engine: a spec in, windows of frames out, one job at a time on a device."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from workers.base import EngineError, Inputs, OnProgress, Window, ignore_progress
from workers.engines import registry
from workers.engines.skyreels import cards
from workers.engines.skyreels.gpus.group import POOL, RankGroup, refuse_too_many
from workers.engines.skyreels.memory import planner, quantise
from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.memory.pool import Key, Pool
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.plan import Plan, WindowPlan, plan
from workers.engines.skyreels.request.spec import VideoSpec, frames_of
from workers.engines.skyreels.sampler import conditions, vae_stream
from workers.engines.skyreels.sampler.checkpoint import Checkpoint
from workers.engines.skyreels.sampler.clock import Clock, turn
from workers.engines.skyreels.sampler.denoise import Noise, denoise_window
from workers.engines.skyreels.sampler.sequence import SequenceParallel
from workers.engines.skyreels.sampler.text import TextEncoder

log = logging.getLogger(__name__)

# One job at a time on this machine's device, whichever engine object asks.
_device = threading.Lock()


@dataclass(frozen=True, slots=True)
class Way:
    """How a film is made: with which copy of the model, whether in tiles, and `why`, a sentence where there is one."""

    key: Key
    tiling: bool
    why: str = ""
    card_gb: float = 0.0  # what it needs, where that was planned

    @property
    def rounding(self) -> str:
        """The settings that change pixels visibly; stored so that a resumed film can be compared."""
        rounded = {
            self.key.quantise: self.key.quantise != "none",
            "fp8": self.key.memory == "fp8",
            "tiles": self.tiling,
        }
        return " ".join(name for name, so in rounded.items() if so)


class SkyReelsEngine:
    """SkyReels-V2 (https://github.com/SkyworkAI/SkyReels-V2, arXiv:2504.13074), streamed window by window."""

    def __init__(
        self,
        name: str = "nano",
        pool: Pool | None = None,
        parallel: SequenceParallel | None = None,
        ranks_pool: str = POOL,
    ) -> None:
        """Make an engine; `name` is the model that `load` reads, a job's spec may name another.

        `parallel` makes this process one of several ranks. `ranks_pool` names what makes the models of the ranks that
        this engine starts, as module:callable.
        """
        self.name = name
        self.pool = pool or Pool()
        self.text = TextEncoder()
        self.parallel, self.ranks_pool = parallel, ranks_pool
        self.group: RankGroup | None = None  # the processes that share a video, while they are up

    def load(self) -> None:
        """Read this engine's model into memory, once, the way that its recommended film runs.

        Raises EngineError when it is not there, damaged, or too large for this machine.
        """
        way = self.settle(planner.recommended(cards.get(self.name)), Execution())
        self.make_room(way)
        self.pool.get(way.key)

    def make_room(self, way: Way) -> None:
        """Have engines of other kinds let go of the card where a model to be read does not fit beside them."""
        if not self.pool.has(way.key) and way.card_gb > free_on_card():
            registry.make_room(self)

    def release(self) -> None:
        """Let go of the models that are not at work, for another engine that needs the memory."""
        self.pool.evict()

    def settle(self, spec: VideoSpec, run: Execution) -> Way:
        """Choose how to make `spec`: as `run` says, or as the planner does.

        Raises EngineError("memory_short") when the planner finds no way that fits, EngineError("quantise_unknown").
        """
        if self.pool.given(spec.model):
            return Way(Key(spec.model), run.vae_tiling)
        form = quantise.chosen(spec.model)
        if run.memory != "auto":
            return Way(Key(spec.model, run.memory, form), run.vae_tiling, planner.WORDS[run.memory].capitalize() + ".")
        card = cards.get(spec.model)
        if not planner.weighed(card):
            return Way(Key(spec.model, "resident", form), run.vae_tiling)
        kind, gigabytes = device_memory()
        found = planner.plan_memory(card, spec, gigabytes, device=kind, quantised=form != "none")
        return Way(
            Key(spec.model, found.chosen.mode, form),
            run.vae_tiling or found.chosen.tiling,
            found.explanation,
            found.chosen.card_gb,
        )

    def stream(
        self,
        spec: VideoSpec,
        on_progress: OnProgress = ignore_progress,
        resume: Checkpoint | None = None,
        inputs: Inputs | None = None,
        run: Execution | None = None,
        noise: Noise | None = None,
    ) -> Iterator[Window]:
        """Make the film of `spec` and yield each window as soon as its frames are decoded.

        `on_progress` is called after every sampler step and decoded latent; it may raise Cancelled, which ends the
        iteration and leaves the engine ready for the next job. `resume` is the checkpoint of the last window that the
        caller has kept: windows after it come out as if nothing had happened. `inputs` are the pictures and the clip
        that the spec names, decoded (workers/render.py does that); of a clip only new frames come out, counted from
        the first of its last `overlap_history` frames. `run` says where the model's parts are kept meanwhile, and how
        many processes share the video (gpus/group.py). `noise` is what the first window begins with, instead of what
        the seed draws. Memory does not grow with the length.

        Raises SpecError for an illegal spec and EngineError for a model that is not ready or does not fit into this
        machine and for inputs that are missing or of another size, before the first window.
        """
        layout = plan(spec)
        inputs = inputs or Inputs()
        _check(spec, inputs)
        digest = spec.hash()
        if resume is not None and resume.spec_hash != digest:
            raise EngineError("checkpoint_foreign", "The saved state belongs to a different request.")
        if resume is not None and resume.index + 1 == len(layout.windows):
            return
        with turn(_device, on_progress, len(layout.windows)):
            if run is not None and run.ranks > 1:
                yield from self._ranks(run.ranks).stream(spec, inputs, run, resume, on_progress, len(layout.windows))
                return
            self.close()
            way = self.settle(spec, run or Execution())
            if resume is not None and resume.way != way.rounding:
                log.warning("The film was begun as %r, and goes on as %r.", resume.way, way.rounding)
            clock = Clock(layout, on_progress, done=resume.index + 1 if resume else 0)
            if not self.pool.has(way.key):
                clock.loading()
            self.make_room(way)
            with self.pool.use(way.key) as models:
                film = _Film(models, self.text, layout, clock, digest, inputs, way, self.parallel, noise)
                if resume is not None:
                    film.go_on_from(resume)
                rest = layout.windows[resume.index + 1 if resume else 0 :]
                clock.begin(rest[0])
                for window in rest:
                    yield film.make(window)

    def close(self) -> None:
        """End the processes that share a video, where there are any; the next job that wants them starts them again."""
        if self.group is not None:
            self.group.close()
            self.group = None

    def _ranks(self, ranks: int) -> RankGroup:
        """Return the processes for a job; others are ended and models dropped: they hold memory of the same devices."""
        if self.group is None or self.group.ranks != ranks:
            self.close()
            refuse_too_many(ranks)
            self.pool.evict()
            self.group = RankGroup(ranks, self.ranks_pool)
        return self.group


def device_memory() -> tuple[planner.Device, float]:
    """Return what computes on this machine, and its memory in GB: the card's, or where there is none the machine's.

    `CINEVIVID_DEVICE_GB` says less or more, for a card that is shared.
    """
    told = float(os.environ.get("CINEVIVID_DEVICE_GB") or 0)
    if torch.cuda.is_available():
        return "cuda", told or torch.cuda.mem_get_info()[1] / planner.GB
    return "cpu", told or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / planner.GB


def free_on_card() -> float:
    """Return what is free on the card in GB; without a card, more than anything needs."""
    return torch.cuda.mem_get_info()[0] / planner.GB if torch.cuda.is_available() else math.inf


def _check(spec: VideoSpec, inputs: Inputs) -> None:
    """Raise EngineError when a named input is missing, too short or the wrong size."""
    size = (spec.height, spec.width, 3)
    for name in ("image", "end_image", "video"):
        named, array = getattr(spec, name), getattr(inputs, name)
        if (named is None) != (array is None):
            raise EngineError("input_missing", "A picture or video of this request did not reach the engine.")
        if array is not None and array.shape[-3:] != size:
            raise EngineError("input_size", "A picture or video of this request has another size than the film.")
    if inputs.video is not None and len(inputs.video) < spec.overlap_history:
        seconds = spec.overlap_history / spec.fps
        raise EngineError("video_short", f"The video is too short to go on with: it needs {seconds:.1f} s or more.")


class _Film:
    """The state of one job, carried from window to window."""

    def __init__(
        self,
        models: Components,
        text: TextEncoder,
        layout: Plan,
        clock: Clock,
        digest: str,
        inputs: Inputs,
        way: Way,
        parallel: SequenceParallel | None,
        noise: Noise | None = None,
    ) -> None:
        self.parallel, self.noise = parallel, noise
        self.models, self.text, self.layout, self.clock, self.digest = models, text, layout, clock, digest
        self.spec, self.inputs, self.tiling, self.way = layout.spec, inputs, way.tiling, way.rounding
        self.generator = torch.Generator().manual_seed(self.spec.seed)
        # The other implementations draw this noise from a stream of its own; ours has one stream for everything.
        apart = self.spec.compat != "fixed" and cards.get(self.spec.model).variant == "df"
        self.addnoise = torch.Generator().manual_seed(self.spec.seed) if apart else None
        self.decoder = vae_stream.StreamDecoder(models, tiling=self.tiling)
        base = layout.windows[0].latents
        self.keep = max(base, self.decoder.receptive_latents())
        # The newest latents of the film; in reencode mode those of the newest window.
        self.tail: torch.Tensor | None = None
        self.frames: torch.Tensor | None = None  # the newest frames, in reencode mode
        self.clock.start()

    def make(self, window: WindowPlan) -> Window:
        """Denoise and decode one window."""
        began = time.monotonic()
        given = self._given(window)
        latents = denoise_window(
            self.models,
            self.spec,
            window,
            conditions.build(self.models, self.text, self.spec, window, self.inputs, tiling=self.tiling),
            None if given is None else given[:, :, : window.given],
            self.generator,
            lambda i: self.clock.tick("denoising", window.index, i, window.steps),
            self.addnoise,
            self.parallel,
            self.noise if self.tail is None else None,
        )
        if self.tail is None:
            new = latents
            if window.history:
                assert given is not None
                # Where the history was cut to whole blocks, the clip itself stays what it was.
                new = torch.cat([given.to(latents), latents[:, :, window.history :]], dim=2)
        else:
            new = latents[:, :, window.history :]
        apart = self.spec.overlap == "reencode"
        pixels = self._decode_apart(window, latents) if apart else self._decode(window, new)
        self.tail = latents.clone() if apart else _newest(self.tail, new, self.keep)
        return Window(
            index=window.index,
            windows=len(self.layout.windows),
            first_frame=window.first_frame,
            frames=vae_stream.to_uint8(pixels[:, :, pixels.shape[2] - window.frames :]),
            seconds=time.monotonic() - began,
            checkpoint=self._checkpoint(window.index),
        )

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Restore the state after the checkpoint's window."""
        self.generator.set_state(checkpoint.generator)
        if self.addnoise is not None and checkpoint.addnoise is not None:
            self.addnoise.set_state(checkpoint.addnoise)
        self.tail = checkpoint.latents.to(self.models.device)
        # The frames are known already; decoding them once more rebuilds the decoder's cache, and what is encoded again.
        again = (self.decoder.push(latent) for latent in torch.split(self.tail, 1, dim=2))
        if self.spec.overlap == "reencode":
            self.frames = self._newest_frames(torch.cat(list(again), dim=2), self.layout.windows[checkpoint.index])
        else:
            deque(again, maxlen=0)
        self.clock.start()

    def _checkpoint(self, index: int) -> Checkpoint:
        assert self.tail is not None
        addnoise = None if self.addnoise is None else self.addnoise.get_state()
        return Checkpoint(self.digest, index, self.tail, self.generator.get_state(), addnoise, self.way)

    def _given(self, window: WindowPlan) -> torch.Tensor | None:
        """Return the latents that the window begins with, [1, C, history or 1, h, w], None where there are none."""
        if self.tail is None:
            return conditions.beginning(self.models, self.spec, window, self.inputs, tiling=self.tiling)
        if self.spec.overlap == "reencode":
            assert self.frames is not None
            count = frames_of(window.history)
            return vae_stream.encode(self.models, self.frames[:, :, -count:], tiling=self.tiling)
        return self.tail[:, :, -window.history :]

    def _decode(self, window: WindowPlan, new: torch.Tensor) -> torch.Tensor:
        """Decode new latents with the continuous decoder: returns frames [1, 3, T, H, W]."""
        pieces = []
        for i in range(new.shape[2]):
            pieces.append(self.decoder.push(new[:, :, i : i + 1]))
            self.clock.tick("decoding", window.index, i, new.shape[2])
        if self.models.turns and self.models.turns.memory != "resident":
            self.decoder.park()
        return torch.cat(pieces, dim=2)

    def _decode_apart(self, window: WindowPlan, latents: torch.Tensor) -> torch.Tensor:
        """Decode the window from its beginning, as the official script does: frames already shown come first."""
        self.decoder.reset()
        whole = self._decode(window, latents)
        self.frames = self._newest_frames(whole, window)
        return whole

    def _newest_frames(self, whole: torch.Tensor, window: WindowPlan) -> torch.Tensor:
        """Return the newest frames, as many as the next window begins with."""
        following = self.layout.windows[window.index + 1 : window.index + 2]
        return whole[:, :, -(frames_of(following[0].history) if following else 1) :].clone()


def _newest(tail: torch.Tensor | None, new: torch.Tensor, keep: int) -> torch.Tensor:
    joined = new if tail is None else torch.cat([tail, new], dim=2)
    return joined[:, :, -keep:].clone()
