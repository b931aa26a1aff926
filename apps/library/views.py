"""The library: everything a user has made or is making."""

import json
import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.accounts.http import SignedIn
from apps.library import consents, filters, limits, picks, storage, uploads, zips
from apps.library.filters import SORTS
from apps.library.models import Asset, Generation
from apps.paging import Page, page

PAGE_SIZE = 24
FILTERS = ("q", "show", "tool", "kind")
UPLOAD_SORTS = ("new", "old")
TOLD_APART = ("prompt", "seed", "mode", "text", "voiceover_text")
# What a tool works out, not what was asked for.
FACTS = (
    "kind", "made_width", "made_height", "seconds", "frames", "voice_engine", "description", "face_at", "consent",
)  # fmt: skip


@login_required
def library(request: SignedIn) -> HttpResponse:
    """A page of cards; filters and order are in the address."""
    found = filters.shown(Generation.objects.of(request.user), request.GET).faces()
    sort = filters.order(request.GET)
    context = {
        "page": page(found.with_batches(), request.GET, SORTS[sort][1], PAGE_SIZE),
        "count": found.count(),
        "share": storage.share(request.user),
        "sort": sort,
        "sorts": [(name, words) for name, (words, column) in SORTS.items()],
        "states": filters.STATES,
        "kinds": filters.KINDS,
        "filtered": any(request.GET.get(name) for name in FILTERS),
    }
    return render(request, "library/library.html", context)


@login_required
def generation(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """One job: what it made, and everything that was made from."""
    mine = Generation.objects.of(request.user)
    job = get_object_or_404(mine.with_assets().select_related("group"), pk=pk)
    asset = job.asset
    watermark = any(each.marked for each in job.assets.all()) and limits.of(request.user).watermark
    for each in job.assets.all() if watermark else ():
        each.tell_marked()
    begins_with = list(job.inputs.select_related("asset", "source"))
    told_apart = {*TOLD_APART, "prompt_original", *FACTS, *(given.name for given in begins_with)}
    if job.engine:
        told_apart.add("model_id")  # the page names the model that made it
    if asset and len(job.assets.all()) == 1:  # the page tells its size and length
        measured = {"num_frames": asset.frames, "fps": asset.fps}
        told_apart |= {name for name, value in measured.items() if value and job.params.get(name) == value}
    about = {
        "asset": asset,
        "watermark": watermark,
        "recipe": json.dumps(asset.recipe, indent=2, sort_keys=True) if asset else "",
        "prompt_sent": asset.recipe.get("prompt_sent", "") if asset else "",
        "prompt_original": (asset.recipe.get("prompt_original") if asset else "")
        or job.params.get("prompt_original", ""),
        "prompt_enhanced": (asset.recipe.get("prompt_enhanced") if asset else "") or job.params.get("prompt", ""),
        "begins_with": begins_with,
        "values": {
            name: value for name, value in job.params.items() if name not in told_apart and value not in ("", None)
        },
        "tally": job.group.tally() if job.group else None,
    }
    walk = {
        "newer": mine.filter(created_at__gt=job.created_at).last(),
        "older": mine.filter(created_at__lt=job.created_at).first(),
    }
    return render(request, "library/generation.html", {"job": job, **about, **walk})


@login_required
@require_POST
def last_frame(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Keep the last frame of a film as a picture, and open the tool in which another film begins with it."""
    film = get_object_or_404(Asset.objects.of(request.user).exclude(file=""), pk=pk, kind=Asset.Kind.VIDEO)
    picture = uploads.keep_last_frame(film)
    return redirect(f"{reverse('tools:start')}?image={picture.pk}")


@login_required
def my_uploads(request: SignedIn) -> HttpResponse:
    """The images, videos and sounds that a user has brought."""
    brought = Asset.objects.brought(request.user)
    kind = request.GET.get("kind", "")
    if kind in dict(filters.KINDS):
        brought = brought.filter(kind=kind)
    sort = filters.order(request.GET, UPLOAD_SORTS)
    context = {
        "page": page(brought.prefetch_related("consents"), request.GET, SORTS[sort][1], PAGE_SIZE),
        "count": brought.count(),
        "share": storage.share(request.user),
        "sort": sort,
        "sorts": [(name, SORTS[name][0]) for name in UPLOAD_SORTS],
        "kinds": filters.KINDS,
        "filtered": bool(kind),
    }
    return render(request, "library/uploads.html", context)


@login_required
@require_POST
def delete_upload(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Move what a user has brought to the trash."""
    uploads.delete(get_object_or_404(Asset.objects.of(request.user), pk=pk, generation=None))
    picks.say_deleted(request, [pk], restored_at="library:restore_uploads")
    return redirect("library:uploads")


@login_required
@require_POST
def consent(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Withdraw the consent to the face or voice of an upload, or `give` it again in the words of the last time."""
    asset = get_object_or_404(Asset.objects.brought(request.user), pk=pk)
    before = asset.consent
    if "give" in request.POST:
        consents.give(request.user, [asset], before.statement if before else str(consents.STATEMENT))
        messages.success(request, _("Its face and voice may be used again."))
    else:
        consents.withdraw(request.user, asset)
        messages.success(request, _("Consent withdrawn: its face and voice are not used any more."))
    return redirect(picks.back(request, "library:uploads"))


@login_required
@require_POST
def delete_uploads(request: SignedIn) -> HttpResponse:
    """Move the uploads that are picked to the trash."""
    mine = list(Asset.objects.brought(request.user).filter(pk__in=picks.ids(request)))
    for asset in mine:
        uploads.delete(asset)
    picks.say_deleted(request, [asset.pk for asset in mine], restored_at="library:restore_uploads")
    return redirect(picks.back(request, "library:uploads"))


@login_required
@require_POST
def restore_uploads(request: SignedIn) -> HttpResponse:
    """Take the uploads that are picked out of the trash."""
    picks.say_restored(request, uploads.restore(request.user, picks.ids(request)))
    return redirect(picks.back(request, "library:uploads"))


@login_required
@require_POST
def download(request: SignedIn) -> HttpResponseBase:
    """The files of what is picked, as a zip that is written while it is sent."""
    media = zips.picked(request.user, picks.ids(request))
    if not media:
        messages.error(request, _("None of these has a file to download. Choose others."))
        return redirect(picks.back(request, "library:library"))
    return zips.answer(f"cinevivid-{timezone.now():%Y-%m-%d}.zip", zips.zipped(media))


@login_required
def trash(request: SignedIn) -> HttpResponse:
    """What a user has deleted and can still bring back, the latest first; `?of=uploads` for what was brought."""
    jobs, brought = Generation.objects.in_trash(request.user), Asset.objects.in_trash(request.user)
    of_uploads = request.GET.get("of") == "uploads"
    shown: Page[Generation] | Page[Asset]
    if of_uploads:
        shown = page(brought, request.GET, "-deleted_at", PAGE_SIZE)
    else:
        shown = page(jobs.with_assets(), request.GET, "-deleted_at", PAGE_SIZE)
    context = {
        "page": shown,
        "of_uploads": of_uploads,
        "made": jobs.count(),
        "brought": brought.count(),
        "share": storage.share(request.user),
        "days": settings.TRASH_DAYS,
    }
    return render(request, "library/trash.html", context)


@login_required
@require_POST
def purge(request: SignedIn) -> HttpResponse:
    """Delete for good what is picked of the trash."""
    ids = picks.ids(request)
    jobs = Generation.objects.in_trash(request.user).filter(pk__in=ids)
    brought = Asset.objects.in_trash(request.user).filter(pk__in=ids)
    if jobs.exists() or brought.exists():
        free = storage.purge(jobs) + storage.empty_trash(brought)
        messages.success(request, _("Deleted for good. %(size)s are free again.") % {"size": storage.words(free)})
    else:
        messages.error(request, _("Nothing was deleted."))
    return redirect(picks.back(request, "library:trash"))


@login_required
@require_POST
def empty_trash(request: SignedIn) -> HttpResponse:
    """Delete for good everything in the trash."""
    free = storage.empty_all(request.user)
    messages.success(request, _("The trash is empty. %(size)s are free again.") % {"size": storage.words(free)})
    return redirect("library:library")
