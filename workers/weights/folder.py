"""The folder of the models on disk, and the notes about them. Imports neither torch nor Django.

In `root()`, a model that is ready is the folder `<id>`, and one on its way is `<id>.part`: only a download that
was checked gets the name under which `WeightCard.folder()` finds it. What is known about either (repository, commit,
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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from workers.base import EngineError
from workers.weights.card import WeightCard
from workers.weights.card import root as root

GB = 1e9
STALE_SECONDS = 15.0  # without a heartbeat, whoever worked on a model is gone
RECORD = ".cinevivid.json"


def free_bytes() -> int:
    """Return what is free on the disk of the models."""
    place = root()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def size_words(number: float) -> str:
    """Return a number of bytes as people write it."""
    return f"{number / GB:.1f} GB" if number >= GB / 10 else f"{number / 1e6:.1f} MB"


def time_words(seconds: float) -> str:
    """Return a number of seconds as people write it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def part(card: WeightCard) -> Path:
    """Return the folder of a model that is being downloaded."""
    return root() / f"{card.id}.part"


def note(card: WeightCard, kind: str) -> Path:
    """Return the file of a note: "json" says what is asked for and how far it is, "cancel" asks for its end, and the
    age of "used" is the time since the last use."""
    return root() / ".hub" / f"{card.id}.{kind}"


def last_used(card: WeightCard) -> float | None:
    """Return when a model was used, or else came here, in seconds since 1970."""
    for place in (note(card, "used"), root() / card.id / RECORD):
        with suppress(OSError):
            return place.stat().st_mtime
    return None


def used(card: WeightCard) -> None:
    """Note that a model was used just now; a folder that cannot be written to is no error."""
    if card.builtin is None:
        with suppress(OSError):
            note(card, "used").parent.mkdir(parents=True, exist_ok=True)
            note(card, "used").touch()


def complete(folder: Path, record: dict[str, Any]) -> bool:
    """True when every file of the record is there in its size."""
    for file in record.get("files", ()):
        try:
            if (folder / file["path"]).stat().st_size != file["size"]:
                return False
        except OSError:
            return False
    return True


def files(folder: Path) -> Iterator[Path]:
    """Return the files in a folder; what vanishes meanwhile is passed over."""
    for where, _, names in os.walk(folder):
        yield from (Path(where, name) for name in names)


def weight(folder: Path) -> int:
    """Return the bytes of the files in a folder, without what we note about them."""
    total = 0
    for place in files(folder):
        with suppress(OSError):
            total += place.stat().st_size if place.name != RECORD else 0
    return total


def remove_others(folder: Path, before: Iterable[dict[str, Any]], wanted: Iterable[dict[str, Any]]) -> None:
    """Remove what an attempt at another commit has left, and keep what has the same hash in both."""
    # A file may stay the same from one commit to the next.
    now, then = ({str(file["path"]): file | {"revision": ""} for file in listing} for listing in (wanted, before))
    for place in files(folder):
        path = place.relative_to(folder).as_posix().removesuffix(".incomplete")
        if path != RECORD and (path not in now or then.get(path, now[path]) != now[path]):
            place.unlink()


def remove(place: Path) -> None:
    """Remove a folder; for other processes it is gone at once."""
    put_away(place)
    clear()


def put_away(place: Path) -> None:
    """Rename a folder so that no process finds it; `clear` deletes it later. Raises OSError."""
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        place.replace(root() / ".hub" / f"{place.name}.gone-{time.time_ns()}")


def gone() -> list[Path]:
    """Return the renamed folders that are not deleted yet."""
    return list((root() / ".hub").glob("*.gone-*"))


def clear() -> str:
    """Delete what was put away, also by a process that was killed before it could; says why something cannot be."""
    for place in gone():
        shutil.rmtree(place, ignore_errors=True)
    for place in gone():
        try:
            shutil.rmtree(place)
        except FileNotFoundError:
            pass  # another one was faster
        except OSError as error:
            return str(error.strerror)
    return ""


def read(path: Path) -> dict[str, Any]:
    """Return a note or a record as a dict; an empty one when it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a note or a record in one step. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def host() -> str:
    """Name this machine, with the processes that it sees: containers may have a host's name and not its processes."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        processes = ""
    return f"{socket.gethostname()} {processes}"


def alive(now: dict[str, Any]) -> bool:
    """False when whoever wrote this note is gone: at once on this machine, elsewhere when no beat comes any more."""
    if time.time() - float(now.get("beat", 0)) >= STALE_SECONDS:
        return False
    if now.get("host") == host():
        try:
            os.kill(int(now["pid"]), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it lives, under another user
    return True


@contextmanager
def locked(name: str, title: str = "", *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a model, called `title` in an error, or wait for a shared lock with `wait`.

    The kernel frees the lock of a process that was killed. Raises EngineError: model_busy when another has it, and
    disk_full or folder_unwritable.
    """
    path = root() / ".hub" / f"{name}.lock"
    with as_engine_error():
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EngineError("model_busy", f"{title or name} is being worked on already.") from None
        yield


@contextmanager
def as_engine_error() -> Iterator[None]:
    """Raise what the disk raises as an EngineError."""
    try:
        yield
    except OSError as error:
        raise unusable(error) from error


def unusable(error: OSError) -> EngineError:
    """Return an error of the disk as an EngineError that tells the operator what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EngineError("disk_full", f"The disk of the models' folder {root()} is full. What came is kept.")
    return EngineError("folder_unwritable", f"The models' folder {root()} cannot be used: {error.strerror}.")
