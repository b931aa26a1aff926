"""TeaCache (Liu et al. 2024, arXiv:2411.19108): steps that would change little reuse what the blocks added before.

How much a step changes is read from the embedding of its noise level, as the makers of SkyReels-V2 do
(https://github.com/SkyworkAI/SkyReels-V2): the mean absolute difference to the step before, relative to it, through a
polynomial that belongs to the model. These changes add up until they reach the threshold; then the blocks run again.

Where we differ, and why. Steps are counted, not calls, and a window begins with nothing remembered: counting calls up
to the number of steps, the official script forgets which of the two prompts an entry belongs to and never knows the
last step. The decision is made once for a step, since both prompts see the same noise level, and each has its own
entry. Where latents have levels of their own the largest change counts: those that are given do not change at all, and
would hide the others in a mean. A polynomial that falls below zero outside the range it was fitted on counts as zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from workers.engines.skyreels import cards
from workers.engines.skyreels.request.spec import VideoSpec
from workers.engines.skyreels.sampler.sequence import SequenceParallel

FIRST_STEPS, FIRST_STEPS_RETAINED = 1, 5
IDENTITY = (1.0, 0.0)


class TeaCache:
    """What one window remembers. `computed` and `reused` count by the name of the prompt, for tests and reports."""

    def __init__(self, spec: VideoSpec, parallel: SequenceParallel | None = None) -> None:
        card = cards.get(spec.model)
        self.threshold, self.steps = spec.teacache, spec.steps
        self.first = FIRST_STEPS_RETAINED if spec.use_ret_steps else FIRST_STEPS
        self.projected = spec.use_ret_steps
        self.polynomial = (card.teacache_retained if spec.use_ret_steps else card.teacache) or IDENTITY
        self.parallel = parallel
        self.prompt = ""  # whose turn it is; set before the transformer is asked
        self.computed: Counter[str] = Counter()
        self.reused: Counter[str] = Counter()
        self._added: dict[str, torch.Tensor] = {}
        self._seen: dict[str, torch.Tensor] = {}
        self._before: torch.Tensor | None = None
        self._distance = 0.0
        self._edge = True
        self._reuse: bool | None = None

    def begin(self, row: Sequence[int], before: Sequence[int]) -> None:
        """Begin a step: `row` and `before` are the places of the blocks in the noise schedule, now and a step ago.

        The first steps of a block and its last are always computed.
        """
        moving = [place for place, old in zip(row, before, strict=True) if place != old]
        self._edge = any(place <= self.first or place == self.steps for place in moving)
        self._reuse = None

    def run(self, blocks: Any, hidden: torch.Tensor, *rest: Any) -> torch.Tensor:
        """Return what the blocks make of `hidden` [B, L, D], or what they would make nearly.

        Among several ranks the first block takes this rank's part, so the answer is that part.
        """
        if self._reuse is None:
            decision = self._decide()
            self._reuse = self.parallel.decide(decision) if self.parallel else decision
        given = hidden.tensor_split(self.parallel.size, dim=1)[self.parallel.rank] if self.parallel else hidden
        if self._reuse and self.prompt in self._added:
            self.reused[self.prompt] += 1
            return given + self._added[self.prompt]
        self.computed[self.prompt] += 1
        for block in blocks:
            hidden = block(hidden, *rest)
        self._added[self.prompt] = hidden - given
        return hidden

    def see(self, name: str, embedding: torch.Tensor) -> None:
        """Take note of an embedding of the noise levels, [F, D] or [1, D]."""
        self._seen[name] = embedding

    def _decide(self) -> bool:
        now = self._seen["time_proj"] if self.projected else self._seen["time_embedder"]
        now = now.float().reshape(-1, now.shape[-1])
        if self.projected and "fps_projection" in self._seen:
            now = now + self._seen["fps_projection"].float()
        before, self._before = self._before, now
        if before is None or self._edge:
            self._distance = 0.0
            return False
        change = (now - before).abs().mean(dim=1) / before.abs().mean(dim=1)
        self._distance += max(0.0, float(np.polyval(self.polynomial, float(change.max()))))
        if self._distance < self.threshold:
            return True
        self._distance = 0.0
        return False


class _Blocks(torch.nn.Module):
    """Stands in for the transformer's list of blocks."""

    def __init__(self, blocks: Any, cache: TeaCache) -> None:
        super().__init__()
        self.blocks, self.cache = blocks, cache

    def forward(self, hidden: torch.Tensor, *rest: Any) -> torch.Tensor:
        return self.cache.run(self.blocks, hidden, *rest)


@contextmanager
def teacache(transformer: Any, spec: VideoSpec, parallel: SequenceParallel | None = None) -> Iterator[TeaCache | None]:
    """Let the transformer reuse its blocks' work inside, if the spec asks for it; afterwards it is as it was."""
    if not spec.teacache:
        yield None
        return
    cache, blocks = TeaCache(spec, parallel), transformer.blocks
    embedder = transformer.condition_embedder
    watched = {"time_embedder": embedder.time_embedder, "time_proj": embedder.time_proj}
    if transformer.config.inject_sample_info:
        watched["fps_projection"] = transformer.fps_projection
    hooks = [module.register_forward_hook(_note(cache, name)) for name, module in watched.items()]
    transformer.blocks = torch.nn.ModuleList([_Blocks(blocks, cache)])
    try:
        yield cache
    finally:
        transformer.blocks = blocks
        for hook in hooks:
            hook.remove()


def _note(cache: TeaCache, name: str) -> Any:
    return lambda module, given, made: cache.see(name, made)
