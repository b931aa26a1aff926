"""The form of a video: what it begins with, how it looks, and how it is made."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.billing import powers
from apps.billing.powers import Powers
from apps.library.models import Asset
from apps.tools import allowed, prompting, videos, voicing
from apps.tools.fields import (
    AssetField,
    CatalogueField,
    LengthInput,
    ModeSelect,
    PlanSelect,
    RatioSelect,
    SeedField,
    fraction,
    number,
    switch,
)
from apps.tools.help import Clip, either, explained
from apps.tools.registry import ToolForm
from apps.tools.video_modes import IMAGED, MISSING, MODES, SHAPED, inputs_of, mode_of, target_of
from apps.tools.videos import MAX_FRAMES, MIN_FRAMES, RELEASED, ModelSelect
from workers.base import EngineError
from workers.engines.skyreels import cards
from workers.engines.skyreels.cards import ModelCard
from workers.engines.skyreels.memory import planner
from workers.engines.skyreels.request.flags import VideoRequest, video_request
from workers.engines.skyreels.request.spec import (
    FRAMES_PER_LATENT,
    MAX_ADDNOISE,
    SpecError,
    frames_for_seconds,
    nearest_frame_counts,
)
from workers.engines.upscale.plan import FACTORS, target
from workers.media.facts import MAX_CLIP_SECONDS
from workers.prompts.compose import written
from workers.prompts.shot import PromptError
from workers.voice.length import expected

FIELD_OF_SPEC = {"width": "ratio", "height": "ratio", "teacache": "teacache_thresh"}


class VideoForm(ToolForm):
    mode = forms.ChoiceField(
        label=_("Begin with"),
        required=False,
        choices=[(mode, title) for mode, (title, *_rest) in MODES.items()],
        widget=ModeSelect,
        help_text=_("What your video begins with. Left out, it follows from the image or video that is sent."),
    )
    prompt = prompting.prompt(_("describe what is in the video and how it moves."), example=videos.example())
    prompt_original = forms.CharField(
        label=_("Your own prompt"),
        required=False,
        max_length=prompting.MOST,
        widget=forms.HiddenInput,
        help_text=_("What you wrote, where the prompt is a suggestion that you took. Both are kept with your video."),
    )
    image = AssetField(
        "image",
        label=_("First frame"),
        use=_("First frame"),
        modes=IMAGED,
        help_text=_("Your video begins with this image."),
    )
    video = AssetField(
        "video",
        label=_("Video"),
        use=_("Extend"),
        modes=("extend",),
        help_text=_("Your video goes on from its last frames. At most 120 s long."),
    )
    end_image = AssetField(
        "image",
        label=_("Last frame"),
        use=_("Last frame"),
        modes=("ends", "extend"),
        help_text=_("Your video ends on this image. Optional when extending."),
    )
    ratio = CatalogueField(
        label=_("Ratio"),
        required=False,
        choices=videos.ratios,
        known=(ratio for card in RELEASED for ratio in card.sizes),
        widget=RatioSelect,
        help_text=explained(
            _("The shape of the video."),
            _("16:9 suits screens, 9:16 phones held upright, 1:1 feeds."),
            modes={" ".join(SHAPED): _("Auto matches your image or video.")},
        ),
    )
    num_frames = forms.IntegerField(
        label=_("Length"),
        required=False,
        min_value=MIN_FRAMES,
        max_value=MAX_FRAMES,
        widget=LengthInput,
        help_text=explained(
            _("How long your video runs."),
            _(
                "A length is 1 frame more than a multiple of 4, so 5 s is the nearest of these. A long video is made "
                "window by window, each going on from the last. When you extend a video, the frames that are "
                "looked back on count as well."
            ),
            drawing="windows",
        ),
    )
    seconds = forms.FloatField(
        label=_("Seconds"),
        required=False,
        min_value=0.5,
        max_value=videos.MAX_SECONDS,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=_("How long your video runs, as the nearest length that the model makes. Used instead of frames."),
    )
    style = prompting.style(_("The look of your video. Its words are added to your prompt."))
    finish = prompting.finish(
        _("Makes your video larger and clearer at the end, as the tool Upscale does."),
        _("Leave it as made for a quick look; enlarge what you keep."),
    )
    prompt_enhancer = switch(
        explained(
            _("Writes a longer prompt first and shows it beside yours."),
            _("Use it when your prompt is a few words and you want detail that you did not think of."),
        ),
        label=_("Prompt enhancer"),
    )
    negative_prompt = prompting.negative_prompt()
    model_id = CatalogueField(
        label=_("Model"),
        required=False,
        known=(card.id for card in RELEASED),
        error_messages=prompting.NOT_HERE,
        choices=lambda: [(card.id, card.title) for card in videos.models()],
        widget=ModelSelect,
        help_text=explained(
            _("Installed models."),
            _("Larger models follow longer prompts and take longer; the quote says how long."),
        ),
    )
    resolution = CatalogueField(
        label=_("Resolution"),
        required=False,
        choices=videos.resolutions,
        known=(card.resolution for card in RELEASED),
        widget=PlanSelect,
        help_text=explained(
            _("Set by the model."), _("Each model makes one resolution. Choose another model, or a finish, for more.")
        ),
    )
    steps = number(
        explained(
            _("How often the video is refined. More steps take longer and look cleaner."),
            _("Fewer for a first try, more for the final version. Beyond the recommendation little changes."),
            clips=(Clip("steps-1", _("4 steps")), Clip("steps-2", _("16 steps"))),
        ),
        4,
        100,
        label=_("Steps"),
    )
    guidance_scale = prompting.guidance(Clip("guidance-1", _("Guidance 1")), Clip("guidance-2", _("Guidance 4")))
    shift = fraction(
        explained(
            _("Where the steps go: a higher shift spends more of them on large shapes and motion, fewer on detail."),
            _("Lower it when the video is soft with few steps, raise it when large shapes come out wrong."),
            drawing="shift",
            clips=(Clip("shift-1", _("Shift 12, 6 steps")), Clip("shift-2", _("Shift 3, 6 steps"))),
        ),
        0.5,
        20,
        label=_("Flow shift"),
    )
    fps = number(
        explained(
            _("Frames a second."),
            _("The model moves best at its own rate. A higher one plays the same frames faster and shorter."),
        ),
        1,
        60,
        label=_("Frame rate"),
    )
    seed = SeedField()
    base_num_frames = number(
        explained(
            _("Frames of one window."),
            _("Fewer need less memory, but motion can change more often, as there are more windows."),
            drawing="windows",
        ),
        5,
        257,
        label=_("Window"),
    )
    overlap_history = number(
        explained(
            _("Frames of the last window that the next one sees."),
            _("More keep motion and looks together; each is computed twice, so the video takes longer."),
            drawing="windows",
        ),
        1,
        129,
        label=_("Overlap"),
    )
    overlap = forms.ChoiceField(
        label=_("Overlap by"),
        required=False,
        choices=[
            ("", _("Set by the model")),
            ("latent", _("Latents")),
            ("reencode", _("Frames, encoded again")),
        ],
        help_text=explained(
            _("What is handed from window to window: the model's own numbers, or the frames as you see them."),
            _("Latents keep colours over many windows; the large models have learned from frames."),
        ),
    )
    addnoise_condition = number(
        explained(
            _("Noise on the overlap, in thousandths."),
            _("About 20 hides seams between windows. With 0 a fault is carried on as it is."),
        ),
        0,
        MAX_ADDNOISE,
        label=_("Overlap noise"),
    )
    ar_step = number(
        explained(
            _("Steps between neighbouring blocks of a window; 0 makes all of it at once."),
            _("A few steps make long motion more consistent, and the video takes longer."),
            drawing="staircase",
        ),
        0,
        100,
        label=_("Block delay"),
    )
    causal_block_size = number(
        explained(
            _("How many latents, of four frames each, are made together in a block."),
            _("Leave it empty unless you set a block delay. Every window must divide into blocks of this size."),
            drawing="staircase",
        ),
        1,
        65,
        label=_("Block size"),
    )
    causal_attention = switch(
        explained(
            _("Hides later blocks from earlier ones."),
            _("For models trained that way only. No released weights have learned this."),
        ),
        label=_("Causal attention"),
    )
    teacache = switch(
        explained(
            _("Reuses what hardly changes between steps: faster and less exact."),
            _("For a quick look. Its makers advise against it on diffusion forcing models."),
            drawing="teacache",
        ),
        label=_("TeaCache"),
    )
    teacache_thresh = fraction(
        explained(
            _("How much change TeaCache passes over."),
            _("Higher skips more steps and blurs more. Only used with TeaCache."),
            drawing="teacache",
        ),
        0,
        1,
        label=_("TeaCache threshold"),
    )
    use_ret_steps = switch(
        explained(_("Always computes the first and last steps."), _("Keep it on for a cleaner video with TeaCache.")),
        label=_("TeaCache retention"),
    )
    offload = switch(
        explained(
            _("Uses less GPU memory but runs slower."),
            _("Use it when a quote says that the card is too small."),
        ),
        label=_("Offload"),
    )
    use_usp = switch(
        explained(
            _("Several GPUs of the studio work on one video."),
            _("For long videos of large models. The prompt enhancer does not run with it."),
        ),
        label=_("Several GPUs"),
    )

    (
        voiceover_text,
        voiceover_voice,
        voiceover_speed,
        voiceover_fit,
        music,
        burn_captions,
        audio_description,
    ) = voicing.film_fields()

    not_shown = frozenset({"prompt_enhancer"})
    page_initial: ClassVar[Mapping[str, Any]] = {
        # The films of an embedded model are small, and quickly made larger.
        "finish": FACTORS[-1] if videos.MODEL.embedded else "",
        "mode": "text",
        "num_frames": videos.usual_length(videos.MODEL),
        "ratio": "",
    }
    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {
        voicing.FOLD: voicing.FIELDS,
        _("Prompt"): ("negative_prompt",),
        _("Model"): ("model_id", "resolution"),
        _("Quality"): ("steps", "guidance_scale", "shift", "fps", "seed"),
        _("Windows"): (
            *("base_num_frames", "overlap_history", "overlap", "addnoise_condition"),
            *("ar_step", "causal_block_size", "causal_attention"),
        ),
        _("Speed and memory"): ("teacache", "teacache_thresh", "use_ret_steps", "offload", "use_usp"),
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
        self._suit(self.card())

    def card(self) -> ModelCard:
        """The model that is chosen."""
        return next((card for card in videos.models() if card.id == self["model_id"].value()), videos.MODEL)

    def limit(self, now: Powers) -> None:
        super().limit(now)
        self.fields["model_id"].widget.finishes = allowed.finishes(videos.models(), now)
        length = self.fields["num_frames"].widget
        length.longest = now.number("film_seconds")
        if length.longest is not None:
            length.beyond = powers.limit_of("film_seconds", now)

    def asked_by(self, name: str, value: str) -> Mapping[str, float]:
        if name == "finish":
            return {"lines": allowed.lines_of(self.card()) * int(value)}
        chosen = {"model_id": "id", "resolution": "resolution"}.get(name, "")
        found = [allowed.lines_of(card) for card in videos.models() if chosen and getattr(card, chosen) == value]
        return {"lines": min(found)} if found else {}

    def _suit(self, card: ModelCard) -> None:
        """Show the lengths, the ratios and the recommended values of a model."""
        length = self.fields["num_frames"]
        try:
            frames = length.clean(self["num_frames"].value())
        except forms.ValidationError:
            frames = None
        shown = frames if frames is not None else videos.usual_length(card)
        length.widget.attrs |= videos.slider_of(card, frames)
        length.widget.seconds, length.widget.told = videos.seconds_of(card), videos.told(card, shown)
        self.fields["seconds"].widget.attrs["placeholder"] = f"{shown / card.fps:.1f}"
        ratio = self.fields["ratio"].widget
        ratio.offered, ratio.automatic, ratio.sizes = card.ratios, SHAPED, card.sizes
        ratio.own = "" if self["mode"].value() in SHAPED else card.ratios[0]
        prompting.offer_looks(self, card)
        prompting.show_example(self, card)
        values = videos.recommended(card) | (card.picture if self["mode"].value() in IMAGED else {})
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
        prompting.refuse_missing(self, card)
        if seconds := data.pop("seconds", None):
            data["num_frames"] = frames_for_seconds(seconds, data.get("fps") or card.fps)
        if data.get("num_frames") is None:
            data["num_frames"] = videos.usual_length(card)
        prompting.refuse_look(self, card, data.get("style"))
        self._lengthen(card, data)
        self._check_length(card, data["num_frames"])
        if data.get("prompt_enhancer") and data.get("prompt"):
            self._check_prompt(data["prompt"], mode)
        if self.errors:
            return data
        picture: Asset | None = data.get("image") or data.get("video") or data.get("end_image")
        params = {name: value for name, value in self.params.items() if value not in (None, "") and value is not False}
        params = {name: value for name, value in params.items() if name not in voicing.FIELDS}
        if params.get("prompt_original") == params.get("prompt"):
            params.pop("prompt_original", None)
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
        for name in inputs_of(mode):
            given: Asset | None = data.get(name)
            if given and given.width and given.height:
                self.notes[name] = videos.cut(given.width, given.height, job.spec.width, job.spec.height)
        self._check_clip(job, data.get("video"))
        before = data["video"].seconds if data.get("video") else 0.0
        params |= voicing.clean_film(
            self, data, before + job.spec.new_frames / job.spec.fps, "" if params["prompt"] == "…" else params["prompt"]
        )
        if finish := data.get("finish"):
            self._check_finish(job, finish, data.get("video"))
        try:
            planner.check(job.spec, settings.DEVICE_GB, job.run)
        except EngineError as error:
            self.add_error(None, error.public_text)
        return params

    def _lengthen(self, card: ModelCard, data: dict[str, Any]) -> None:
        """Ask for as many frames as what is spoken takes, where that was chosen and the model makes them."""
        text, fit = data.get("voiceover_text"), data.get("voiceover_fit")
        if not text or fit != voicing.LONGER:
            return
        fps = data.get("fps") or card.fps
        clip: Asset | None = data.get("video")
        needed = expected(text, data.get("voiceover_speed") or 1.0) - (clip.seconds if clip else 0.0)
        frames = math.ceil(needed * fps) + (data.get("overlap_history") or card.overlap_history if clip else 1)
        frames = FRAMES_PER_LATENT * math.ceil((frames - 1) / FRAMES_PER_LATENT) + 1
        longest = videos.lengths(card)[-1]
        if frames > longest:
            told = _t("this takes about {spoken:.0f} s to speak; the longest video here is {most:.0f} s.")
            self.add_error("voiceover_fit", told.format(spoken=needed, most=longest / card.fps))
        else:
            data["num_frames"] = max(data["num_frames"], frames)

    def _check_length(self, card: ModelCard, frames: int) -> None:
        longest = videos.lengths(card)[-1]
        nearest = nearest_frame_counts(frames, lowest=MIN_FRAMES)
        if frames > longest and card.long:
            text = _t(
                "{frames} frames are {seconds:.0f} s; the longest here is {longest} frames ({most:.0f} s)."
            ).format(frames=frames, seconds=frames / card.fps, longest=longest, most=longest / card.fps)
        elif frames not in nearest:
            text = _t("{frames} frames cannot be made. Nearest: {nearest}.").format(
                frames=frames, nearest=either([str(number) for number in nearest])
            )
        else:
            return
        self.add_error("num_frames", forms.ValidationError(text, code="invalid_frames"))

    def _check_prompt(self, prompt: str, mode: str) -> None:
        """Refuse a prompt of which no longer one can be made, such as a shot in JSON with a field that cannot be."""
        try:
            written(prompt, target_of(mode))
        except PromptError as error:
            self.refuse_prompt(error)

    def _check_finish(self, job: VideoRequest, factor: int, clip: Asset | None) -> None:
        """Refuse to enlarge what would exceed 4K, or what is too long to be read again."""
        try:
            target(job.spec.width, job.spec.height, factor=factor)
        except EngineError as error:
            self.add_error("finish", error.public_text)
        if job.spec.num_frames / job.spec.fps + (clip.seconds if clip else 0) > MAX_CLIP_SECONDS:
            text = _t("a video of more than {most:.0f} s stays as made. Choose “As made”, or a shorter length.")
            self.add_error("finish", text.format(most=MAX_CLIP_SECONDS))

    def _check_clip(self, job: VideoRequest, clip: Asset | None) -> None:
        """Refuse a clip that the engine would refuse later, when credits are held."""
        if clip is None or videos.refuse_long(self, "video", clip):
            return
        if round(clip.seconds * job.spec.fps) < job.spec.overlap_history:
            needed = job.spec.overlap_history / job.spec.fps
            text = _t("this video is too short to extend. Choose one of {needed:.1f} s or more.")
            self.add_error("video", text.format(needed=needed))

    def _refuse(self, error: SpecError, mode: str) -> None:
        name = FIELD_OF_SPEC.get(error.field, error.field)
        if name in MISSING and name not in inputs_of(mode) and not self.cleaned_data.get(name):
            name = "mode"
        self.add_error(name if name in self.fields else None, error.public_text)
