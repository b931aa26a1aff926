"""Zips that are written while they are sent.

Such an answer is made from files alone: it holds no database connection however slowly it is read, and of a film one
chunk at a time. Films are stored as they are, because they do not get smaller. `zipfile` writes to what cannot be
sought in and knows Zip64, so no other library is needed.
"""

import asyncio
import io
import unicodedata
import zipfile
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import structlog
from django.db.models import Q
from django.db.models.fields.files import FieldFile
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.library import limits
from apps.library.models import Asset

log = structlog.get_logger(__name__)
CHUNK = 256 * 1024
README = "README.txt"


@dataclass(frozen=True)
class Document:
    """A file of the zip that is made from the database."""

    name: str
    file: IO[bytes]


@dataclass(frozen=True)
class Medium:
    """A file of the zip that lies in the media storage."""

    name: str
    file: FieldFile
    when: datetime


class Pipe(io.RawIOBase):
    """Where the zip is written to: whoever reads takes what has come. It cannot be sought in."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.parts.append(bytes(data))
        return len(self.parts[-1])

    def take(self) -> bytes:
        taken, self.parts = b"".join(self.parts), []
        return taken


def answer(name: str, chunks: Iterator[bytes]) -> HttpResponseBase:
    """Return the pieces of a zip as a download."""
    headers = {
        "Content-Disposition": content_disposition_header(True, name) or "",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    return StreamingHttpResponse(_threaded(chunks), content_type="application/zip", headers=headers)


async def _threaded(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Make each chunk in a thread, when the one before has been taken."""
    try:
        while chunk := await asyncio.to_thread(next, chunks, b""):
            yield chunk
    finally:
        with suppress(ValueError):  # a chunk is still being made; with its thread goes the last hold on the file
            chunks.close()  # type: ignore[attr-defined]


def zipped(media: Iterable[Medium], documents: Iterable[Document] = (), about: str = "") -> Iterator[bytes]:
    """Yield a zip in pieces that are never empty, with a text about it.

    A file that is missing in the storage is named there.
    """
    pipe, lost = Pipe(), list[str]()
    with zipfile.ZipFile(pipe, "w") as archive:
        for document in documents:
            with document.file as file:
                yield from _entry(archive, pipe, document.name, timezone.now(), file, zipfile.ZIP_DEFLATED)
        for medium in media:
            try:
                stored = medium.file.storage.open(str(medium.file.name), "rb")
                size = stored.size
            except Exception:
                log.warning("file_not_exported", file=medium.file.name, exc_info=True)
                lost.append(_("%(file)s: missing") % {"file": medium.name})
                continue
            with stored:
                try:
                    yield from _entry(archive, pipe, medium.name, medium.when, stored, zipfile.ZIP_STORED, size)
                except Exception:  # of the storage: stores have errors of their own
                    log.warning("file_not_exported", file=medium.file.name, exc_info=True)
                    lost.append(_("%(file)s: cut off") % {"file": medium.name})
        text = "\n".join(
            filter(None, [about, "\n".join([_("These files could not be added:"), *lost, ""]) if lost else ""])
        )
        if text:
            archive.writestr(zipfile.ZipInfo(README, _time(timezone.now())), text)
    yield pipe.take()


def _entry(
    archive: zipfile.ZipFile, pipe: Pipe, name: str, when: datetime, file: Any, method: int, size: int = 0
) -> Iterator[bytes]:
    entry = zipfile.ZipInfo(name, _time(when))
    entry.compress_type, entry.file_size = method, size
    entry.external_attr = 0o600 << 16
    with archive.open(entry, "w") as out:
        while data := file.read(CHUNK):
            out.write(data)
            if ready := pipe.take():
                yield ready


def _time(when: datetime) -> tuple[int, int, int, int, int, int]:
    return when.year, when.month, when.day, when.hour, when.minute, when.second


def picked(user: User, ids: Collection[UUID]) -> list[Medium]:
    """Name the files of some of a user's jobs and uploads, each as it is called when it is downloaded alone.

    Ids of anything else are passed over. Of names that are alike, the second one has a (2).
    """
    mine = Asset.objects.of(user).exclude(file="").select_related("generation")
    mine = mine.filter(Q(generation__in=ids) | Q(generation=None, pk__in=ids)).order_by("created_at", "position", "pk")
    used: set[str] = {_alike(README)}
    watermark, media = limits.of(user).watermark, []
    for asset in mine:
        name = unlike(asset.download_name, used)
        media.append(Medium(name, asset.served("file", watermark), asset.created_at))
    return media


def unlike(name: str, used: set[str]) -> str:
    """Return a file name that is like none of those used, and add it to them."""
    path, number, free = Path(name), 1, name
    while _alike(free) in used:
        number += 1
        free = f"{path.stem} ({number}){path.suffix}"
    used.add(_alike(free))
    return free


def _alike(name: str) -> str:
    """Return what two names have in common that are one file to some system: case and spelling."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
