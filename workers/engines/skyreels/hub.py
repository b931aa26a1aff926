"""The models of this machine: which are here, and how they come and go. Imports neither torch nor Django.

In `catalog.root()`, a model that is ready is the folder `<id>`, and one on its way is `<id>.part`: only a download that
was checked gets the name under which `ModelCard.folder()` finds it. What is known about either (repository, commit,
hashes) is in its `.cinevivid.json`. `.hub/` holds a lock, the progress and the last use of each model, so that any
process that sees the folder can tell how far another one is, and stop it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from workers.engines import registry
from workers.engines.base import Cancelled, EngineError
from workers.engines.skyreels import catalog

GB = 1e9
RESERVE_BYTES = 1_000_000_000  # what a download leaves free for everything else on the disk
BEAT_SECONDS = 0.5
STALE_SECONDS = 15.0  # without a heartbeat, whoever worked on a model is gone
RATE_SECONDS = 10.0  # over which the rate is measured
RECORD = ".cinevivid.json"
UNLOADABLE = "model_broken"  # the error of files that are as promised and yet no model

State = Literal[
    "unreleased", "absent", "queued", "downloading", "checking", "interrupted", "broken", "ready"
]  # in the order of a model's life
ACTIVE: tuple[State, ...] = ("queued", "downloading", "checking")
STAGES: dict[str, State] = {"download": "downloading", "verify": "checking"}  # by what a worker may be asked for


@dataclass(frozen=True, slots=True)
class Status:
    """One model on this machine. Sizes are in bytes, `rate` in bytes a second, times in seconds (since 1970).

    `code` and `reason` say why the last attempt ended, if it did not end well.
    """

    card: catalog.ModelCard
    state: State
    disk: int = 0
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    revision: str = ""
    used: float | None = None
    code: str = ""
    reason: str = ""

    @property
    def active(self) -> bool:
        """True while something is being done with it."""
        return self.state in ACTIVE

    @property
    def percent(self) -> float:
        """How much of the work is done, or of the model here: 0 to 100."""
        return 100.0 * min(self.done, self.total) / self.total if self.total else 0.0

    @property
    def chosen(self) -> bool:
        """True for the model that makes the films of this studio."""
        return self.card.id == registry.chosen()


OnStatus = Callable[[Status], None]


def statuses() -> list[Status]:
    """Return every model of the catalogue as it is on this machine."""
    return [status(card.id) for card in catalog.all()]


def status(model_id: str) -> Status:
    """Return one model as it is on this machine; raises EngineError("model_unknown")."""
    card = _card(model_id)
    if not card.released:
        return Status(card, "unreleased")
    here, part = card.folder(), _part(card)
    known = _read((here or part) / RECORD)
    now = _read(_note(card, "json"))
    stage = now.get("stage")
    found = Status(
        card,
        "absent",
        disk=_weight(here or part),
        revision=str(known.get("revision", "")),
        used=_used(card),
        code=str(now.get("code", "")),
        reason=str(now.get("reason", "")),
    )
    if stage == "queued" or (stage in ACTIVE and _alive(now)):
        numbers = {name: now.get(name, 0) for name in ("done", "total", "rate")}
        return replace(found, state=stage, seconds_left=now.get("seconds_left"), **numbers)
    if here:
        if not _complete(here, known):
            return replace(found, state="broken", code="model_broken", reason="Files of the model are missing.")
        return replace(found, state="ready")
    if known.get("broken"):
        code, reason = str(known["broken"]), str(known.get("reason", ""))
        return replace(found, state="broken", code=found.code or code, reason=found.reason or reason)
    if part.is_dir() and found.disk:
        total = sum(int(file["size"]) for file in known.get("files", ()))
        if stage in ACTIVE:
            found = replace(found, code="download_interrupted", reason="The process that was downloading it is gone.")
        return replace(found, state="interrupted", done=found.disk, total=total)
    return found


def free_bytes() -> int:
    """Return what is free on the disk of the models."""
    place = catalog.root()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def queue(model_id: str, verb: str) -> Status:
    """Note that a worker is asked to "download" or "verify" a model. Returns the new status.

    Raises EngineError: model_unknown, model_unreleased, model_builtin, model_busy when it is under way already,
    disk_full or folder_unwritable.
    """
    card = _card(model_id)
    _refuse_builtin(card)
    if status(model_id).active:
        raise EngineError("model_busy", f"{card.title} is being worked on already.")
    with _disk_told():
        _write(_note(card, "json"), {"stage": "queued", "verb": verb, "beat": time.time()})
    return status(model_id)


def requeue() -> list[tuple[str, str]]:
    """Put back into the queue what was asked for and nobody is at work on; returns (model id, verb) of each.

    For a studio whose queue went with its last process. What cannot be noted is left as it is.
    """
    found = []
    for card in catalog.all():
        if verb := _read(_note(card, "json")).get("verb"):
            with suppress(EngineError, OSError), _locked(card.id):
                _write(_note(card, "json"), {"stage": "queued", "verb": verb, "beat": time.time()})
                found.append((card.id, str(verb)))
    return found


def cancel(model_id: str) -> None:
    """Ask whoever downloads or checks a model to stop; what has come stays, and a new download goes on from it.

    Raises EngineError: model_unknown, disk_full or folder_unwritable.
    """
    card = _card(model_id)
    now = status(model_id)
    if not now.active:
        return
    with _disk_told():
        if now.state == "queued":
            _note(card, "json").unlink(missing_ok=True)
        # Also then: a worker may just have begun.
        _note(card, "cancel").touch()


def download(model_id: str, on_status: OnStatus | None = None, *, queued: bool = False) -> Status:
    """Bring a model here, checked and loadable, going on from where an earlier attempt ended.

    `on_status` is called twice a second. With `queued`, for a message that may come late or twice, only when the
    model's note still asks for it. Raises Cancelled, also when it does not, and EngineError: model_unknown,
    model_unreleased, model_builtin, model_busy, disk_full, folder_unwritable, download_interrupted, hash_mismatch,
    token_missing, repo_missing, hub_unreachable, model_broken.
    """
    card = _card(model_id)
    _refuse_builtin(card)
    with _locked(card.id), _Work(card, "download", on_status, queued) as work:
        here = card.folder()
        if here is None or not _complete(here, _read(here / RECORD)):
            _bring(card, work)
    return status(model_id)


def _bring(card: catalog.ModelCard, work: _Work) -> None:
    from workers.engines.skyreels import fetch

    place, part = catalog.root() / card.id, _part(card)
    _clear()
    if place.exists() and not part.exists():
        place.replace(part)  # incomplete: what is in it and right need not come again
    known = _read(part / RECORD)
    # What came whole and is no model will not become one: its makers may have mended it since.
    wanted = fetch.snapshot(
        card.diffusers_repo, "" if known.get("broken") == UNLOADABLE else str(known.get("revision", ""))
    )
    with _locked("room", wait=True):  # so that of two that start together, the second sees what the first will take
        _refuse_full(card, wanted.bytes - _weight(part))
        work.total = wanted.bytes
        work.tell()
    part.mkdir(parents=True, exist_ok=True)
    files = [asdict(file) for file in wanted.files]
    record = {"repo": wanted.repo, "revision": wanted.revision, "files": files}
    _remove_others(part, known.get("files", ()), files)
    _write(part / RECORD, record)
    fetch.fetch(wanted, part, work.count, work.stopped)
    work.stage = "checking"
    try:
        _check(part)
    except EngineError as error:
        _mark_broken(part, record, error)
        raise
    _write(part / RECORD, record | {"downloaded": time.time(), "checked": time.time()})
    _remove(place)
    part.replace(place)


def verify(model_id: str, on_status: OnStatus | None = None, *, queued: bool = False) -> Status:
    """Read every byte of a model again, compare it with what the hub promised, and load it. `queued` as in `download`.

    A model that fails is taken out of use; files that are wrong are removed, and `download` brings only those again.
    A folder that was not downloaded by us is only loaded. Raises Cancelled, and EngineError: model_unknown,
    model_unreleased, model_absent, model_busy, folder_unwritable, hash_mismatch, model_broken.
    """
    from workers.engines.skyreels import fetch

    card = _card(model_id)
    _refuse_unreleased(card)
    with _locked(card.id), _Work(card, "verify", on_status, queued) as work:
        here = card.folder()
        if here is None:
            raise EngineError("model_absent", f"{card.title} is not on this machine.")
        record = _read(here / RECORD)
        files = [fetch.RemoteFile(**file) for file in record.get("files", ())]
        work.total = sum(file.size for file in files)
        wrong = []
        for file in files:
            if not fetch.hash_file(file, here / file.path, work.count):
                wrong.append(file.path)
            if work.stopped(0):
                raise Cancelled
        try:
            if wrong:
                text = f"{len(wrong)} of {len(files)} files are not what was downloaded, {wrong[0]} among them."
                raise EngineError("hash_mismatch", text)
            _check(here)
        except EngineError as error:
            if card.id != "nano":
                part = _part(card)
                _remove(part)
                here.replace(part)
                for path in wrong:
                    (part / path).unlink(missing_ok=True)
                _mark_broken(part, record, error)
            raise
        if record:
            with suppress(OSError):  # a full disk makes no model wrong
                _write(here / RECORD, record | {"checked": time.time()})
    return status(model_id)


def _mark_broken(part: Path, record: dict[str, Any], error: EngineError) -> None:
    """Keep why a model is not used, if there is room for it; nothing is used under this name anyway."""
    with suppress(OSError):
        _write(part / RECORD, record | {"broken": error.code, "reason": error.public_text})


def evict(model_id: str, *, force: bool = False, needed: Collection[str] = ()) -> int:
    """Remove a model, or what there is of it, from the disk, and return the bytes that were freed.

    Raises EngineError: model_unknown, model_unreleased, model_builtin, model_absent, model_busy, model_needed for one
    of those that films in the queue are waiting for, model_in_use for the model that makes the films of this studio,
    unless `force`, and folder_unwritable, also when the model is away but some of its bytes could not be deleted.
    """
    card = _card(model_id)
    _refuse_builtin(card)
    if model_id in needed:
        raise EngineError("model_needed", f"{card.title} is needed by films that wait or are being made.")
    if registry.chosen() == card.id and card.folder() and not force:
        raise EngineError("model_in_use", f"{card.title} makes the films of this studio, so it is kept.")
    if status(model_id).active:
        raise EngineError("model_busy", f"{card.title} is being worked on.")
    with _locked(card.id):
        _clear()
        places = [place for place in (catalog.root() / card.id, _part(card)) if place.exists()]
        if not places:
            raise EngineError("model_absent", f"{card.title} is not on this machine.")
        freed = sum(_weight(place) for place in places)
        with _disk_told():
            for place in places:
                _put_away(place)
            for kind in ("json", "cancel", "used"):
                _note(card, kind).unlink(missing_ok=True)
        if trouble := _clear():
            left = size_words(sum(_weight(place) for place in _gone()))
            text = f"{card.title} is removed, but {left} could not be deleted from the disk: {trouble}."
            raise EngineError("folder_unwritable", text)
    return freed


def make_room(gigabytes: float, needed: Collection[str] = ()) -> list[Status]:
    """Remove the models that were not used for the longest, until `gigabytes` are free; returns what was removed.

    The model of this studio, what is under way and what is `needed` stay. Raises EngineError("disk_full"), and removes
    nothing, when that would not be enough, and what `evict` raises.
    """
    _clear()
    short = gigabytes * GB - free_bytes()
    stays = {"nano", *needed}
    spare = [now for now in statuses() if now.disk and now.card.id not in stays and not now.chosen and not now.active]
    going = []
    for now in sorted(spare, key=lambda each: each.used or 0.0):
        if short <= 0:
            break
        going.append(now)
        short -= now.disk
    if short > 0:
        text = f"Even without the models that can go, {size_words(short)} would be missing for {gigabytes:g} GB."
        raise EngineError("disk_full", text)
    for now in going:
        evict(now.card.id, needed=needed)
    return going


def used(model_id: str) -> None:
    """Note that a model was used just now. A folder that may only be read is no reason to make no film."""
    with suppress(OSError, EngineError):
        card = _card(model_id)
        if card.id != "nano":
            _note(card, "used").parent.mkdir(parents=True, exist_ok=True)
            _note(card, "used").touch()


def size_words(number: float) -> str:
    """Bytes as people write them."""
    return f"{number / GB:.1f} GB" if number >= GB / 10 else f"{number / 1e6:.1f} MB"


def time_words(seconds: float) -> str:
    """A span of time as people write it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class _Work:
    """What is being done with one model: counts bytes, and tells the rest of the world twice a second.

    With `queued`, entering raises Cancelled when the model's note does not ask for it: a message may come late, or
    again. The note keeps asking until this has ended by itself, so that what a shutdown stops can be taken up.
    """

    def __init__(self, card: catalog.ModelCard, verb: str, on_status: OnStatus | None, queued: bool) -> None:
        self.card, self.stage, self.on_status = card, STAGES[verb], on_status
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

    def __enter__(self) -> _Work:
        with _disk_told():
            _note(self.card, "cancel").unlink(missing_ok=True)  # it was meant for what is over
        if self.asked_for and _read(_note(self.card, "json")).get("verb") != self.asked_for["verb"]:
            raise Cancelled
        with suppress(OSError):  # a full disk is no reason not to verify
            self.tell()
        self.thread.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.over.set()
        self.thread.join()
        note = _note(self.card, "json")
        with suppress(OSError):
            _note(self.card, "cancel").unlink(missing_ok=True)
            if error is None:
                note.unlink(missing_ok=True)
        if error is None:
            return
        told = None if isinstance(error, Cancelled) else _told(error)
        end = {"code": told.code, "reason": told.public_text} if told else {}
        content = {"stage": "ended", "done": self.done, "total": self.total, **end}
        if not isinstance(error, Exception):
            content |= self.asked_for
        with suppress(OSError):
            try:
                _write(note, content)
            except OSError:
                note.unlink(missing_ok=True)  # on a full disk, the old note makes the room for the new one
                _write(note, content)
        if told and told is not error and told.code != "internal_error":
            raise told from error

    def _beat(self) -> None:
        while not self.over.wait(BEAT_SECONDS):
            if _note(self.card, "cancel").exists():
                self.asked_to_stop.set()
            with suppress(OSError):  # a full disk must not end what is about to say so
                self.tell()
            if self.on_status:
                self.on_status(status(self.card.id))

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
            mark = {"beat": time.time(), "pid": os.getpid(), "host": _host()}
            _write(_note(self.card, "json"), note | mark | self.asked_for)


def _host() -> str:
    """Name this machine, with the processes that it sees: containers may have a host's name and not its processes."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        processes = ""
    return f"{socket.gethostname()} {processes}"


def _alive(now: dict[str, Any]) -> bool:
    """False when whoever wrote this note is gone: at once on this machine, elsewhere when no beat comes any more."""
    if time.time() - float(now.get("beat", 0)) >= STALE_SECONDS:
        return False
    if now.get("host") == _host():
        try:
            os.kill(int(now["pid"]), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it lives, under another user
    return True


def _told(error: BaseException) -> EngineError:
    """What the page says about a bad end."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, OSError):
        return _unusable(error)
    if isinstance(error, Exception):
        return EngineError("internal_error", f"This software failed ({type(error).__name__}). Its log says where.")
    return EngineError("download_interrupted", "The work was stopped from outside.")


@contextmanager
def _locked(name: str, *, wait: bool = False) -> Iterator[None]:
    """Be the only one at work on a model, or at something that is waited for.

    The kernel frees the lock of a process that was killed. Raises EngineError: model_busy when another has it, and
    disk_full or folder_unwritable.
    """
    path = catalog.root() / ".hub" / f"{name}.lock"
    with _disk_told():
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EngineError("model_busy", f"{_card(name).title} is being worked on already.") from None
        yield


@contextmanager
def _disk_told() -> Iterator[None]:
    """Turn what the disk raises into words."""
    try:
        yield
    except OSError as error:
        raise _unusable(error) from error


def _unusable(error: OSError) -> EngineError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EngineError("disk_full", f"The disk of the models' folder {catalog.root()} is full. What came is kept.")
    return EngineError("folder_unwritable", f"The models' folder {catalog.root()} cannot be used: {error.strerror}.")


def _check(folder: Path) -> None:
    from workers.engines.skyreels.check import check

    check(folder)


def _card(model_id: str) -> catalog.ModelCard:
    try:
        return catalog.get(model_id)
    except KeyError:
        raise EngineError("model_unknown", f"There is no model called {model_id}.") from None


def _refuse_unreleased(card: catalog.ModelCard) -> None:
    if not card.released:
        raise EngineError("model_unreleased", f"Its makers have not released {card.title}.")


def _refuse_builtin(card: catalog.ModelCard) -> None:
    _refuse_unreleased(card)
    if card.id == "nano":
        raise EngineError("model_builtin", f"{card.title} is part of this software: it is neither fetched nor removed.")


def _refuse_full(card: catalog.ModelCard, needed: int) -> None:
    others = [now for now in statuses() if now.state == "downloading" and now.card.id != card.id]
    coming = sum(max(0, now.total - now.disk) for now in others)
    free = free_bytes()
    if needed + RESERVE_BYTES > free - coming:
        text = f"{card.title} needs {size_words(needed)} and {size_words(RESERVE_BYTES)} to spare; "
        text += f"{size_words(free)} are free"
        if coming:
            text += f", and other downloads will take {size_words(coming)} of that"
        raise EngineError("disk_full", f"{text}.")


def _part(card: catalog.ModelCard) -> Path:
    return catalog.root() / f"{card.id}.part"


def _note(card: catalog.ModelCard, kind: str) -> Path:
    return catalog.root() / ".hub" / f"{card.id}.{kind}"


def _used(card: catalog.ModelCard) -> float | None:
    for place in (_note(card, "used"), catalog.root() / card.id / RECORD):
        with suppress(OSError):
            return place.stat().st_mtime
    return None


def _complete(folder: Path, record: dict[str, Any]) -> bool:
    for file in record.get("files", ()):
        try:
            if (folder / file["path"]).stat().st_size != file["size"]:
                return False
        except OSError:
            return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    """Return the files in a folder; what vanishes meanwhile is passed over."""
    for where, _, names in os.walk(folder):
        yield from (Path(where, name) for name in names)


def _weight(folder: Path) -> int:
    """Return the bytes of the files in a folder, without what we note about them."""
    weight = 0
    for place in _files(folder):
        with suppress(OSError):
            weight += place.stat().st_size if place.name != RECORD else 0
    return weight


def _remove_others(folder: Path, before: Iterable[dict[str, Any]], wanted: Iterable[dict[str, Any]]) -> None:
    """Remove what an attempt at another commit has left, and keep what has the same hash in both."""
    now, then = ({str(file["path"]): file for file in files} for files in (wanted, before))
    for place in _files(folder):
        path = place.relative_to(folder).as_posix().removesuffix(".incomplete")
        if path != RECORD and (path not in now or then.get(path, now[path]) != now[path]):
            place.unlink()


def _remove(place: Path) -> None:
    """Remove a folder at once, as far as others can see."""
    _put_away(place)
    _clear()


def _put_away(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        place.replace(catalog.root() / ".hub" / f"{place.name}.gone-{time.time_ns()}")


def _gone() -> list[Path]:
    return list((catalog.root() / ".hub").glob("*.gone-*"))


def _clear() -> str:
    """Delete what was put away, also by a process that was killed before it could; says why something cannot be."""
    for place in _gone():
        shutil.rmtree(place, ignore_errors=True)
    for place in _gone():
        try:
            shutil.rmtree(place)
        except FileNotFoundError:
            pass  # another one was faster
        except OSError as error:
            return str(error.strerror)
    return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
