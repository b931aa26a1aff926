"""Private files: the owner check, then bytes by range at flat memory, and what is said in a sound or a film."""

import asyncio
import uuid

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from apps.accounts.http import asking
from apps.accounts.models import User
from apps.library import keeper, limits
from apps.library.models import Asset, Generation
from apps.library.names import disposition, file_name
from apps.serving import TYPES, stored
from workers.keeper import INDEX
from workers.media.captions import srt, vtt

END = b"#EXT-X-ENDLIST\n"
PARTS = ("file", "poster", "strip")
# What is said and seen in an asset: its name in addresses, the media type, and how it is written.
TEXTS = {
    "captions.vtt": ("text/vtt", lambda asset: vtt(asset.cues)),
    "captions.srt": ("application/x-subrip", lambda asset: srt(asset.cues)),
    "descriptions.vtt": ("text/vtt", lambda asset: vtt(asset.descriptions)),
    "transcript.txt": ("text/plain", lambda asset: asset.transcript),
}


@login_not_required
@require_safe
async def asset_file(request: HttpRequest, pk: uuid.UUID, part: str) -> HttpResponseBase:
    """One file of an asset, to its owner only: by session or API token; a stranger gets 404."""
    user = await asking(request)
    mine = Asset.objects.filter(user=user).select_related("generation")
    if part != "poster":  # by which what is in the trash is known there
        mine = mine.filter(deleted_at=None)
    asset = await mine.filter(pk=pk).afirst() if user and part in PARTS else None
    marks = bool(user and asset and asset.marked and await _marks(user))
    file: FieldFile | None = asset.served(part, marks) if asset else None
    if not asset or not file or not file.name:
        raise Http404
    named = disposition(asset.download_name, attachment="download" in request.GET) if part == "file" else ""
    tag = f"{asset.sha256 or asset.pk.hex}-{part}" + ("-marked" if marks else "")
    return await stored(request, file.storage, file.name, tag, named, changes=bool(asset.marked))


@login_not_required
@require_safe
async def asset_text(request: HttpRequest, pk: uuid.UUID, name: str) -> HttpResponseBase:
    """What is said in an asset, as captions or as one text, to its owner only."""
    user = await asking(request)
    mine = Asset.objects.filter(user=user, deleted_at=None).select_related("generation")
    asset = await mine.filter(pk=pk).afirst() if user and name in TEXTS else None
    kind, write = TEXTS.get(name, ("", lambda asset: ""))
    told = asset.descriptions if asset and name.startswith("descriptions") else asset.cues if asset else []
    if not asset or not told:
        raise Http404
    suffix = name[name.index(".") :]
    words = file_name(asset.name, suffix, number=asset.position + 1, otherwise=f"cinevivid-{asset.pk.hex[:8]}")
    headers = {
        "Content-Disposition": disposition(words, attachment="download" in request.GET),
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(write(asset), content_type=f"{kind}; charset=utf-8", headers=headers)


@login_not_required
@require_safe
async def live_file(request: HttpRequest, pk: uuid.UUID, name: str) -> HttpResponseBase:
    """A file of a film's playlist, or a picture, that is being made, to its owner only; after the end, the result."""
    user = await asking(request)
    job = await Generation.objects.of(user).with_assets().filter(pk=pk).afirst() if user else None
    if not job:
        raise Http404
    watermark = bool(user and job.watermark and await _marks(user))
    path = keeper.path_of(job, name, watermark)
    if name == INDEX and not path and job.asset:
        return HttpResponse(status=302, headers={"Location": job.asset.file_url, "Cache-Control": "no-store"})
    if not path and (picture := keeper.picture_of(job, name)):
        return HttpResponse(status=302, headers={"Location": picture.file_url, "Cache-Control": "no-store"})
    if not path:
        raise Http404
    if name != INDEX:
        tag = f"{job.pk}-{name}" + ("-marked" if watermark else "")
        return await stored(request, default_storage, path, tag, changes=job.watermark)
    # It grows, and its parts are named beside it: no redirect to another server, nothing kept on the way.
    try:
        text = await asyncio.to_thread(_read, path)
    except FileNotFoundError:
        raise Http404 from None
    if job.asset and END not in text:  # it was stopped
        text += END
    return HttpResponse(text, content_type=TYPES[".m3u8"], headers={"Cache-Control": "no-store"})


async def _marks(user: User) -> bool:
    """Whether a user gets the copies with the watermark."""
    return (await sync_to_async(limits.of)(user)).watermark


def _read(path: str) -> bytes:
    with default_storage.open(path) as file:
        return bytes(file.read())
