"""Video: from words, from a picture, between two pictures, or on from a video."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.library.ids import as_uuid
from apps.library.models import Asset, Generation
from apps.tools import prices, prompting, registry, videos, voicing
from apps.tools.registry import LARGE_QUEUE, Stoppable, Timeline, ToolForm, register
from apps.tools.video_form import VideoForm
from apps.tools.video_modes import spec_of
from workers.engines.skyreels import cards
from workers.engines.skyreels.cards import ModelCard
from workers.engines.skyreels.memory import planner
from workers.engines.skyreels.request.flags import devices
from workers.engines.skyreels.request.plan import effort, plan
from workers.engines.skyreels.request.spec import SpecError, frames_for_seconds
from workers.weights import catalog

PRICED_SECONDS = (3, 10, 30)  # the lengths of the price list
FINISHING_PASSES = 20  # of nano over one latent, in the time of which a frame is made four times as large


def _seconds_of(video: Any) -> float:
    """Return how long a video is that goes on: an asset, its id, or what another job will have made."""
    if isinstance(video, Asset):
        return video.seconds
    if params := getattr(video, "params", None):
        tool = registry.get(video.tool) if isinstance(video.tool, str) else video.tool
        return float(tool.asks(params).get("film_seconds", 0)) if tool else 0.0
    found = Asset.objects.filter(pk=video).values_list("seconds", flat=True).first() if as_uuid(str(video)) else None
    return found or 0.0


@register
class ToVideo(Stoppable):
    """Video of any length by diffusion forcing, window by window."""

    slug = "to-video"
    about = _(
        "Describe a scene and watch it become a video: from words alone, from an image, between two images, or on from "
        "a video. Long videos are made window by window, and can be of any length."
    )
    title = _("To video")
    tagline = _("Turn words, an image or a video into a new video.")
    icon = "film"
    popular = main = True
    door = _("AI Video")  # type: ignore[assignment]
    clip = "clips/a-white-heart-grows-at-sunset.mp4"
    task = kind = "video"
    prefill = ("prompt", "mode")
    examples = {
        _("From words"): {"prompt": "a red circle moves right over the sea", "num_frames": 33},
        _("From an image"): {"prompt": "a red circle moves right", "image": "@picture.png"},
    }
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
        return prices.whole(rate * Fraction(spec.new_frames, card.fps)) + voicing.price_in_film(params)

    def said(self, params: Mapping[str, Any]) -> str:
        return prompting.said(params)

    def price_of_part(self, job: Generation, frames: int) -> int:
        """The price without the finish and the speech: a film that is stopped is kept as it is."""
        return self.price(
            {**job.params, "num_frames": frames, "finish": None, "voiceover_text": None, "description": None}
        )

    def size(self, params: Mapping[str, Any]) -> tuple[int, int] | None:
        card = self.card(params)
        return card.sizes.get(str(params.get("ratio"))) if isinstance(card, ModelCard) else None

    def fitting(self, params: Mapping[str, Any], credits: int) -> str:
        """The longest video of whole windows, shorter than what was asked for."""
        for frames in reversed(videos.lengths(cards.get(params["model_id"]))):
            if frames < params["num_frames"] and self.price({**params, "num_frames": frames}) <= credits:
                spec = spec_of({**params, "num_frames": frames})
                return _t("%(seconds).1f s fit.") % {"seconds": spec.new_frames / spec.fps}
        return ""

    def models(self, params: Mapping[str, Any]) -> set[str]:
        kinds = [kind for kind, asked in (("upscale", "finish"), ("prompt", "prompt_enhancer")) if params.get(asked)]
        return super().models(params) | {catalog.chosen(kind) for kind in kinds}

    def work(self, params: Mapping[str, Any]) -> float:
        """Pixels of latents that the model sees, over all of its passes."""
        spec = spec_of(params)
        passes = plan(spec).passes + (FINISHING_PASSES * spec.new_frames if params.get("finish") else 0)
        return float(spec.width * spec.height * passes)

    def asks(self, params: Mapping[str, Any]) -> Mapping[str, float]:
        """Whole seconds, so that the length nearest to a limit is within it, with the video that goes on."""
        spec = spec_of(params)
        seconds = spec.new_frames / spec.fps + _seconds_of(params.get("video"))
        return {
            "film_seconds": math.floor(seconds),
            "lines": min(spec.width, spec.height) * (params.get("finish") or 1),
        }

    def timeline(self, job: Generation) -> Timeline | None:
        """The windows that the film has, or of one that is being made, all that it will have.

        A clip that goes on comes before the first window, at whatever length the film shows that it has.
        """
        try:
            spec = spec_of(job.params)
            windows = plan(spec).windows
        except SpecError:
            return None  # of a model that has changed since
        if job.is_ended and job.stopped_early and job.kept_windows:
            windows = windows[: job.kept_windows]
        last, asset = windows[-1].first_frame + windows[-1].frames, job.asset
        if spec.video and not asset:
            return None  # how long the clip is, is not known here
        frames = asset.frames if asset else last
        clip = frames - last if spec.video else 0
        return Timeline(frames, spec.fps, tuple(first for w in windows if (first := w.first_frame + clip) < frames))

    def queue_of(self, params: Mapping[str, Any]) -> str:
        return LARGE_QUEUE if params.get("use_usp") and devices() > 1 else self.queue

    @property
    def priced(self) -> list[tuple[str, Mapping[str, Any]]]:
        usual = self.form_class.page_data() | ({"mode": "picture"} if videos.MODEL.variant == "i2v" else {})
        lengths = {seconds: frames_for_seconds(seconds, videos.MODEL.fps) for seconds in PRICED_SECONDS}
        return [
            (_t("%(seconds)s-second video") % {"seconds": seconds}, usual | {"num_frames": frames})
            for seconds, frames in lengths.items()
            if frames <= videos.MODEL.max_num_frames
        ]

    def summary(self, params: Mapping[str, Any]) -> str:
        spec = spec_of(params)
        windows = len(plan(spec).windows)
        added = _t("%d frames more") % spec.new_frames if spec.video else _t("%d frames") % spec.num_frames
        parts = ngettext("%d window", "%d windows", windows) % windows
        size = f" · {spec.width * finish} × {spec.height * finish}" if (finish := params.get("finish")) else ""
        return f"{spec.new_frames / spec.fps:.1f} s · {added} · {parts}{size}{voicing.summary(params)}"

    def page_context(self, form: ToolForm | None = None) -> dict[str, Any]:
        card = form.card() if isinstance(form, VideoForm) else videos.MODEL
        return {
            "model": card,
            "suggestions": card.examples,
            "tips": videos.tips_of(card),
            "memory": planner.sentence(card, settings.DEVICE_GB),
        }
