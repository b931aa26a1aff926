"""External engines as avatars: a portrait and a sound go into a folder, and frames come back while more are made."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from workers.base import Cancelled, EngineError, OnProgress, Progress, Sentence, ignore_progress
from workers.engines.external.engine import PORTRAIT, SOUND, External, Film, Talk
from workers.lips.base import Picture, Role
from workers.media import audio
from workers.media.facts import MediaError
from workers.voice.base import Speech

HOME = "from-"  # how the folders of an engine begin, each named by the frame that it goes on from


class Talker:
    """One external engine as a `workers.lips.base.Avatar`.

    What it has finished when a worker is lost is used again where the folder is still there. Where only the film's
    segments are left, it goes on from their last frame.
    """

    def __init__(self, model: str) -> None:
        """Choose an engine of the catalogue. Raises EngineError("model_unknown")."""
        self.external = External(model)
        self.name = model

    def load(self) -> None:
        """See that the engine can work here. Raises EngineError("model_not_ready")."""
        self.external.load()

    def talk(self, role: Role, *, first: int = 0, on_progress: OnProgress = ignore_progress) -> Generator[Picture]:
        """Yield the frames of a role from the place `first` on, uint8 RGB [H, W, 3], as soon as they are made.

        What `on_progress` raises ends the engine and goes through, and so does closing the iterator. Raises what
        `External.talk` does, and EngineError("engine_unknown") for a role with a driver, which none of them follows.
        """
        if role.driver is not None or role.speech is None:
            raise EngineError(
                "engine_unknown", Sentence("{title} does not follow a video.", title=self.external.card.title)
            )
        return self._talked(role, role.speech, first, on_progress)

    def _talked(self, role: Role, speech: Speech, first: int, on_progress: OnProgress) -> Generator[Picture]:
        if first >= role.frames:
            return
        home, begin = _home(role, first)
        asked = _asked(role, speech, home, begin)
        height, width = role.portrait.shape[:2]
        at, last = begin, role.portrait
        job = _Job(self.external, asked, home)
        try:
            for film, new in job.films(on_progress):
                for frame in islice(_frames(film, new, width, height), role.frames - at):
                    at, last = at + 1, frame
                    if at > first:
                        yield frame
        finally:
            job.end()
        for _ in range(max(at, first), role.frames):
            yield last


@dataclass(slots=True)
class _Told:
    """What an engine at work has said: how far it is, or a film, or how it ended."""

    progress: Progress | None = None
    film: Film | None = None
    error: BaseException | None = None
    over: bool = False


class _Job:
    """An engine at work in a thread, so that frames can be taken while it goes on."""

    def __init__(self, external: External, asked: Talk, home: Path) -> None:
        self._external, self._asked, self._home = external, asked, home
        self._told: queue.Queue[_Told] = queue.Queue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def films(self, on_progress: OnProgress) -> Iterator[tuple[Film, int]]:
        """Yield the film whenever more of it is whole, with the number of its first part that is new."""
        known = 0
        while True:
            told = self._told.get()
            if told.error is not None:
                raise told.error
            if told.progress is not None:
                on_progress(told.progress)
            if told.film is not None and len(told.film.parts) > known:
                yield told.film, known
                known = len(told.film.parts)
            if told.over:
                return

    def end(self) -> None:
        """End the engine where it is still at work, and wait for that."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            film = self._external.talk(self._asked, self._home, self._on_progress, lambda kept: self._say(film=kept))
            self._told.put(_Told(film=film, over=True))
        except BaseException as error:
            self._told.put(_Told(error=error))

    def _on_progress(self, progress: Progress) -> None:
        if self._stopped.is_set():
            raise Cancelled
        self._told.put(_Told(progress=progress))

    def _say(self, film: Film) -> None:
        self._told.put(_Told(film=film))


def _frames(film: Film, new: int, width: int, height: int) -> Iterator[Picture]:
    """Yield the frames of a film from the part numbered `new` on."""
    for number, part in enumerate(film.parts[new:], new):
        alone = Film((part,), 0, film.count)
        yield from islice(_opened(alone, width, height), film.overlap if number else 0, None)


def _opened(film: Film, width: int, height: int) -> Iterator[Picture]:
    try:
        yield from film.frames(width, height)
    except MediaError as error:
        raise EngineError("generation_failed", error.public_text) from error


def _home(role: Role, first: int) -> tuple[Path, int]:
    """Return the folder in which the engine works, and the frame that it begins with.

    Both are those of an earlier run whose files are left; without one, it begins where the film goes on.
    """
    found = [
        (int(place.name.removeprefix(HOME)), place)
        for place in role.folder.glob(f"{HOME}*")
        if (place / PORTRAIT).is_file() and (place / SOUND).is_file()
    ]
    usable = [(begin, place) for begin, place in found if begin <= first]
    if usable:
        begin, place = max(usable)
        return place, begin
    begin = first if role.last is not None else 0
    return role.folder / f"{HOME}{begin:06d}", begin


def _asked(role: Role, speech: Speech, home: Path, begin: int) -> Talk:
    """Put the portrait and what is left of the sound into the engine's folder, unless they are there."""
    home.mkdir(parents=True, exist_ok=True)
    portrait, sound = home / PORTRAIT, home / SOUND
    rest = speech.samples[round(begin / float(role.fps) * speech.rate) :]
    if not portrait.exists() or not sound.exists():
        picture = role.last() if begin and role.last is not None else role.portrait
        audio.encode(np.ascontiguousarray(rest), speech.rate, sound)
        partial = portrait.with_suffix(".part")
        partial.write_bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
        partial.replace(portrait)
    height, width = role.portrait.shape[:2]
    told = {"prompt": role.prompt} if role.prompt else {}
    return Talk(
        portrait=portrait, sound=sound, seconds=len(rest) / speech.rate, width=width, height=height,
        seed=role.seed, expressiveness=role.expressiveness, **told,
    )  # fmt: skip
