"""What is done with style presets: saved from a form, put into one, ordered, previewed, deleted and brought back."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library.models import Generation
from apps.text import tidy
from apps.tools import registry, services
from apps.tools.fields import CatalogueField
from apps.tools.models import MAX_WORDS, Preset
from apps.tools.registry import Tool

MOST = 100  # of one user
NEGATIVE = "negative_prompt"
# The settings that are a matter of looks, in any tool; what is in a film, and how long it is, are not.
SETTINGS = (
    *("style", "ratio", "finish", "model_id", "resolution", "quality", "steps", "guidance_scale", "shift", "fps"),
    *("strength", "overlap_history", "overlap", "addnoise_condition", "ar_step", "causal_block_size"),
    *("teacache", "teacache_thresh", "use_ret_steps"),
)
PICTURES = "text2image"  # the tool that makes previews
PREVIEWED = "a red star in the night sky"  # in words that every model knows


class PresetGone(StudioError):
    """A preset asks for something that is not here any more."""

    code = "preset_gone"


def takes(tool: Tool) -> bool:
    """Whether a tool has looks, and so takes presets."""
    return "style" in tool.form_class.base_fields


def gone(preset: Preset) -> str:
    """Say what a preset needs that is not on this machine any more; empty where all is here."""
    tool = registry.get(preset.tool)
    if tool is None:
        return _("The tool that it was made in is not here any more.")
    for name, value in preset.params.items():
        field = tool.form_class.base_fields.get(name)
        if name == "model_id" and isinstance(field, CatalogueField) and not _fits(field, value):
            return _("Its model %(model)s is not on this machine.") % {"model": value}
    return ""


def _fits(field: forms.Field, value: Any) -> bool:
    try:
        field.clean(str(value))
    except forms.ValidationError:
        return False
    return True


def save(
    user: User, tool: Tool, data: Mapping[str, Any], *, name: str = "", words: str = "", shared: bool = False
) -> Preset:
    """Save the look of a form as it is filled in. Raises StudioError where it does not fit, or there are too many."""
    fields, usual = tool.form_class.base_fields, tool.form_class.page_data()
    params: dict[str, Any] = {}
    for each in SETTINGS:
        value = data.get(each)
        if each not in fields or value in (None, "") or (each != "style" and str(value) == str(usual.get(each, ""))):
            continue
        try:
            params[each] = fields[each].clean(value)
        except forms.ValidationError as error:
            label = str(fields[each].label)
            raise StudioError(f"{label}: {error.messages[0]}", code="validation_failed") from error
    negative = tidy(str(data.get(NEGATIVE) or ""))
    if len(negative) > MAX_WORDS:
        raise StudioError(_("Its negative prompt is too long for a preset."), code="validation_failed")
    mine = Preset.objects.own(user)
    if mine.count() >= MOST:
        raise StudioError(_("You have %(most)d presets. Delete one first.") % {"most": MOST}, code="validation_failed")
    last = mine.aggregate(last=Max("position"))["last"]
    name = name or _("Preset %(number)d") % {"number": mine.count() + 1}
    position = 0 if last is None else last + 1
    told = {"name": name, "words": words, "shared": shared, "negative": negative, "position": position}
    return Preset.objects.create(user=user, tool=tool.slug, params=params, **told)


def applied(preset: Preset, tool: Tool, given: Mapping[str, Any], others: Iterable[Preset] = ()) -> dict[str, Any]:
    """Return what a form says with a preset in it. The words of `others` that were put in before are taken out.

    Settings that this tool does not have, or has other values for, stay as they are. Raises PresetGone.
    """
    if told := gone(preset):
        raise PresetGone(f"{preset.name}: {told}")
    fields, found = tool.form_class.base_fields, dict(given)
    found |= {name: value for name, value in preset.params.items() if name in fields and _fits(fields[name], value)}
    others = [each for each in others if each.pk != preset.pk]
    for name, words in ((tool.text, "words"), (NEGATIVE, "negative")):
        if name in fields and isinstance(given.get(name) or "", str):  # what is no text is refused by the form
            before = [getattr(each, words) for each in (*others, preset)]
            found[name] = joined(_without(str(given.get(name) or ""), before), getattr(preset, words))
    return found


def joined(text: str, words: str) -> str:
    """A text with more words behind it."""
    return ", ".join(filter(None, [text.strip().rstrip(","), words]))


def _without(text: str, endings: Iterable[str]) -> str:
    for words in filter(None, endings):
        if text == words:
            return ""
        text = text.removesuffix(f", {words}")
    return text


def move(preset: Preset, by: int) -> None:
    """Move a preset of its owner up (-1) or down (1) among theirs."""
    with transaction.atomic():
        order = list(Preset.objects.own(preset.user).select_for_update().order_by("position", "created_at"))
        place = next(number for number, each in enumerate(order) if each.pk == preset.pk)
        to = min(max(place + by, 0), len(order) - 1)
        order.insert(to, order.pop(place))
        for number, each in enumerate(order):
            each.position = number
        Preset.objects.bulk_update(order, ["position"])


def delete(preset: Preset) -> None:
    Preset.objects.filter(pk=preset.pk).update(deleted_at=timezone.now())


def restore(preset: Preset) -> None:
    Preset.objects.filter(pk=preset.pk).update(deleted_at=None)


def remove_deleted() -> None:
    """Remove presets for good that were deleted longer ago than the trash keeps things."""
    Preset.objects.filter(deleted_at__lt=timezone.now() - timedelta(days=settings.TRASH_DAYS)).delete()


def make_preview(preset: Preset) -> Generation:
    """Have a picture made with a preset, which then shows how it looks. Raises what `submit` raises, and PresetGone."""
    tool = registry.get(PICTURES)
    if tool is None:
        raise StudioError(code="configuration")
    given = applied(preset, tool, {**tool.form_class.page_data(), "prompt": PREVIEWED, "count": 1})
    form = tool.form_class({name: value for name, value in given.items() if value is not None}, user=preset.user)
    if not form.is_valid():
        raise StudioError(registry.first_error(form), code="validation_failed")
    job = services.submit(preset.user, tool, form.params)
    Preset.objects.filter(pk=preset.pk).update(preview_job=job, preview=None)
    return job
