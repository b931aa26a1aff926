"""What the video models offer: lengths, ratios, resolutions and recommended values."""

import json
import math
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.library.models import Asset
from apps.library.uploads import MAX_BYTES
from apps.text import told as told_sentence
from apps.tools.fields import ModelChoice
from apps.tools.help import either
from workers.engines.image.cards import ImageCard
from workers.engines.skyreels import cards
from workers.engines.skyreels.cards import ModelCard
from workers.engines.skyreels.request.flags import TEACACHE_THRESHOLD
from workers.engines.skyreels.request.spec import (
    FRAMES_PER_LATENT,
    frames_for_seconds,
    is_frame_count,
    legal_num_frames,
)
from workers.media.facts import MAX_CLIP_SECONDS
from workers.prompts.styles import STYLES
from workers.weights import catalog


def _default() -> ModelCard:
    if trouble := catalog.trouble("video"):
        raise ImproperlyConfigured(trouble)
    return cards.get(catalog.chosen("video"))


MODEL = _default()
RELEASED = [card for card in cards.all() if card.released]
MODEL_CHOICES = [(card.id, card.id) for card in RELEASED]  # as the API's description names them
MAX_SECONDS = 61
OFFERED_SECONDS = (5, 10, 15)  # lengths that have a button of their own
USUAL_FPS = 24  # of a clip whose rate was not told when it was uploaded
MIN_FRAMES, MAX_FRAMES = 5, max(card.max_num_frames for card in RELEASED)
RECOMMENDED = (
    *("negative_prompt", "fps", "steps", "guidance_scale", "shift"),
    *("base_num_frames", "overlap_history", "addnoise_condition"),
)


def card_of(model_id: str) -> ModelCard:
    """Return the card of a released model, and of the default model for any other id."""
    return next((card for card in RELEASED if card.id == model_id), MODEL)


def example() -> str:
    """Return the prompt that an empty field shows."""
    return next(iter(MODEL.examples), "")


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


def ratios() -> list[tuple[str, Any]]:
    """Return the ratios of all models on this machine as form choices."""
    return [
        ("", gettext_lazy("Auto")),
        *((ratio, ratio) for ratio in dict.fromkeys(r for card in models() for r in card.sizes)),
    ]


def resolutions() -> list[tuple[str, Any]]:
    """Return the resolutions of all models on this machine as form choices."""
    return [
        ("", gettext_lazy("Set by the model")),
        *((name, name) for name in dict.fromkeys(card.resolution for card in models())),
    ]


def slider_of(card: ModelCard, frames: int | None = None) -> dict[str, int]:
    """Return the attributes of a model's length slider: from one window, or `frames` where these are less, up.

    Of a model that goes on past a window every length of its VAE is a step; others make one length only.
    """
    whole = lengths(card)
    first, last = whole[0], whole[-1]
    if frames is not None and is_frame_count(frames) and MIN_FRAMES <= frames < first:
        first = frames
    window = {"data-window": card.base_num_frames, "data-added": card.base_num_frames - card.overlap_history}
    return {"min": first, "max": last, "step": FRAMES_PER_LATENT, "data-fps": card.fps} | window


def seconds_of(card: ModelCard) -> list[tuple[int, int]]:
    """Return the whole seconds that a model is offered for, each with the nearest legal length in frames."""
    whole = lengths(card)
    offered = [(seconds, frames_for_seconds(seconds, card.fps)) for seconds in OFFERED_SECONDS]
    return [(seconds, frames) for seconds, frames in offered if whole[0] <= frames <= whole[-1]]


def look_refused(card: ModelCard | ImageCard) -> str:
    """Say that a model does not know a look, and which it knows."""
    looks = either([_(STYLES[look].title) for look in card.looks])
    return _("{model} does not know this look. Choose {looks}.").format(model=card.id, looks=looks)


def look_reason(card: ModelCard | ImageCard) -> str:
    """Say why some looks cannot be chosen with a model; empty where all can."""
    if len(card.looks) == len(STYLES):
        return ""
    return _("{model} does not know the words of the other looks.").format(model=card.id)


def tips_of(card: ModelCard) -> list[str]:
    """Return how to write a prompt for a model, in words for people."""
    return [told_sentence(tip) for tip in card.tips]


def told(card: ModelCard, frames: int) -> str:
    """Say a length: its seconds, frames and windows, as length.js does while the slider moves."""
    beyond = max(0, frames - card.base_num_frames)
    windows = 1 + math.ceil(beyond / (card.base_num_frames - card.overlap_history))
    counted = ngettext("{count} window", "{count} windows", windows).format(count=windows)
    return _("{seconds} s · {frames} frames · {windows}").format(
        seconds=f"{frames / card.fps:.1f}", frames=frames, windows=counted
    )


def recommended(card: ModelCard) -> dict[str, Any]:
    """Return the values that a model uses for fields left empty."""
    return {name: getattr(card, name) for name in RECOMMENDED} | {"teacache_thresh": TEACACHE_THRESHOLD}


def cut(width: int, height: int, to_width: int, to_height: int) -> str:
    """Say what is cut off a picture that is fitted into another shape; empty below 1 %."""
    shape = math.gcd(to_width, to_height)
    words = {"ratio": f"{to_width // shape}:{to_height // shape}"}
    if (lost := round(100 * (1 - height * to_width / (width * to_height)))) > 0:
        return _("Cut to %(ratio)s: %(lost)d %% of the width is lost.") % (words | {"lost": lost})
    if (lost := round(100 * (1 - width * to_height / (height * to_width)))) > 0:
        return _("Cut to %(ratio)s: %(lost)d %% of the height is lost.") % (words | {"lost": lost})
    return ""


def refuse_long(form: Any, name: str, clip: Asset, most: float = MAX_CLIP_SECONDS) -> bool:
    """Add an error to the field of a clip that is longer than `most` seconds; returns whether it is."""
    if clip.seconds <= most:
        return False
    text = _("this video is {seconds:.0f} s long. Choose one of at most {most:.0f} s.")
    form.add_error(name, text.format(seconds=clip.seconds, most=most))
    return True


def refuse_file(form: Any, name: str, asset: Asset) -> None:
    """Add an error to the field of a file that is longer or larger than a worker reads."""
    if not refuse_long(form, name, asset) and asset.bytes > (most := MAX_BYTES[Asset.Kind(asset.kind)]):
        text = _("this file is too large. Choose one of at most {most} MB.")
        form.add_error(name, text.format(most=most // 1_000_000))


class ModelSelect(ModelChoice):
    """A choice of models. Each option carries, as JSON, what model.js changes on the page when it is chosen."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        card = cards.get(str(value))
        about: dict[str, Any] = {"slider": slider_of(card), "ratios": card.ratios}
        about |= {
            "sizes": card.sizes,
            "seconds": dict(seconds_of(card)),
            "examples": card.examples,
            "title": card.title,
        }
        about |= {
            "placeholders": recommended(card),
            "picture": card.picture,
            "limits": _(card.limits) if card.limits else "",
        }
        about |= {"looks": card.looks, "style": look_reason(card), "tips": tips_of(card)}
        about |= {"finishes": self.finishes.get(card.id, {})}
        option["attrs"]["data-model"] = json.dumps(about)
        return option
