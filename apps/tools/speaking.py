"""What lip sync and talking avatars share: their fields, what is refused before a credit moves, and the price."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.library import consents, uploads
from apps.library.models import Asset, Generation
from apps.text import told
from apps.tools import lips, prices, voicing
from apps.tools.fields import ReasonSelect, SoundField, point_of
from apps.tools.help import behind_label, explained
from apps.tools.registry import Stoppable, Timeline, ToolForm, name_of_source
from workers.media.facts import FaceSeen, FacesSeen, MediaError
from workers.voice.base import Voice
from workers.voice.length import expected

DRAFT = "draft"  # the quality that every studio has
LONGEST = 200.0  # seconds of speech
HARDLY = 0.01  # of a frame: what a speech may be longer without one more frame
PRICED_SECONDS = 10  # of the film in the price list
EXAMPLE = _("Every film begins with a voice.")
HOW = _("How it is spoken")  # the fold of HOW_FIELDS
HOW_FIELDS = ("language", "speed", "pitch")
# What is wrong with a face, or that there is none, in a video and in a picture.
OF_VIDEO = {
    "no_face": _(
        "no face is seen in this video: one in profile is not found. Choose one in which a face looks at the camera."
    ),
    "face_small": _("the face is too small for its mouth to be seen. Choose a video in which it is nearer."),
    "face_turned": _("the face looks too far to the side. Choose a video in which it looks at the camera."),
}
OF_PICTURE = {
    "no_face": _(
        "no face is seen in this picture: one in profile is not found. Choose one in which a face looks at the camera."
    ),
    "face_small": _("the face is too small for its mouth to be seen. Choose a picture in which it is nearer."),
    "face_turned": _("the face looks too far to the side. Choose a picture in which it looks at the camera."),
}


def fields(use: Any) -> tuple[forms.Field, ...]:
    """Return the fields `text`, `voice`, `audio`, `language`, `speed`, `pitch` and `consent` of a `SpeakingForm`.

    `use` is what a sound of the library becomes there, in the words of its menu.
    """
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
    return (
        text,
        voicing.voice(_("Who speaks the text. Left out, it is the studio's usual voice.")),
        SoundField(
            label=_("Sound"),
            use=use,
            opened=True,
            help_text=_("Somebody who speaks, up to 200 s, instead of a text."),
        ),
        voicing.language(
            _("The language of the text, or of the sound."),
            _("Choose one for voices that speak several, and for a sound that is not English."),
        ),
        voicing.speed(),
        voicing.pitch(),
        forms.BooleanField(
            label=consents.STATEMENT,
            required=False,
            help_text=_("Needed once for each file that was brought here, not for what was made here."),
        ),
    )


def quality(choices: Mapping[str, Any], help_text: Any) -> forms.ChoiceField:
    """A field for an engine by what it makes; a `SpeakingForm` greys what `reasons` names."""
    return forms.ChoiceField(
        label=_("Quality"),
        required=False,
        choices=list(choices.items()),
        initial=DRAFT,
        widget=ReasonSelect,
        help_text=help_text,
    )


class SpeakingForm(ToolForm):
    """A form with `fields`, a `quality` and a `face`, which is seen in the input `shown`.

    `_cleaned` checks and returns the parameters. `troubles` are the sentences for faces that cannot speak.
    """

    shown: ClassVar[str]
    troubles: ClassVar[Mapping[str, Any]] = OF_VIDEO
    inputs: ClassVar[tuple[str, ...]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.pop("consent", None)  # of another job
        self.fields["quality"].widget.reasons = {name: told(reason) for name, reason in self.reasons().items()}

    def reasons(self) -> dict[str, str]:
        """Return the qualities that cannot be had in this studio, each with the reason."""
        return {}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            return self._cleaned(data)
        finally:
            if self.draft:
                uploads.let_go(each for name in self.inputs if isinstance(each := data.get(name), Asset))

    def _cleaned(self, data: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} checks nothing")

    def miss(self, name: str, sentence: str) -> None:
        """Add the error `required`, with this sentence, to a field that may be empty otherwise."""
        self.add_error(name, forms.ValidationError(sentence, code="required"))

    def check_quality(self, data: dict[str, Any]) -> None:
        """Refuse a quality that this studio does not have."""
        if reason := self.fields["quality"].widget.reasons.get(data.get("quality")):
            self.add_error("quality", behind_label(reason))

    def voice_of(self, data: dict[str, Any]) -> Voice | None:
        """Return who speaks a text; None, with an error at the field, where there is no such voice."""
        return voicing.voice_of(self, "voice")

    def said(self, data: dict[str, Any], audio: Asset | None, *, may_be_silent: bool = False) -> dict[str, Any]:
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
        if not (text or asked or self.draft or may_be_silent or "text" in self.errors):
            self.miss("text", _t("write what is to be said, or choose a sound."))
        voice, pace = self.voice_of(data), data.get("speed") or 1.0
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

    def check_consent(self, data: dict[str, Any], assets: Mapping[str, Asset | None]) -> None:
        """Refuse assets whose consent was withdrawn, and ask for consent where one is, or comes from, an upload."""
        given, agreed = {name: asset for name, asset in assets.items() if asset}, bool(data.get("consent"))
        for name, asset in given.items():
            if gone := consents.withdrawn(asset):
                agreed = True  # that it was withdrawn is told instead
                text = _t(
                    "you withdrew your consent to this face or voice on {date}. Choose another, or allow it again "
                    "under Uploads in your library."
                )
                date = date_format(timezone.localtime(gone.withdrawn_at), "j F Y")
                self.add_error(name, forms.ValidationError(text.format(date=date), code="consent_withdrawn"))
        if not (agreed or self.draft) and consents.missing(given.values()):
            self.miss("consent", _t("say that you may use this face and voice."))

    def seen(self, name: str, asset: Asset, *, pick: bool = True) -> FacesSeen | None:
        """Return the faces of an input, which `pick` shows on the page; None, with an error, for an unusable one."""
        if name in self.errors:
            return None
        try:
            seen = lips.faces(asset)
        except MediaError as error:
            self.add_error(name, behind_label(told(error.public_text)))
            return None
        if pick:
            self.fields["face"].widget.seen = seen
        if not seen.faces:
            self.add_error(name, str((self.troubles if pick else OF_VIDEO)["no_face"]))
        return seen

    def picked(self, seen: FacesSeen, place: str) -> FaceSeen | None:
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
            self._list(seen)
            return None
        face = seen.at(*point) if point else seen.faces[0]
        if face is None:
            self._list(seen)
            self.add_error("face", _t("no face is seen at this place."))
        elif face.trouble:
            self.add_error("face" if point else self.shown, str(self.troubles[face.trouble]))
        return face

    def _list(self, seen: FacesSeen) -> None:
        """Tell a program where the faces are that it may choose from."""
        middles = sorted(face.middle for face in seen.faces)
        self.more["faces"] = [{"x": round(x, 4), "y": round(y, 4)} for x, y in middles]

    def listen(self, audio: Asset) -> None:
        """Refuse a sound in which nobody speaks."""
        try:
            lips.check_spoken(audio)
        except MediaError as error:
            self.add_error("audio", behind_label(told(error.public_text)))

    def agreed(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the consent as the job keeps it."""
        return {"consent": True, "statement": str(consents.STATEMENT)} if data.get("consent") else {}


class SpeakingTool(Stoppable):
    """A tool that makes films of faces that say something; the price is by the second of `work_name`."""

    work_name: ClassVar[str]
    qualities: ClassVar[Mapping[str, Any]]
    likeness = settles = True
    text = "text"
    batches = False
    priced_as: ClassVar[Any]

    def queue_of(self, params: Mapping[str, Any]) -> str:
        """A draft needs no card."""
        return "cpu" if (params.get("quality") or DRAFT) == DRAFT else "gpu"

    def price(self, params: Mapping[str, Any]) -> int:
        rate = prices.rate(self.work_name, str(params.get("quality") or DRAFT))
        return prices.whole(rate.credits * params["seconds"])

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
        """How long a film is that is being made."""
        return Timeline.of_source(job)

    def summary(self, params: Mapping[str, Any]) -> str:
        sides = f"{params['made_width']} × {params['made_height']}"
        return f"{params['seconds']:.1f} s · {sides} · {self.qualities[params['quality']]}"

    def job_title(self, params: Mapping[str, Any]) -> str:
        """What is said, or the name of the file that it is heard in."""
        if text := voicing.job_title(str(params.get("text") or "")):
            return text
        source = params.get("audio") or params.get("driver")
        return name_of_source(source) if source else str(self.title)

    @property
    def priced(self) -> list[tuple[str, Mapping[str, Any]]]:
        told_ = str(self.priced_as) % {"seconds": PRICED_SECONDS}
        return [(told_, {"seconds": PRICED_SECONDS})]

    def page_context(self, form: ToolForm | None = None) -> dict[str, Any]:
        return {"suggestions": ()}


def _check_length(audio: Asset) -> None:
    from workers.media.talking import check_sound  # with numpy, which pages that show no sound do without

    check_sound(audio.kind, audio.seconds)
