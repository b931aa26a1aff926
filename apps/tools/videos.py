"""What the video models offer: lengths, ratios, resolutions and recommended values."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ImproperlyConfigured

from workers.engines.skyreels import cards
from workers.engines.skyreels.cards import ModelCard
from workers.engines.skyreels.request.flags import TEACACHE_THRESHOLD
from workers.engines.skyreels.request.spec import FRAMES_PER_LATENT, is_frame_count, legal_num_frames
from workers.weights import catalog


def _default() -> ModelCard:
    if trouble := catalog.trouble("video"):
        raise ImproperlyConfigured(trouble)
    return cards.get(catalog.chosen("video"))


MODEL = _default()
RELEASED = [card for card in cards.all() if card.released]
MODEL_CHOICES = [(card.id, card.id) for card in RELEASED]  # as the API's description names them
MAX_SECONDS = 61
MIN_FRAMES, MAX_FRAMES = 5, max(card.max_num_frames for card in RELEASED)
RECOMMENDED = (
    *("negative_prompt", "fps", "steps", "guidance_scale", "shift"),
    *("base_num_frames", "overlap_history", "addnoise_condition"),
)


def models() -> list[ModelCard]:
    """Return the models on this machine, the default model first (even when it is not here yet)."""
    here = [card for card in cards.all() if card.id != MODEL.id and card.released and card.folder()]
    return [MODEL, *here]


def lengths(card: ModelCard) -> list[int]:
    """Return the lengths of whole windows that the page offers for a model, in frames."""
    longest = min(card.max_num_frames, MAX_SECONDS * card.fps)
    return legal_num_frames(card.base_num_frames, card.overlap_history, longest)


def usual_length(card: ModelCard) -> int:
    """Return the length that the page starts with, in frames: two windows where the model allows them."""
    return lengths(card)[:2][-1]


def ratios() -> list[tuple[str, str]]:
    """Return the ratios of all models on this machine as form choices."""
    return [("", "Auto"), *((ratio, ratio) for ratio in dict.fromkeys(r for card in models() for r in card.sizes))]


def resolutions() -> list[tuple[str, str]]:
    """Return the resolutions of all models on this machine as form choices."""
    return [("", "The model's"), *((name, name) for name in dict.fromkeys(card.resolution for card in models()))]


def slider_of(card: ModelCard, frames: int | None = None) -> dict[str, int]:
    """Return the attributes of a model's length slider. Its steps are whole windows, or finer to include `frames`."""
    first, *more = whole = lengths(card)
    last, step = whole[-1], more[0] - first if more else 1
    if frames is not None and frames not in whole and is_frame_count(frames) and MIN_FRAMES <= frames <= last:
        first, step = min(first, frames), FRAMES_PER_LATENT
    return {"min": first, "max": last, "step": step, "data-fps": card.fps}


def recommended(card: ModelCard) -> dict[str, Any]:
    """Return the values that a model uses for fields left empty."""
    return {name: getattr(card, name) for name in RECOMMENDED} | {"teacache_thresh": TEACACHE_THRESHOLD}


class ModelSelect(forms.Select):
    """A choice of models. Each option carries, as JSON, what model.js changes on the page when it is chosen."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        card = cards.get(str(value))
        about = {"slider": slider_of(card), "ratios": card.ratios}
        about |= {"placeholders": recommended(card), "picture": card.picture}
        option["attrs"]["data-model"] = json.dumps(about)
        return option
