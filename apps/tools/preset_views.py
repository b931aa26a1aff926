"""Style presets: those that one has, what one is made of, and their pictures."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.http import SignedIn, asking
from apps.accounts.models import User
from apps.errors import StudioError
from apps.library import picks
from apps.library.ids import as_uuid
from apps.library.models import Asset
from apps.serving import stored
from apps.tools import presets, registry
from apps.tools.help import label_of
from apps.tools.models import Preset

SHELF = 12  # of the newest files that can show how one looks


class PresetForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Preset
        fields = ["name", "words", "negative", "shared"]
        labels = {
            "name": gettext_lazy("Name"),
            "words": gettext_lazy("Words for the prompt"),
            "negative": gettext_lazy("Words for the negative prompt"),
            "shared": gettext_lazy("Share it with everybody of the studio"),
        }
        help_texts = {
            "words": gettext_lazy("Put behind your prompt, such as: golden hour, long shadows."),
            "negative": gettext_lazy("What should not be seen, such as: text, blur."),
            "shared": "",
        }
        widgets = {"words": forms.Textarea(attrs={"rows": 2}), "negative": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not user.is_staff:
            del self.fields["shared"]


def _own(user: User, pk: uuid.UUID) -> Preset:
    return get_object_or_404(Preset.objects.own(user), pk=pk)


@login_required
@require_safe
def mine(request: SignedIn) -> HttpResponse:
    """The presets of a user, in their order, and those that are shared with everybody."""
    found = list(Preset.objects.of(request.user))
    rows = [(each, presets.gone(each)) for each in found]
    own = [row for row in rows if row[0].user_id == request.user.pk]
    shared = [row for row in rows if row[0].user_id != request.user.pk]
    return render(request, "tools/presets.html", {"own": own, "shared": shared, "tools": _tools()})


def _tools() -> list[registry.Tool]:
    return [tool for tool in registry.tools() if presets.takes(tool)]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """What a preset is made of, to be changed."""
    preset = _own(request.user, pk)
    sent = request.POST if request.method == "POST" else None
    form = PresetForm(sent, instance=preset, user=request.user)
    newest = Asset.objects.of(request.user).filter(kind__in=("image", "video")).exclude(poster="")
    if form.is_valid():
        chosen = request.POST.get("preview", "")
        if chosen and (asset := newest.filter(pk__in=[chosen] if as_uuid(chosen) else []).first()):
            preset.preview = asset
        form.save()
        if "make" in request.POST:
            return _previewed(request, preset)
        messages.success(request, _("Saved."))
        return redirect("tools:presets")
    context = {
        "preset": preset,
        "form": form,
        "gone": presets.gone(preset),
        "settings": _settings(preset),
        "shelf": newest.order_by("-created_at")[:SHELF],
        "tools": _tools(),
    }
    return render(request, "tools/preset.html", context, status=422 if form.is_bound else 200)


def _settings(preset: Preset) -> list[tuple[str, Any]]:
    """The settings of a preset, as the page of its tool calls them."""
    tool = registry.get(preset.tool)
    fields = tool.form_class.base_fields if tool else {}
    found = []
    for name, value in preset.params.items():
        choices: Any = getattr(fields.get(name), "choices", ())
        titles = {str(choice): title for choice, title in choices}
        found.append((label_of(name, fields[name]) if name in fields else name, titles.get(str(value), value)))
    return found


@login_required
@require_POST
def act(request: SignedIn, pk: uuid.UUID, verb: str) -> HttpResponse:
    """Move a preset up or down, delete it, or bring it back."""
    if verb == "restore":
        preset = get_object_or_404(Preset, user=request.user, pk=pk)
        presets.restore(preset)
        messages.success(request, _("Restored."))
        # The toast that asks stands on the page of them all.
        return HttpResponseClientRedirect(reverse("tools:presets")) if request.htmx else redirect("tools:presets")
    preset = _own(request.user, pk)
    if verb in ("up", "down"):
        presets.move(preset, -1 if verb == "up" else 1)
    elif verb == "delete":
        presets.delete(preset)
        restored_at = reverse("tools:preset_act", args=[pk, "restore"])
        messages.success(
            request, _("“%(name)s” is deleted.") % {"name": preset.name}, extra_tags=picks.undo(restored_at)
        )
    else:
        raise Http404
    return redirect("tools:presets")


def _previewed(request: SignedIn, preset: Preset) -> HttpResponse:
    """Have a picture of a preset made, and say so on the page of them all."""
    try:
        presets.make_preview(preset)
    except StudioError as error:
        messages.error(request, error.public_text)
    else:
        messages.success(request, _("Its picture is being made. It appears here when it is done."))
    return redirect("tools:presets")


@login_not_required
@require_safe
async def picture(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The picture of a preset, for everybody who may use it."""
    user = await asking(request)
    preset = await Preset.objects.of(user).filter(pk=pk).afirst() if user else None
    found = preset.picture if preset else None
    if not found:
        raise Http404
    return await stored(request, found.poster.storage, str(found.poster.name), f"{found.pk.hex}-poster", changes=True)
