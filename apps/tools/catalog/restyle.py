"""Restyle: a video in another look, by a video model."""

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.library.models import Asset, Generation
from apps.tools import prices, prompting, videos
from apps.tools.fields import AssetField, CatalogueField, ModelChoice, SeedField, Slider, number
from apps.tools.help import explained
from apps.tools.registry import Stoppable, Timeline, ToolForm, register
from workers.base import EngineError
from workers.engines.skyreels.cards import ModelCard
from workers.engines.skyreels.memory import planner
from workers.engines.skyreels.request.flags import nearest_ratio
from workers.engines.skyreels.request.plan import effort, plan
from workers.engines.skyreels.request.restyle import SHORTEST, STRENGTH, can, frames_within, restyle_request
from workers.engines.skyreels.request.spec import MAX_STRENGTH, MIN_STRENGTH, SpecError, VideoSpec
from workers.media.facts import MAX_CLIP_SECONDS

PRICED_SECONDS = 5  # of the film in the price list
STEP = 0.01
RECOMMENDED = ("negative_prompt", "steps", "guidance_scale")
TIPS = (
    _("Say what is to be seen, as for a new video: the subject, its colour, the place."),
    _("Name what moves and how, as it does in your video: what is told otherwise pulls against it."),
    _("Raise the strength when too little changes, lower it when things move or lose their shape."),
)
FIELD_OF_SPEC = {"num_frames": "video", "source": "video", "ratio": "video", "width": "video", "height": "video"}


def recommended(card: ModelCard) -> dict[str, Any]:
    """Return the values that a model uses for fields left empty."""
    return {name: card.picture.get(name, getattr(card, name)) for name in RECOMMENDED}


def models() -> list[ModelCard]:
    """Return the models on this machine that can restyle, the studio's own first."""
    return [card for card in videos.models() if can(card)]


class RestyleModelSelect(ModelChoice):
    """A choice of models. Each option carries, as JSON, what suit.js changes on the page when it is chosen."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        card = videos.card_of(str(value))
        about: dict[str, Any] = {"ratios": (), "ignored": {}, "examples": card.examples, "finishes": {}}
        about |= {"title": card.title, "limits": _t(card.limits) if card.limits else ""}
        about |= {"looks": card.looks, "style": videos.look_reason(card), "placeholders": recommended(card)}
        option["attrs"]["data-suits"] = json.dumps(about)
        return option


class RestyleForm(ToolForm):
    video = AssetField(
        "video",
        label=_("Video"),
        use=_("Restyle"),
        help_text=_("What moves in it stays as it is, and so does its sound. At most 120 s long."),
    )
    prompt = prompting.prompt(
        _("describe the video as it is to look."),
        example=videos.example(),
        help_text=_("What is to be seen afterwards, with what moves in it."),
    )
    style = prompting.style(_("The look of your video. Its words are added to your prompt."))
    strength = forms.FloatField(
        label=_("Strength"),
        required=False,
        min_value=MIN_STRENGTH,
        max_value=MAX_STRENGTH,
        initial=STRENGTH,
        widget=Slider(attrs={"step": STEP, "min": MIN_STRENGTH, "max": MAX_STRENGTH}),
        help_text=explained(
            _("How much of your video is noise when the model begins."),
            _(
                "Colours and large shapes change from about 0.8 on. Below, the look changes in its details only, and "
                "fewer steps are taken."
            ),
        ),
    )
    image = AssetField(
        "image",
        label=_("First frame"),
        use=_("First frame of a restyle"),
        help_text=explained(
            _("The first frame of your video in its new look."),
            _("Leave it out and the model makes one. Choose one to decide what the new look is."),
        ),
    )
    negative_prompt = prompting.negative_prompt()
    model_id = CatalogueField(
        label=_("Model"),
        required=False,
        known=(card.id for card in videos.RELEASED if can(card)),
        choices=lambda: [(card.id, card.title) for card in models()],
        widget=RestyleModelSelect,
        error_messages={"invalid_choice": _("%(value)s is not on this machine, or cannot restyle.")},
        help_text=explained(
            _("Installed models that can begin with another video."),
            _("Larger models follow longer prompts and take longer; the quote says how long."),
        ),
    )
    steps = number(
        explained(
            _("How often a video is refined from noise alone; it takes the part of them that its strength leaves."),
            _("Fewer for a first try, more for the final version."),
        ),
        4,
        100,
        label=_("Steps"),
    )
    guidance_scale = prompting.guidance()
    seed = SeedField()

    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {
        _("First frame"): ("image",),
        _("Prompt"): ("negative_prompt",),
        _("Model"): ("model_id",),
        _("Quality"): ("steps", "guidance_scale", "seed"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        card = self.card()
        prompting.offer_looks(self, card)
        prompting.show_example(self, card)
        for name, value in recommended(card).items():
            self.fields[name].widget.attrs["placeholder"] = value

    def card(self) -> ModelCard:
        """The model that is chosen."""
        offered = models()
        chosen = next((card for card in offered if card.id == self["model_id"].value()), None)
        return chosen or next(iter(offered), videos.MODEL)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        source: Asset | None = data.get("video")
        if source is None and "video" not in self.errors:
            missing = _t("choose the video to restyle.")
            self.add_error("video", forms.ValidationError(missing, code="required"))
        card = self.card()
        if not can(card):
            self.add_error("model_id", _t("no model on this machine can restyle."))
        prompting.refuse_look(self, card, data.get("style"))
        if self.errors or source is None:
            return data
        data["model_id"], data["strength"] = card.id, data.get("strength") or STRENGTH
        self._check_video(card, source)
        if self.errors:
            return data
        data["ratio"] = nearest_ratio(card, source.width, source.height)
        data["num_frames"] = frames_within(source.seconds, card.fps)
        if self.draft:
            data["prompt"] = data.get("prompt") or "…"
        params = {name: value for name, value in data.items() if value not in (None, "")}
        try:
            spec = spec_of(params)
        except SpecError as error:
            name = FIELD_OF_SPEC.get(error.field, error.field)
            self.add_error(name if name in self.fields else None, error.public_text)
            return data
        self._tell(source, spec, data.get("image"))
        try:
            planner.check(spec, settings.DEVICE_GB)
        except EngineError as error:
            self.add_error(None, error.public_text)
        return params

    def _check_video(self, card: ModelCard, source: Asset) -> None:
        """Refuse what is too long, too short or too small to be shown by the model."""
        longest = min(MAX_CLIP_SECONDS, card.max_num_frames / card.fps)
        width, height = card.sizes[nearest_ratio(card, source.width or 1, source.height or 1)]
        too_long = videos.refuse_long(self, "video", source, longest)
        if not too_long and frames_within(source.seconds, card.fps) < SHORTEST:
            text = _t("this video is too short. Choose one of {needed:.1f} s or more.")
            self.add_error("video", text.format(needed=SHORTEST / card.fps))
        if source.width < width or source.height < height:
            text = _t(
                "this video is {width} × {height}, and the model makes {made_width} × {made_height}. Enlarge it first, "
                "or choose a larger one."
            )
            sizes = {"made_width": width, "made_height": height}
            self.add_error("video", text.format(width=source.width, height=source.height, **sizes))

    def _tell(self, source: Asset, spec: VideoSpec, image: Asset | None) -> None:
        """Say what is cut off or resampled, beside the inputs."""
        told = [videos.cut(source.width, source.height, spec.width, spec.height)]
        if (source.width, source.height) != (spec.width, spec.height):
            told.append(_t("Made at %(width)s × %(height)s.") % {"width": spec.width, "height": spec.height})
        if source.fps and round(source.fps, 2) != spec.fps:
            rates = {"made": spec.fps, "own": f"{source.fps:g}"}
            told.append(_t("Shown at %(made)s frames a second instead of %(own)s.") % rates)
        if (lost := source.seconds - spec.num_frames / spec.fps) >= 0.5 / spec.fps:
            told.append(_t("The last %(lost).1f s are left out.") % {"lost": lost})
        self.notes["video"] = " ".join(filter(None, told))
        if image:
            self.notes["image"] = videos.cut(image.width, image.height, spec.width, spec.height)


def spec_of(params: Mapping[str, Any]) -> VideoSpec:
    """The film that parameters ask for; the files are not looked at."""
    image = Path("image") if params.get("image") else None
    return restyle_request({"prompt": "…", **params}, Path("video"), image).spec


@register
class Restyle(Stoppable):
    """A video in another look: what moves stays, and how it looks changes."""

    slug = "restyle"
    about = _(
        "Choose a video and say how it is to look: other colours, another subject, another style. What moves in it and "
        "its sound stay. Videos of any length are made window by window. For a filter such as sepia or film grain, "
        "without a model and for free, take Video looks."
    )
    title = _("Restyle")
    tagline = _("Show a video in another look; its motion and its sound stay.")
    icon = "paint-brush"
    task = "restyle"
    kind = "video"
    verb = _("Restyle")
    noun, nouns = _("restyled video"), _("restyled videos")
    compares = "video"
    prefill = ("prompt", "style", "strength")
    clip = "clips/restyle.mp4"
    examples = {
        _("In another colour"): {"video": "$FILE_ID", "prompt": "a blue circle moves right over the sea"},
    }
    form_class = RestyleForm

    def price(self, params: Mapping[str, Any]) -> int:
        """The rate of a video of this length by this model, times the share of the steps that its strength takes."""
        spec = spec_of(params)
        card = self._card_of(params)
        rate = prices.rate("video", card.tier).credits * effort(spec)
        return prices.whole(rate * Fraction(spec.num_frames, card.fps))

    def price_of_part(self, job: Generation, frames: int) -> int:
        """The part of the price that the finished frames are of the film."""
        return min(job.cost, math.ceil(job.cost * frames / job.params["num_frames"])) if frames else 0

    def said(self, params: Mapping[str, Any]) -> str:
        return prompting.said(params)

    def size(self, params: Mapping[str, Any]) -> tuple[int, int] | None:
        return self._card_of(params).sizes.get(str(params.get("ratio")))

    def work(self, params: Mapping[str, Any]) -> float:
        """Pixels of latents that the model sees, over all of its passes, those for the first frame included."""
        spec = spec_of(params)
        layout = plan(spec)
        first = layout.windows[0]
        opening = 0 if spec.image else first.steps * first.latents * (3 if spec.guided else 2)
        return float(spec.width * spec.height * (layout.passes + opening))

    def asks(self, params: Mapping[str, Any]) -> Mapping[str, float]:
        spec = spec_of(params)
        return {"film_seconds": math.floor(spec.seconds), "lines": min(spec.width, spec.height)}

    def timeline(self, job: Generation) -> Timeline | None:
        try:
            spec = spec_of(job.params)
        except SpecError:
            return None  # of a model that has changed since
        windows = plan(spec).windows
        if job.is_ended and job.stopped_early and job.kept_windows:
            windows = windows[: job.kept_windows]
        end = windows[-1].first_frame + windows[-1].frames
        return Timeline(end, spec.fps, tuple(window.first_frame for window in windows))

    @property
    def priced(self) -> list[tuple[str, Mapping[str, Any]]]:
        card = next(iter(models()), None)
        if card is None:
            return []
        usual = {"model_id": card.id, "strength": STRENGTH, "num_frames": frames_within(PRICED_SECONDS, card.fps)}
        return [(_t("%(seconds)s-second video, restyled") % {"seconds": PRICED_SECONDS}, usual)]

    def summary(self, params: Mapping[str, Any]) -> str:
        spec = spec_of(params)
        windows = len(plan(spec).windows)
        parts = ngettext("%d window", "%d windows", windows) % windows
        return f"{spec.seconds:.1f} s · {spec.width} × {spec.height} · {parts}"

    def page_context(self, form: ToolForm | None = None) -> dict[str, Any]:
        card = form.card() if isinstance(form, RestyleForm) else next(iter(models()), videos.MODEL)
        return {
            "model": card,
            "suggestions": card.examples,
            "tips": TIPS,
            "memory": planner.sentence(card, settings.DEVICE_GB),
        }

    def _card_of(self, params: Mapping[str, Any]) -> ModelCard:
        return videos.card_of(str(params.get("model_id") or ""))
