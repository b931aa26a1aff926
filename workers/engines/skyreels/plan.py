"""A spec laid out in windows and sampler steps: pure arithmetic, no torch.

A film longer than one window is made window by window; each begins with latents that the one before has made (its
history). The step table of a window follows diffusion forcing (Chen et al. 2024, arXiv:2407.01392; SkyReels-V2,
arXiv:2504.13074): every block of latents has its own place in the noise schedule, `ar_step` steps behind the block
before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.engines.skyreels.spec import VideoSpec, block_sizes, frames_of, latents_of


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """One window. Latents are counted in the film: the window covers `first_latent` to `first_latent + latents`.

    The first `history` of them are given by the window before. New frames: `first_frame` to `first_frame + frames`.
    `blocks` are the sizes of the blocks after the history; `table[i][b]` is the place of block b in the noise schedule
    at iteration i (see `step_table`).
    """

    index: int
    first_latent: int
    latents: int
    history: int
    first_frame: int
    frames: int
    prompt: str
    blocks: tuple[int, ...]
    table: tuple[tuple[int, ...], ...]

    @property
    def steps(self) -> int:
        """How often the transformer is asked in this window (twice that with guidance)."""
        return len(self.table)

    @property
    def new_latents(self) -> int:
        """How many latents this window adds to the film."""
        return self.latents - self.history


@dataclass(frozen=True, slots=True)
class Plan:
    """The windows that make the film of `spec`."""

    spec: VideoSpec
    windows: tuple[WindowPlan, ...]

    @property
    def steps(self) -> int:
        """Sampler steps over all windows."""
        return sum(window.steps for window in self.windows)

    @property
    def latents(self) -> int:
        """Latents of the whole film."""
        return latents_of(self.spec.num_frames)


def plan(spec: VideoSpec) -> Plan:
    """Lay a spec out; raises SpecError where it is not valid."""
    spec.validate()
    total, base = latents_of(spec.num_frames), latents_of(min(spec.num_frames, spec.base_num_frames))
    overlap = latents_of(spec.overlap_history)
    windows = [_window(spec, 0, 0, base, 0)]
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
    blocks = block_sizes(latents, spec.causal_block_size, history)
    assert blocks is not None  # validated
    first_frame = 0 if index == 0 else frames_of(first + history)
    return WindowPlan(
        index=index,
        first_latent=first,
        latents=latents,
        history=history,
        first_frame=first_frame,
        frames=frames_of(first + latents) - first_frame,
        prompt=spec.prompt,
        blocks=blocks,
        table=step_table(len(blocks), spec.steps, spec.ar_step),
    )


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
