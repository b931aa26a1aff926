"""Private files: the owner check, then bytes by range at flat memory."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, parse_http_date_safe, quote_etag
from django.views.decorators.http import require_safe

from apps.accounts.models import ApiToken, User
from apps.library import keeper
from apps.library.models import Asset, Generation
from apps.library.names import disposition
from workers.keeper import INDEX

END = b"#EXT-X-ENDLIST\n"
CHUNK = 256 * 1024
PARTS = ("file", "poster", "strip")
RANGE = re.compile(r"bytes\s*=\s*([0-9]*)-([0-9]*)\s*", re.IGNORECASE)  # a single one
# What browsers are told that a file is, by its suffix.
TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/iso.segment",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
}


@login_not_required
@require_safe
async def asset_file(request: HttpRequest, pk: uuid.UUID, part: str) -> HttpResponseBase:
    """One file of an asset, to its owner only: by session or API token; a stranger gets 404."""
    user = await _caller(request)
    mine = Asset.objects.filter(user=user).select_related("generation")
    if part != "poster":  # by which what is in the trash is known there
        mine = mine.filter(deleted_at=None)
    asset = await mine.filter(pk=pk).afirst() if user and part in PARTS else None
    file: FieldFile | None = getattr(asset, part) if asset else None
    if not asset or not file or not file.name:
        raise Http404
    named = disposition(asset.download_name, attachment="download" in request.GET) if part == "file" else ""
    return await stored(request, file.storage, file.name, f"{asset.sha256 or asset.pk.hex}-{part}", named)


@login_not_required
@require_safe
async def live_file(request: HttpRequest, pk: uuid.UUID, name: str) -> HttpResponseBase:
    """A file of a film's playlist, or a picture, that is being made, to its owner only; after the end, the result."""
    user = await _caller(request)
    job = await Generation.objects.of(user).with_assets().filter(pk=pk).afirst() if user else None
    if not job:
        raise Http404
    path = keeper.path_of(job, name)
    if name == INDEX and not path and job.asset:
        return HttpResponse(status=302, headers={"Location": job.asset.file_url, "Cache-Control": "no-store"})
    if not path and (picture := keeper.picture_of(job, name)):
        return HttpResponse(status=302, headers={"Location": picture.file_url, "Cache-Control": "no-store"})
    if not path:
        raise Http404
    if name != INDEX:
        return await stored(request, default_storage, path, f"{job.pk}-{name}")
    # It grows, and its parts are named beside it: no redirect to another server, nothing kept on the way.
    try:
        text = await asyncio.to_thread(_read, path)
    except FileNotFoundError:
        raise Http404 from None
    if job.asset and END not in text:  # it was stopped
        text += END
    return HttpResponse(text, content_type=TYPES[".m3u8"], headers={"Cache-Control": "no-store"})


async def stored(request: HttpRequest, storage: Storage, path: str, tag: str, named: str = "") -> HttpResponseBase:
    """Answer with a file of a storage: a signed address on S3, nginx where it is there, else the bytes by range.

    `named` is the Content-Disposition that gives it its name.
    """
    if not isinstance(storage, FileSystemStorage):
        parameters = {"ResponseContentDisposition": named} if named else None
        signed = await asyncio.to_thread(storage.url, path, parameters=parameters)  # type: ignore[call-arg]
        return HttpResponse(status=302, headers={"Location": signed})
    headers = {
        "Content-Type": TYPES.get(f".{path.rpartition('.')[2]}", "application/octet-stream"),
        "Cache-Control": "private, max-age=3600",
        "X-Content-Type-Options": "nosniff",
        "ETag": quote_etag(tag),
        "Accept-Ranges": "bytes",
        **({"Content-Disposition": named} if named else {}),
    }
    if settings.MEDIA_ACCEL_PREFIX:
        return HttpResponse(headers=headers | {"X-Accel-Redirect": f"{settings.MEDIA_ACCEL_PREFIX}{path}"})
    try:
        modified = await asyncio.to_thread(storage.get_modified_time, path)
        handle = await asyncio.to_thread(storage.open, path, "rb")
    except FileNotFoundError:
        raise Http404 from None
    return await ranged(request, handle, headers, int(modified.timestamp()))


def _read(path: str) -> bytes:
    with default_storage.open(path) as file:
        return bytes(file.read())


async def ranged(
    request: HttpRequest, handle: "File[bytes]", headers: dict[str, str], modified: int
) -> HttpResponseBase:
    """Answer GET or HEAD with the whole file or the one byte range asked for (RFC 9110, 13 and 14).

    `modified` is in seconds since 1970. Several ranges, and what is no range, are answered with the whole file.
    """
    tag, size = headers["ETag"], await asyncio.to_thread(lambda: handle.size)
    headers = headers | {"Last-Modified": http_date(modified)}
    if conditional := get_conditional_response(request, tag, modified):
        await asyncio.to_thread(handle.close)
        return HttpResponse(status=conditional.status_code, headers=headers)
    wanted = _wanted(request, tag, modified)
    start, end = span(wanted, size) if wanted else (0, size - 1)
    if wanted and start > end:
        await asyncio.to_thread(handle.close)
        return HttpResponse(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    if wanted:
        headers |= {"Content-Range": f"bytes {start}-{end}/{size}"}
    headers |= {"Content-Length": str(end - start + 1)}
    if request.method == "HEAD":
        await asyncio.to_thread(handle.close)
        return HttpResponse(headers=headers)
    return StreamingHttpResponse(
        _chunks(handle, start, end - start + 1), status=206 if wanted else 200, headers=headers
    )


def _wanted(request: HttpRequest, tag: str, modified: int) -> tuple[str, str] | None:
    """Return both ends of the range that counts, as they were sent; None where the whole file is the answer."""
    found = RANGE.fullmatch(request.headers.get("Range", ""))
    if request.method != "GET" or not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first and last and _number(last) < _number(first):
        return None
    condition = request.headers.get("If-Range", tag)
    if condition != tag and parse_http_date_safe(condition) != modified:
        return None  # the beginning that the caller has is of another file
    return first, last


def span(wanted: tuple[str, str], size: int) -> tuple[int, int]:
    """Return the first and the last place of a range in a file of `size` bytes; first > last where it has none."""
    first, last = wanted
    if not first:  # so many of the last bytes
        return (max(0, size - _number(last)), size - 1) if _number(last) else (size, size - 1)
    return _number(first), min(_number(last), size - 1) if last else size - 1


def _number(digits: str) -> int:
    """Return a number; of more than 18 digits, some number that is larger than any file."""
    return int(digits.lstrip("0")[:19] or 0)


async def _chunks(handle: "File[bytes]", start: int, left: int) -> AsyncIterator[bytes]:
    """Yield `left` bytes. Raises OSError where the storage ends before: an end in good order would look whole."""
    try:
        await asyncio.to_thread(handle.seek, start)
        while left > 0:
            data = await asyncio.to_thread(handle.read, min(CHUNK, left))
            if not data:
                raise OSError(f"{handle.name} ended {left} bytes before its end.")
            left -= len(data)
            yield data
    finally:
        handle.close()


async def _caller(request: HttpRequest) -> User | None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = await sync_to_async(ApiToken.objects.authenticate)(secret.strip())
        return token.user if token else None
    user = await request.auser()
    return user if isinstance(user, User) else None
