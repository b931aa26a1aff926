"""Voiceover: a text, spoken."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.library.models import Generation
from apps.tools import voicing
from apps.tools.help import explained
from apps.tools.registry import Stoppable, ToolForm, register
from workers.voice.base import MAX_CHARACTERS
from workers.voice.length import expected
from workers.voice.text import sentences

FORMATS = {"mp3": _("MP3"), "wav": _("WAV"), "m4a": _("M4A (AAC)"), "ogg": _("OGG (Opus)")}
EXAMPLES = (
    _("Every film begins with a voice. Close your eyes, and listen to the rain."),
    _("Welcome back. In this lesson we look at how light draws a face."),
)
PRICED = 750  # characters of the text in the price list: about a minute


class VoiceoverForm(ToolForm):
    text = forms.CharField(
        label=_("Text"),
        max_length=MAX_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": EXAMPLES[0]}),
        error_messages={"required": _("write what is to be spoken.")},
        help_text=explained(
            _("What is spoken. A full stop is a short pause, an empty line a longer one."),
            _("Write numbers and abbreviations as usual: they are spoken as words."),
        ),
    )
    voice = voicing.voice()
    language = voicing.language(_("The language of the text."), _("Choose one for voices that speak several."))
    speed = voicing.speed()
    pitch = voicing.pitch()
    format = forms.ChoiceField(
        label=_("Format"),
        required=False,
        choices=list(FORMATS.items()),
        initial="mp3",
        help_text=explained(_("The kind of file."), _("MP3 plays everywhere; WAV loses nothing and suits editing.")),
    )

    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {
        _("How it is spoken"): ("language", "speed", "pitch", "format")
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.draft:
            self.fields["text"].required = False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        text, voice = data.get("text") or "", voicing.voice_of(self, "voice")
        if text and voice:
            names = {"text": "text", "language": "language" if data.get("language") else "text", "voice": "voice"}
            voicing.refuse_text(self, text, voice, data.get("language") or "", names)
        if self.errors or voice is None:
            return data
        given = {"text": text or "…", "voice": voice.slug, "voice_engine": voice.engine}
        given |= {name: data[name] for name in ("language", "speed", "pitch") if data.get(name)}
        return given | {"format": data.get("format") or "mp3"}


@register
class Voiceover(Stoppable):
    """A text, spoken by a voice."""

    slug = "voiceover"
    about = _(
        "Turn a text into speech: choose a voice, listen to it, and get a sound with captions. Long texts are spoken "
        "sentence by sentence."
    )
    title = _("Voiceover")
    tagline = _("Have a text spoken by a voice of your choice.")
    icon = "microphone"
    category = _("Sound")
    task, queue = "voiceover", "cpu"
    verb = _("Speak")
    noun, nouns = _("voiceover"), _("voiceovers")
    watchable = False
    text = "text"
    prefill = ("text", "voice")
    examples = {
        _("A sentence"): {"text": "Every film begins with a voice.", "voice": "rachel"},
        _("Slower, as WAV"): {"text": "Take your time.", "voice": "drew", "speed": 0.8, "format": "wav"},
    }
    form_class = VoiceoverForm

    def price(self, params: Mapping[str, Any]) -> int:
        return voicing.price(params["text"], params["voice_engine"])

    def price_of_part(self, job: Generation, frames: int) -> int:
        """The price of the first sentences, of which `frames` are finished."""
        spoken = " ".join(part.text for part in sentences(job.params["text"])[:frames])
        return min(job.cost, voicing.price(spoken, job.params["voice_engine"]))

    def models(self, params: Mapping[str, Any]) -> set[str]:
        return set()  # they come with the packages

    def work(self, params: Mapping[str, Any]) -> float:
        """The seconds that it is expected to last."""
        return expected(params["text"], params.get("speed") or 1.0)

    def summary(self, params: Mapping[str, Any]) -> str:
        if params["text"] == "…":
            return str(self.title)
        numbers = {"seconds": max(1, self.work(params)), "sentences": len(sentences(params["text"]))}
        told = ngettext(
            "about %(seconds).0f s · %(sentences)d sentence",
            "about %(seconds).0f s · %(sentences)d sentences",
            numbers["sentences"],
        )
        return told % numbers

    def job_title(self, params: Mapping[str, Any]) -> str:
        return voicing.job_title(params["text"])

    @property
    def priced(self) -> list[tuple[str, Mapping[str, Any]]]:
        return [(_t("Minute of speech"), {"text": "a" * PRICED, "voice_engine": "offline"})]

    def page_context(self, form: ToolForm | None = None) -> dict[str, Any]:
        return {"suggestions": ()}
