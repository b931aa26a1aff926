"""Progress with the time left, the turn that jobs wait for, and the one decision of several ranks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from workers.base import Cancelled, OnProgress, Progress
from workers.engines.skyreels.request.plan import Plan, WindowPlan
from workers.engines.skyreels.sampler.sequence import SequenceParallel

WAIT_SECONDS = 1.0


class Clock:
    """Measures sampler steps and decoded latents, and says from them how long the rest will take."""

    def __init__(self, plan: Plan, on_progress: OnProgress, done: int = 0) -> None:
        self.plan, self.on_progress = plan, on_progress
        self.windows = len(plan.windows)
        self.steps_left = sum(w.steps for w in plan.windows[done:])
        self.latents_left = sum(w.new_latents for w in plan.windows[done:])
        self._spent = {"denoising": 0.0, "decoding": 0.0}
        self._count = {"denoising": 0, "decoding": 0}
        self._since = time.monotonic()

    def start(self) -> None:
        """Begin to measure: what came before belongs to no step."""
        self._since = time.monotonic()

    def loading(self) -> None:
        """Tell that the models are being read."""
        self.on_progress(Progress(stage="loading", window=1, windows=self.windows))

    def begin(self, window: WindowPlan) -> None:
        """Tell that nothing is left to load, before the first step; every rank calls this."""
        self.on_progress(
            Progress(stage="denoising", step=0, steps=window.steps, window=window.index + 1, windows=self.windows)
        )
        self.start()

    def tick(self, work: str, window: int, step: int, steps: int, stage: str = "") -> None:
        """Count one finished step of `work` and tell about it; what the caller raises goes through.

        `stage` is another one to tell: of latents that are decoded between the steps of their window.
        """
        now = time.monotonic()
        self._spent[work] += now - self._since
        self._count[work] += 1
        if work == "denoising":
            self.steps_left -= 1
        else:
            self.latents_left = max(0, self.latents_left - 1)
        self.on_progress(
            Progress(
                stage=stage or work,
                step=step + 1,
                steps=steps,
                window=window + 1,
                windows=self.windows,
                seconds_left=self.seconds_left(),
            )
        )
        # The caller's own work between two steps is not counted as the model's.
        self._since = time.monotonic()

    def seconds_left(self) -> float | None:
        """Return the time for the remaining steps and latents, None before anything was measured."""
        if not self._count["denoising"]:
            return None
        step = self._spent["denoising"] / self._count["denoising"]
        latent = self._spent["decoding"] / self._count["decoding"] if self._count["decoding"] else 0.0
        return self.steps_left * step + self.latents_left * latent


@contextmanager
def turn(lock: threading.Lock, waiting: OnProgress, windows: int) -> Iterator[None]:
    """Hold `lock`; while another job has it, report every second, so that a waiting job can be cancelled too."""
    while not lock.acquire(timeout=WAIT_SECONDS):
        waiting(Progress(stage="loading", window=1, windows=windows))
    try:
        yield
    finally:
        lock.release()


def together(on_progress: OnProgress, parallel: SequenceParallel) -> OnProgress:
    """Let rank 0 alone report, and all ranks go on or stop by its decision after every step.

    Each rank has to call the result for every step. For "loading" it need not: one may have the model already. So
    there is no decision then, and `on_progress` has to raise Cancelled again at the next step.
    """

    def report(now: Progress) -> None:
        stop = False
        if parallel.rank == 0:
            try:
                on_progress(now)
            except Cancelled:
                stop = True
        if now.stage != "loading" and parallel.decide(stop):
            raise Cancelled

    return report
