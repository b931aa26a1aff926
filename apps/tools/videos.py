"""What the video models of this studio offer: lengths, ratios, and the values that are used where a field is empty."""

import json
from typing import Any

from django import forms

from workers.engines.skyreels import cards
from workers.engines.skyreels.cards import ModelCard
from workers.engines.skyreels.request.flags import TEACACHE_THRESHOLD
from workers.engines.skyreels.request.spec import FRAMES_PER_LATENT, is_frame_count, legal_num_frames
from workers.weights import catalog

MODEL = cards.get(catalog.chosen("video"))  # makes what is asked for without naming a model
RELEASED = [card for card in cards.all() if card.released]
MAX_SECONDS = 61
MIN_FRAMES, MAX_FRAMES = 5, max(card.max_num_frames for card in RELEASED)
RECOMMENDED = (
    *("negative_prompt", "fps", "steps", "guidance_scale", "shift"),
    *("base_num_frames", "overlap_history", "addnoise_condition"),
)


def models() -> list[ModelCard]:
    """The models of this machine, the studio's own first."""
    here = [card for card in cards.all() if card.id != MODEL.id and card.released and card.folder()]
    return [MODEL, *here]


def lengths(card: ModelCard) -> list[int]:
    """The lengths in whole windows that a model is offered in, in frames."""
    longest = min(card.max_num_frames, MAX_SECONDS * card.fps)
    return legal_num_frames(card.base_num_frames, card.overlap_history, longest)


def usual_length(card: ModelCard) -> int:
    """The length that the page starts with: two windows where the model can."""
    return lengths(card)[:2][-1]


def ratios() -> list[tuple[str, str]]:
    """The choices of a ratio: those of any model of this machine."""
    return [("", "Auto"), *((ratio, ratio) for ratio in dict.fromkeys(r for card in models() for r in card.sizes))]


def resolutions() -> list[tuple[str, str]]:
    """The choices of a resolution: those of any model of this machine."""
    return [("", "The model's"), *((name, name) for name in dict.fromkeys(card.resolution for card in models()))]


def slider_of(card: ModelCard, frames: int | None = None) -> dict[str, int]:
    """A model's slider: in whole windows, or finer where `frames` is another length that can be made, to keep it."""
    first, *more = whole = lengths(card)
    last, step = whole[-1], more[0] - first if more else 1
    if frames is not None and frames not in whole and is_frame_count(frames) and MIN_FRAMES <= frames <= last:
        first, step = min(first, frames), FRAMES_PER_LATENT
    return {"min": first, "max": last, "step": step, "data-fps": card.fps}


def recommended(card: ModelCard) -> dict[str, Any]:
    """What a model does where a field is left empty."""
    return {name: getattr(card, name) for name in RECOMMENDED} | {"teacache_thresh": TEACACHE_THRESHOLD}


class ModelSelect(forms.Select):
    """Models; each option carries what the page shows once it is chosen."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        card = cards.get(str(value))
        about = {"slider": slider_of(card), "ratios": card.ratios}
        about |= {"placeholders": recommended(card), "picture": card.picture}
        option["attrs"]["data-model"] = json.dumps(about)
        return option
