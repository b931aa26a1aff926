"""Talking avatar: a portrait says a text or a sound, or does what somebody in a clip does."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.errors import StudioError
from apps.library.models import Asset
from apps.text import told
from apps.tools import lips, speaking, videos
from apps.tools.fields import AssetField, FaceField, PlanSelect, PortraitField, RatioSelect, Slider
from apps.tools.help import behind_label, explained
from apps.tools.registry import register
from apps.tools.speaking import DRAFT, HARDLY, SpeakingForm, SpeakingTool
from apps.voices import services as voices
from workers import presenters
from workers.engines.external import cards
from workers.media.facts import MediaError
from workers.voice.base import Voice

HIGH, LARGE = "high", "large"
QUALITIES = {DRAFT: _("Draft"), HIGH: _("High"), LARGE: _("Large")}
MODELS = {HIGH: cards.ECHO, LARGE: cards.SKYREELS}  # by the quality: an external engine
FPS = 25  # of every film of an avatar
RATIOS = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1)}
RESOLUTIONS = {"720p": 720, "1080p": 1080}  # the shorter side
RATIO, RESOLUTION = "16:9", "720p"
EXPRESSIVENESS = 0.5
WORDS = (_("Still"), _("Calm"), _("Natural"), _("Lively"), _("Very lively"))  # of it, from 0 to 1
MOVES = _("How it moves")


class AvatarForm(SpeakingForm):
    portrait = PortraitField(
        label=_("Portrait"),
        use=_("Talking avatar"),
        opened=True,
        help_text=explained(
            _("Who speaks: a presenter, or a picture of a face that looks at the camera."),
            _("A drawing or a painting does as well, where eyes and a mouth are seen."),
        ),
    )
    face = FaceField(
        label=_("Who speaks"),
        asks=_("Choose a picture: where several faces are seen, you pick one of them here."),
        help_text=explained(
            _("A point in the face that speaks, as parts of the picture: “0.31,0.42”."),
            _("Needed where several faces are about as large; otherwise the largest speaks. Presenters need none."),
        ),
    )
    text, voice, audio, language, speed, pitch, consent = speaking.fields(use=_("Speech of a talking avatar"))
    ratio = forms.ChoiceField(
        label=_("Ratio"),
        required=False,
        choices=[(name, name) for name in RATIOS],
        initial=RATIO,
        widget=RatioSelect,
        help_text=explained(
            _("The shape of the video. The picture is cut around the face."),
            _("16:9 for screens, 9:16 for phones, 1:1 for feeds."),
        ),
    )
    resolution = forms.ChoiceField(
        label=_("Resolution"),
        required=False,
        choices=[(name, name) for name in RESOLUTIONS],
        initial=RESOLUTION,
        widget=PlanSelect,
        help_text=explained(
            _("The pixels of the shorter side."), _("1080p takes about twice as long, and is worth it for large faces.")
        ),
    )
    quality = speaking.quality(
        QUALITIES,
        explained(
            _("A draft moves the portrait on any computer; high and large paint every frame by a model, on a card."),
            _("Begin with a draft."),
        ),
    )
    expressiveness = forms.FloatField(
        label=_("Expressiveness"),
        required=False,
        min_value=0,
        max_value=1,
        initial=EXPRESSIVENESS,
        widget=Slider(attrs={"step": "0.1", "min": 0, "max": 1}, words=WORDS),
        help_text=explained(
            _("How much the head moves: 0 is nearly still, 1 is lively."), _("Less for news, more for adverts.")
        ),
    )
    driver = AssetField(
        "video",
        label=_("Video to follow"),
        use=_("Movement of a talking avatar"),
        opened=True,
        help_text=explained(
            _("Somebody whose head, lids and mouth the portrait follows. At most 120 s long."),
            _("Without a text or a sound, the video's own sound is heard. With one, the mouth follows that instead."),
        ),
    )

    shown = "portrait"
    troubles = speaking.OF_PICTURE
    inputs = ("portrait", "audio", "driver")
    field_order = (
        "portrait", "face", "ratio", "text", "voice", "audio", "resolution", "quality", *speaking.HOW_FIELDS,
        "expressiveness", "driver", "consent",
    )  # fmt: skip
    page_initial: ClassVar[Mapping[str, Any]] = {"portrait": presenters.PRESENTERS[0].slug}
    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {
        speaking.HOW: speaking.HOW_FIELDS,
        MOVES: ("expressiveness", "driver"),
    }

    def reasons(self) -> dict[str, str]:
        found = {name: cards.available(model, settings.DEVICE_GB) for name, model in MODELS.items()}
        return {name: reason for name, reason in found.items() if reason}

    def asked_by(self, name: str, value: str) -> Mapping[str, float]:
        return {"lines": RESOLUTIONS[value]} if name == "resolution" else {}

    def voice_of(self, data: dict[str, Any]) -> Voice | None:
        """Return the voice that was chosen, or else the presenter's own."""
        portrait = data.get("portrait")
        if isinstance(portrait, str) and not data.get("voice") and "voice" not in self.errors:
            try:
                return voices.get(self.user, presenters.get(portrait).voice)
            except StudioError:
                pass  # of a studio without this voice: the usual one speaks
        return super().voice_of(data)

    def _cleaned(self, data: dict[str, Any]) -> dict[str, Any]:
        portrait: Asset | str | None = data.get("portrait")
        audio: Asset | None = data.get("audio")
        driver: Asset | None = data.get("driver")
        picture = portrait if isinstance(portrait, Asset) else None
        if not portrait and "portrait" not in self.errors:
            self.miss("portrait", _t("choose a presenter, or the picture of a face."))
        self.check_quality(data)
        said = self.said(data, audio, may_be_silent=bool(driver) or "driver" in self.errors)
        if self.draft and not (data.get("text") or audio or driver):
            self.miss("text", _t("write what is to be said, or choose a sound."))  # it has no price yet
        if picture:
            self._check_picture(picture)
        if driver:
            videos.refuse_file(self, "driver", driver)
            if (quality := data.get("quality") or DRAFT) in MODELS:
                text = _t("only a draft follows a video. Leave it out, or choose the quality {draft}, not {quality}.")
                named = {"draft": str(QUALITIES[DRAFT]), "quality": str(QUALITIES[quality])}
                self.add_error("driver", text.format(**named))
        self.check_consent(data, {"portrait": picture, "audio": audio, "driver": driver})
        if not portrait:
            return data
        seen = self.seen("portrait", picture) if picture else None
        face = self.picked(seen, data.get("face") or "") if seen else None
        followed = self.seen("driver", driver, pick=False) if driver else None
        if followed and followed.faces and (trouble := followed.faces[0].trouble):
            self.add_error("driver", str(speaking.OF_VIDEO[trouble]))
        if audio and not self.errors:
            self.listen(audio)
        if self.errors or (picture and seen is None):
            return data
        given: dict[str, Any] = {
            "portrait": portrait,
            "audio": audio,
            "driver": driver,
            "language": data.get("language"),
        }
        spoken = said.pop("spoken")
        if driver and not (audio or data.get("text")):
            frames = max(1, round(driver.seconds * FPS))
        else:
            frames, given = max(1, math.ceil(spoken * FPS - HARDLY)), given | said
        if seen and face and (data.get("face") or seen.several):
            given |= {"face": data.get("face"), "face_at": [seen.second, *face.middle]}
        ratio, resolution = data.get("ratio") or RATIO, data.get("resolution") or RESOLUTION
        width, height = sides(ratio, resolution)
        chosen = data.get("expressiveness")
        given |= {"quality": data.get("quality") or DRAFT, "ratio": ratio, "resolution": resolution}
        given |= {"expressiveness": EXPRESSIVENESS if chosen is None else chosen}
        given |= {"made_width": width, "made_height": height, "frames": frames, "seconds": frames / FPS}
        given |= self.agreed(data)
        return {name: value for name, value in given.items() if value not in (None, "")}

    def _check_picture(self, picture: Asset) -> None:
        """Refuse a picture that is too small or too large."""
        try:
            lips.check_sides(picture.width, picture.height)
        except MediaError as error:
            self.add_error("portrait", behind_label(told(error.public_text)))


def sides(ratio: str, resolution: str) -> tuple[int, int]:
    """Return the width and the height of a film in pixels."""
    across, down = RATIOS[ratio]
    least = RESOLUTIONS[resolution]
    return least * across // min(across, down), least * down // min(across, down)


@register
class TalkingAvatar(SpeakingTool):
    """A portrait says a text or a sound."""

    slug = "talking-avatar"
    about = _(
        "Choose a presenter, or the picture of a face, and give it something to say: a text in a voice, or a sound. "
        "It speaks, blinks and moves its head, or follows somebody in a video. Its file says that it is synthetic."
    )
    title = _("Talking avatar")
    tagline = _("Let a portrait say what you write.")
    icon = "user-circle"
    clip = "clips/avatar.mp4"
    task = "talking-avatar"
    work_name = "avatar"
    verb = _("Let it speak")
    noun, nouns = _("talking avatar"), _("talking avatars")
    qualities = QUALITIES
    priced_as = _("%(seconds)s-second video of a talking avatar")
    synthetic = _("Synthetic: this portrait was moved by software, and the words may never have been said.")
    prefill = ("text", "voice", "language", "quality", "ratio", "resolution")
    examples = {
        _("A presenter says a text"): {
            "portrait": "professional-woman",
            "text": "Every film begins with a voice.",
            "ratio": "9:16",
        },
    }
    form_class = AvatarForm

    def inputs_of(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A presenter is none of the user's assets."""
        slugs = [presenter.slug for presenter in presenters.PRESENTERS]
        return {name: value for name, value in super().inputs_of(params).items() if value not in slugs}

    def models(self, params: Mapping[str, Any]) -> set[str]:
        model = MODELS.get(str(params.get("quality")))
        return {model} if model else set()

    def limit_of(self, params: Mapping[str, Any]) -> float:
        """What an external engine may take, and what comes before and after it."""
        if not (model := MODELS.get(str(params.get("quality")))):
            return self.time_limit
        card = cards.get(model)
        return self.time_limit + card.patience + card.pace * float(params["seconds"])

    def work(self, params: Mapping[str, Any]) -> float:
        """Megapixels of all frames."""
        return float(params["frames"] * params["made_width"] * params["made_height"]) / 1e6

    def asks(self, params: Mapping[str, Any]) -> Mapping[str, float]:
        return {**super().asks(params), "lines": min(params["made_width"], params["made_height"])}
