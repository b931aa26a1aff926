"""What is being done with one model, as the rest of the world sees it. Imports neither torch nor Django."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from workers.base import Cancelled, EngineError
from workers.weights import folder
from workers.weights.card import WeightCard

BEAT_SECONDS = 0.5
RATE_SECONDS = 10.0  # over which the rate is measured
STAGES = {"download": "downloading", "verify": "checking"}  # by what a worker may be asked for


class Work:
    """What is being done with one model: counts bytes, and tells the rest of the world twice a second.

    With `queued`, entering raises Cancelled when the model's note does not ask for it: a message may come late, or
    again. The note keeps asking until this has ended by itself, so that what a shutdown stops can be taken up.
    """

    def __init__(self, card: WeightCard, verb: str, on_beat: Callable[[], None], queued: bool) -> None:
        self.card, self.stage, self.on_beat = card, STAGES[verb], on_beat
        self.asked_for = {"verb": verb} if queued else {}
        self.total = self.done = self.received = 0
        self.times: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self.lock, self.telling = threading.Lock(), threading.Lock()
        self.asked_to_stop, self.over = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._beat, name=f"model-{card.id}", daemon=True)

    def count(self, number: int, received: bool) -> None:
        """Take note of bytes that are on the disk, and of those among them that came over the wire."""
        with self.lock:
            self.done += number
            self.received += number if received else 0

    def stopped(self, seconds: float) -> bool:
        """Wait; true when the work is to end."""
        return self.asked_to_stop.wait(seconds) if seconds else self.asked_to_stop.is_set()

    def __enter__(self) -> Work:
        with folder.as_engine_error():
            folder.note(self.card, "cancel").unlink(missing_ok=True)  # it was meant for what is over
        if self.asked_for and folder.read(folder.note(self.card, "json")).get("verb") != self.asked_for["verb"]:
            raise Cancelled
        with suppress(OSError):  # a full disk is no reason not to verify
            self.tell()
        self.thread.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.over.set()
        self.thread.join()
        note = folder.note(self.card, "json")
        with suppress(OSError):
            folder.note(self.card, "cancel").unlink(missing_ok=True)
            if error is None:
                note.unlink(missing_ok=True)
        if error is None:
            return
        told = None if isinstance(error, Cancelled) else _as_engine_error(error)
        end = {"code": told.code, "reason": told.public_text} if told else {}
        content = {"stage": "ended", "done": self.done, "total": self.total, **end}
        if not isinstance(error, Exception):
            content |= self.asked_for
        with suppress(OSError):
            try:
                folder.write(note, content)
            except OSError:
                note.unlink(missing_ok=True)  # on a full disk, the old note makes the room for the new one
                folder.write(note, content)
        if told and told is not error and told.code != "internal_error":
            raise told from error

    def _beat(self) -> None:
        while not self.over.wait(BEAT_SECONDS):
            if folder.note(self.card, "cancel").exists():
                self.asked_to_stop.set()
            with suppress(OSError):  # a full disk must not end what is about to say so
                self.tell()
            self.on_beat()

    def tell(self) -> None:
        """Write how far it is into the model's note; one at a time, so that what is older never comes last."""
        with self.telling:
            now = time.monotonic()
            with self.lock:
                done, received = self.done, self.received
            self.times.append((now, received))
            while now - self.times[0][0] > RATE_SECONDS and len(self.times) > 2:
                self.times.popleft()
            began, before = self.times[0]
            rate = (received - before) / (now - began) if now > began else 0.0
            left = (self.total - done) / rate if rate > 0 and self.stage == "downloading" else None
            note = {"stage": self.stage, "done": done, "total": self.total, "rate": rate, "seconds_left": left}
            mark = {"beat": time.time(), "pid": os.getpid(), "host": folder.host()}
            folder.write(folder.note(self.card, "json"), note | mark | self.asked_for)


def _as_engine_error(error: BaseException) -> EngineError:
    """What the page says about a bad end."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, OSError):
        return folder.unusable(error)
    if isinstance(error, Exception):
        return EngineError("internal_error", f"This software failed ({type(error).__name__}). Its log says where.")
    return EngineError("download_interrupted", "The work was stopped from outside.")
