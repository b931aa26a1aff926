"""Upscale: pictures and films, larger and smoother."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset, Generation
from apps.library.uploads import MAX_BYTES
from apps.tools import prices
from apps.tools.fields import AssetField, CatalogueField
from apps.tools.registry import Stoppable, ToolForm, register
from workers.base import EngineError
from workers.engines.upscale import cards
from workers.engines.upscale.plan import FACTORS, HEIGHTS, target
from workers.media.facts import MAX_CLIP_SECONDS
from workers.weights import catalog

USUAL_FPS = 24  # of a clip whose rate was not told when it was uploaded
MAX_FPS = 60
FRAMES_OF_A_SECOND = 30  # what a second of film has at most for the usual price
EFFORT_OF_A_TIER = 6  # a model that works six times as hard for a pixel still has the usual price
SMOOTHING = 2  # times the price and the work of enlarging alone


def models() -> list[cards.UpscaleCard]:
    """Return the models on this machine, the chosen one first."""
    here = [card for card in cards.all() if card.folder()]
    return sorted(here, key=lambda card: card.id != catalog.chosen("upscale"))


class UpscaleForm(ToolForm):
    source = AssetField(
        "image",
        "video",
        use="Upscale",
        label="Picture or film",
        help_text="At most 4K comes out: 3840 × 2160, lying or standing.",
    )
    factor = forms.TypedChoiceField(
        label="Size",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", f"× {FACTORS[0]}, or to the height below"), *((factor, f"× {factor}") for factor in FACTORS)],
        help_text=f"Instead of a height. With neither, it is × {FACTORS[0]}.",
    )
    height = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "By the size above"), (HEIGHTS[0], "1080, Full HD"), (HEIGHTS[1], "2160, 4K")],
        help_text="Pixels of the shorter side. Instead of a factor.",
    )
    fps = forms.IntegerField(
        label="Smoother motion",
        required=False,
        min_value=1,
        max_value=MAX_FPS,
        help_text=f"Frames a second, up to {MAX_FPS}, of a film. Empty: as it is.",
    )
    model_id = CatalogueField(
        label="Model",
        required=False,
        known=(card.id for card in cards.all()),
        choices=lambda: [("", "The studio's own"), *((card.id, f"{card.title}: {card.good_for}") for card in models())],
        error_messages={"invalid_choice": "%(value)s is not on this machine."},
        help_text="Those on this machine.",
    )

    advanced: ClassVar[Mapping[str, tuple[str, ...]]] = {"Model and motion": ("fps", "model_id")}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        source: Asset | None = data.get("source")
        if source is None:
            if "source" not in self.errors:
                missing = "Choose the picture or the film that is to be larger."
                self.add_error("source", forms.ValidationError(missing, code="required"))
            return data
        factor, height, fps = data.get("factor"), data.get("height"), data.get("fps")
        if factor and height:
            self.add_error("height", "Choose either a factor or a height.")
        if self.errors:
            return data
        factor = factor or (None if height else FACTORS[0])
        try:
            width, lines = target(source.width, source.height, factor=factor, to_height=height)
        except EngineError as error:
            self.add_error("height" if height else "factor", error.public_text)
            return data
        if source.seconds > MAX_CLIP_SECONDS:
            text = f"This film is {source.seconds:.0f} s long; one that is made larger has at most "
            self.add_error("source", f"{text}{MAX_CLIP_SECONDS:.0f} s.")
        elif source.bytes > (most := MAX_BYTES[Asset.Kind(source.kind)]):
            self.add_error("source", f"This file has more than {most // 1_000_000} MB, the most that is read again.")
        if fps and source.kind == Asset.Kind.IMAGE:
            self.add_error("fps", "A picture does not move: leave this empty.")
        elif fps and source.fps and fps < source.fps:
            instead = f"ask for more, up to {MAX_FPS}" if source.fps < MAX_FPS else "leave this empty"
            self.add_error("fps", f"The film has {source.fps:g} frames a second: {instead}.")
        if fps == source.fps:
            fps = None  # as it is, which costs no more
        made = {"kind": source.kind, "made_width": width, "made_height": lines}
        if source.kind == Asset.Kind.VIDEO:
            frames = source.frames or round(source.seconds * (source.fps or USUAL_FPS)) or 1
            made |= {"seconds": source.seconds, "frames": frames}
        given = {"source": source, "factor": factor, "height": height, "fps": fps, "model_id": data.get("model_id")}
        return {name: value for name, value in (given | made).items() if value not in (None, "")}


@register
class Upscale(Stoppable):
    """Make a picture or a film two or four times as large, or bring it to 1080 or 2160 lines. A film can be made to
    move more smoothly at the same time; its sound stays as it is."""

    slug = "upscale"
    title = "Upscale"
    tagline = "Pictures and films, larger and clearer."
    icon = "arrows-pointing-out"
    task = kind = "upscale"
    verb = "Upscale"
    noun, nouns = "enlargement", "enlargements"
    compares = "source"
    examples = {
        _("A picture from your disk"): {"source": "@picture.png", "factor": "2"},
        _("A film of your library"): {"source": "$FILE_ID", "factor": "2"},
    }
    form_class = UpscaleForm

    def price(self, params: Mapping[str, Any]) -> int:
        rate = prices.rate("upscale").credits * self._tier(params)
        if params["kind"] == Asset.Kind.IMAGE:
            return prices.whole(rate)
        seconds = max(params["seconds"], params["frames"] / FRAMES_OF_A_SECOND)
        return prices.whole(rate * seconds * (SMOOTHING if params.get("fps") else 1))

    def price_of_part(self, job: Generation, frames: int) -> int:
        whole: int = job.params["frames"]
        if fps := job.params.get("fps"):
            whole = max(whole, round(job.params["seconds"] * fps))
        return math.ceil(job.cost * min(1.0, frames / whole))

    def models(self, params: Mapping[str, Any]) -> set[str]:
        return super().models(params) | ({catalog.chosen("interpolation")} if params.get("fps") else set())

    def work(self, params: Mapping[str, Any]) -> float:
        """Pixels that come out, each as much as the model works for it."""
        smooth = SMOOTHING if params.get("fps") else 1
        return float(
            params["made_width"] * params["made_height"] * params.get("frames", 1) * smooth * self._effort(params)
        )

    def _effort(self, params: Mapping[str, Any]) -> float:
        return cards.get(params.get("model_id") or catalog.chosen("upscale")).effort

    def _tier(self, params: Mapping[str, Any]) -> int:
        """How many times the usual price a model costs."""
        return math.ceil(self._effort(params) / EFFORT_OF_A_TIER)

    def summary(self, params: Mapping[str, Any]) -> str:
        size = f"{params['made_width']} × {params['made_height']}"
        if params["kind"] == Asset.Kind.IMAGE:
            return size
        return f"{size} · {params['seconds']:.1f} s" + (
            f" · {params['fps']} frames a second" if params.get("fps") else ""
        )

    def job_title(self, params: Mapping[str, Any]) -> str:
        source = params["source"]
        if isinstance(source, Generation):
            name = source.title  # it begins with what another job will have made
        else:
            asset = Asset.objects.filter(pk=source).select_related("generation").first()
            name = asset.name if asset else "Upload"
        return f"{name}, {params['made_width']} × {params['made_height']}"
