"""What the picture models offer: ratios, recommended values, and what they take no notice of."""

import json
import os
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.tools.fields import ModelChoice
from apps.tools.videos import look_reason
from workers.engines.image import cards, plan
from workers.engines.image.cards import ImageCard
from workers.weights import catalog

RATIOS = ("16:9", "9:16", "1:1", "4:3")  # in the order in which the tools show them
# Why a control is greyed: what a model takes no notice of.
IGNORED = {
    "quality": gettext_lazy("This model always takes the same few steps."),
    "negative_prompt": gettext_lazy("This model takes no negative prompt. Say what should be there instead."),
    "guidance_scale": gettext_lazy("This model has learned to work without guidance."),
}


def models() -> list[ImageCard]:
    """Return the models on this machine, the default first (even when it is not here yet)."""
    first = default()
    return [first, *(card for card in cards.all() if card.id != first.id and card.folder())]


def default() -> ImageCard:
    """Return the model that pictures are made with where none is named.

    It is the one that the environment chooses; else the first downloaded one that fits onto the workers' cards, as far
    as their memory is known; else the embedded one.
    """
    chosen = cards.get(catalog.chosen("image"))
    if os.environ.get("CINEVIVID_IMAGE_ENGINE"):
        return chosen
    here = (card for card in cards.all() if not card.of and card.folder() and plan.fits(card, settings.DEVICE_GB))
    return next(here, chosen)


def ratios() -> list[tuple[str, str]]:
    """Return the ratios of all models on this machine as form choices."""
    here = {ratio for card in models() for ratio in card.ratios}
    return [(ratio, ratio) for ratio in RATIOS if ratio in here]


def ignored(card: ImageCard) -> dict[str, str]:
    """Return the fields that a model takes no notice of, each with the reason."""
    return {name: str(IGNORED[name]) for name in card.ignores}


def film_of(model_id: str) -> str:
    """Return the id by which the rules for prompts know a model: a picture model may be a video model's other use."""
    try:
        return catalog.get(model_id).of or model_id
    except KeyError:
        return model_id


class PictureModelSelect(ModelChoice):
    """A choice of models. Each option carries, as JSON, what suit.js changes on the page when it is chosen."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        card = cards.get(str(value))
        about: dict[str, Any] = {"ratios": card.ratios, "ignored": ignored(card), "examples": card.examples}
        about |= {"title": card.title, "limits": _(card.limits) if card.limits else ""}
        about |= {"looks": card.looks, "style": look_reason(card)}
        about |= {"placeholders": {"guidance_scale": card.guidance_scale}}
        about |= {"finishes": self.finishes.get(card.id, {})}
        option["attrs"]["data-suits"] = json.dumps(about)
        return option
