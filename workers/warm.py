"""The models of a worker, read into memory while nobody waits for them yet. Knows nothing of Django.

A worker process has one `Warmth`: its thread imports what the work needs and loads the models, and jobs that come
meanwhile ask it how long that will take.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from workers.engines import registry
from workers.keeper import write_whole
from workers.tasks import registry as tasks

log = logging.getLogger(__name__)


class Warmth:
    """What this process loads ahead of its first job, and how far it is. `note` keeps how long it took, for next time.

    Nothing that goes wrong here is told to a user: the job that needs the model will say it.
    """

    def __init__(self, note: Path) -> None:
        self.note = note
        self.done = threading.Event()
        self.done.set()
        self._began = 0.0

    def start(self, work: Iterable[tuple[str, str]]) -> None:
        """Load in a thread what tasks need, each given as (name of the task, kind of its model)."""
        self._began = time.monotonic()
        self.done.clear()
        threading.Thread(target=self._load, args=(list(work),), name="warm", daemon=True).start()

    def seconds_left(self) -> float | None:
        """Return how long it takes still, by what it took last time; None when that is not known, or was too short."""
        if self.done.is_set():
            return None
        try:
            left = float(json.loads(self.note.read_text(encoding="utf-8"))) - (time.monotonic() - self._began)
        except (OSError, ValueError, TypeError):
            return None
        return left if left > 0 else None

    def _load(self, work: list[tuple[str, str]]) -> None:
        try:
            for task, kind in work:
                tasks.get(task)
                if kind:
                    registry.get(kind).load()
        except Exception as error:
            log.warning("The models were not loaded ahead: %s", error)
        else:
            seconds = time.monotonic() - self._began
            log.info("The models were loaded in %.1f s.", seconds)
            write_whole(self.note, json.dumps(round(seconds, 1)))
        finally:
            self.done.set()
