"""Prompts in tools: the fields by which people say what is to be seen, and what a model can be told with them."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.tools import videos
from apps.tools.fields import PlanSelect, StyleSelect, fraction
from apps.tools.help import Clip, explained
from workers.engines.image.cards import ImageCard
from workers.engines.skyreels.cards import ModelCard
from workers.engines.upscale.plan import FACTORS
from workers.prompts.styles import STYLES, styled

MOST = 2000  # characters of a prompt
AVOIDED = _("What should not be seen. Leave empty for the recommended exclusions.")
NOT_HERE = {"invalid_choice": _("%(value)s is not on this machine.")}  # the error of a field of models


def prompt(missing: Any, *, example: str = "", max_length: int = MOST, **kwargs: Any) -> forms.CharField:
    """A field for what is to be seen; `missing` is said where it is empty, `example` is shown there."""
    placeholder = {"placeholder": example} if example else {}
    return forms.CharField(
        label=_("Prompt"),
        max_length=max_length,
        widget=forms.Textarea(attrs={"rows": 3} | placeholder),
        error_messages={"required": missing},
        **kwargs,
    )


def style(says: Any) -> forms.ChoiceField:
    """A field for the look; `says` is its help, in the words of what is made."""
    return forms.ChoiceField(
        label=_("Style"),
        choices=[(key, _(look.title)) for key, look in STYLES.items()],
        initial="realistic",
        widget=StyleSelect,
        help_text=explained(
            says,
            _("Choose one instead of describing the look yourself. A model is offered the looks whose words it knows."),
        ),
    )


def negative_prompt(says: Any = AVOIDED) -> forms.CharField:
    """A field for what is to be avoided."""
    return forms.CharField(
        label=_("Negative prompt"),
        required=False,
        max_length=MOST,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=explained(says, _("Name things, not wishes: “text, blur” rather than “no text”.")),
    )


def guidance(*clips: Clip) -> forms.FloatField:
    """A field for how strictly a video model follows its prompt."""
    return fraction(
        explained(
            _("How strictly the prompt is followed."),
            _("Raise it when something of the prompt is missing, lower it when colours look burnt or motion stiff."),
            clips=clips,
        ),
        1,
        20,
        label=_("Guidance"),
    )


def finish(says: Any, when: Any) -> forms.TypedChoiceField:
    """A field for how much larger the tool Upscale makes what was made."""
    return forms.TypedChoiceField(
        label=_("Finish"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", _("As made")), *((factor, f"× {factor}") for factor in FACTORS)],
        widget=PlanSelect,
        help_text=explained(says, when, drawing="finish"),
    )


def offer_looks(form: Any, card: ModelCard | ImageCard) -> None:
    """Let the field `style` of a form offer the looks of a model, and begin with one of them."""
    widget = form.fields["style"].widget
    widget.offered, widget.reason = card.looks, videos.look_reason(card)
    if not form.is_bound and form["style"].value() not in card.looks:
        form.initial["style"] = card.looks[0]  # of what another model made


def show_example(form: Any, card: ModelCard | ImageCard) -> None:
    """Show a prompt of a model in the empty field of a form."""
    if card.examples:
        form.fields["prompt"].widget.attrs["placeholder"] = card.examples[0]


def refuse_look(form: Any, card: ModelCard | ImageCard, look: str | None) -> None:
    """Add an error to the field `style` of a form where a model does not know the look."""
    if look and look not in card.looks:
        form.add_error("style", videos.look_refused(card))


def refuse_missing(form: Any, card: ModelCard | ImageCard) -> None:
    """Add an error to the field `model_id` of a form where a model was not downloaded."""
    if not card.folder():
        text = _t("{model} is not on this machine yet. Choose another for now.").format(model=card.title)
        form.add_error("model_id", text)


def said(params: Mapping[str, Any]) -> str:
    """Return the prompt with the words of its look."""
    text, look = str(params.get("prompt") or ""), params.get("style")
    return styled(text, look) if text and look else text
