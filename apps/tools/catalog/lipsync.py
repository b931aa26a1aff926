"""Lip sync: a face in a video says a text or a sound."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset
from apps.tools import lips, speaking, videos
from apps.tools.fields import AssetField, FaceField
from apps.tools.help import explained
from apps.tools.registry import register
from apps.tools.speaking import DRAFT, HARDLY, SpeakingForm, SpeakingTool
from workers.engines.musetalk import cards
from workers.engines.musetalk import plan as high

HIGH = "high"
QUALITIES = {DRAFT: _("Draft"), HIGH: _("High")}
REMOVED, LOWERED, KEPT = "removed", "lowered", "kept"


class LipSyncForm(SpeakingForm):
    video = AssetField(
        "video",
        label=_("Video"),
        use=_("Lip sync"),
        opened=True,
        help_text=_(
            "A face that looks at the camera, and is not hidden by a hand. At most 120 s long; where the speech is "
            "longer, the last picture stays."
        ),
    )
    face = FaceField(
        label=_("Who speaks"),
        asks=_("Choose a video: where several faces are seen, you pick one of them here."),
        help_text=explained(
            _("A point in the face that speaks, as parts of the frame: “0.31,0.42”."),
            _("Needed where several faces are about as large; otherwise the largest speaks."),
        ),
    )
    text, voice, audio, language, speed, pitch, consent = speaking.fields(use=_("Speech of a lip sync"))
    quality = speaking.quality(
        QUALITIES,
        explained(
            _("A draft bends and draws the mouth in seconds; high repaints it by a model, on a card."),
            _("Begin with a draft."),
        ),
    )
    own_sound = forms.ChoiceField(
        label=_("Sound of the video"),
        required=False,
        choices=[(REMOVED, _("Removed")), (LOWERED, _("Lowered under the speech")), (KEPT, _("Kept as it is"))],
        initial=REMOVED,
        help_text=explained(
            _("What becomes of the sound that the video has."),
            _("Keep it for music and noises; remove it where somebody speaks already."),
        ),
    )

    shown = "video"
    inputs = ("video", "audio")
    field_order = ("video", "face", "text", "voice", "audio", "quality", "own_sound", *speaking.HOW_FIELDS, "consent")
    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {speaking.HOW: speaking.HOW_FIELDS}

    def reasons(self) -> dict[str, str]:
        reason = high.available(settings.DEVICE_GB)
        return {HIGH: reason} if reason else {}

    def _cleaned(self, data: dict[str, Any]) -> dict[str, Any]:
        video: Asset | None = data.get("video")
        audio: Asset | None = data.get("audio")
        if video is None and "video" not in self.errors:
            self.miss("video", _t("choose the video whose face speaks."))
        self.check_quality(data)
        said = self.said(data, audio)
        if video is not None:
            videos.refuse_file(self, "video", video)
            self.check_consent(data, {"video": video, "audio": audio})
        if video is None:
            return data
        seen = self.seen("video", video)
        face = self.picked(seen, data.get("face") or "") if seen else None
        if audio and not self.errors:
            self.listen(audio)
        if self.errors or seen is None:
            return data
        fps = float(lips.rate(video))
        frames = max(video.frames or round(video.seconds * fps), math.ceil(said.pop("spoken") * fps - HARDLY), 1)
        given = {"video": video, "audio": audio, **said} | {name: data.get(name) for name in ("language", "face")}
        given |= {"quality": data.get("quality") or DRAFT, "own_sound": data.get("own_sound") or REMOVED}
        if face and (data.get("face") or seen.several):
            given["face_at"] = [seen.second, *face.middle]
        sides = {"made_width": video.width // 2 * 2, "made_height": video.height // 2 * 2}
        given |= self.agreed(data) | sides | {"frames": frames, "seconds": frames / fps}
        return {name: value for name, value in given.items() if value not in (None, "")}


@register
class LipSync(SpeakingTool):
    """A face in a video says a text or a sound."""

    slug = "lip-sync"
    about = _(
        "Choose a video with a face and give it something to say: a text in a voice, or a sound. The mouth moves to "
        "it, frame by frame; everything else stays. The result is marked as synthetic."
    )
    title = _("Lip sync")
    tagline = _("Let a face in your video say something else.")
    icon = "chat-bubble-left-right"
    task = work_name = "lip-sync"
    verb = _("Move the lips")
    noun, nouns = _("lip sync"), _("lip syncs")
    compares = "video"
    qualities = QUALITIES
    priced_as = _("%(seconds)s-second video, its lips moved")
    synthetic = _("Synthetic: the lips were moved by software, and the words may never have been said.")
    prefill = ("text", "voice", "quality")
    examples = {
        _("A text in a voice"): {"video": "$FILE_ID", "text": "Every film begins with a voice.", "consent": "true"},
    }
    example_file = "face"
    form_class = LipSyncForm

    def models(self, params: Mapping[str, Any]) -> set[str]:
        return {cards.ID} if params.get("quality") == HIGH else set()
