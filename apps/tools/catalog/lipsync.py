"""Lip sync: a face in a video says a text or a sound."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.library import uploads
from apps.library.models import Asset, Generation
from apps.library.uploads import MAX_BYTES
from apps.text import told
from apps.tools import lips, prices, voicing
from apps.tools.fields import AssetField, FaceField, LanguageField, ReasonSelect, SoundField, VoiceField, point_of
from apps.tools.help import behind_label, explained
from apps.tools.registry import Stoppable, Timeline, ToolForm, register
from apps.voices.services import LANGUAGES
from workers.engines.musetalk import cards
from workers.engines.musetalk import plan as high
from workers.media.facts import MAX_CLIP_SECONDS, FaceSeen, FacesSeen, MediaError
from workers.voice.base import HIGHEST, LOWEST
from workers.voice.length import expected

DRAFT, HIGH = "draft", "high"
QUALITIES = {DRAFT: _("Draft"), HIGH: _("High")}
REMOVED, LOWERED, KEPT = "removed", "lowered", "kept"
LONGEST = 200.0  # seconds of speech
HARDLY = 0.01  # of a frame, by which a sound is longer than it says
TITLE = 120  # characters of the text that name the job
PRICED_SECONDS = 10  # of the film in the price list
EXAMPLE = _("Every film begins with a voice.")
# As it is agreed to, and kept with the job.
STATEMENT = _("I may use this face and voice: they are mine, or the people shown and heard have agreed.")
TROUBLES = {
    "face_small": _("the face is too small for its mouth to be seen. Choose a video in which it is nearer."),
    "face_turned": _("the face looks too far to the side. Choose a video in which it looks at the camera."),
}


class LipSyncForm(ToolForm):
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
        help_text=explained(
            _("A point in the face that speaks, as parts of the frame: “0.31,0.42”."),
            _("Needed where several faces are about as large; otherwise the largest speaks."),
        ),
    )
    text = forms.CharField(
        label=_("Text"),
        required=False,
        max_length=voicing.FILM_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": EXAMPLE}),
        help_text=explained(
            _("What the face says. Write it here, or choose a sound below."),
            _("About 17 characters are a second of speech."),
        ),
    )
    text.widget.either = True  # this, or a sound
    voice = VoiceField(
        label=_("Voice"),
        help_text=explained(
            _("Who speaks the text. Left out, it is the studio's usual voice."), _("Listen before you choose.")
        ),
    )
    audio = SoundField(
        label=_("Sound"),
        use=_("Speech of a lip sync"),
        opened=True,
        help_text=_("Somebody who speaks, up to 200 s, instead of a text."),
    )
    quality = forms.ChoiceField(
        label=_("Quality"),
        required=False,
        choices=list(QUALITIES.items()),
        initial=DRAFT,
        widget=ReasonSelect,
        help_text=explained(
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
    language = LanguageField(
        label=_("Language"),
        required=False,
        choices=[("", _("As the voice speaks")), *sorted(LANGUAGES.items(), key=lambda each: each[0])],
        help_text=explained(
            _("The language of the text, or of the sound."),
            _("Choose one for voices that speak several, and for a sound that is not English."),
        ),
    )
    speed = voicing.speed()
    pitch = forms.FloatField(
        label=_("Pitch"),
        required=False,
        min_value=LOWEST,
        max_value=HIGHEST,
        widget=forms.NumberInput(attrs={"step": "0.5", "placeholder": "0"}),
        help_text=explained(
            _("Semitones higher or, below 0, lower."), _("Small steps: beyond 2 a voice sounds made up.")
        ),
    )
    consent = forms.BooleanField(
        label=STATEMENT,
        required=False,
        help_text=_("Needed for videos and sounds that were brought here, not for those that were made here."),
    )

    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {_("How it is spoken"): ("language", "speed", "pitch")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.pop("consent", None)  # of another job: it is asked for each time
        self.fields["quality"].widget.reasons = {HIGH: told(reason)} if (reason := not_high()) else {}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            return self._cleaned(data)
        finally:
            if self.draft:
                uploads.let_go(each for each in (data.get("video"), data.get("audio")) if each)

    def _cleaned(self, data: dict[str, Any]) -> dict[str, Any]:
        video: Asset | None = data.get("video")
        audio: Asset | None = data.get("audio")
        if video is None and "video" not in self.errors:
            missing = _t("choose the video whose face speaks.")
            self.add_error("video", forms.ValidationError(missing, code="required"))
        if data.get("quality") == HIGH and (reason := not_high()):
            self.add_error("quality", behind_label(told(reason)))
        said = self._said(data, audio)
        if video is not None:
            self._check_video(video, audio, bool(data.get("consent")))
        if video is None:
            return data
        seen = self._seen(video)
        face = self._picked(seen, data.get("face") or "") if seen else None
        if audio and not self.errors:
            self._listen(audio)
        if self.errors or seen is None:
            return data
        fps = float(lips.rate(video))
        frames = max(video.frames or round(video.seconds * fps), math.ceil(said.pop("spoken") * fps - HARDLY), 1)
        given = {"video": video, "audio": audio, **said} | {name: data.get(name) for name in ("language", "face")}
        given |= {"quality": data.get("quality") or DRAFT, "own_sound": data.get("own_sound") or REMOVED}
        if face and (data.get("face") or seen.several):
            given["face_at"] = [seen.second, *face.middle]
        if data.get("consent"):
            given |= {"consent": True, "statement": str(STATEMENT)}
        sides = {"made_width": video.width // 2 * 2, "made_height": video.height // 2 * 2}
        given |= sides | {"frames": frames, "seconds": frames / fps}
        return {name: value for name, value in given.items() if value not in (None, "")}

    def _said(self, data: dict[str, Any], audio: Asset | None) -> dict[str, Any]:
        """Return what is said, with the seconds that it is expected to take as `spoken`; errors at its fields."""
        text, asked = data.get("text") or "", bool(audio) or "audio" in self.errors
        if text and audio:
            self.add_error("audio", _t("choose either a text or a sound."))
        if audio and not text:
            try:
                _check_length(audio)
            except MediaError as error:
                self.add_error("audio", behind_label(told(error.public_text)))
            return {"spoken": audio.seconds}
        if not text and not self.draft and not asked and "text" not in self.errors:
            missing = _t("write what is to be said, or choose a sound.")
            self.add_error("text", forms.ValidationError(missing, code="required"))
        voice, pace = voicing.voice_of(self, "voice"), data.get("speed") or 1.0
        if text and voice:
            names = {"text": "text", "language": "language" if data.get("language") else "text", "voice": "voice"}
            voicing.refuse_text(self, text, voice, data.get("language") or "", names)
        spoken = expected(text, pace) if text and "text" not in self.errors else 0.0
        if spoken > LONGEST:
            told_ = _t("this takes about {spoken:.0f} s to say. Shorten it to {most:.0f} s.")
            self.add_error("text", told_.format(spoken=spoken, most=LONGEST))
        said: dict[str, Any] = {"spoken": spoken, "text": text or "…"}
        said |= {"voice": voice.slug, "voice_engine": voice.engine} if voice else {}
        return said | {name: data[name] for name in ("speed", "pitch") if data.get(name)}

    def _check_video(self, video: Asset, audio: Asset | None, agreed: bool) -> None:
        if video.seconds > MAX_CLIP_SECONDS:
            text = _t("this video is {seconds:.0f} s long. Choose one of at most {most:.0f} s.")
            self.add_error("video", text.format(seconds=video.seconds, most=MAX_CLIP_SECONDS))
        elif video.bytes > (most := MAX_BYTES[Asset.Kind.VIDEO]):
            text = _t("this file is too large. Choose one of at most {most} MB.")
            self.add_error("video", text.format(most=most // 1_000_000))
        if not agreed and not self.draft and any(lips.is_brought(each) for each in (video, audio) if each):
            missing = _t("say that you may use this face and voice.")
            self.add_error("consent", forms.ValidationError(missing, code="required"))

    def _seen(self, video: Asset) -> FacesSeen | None:
        """Return the faces of the video, and show them to be picked from."""
        if "video" in self.errors:
            return None
        try:
            seen = lips.faces(video)
        except MediaError as error:
            self.add_error("video", behind_label(told(error.public_text)))
            return None
        self.fields["face"].widget.seen = seen
        if not seen.faces:
            nobody = _t("no face is seen in this video. Choose one in which a face looks at the camera.")
            self.add_error("video", nobody)
        return seen

    def _picked(self, seen: FacesSeen, place: str) -> FaceSeen | None:
        """Return the face that speaks; an error where it is not known, or cannot."""
        if not seen.faces or "face" in self.errors:
            return None
        point = point_of(place)
        if point is None and seen.several:
            number = len(seen.faces)
            text = ngettext(
                "%d face is seen: pick the one that speaks.", "%d faces are seen: pick the one that speaks.", number
            )
            code = "required" if self.draft else "several_faces"
            self.add_error("face", forms.ValidationError(text % number, code=code))
            return None
        face = seen.at(*point) if point else seen.faces[0]
        if face is None:
            self.add_error("face", _t("no face is seen at this place."))
        elif face.trouble:
            self.add_error("face" if point else "video", str(TROUBLES[face.trouble]))
        return face

    def _listen(self, audio: Asset) -> None:
        try:
            lips.check_spoken(audio)
        except MediaError as error:
            self.add_error("audio", behind_label(told(error.public_text)))


def not_high() -> str:
    """Say why lips cannot be repainted by a model here; empty where they can."""
    return high.available(settings.DEVICE_GB) or ""


@register
class LipSync(Stoppable):
    """A face in a video says a text or a sound."""

    slug = "lip-sync"
    about = _(
        "Choose a video with a face and give it something to say: a text in a voice, or a sound. The mouth moves to "
        "it, frame by frame; everything else stays. The result is marked as synthetic."
    )
    title = _("Lip sync")
    tagline = _("Let a face in your video say something else.")
    icon = "chat-bubble-left-right"
    task = "lip-sync"
    verb = _("Move the lips")
    noun, nouns = _("lip sync"), _("lip syncs")
    compares = "video"
    text = "text"
    batches = False
    synthetic = _("Synthetic: the lips were moved by software, and the words may never have been said.")
    prefill = ("text", "voice", "quality")
    examples = {
        _("A text in a voice"): {"video": "$FILE_ID", "text": "Every film begins with a voice.", "consent": "true"},
    }
    example_file = "face"
    form_class = LipSyncForm

    def queue_of(self, params: Mapping[str, Any]) -> str:
        """A draft needs no card."""
        return "gpu" if params.get("quality") == HIGH else "cpu"

    def models(self, params: Mapping[str, Any]) -> set[str]:
        return {cards.ID} if params.get("quality") == HIGH else set()

    def price(self, params: Mapping[str, Any]) -> int:
        return prices.whole(prices.rate("lip-sync", str(params.get("quality") or DRAFT)).credits * params["seconds"])

    def price_of_part(self, job: Generation, frames: int) -> int:
        """The part of the price that the finished frames are of the film."""
        whole: int = job.params["frames"]
        return min(job.cost, math.ceil(job.cost * frames / whole))

    def work(self, params: Mapping[str, Any]) -> float:
        """Frames in which lips are moved."""
        return float(params["frames"])

    def size(self, params: Mapping[str, Any]) -> tuple[int, int] | None:
        return params["made_width"], params["made_height"]

    def asks(self, params: Mapping[str, Any]) -> Mapping[str, float]:
        return {"film_seconds": math.floor(params["seconds"])}

    def timeline(self, job: Generation) -> Timeline | None:
        """How long a film is that is being made: as long as its source, or its speech."""
        frames, seconds = job.params.get("frames") or 0, job.params.get("seconds") or 0
        return Timeline(frames, frames / seconds) if job.is_active and frames and seconds else None

    def summary(self, params: Mapping[str, Any]) -> str:
        sides = f"{params['made_width']} × {params['made_height']}"
        return f"{params['seconds']:.1f} s · {sides} · {QUALITIES[params['quality']]}"

    def job_title(self, params: Mapping[str, Any]) -> str:
        if text := " ".join(str(params.get("text") or "").split()):
            return text if len(text) <= TITLE else f"{text[:TITLE].rsplit(' ', 1)[0]}…"
        source = params["audio"]
        if isinstance(source, Generation):
            return source.title  # it says what another job will have spoken
        asset = Asset.objects.filter(pk=source).select_related("generation").first()
        return asset.name if asset else str(self.title)

    @property
    def priced(self) -> list[tuple[str, Mapping[str, Any]]]:
        told_ = _t("%(seconds)s-second video, its lips moved") % {"seconds": PRICED_SECONDS}
        return [(told_, {"seconds": PRICED_SECONDS})]

    @property
    def page_context(self) -> dict[str, Any]:
        return {"suggestions": ()}


def _check_length(audio: Asset) -> None:
    from workers.media.talking import check_sound  # with numpy, which pages that show no sound do without

    check_sound(audio.kind, audio.seconds)
