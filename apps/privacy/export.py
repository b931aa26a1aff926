"""Everything that the studio holds of a person, as one zip.

What the database knows is written first, into a temporary file. Then the answer is made from files alone: it holds no
database connection however slowly it is read, and of a film one chunk at a time. Films are stored as they are, because
they do not get smaller. `zipfile` writes to what cannot be sought in and knows Zip64, so no other library is needed.
"""

import asyncio
import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import structlog
from allauth.account.models import EmailAddress
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models.fields.files import FieldFile
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from apps.accounts.models import ApiToken, User
from apps.billing import services as billing
from apps.library.models import Asset, Generation, Group

log = structlog.get_logger(__name__)
CHUNK = 256 * 1024
BATCH = 200  # rows
IN_MEMORY = 1024 * 1024  # what a document takes before it goes to the disk
FOLDERS = {"video": "films", "image": "pictures", "audio": "sounds"}
README = """Your data at CineVivid, {when}.

account.json       name, addresses, credits and the names of API tokens
generations.json   every job: what was asked for, its recipe, what it cost, and the text that it made, if any
ledger.csv         every movement of your credits
films, pictures …  what your jobs have made
uploads            what you have brought
"""


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


def answer(user: User) -> HttpResponseBase:
    """Return the zip of a user as a download."""
    name = f"cinevivid-{timezone.now():%Y-%m-%d}.zip"
    headers = {
        "Content-Disposition": content_disposition_header(True, name) or "",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    chunks = zipped(documents(user), media(user))
    return StreamingHttpResponse(_threaded(chunks), content_type="application/zip", headers=headers)


async def _threaded(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Make each chunk in a thread, when the one before has been taken."""
    try:
        while chunk := await asyncio.to_thread(next, chunks, b""):
            yield chunk
    finally:
        with suppress(ValueError):  # a chunk is still being made; with its thread goes the last hold on the file
            chunks.close()  # type: ignore[attr-defined]


def zipped(documents: list[Document], media: list[Medium]) -> Iterator[bytes]:
    """Yield a zip in pieces that are never empty. A file that is missing in the storage is named in README.txt."""
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
                lost.append(f"{medium.name}: it is missing.")
                continue
            with stored:
                try:
                    yield from _entry(archive, pipe, medium.name, medium.when, stored, zipfile.ZIP_STORED, size)
                except Exception:  # of the storage: stores have errors of their own
                    log.warning("file_not_exported", file=medium.file.name, exc_info=True)
                    lost.append(f"{medium.name}: it could not be read to its end.")
        text = README.format(when=f"{timezone.now():%d %B %Y}")
        if lost:
            text += "\nThe studio should have these files, but could not put them here:\n" + "\n".join(lost) + "\n"
        archive.writestr(zipfile.ZipInfo("README.txt", _time(timezone.now())), text)
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


def documents(user: User) -> list[Document]:
    """Write what the database knows of a user."""
    return [
        _document("account.json", lambda file: _json(file, _account(user))),
        _document("generations.json", lambda file: _list(file, _generations(user))),
        _document("ledger.csv", lambda file: _ledger(file, user)),
    ]


def _document(name: str, write: Callable[[IO[str]], None]) -> Document:
    file = tempfile.SpooledTemporaryFile(IN_MEMORY, prefix="export-")  # noqa: SIM115
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    write(text)
    text.detach()
    file.seek(0)
    return Document(name, file)


def _json(file: IO[str], value: Any) -> None:
    json.dump(value, file, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def _list(file: IO[str], rows: Iterator[dict[str, Any]]) -> None:
    """Write a JSON list row by row."""
    before = "[\n"
    for row in rows:
        file.write(before)
        _json(file, row)
        before = ",\n"
    file.write("[]\n" if before == "[\n" else "\n]\n")


def _account(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "email": user.email,
        "first_prompt": user.first_prompt,
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "joined": user.date_joined,
        "last_sign_in": user.last_login,
        "looked_at_activity": user.activity_seen_at,
        "credits": billing.balance(user),
        "held": billing.held(user),
        "api_tokens": list(
            ApiToken.objects.filter(user=user).values("name", "created_at", "last_used_at", "revoked_at")
        ),
        "groups": list(Group.objects.filter(user=user).values("id", "kind", "title", "created_at")),
    }


def _generations(user: User) -> Iterator[dict[str, Any]]:
    """Every job of a user, newest first, the ones in the trash too."""
    jobs = Generation.objects.filter(user=user).prefetch_related("inputs", "assets")
    batch: list[Generation] = []
    for job in jobs.iterator(chunk_size=BATCH):
        batch.append(job)
        if len(batch) == BATCH:
            yield from _told(batch)
            batch = []
    yield from _told(batch)


def _told(jobs: list[Generation]) -> Iterator[dict[str, Any]]:
    receipts = billing.receipts([job.reference for job in jobs])
    for job in jobs:
        receipt = receipts[job.reference]
        receipt = receipt.of_part(job.part, job.cost) if job.part else receipt
        yield {
            "id": job.pk,
            "tool": job.tool,
            "title": job.title,
            "status": job.status,
            "params": job.params,
            "inputs": [
                {"name": given.name, "asset": given.asset_id, "job": given.source_id} for given in job.inputs.all()
            ],
            "group": job.group_id,
            "engine": job.engine,
            "error": job.error,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "deleted_at": job.deleted_at,
            "credits": {"held": receipt.held, "captured": receipt.captured, "released": receipt.released},
            "data": job.data,
            "files": [
                {
                    "id": asset.pk,
                    "kind": asset.kind,
                    "name": _name(asset),
                    "sha256": asset.sha256,
                    "recipe": asset.recipe,
                }
                for asset in job.assets.all()
            ],
        }


def _ledger(file: IO[str], user: User) -> None:
    rows = csv.writer(file)
    rows.writerow(("time", "movement", "from", "to", "credits", "reference"))
    for each in billing.history(user).iterator(chunk_size=BATCH):
        rows.writerow(
            (
                each.created_at.isoformat(),
                each.get_kind_display(),
                each.source.get_kind_display(),
                each.destination.get_kind_display(),
                each.amount,
                each.reference,
            )
        )


def media(user: User) -> list[Medium]:
    """Name every file of a user, oldest first, the ones in the trash too while their bytes are there."""
    files = Asset.objects.filter(user=user).exclude(file="").select_related("generation").order_by("created_at", "pk")
    return [Medium(_name(asset), asset.file, asset.created_at) for asset in files.iterator(chunk_size=BATCH)]


def _name(asset: Asset) -> str:
    """Where an asset lies in the zip: readable, unlike any other, and harmless on every system."""
    folder = FOLDERS.get(asset.kind, "others") if asset.generation_id else "uploads"
    suffix = Path(str(asset.file.name)).suffix
    stem = asset.name.removesuffix(suffix) if suffix else asset.name
    words = re.sub(r"\s+", " ", re.sub(r"[^\w\s,'-]", " ", stem)).strip()[:60].strip()
    return f"{folder}/{asset.created_at:%Y-%m-%d} {words} ({asset.pk.hex[:8]}){suffix}"
