"""Speech in tools: what a text, a voice and a film must be to each other, and what speech costs."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.tools import prices
from apps.tools.fields import LanguageField, VoiceField, fraction
from apps.tools.help import explained
from apps.voices import services as voices
from apps.voices.services import LANGUAGES
from workers.base import PublicError
from workers.media.captions import undrawn
from workers.prompts.read import read
from workers.prompts.write import write
from workers.voice import text as texts
from workers.voice.base import FASTEST, HIGHEST, LOWEST, SLOWEST, Voice
from workers.voice.length import expected, length
from workers.voice.music import MOODS
from workers.voice.text import plain

FILM_CHARACTERS = 3000  # of the text in a film
CHARACTERS_OF_A_RATE = 150
TITLE = 120  # characters of a text that name its job
LONGER, FASTER, RUN_ON = "longer", "faster", "run_on"
FITS = {LONGER: _("Make the video longer"), FASTER: _("Speak faster"), RUN_ON: _("Let it run on")}
AROUND = 0.3  # seconds that stay silent around a description
TOLERANCE = 0.05  # seconds that nobody misses
FIELDS = (
    "voiceover_text",
    "voiceover_voice",
    "voiceover_speed",
    "voiceover_fit",
    "music",
    "burn_captions",
    "audio_description",
)
FOLD = _("Voiceover and music")
SPEAKER = _("Who speaks. Left out, it is the studio's usual voice.")
MOOD_WORDS = {"calm": _("Calm"), "hopeful": _("Hopeful"), "tense": _("Tense"), "playful": _("Playful")}


def speed(**kwargs: Any) -> forms.FloatField:
    """A field for how fast a voice speaks."""
    told = explained(
        _("How fast the voice speaks; 1 is its own pace."),
        _("A little slower for explanations, faster for adverts."),
    )
    return fraction(told, SLOWEST, FASTEST, step="0.05", usual="1", label=_("Speed"), **kwargs)


def pitch() -> forms.FloatField:
    """A field for how much higher or lower a voice speaks."""
    told = explained(_("Semitones higher or, below 0, lower."), _("Small steps: beyond 2 a voice sounds made up."))
    return fraction(told, LOWEST, HIGHEST, step="0.5", usual="0", label=_("Pitch"))


def voice(says: Any = SPEAKER) -> VoiceField:
    """A field for who speaks."""
    return VoiceField(label=_("Voice"), help_text=explained(says, _("Listen before you choose.")))


def language(says: Any, when: Any) -> LanguageField:
    """A field for the language of what is said."""
    return LanguageField(
        label=_("Language"),
        required=False,
        choices=[("", _("As the voice speaks")), *sorted(LANGUAGES.items(), key=lambda each: each[0])],
        help_text=explained(says, when),
    )


def film_fields(fits: tuple[str, ...] = (LONGER, FASTER, RUN_ON)) -> tuple[forms.Field, ...]:
    """Return the fields of FIELDS, for the form of a tool that makes films; `fits` are its ways with long speech."""
    return (
        forms.CharField(
            label=_("Spoken text"),
            required=False,
            max_length=FILM_CHARACTERS,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text=explained(
                _("What a voice says in your video. Its captions come with it."),
                _("About 17 characters are a second of speech."),
            ),
        ),
        voice(),
        speed(),
        forms.ChoiceField(
            label=_("When there is more speech than video"),
            required=False,
            choices=[("", _("Ask me")), *((name, FITS[name]) for name in fits)],
            help_text=explained(
                _("What happens when the text takes longer to speak than the video runs."),
                _("Running on, the last frame stands until the voice ends."),
            ),
        ),
        forms.ChoiceField(
            label=_("Music"),
            required=False,
            choices=[("", _("None")), *((mood, MOOD_WORDS.get(mood, mood.capitalize())) for mood in MOODS)],
            help_text=explained(
                _("A quiet bed of music under your video; it steps back while somebody speaks."),
                _("It is made here for your video, so that nobody else has rights in it."),
            ),
        ),
        forms.BooleanField(
            label=_("Captions in the picture"),
            required=False,
            help_text=explained(
                _("Draws the captions into the picture, for places that show none of their own."),
                _("Leave it off otherwise: viewers can switch the other captions on and off."),
            ),
        ),
        forms.BooleanField(
            label=_("Audio description"),
            required=False,
            help_text=explained(
                _("Tells those who do not see it what is in the picture, where nobody speaks."),
                _("It is made from your prompt, and is a sound of its own in the file."),
            ),
        ),
    )


def voice_of(form: Any, name: str) -> Voice | None:
    """Return the voice of a field of a form; None, with an error at the field, where there is none."""
    field: VoiceField = form.fields[name]
    if name in form.errors:
        return None
    try:
        return field.voice_of(form.cleaned_data.get(name) or "")
    except forms.ValidationError as error:
        form.add_error(name, error)
        return None


def refuse_text(form: Any, text: str, voice: Voice | None, language: str, names: Mapping[str, str]) -> None:
    """Add an error to the field that it is about when a voice cannot speak a text.

    `names` has the fields for "text", "language" and "voice".
    """
    if voice is None:
        return
    try:
        texts.check(text, voice, language, voices.of(form.user))
        voices.refuse_quota(voice, text)
    except PublicError as error:
        about = next((name for name in ("text", "language") if error.code.startswith(name)), "voice")
        if error.code == "voice_quota":
            about = "text"
        form.add_error(names.get(about, names["text"]), forms.ValidationError(_t(error.public_text), code=error.code))


def clean_film(form: Any, data: dict[str, Any], seconds: float, prompt: str) -> dict[str, Any]:
    """Check what a film is given to hear, and return its parameters; `seconds` is the length of the film.

    `prompt` says what is seen in it, as far as that is known.

    Errors stand at the field that can be changed. What says nothing, such as a voice without a text, is left out.
    """
    text, described = data.get("voiceover_text") or "", bool(data.get("audio_description"))
    voice = voice_of(form, "voiceover_voice") if text or described else None
    music = {"music": data["music"]} if data.get("music") else {}
    if described and voice and (prompt or not form.draft):
        music |= _described(form, data, seconds, prompt, voice)
    if not text:
        if data.get("burn_captions"):
            form.add_error("burn_captions", _t("there are no captions without a spoken text."))
        return music
    names = {"text": "voiceover_text", "language": "voiceover_text", "voice": "voiceover_voice"}
    refuse_text(form, text, voice, "", names)
    if voice is None or form.errors.keys() & {"voiceover_text", "voiceover_voice", "voiceover_speed"}:
        return music
    pace, fit = data.get("voiceover_speed") or 1.0, data.get("voiceover_fit") or ""
    spoken = expected(text, pace)
    numbers = {"spoken": spoken, "film": seconds}
    if spoken > seconds + TOLERANCE and not fit:
        hopeless = FASTER if expected(text, FASTEST) > seconds + TOLERANCE else ""
        choices = [str(title) for name, title in form.fields["voiceover_fit"].choices if name not in ("", hopeless)]
        told = _t("about {spoken:.0f} s of speech, {film:.0f} s of video. Choose: {choices}.")
        form.add_error("voiceover_fit", told.format(**numbers, choices=", ".join(choices).lower()))
    elif fit == FASTER and expected(text, FASTEST) > seconds + TOLERANCE:
        told = _t("even spoken fast, this takes about {fast:.0f} s, and the video has {film:.0f} s. Shorten the text.")
        form.add_error("voiceover_fit", told.format(fast=expected(text, FASTEST), film=seconds))
    if data.get("burn_captions") and (sign := undrawn(plain(text))):
        told = _t(
            "only Latin, Cyrillic, Greek and Chinese letters can be drawn into the picture, and not “{sign}”. "
            "Leave this off."
        )
        form.add_error("burn_captions", told.format(sign=sign))
    params: dict[str, Any] = {"voiceover_text": text, "voiceover_voice": voice.slug, "voice_engine": voice.engine}
    params |= {"voiceover_speed": pace} if pace != 1.0 else {}
    params |= {"voiceover_fit": fit} if fit else {}
    params |= {"burn_captions": True} if data.get("burn_captions") else {}
    return params | music


def _described(form: Any, data: dict[str, Any], seconds: float, prompt: str, voice: Voice) -> dict[str, Any]:
    """Return the parameters of an audio description; an error at its field where there is nothing to say, or no gap."""
    seen = write(read(prompt).shot) or prompt if prompt else ""
    try:
        texts.check(seen, voice, "")
        voices.refuse_quota(voice, f"{data.get('voiceover_text') or ''}{seen}")
    except PublicError as error:
        if error.code == "voice_quota":
            form.add_error("audio_description", forms.ValidationError(_t(error.public_text), code=error.code))
            return {}
        told = _t("nothing is known of what is seen in this video. Leave this off, or use a video that was made here.")
        form.add_error("audio_description", told)
        return {}
    text, pace = data.get("voiceover_text") or "", data.get("voiceover_speed") or 1.0
    spoken = expected(text, pace) if text else 0.0
    free = (0.0 if data.get("voiceover_fit") == RUN_ON and spoken > seconds else seconds - spoken) - AROUND
    least = min(expected(each.text) for each in texts.sentences(seen))
    if least > free:
        told = _t(
            "no pause is long enough: this takes {least:.1f} s, and {free:.1f} s are free. Make the video longer."
        )
        form.add_error("audio_description", told.format(least=least, free=max(0.0, free)))
    return {"audio_description": True, "description": seen, "voiceover_voice": voice.slug, "voice_engine": voice.engine}


def price(text: str, engine: str) -> int:
    """Return the credits for speaking a text with a voice of an engine."""
    return prices.whole(prices.rate("voice", engine).credits * Fraction(length(text), CHARACTERS_OF_A_RATE))


def price_in_film(params: Mapping[str, Any]) -> int:
    """Return the credits for the speech of a film; 0 for one that does not speak."""
    spoken = (str(params.get(name) or "") for name in ("voiceover_text", "description"))
    return sum(price(text, str(params.get("voice_engine") or "offline")) for text in spoken if text)


def summary(params: Mapping[str, Any]) -> str:
    """Say what a film is given to hear: " · 4 s of speech · music"; empty for one that stays silent."""
    text, told = str(params.get("voiceover_text") or ""), ""
    if text:
        told += " · " + _t("%.0f s of speech") % max(1, expected(text, params.get("voiceover_speed") or 1.0))
    told += " · " + _t("music") if params.get("music") else ""
    return told + (" · " + _t("audio description") if params.get("description") else "")


def job_title(text: str) -> str:
    """Return the beginning of a text in whole words, as the title of the job that speaks it."""
    text = " ".join(text.split())
    return text if len(text) <= TITLE else f"{text[:TITLE].rsplit(' ', 1)[0]}…"
