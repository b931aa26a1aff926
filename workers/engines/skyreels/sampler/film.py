"""The making of one film: its state from window to window, and the parts of a window that are published early."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

import torch

from workers.base import Inputs, Window
from workers.engines.skyreels import cards
from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.request.plan import Plan, WindowPlan
from workers.engines.skyreels.request.spec import frames_of
from workers.engines.skyreels.sampler import conditions, vae_stream
from workers.engines.skyreels.sampler.checkpoint import Checkpoint
from workers.engines.skyreels.sampler.clock import Clock
from workers.engines.skyreels.sampler.denoise import Noise, denoise_window
from workers.engines.skyreels.sampler.sequence import SequenceParallel
from workers.engines.skyreels.sampler.text import TextEncoder


class Film:
    """The state of one job, carried from window to window."""

    def __init__(
        self,
        models: Components,
        text: TextEncoder,
        layout: Plan,
        clock: Clock,
        inputs: Inputs,
        *,
        tiling: bool,
        rounding: str,
        parallel: SequenceParallel | None = None,
        noise: Noise | None = None,
    ) -> None:
        """Begin a film; `rounding` is what its checkpoints are marked with (`Way.rounding`)."""
        self.parallel, self.noise = parallel, noise
        self.models, self.text, self.layout, self.clock = models, text, layout, clock
        self.spec, self.inputs, self.tiling, self.rounding = layout.spec, inputs, tiling, rounding
        self.generator = torch.Generator().manual_seed(self.spec.seed)
        # The other implementations draw this noise from a stream of its own; ours has one stream for everything.
        apart = self.spec.compat != "fixed" and cards.get(self.spec.model).variant == "df"
        self.addnoise = torch.Generator().manual_seed(self.spec.seed) if apart else None
        self.decoder = vae_stream.StreamDecoder(models, tiling=self.tiling)
        # In reencode mode each window is decoded by itself, and the next one sees its frames, encoded again.
        self.apart = self.spec.overlap == "reencode"
        self.keep = max(layout.windows[0].latents, self.decoder.receptive_latents())
        self.tail: torch.Tensor | None = None  # the newest latents of the film
        self.given: torch.Tensor | None = None  # what the next window begins with, in reencode mode
        self.shown = self._shown_of_clip()  # the newest frames of the film that later windows look at, in reencode mode
        self.made: dict[int, torch.Tensor] = {}  # the latents of the windows that these frames are from
        memory = models.turns.memory if models.turns else "resident"
        # Where the transformer leaves the card for the decoder, it does so once in a window, not for each part.
        self.early = memory not in ("model", "fp8")
        self.stays = memory in ("resident", "aside")
        self.clock.start()

    def make(self, window: WindowPlan) -> Iterator[Window]:
        """Denoise and decode one window; its parts come as soon as their latents are clean."""
        began = time.monotonic()
        given = self._given(window)
        if self.apart:
            self.decoder.reset()
        condition = conditions.build(self.models, self.text, self.spec, window, self.inputs, tiling=self.tiling)
        first_cut = given if self.tail is None and window.history and not self.apart else None
        parts = _Parts(window, whole=self.apart or self.tail is None)
        loop = denoise_window(
            self.models,
            self.spec,
            window,
            condition,
            None if given is None else given[:, :, : window.given],
            self.generator,
            self.addnoise,
            self.parallel,
            self.noise if self.tail is None else None,
        )
        frames: list[torch.Tensor] = []
        for i, latents in enumerate(loop):
            self.clock.tick("denoising", window.index, i, window.steps)
            if self.early and i == parts.due and not parts.closing:
                # Where the history was cut to whole blocks, the clip itself stays what it was.
                film = latents if first_cut is None else _with_history(first_cut, latents, window)
                frames.append(self._decode(window, film, parts, between=i))
                yield self._part(window, parts, frames[-1], began)
                began = time.monotonic()
                self.clock.start()
        new = latents if first_cut is None else _with_history(first_cut, latents, window)
        given = first_cut = None  # a film that waits for its caller holds nothing that it does not need
        if window.shown:
            assert condition.end is not None
            new = torch.cat([new, condition.end.to(new)], dim=2)
        while not parts.over:
            frames.append(self._decode(window, new, parts))
            checkpoint = None
            if parts.closing:
                self._remember(window, new, frames)
                checkpoint = self._checkpoint(window.index)
            made = self._part(window, parts, frames[-1], began, checkpoint)
            if not self.apart:
                frames.clear()
            yield made
            began = time.monotonic()
            self.clock.start()

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Restore the state after the checkpoint's window."""
        self.generator.set_state(checkpoint.generator)
        if self.addnoise is not None and checkpoint.addnoise is not None:
            self.addnoise.set_state(checkpoint.addnoise)
        latents = checkpoint.latents.to(self.models.device)
        if self.apart:
            self._show_again(checkpoint.index, latents)
            self.given = None if checkpoint.given is None else checkpoint.given.to(self.models.device)
        else:
            # The frames are known already; decoding them once more rebuilds the decoder's cache.
            deque((self.decoder.push(latent) for latent in torch.split(latents, 1, dim=2)), maxlen=0)
        self.tail = latents
        self.clock.start()

    def _show_again(self, index: int, latents: torch.Tensor) -> None:
        """Decode the whole windows up to `index` whose `latents` were saved, for the frames that later ones look at."""
        end = latents.shape[2]
        for window in reversed(self.layout.windows[: index + 1]):
            if end == 0:
                break
            self.made[window.index] = latents[:, :, end - window.latents - window.shown : end]
            end -= window.latents + window.shown
        for earlier in sorted(self.made):
            window, pieces = self.layout.windows[earlier], torch.split(self.made[earlier], 1, dim=2)
            self.decoder.reset()
            whole = torch.cat([self.decoder.push(latent).float().cpu() for latent in pieces], dim=2)
            self._show(window, whole[:, :, whole.shape[2] - window.frames :])
        self.decoder.reset()

    def _checkpoint(self, index: int) -> Checkpoint:
        assert self.tail is not None
        addnoise = None if self.addnoise is None else self.addnoise.get_state()
        latents = self.tail
        if self.apart and index + 1 < len(self.layout.windows):
            kept = [self.made[i] for i in sorted(self.made)]
            latents = torch.cat(kept, dim=2) if kept else self.tail[:, :, :0]
        state = self.generator.get_state()
        return Checkpoint(self.layout.hash, index, latents.float(), state, addnoise, self.rounding, self.given)

    def _given(self, window: WindowPlan) -> torch.Tensor | None:
        """Return the latents that the window begins with, [1, C, history or 1, h, w], None where there are none."""
        if self.tail is None:
            return conditions.beginning(self.models, self.spec, window, self.inputs, tiling=self.tiling)
        return self.given if self.apart else self.tail[:, :, -window.history :]

    def _part(
        self,
        window: WindowPlan,
        parts: _Parts,
        frames: torch.Tensor,
        began: float,
        checkpoint: Checkpoint | None = None,
    ) -> Window:
        number, first = parts.published(frames.shape[2])
        return Window(
            index=window.index,
            windows=len(self.layout.windows),
            first_frame=first,
            frames=vae_stream.to_uint8(frames, down=self.spec.compat == "official"),
            seconds=time.monotonic() - began,
            checkpoint=checkpoint,
            part=number,
        )

    def _decode(
        self, window: WindowPlan, latents: torch.Tensor, parts: _Parts, between: int | None = None
    ) -> torch.Tensor:
        """Decode the latents of a window up to the end of the part that is due: returns new frames [1, 3, T, H, W].

        `between` is the step of the sampler after which that is, where the window is not denoised to its end yet: what
        is told stays in that step.
        """
        pieces, end = [], latents.shape[2] if parts.closing else parts.clean
        for place in range(parts.decoded, end):
            pieces.append(parts.without_known(self.decoder.push(latents[:, :, place : place + 1])))
            if between is None:
                self.clock.tick("decoding", window.index, place - parts.begin, latents.shape[2] - parts.begin)
            else:
                self.clock.tick("decoding", window.index, between, window.steps, stage="denoising")
        parts.decoded = end
        if not self.stays:
            self.decoder.park()
        return torch.cat(pieces, dim=2)

    def _remember(self, window: WindowPlan, latents: torch.Tensor, frames: list[torch.Tensor]) -> None:
        """Keep of a finished window what later ones begin with."""
        if not self.apart:
            self.tail = _newest(self.tail, latents if self.tail is None else latents[:, :, window.history :], self.keep)
            return
        self.decoder.reset()
        self.tail, self.given = latents.clone(), None
        if window.index + 1 == len(self.layout.windows):
            return
        self.made[window.index] = self.tail
        self._show(window, torch.cat([piece.float().cpu() for piece in frames], dim=2))
        following = self.layout.windows[window.index + 1]
        assert self.shown is not None
        begin = following.needs_from - (window.first_frame + window.frames) + self.shown.shape[2]
        history = self.shown[:, :, begin:]
        self.given = vae_stream.encode(self.models, history, tiling=self.tiling)
        # What only the next window looks at is in `given` now.
        self._forget(self.layout.needed_from(window.index + 1))

    def _show(self, window: WindowPlan, frames: torch.Tensor) -> None:
        """Take note of frames [1, 3, T, H, W] that a window has added; those that no later one looks at are dropped."""
        joined = frames if self.shown is None else torch.cat([self.shown, frames], dim=2)
        end = window.first_frame + window.frames
        wanted = end - self.layout.needed_from(window.index)
        self.shown = joined[:, :, max(0, joined.shape[2] - wanted) :]

    def _forget(self, first: int) -> None:
        """Drop the latents of windows that added no frame from `first` on."""
        for index in list(self.made):
            window = self.layout.windows[index]
            if window.first_frame + window.frames <= first:
                del self.made[index]

    def _shown_of_clip(self) -> torch.Tensor | None:
        if self.spec.overlap != "reencode" or self.inputs.video is None:
            return None
        return vae_stream.from_uint8(self.inputs.video[-self.spec.overlap_history :])


class _Parts:
    """How far a window is decoded and published.

    `whole` says that its first latents, whose frames are known, go through the decoder again.
    """

    def __init__(self, window: WindowPlan, *, whole: bool) -> None:
        self.window, self.number = window, 0
        self.begin = self.decoded = 0 if whole else window.history
        self._known = frames_of(window.history) if whole and window.history else 0
        self._first = window.first_frame

    @property
    def due(self) -> int:
        """The iteration after which the next part is clean."""
        return self.window.parts[self.number][0]

    @property
    def clean(self) -> int:
        """Where the next part ends, in latents of the window."""
        return self.window.parts[self.number][1]

    @property
    def closing(self) -> bool:
        """True where the next part is the last."""
        return self.number == len(self.window.parts) - 1

    @property
    def over(self) -> bool:
        """True when all parts were published."""
        return self.number == len(self.window.parts)

    def without_known(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the frames of one latent without those that are known from before."""
        known = min(self._known, frames.shape[2])
        self._known -= known
        return frames[:, :, known:]

    def published(self, frames: int) -> tuple[int, int]:
        """Count a part of so many frames; returns its number and the place of its first frame in the film."""
        number, first = self.number, self._first
        self.number, self._first = number + 1, first + frames
        return number, first


def _with_history(given: torch.Tensor, latents: torch.Tensor, window: WindowPlan) -> torch.Tensor:
    return torch.cat([given.to(latents), latents[:, :, window.history :]], dim=2)


def _newest(tail: torch.Tensor | None, new: torch.Tensor, keep: int) -> torch.Tensor:
    joined = new if tail is None else torch.cat([tail, new], dim=2)
    return joined[:, :, -keep:].clone()
