"""Video: from words, from a picture, between two pictures, or on from a video."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.conf import settings

from apps.library.models import Asset, Generation
from apps.tools import prices, videos
from apps.tools.fields import AssetField, CatalogueField, ModeSelect, RatioSelect, SeedField, Slider, StyleSelect
from apps.tools.registry import LARGE_QUEUE, Stoppable, ToolForm, register
from apps.tools.videos import MAX_FRAMES, MIN_FRAMES, RELEASED, ModelSelect
from workers.base import EngineError
from workers.engines.skyreels import cards
from workers.engines.skyreels.cards import ModelCard
from workers.engines.skyreels.memory import planner
from workers.engines.skyreels.request.flags import VideoRequest, devices, video_request
from workers.engines.skyreels.request.plan import effort, plan
from workers.engines.skyreels.request.spec import MAX_ADDNOISE, SpecError, VideoSpec, nearest_frame_counts
from workers.engines.upscale.plan import FACTORS, target
from workers.media.facts import MAX_CLIP_SECONDS
from workers.prompts.compose import compose
from workers.prompts.shot import PromptError
from workers.prompts.styles import STYLES
from workers.weights import catalog

FINISHING_PASSES = 20  # of nano over one latent, in the time of which a frame is made four times as large

# What a film begins with: its title, what it needs, and what else it may have.
MODES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "text": ("Text", (), ()),
    "picture": ("Picture", ("image",), ()),
    "ends": ("Start and end", ("end_image",), ("image",)),
    "extend": ("Extend", ("video",), ("end_image",)),
}
MISSING = {
    "image": "Choose the picture that the film begins with.",
    "end_image": "Choose the picture that the film leads up to.",
    "video": "Choose the video that goes on.",
}
FIELD_OF_SPEC = {"width": "ratio", "height": "ratio", "teacache": "teacache_thresh"}


def number(help_text: str, low: int, high: int, **kwargs: Any) -> forms.IntegerField:
    """A whole number that has the model's recommended value where it is left empty."""
    return forms.IntegerField(required=False, min_value=low, max_value=high, help_text=help_text, **kwargs)


def fraction(help_text: str, low: float, high: float, **kwargs: Any) -> forms.FloatField:
    widget = forms.NumberInput(attrs={"step": "any"})
    return forms.FloatField(required=False, min_value=low, max_value=high, help_text=help_text, widget=widget, **kwargs)


def switch(help_text: str, **kwargs: Any) -> forms.BooleanField:
    return forms.BooleanField(required=False, help_text=help_text, **kwargs)


class VideoForm(ToolForm):
    mode = forms.ChoiceField(
        label="Begin with",
        required=False,
        choices=[(mode, title) for mode, (title, *_) in MODES.items()],
        widget=ModeSelect,
        help_text="Left out: as the picture or video that is sent says.",
    )
    image = AssetField(
        "image",
        label="First frame",
        use="First frame",
        modes=("picture", "ends"),
        help_text="The film begins with it.",
    )
    video = AssetField(
        "video",
        label="Video",
        use="Extend",
        modes=("extend",),
        help_text=f"It goes on from its last frames. At most {MAX_CLIP_SECONDS:.0f} s long.",
    )
    end_image = AssetField(
        "image",
        label="Last frame",
        use="Last frame",
        modes=("ends", "extend"),
        help_text="The film leads up to it, over all its windows. A video may go on without one.",
    )
    prompt = forms.CharField(
        max_length=2000,
        widget=forms.Textarea(
            attrs={"rows": 3, "placeholder": videos.MODEL.examples[0] if videos.MODEL.examples else ""}
        ),
        error_messages={"required": "Describe what is in the picture and how it moves."},
    )
    ratio = CatalogueField(
        required=False,
        choices=videos.ratios,
        known=(ratio for card in RELEASED for ratio in card.sizes),
        widget=RatioSelect,
        help_text="Auto is the picture's or the video's own, as near as the model comes.",
    )
    num_frames = forms.IntegerField(
        label="Length",
        required=False,
        min_value=MIN_FRAMES,
        max_value=MAX_FRAMES,
        widget=Slider,
        help_text="Frames. A length is 1 more than a multiple of 4; of a video that goes on, the last frames count.",
    )
    style = forms.ChoiceField(
        choices=[(key, label) for key, (label, _) in STYLES.items()], initial="realistic", widget=StyleSelect
    )
    finish = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "As made"), *((factor, f"× {factor}") for factor in FACTORS)],
        help_text="Larger and clearer at the end, by the model of the tool Upscale.",
    )
    prompt_enhancer = switch("A longer prompt is written first, and shown beside yours.", label="Prompt enhancer")
    negative_prompt = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What should not be seen. Empty: what the model's makers always exclude.",
    )
    model_id = CatalogueField(
        label="Model",
        required=False,
        known=(card.id for card in RELEASED),
        error_messages={"invalid_choice": "%(value)s is not on this machine."},
        choices=lambda: [(card.id, card.title) for card in videos.models()],
        widget=ModelSelect,
        help_text="Those on this machine.",
    )
    resolution = CatalogueField(
        required=False,
        choices=videos.resolutions,
        known=(card.resolution for card in RELEASED),
        help_text="540P or 720P: each model makes its own.",
    )
    steps = number("More take longer and look cleaner.", 4, 100)
    guidance_scale = fraction("How strictly the prompt is followed.", 1, 20, label="Guidance")
    shift = fraction("Higher spends more steps on large shapes.", 0.5, 20, label="Flow shift")
    fps = number("Frames a second.", 1, 60, label="Frame rate")
    seed = SeedField()
    base_num_frames = number("Frames of one window; fewer need less memory.", 5, 257, label="Window")
    overlap_history = number("Frames that a window sees of the last.", 1, 129, label="Overlap")
    overlap = forms.ChoiceField(
        label="Overlap by",
        required=False,
        choices=[("", "The model's way"), ("latent", "Latents"), ("reencode", "Frames, encoded again")],
        help_text="Latents keep colours; frames are what the large models have learned from.",
    )
    addnoise_condition = number(
        "Noise on the overlap, in thousandths: 20 hides seams.",
        0,
        MAX_ADDNOISE,
        label="Overlap noise",
    )
    ar_step = number("Steps between neighbouring blocks; 0 makes all at once.", 0, 100, label="Block delay")
    causal_block_size = number(
        f"Latents in a block; {videos.MODEL.asynchronous_block} with a delay.", 1, 65, label="Block size"
    )
    causal_attention = switch(
        "Hides later blocks from earlier ones. No released weights have learned this.", label="Causal attention"
    )
    offload = switch("Keeps in memory only what is at work: slower, on smaller cards.", label="Offload")
    use_usp = switch("Several GPUs of the studio work on one film.", label="Several GPUs")
    teacache = switch(
        "Reuses what hardly changes between steps: faster and less exact. Its makers advise against it on diffusion "
        "forcing models.",
        label="TeaCache",
    )
    teacache_thresh = fraction("How much change it passes over.", 0, 1, label="TeaCache threshold")
    use_ret_steps = switch("The first and last steps are always computed.", label="TeaCache retention")

    page_initial: ClassVar[Mapping[str, Any]] = {
        # nano's films are small, and quickly made larger.
        "finish": FACTORS[-1] if videos.MODEL.id == "nano" else "",
        "mode": "text",
        "num_frames": videos.usual_length(videos.MODEL),
        "ratio": "",
    }
    advanced: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Prompt": ("prompt_enhancer", "negative_prompt"),
        "Model": ("model_id", "resolution", "steps", "guidance_scale", "shift", "fps", "seed"),
        "Windows": (
            *("base_num_frames", "overlap_history", "overlap", "addnoise_condition"),
            *("ar_step", "causal_block_size", "causal_attention"),
        ),
        "Speed and memory": ("teacache", "teacache_thresh", "use_ret_steps", "offload", "use_usp"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        initial = kwargs.get("initial") or {}
        kwargs["initial"] = {"mode": mode_of(initial)} | initial
        super().__init__(*args, **kwargs)
        chosen = self.data.get("mode")
        for name in MISSING:
            # The page also sends the fields of the other modes; they are ignored.
            field = self.fields[name]
            field.ignored = chosen in MODES and name not in inputs_of(chosen)  # type: ignore[attr-defined]
        self._suit(next((card for card in videos.models() if card.id == self["model_id"].value()), videos.MODEL))

    def _suit(self, card: ModelCard) -> None:
        """Show the lengths, the ratios and the recommended values of a model."""
        length = self.fields["num_frames"]
        try:
            frames = length.clean(self["num_frames"].value())
        except forms.ValidationError:
            frames = None
        length.widget.attrs |= videos.slider_of(card, frames)
        self.fields["ratio"].widget.offered = card.ratios
        values = videos.recommended(card) | (card.picture if self["mode"].value() in ("picture", "ends") else {})
        for name, value in values.items():
            self.fields[name].widget.attrs["placeholder"] = value

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        mode = data["mode"] = data.get("mode") or mode_of(data)
        for name in MODES[mode][1]:
            if not data.get(name) and name not in self.errors and not self.draft:
                self.add_error(name, MISSING[name])
        data["model_id"] = data.get("model_id") or videos.MODEL.id
        card = cards.get(data["model_id"])
        if not card.folder():
            text = f"{card.title}, which makes the films here, is not on this machine yet: choose another for now."
            self.add_error("model_id", text)
        if data.get("num_frames") is None:
            data["num_frames"] = videos.usual_length(card)
        self._check_length(card, data["num_frames"])
        if data.get("prompt_enhancer") and data.get("prompt"):
            self._check_prompt(data["prompt"], card.id)
        if self.errors:
            return data
        picture: Asset | None = data.get("image") or data.get("video") or data.get("end_image")
        params = {name: value for name, value in self.params.items() if value not in (None, "") and value is not False}
        # Build the whole request, so that values that exclude each other are refused here and not by a worker.
        files = {name: Path(name) for name in MISSING if data.get(name)}
        if self.draft:
            # A quote is made before anything is chosen.
            params["prompt"] = params.get("prompt") or "…"
            files |= {name: Path(name) for name in MODES[mode][1]}
        try:
            job = video_request(params, files, (picture.width, picture.height) if picture else None)
        except SpecError as error:
            self._refuse(error, mode)
            return data
        sizes = card.sizes.items()
        params["ratio"] = next(ratio for ratio, size in sizes if size == (job.spec.width, job.spec.height))
        self._check_clip(job, data.get("video"))
        if finish := data.get("finish"):
            self._check_finish(job, finish, data.get("video"))
        try:
            planner.check(job.spec, settings.DEVICE_GB, job.run)
        except EngineError as error:
            self.add_error(None, error.public_text)
        return params

    def _check_length(self, card: ModelCard, frames: int) -> None:
        longest = videos.lengths(card)[-1]
        nearest = nearest_frame_counts(frames, lowest=MIN_FRAMES)
        if frames > longest and card.long:
            text = (
                f"{frames} frames are {frames / card.fps:.0f} s; the longest film here is {longest} frames "
                f"({longest / card.fps:.0f} s)."
            )
        elif frames not in nearest:
            named = " or ".join(str(number) for number in nearest)
            text = f"{frames} frames cannot be made: a length is 1 more than a multiple of 4. Nearest: {named}."
        else:
            return
        self.add_error("num_frames", forms.ValidationError(text, code="invalid_frames"))

    def _check_prompt(self, prompt: str, model: str) -> None:
        """Refuse a prompt of which no longer one can be made, such as a shot in JSON with a field that cannot be."""
        try:
            compose(prompt, 0, model=model)
        except PromptError as error:
            for text in error.errors.values():
                self.add_error("prompt", text)

    def _check_finish(self, job: VideoRequest, factor: int, clip: Asset | None) -> None:
        """Refuse to enlarge what would exceed 4K, or what is too long to be read again."""
        try:
            target(job.spec.width, job.spec.height, factor=factor)
        except EngineError as error:
            self.add_error("finish", error.public_text)
        if job.spec.num_frames / job.spec.fps + (clip.seconds if clip else 0) > MAX_CLIP_SECONDS:
            self.add_error("finish", f"Films of more than {MAX_CLIP_SECONDS:.0f} s are finished as they are made.")

    def _check_clip(self, job: VideoRequest, clip: Asset | None) -> None:
        """Refuse a clip that the engine would refuse later, when credits are held."""
        if clip is None:
            return
        if clip.seconds > MAX_CLIP_SECONDS:
            text = f"This video is {clip.seconds:.0f} s long; one that goes on has at most {MAX_CLIP_SECONDS:.0f} s."
            self.add_error("video", text)
        elif round(clip.seconds * job.spec.fps) < job.spec.overlap_history:
            needed = job.spec.overlap_history / job.spec.fps
            self.add_error("video", f"This video is too short to go on with: it needs {needed:.1f} s or more.")

    def _refuse(self, error: SpecError, mode: str) -> None:
        name = FIELD_OF_SPEC.get(error.field, error.field)
        if name in MISSING and name not in inputs_of(mode) and not self.cleaned_data.get(name):
            name = "mode"
        self.add_error(name if name in self.fields else None, error.public_text)


def inputs_of(mode: str) -> tuple[str, ...]:
    """The pictures and clips that a mode has."""
    return MODES[mode][1] + MODES[mode][2]


def mode_of(values: Mapping[str, Any]) -> str:
    """The mode that fits what is given."""
    for name, mode in (("video", "extend"), ("end_image", "ends"), ("image", "picture")):
        if values.get(name):
            return mode
    return "text"


def spec_of(params: Mapping[str, Any]) -> VideoSpec:
    """The film that parameters ask for; the files are not looked at, and need not be chosen yet."""
    needed = MODES[params.get("mode") or mode_of(params)][1]
    files = {name: Path(name) for name in MISSING if params.get(name) or name in needed}
    return video_request({"prompt": "…", **params}, files).spec


@register
class ToVideo(Stoppable):
    """Describe a scene and watch it become a film: from words alone, from a picture, between two pictures, or on from a
    video. Long films are made window by window, and can be of any length."""

    slug = "to-video"
    title = "To video"
    tagline = "Words, a picture or a video become a film."
    icon = "film"
    popular = main = True
    clip = "clips/a-red-square-moves-right-over-the-sea.mp4"
    task = kind = "video"
    prefill = ("prompt", "mode")
    form_class = VideoForm

    def price(self, params: Mapping[str, Any]) -> int:
        """The tier's rate for the new seconds, times how much more is computed than with recommended settings.

        A finish is charged as the tool Upscale charges.
        """
        spec = spec_of(params)
        card = cards.get(spec.model)
        rate = prices.rate("video", card.tier).credits * effort(spec)
        if params.get("finish"):
            rate += prices.rate("upscale").credits
        return prices.whole(rate * Fraction(spec.new_frames, card.fps))

    def price_of_part(self, job: Generation, frames: int) -> int:
        """The price without the finish: a film that is stopped is kept as it is."""
        return self.price({**job.params, "num_frames": frames, "finish": None})

    def models(self, params: Mapping[str, Any]) -> set[str]:
        kinds = [kind for kind, asked in (("upscale", "finish"), ("prompt", "prompt_enhancer")) if params.get(asked)]
        return super().models(params) | {catalog.chosen(kind) for kind in kinds}

    def work(self, params: Mapping[str, Any]) -> float:
        """Pixels of latents that the model sees, over all of its passes."""
        spec = spec_of(params)
        passes = plan(spec).passes + (FINISHING_PASSES * spec.new_frames if params.get("finish") else 0)
        return float(spec.width * spec.height * passes)

    def queue_of(self, params: Mapping[str, Any]) -> str:
        return LARGE_QUEUE if params.get("use_usp") and devices() > 1 else self.queue

    def summary(self, params: Mapping[str, Any]) -> str:
        spec = spec_of(params)
        windows = len(plan(spec).windows)
        added = f"{spec.new_frames} frames more" if spec.video else f"{spec.num_frames} frames"
        size = f" · {spec.width * finish} × {spec.height * finish}" if (finish := params.get("finish")) else ""
        return f"{spec.new_frames / spec.fps:.1f} s · {added} · {windows} window{'s' if windows > 1 else ''}{size}"

    @property
    def page_context(self) -> dict[str, Any]:
        return {
            "model": videos.MODEL,
            "suggestions": videos.MODEL.examples,
            "memory": planner.sentence(videos.MODEL, settings.DEVICE_GB),
        }
