"""Where credits came from and went."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render

from apps.accounts.http import SignedIn
from apps.billing import services

PAGE_SIZE = 50


@login_required
def credits(request: SignedIn) -> HttpResponse:
    """The wallet, what is held, and every movement."""
    page = Paginator(services.history(request.user), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "billing/credits.html", {"page": page, "held": services.held(request.user)})


@login_required
def receipt(request: SignedIn, reference: str) -> HttpResponse:
    """What one job did to the wallet: its transfers."""
    if not services.history(request.user).filter(reference=reference).exists():
        raise Http404
    return render(request, "billing/receipt.html", {"receipt": services.receipt(reference)})
