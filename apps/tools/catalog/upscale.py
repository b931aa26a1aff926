"""Upscale: pictures and films, larger and smoother."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset, Generation
from apps.tools import prices, prompting, videos, voicing
from apps.tools.fields import AssetField, CatalogueField, PlanSelect, number
from apps.tools.help import explained
from apps.tools.registry import Stoppable, Timeline, ToolForm, name_of_source, register
from workers.base import EngineError
from workers.engines.upscale import cards
from workers.engines.upscale.plan import FACTORS, HEIGHTS, target
from workers.weights import catalog

MAX_FPS = 60
PRICED_SECONDS = 10  # of the film in the price list
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
        use=_("Upscale"),
        label=_("Image or video"),
        help_text=_("What comes out is at most 4K: 3840 × 2160, lying or standing."),
    )
    factor = forms.TypedChoiceField(
        label=_("Size"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", _("× 2, or the height below")), *((factor, f"× {factor}") for factor in FACTORS)],
        help_text=explained(
            _("How many times as large it becomes."),
            _("× 4 for small originals. Choose either a size or a height; with neither it is × 2."),
            drawing="finish",
        ),
    )
    height = forms.TypedChoiceField(
        label=_("Height"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", _("By the size above")), (HEIGHTS[0], _("1080, Full HD")), (HEIGHTS[1], _("2160, 4K"))],
        widget=PlanSelect,
        help_text=explained(
            _("Pixels of the shorter side, instead of a size."),
            _("Use it where a screen or a platform asks for Full HD or 4K."),
        ),
    )
    fps = number(
        explained(
            _("Frames a second of a video, up to 60. Leave empty to keep its own."),
            _("Use it for a video that stutters. The frames between are made up, so fast motion may smear."),
        ),
        1,
        MAX_FPS,
        label=_("Smoother motion"),
    )
    model_id = CatalogueField(
        label=_("Model"),
        required=False,
        known=(card.id for card in cards.all()),
        choices=lambda: [
            ("", _("The studio's own")),
            *((card.id, f"{card.title}: {card.good_for}") for card in models()),
        ],
        error_messages=prompting.NOT_HERE,
        help_text=explained(
            _("Installed models."), _("Each is best with one kind of image: drawings, photographs or old videos.")
        ),
    )

    (
        voiceover_text,
        voiceover_voice,
        voiceover_speed,
        voiceover_fit,
        music,
        burn_captions,
        audio_description,
    ) = voicing.film_fields((voicing.FASTER, voicing.RUN_ON))

    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {
        _("Model and motion"): ("fps", "model_id"),
        voicing.FOLD: voicing.FIELDS,
    }

    def asked_by(self, name: str, value: str) -> Mapping[str, float]:
        return {"lines": int(value)} if name == "height" else {}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        source: Asset | None = data.get("source")
        if source is None:
            if "source" not in self.errors:
                missing = _t("choose the image or video to enlarge.")
                self.add_error("source", forms.ValidationError(missing, code="required"))
            return data
        factor, height, fps = data.get("factor"), data.get("height"), data.get("fps")
        if factor and height:
            self.add_error("height", _t("choose either a size or a height."))
        if self.errors:
            return data
        factor = factor or (None if height else FACTORS[0])
        try:
            width, lines = target(source.width, source.height, factor=factor, to_height=height)
        except EngineError as error:
            self.add_error("height" if height else "factor", error.public_text)
            return data
        videos.refuse_file(self, "source", source)
        if fps and source.kind == Asset.Kind.IMAGE:
            self.add_error("fps", _t("an image does not move. Leave this empty."))
        elif fps and source.fps and fps < source.fps:
            text = (
                _t("the video has {fps:g} frames a second already. Choose more, up to {most}.")
                if source.fps < MAX_FPS
                else _t("the video has {fps:g} frames a second already. Leave this empty.")
            )
            self.add_error("fps", text.format(fps=source.fps, most=MAX_FPS))
        if fps == source.fps:
            fps = None  # as it is, which costs no more
        heard: dict[str, Any] = {}
        if source.kind == Asset.Kind.VIDEO:
            heard = voicing.clean_film(self, data, source.seconds, seen_in(source))
        else:
            for name in ("voiceover_text", "music", "burn_captions", "audio_description"):
                if data.get(name):
                    self.add_error(name, _t("an image cannot be heard. Choose a video, or leave this empty."))
        made = {"kind": source.kind, "made_width": width, "made_height": lines}
        if source.kind == Asset.Kind.VIDEO:
            frames = source.frames or round(source.seconds * (source.fps or videos.USUAL_FPS)) or 1
            made |= {"seconds": source.seconds, "frames": frames}
        given = {"source": source, "factor": factor, "height": height, "fps": fps, "model_id": data.get("model_id")}
        return {name: value for name, value in (given | made | heard).items() if value not in (None, "")}


def seen_in(film: Asset) -> str:
    """Return the prompt that a film was made from, or that the film was that it was made from; empty if unknown."""
    made = film.recipe.get("params") or {}
    return str(made.get("prompt") or made.get("description") or "")


@register
class Upscale(Stoppable):
    """Images and videos, larger and smoother."""

    slug = "upscale"
    about = _(
        "Make an image or a video two or four times as large, or bring it to 1080 or 2160 lines. A video can be made "
        "to move more smoothly at the same time; its sound stays as it is."
    )
    title = _("Upscale")
    tagline = _("Make images and videos larger and clearer.")
    icon = "arrows-pointing-out"
    task = kind = "upscale"
    verb = _("Upscale")
    noun, nouns = _("enlargement"), _("enlargements")
    compares = "source"
    prefill = ("factor",)
    clip = "clips/upscale.mp4"
    examples = {
        _("An image from your disk"): {"source": "@picture.png", "factor": "2"},
        _("A video from your library"): {"source": "$FILE_ID", "factor": "2"},
    }
    form_class = UpscaleForm

    def timeline(self, job: Generation) -> Timeline | None:
        """How long a film is that is being made larger: as long as its source."""
        return Timeline.of_source(job) if job.params.get("kind") == Asset.Kind.VIDEO else None

    def price(self, params: Mapping[str, Any]) -> int:
        rate = prices.rate("upscale").credits * self._tier(params)
        if params["kind"] == Asset.Kind.IMAGE:
            return prices.whole(rate)
        seconds = max(params["seconds"], params["frames"] / FRAMES_OF_A_SECOND)
        return prices.whole(rate * seconds * (SMOOTHING if params.get("fps") else 1)) + voicing.price_in_film(params)

    def price_of_part(self, job: Generation, frames: int) -> int:
        """The part of the price that is for enlarging: a film that is stopped is kept with the sound that it has."""
        whole: int = job.params["frames"]
        if fps := job.params.get("fps"):
            whole = max(whole, round(job.params["seconds"] * fps))
        cost = job.cost - voicing.price_in_film(job.params)
        return math.ceil(cost * min(1.0, frames / whole))

    def models(self, params: Mapping[str, Any]) -> set[str]:
        return super().models(params) | ({catalog.chosen("interpolation")} if params.get("fps") else set())

    def work(self, params: Mapping[str, Any]) -> float:
        """Pixels that come out, each as much as the model works for it."""
        smooth = SMOOTHING if params.get("fps") else 1
        return float(
            params["made_width"] * params["made_height"] * params.get("frames", 1) * smooth * self._effort(params)
        )

    def asks(self, params: Mapping[str, Any]) -> Mapping[str, float]:
        lines = min(params["made_width"], params["made_height"])
        film = {"film_seconds": math.floor(params["seconds"])} if params["kind"] == Asset.Kind.VIDEO else {}
        return film | {"lines": lines}

    @property
    def priced(self) -> list[tuple[str, Mapping[str, Any]]]:
        film = {"kind": Asset.Kind.VIDEO.value, "seconds": PRICED_SECONDS, "frames": PRICED_SECONDS * videos.USUAL_FPS}
        return [
            (_t("Image, enlarged"), {"kind": Asset.Kind.IMAGE.value}),
            (_t("%(seconds)s-second video, enlarged") % {"seconds": PRICED_SECONDS}, film),
        ]

    def _effort(self, params: Mapping[str, Any]) -> float:
        return cards.get(params.get("model_id") or catalog.chosen("upscale")).effort

    def _tier(self, params: Mapping[str, Any]) -> int:
        """How many times the usual price a model costs."""
        return math.ceil(self._effort(params) / EFFORT_OF_A_TIER)

    def summary(self, params: Mapping[str, Any]) -> str:
        size = f"{params['made_width']} × {params['made_height']}"
        if params["kind"] == Asset.Kind.IMAGE:
            return size
        return (
            f"{size} · {params['seconds']:.1f} s"
            + (" · " + _t("%d frames a second") % params["fps"] if params.get("fps") else "")
            + voicing.summary(params)
        )

    def job_title(self, params: Mapping[str, Any]) -> str:
        return f"{name_of_source(params['source'])}, {params['made_width']} × {params['made_height']}"
