"""The video engine: a spec in, windows of frames out, one job at a time on a device."""

from __future__ import annotations

import gc
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from workers.base import EngineError, Inputs, OnProgress, Window, ignore_progress
from workers.engines import registry
from workers.engines.skyreels import cards
from workers.engines.skyreels.gpus.group import POOL, RankGroup, refuse_too_many
from workers.engines.skyreels.memory import planner, quantise
from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.memory.pool import Key, Pool
from workers.engines.skyreels.memory.trouble import lost_card, out_of_memory
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.plan import Plan, WindowPlan, opening, plan
from workers.engines.skyreels.request.spec import VideoSpec, frames_of
from workers.engines.skyreels.sampler import conditions, vae_stream
from workers.engines.skyreels.sampler.attention import choose_backend
from workers.engines.skyreels.sampler.checkpoint import Checkpoint
from workers.engines.skyreels.sampler.clock import Clock, turn
from workers.engines.skyreels.sampler.denoise import Condition, Noise, denoise_window, edit_window
from workers.engines.skyreels.sampler.sequence import SequenceParallel
from workers.engines.skyreels.sampler.text import TextEncoder
from workers.media.colours import recoloured

log = logging.getLogger(__name__)

LOST_CARD = "The graphics card stopped answering. The video goes on with another worker."
# One job at a time on this machine's device, whichever engine object asks.
_device = threading.Lock()


UNWEIGHED: tuple[tuple[planner.Mode, bool], ...] = (
    ("aside", False),
    ("model", False),
    ("group", False),
    ("group", True),
)


@dataclass(frozen=True, slots=True)
class Way:
    """How a film is made: with which copy of the model, whether in tiles, and `why`, a sentence where there is one."""

    key: Key
    tiling: bool
    why: str = field(default="", compare=False)
    card_gb: float = field(default=0.0, compare=False)  # what it needs, where that was planned

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
        film = planner.recommended(cards.get(self.name))
        way = self.settle(film, Execution())
        self.make_room(way)
        models = self.pool.get(way.key)
        if models.device.type == "cuda":
            # cuDNN chooses its kernels at the first frame of a size, which takes longer than the frame.
            side = models.spatial_factor
            latent = torch.zeros(1, models.latent_channels, 1, film.height // side, film.width // side)
            vae_stream.StreamDecoder(models).push(latent)

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
        return self.ways(spec, run)[0]

    def ways(self, spec: VideoSpec, run: Execution) -> tuple[Way, ...]:
        """Return how `spec` can be made: the way that is chosen, and those to fall back to when memory is short after
        all, the fastest first. Raises as `settle` does.
        """
        chosen = self._chosen(spec, run)
        # Ranks have to go on in the same way, and only one of them may be short of memory.
        only = self.pool.given(spec.model) or run.memory != "auto" or self.parallel is not None
        if only or device_memory()[0] == "cpu":
            return (chosen,)
        form, card = chosen.key.quantise, cards.get(spec.model)
        if not planner.weighed(card):
            # Nobody has counted what they need: in the order in which they need less.
            return (chosen, *(Way(Key(spec.model, mode, form), tiling) for mode, tiling in UNWEIGHED))
        all_ways = planner.options(card, spec, quantised=form != "none")
        later = [Way(Key(spec.model, way.mode, form), run.vae_tiling or way.tiling) for way in all_ways]
        return (chosen, *later[later.index(chosen) + 1 if chosen in later else len(later) :])

    def _chosen(self, spec: VideoSpec, run: Execution) -> Way:
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
        film: VideoSpec | Plan,
        on_progress: OnProgress = ignore_progress,
        resume: Checkpoint | None = None,
        inputs: Inputs | None = None,
        run: Execution | None = None,
        noise: Noise | None = None,
    ) -> Iterator[Window]:
        """Make a film, given as its spec or its plan, and yield each window as soon as its frames are decoded.

        Where latents become clean one after another (`ar_step`), a window comes in parts, each while the rest of it is
        still at work (`WindowPlan.parts`); the frames are the same.

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
        layout = film if isinstance(film, Plan) else plan(film)
        spec, inputs = layout.spec, inputs or Inputs()
        _check(spec, inputs)
        if resume is not None and resume.spec_hash != layout.hash:
            raise EngineError("checkpoint_foreign", "The saved state belongs to a different request.")
        if resume is not None and resume.index + 1 == len(layout.windows):
            return
        with turn(_device, on_progress, len(layout.windows)):
            if run is not None and run.ranks > 1:
                if spec.source is not None:
                    raise EngineError("ranks_unfit", "A video in another look is not shared by several GPUs.")
                yield from self._ranks(run.ranks).stream(layout, inputs, run, resume, on_progress)
                return
            self.close()
            yield from self._in_some_way(layout, inputs, run or Execution(), resume, on_progress, noise)

    def _in_some_way(
        self,
        layout: Plan,
        inputs: Inputs,
        run: Execution,
        resume: Checkpoint | None,
        on_progress: OnProgress,
        noise: Noise | None,
    ) -> Iterator[Window]:
        """Make a film in the way that is chosen, and where memory is short after all, go on in the next one.

        What was yielded is not made again: the next way goes on after the last whole window, and its first parts, which
        are out already, are left out.
        """
        ways, saved, parts = self.ways(layout.spec, run), resume, 0
        for place, way in enumerate(ways):
            if saved is not None and saved.way != way.rounding:
                log.warning("The film was begun as %r, and goes on as %r.", saved.way, way.rounding)
            ended = ""
            try:
                known = parts
                for window in self._in_one_way(way, layout, inputs, saved, on_progress, noise):
                    if known:
                        known -= 1
                        if not window.whole:
                            continue
                    parts = 0 if window.whole else parts + 1
                    if window.whole:
                        saved = window.checkpoint
                    yield window
                return
            except Exception as error:
                if lost_card(error):
                    raise EngineError("card_lost", LOST_CARD) from error
                if not out_of_memory(error) or place + 1 == len(ways):
                    raise
                ended = str(error)
            # Outside of the handler, where nothing holds the tensors of the film that failed.
            log.warning("Memory was short with %s, and the film goes on with %s: %s", way, ways[place + 1], ended)
            self.release()
            free_memory()

    def _in_one_way(
        self,
        way: Way,
        layout: Plan,
        inputs: Inputs,
        saved: Checkpoint | None,
        on_progress: OnProgress,
        noise: Noise | None,
    ) -> Iterator[Window]:
        rest = layout.windows[saved.index + 1 if saved else 0 :]
        clock = Clock(layout, on_progress, done=rest[0].index)
        if not self.pool.has(way.key):
            clock.loading()
        self.make_room(way)
        with self.pool.use(way.key) as models:
            choose_backend(models, _tokens(models, layout))
            work = _Film(models, self.text, layout, clock, inputs, way, self.parallel, noise)
            if saved is not None:
                work.go_on_from(saved)
            clock.begin(rest[0])
            for window in rest:
                yield from work.make(window)

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
    """Return what computes on this machine, and the memory in GB that a film may have there: of a card, what is free
    or this process's own, less `planner.SLACK`; where there is no card, the machine's.

    `CINEVIVID_DEVICE_GB` says less or more, for a card that is shared.
    """
    told = float(os.environ.get("CINEVIVID_DEVICE_GB") or 0)
    if torch.cuda.is_available():
        # What this process has reserved is there for its next film: the models that it holds are in the plan.
        free = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
        return "cuda", told or free * (1 - planner.SLACK) / planner.GB
    return "cpu", told or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / planner.GB


def free_memory() -> None:
    """Give back what this process has reserved on its card and does not use."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _tokens(models: Components, layout: Plan) -> int:
    """Return how many tokens the longest window of a film has."""
    high, wide = (int(side) for side in models.transformer.config.patch_size[1:])
    spec, side = layout.spec, models.spatial_factor
    latents = layout.windows[0].latents + int(layout.windows[0].closing)
    return latents * (spec.height // side // high) * (spec.width // side // wide)


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
    if (spec.source is None) != (inputs.source is None):
        raise EngineError("input_missing", "A picture or video of this request did not reach the engine.")
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
        inputs: Inputs,
        way: Way,
        parallel: SequenceParallel | None,
        noise: Noise | None = None,
    ) -> None:
        self.parallel, self.noise = parallel, noise
        self.models, self.text, self.layout, self.clock = models, text, layout, clock
        self.spec, self.inputs, self.tiling, self.way = layout.spec, inputs, way.tiling, way.rounding
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
        source = conditions.shown(self.models, window, self.inputs, tiling=self.tiling)
        if source is not None and given is None:
            given = self._first_frame(window, condition, source)
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
            source,
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
        given = first_cut = source = None  # a film that waits for its caller holds nothing that it does not need
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

    def _first_frame(self, window: WindowPlan, condition: Condition, source: torch.Tensor) -> torch.Tensor:
        """Make the first frame of a film in another look, [1, C, 1, h, w]: of the first window, shown anew as a whole.

        Alone a frame would say too little through the noise about where things are.
        """
        first = opening(window, self.spec)
        for latents in edit_window(self.models, self.spec, first, condition, source, self.generator, self.parallel):
            # A stop or a cancel is heard; these steps are not counted as the window's.
            self.clock.begin(window)
            film = latents
        if cards.get(self.spec.model).holds_places:
            return film[:, :, :1].clone()
        assert self.inputs.source is not None
        decoder = vae_stream.StreamDecoder(self.models, tiling=self.tiling)
        (shown,) = vae_stream.to_uint8(decoder.push(film[:, :, :1]))
        still = recoloured(self.inputs.source(0, 1)[0], shown)
        return vae_stream.encode(self.models, vae_stream.from_uint8(still[None]), tiling=self.tiling)

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
        return Checkpoint(self.layout.hash, index, latents.float(), state, addnoise, self.way, self.given)

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
