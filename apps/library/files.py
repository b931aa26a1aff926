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
from django.utils.http import content_disposition_header, quote_etag
from django.views.decorators.http import require_safe

from apps.accounts.models import ApiToken, User
from apps.library import keeper
from apps.library.models import Asset, Generation
from workers.keeper import INDEX

END = b"#EXT-X-ENDLIST\n"
CHUNK = 256 * 1024
OPEN_RANGE = 4 * 1024 * 1024
PARTS = ("file", "poster", "strip")
# What browsers are told that a file is, by its suffix.
TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
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
    asset = await Asset.objects.of(user).filter(pk=pk).afirst() if user and part in PARTS else None
    file: FieldFile | None = getattr(asset, part) if asset else None
    if not asset or not file or not file.name:
        raise Http404
    name = asset.download_name if part == "file" else ""
    disposition = content_disposition_header("download" in request.GET and part == "file", name)
    return await stored(request, file.storage, file.name, f"{asset.sha256 or asset.pk.hex}-{part}", disposition or "")


@login_not_required
@require_safe
async def live_file(request: HttpRequest, pk: uuid.UUID, name: str) -> HttpResponseBase:
    """A file of the playlist of a film that is being made, to its owner only; some time after the end, the film."""
    user = await _caller(request)
    job = await Generation.objects.of(user).with_assets().filter(pk=pk).afirst() if user else None
    if not job:
        raise Http404
    path = keeper.path_of(job, name)
    if name == INDEX and not path and job.asset:
        return HttpResponse(status=302, headers={"Location": job.asset.file_url, "Cache-Control": "no-store"})
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


async def stored(
    request: HttpRequest, storage: Storage, path: str, tag: str, disposition: str = ""
) -> HttpResponseBase:
    """Answer with a file of a storage: a signed address on S3, nginx where it is there, else the bytes by range."""
    if not isinstance(storage, FileSystemStorage):
        parameters = {"ResponseContentDisposition": disposition} if disposition else None
        signed = await asyncio.to_thread(storage.url, path, parameters=parameters)  # type: ignore[call-arg]
        return HttpResponse(status=302, headers={"Location": signed})
    headers = {
        "Content-Type": TYPES.get(f".{path.rpartition('.')[2]}", "application/octet-stream"),
        "Cache-Control": "private, max-age=3600",
        "X-Content-Type-Options": "nosniff",
        "ETag": quote_etag(tag),
        "Accept-Ranges": "bytes",
        **({"Content-Disposition": disposition} if disposition else {}),
    }
    if settings.MEDIA_ACCEL_PREFIX:
        return HttpResponse(headers=headers | {"X-Accel-Redirect": f"{settings.MEDIA_ACCEL_PREFIX}{path}"})
    try:
        handle = await asyncio.to_thread(storage.open, path, "rb")
        size = await asyncio.to_thread(storage.size, path)
    except FileNotFoundError:
        raise Http404 from None
    return await ranged(request, handle, size, headers)


def _read(path: str) -> bytes:
    with default_storage.open(path) as file:
        return bytes(file.read())


async def ranged(request: HttpRequest, handle: "File[bytes]", size: int, headers: dict[str, str]) -> HttpResponseBase:
    """Answer GET or HEAD with the whole file or the one byte range asked for (RFC 9110 §14)."""
    if request.headers.get("If-None-Match") == headers["ETag"]:
        await asyncio.to_thread(handle.close)
        return HttpResponse(status=304, headers=headers)
    asked = request.headers.get("Range", "")
    if request.headers.get("If-Range", headers["ETag"]) != headers["ETag"]:
        asked = ""
    start, end, status = 0, size - 1, 200
    if match := re.fullmatch(r"bytes=(\d*)-(\d*)", asked):
        first, last = match.groups()
        if first:
            # "From here on" is answered in pieces: the server buffers what a slow reader has not taken yet.
            start, status = int(first), 206
            end = min(int(last) if last else start + OPEN_RANGE - 1, end)
        elif last:
            start, status = max(0, size - int(last)), 206
        if start > end:
            await asyncio.to_thread(handle.close)
            return HttpResponse(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})
        if status == 206:
            headers |= {"Content-Range": f"bytes {start}-{end}/{size}"}
    headers |= {"Content-Length": str(end - start + 1)}
    if request.method == "HEAD":
        await asyncio.to_thread(handle.close)
        return HttpResponse(status=status, headers=headers)
    return StreamingHttpResponse(_chunks(handle, start, end - start + 1), status=status, headers=headers)


async def _chunks(handle: "File[bytes]", start: int, left: int) -> AsyncIterator[bytes]:
    try:
        await asyncio.to_thread(handle.seek, start)
        while left > 0 and (data := await asyncio.to_thread(handle.read, min(CHUNK, left))):
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
