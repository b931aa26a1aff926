"""Video looks: filters over a video, without a model and for free."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset, Generation
from apps.tools import videos
from apps.tools.fields import AssetField, LookSelect, SeedField, Slider
from apps.tools.help import explained
from apps.tools.registry import Stoppable, Timeline, ToolForm, name_of_source, register

LOOKS = {
    "noir": _("Noir"),
    "monochrome": _("Mono"),
    "sepia": _("Sepia"),
    "warm": _("Warm"),
    "cool": _("Cool"),
    "faded": _("Faded"),
    "contrast": _("Contrast"),
    "vivid": _("Vivid"),
    "vintage": _("Vintage"),
    "grain": _("Film grain"),
}


class LooksForm(ToolForm):
    video = AssetField(
        "video",
        label=_("Video"),
        use=_("Video look"),
        help_text=_("It keeps its size, its length and its sound. At most 120 s long."),
    )
    look = forms.ChoiceField(
        label=_("Look"),
        choices=list(LOOKS.items()),
        initial="noir",
        widget=LookSelect,
        help_text=_("The filter that every frame goes through."),
    )
    amount = forms.IntegerField(
        label=_("Amount"),
        required=False,
        min_value=1,
        max_value=100,
        initial=100,
        widget=Slider(attrs={"step": 1, "min": 1, "max": 100}),
        help_text=_("How much of the look there is, in per cent."),
    )
    seed = SeedField(
        help_text=explained(
            _("The same seed gives the same grain again. Looks without grain take no notice of it."),
            _("Leave it empty for new grain each time."),
        )
    )

    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {_("Grain"): ("seed",)}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        source: Asset | None = data.get("video")
        if source is None and "video" not in self.errors:
            missing = _t("choose the video that gets a look.")
            self.add_error("video", forms.ValidationError(missing, code="required"))
        if self.errors or source is None:
            return data
        videos.refuse_file(self, "video", source)
        frames = source.frames or round(source.seconds * (source.fps or videos.USUAL_FPS)) or 1
        sides = {"made_width": source.width - source.width % 2, "made_height": source.height - source.height % 2}
        return data | sides | {"amount": data.get("amount") or 100, "seconds": source.seconds, "frames": frames}


@register
class FilmLooks(Stoppable):
    """Filters over a video: noir, sepia, film grain and more."""

    slug = "looks"
    about = _(
        "Put a filter over a video: noir, black and white, sepia, warm, cool, faded, high contrast, vivid, vintage or "
        "film grain. No model is asked, so it costs nothing. To change what is seen, take Restyle."
    )
    title = _("Video looks")
    tagline = _("Put a filter over a video, for free.")
    icon = "swatch"
    task = "look"
    queue = "cpu"
    verb = _("Apply the look")
    noun, nouns = _("video"), _("videos")
    compares = "video"
    prefill = ("look", "amount")
    clip = "clips/looks.mp4"
    examples = {_("A video in sepia"): {"video": "$FILE_ID", "look": "sepia"}}
    form_class = LooksForm

    def price(self, params: Mapping[str, Any]) -> int:
        """Nothing: no model is asked."""
        return 0

    def price_of_part(self, job: Generation, frames: int) -> int:
        return 0

    def work(self, params: Mapping[str, Any]) -> float:
        """Pixels of all frames."""
        return float(params["made_width"] * params["made_height"] * params["frames"])

    def size(self, params: Mapping[str, Any]) -> tuple[int, int] | None:
        return params["made_width"], params["made_height"]

    def asks(self, params: Mapping[str, Any]) -> Mapping[str, float]:
        return {"film_seconds": math.floor(params["seconds"])}

    def timeline(self, job: Generation) -> Timeline | None:
        return Timeline.of_source(job)

    def summary(self, params: Mapping[str, Any]) -> str:
        sides = f"{params['made_width']} × {params['made_height']}"
        return f"{LOOKS[params['look']]} · {sides} · {params['seconds']:.1f} s"

    def job_title(self, params: Mapping[str, Any]) -> str:
        return f"{name_of_source(params['video'])}, {LOOKS[params['look']]}"
