"""Generate image: one to four pictures from words."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.billing.powers import Powers
from apps.library.models import Generation
from apps.tools import allowed, pictures, prices, prompting
from apps.tools.fields import CatalogueField, CountSelect, RatioSelect, SeedField, Slider, fraction
from apps.tools.help import either, explained
from apps.tools.pictures import PictureModelSelect
from apps.tools.registry import Stoppable, ToolForm, register
from workers.base import EngineError
from workers.engines.image import cards, plan
from workers.engines.image.cards import HIGH, LOW, QUALITY, WITHOUT
from workers.engines.image.request import Noise, NoiseError
from workers.engines.upscale.plan import FACTORS, target
from workers.weights import catalog

MOST = 4  # pictures of one job
VARIATION = 30  # per cent
FINISHING_PASSES = 20  # of nano over a picture, in the time of which it is made four times as large
TIPS = (
    _("Say what it is, where it is, and in which light."),
    _("An image does not move: name a pose, not an action."),
    _("Make four, choose one, and ask for variations of it."),
    _("An image is a first frame: give it the ratio of your video."),
)


class ImageForm(ToolForm):
    prompt = prompting.prompt(_("describe what is in the image."))
    style = prompting.style(_("The look of your images. Its words are added to your prompt."))
    ratio = CatalogueField(
        label=_("Ratio"),
        required=False,
        choices=pictures.ratios,
        known=pictures.RATIOS,
        widget=RatioSelect,
        help_text=explained(
            _("The shape of the images."), _("For a first frame, take the ratio of the video that it begins.")
        ),
    )
    count = forms.IntegerField(
        label=_("Images"),
        min_value=1,
        max_value=MOST,
        initial=1,
        widget=CountSelect(range(1, MOST + 1)),
        help_text=explained(
            _("How many images are made, each from a seed of its own."),
            _("Several, to choose from; one, when you know the seed that you want."),
        ),
    )
    quality = forms.IntegerField(
        label=_("Quality"),
        min_value=LOW,
        max_value=HIGH,
        initial=QUALITY,
        widget=Slider(attrs={"step": 10, "min": LOW, "max": HIGH}),
        help_text=explained(
            _("How often an image is refined, in the steps of its model."),
            _("Lower it for a first look. Above 70 an image costs as much more as it takes."),
        ),
    )
    finish = prompting.finish(
        _("Makes each image larger and clearer, as the tool Upscale does."),
        _("Leave them as made for a quick look; enlarge what you keep."),
    )
    negative_prompt = prompting.negative_prompt(_("What should not be seen."))
    model_id = CatalogueField(
        label=_("Model"),
        required=False,
        known=(card.id for card in cards.all()),
        choices=lambda: [(card.id, card.title) for card in pictures.models()],
        widget=PictureModelSelect,
        error_messages=prompting.NOT_HERE,
        help_text=explained(
            _("Installed models."), _("What a model takes no notice of is greyed, with the reason beside it.")
        ),
    )
    guidance_scale = fraction(
        explained(
            _("How strictly the prompt is followed. 1 is no guidance: half the time, and no negative prompt."),
            _("Z-Image's makers count from 0: their 4 is 5 here."),
        ),
        WITHOUT,
        20,
        label=_("Guidance"),
    )
    seed = SeedField(
        help_text=explained(
            _("The same seed and settings make the same images again. Leave empty for new ones each time."),
            _("The second image has the next seed, and so on."),
        )
    )
    near = forms.CharField(
        label=_("Stay near"),
        required=False,
        max_length=160,
        help_text=explained(
            _("The noise of an image to vary: “Variations” fills it in."),
            _("It stands in the recipe of an image, as “noise”. For a program: a seed is one, too."),
        ),
    )
    variation = forms.IntegerField(
        label=_("Variation"),
        required=False,
        min_value=1,
        max_value=100,
        widget=forms.NumberInput(attrs={"placeholder": VARIATION}),
        help_text=explained(
            _("How far variations go from the image that they stay near, in per cent."),
            _("Little changes details, much changes where things are."),
        ),
    )

    page_initial: ClassVar[Mapping[str, Any]] = {"count": MOST}
    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {
        _("Negative prompt"): ("negative_prompt",),
        _("Model"): ("model_id", "guidance_scale"),
        _("Seed and variations"): ("seed", "near", "variation"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        initial, card = kwargs.get("initial") or {}, pictures.default()
        if "model_id" not in initial:
            # The pictures of an embedded model are small, and quickly made larger.
            usual = {"ratio": card.ratios[0], "finish": FACTORS[-1] if card.builtin else ""}
            kwargs["initial"] = usual | initial
        super().__init__(*args, **kwargs)
        self._suit(self.card())

    def card(self) -> cards.ImageCard:
        """The model that is chosen."""
        shown = str(self["model_id"].value() or "")
        return next((card for card in pictures.models() if card.id == shown), pictures.default())

    def limit(self, now: Powers) -> None:
        super().limit(now)
        self.fields["model_id"].widget.finishes = allowed.finishes(pictures.models(), now)

    def asked_by(self, name: str, value: str) -> Mapping[str, float]:
        return {"lines": allowed.lines_of(self.card()) * int(value)} if name == "finish" else {}

    def _suit(self, card: cards.ImageCard) -> None:
        """Show what a model can be told."""
        prompting.show_example(self, card)
        self.fields["ratio"].widget.offered = card.ratios
        prompting.offer_looks(self, card)
        self.fields["guidance_scale"].widget.attrs["placeholder"] = card.guidance_scale
        told = pictures.ignored(card)
        for name in pictures.IGNORED:
            # The page shows it beside the control, and suit.js keeps it true when another model is chosen.
            self.fields[name].why = told.get(name, "")  # type: ignore[attr-defined]
            if name in told:
                self.fields[name].widget.attrs["disabled"] = True

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["model_id"] = data.get("model_id") or pictures.default().id
        card = cards.get(data["model_id"])
        self._check_model(card, data)
        data["ratio"] = data.get("ratio") or card.ratios[0]
        if data["ratio"] not in card.sizes:
            text = _t("{model} does not make {ratio}. Choose {choices}.")
            told = {"model": card.title, "ratio": data["ratio"], "choices": either(list(card.ratios))}
            self.add_error("ratio", text.format(**told))
        prompting.refuse_look(self, card, data.get("style"))
        self._check_variation(data)
        if self.errors:
            return data
        if data.get("finish"):
            try:
                target(*card.sizes[data["ratio"]], factor=data["finish"])
            except EngineError as error:
                self.add_error("finish", error.public_text)
        return {name: value for name, value in data.items() if value not in (None, "")}

    def _check_model(self, card: cards.ImageCard, data: dict[str, Any]) -> None:
        prompting.refuse_missing(self, card)
        try:
            plan.check(card, settings.DEVICE_GB)
        except EngineError as error:
            self.add_error("model_id", error.public_text)
        for name in ("negative_prompt", "guidance_scale"):
            if name in card.ignores and data.get(name):
                self.add_error(name, pictures.IGNORED[name])
        if "quality" in card.ignores and "quality" not in self.errors:
            data["quality"] = QUALITY
        if data.get("negative_prompt") and data.get("guidance_scale") == WITHOUT:
            self.add_error(
                "negative_prompt", _t("nothing is avoided with a guidance of 1. Raise it or leave this empty.")
            )

    def _check_variation(self, data: dict[str, Any]) -> None:
        if near := data.get("near"):
            try:
                data["near"] = str(Noise.parse(near))
            except NoiseError:
                self.add_error("near", _t("this is the noise of no image. Take “noise” from the recipe of one."))
            data["variation"] = data.get("variation") or VARIATION
        elif data.get("variation"):
            self.add_error("variation", _t("say with “Stay near” what is varied, or leave this empty."))


@register
class Text2Image(Stoppable):
    """One to four images from words."""

    slug = "text2image"
    about = _(
        "Describe something and see it as one to four images. Vary the one that you like, and begin or end a video "
        "with it."
    )
    title = _("Generate image")
    tagline = _("Turn words into images, and images into first frames.")
    icon = "photo"
    category = _("Image")
    task = "text2image"
    kind = "image"
    noun, nouns = _("image"), _("images")
    prefill = ("prompt", "near", "variation", "count", "seed")
    result_template = "components/pictures.html"
    gallery = True
    examples = {
        _("Two to choose from"): {"prompt": "a red star in the night sky", "count": 2},
    }
    form_class = ImageForm

    def price(self, params: Mapping[str, Any]) -> int:
        """The tier's rate for each image, times how much more is computed than with the recommended quality.

        A finish is charged as the tool Upscale charges for a picture.
        """
        card = cards.get(params["model_id"])
        passes = card.passes(params["quality"], params.get("guidance_scale"))
        effort = max(Fraction(1), Fraction(passes, card.passes(QUALITY)))
        rate = prices.rate("image", card.tier).credits * effort
        if params.get("finish"):
            rate += prices.rate("upscale").credits
        return prices.whole(rate * params["count"])

    def asks(self, params: Mapping[str, Any]) -> Mapping[str, float]:
        """The lines of an image that is made larger, as of one in the tool Upscale; as made, it is in every plan."""
        size = cards.get(params["model_id"]).sizes[params["ratio"]]
        return {"lines": min(size) * params["finish"]} if params.get("finish") else {}

    def price_of_part(self, job: Generation, frames: int) -> int:
        return self.price({**job.params, "count": frames}) if frames else 0

    def models(self, params: Mapping[str, Any]) -> set[str]:
        found = super().models(params)
        found |= {of for model in found if (of := pictures.film_of(model))}
        return found | ({catalog.chosen("upscale")} if params.get("finish") else set())

    def work(self, params: Mapping[str, Any]) -> float:
        """Pixels that the model sees, over all of its passes."""
        card = cards.get(params["model_id"])
        width, height = card.sizes[params["ratio"]]
        passes = card.passes(params["quality"], params.get("guidance_scale"))
        return float(width * height * params["count"] * (passes + (FINISHING_PASSES if params.get("finish") else 0)))

    def summary(self, params: Mapping[str, Any]) -> str:
        width, height = cards.get(params["model_id"]).sizes[params["ratio"]]
        factor = params.get("finish") or 1
        images = ngettext("%d image", "%d images", params["count"]) % params["count"]
        near = " · " + _t("%d %% varied") % params["variation"] if params.get("near") else ""
        return f"{images} · {width * factor} × {height * factor}{near}"

    @property
    def priced(self) -> list[tuple[str, Mapping[str, Any]]]:
        usual = {"model_id": pictures.default().id, "quality": QUALITY, "count": 1}
        return [(_t("Image"), usual)]

    def page_context(self, form: ToolForm | None = None) -> dict[str, Any]:
        card = form.card() if isinstance(form, ImageForm) else pictures.default()
        return {
            "model": card,
            "suggestions": card.examples,
            "tips": TIPS,
            "memory": plan.sentence(card, settings.DEVICE_GB),
        }
