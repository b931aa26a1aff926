"""The library of voices: look for one, listen to it, mark it, and have one made of one's own."""

import asyncio
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, login_required
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.http import SignedIn, asking
from apps.bodies import takes_files
from apps.errors import StudioError
from apps.serving import stored
from apps.voices import samples, services
from apps.voices.forms import STATEMENT, CloneForm, SearchForm, choices_of


@takes_files
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def library(request: SignedIn) -> HttpResponse:
    """Every voice, found by the address; a POST has one made from recordings."""
    form = CloneForm(request.POST or None, request.FILES or None) if request.method == "POST" else CloneForm()
    if request.method == "POST":
        if not services.can_clone():
            raise StudioError(_("This studio makes no voices from recordings."), code="voice_not_cloned")
        if form.is_valid():
            given = form.cleaned_data
            try:
                voice = services.clone(
                    request.user, given["name"], given["speaker"], str(STATEMENT), given["recordings"]
                )
            except StudioError as error:
                form.add_error("recordings", error.public_text)
            else:
                messages.success(request, _("“%(name)s” is one of your voices now.") % {"name": voice.name})
                return redirect("voices:library")
    return render(request, "voices/library.html", _page(request, form), status=422 if form.is_bound else 200)


def _page(request: SignedIn, form: CloneForm) -> dict[str, Any]:
    search = SearchForm(request.GET)
    try:
        mine, found, problem = services.of(request.user), services.search(request.user, search.search), ""
    except StudioError as error:
        mine, found, problem = [], [], error.public_text
    engines = {voice.engine for voice in mine}
    return {
        "found": found,
        "problem": problem,
        "form": form,
        "can_clone": not problem and services.can_clone(),
        "stand_ins": [voice for voice in mine if voice.stands_for],
        "filtered": any(request.GET.get(name) for name in search.fields),
        "sexes": services.SEXES.items(),
        "engines": [(key, name) for key, name in services.ENGINES.items() if key in engines],
        "quota": services.quota() if request.user.is_staff else None,
        **choices_of(mine),
    }


@login_required
@require_POST
def favourite(request: SignedIn, slug: str) -> HttpResponse:
    """Mark a voice as a favourite, or with `off` take the mark away."""
    liked = not request.POST.get("off")
    services.like(request.user, slug, liked)
    if request.htmx:
        listed = next(
            (each for each in services.search(request.user, services.Search()) if each.voice.slug == slug), None
        )
        return render(request, "voices/favourite.html", {"listed": listed or {"voice": {"slug": slug}}})
    return redirect(f"{reverse('voices:library')}#voice-{slug}")


@login_required
@require_POST
def withdraw(request: SignedIn, slug: str) -> HttpResponse:
    """Take the consent to a voice of one's own back, and the voice with it."""
    services.withdraw(request.user, slug)
    messages.success(request, _("The voice is deleted here. ElevenLabs deletes it as soon as it answers."))
    return redirect("voices:library")


@login_not_required
@require_safe
async def sample(request: HttpRequest, slug: str) -> HttpResponseBase:
    """A sentence in this voice, made once: by session or API token, and by range."""
    user = await asking(request)
    if user is None:
        raise Http404
    try:
        voice = await asyncio.to_thread(services.get, user, slug)
    except StudioError as error:
        raise Http404 from error
    path = await samples.ready(voice)
    if not path:
        raise StudioError(_("This voice cannot be heard right now."), code="studio_busy")
    return await stored(request, default_storage, path, path.rpartition("/")[2])
