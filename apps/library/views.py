"""The library: everything a user has made or is making."""

import json
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.http import SignedIn
from apps.library import storage, uploads
from apps.library.filters import LibraryFilter
from apps.library.models import Asset, Generation

PAGE_SIZE = 24
NAMES = {"num_frames": "Frames", "guidance_scale": "Guidance", "negative_prompt": "Not seen", "model_id": "Model"}
TOLD_APART = ("prompt", "seed", "mode")
FACTS = ("kind", "made_width", "made_height", "seconds", "frames")  # what a tool works out, not what was asked for


@login_required
def library(request: SignedIn) -> HttpResponse:
    """A page of cards, newest first; filters are in the address."""
    jobs = Generation.objects.of(request.user).with_assets()
    found = LibraryFilter(request.GET, queryset=jobs)
    page = Paginator(found.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request, "library/library.html", {"page": page, "filter": found, "share": storage.share(request.user)}
    )


@login_required
def generation(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """One job: what it made, and everything that was made from."""
    mine = Generation.objects.of(request.user)
    job = get_object_or_404(mine.with_assets().select_related("group"), pk=pk)
    asset = job.asset
    begins_with = list(job.inputs.select_related("asset", "source"))
    told_apart = {*TOLD_APART, *FACTS, *(given.name for given in begins_with)}
    if job.engine:
        told_apart.add("model_id")  # the page names the model that made it
    about = {
        "asset": asset,
        "recipe": json.dumps(asset.recipe, indent=2, sort_keys=True) if asset else "",
        "prompt_sent": asset.recipe.get("prompt_sent", "") if asset else "",
        "begins_with": begins_with,
        "values": {
            NAMES.get(name, name.replace("_", " ").capitalize()): value
            for name, value in job.params.items()
            if name not in told_apart and value not in ("", None)
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
    """The pictures and videos that a user has brought."""
    brought = Asset.objects.of(request.user).filter(generation=None).order_by("-created_at")
    page = Paginator(brought, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "library/uploads.html", {"page": page, "share": storage.share(request.user)})


@login_required
@require_POST
def delete_upload(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Move what a user has brought to the trash."""
    uploads.delete(get_object_or_404(Asset.objects.of(request.user), pk=pk, generation=None))
    messages.success(request, "Deleted. What begins with it and is not made yet will not be made.")
    return redirect("library:uploads")


@login_required
@require_POST
def empty_trash(request: SignedIn) -> HttpResponse:
    """Remove the files of everything in the trash for good."""
    free = storage.empty_trash(Asset.objects.filter(user=request.user))
    messages.success(request, f"The trash is empty: {storage.words(free)} are free again.")
    return redirect("library:library")
