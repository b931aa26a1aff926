"""The video engine: a spec in, windows of frames out, one job at a time on a device."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import torch

from workers.engines.base import EngineError, OnProgress, Window, ignore_progress
from workers.engines.skyreels import vae_stream
from workers.engines.skyreels.checkpoint import Checkpoint
from workers.engines.skyreels.control import Clock, turn
from workers.engines.skyreels.denoise import Condition, denoise_window
from workers.engines.skyreels.models import Components, Pool
from workers.engines.skyreels.plan import Plan, WindowPlan, plan
from workers.engines.skyreels.spec import VideoSpec, frames_of
from workers.engines.skyreels.text import TextEncoder

# One job at a time on this machine's device, whichever engine object asks.
_device = threading.Lock()


class SkyReelsEngine:
    """SkyReels-V2 (https://github.com/SkyworkAI/SkyReels-V2, arXiv:2504.13074), streamed window by window."""

    def __init__(self, name: str = "nano", pool: Pool | None = None) -> None:
        self.name = name
        self.pool = pool or Pool()
        self.text = TextEncoder()

    def load(self) -> None:
        """Read this engine's model into memory, once; raises EngineError when it is not there or damaged."""
        self.pool.get(self.name)

    def stream(
        self, spec: VideoSpec, on_progress: OnProgress = ignore_progress, resume: Checkpoint | None = None
    ) -> Iterator[Window]:
        """Make the film of `spec` and yield each window as soon as its frames are decoded.

        `on_progress` is called after every sampler step and decoded latent; it may raise Cancelled, which ends the
        iteration and leaves the engine ready for the next job. `resume` is the checkpoint of the last window that the
        caller has kept: windows after it come out as if nothing had happened. Memory does not grow with the length.

        Raises SpecError for an illegal spec and EngineError for a model that is not ready, before the first window.
        """
        layout = plan(spec)
        _refuse_what_is_missing(spec)
        digest = spec.hash()
        if resume is not None and resume.spec_hash != digest:
            raise EngineError("checkpoint_foreign", "The saved state belongs to a different request.")
        with turn(_device, on_progress, len(layout.windows)):
            clock = Clock(layout, on_progress, done=resume.index + 1 if resume else 0)
            if not self.pool.has(spec.model):
                clock.loading()
            film = _Film(self.pool.get(spec.model), self.text, layout, clock, digest)
            if resume is not None:
                film.go_on_from(resume)
            for window in layout.windows[resume.index + 1 if resume else 0 :]:
                yield film.make(window)


def _refuse_what_is_missing(spec: VideoSpec) -> None:
    """Better no video than one that quietly leaves out what was asked for."""
    if spec.image or spec.end_image or spec.video:
        raise EngineError("input_unsupported", "This engine cannot start from pictures or videos yet.")
    if spec.causal_attention or spec.compat != "fixed":
        raise EngineError("mode_unsupported", "This engine has no such sampler mode yet.")


class _Film:
    """One job: what is carried from window to window."""

    def __init__(self, models: Components, text: TextEncoder, layout: Plan, clock: Clock, digest: str) -> None:
        self.models, self.text, self.layout, self.clock, self.digest = models, text, layout, clock, digest
        self.spec = layout.spec
        self.generator = torch.Generator().manual_seed(self.spec.seed)
        self.decoder = vae_stream.StreamDecoder(models.vae)
        base = layout.windows[0].latents
        self.keep = max(base, self.decoder.receptive_latents())
        self.tail: torch.Tensor | None = None  # the newest latents of the film
        self.frames: torch.Tensor | None = None  # the newest frames, in reencode mode
        self.clock.start()

    def make(self, window: WindowPlan) -> Window:
        """Denoise and decode one window."""
        began = time.monotonic()
        latents = denoise_window(
            self.models,
            self.spec,
            window,
            self._condition(window.prompt),
            self._history(window),
            self.generator,
            lambda i: self.clock.tick("denoising", window.index, i, window.steps),
        )
        new = latents[:, :, window.history :]
        apart = self.spec.overlap == "reencode"
        pixels = self._decode_apart(window, latents) if apart else self._decode(window, new)
        self.tail = _newest(self.tail, new, self.keep)
        return Window(
            index=window.index,
            windows=len(self.layout.windows),
            first_frame=window.first_frame,
            frames=vae_stream.to_uint8(pixels),
            seconds=time.monotonic() - began,
            checkpoint=Checkpoint(self.digest, window.index, self.tail, self.generator.get_state(), self.frames),
        )

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Put everything back to where it was after the checkpoint's window."""
        self.generator.set_state(checkpoint.generator)
        self.tail = checkpoint.latents.to(self.models.device)
        self.frames = checkpoint.frames
        if self.spec.overlap == "latent":
            # The frames are known already; decoding them once more rebuilds the decoder's cache.
            for i in range(self.tail.shape[2]):
                self.decoder.push(self.tail[:, :, i : i + 1])
        self.clock.start()

    def _condition(self, prompt: str) -> Condition:
        guided = self.spec.guidance_scale > 1
        negative = self.text(self.models, self.spec.negative_prompt) if guided else None
        return Condition(self.text(self.models, prompt), negative)

    def _history(self, window: WindowPlan) -> torch.Tensor | None:
        if not window.history:
            return None
        if self.spec.overlap == "reencode":
            assert self.frames is not None
            count = frames_of(window.history)
            return vae_stream.encode(self.models.vae, self.frames[:, :, -count:])
        assert self.tail is not None
        return self.tail[:, :, -window.history :]

    def _decode(self, window: WindowPlan, new: torch.Tensor) -> torch.Tensor:
        """Go on with the one continuous decode: [1, 3, T, H, W] of the new latents."""
        pieces = []
        for i in range(new.shape[2]):
            pieces.append(self.decoder.push(new[:, :, i : i + 1]))
            self.clock.tick("decoding", window.index, i, new.shape[2])
        return torch.cat(pieces, dim=2)

    def _decode_apart(self, window: WindowPlan, latents: torch.Tensor) -> torch.Tensor:
        """Decode the window from its beginning, as the official script does, and cut the frames already shown."""
        self.decoder.reset()
        whole = self._decode(window, latents)
        self.frames = whole[:, :, -self._needed_after(window) :].clone()
        return whole[:, :, whole.shape[2] - window.frames :]

    def _needed_after(self, window: WindowPlan) -> int:
        following = self.layout.windows[window.index + 1 : window.index + 2]
        return frames_of(following[0].history) if following else 1


def _newest(tail: torch.Tensor | None, new: torch.Tensor, keep: int) -> torch.Tensor:
    joined = new if tail is None else torch.cat([tail, new], dim=2)
    return joined[:, :, -keep:].clone()
