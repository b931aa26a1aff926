"""A spec laid out in windows and sampler steps: pure arithmetic, no torch.

A film longer than one window is made window by window; each begins with latents that the one before has made (its
history). The step table of a window follows diffusion forcing (Chen et al. 2024, arXiv:2407.01392; SkyReels-V2,
arXiv:2504.13074): every block of latents has its own place in the noise schedule, `ar_step` steps behind the block
before it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from workers.engines.skyreels import cards
from workers.engines.skyreels.request.spec import FRAMES_PER_LATENT, VideoSpec, block_sizes, frames_of, latents_of

PART_SECONDS = 0.5  # a part of a window is at least so long, except the first of a film, which somebody waits for


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """One window. Latents are counted in the film: the window covers `first_latent` to `first_latent + latents`.

    The first `history` of them are of the film before: the window before this one, or the clip that goes on. Of these
    and of a start picture's latent, `given` are put in and kept. With `closing`, the latent of the end picture stands
    behind the window, seen by the model; where it is `shown`, it is decoded as well. New frames: `first_frame` to
    `first_frame + frames`.

    `parts` say when frames can be published: after iteration `parts[p][0]` the first `parts[p][1]` latents of the
    window are clean. The last part ends with the window; where all latents move together, there is no other.

    `blocks` are the sizes of the blocks that are denoised, the last of them ending with the window; `table[i][b]` is
    the place of block b in the noise schedule at iteration i (see `step_table`). `attention` are the sizes of the
    blocks that see only themselves and those before, None where every latent sees all.
    """

    index: int
    first_latent: int
    latents: int
    history: int
    given: int
    closing: bool
    first_frame: int
    frames: int
    prompt: str
    blocks: tuple[int, ...]
    table: tuple[tuple[int, ...], ...]
    attention: tuple[int, ...] | None
    parts: tuple[tuple[int, int], ...]
    shown: bool = False

    @property
    def needs_from(self) -> int:
        """The first of the frames of the film so far that this window looks at."""
        return self.first_frame - frames_of(self.history) if self.history else self.first_frame

    @property
    def sees_from(self) -> int:
        """The first frame of the film that this window covers, whose place is also that in a source."""
        return FRAMES_PER_LATENT * self.first_latent

    @property
    def steps(self) -> int:
        """How often the transformer is asked in this window (twice that with guidance)."""
        return len(self.table)

    @property
    def new_latents(self) -> int:
        """How many latents this window adds to the film."""
        return self.latents - self.history

    @property
    def denoised_from(self) -> int:
        """The place in the window of the first latent that is denoised."""
        return self.latents - sum(self.blocks)


@dataclass(frozen=True)
class Plan:
    """The windows that make the film of `spec`. Made once for a film and handed down; its files are read once."""

    spec: VideoSpec
    windows: tuple[WindowPlan, ...]

    @cached_property
    def files(self) -> dict[str, str]:
        """The SHA-256 of the pictures and the clip, by the fields of the spec."""
        return self.spec.files()

    @cached_property
    def hash(self) -> str:
        """The digest that names the spec."""
        return self.spec.hash(self.files)

    def needed_from(self, index: int) -> int:
        """Return the first frame of the film that windows after `index` look at, its end where there are none."""
        return min((window.needs_from for window in self.windows[index + 1 :]), default=self.end)

    @property
    def end(self) -> int:
        """How many frames the film has, a clip's that it goes on from included as in `num_frames`."""
        return self.windows[-1].first_frame + self.windows[-1].frames

    @property
    def longest_part(self) -> int:
        """The most frames that a part adds."""
        return max(frames for window in self.windows for frames in part_frames(window))

    @property
    def steps(self) -> int:
        """Sampler steps over all windows."""
        return sum(window.steps for window in self.windows)

    @property
    def latents(self) -> int:
        """Latents of the whole film."""
        return latents_of(self.spec.num_frames)

    @property
    def passes(self) -> Fraction:
        """How much the transformer computes, in latents: those that it sees, summed over all of its passes.

        A pass is one step of one window; with guidance each step takes two. In a window that is longer than the model's
        own, a latent counts as many times more, because each looks at all others.
        """
        own, each = latents_of(cards.get(self.spec.model).base_num_frames), 2 if self.spec.guided else 1
        seen = ((window.steps, window.latents + window.closing) for window in self.windows)
        return sum(
            (each * steps * latents * max(Fraction(1), Fraction(latents, own)) for steps, latents in seen), Fraction()
        )


def effort(spec: VideoSpec) -> Fraction:
    """Return how many times the passes of the recommended settings a spec takes for the same film.

    Every size that the model is offered in is a recommended one; pixels beyond the largest of them count in proportion.
    Raises SpecError where the spec is not valid.
    """
    own = max(width * height for width, height in cards.get(spec.model).sizes.values())
    larger = max(Fraction(1), Fraction(spec.width * spec.height, own))
    return larger * plan(spec).passes / _lay_out(_as_recommended(spec)).passes


def _as_recommended(spec: VideoSpec) -> VideoSpec:
    """Return the film of as many new frames, from the same inputs, with the values that its makers recommend."""
    seen = cards.get(spec.model).overlap_history if spec.video else 0
    inputs: dict[str, Any] = {"image": spec.image, "end_image": spec.end_image, "video": spec.video}
    return VideoSpec.for_model(spec.model, spec.prompt, num_frames=spec.new_frames + seen, **inputs)


def plan(spec: VideoSpec) -> Plan:
    """Lay a spec out; raises SpecError where it is not valid."""
    spec.validate()
    return _lay_out(spec)


def _lay_out(spec: VideoSpec) -> Plan:
    total, base = latents_of(spec.num_frames), latents_of(min(spec.num_frames, spec.base_num_frames))
    overlap = latents_of(spec.overlap_history)
    windows = [_window(spec, 0, 0, base, overlap if spec.video else 0)]
    done = base
    while done < total:
        if spec.compat == "fixed":
            # The last window looks back further instead of being short: no model has been trained on short ones.
            end = min(done - overlap + base, total)
            first = end - base
        else:
            first = done - overlap
            end = min(first + base, total)
        windows.append(_window(spec, len(windows), first, end - first, done - first))
        done = end
    return Plan(spec, tuple(windows))


def _window(spec: VideoSpec, index: int, first: int, latents: int, history: int) -> WindowPlan:
    pictured = spec.source is not None or (spec.image is not None and not _channels(spec))
    given = history if index or spec.video else int(pictured)
    block = spec.causal_block_size
    if spec.compat == "fixed":
        sizes = block_sizes(latents, block, given)
        assert sizes is not None  # validated
    else:
        # Both cut the history to whole blocks. A start picture is kept, but its whole block is denoised over it; the
        # official code cuts it away where attention is causal.
        given -= given % block if history or (spec.compat == "official" and spec.causal_attention) else 0
        sizes = (block,) * (latents // block - given // block)
    first_frame = frames_of(first + history) if history else 0
    closing = spec.end_image is not None and first + latents == latents_of(spec.num_frames)
    # In a film of several windows a variable of the official code has another value by then: the latent stays.
    shown = closing and index > 0 and spec.compat == "official"
    table = step_table(len(sizes), spec.steps, spec.ar_step)[spec.begins_at :]
    frames = frames_of(first + latents + shown) - first_frame
    parts = _parts(spec, sizes, table, latents, history, first_part=index == 0)
    return WindowPlan(
        index=index,
        first_latent=first,
        latents=latents,
        history=history,
        given=given,
        closing=closing,
        first_frame=first_frame,
        frames=frames,
        prompt=spec.prompt,
        blocks=sizes,
        table=table,
        attention=block_sizes(latents, block) if spec.masked else None,
        parts=parts,
        shown=shown,
    )


def _parts(
    spec: VideoSpec,
    blocks: tuple[int, ...],
    table: tuple[tuple[int, ...], ...],
    latents: int,
    history: int,
    first_part: bool,
) -> tuple[tuple[int, int], ...]:
    """Return after which iterations how many latents of a window are clean, in parts that are worth a segment."""
    clean, block, published = latents - sum(blocks), 0, history
    found: list[tuple[int, int]] = []
    for i, row in enumerate(table):
        while block < len(blocks) and row[block] >= spec.steps:
            clean += blocks[block]
            block += 1
        new = _frames_between(published, clean)
        if new >= max(1, PART_SECONDS * spec.fps) or (new > 0 and first_part and not found):
            found.append((i, clean))
            published = clean
    # What is left at the end belongs to the last part.
    return (*(part for part in found if part[0] < len(table) - 1), (len(table) - 1, latents))


def part_frames(window: WindowPlan) -> tuple[int, ...]:
    """Return how many frames each part of a window adds."""
    ends = [frames_of(window.first_latent + clean) for _, clean in window.parts]
    ends[-1] = window.first_frame + window.frames
    return tuple(after - before for before, after in pairwise((window.first_frame, *ends)))


def _frames_between(before: int, after: int) -> int:
    """Return how many frames the latents of a film from the place `before` to `after` carry."""
    return frames_of(after) - (frames_of(before) if before else 0) if after > before else 0


def opening(window: WindowPlan, spec: VideoSpec) -> WindowPlan:
    """Return the window in which the first frame of a film with a source is made, before `window`, the first one."""
    table = step_table(1, spec.steps, 0)[spec.begins_at :]
    return dataclasses.replace(window, given=0, blocks=(window.latents,), table=table)


def _channels(spec: VideoSpec) -> bool:
    """True for models that take the start picture as channels beside every latent, not as the first latent."""
    return cards.get(spec.model).variant == "i2v"


@lru_cache(maxsize=8)  # the windows of a film share one, and it can have thousands of rows
def step_table(blocks: int, steps: int, ar_step: int) -> tuple[tuple[int, ...], ...]:
    """Return for each iteration the schedule place of each block: 0 waiting, 1..steps at that step, steps + 1 done.

    With `ar_step` 0 all blocks move together and there are `steps` iterations. Else a block starts when the one before
    is `ar_step` steps ahead, and the table is as long as the slowest block needs. After `generate_timestep_matrix` of
    the official repository; the blocks given here exclude those that are ready from the start.
    """
    rows: list[tuple[int, ...]] = []
    before = (0,) * blocks
    while any(place < steps for place in before):
        row: list[int] = []
        for i, place in enumerate(before):
            follows = i > 0 and before[i - 1] < steps
            row.append(min(max(row[i - 1] - ar_step if follows else place + 1, 0), steps + 1))
        before = tuple(row)
        rows.append(before)
    return tuple(rows)
