"""The library: everything a user has made or is making."""

import json
import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from apps.accounts.http import SignedIn
from apps.library.filters import LibraryFilter
from apps.library.models import Generation

PAGE_SIZE = 24


@login_required
def library(request: SignedIn) -> HttpResponse:
    """A page of cards, newest first; filters are in the address."""
    jobs = Generation.objects.of(request.user).with_assets()
    found = LibraryFilter(request.GET, queryset=jobs)
    page = Paginator(found.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "library/library.html", {"page": page, "filter": found})


@login_required
def generation(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """One film: the player, and everything it was made from."""
    mine = Generation.objects.of(request.user)
    job = get_object_or_404(mine.with_assets(), pk=pk)
    asset = job.asset
    recipe = json.dumps(asset.recipe, indent=2, sort_keys=True) if asset else ""
    walk = {
        "newer": mine.filter(created_at__gt=job.created_at).last(),
        "older": mine.filter(created_at__lt=job.created_at).first(),
    }
    return render(request, "library/generation.html", {"job": job, "asset": asset, "recipe": recipe, **walk})
