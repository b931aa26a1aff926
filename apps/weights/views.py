"""The models page, where the staff download, verify and remove weights."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import structlog
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from apps.accounts.http import SignedIn
from apps.errors import StudioError
from apps.weights.needs import needed
from apps.weights.queue import send
from apps.weights.templatetags.weights import as_id
from workers.base import EngineError
from workers.weights import folder, store

log = structlog.get_logger(__name__)
P = ParamSpec("P")
DONE = {"cancel": _("{} is stopped. What was downloaded is kept."), "remove": _("{} is removed.")}


def staff_only(view: Callable[Concatenate[SignedIn, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Send visitors to the sign-in page, and answer 404 to whoever is not of the staff."""

    @login_required
    @never_cache
    @wraps(view)
    def guarded(request: SignedIn, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@staff_only
@require_GET
def models(request: HttpRequest) -> HttpResponse:
    """Every model of the catalogue with its state on this machine."""
    return render(request, "weights/models.html", page_of(store.statuses()))


@staff_only
@require_GET
def model(request: SignedIn, model_id: str) -> HttpResponse:
    """One row of the page. While the model is worked on, the page asks every two seconds and gets the progress only."""
    now = status_of(model_id)
    if not request.htmx:
        return redirect("models")
    if now.active:
        return render(request, "weights/models.html#progress", {"now": now})
    return reswap(retarget(row(request, now), f"#model-{as_id(model_id)}"), "outerHTML")


@staff_only
@require_POST
def act(request: SignedIn, model_id: str, verb: str) -> HttpResponse:
    """Download, cancel, verify or remove a model."""
    now = status_of(model_id)
    try:
        if verb in ("download", "verify"):
            store.queue(model_id, verb)
            send(model_id, verb)
        elif verb == "cancel":
            store.cancel(model_id)
        elif verb == "remove":
            store.evict(model_id, force=request.POST.get("force") == "yes", needed=needed())
        else:
            raise Http404
    except EngineError as error:
        raise StudioError(error.public_text, code=error.code) from error
    log.info("model_asked", model=model_id, verb=verb, user=request.user.pk)
    if request.htmx:
        return row(request, status_of(model_id))
    if verb in DONE:
        messages.success(request, str(DONE[verb]).format(now.card.title))
    return redirect("models")


def status_of(model_id: str) -> store.Status:
    """Return the state of a model on this machine. Raises Http404."""
    try:
        return store.status(model_id)
    except EngineError:
        raise Http404(f"No model is called {model_id!r}.") from None


def row(request: HttpRequest, now: store.Status) -> HttpResponse:
    """Answer with the row of one model."""
    return render(request, "weights/models.html#row", page_of([now]) | {"now": now})


def page_of(found: list[store.Status]) -> dict[str, Any]:
    """Return what the template shows of these models and of the disk."""
    return {"statuses": found, "free": folder.free_bytes(), "folder": folder.root()}
