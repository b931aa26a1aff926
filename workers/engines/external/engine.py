"""Talking avatars by an engine in an environment of its own.

A job is a folder: the portrait and the sound are put into it, the engine is started there, and what it says that it
made is taken from there. What it says otherwise goes to the log, cut short, and never to a user.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from workers.base import EngineError, OnProgress, Progress, Sentence, ignore_progress
from workers.engines import registry
from workers.engines.external import cards
from workers.engines.external.messages import VERSION, Alive, Done, Failed, Kept, Message, Noise, Step
from workers.engines.external.process import Process
from workers.media import foreign
from workers.media.facts import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

PORTRAIT, SOUND = "portrait.png", "speech.wav"
FPS = 25  # what both engines were taught
SPARE_SECONDS = 10.0  # that an engine may make beyond the sound: windows are filled
TICK = 0.5  # seconds after which the caller is asked whether the job goes on
STOP_SECONDS = 10.0  # for an engine that was asked to stop
DRAIN_SECONDS = 2.0  # for the last lines of one that has left


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What is to be made: a portrait, as PNG at the ratio of the film, that says a sound, as WAV.

    `seconds` are those of the sound; `width` and `height` are the largest that the film needs to be; `expressiveness`
    is 0 to 1, in the middle as the makers have it.
    """

    portrait: Path
    sound: Path
    seconds: float
    width: int
    height: int
    prompt: str = "A person is speaking."
    seed: int = 0
    expressiveness: float = 0.5


@dataclass(frozen=True, slots=True)
class Film:
    """What was made, at FPS frames a second: files in order, each but the first with `overlap` frames of the last.

    `count` is how many frames the sound has; what an engine makes beyond is left out.
    """

    parts: tuple[Path, ...]
    overlap: int
    count: int

    def frames(self, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
        """Return the frames, uint8 RGB [height, width, 3], cut to fill. The files are opened in a process of their own.

        Raises MediaError for a file that is no film.
        """
        each = (
            islice(
                foreign.clip(part, width, height, FPS, longest=self.count / FPS + SPARE_SECONDS),
                self.overlap if number else 0,
                None,
            )
            for number, part in enumerate(self.parts)
        )
        return islice(chain.from_iterable(each), self.count)


class External:
    """One external engine; a process is started for each job."""

    def __init__(self, model: str = cards.ECHO) -> None:
        """Choose an engine of the catalogue. Raises EngineError("model_unknown")."""
        try:
            self.card = cards.get(model)
        except KeyError as error:
            raise EngineError("model_unknown", f"There is no model {model} for avatars.") from error

    def load(self) -> None:
        """See that the engine can work here; its model is read with each job. Raises EngineError("model_not_ready")."""
        if reason := cards.available(self.card.id):
            raise EngineError("model_not_ready", reason)

    def talk(
        self,
        asked: Talk,
        folder: Path,
        on_progress: OnProgress = ignore_progress,
        on_kept: Callable[[Film], None] = lambda film: None,
    ) -> Film:
        """Make a film in `folder`, which may hold what an earlier attempt has made, and return it.

        `on_progress` is called twice a second; what it raises ends the engine and goes through. `on_kept` is given the
        film as far as it is finished whenever more of it is, by an engine that works in parts. Raises EngineError:
        "model_not_ready", "sound_long", "engine_lost" for an engine that ended without a result, "generation_timeout"
        for one that takes too long or says nothing any more, "memory_short", and "generation_failed" for one that gave
        up or whose result cannot be used. No process of it is left after any.
        """
        self.load()
        card = self.card
        if asked.seconds > card.longest:
            raise EngineError(
                "sound_long",
                Sentence("{title} speaks for up to {most:g} seconds.", title=card.title, most=card.longest),
            )
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in ((asked.portrait, PORTRAIT), (asked.sound, SOUND)):
            if source.resolve() != (folder / name).resolve():
                shutil.copyfile(source, folder / name)
        on_progress(Progress(stage="loading"))
        registry.make_room(self)  # the card is for the engine now
        with self._started(folder) as process:
            process.say(self._order(asked))
            try:
                film = self._watched(process, _Taken(folder, asked.seconds), on_progress, on_kept)
            except EngineError as error:
                log.error("%s: %s. Its last words: %s", card.id, error, process.last_words)
                raise
            except BaseException:
                self._stop(process)
                raise
        return film

    def _started(self, folder: Path) -> Process:
        try:
            return Process((sys.executable, "-m", self.card.adapter), folder.resolve())
        except OSError as error:
            raise EngineError(
                "engine_lost", Sentence("{title} could not be started.", title=self.card.title)
            ) from error

    def _order(self, asked: Talk) -> dict[str, object]:
        assert self.card.code is not None
        return {
            "protocol": VERSION,
            "portrait": PORTRAIT,
            "sound": SOUND,
            "seconds": asked.seconds,
            "fps": FPS,
            "width": asked.width,
            "height": asked.height,
            "prompt": asked.prompt,
            "seed": asked.seed,
            "expressiveness": asked.expressiveness,
            "weights": str(self.card.folder()),
            "gigabytes": float(os.environ.get("CINEVIVID_DEVICE_GB") or 0),
            "code": str(self.card.code),
            "python": str(self.card.python),
        }

    def _watched(
        self, process: Process, taken: _Taken, on_progress: OnProgress, on_kept: Callable[[Film], None]
    ) -> Film:
        """Hear an engine until it is done. Raises EngineError, and what `on_progress` raises."""
        began = heard = told = time.monotonic()
        over: float | None = None
        now = Progress(stage="loading")
        while True:
            message = process.heard(TICK)
            if isinstance(message, Kept):
                on_kept(self._film(message, taken))
            elif isinstance(message, Done):
                return self._film(message, taken)
            if isinstance(message, Failed | Noise):
                raise self._given_up(message)
            if message is not None:
                heard = time.monotonic()
            if isinstance(message, Step):
                now = Progress(stage=message.stage, step=message.step, steps=message.steps)
            # By the clock: an engine that says much is no reason to ask more often, nor never.
            if time.monotonic() - told >= TICK:
                told = time.monotonic()
                on_progress(now)
            if process.left and message is None:
                over = over or time.monotonic()
                if process.ended or time.monotonic() - over > DRAIN_SECONDS:
                    log.error("%s ended with %s", self.card.id, process.code)
                    raise EngineError(
                        "engine_lost", Sentence("{title} stopped before it was done.", title=self.card.title)
                    )
            self._refuse_more(process, time.monotonic() - began, time.monotonic() - heard, taken.seconds)

    def _refuse_more(self, process: Process, spent: float, silent: float, seconds: float) -> None:
        card = self.card
        if spent > card.patience + card.pace * seconds:
            raise EngineError("generation_timeout", Sentence("{title} took too long.", title=card.title))
        if silent > card.silence:
            raise EngineError("generation_timeout", Sentence("{title} did not answer any more.", title=card.title))
        if process.memory() > card.host_gb * 1e9:
            raise self._short()

    def _given_up(self, message: Message) -> EngineError:
        if isinstance(message, Failed):
            log.error("%s gave up: %s, %s", self.card.id, message.reason, message.why)
            if message.reason == "memory_short":
                return self._short()
            if message.reason == "input_refused":
                text = Sentence("{title} cannot use this portrait or this sound.", title=self.card.title)
                return EngineError("generation_failed", text)
        return EngineError("generation_failed", Sentence("{title} could not make this.", title=self.card.title))

    def _short(self) -> EngineError:
        return EngineError("memory_short", Sentence("{title} ran out of memory.", title=self.card.title))

    def _stop(self, process: Process) -> None:
        """Let an engine end by itself, for a while."""
        process.say({"cancel": True})
        until = time.monotonic() + STOP_SECONDS
        while not process.left and time.monotonic() < until:
            process.heard(0.1)

    def _film(self, done: Done, taken: _Taken) -> Film:
        """Return what an engine says that it made. Raises EngineError for what is no film in its own folder."""
        for name in done.parts:
            if not taken.take(name):
                log.error("%s made no film of %r", self.card.id, name[:200])
                raise self._given_up(Alive())
        home = taken.folder.resolve()
        return Film(tuple(home / name for name in done.parts), done.overlap, round(taken.seconds * FPS))


@dataclass(slots=True)
class _Taken:
    """What was taken of an engine's results for a sound of `seconds`: a file is looked at once."""

    folder: Path
    seconds: float
    known: set[str] = field(default_factory=set)

    def take(self, name: str) -> bool:
        """True for the name of a film in the folder itself. A link may lead anywhere, and a pipe is waited for."""
        if name not in self.known:
            if "\0" in name or Path(name).name != name:
                return False
            part = self.folder / name
            try:
                if part.is_symlink() or not part.is_file() or foreign.kind_of(part) != "video":
                    return False
            except (MediaError, OSError):
                return False
            self.known.add(name)
        return True
