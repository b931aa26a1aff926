"""The video engine: a spec in, windows of frames out, one job at a time on a device."""

from __future__ import annotations

import gc
import logging
import math
import os
import threading
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
from workers.engines.skyreels.request.plan import Plan, plan
from workers.engines.skyreels.request.spec import VideoSpec
from workers.engines.skyreels.sampler import vae_stream
from workers.engines.skyreels.sampler.attention import choose_backend
from workers.engines.skyreels.sampler.checkpoint import Checkpoint
from workers.engines.skyreels.sampler.clock import Clock, turn
from workers.engines.skyreels.sampler.denoise import Noise
from workers.engines.skyreels.sampler.film import Film
from workers.engines.skyreels.sampler.sequence import SequenceParallel
from workers.engines.skyreels.sampler.text import TextEncoder

log = logging.getLogger(__name__)

LOST_CARD = "The graphics card stopped answering. The video goes on with another worker."
# One job at a time on this machine's device, whichever engine object asks.
_device = threading.Lock()
# How a model that nobody has weighed may run, in memory and in tiles: each way needs less than the one before.
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
        name: str = cards.DEFAULT_ID,
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
            work = Film(
                models,
                self.text,
                layout,
                clock,
                inputs,
                tiling=way.tiling,
                rounding=way.rounding,
                parallel=self.parallel,
                noise=noise,
            )
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
