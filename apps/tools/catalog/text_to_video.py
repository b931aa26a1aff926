"""Text to video."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings

from apps.tools.fields import RatioSelect, SeedField, Slider, StyleSelect
from apps.tools.registry import Tool, ToolForm, register
from workers.engines.skyreels import catalog
from workers.engines.skyreels.plan import plan
from workers.engines.skyreels.spec import SpecError, VideoSpec, legal_num_frames, nearest_frame_counts
from workers.prompts.styles import STYLES

MODEL = catalog.get(settings.VIDEO_MODEL)
MAX_SECONDS = 61
CREDITS_PER_SECOND = 10
LENGTHS = legal_num_frames(
    MODEL.base_num_frames, MODEL.overlap_history, min(MODEL.max_num_frames, MAX_SECONDS * MODEL.fps)
)
FIELD_OF_SPEC = {"width": "ratio", "height": "ratio", "base_num_frames": "num_frames", "overlap_history": "num_frames"}


class TextToVideoForm(ToolForm):
    prompt = forms.CharField(
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": MODEL.examples[0] if MODEL.examples else ""}),
        error_messages={"required": "Describe what is in the picture and how it moves."},
    )
    ratio = forms.ChoiceField(
        choices=[(ratio, ratio) for ratio in MODEL.sizes], initial=next(iter(MODEL.sizes)), widget=RatioSelect
    )
    num_frames = forms.IntegerField(
        label="Length",
        initial=LENGTHS[min(1, len(LENGTHS) - 1)],
        widget=Slider(
            attrs={
                "min": LENGTHS[0],
                "max": LENGTHS[-1],
                "step": LENGTHS[1] - LENGTHS[0] if len(LENGTHS) > 1 else 1,
                "data-fps": MODEL.fps,
            }
        ),
        help_text=f"Frames at {MODEL.fps} a second. A length is 1 more than a multiple of 4.",
    )
    style = forms.ChoiceField(
        choices=[(key, label) for key, (label, _) in STYLES.items()], initial="realistic", widget=StyleSelect
    )
    negative_prompt = forms.CharField(
        required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}), help_text="What should not be seen."
    )
    steps = forms.IntegerField(
        min_value=4, max_value=100, initial=MODEL.steps, help_text="More steps take longer and look cleaner."
    )
    guidance_scale = forms.FloatField(
        min_value=1, max_value=20, initial=MODEL.guidance_scale, help_text="How strictly the prompt is followed."
    )
    shift = forms.FloatField(
        label="Flow shift",
        min_value=0.5,
        max_value=20,
        initial=MODEL.shift,
        help_text="Higher spends more steps on the large shapes.",
    )
    seed = SeedField()

    advanced: ClassVar[tuple[str, ...]] = ("negative_prompt", "steps", "guidance_scale", "shift", "seed")

    def clean_num_frames(self) -> int:
        frames = int(self.cleaned_data["num_frames"])
        if frames > LENGTHS[-1]:
            raise forms.ValidationError(
                f"{frames} frames are {frames / MODEL.fps:.0f} s; the longest film here is {LENGTHS[-1]} frames "
                f"({LENGTHS[-1] / MODEL.fps:.0f} s).",
                code="invalid_frames",
            )
        nearest = nearest_frame_counts(frames, lowest=5)
        if frames not in nearest:
            named = " or ".join(str(number) for number in nearest)
            raise forms.ValidationError(
                f"{frames} frames cannot be made: a length is 1 more than a multiple of 4. Nearest: {named}.",
                code="invalid_frames",
            )
        return frames

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            try:
                video_spec(data).validate()
            except SpecError as error:
                field = FIELD_OF_SPEC.get(error.field, error.field)
                self.add_error(field if field in self.fields else None, error.public_text)
        return data


def video_spec(params: Mapping[str, Any]) -> VideoSpec:
    """The request of these parameters, as the engine takes it."""
    values = {key: params[key] for key in ("num_frames", "negative_prompt", "steps", "guidance_scale", "shift", "seed")}
    return VideoSpec.for_model(MODEL.id, params["prompt"], ratio=params["ratio"], **values)


@register
class TextToVideo(Tool):
    """Describe a scene and watch it become a film. Long films are made window by window, and can be of any length."""

    slug = "to-video"
    title = "Text to video"
    tagline = "A prompt becomes a film."
    icon = "film"
    popular = True
    clip = "clips/a-red-circle-moves-right-over-the-sea.mp4"
    task = "skyreels.t2v"
    form_class = TextToVideoForm

    def price(self, params: Mapping[str, Any]) -> int:
        return int(CREDITS_PER_SECOND * math.ceil(params["num_frames"] / MODEL.fps))

    def work(self, params: Mapping[str, Any]) -> float:
        width, height = MODEL.sizes.get(params["ratio"], next(iter(MODEL.sizes.values())))
        return float(width * height * params["num_frames"] * params["steps"])

    def summary(self, params: Mapping[str, Any]) -> str:
        windows = len(plan(video_spec(params)).windows)
        return (
            f"{params['num_frames'] / MODEL.fps:.1f} s · {params['num_frames']} frames · "
            f"{windows} window{'s' if windows > 1 else ''}"
        )

    @property
    def page_context(self) -> dict[str, Any]:
        return {"model": MODEL, "suggestions": MODEL.examples}
