"""Prompt: a longer prompt, beside the one that was written."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.tools import pictures, prices, prompting, videos
from apps.tools.fields import CatalogueField, SeedField
from apps.tools.help import explained
from apps.tools.registry import Tool, ToolForm, register
from apps.tools.videos import RELEASED
from workers.engines.image import cards as image_cards
from workers.engines.instruct import cards
from workers.prompts.compose import ENGINE, MAX_JSON, written
from workers.prompts.shot import PromptError
from workers.weights import catalog


def engines() -> list[tuple[str, str]]:
    """Return what writes prompts on this machine, as form choices; the choice of the studio first."""
    chosen = catalog.chosen("prompt")
    here = [card for card in cards.all() if card.folder() and cards.fits(card, settings.DEVICE_GB)]
    return [(card.id, card.title) for card in sorted(here, key=lambda card: card.id != chosen)]


class PromptForm(ToolForm):
    prompt = prompting.prompt(_("write what should be seen."), example=videos.example(), max_length=MAX_JSON)
    target = forms.ChoiceField(
        label=_("For a video"),
        required=False,
        choices=[("t2v", _("from words")), ("i2v", _("that begins with an image"))],
        help_text=_("An image shows how things look, so only motion is added."),
    )
    model_id = CatalogueField(
        label=_("For model"),
        required=False,
        known=(*(card.id for card in RELEASED), *(card.id for card in image_cards.all())),
        choices=lambda: [(card.id, card.title) for card in (*videos.models(), *pictures.models())],
        help_text=_("The suggestion uses words that this model knows."),
    )
    engine = CatalogueField(
        label=_("Written by"),
        required=False,
        known=(card.id for card in cards.all()),
        error_messages=prompting.NOT_HERE,
        choices=engines,
        help_text=explained(
            _("What writes your prompt: the studio's own rules, or a language model."),
            _("Rules answer at once. A model takes longer and finds words of its own."),
        ),
    )
    seed = SeedField(
        help_text=explained(
            _("The same seed makes the same suggestion again. Leave empty for a new one each time."),
            _("Lock it while you change your words, so that you see what they change."),
        )
    )

    advanced = {_("Writing"): ("engine", "seed")}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["engine"] = data.get("engine") or catalog.chosen("prompt")
        data["target"] = data.get("target") or "t2v"
        data["model_id"] = pictures.film_of(data.get("model_id") or videos.MODEL.id)
        if "prompt" in self.errors or not data.get("prompt"):
            return data
        try:
            written(data["prompt"], data["target"])
        except PromptError as error:
            self.refuse_prompt(error)
        return data


@register
class PromptTool(Tool):
    """A rough prompt as a full one, in the shot grammar."""

    slug = "prompt"
    about = _(
        "Turn a rough prompt into a full one in the words that the video model has learned: shot, angle, light and "
        "camera motion. Your own words stay, and you decide whether to take it."
    )
    title = _("Prompt")
    tagline = _("A fuller prompt from a few words.")
    icon = "pencil-square"
    task = kind = "prompt"
    verb = _("Suggest")
    noun, nouns = _("prompt"), _("prompts")
    result_template = "prompts/result.html"
    batches = False
    examples = {_("A few words"): {"prompt": "a swan glides over a lake", "seed": 7}}
    form_class = PromptForm
    prefill = ("prompt", "target", "model_id")

    def price(self, params: Mapping[str, Any]) -> int:
        """Nothing for the rules; the rate of a text for a model."""
        return 0 if params.get("engine") == ENGINE else prices.rate("writing").credits

    def models(self, params: Mapping[str, Any]) -> set[str]:
        return {str(params["engine"])} if params.get("engine") else set()

    def queue_of(self, params: Mapping[str, Any]) -> str:
        return "cpu" if params.get("engine") == ENGINE else "gpu"

    def is_instant(self, params: Mapping[str, Any]) -> bool:
        return params.get("engine") == ENGINE

    def summary(self, params: Mapping[str, Any]) -> str:
        return cards.get(params["engine"]).title
