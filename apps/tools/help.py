"""What a form says about its fields: the help behind each "?", and a sentence for every value that does not fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.forms.utils import pretty_name
from django.templatetags.static import static
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Clip:
    """One of the clips that show what a setting does: the stem of its files in static/help, and what it shows."""

    stem: str
    caption: Any

    @property
    def video(self) -> str:
        return static(f"help/{self.stem}.mp4")

    @property
    def poster(self) -> str:
        return static(f"help/{self.stem}.webp")


@dataclass(frozen=True, slots=True)
class Help:
    """The help of a field; it stands as the field's `help_text`, and as text it is `says` alone.

    `says` what the field does, `when` says when to change it. `drawing` names a template of templates/forms/help, and
    `clips` show two values side by side. `modes` has sentences that hold in some modes of the tool only, by the names
    of these modes with a space between them.
    """

    says: Any
    when: Any = ""
    drawing: str = ""
    clips: tuple[Clip, ...] = ()
    modes: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.says)

    @property
    def whole(self) -> str:
        """Everything that it says, as the API's reference has it."""
        return " ".join(str(part) for part in (self.says, *self.modes.values(), self.when) if part)

    @property
    def template(self) -> str:
        return f"forms/help/{self.drawing}.html" if self.drawing else ""


def explained(says: Any, when: Any = "", **more: Any) -> Any:
    """A field's `help_text` with more behind it than one sentence; see Help. Django prints it as text."""
    return Help(says, when, **more)


def described(form_field: forms.Field) -> str:
    """What the API's reference says about a field."""
    text: Any = form_field.help_text
    return text.whole if isinstance(text, Help) else str(text or form_field.label or "")


def label_of(name: str, form_field: forms.Field) -> str:
    """What people know a field as."""
    return str(form_field.label or pretty_name(name))


def sentences(name: str, form_field: forms.Field) -> dict[str, str]:
    """What is said when a value does not fit a field, by the code of the error. Each names the field.

    Pages and the API say the same. What a field's declaration says itself comes first.
    """
    label = label_of(name, form_field)
    kind = _("enter a number.") if isinstance(form_field, forms.FloatField) else _("enter a whole number.")
    told = {"required": _("fill this in.")}
    if isinstance(form_field, forms.ChoiceField):
        known = [str(value) for value in offered(form_field) if value != ""]
        told["required"] = _("choose one.")
        told["invalid_choice"] = _("“%(value)s” is not offered. Choose {choices}.").format(choices=either(known))
    elif isinstance(form_field, forms.IntegerField):
        told |= {"required": kind, "invalid": kind}
        if form_field.min_value is not None:
            told["min_value"] = _("choose {least} or more.").format(least=form_field.min_value)
        if form_field.max_value is not None:
            told["max_value"] = _("choose {most} or less.").format(most=form_field.max_value)
    elif isinstance(form_field, forms.BooleanField):
        told["invalid"] = _("send true or false.")
    elif isinstance(form_field, forms.CharField):
        told["invalid"] = _("send a text.")
        if form_field.max_length is not None:
            told["max_length"] = _("use at most {most} characters.").format(most=form_field.max_length)
    else:
        told["invalid"] = _("send a file in a multipart form, or the id of an asset.")
    declared = {code: str(text) for code, text in form_field.error_messages.items() if own(form_field, code, text)}
    return {code: naming(label, text) for code, text in (told | declared).items()}


def own(form_field: forms.Field, code: str, text: Any) -> bool:
    """True for a sentence that the declaration of a field brought, and False for one of Django's."""
    return all(text is not cls.__dict__.get("default_error_messages", {}).get(code) for cls in type(form_field).__mro__)


def offered(form_field: forms.ChoiceField) -> list[Any]:
    """The values that a field may have on any machine."""
    known, choices = getattr(form_field, "known", None), _pairs(form_field)
    return [value for value, _label in choices] if known is None else list(known)


def _pairs(form_field: Any) -> list[tuple[Any, Any]]:
    return list(form_field.choices)


def either(values: list[str]) -> str:
    """The values with commas and an "or": "a, b or c"."""
    *first, last = values or [""]
    return _("{first} or {last}").format(first=", ".join(first), last=last) if first else last


def behind_label(sentence: str) -> str:
    """A sentence of its own as it stands behind the name of a field: in lower case, unless its first word is a name."""
    first = sentence.split(" ", 1)[0]
    return sentence if any(letter.isupper() for letter in first[1:]) else sentence[:1].lower() + sentence[1:]


def naming(label: str, text: str) -> str:
    """A sentence with the name of its field before it; without it where the name is a sentence, to be agreed to."""
    if label.endswith("."):
        return text[:1].upper() + text[1:]
    return text if text.startswith(f"{label}:") else f"{label}: {text}"
