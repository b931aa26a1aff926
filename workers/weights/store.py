"""Download, verify and remove the models of this machine. Imports neither torch nor Django."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from workers.base import Cancelled, EngineError
from workers.weights import catalog, folder
from workers.weights.activity import Work
from workers.weights.card import WeightCard

RESERVE_BYTES = 1_000_000_000  # what a download leaves free for everything else on the disk
UNLOADABLE = "model_broken"  # the error of files that are as promised and yet no model

State = Literal[
    "unreleased", "absent", "queued", "downloading", "checking", "interrupted", "broken", "ready"
]  # in the order of a model's life
ACTIVE: tuple[State, ...] = ("queued", "downloading", "checking")


@dataclass(frozen=True, slots=True)
class Status:
    """One model on this machine. Sizes are in bytes, `rate` in bytes a second, times in seconds (since 1970).

    `code` and `reason` say why the last attempt ended, if it did not end well.
    """

    card: WeightCard
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
        """True for the model that does its kind of work in this studio."""
        return not self.card.one_of_many and self.card.id == catalog.chosen(self.card.kind)


OnStatus = Callable[[Status], None]


def statuses() -> list[Status]:
    """Return every model of the catalogue that has files of its own, as it is on this machine."""
    return [status(card.id) for card in catalog.all() if not card.of]


def status(model_id: str) -> Status:
    """Return one model as it is on this machine; raises EngineError("model_unknown")."""
    card = _card(model_id)
    if not card.released:
        return Status(card, "unreleased")
    here, part = card.folder(), folder.part(card)
    known = folder.read((here or part) / folder.RECORD)
    now = folder.read(folder.note(card, "json"))
    stage = now.get("stage")
    found = Status(
        card,
        "absent",
        # A package may hold the files of several models.
        disk=round(card.disk_gb * folder.GB) if card.builtin else folder.weight(here or part),
        revision=str(known.get("revision", "")),
        used=folder.last_used(card),
        code=str(now.get("code", "")),
        reason=str(now.get("reason", "")),
    )
    if stage == "queued" or (stage in ACTIVE and folder.alive(now)):
        numbers = {name: now.get(name, 0) for name in ("done", "total", "rate")}
        return replace(found, state=stage, seconds_left=now.get("seconds_left"), **numbers)
    if here:
        if not folder.complete(here, known):
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


def queue(model_id: str, verb: str) -> Status:
    """Note that a worker is asked to "download" or "verify" a model. Returns the new status.

    Raises EngineError: model_unknown, model_unreleased, model_builtin, model_busy when it is under way already,
    disk_full or folder_unwritable.
    """
    card = _card(model_id)
    _refuse_builtin(card)
    with folder.locked(f"{card.id}-queue", wait=True), folder.as_engine_error():  # so that of two at once, one is asked
        if status(model_id).active:
            raise EngineError("model_busy", f"{card.title} is being worked on already.")
        folder.write(folder.note(card, "json"), {"stage": "queued", "verb": verb, "beat": time.time()})
    return status(model_id)


def requeue() -> list[tuple[str, str]]:
    """Queue again every download or check that no process is working on. Returns (model id, verb) of each.

    For a studio whose queue went with its last process. What cannot be noted is left as it is.
    """
    found = []
    for card in catalog.all():
        if verb := folder.read(folder.note(card, "json")).get("verb"):
            with suppress(EngineError, OSError), folder.locked(card.id, card.title):
                folder.write(folder.note(card, "json"), {"stage": "queued", "verb": verb, "beat": time.time()})
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
    with folder.as_engine_error():
        if now.state == "queued":
            folder.note(card, "json").unlink(missing_ok=True)
        # Also then: a worker may just have begun.
        folder.note(card, "cancel").touch()


def download(model_id: str, on_status: OnStatus | None = None, *, queued: bool = False) -> Status:
    """Bring a model here, checked and loadable, going on from where an earlier attempt ended.

    `on_status` is called twice a second. With `queued`, for a message that may come late or twice, only when the
    model's note still asks for it. Raises Cancelled, also when it does not, and EngineError: model_unknown,
    model_unreleased, model_builtin, model_busy, disk_full, folder_unwritable, download_interrupted, hash_mismatch,
    token_missing, repo_missing, hub_unreachable, model_broken.
    """
    card = _card(model_id)
    _refuse_builtin(card)
    with folder.locked(card.id, card.title), Work(card, "download", _beat(card, on_status), queued) as work:
        here = card.folder()
        if here is None or not folder.complete(here, folder.read(here / folder.RECORD)):
            _bring(card, work)
    return status(model_id)


def _bring(card: WeightCard, work: Work) -> None:
    from workers.weights import download

    place, part = folder.root() / card.id, folder.part(card)
    folder.clear()
    if place.exists() and not part.exists():
        place.replace(part)  # incomplete: what is in it and right need not come again
    known = folder.read(part / folder.RECORD)
    # What came whole and is no model will not become one: its makers may have mended it since.
    pinned = {} if known.get("broken") == UNLOADABLE else _commits(known)
    wanted = download.snapshot(card.repo, pinned.get("", ""), layout=card.layout, marker=card.marker)
    for other in card.parts:
        found = download.snapshot(other.repo, pinned.get(other.folder, ""), layout=other.layout, marker=other.marker)
        wanted = wanted.beside(found, other.folder)
    with folder.locked(
        "room", wait=True
    ):  # so that of two that start together, the second sees what the first will take
        _refuse_full(card, wanted.bytes - folder.weight(part))
        work.total = wanted.bytes
        work.tell()
    part.mkdir(parents=True, exist_ok=True)
    files = [asdict(file) for file in wanted.files]
    record = {"repo": wanted.repo, "revision": wanted.revision, "files": files}
    folder.remove_others(part, known.get("files", ()), files)
    folder.write(part / folder.RECORD, record)
    download.fetch(wanted, part, work.count, work.stopped)
    work.stage = "checking"
    try:
        card.check(part)
    except EngineError as error:
        _mark_broken(part, record, error)
        raise
    folder.write(part / folder.RECORD, record | {"downloaded": time.time(), "checked": time.time()})
    folder.remove(place)
    part.replace(place)


def _commits(record: dict[str, Any]) -> dict[str, str]:
    """Return the commit of each of a model's repositories, by its subfolder; the model's own has none."""
    others = {str(file.get("folder", "")): str(file.get("revision", "")) for file in record.get("files", ())}
    return others | {"": str(record.get("revision", ""))}


def verify(model_id: str, on_status: OnStatus | None = None, *, queued: bool = False) -> Status:
    """Read every byte of a model again, compare it with what the hub promised, and load it. `queued` as in `download`.

    A model that fails is taken out of use; files that are wrong are removed, and `download` brings only those again.
    A folder that was not downloaded by us is only loaded. Raises Cancelled, and EngineError: model_unknown,
    model_unreleased, model_absent, model_busy, folder_unwritable, hash_mismatch, model_broken.
    """
    from workers.weights import download

    card = _card(model_id)
    _refuse_unreleased(card)
    with folder.locked(card.id, card.title), Work(card, "verify", _beat(card, on_status), queued) as work:
        here = card.folder()
        if here is None:
            raise EngineError("model_absent", f"{card.title} is not on this machine.")
        record = folder.read(here / folder.RECORD)
        files = [download.RemoteFile(**file) for file in record.get("files", ())]
        work.total = sum(file.size for file in files)
        wrong = []
        for file in files:
            if not download.hash_file(file, here / file.path, work.count):
                wrong.append(file.path)
            if work.stopped(0):
                raise Cancelled
        try:
            if wrong:
                text = f"{len(wrong)} of {len(files)} files are not what was downloaded, {wrong[0]} among them."
                raise EngineError("hash_mismatch", text)
            card.check(here)
        except EngineError as error:
            if card.builtin is None:
                part = folder.part(card)
                folder.remove(part)
                here.replace(part)
                for path in wrong:
                    (part / path).unlink(missing_ok=True)
                _mark_broken(part, record, error)
            raise
        if record:
            with suppress(OSError):  # a full disk makes no model wrong
                folder.write(here / folder.RECORD, record | {"checked": time.time()})
    return status(model_id)


def _mark_broken(part: Path, record: dict[str, Any], error: EngineError) -> None:
    """Write down why a model is damaged; without room on the disk, nothing is written."""
    with suppress(OSError):
        folder.write(part / folder.RECORD, record | {"broken": error.code, "reason": error.public_text})


def evict(model_id: str, *, force: bool = False, needed: Collection[str] = ()) -> int:
    """Remove a model, or what there is of it, from the disk, and return the bytes that were freed.

    Raises EngineError: model_unknown, model_unreleased, model_builtin, model_absent, model_busy, model_needed for one
    of those that jobs in the queue need, model_in_use for the one that does its kind of work in this studio,
    unless `force`, and folder_unwritable, also when the model is away but some of its bytes could not be deleted.
    """
    card = _card(model_id)
    _refuse_builtin(card)
    if model_id in needed:
        raise EngineError("model_needed", f"{card.title} is needed by {card.makes} that wait or are being made.")
    if status(model_id).chosen and card.folder() and not force:
        raise EngineError("model_in_use", f"{card.title} makes the {card.makes} of this studio, so it is kept.")
    if status(model_id).active:
        raise EngineError("model_busy", f"{card.title} is being worked on.")
    with folder.locked(card.id, card.title):
        folder.clear()
        places = [place for place in (folder.root() / card.id, folder.part(card)) if place.exists()]
        if not places:
            raise EngineError("model_absent", f"{card.title} is not on this machine.")
        freed = sum(folder.weight(place) for place in places)
        with folder.as_engine_error():
            for place in places:
                folder.put_away(place)
            for kind in ("json", "cancel", "used"):
                folder.note(card, kind).unlink(missing_ok=True)
        if trouble := folder.clear():
            left = folder.size_words(sum(folder.weight(place) for place in folder.gone()))
            text = f"{card.title} is removed, but {left} could not be deleted from the disk: {trouble}."
            raise EngineError("folder_unwritable", text)
    return freed


def make_room(gigabytes: float, needed: Collection[str] = ()) -> list[Status]:
    """Remove the models that were not used for the longest, until `gigabytes` are free; returns what was removed.

    The model of this studio, what is under way and what is `needed` stay. Raises EngineError("disk_full"), and removes
    nothing, when that would not be enough, and what `evict` raises.
    """
    folder.clear()
    short = gigabytes * folder.GB - folder.free_bytes()
    here = [now for now in statuses() if now.disk and not now.card.builtin and not now.chosen and not now.active]
    spare = [now for now in here if now.card.id not in needed]
    going = []
    for now in sorted(spare, key=lambda each: each.used or 0.0):
        if short <= 0:
            break
        going.append(now)
        short -= now.disk
    if short > 0:
        text = f"Even without the models that can go, {folder.size_words(short)} would be missing for {gigabytes:g} GB."
        raise EngineError("disk_full", text)
    for now in going:
        evict(now.card.id, needed=needed)
    return going


def _beat(card: WeightCard, on_status: OnStatus | None) -> Callable[[], None]:
    def tell() -> None:
        if on_status:
            on_status(status(card.id))

    return tell


def _card(model_id: str) -> WeightCard:
    try:
        return catalog.get(model_id)
    except KeyError:
        raise EngineError("model_unknown", f"There is no model called {model_id}.") from None


def _refuse_unreleased(card: WeightCard) -> None:
    if not card.released:
        raise EngineError("model_unreleased", f"Its makers have not released {card.title}.")


def _refuse_builtin(card: WeightCard) -> None:
    _refuse_unreleased(card)
    if card.builtin:
        raise EngineError("model_builtin", f"{card.title} is part of this software: it is neither fetched nor removed.")


def _refuse_full(card: WeightCard, needed: int) -> None:
    others = [now for now in statuses() if now.state == "downloading" and now.card.id != card.id]
    coming = sum(max(0, now.total - now.disk) for now in others)
    free = folder.free_bytes()
    if needed + RESERVE_BYTES > free - coming:
        text = f"{card.title} needs {folder.size_words(needed)} and {folder.size_words(RESERVE_BYTES)} to spare; "
        text += f"{folder.size_words(free)} are free"
        if coming:
            text += f", and other downloads will take {folder.size_words(coming)} of that"
        raise EngineError("disk_full", f"{text}.")
