"""The voices of this studio: which there are for whom, how they are found, and how somebody gets one of their own."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
from django.core.cache import cache
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.errors import CATALOGUE, StudioError
from apps.text import folded
from apps.voices.models import FavouriteVoice, VoiceConsent
from workers.base import PublicError
from workers.engines import voice as engine
from workers.engines.voice import cards, elevenlabs
from workers.media import foreign
from workers.media.facts import MediaError, sha256
from workers.voice.base import Voice, VoiceError

log = structlog.get_logger(__name__)
KEPT_SECONDS = 300  # how long the list of a provider is not asked for again
LIST_KEY, QUOTA_KEY = "voices", "voices-quota"
QUOTA_SECONDS = 60
USUAL = "rachel"
CLONING = "elevenlabs"  # the engine that makes voices from recordings
SEXES = {"female": gettext_lazy("Woman"), "male": gettext_lazy("Man"), "neutral": gettext_lazy("Neutral")}
AGES = {"young": gettext_lazy("young"), "middle": gettext_lazy("middle-aged"), "old": gettext_lazy("old")}
ENGINES = {"offline": gettext_lazy("On this machine"), "elevenlabs": "ElevenLabs"}
LANGUAGES = {
    "ar": gettext_lazy("Arabic"), "bg": gettext_lazy("Bulgarian"), "cs": gettext_lazy("Czech"),
    "da": gettext_lazy("Danish"), "de": gettext_lazy("German"), "el": gettext_lazy("Greek"),
    "en": gettext_lazy("English"), "es": gettext_lazy("Spanish"), "fi": gettext_lazy("Finnish"),
    "fil": gettext_lazy("Filipino"), "fr": gettext_lazy("French"), "hi": gettext_lazy("Hindi"),
    "hr": gettext_lazy("Croatian"), "hu": gettext_lazy("Hungarian"), "id": gettext_lazy("Indonesian"),
    "it": gettext_lazy("Italian"), "ja": gettext_lazy("Japanese"), "ko": gettext_lazy("Korean"),
    "ms": gettext_lazy("Malay"), "nl": gettext_lazy("Dutch"), "no": gettext_lazy("Norwegian"),
    "pl": gettext_lazy("Polish"), "pt": gettext_lazy("Portuguese"), "ro": gettext_lazy("Romanian"),
    "ru": gettext_lazy("Russian"), "sk": gettext_lazy("Slovak"), "sv": gettext_lazy("Swedish"),
    "ta": gettext_lazy("Tamil"), "tr": gettext_lazy("Turkish"), "uk": gettext_lazy("Ukrainian"),
    "vi": gettext_lazy("Vietnamese"), "zh": gettext_lazy("Chinese"),
}  # fmt: skip
ACCENTS = {"American": gettext_lazy("American"), "British": gettext_lazy("British")}
REGIONS = {"US": gettext_lazy("US"), "GB": gettext_lazy("UK")}


@dataclass(frozen=True, slots=True)
class Listed:
    """A voice as it is shown to somebody."""

    voice: Voice
    favourite: bool = False
    own: bool = False

    @property
    def languages(self) -> str:
        """What it speaks, in words: "English (US)", "English, German and 27 more"."""
        names = list(dict.fromkeys(named(tag) for tag in self.voice.language))
        if len(names) > 3:
            return _("%(first)s, %(second)s and %(more)d more") % {
                "first": names[0],
                "second": names[1],
                "more": len(names) - 2,
            }
        return ", ".join(names)

    @property
    def accent(self) -> str:
        return str(ACCENTS.get(self.voice.accent, self.voice.accent))

    @property
    def about(self) -> str:
        """Who speaks, in words: "Woman, young"."""
        words = [str(SEXES.get(self.voice.sex, "")), str(AGES.get(self.voice.age, ""))]
        return ", ".join(filter(None, words))

    @property
    def engine(self) -> str:
        return str(ENGINES.get(self.voice.engine, self.voice.engine))


@dataclass(frozen=True, slots=True)
class Quota:
    """How many characters of the month are used at the provider, and how many there are."""

    used: int
    limit: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Search:
    """What voices are looked for by; what is empty is not looked at. `language` is a tag, or the first part of one."""

    q: str = ""
    language: str = ""
    sex: str = ""
    accent: str = ""
    engine: str = ""
    favourite: bool = False

    def finds(self, listed: Listed) -> bool:
        voice = listed.voice
        text = folded(" ".join([voice.name, voice.slug, voice.description, voice.accent, listed.languages]))
        about = folded(listed.about).replace(",", "").split()  # whole words: a woman is not found as "man"
        return (
            all(word in text or word in about for word in folded(self.q).split())
            and (not self.language or any(matches(tag, self.language) for tag in voice.language))
            and self.sex in ("", voice.sex)
            and folded(self.accent) in ("", folded(voice.accent))
            and self.engine in ("", voice.engine)
            and (listed.favourite or not self.favourite)
        )


def matches(tag: str, wanted: str) -> bool:
    """Whether a language tag is the one that is wanted, or of its language: "en-GB" for "en"."""
    tag, wanted = tag.lower(), wanted.lower()
    return tag == wanted or tag.startswith(f"{wanted}-") or wanted.startswith(f"{tag}-")


def named(tag: str) -> str:
    """Return the name of a language tag: "English (US)"."""
    language, _rest, region = tag.partition("-")
    name = str(LANGUAGES.get(language.lower(), tag))
    return f"{name} ({REGIONS.get(region.upper(), region)})" if region and name != tag else name


def voices() -> tuple[Voice, ...]:
    """Return every voice of this studio. Raises StudioError when the provider does not tell."""
    kept: list[dict[str, Any]] | None = cache.get(LIST_KEY)
    if kept is not None:
        return tuple(Voice(**{**each, "language": tuple(each["language"])}) for each in kept)
    try:
        found = engine.voices()
    except PublicError as error:
        raise StudioError(error.public_text, code=_code(error)) from error
    cache.set(LIST_KEY, [asdict(voice) for voice in found], KEPT_SECONDS)
    return found


def of(user: User | None) -> list[Voice]:
    """Return the voices that somebody may see: all but those that others had made for themselves."""
    hidden = VoiceConsent.objects.others(user)
    return [voice for voice in voices() if voice.slug not in hidden]


def search(user: User, asked: Search) -> list[Listed]:
    """Return the voices that fit, favourites first, then those that can be used."""
    liked = set(FavouriteVoice.objects.filter(user=user).values_list("voice", flat=True))
    own = set(VoiceConsent.objects.filter(user=user).exclude(voice="").values_list("voice", flat=True))
    found = [Listed(voice, voice.slug in liked, voice.slug in own) for voice in of(user)]
    found = [listed for listed in found if asked.finds(listed)]
    return sorted(found, key=lambda each: (not each.favourite, not each.own, not each.voice.available))


def get(user: User | None, slug: str) -> Voice:
    """Return a voice that somebody may use. Raises StudioError("voice_gone") or ("voice_unavailable")."""
    voice = next((each for each in of(user) if each.slug == slug), None)
    if voice is None:
        raise StudioError(code="voice_gone")
    if not voice.available:
        raise StudioError(code="voice_unavailable")
    return voice


def name_of(slug: str) -> str:
    """Return the name of a voice; the slug of one that is gone, or while the provider does not answer."""
    try:
        return next((voice.name for voice in voices() if voice.slug == slug), slug)
    except StudioError:
        return slug


def usual(user: User | None) -> Voice:
    """Return the voice of whoever chooses none. Raises StudioError("voice_gone") in a studio without voices."""
    if voice := usual_of(of(user)):
        return voice
    raise StudioError(code="voice_gone")


def usual_of(found: Iterable[Voice]) -> Voice | None:
    """Return the usual voice among some, or else the first that can be used."""
    mine = [each for each in found if each.available]
    named = (each for each in mine if each.slug == USUAL)
    return next(named, next(iter(mine), None))


def like(user: User, slug: str, liked: bool) -> None:
    """Mark a voice as a favourite, or take the mark away. Raises StudioError("voice_gone")."""
    if not liked:
        FavouriteVoice.objects.filter(user=user, voice=slug).delete()
        return
    if all(each.slug != slug for each in of(user)):
        raise StudioError(code="voice_gone")
    FavouriteVoice.objects.get_or_create(user=user, voice=slug)


def can_clone() -> bool:
    """Whether the engine of this studio makes voices from recordings."""
    return cards.chosen() == CLONING


def clone(user: User, name: str, speaker: str, statement: str, files: Sequence["UploadedFile[Any]"]) -> Voice:
    """Have a voice made from recordings; the consent is recorded before these leave this machine.

    Raises StudioError with the provider's reason.
    """
    with tempfile.TemporaryDirectory(prefix="voice-") as folder:
        paths, digests = [], []
        for number, file in enumerate(files):
            path = Path(folder) / f"{number:02d}{Path(file.name or '').suffix.lower()[:6]}"
            with path.open("wb") as out:
                for chunk in file.chunks():
                    out.write(chunk)
            digests.append(sha256(path))
            try:
                # Decoded to its end, and without what the file says about its owner.
                (place := Path(folder) / f"kept-{number:02d}").mkdir()
                kept, _info = foreign.keep_sound(path, place)
            except MediaError as error:
                raise StudioError(error.public_text, code="invalid_file") from error
            paths.append(kept)
        consent = VoiceConsent.objects.create(
            user=user, name=name, speaker=speaker, statement=statement, recordings=digests
        )
        try:
            voice: Voice = elevenlabs.clone(name, paths)
        except PublicError as error:
            raise StudioError(error.public_text, code=_code(error)) from error
    VoiceConsent.objects.filter(pk=consent.pk).update(voice=voice.slug)
    cache.delete(LIST_KEY)
    log.info("voice_cloned", voice=voice.slug, user=user.pk)
    return voice


def quota() -> Quota | None:
    """Return how much of the provider's quota is used; None without a provider, or when it does not tell."""
    if cards.chosen() != CLONING:
        return None
    kept: list[int] | None = cache.get(QUOTA_KEY)
    if kept is not None:
        return Quota(*kept)
    try:
        used, limit = elevenlabs.quota()
    except PublicError as error:
        log.warning("quota_unknown", code=error.code)
        return None
    cache.set(QUOTA_KEY, [used, limit], QUOTA_SECONDS)
    return Quota(used, limit)


def refuse_quota(voice: Voice, text: str) -> None:
    """Raise VoiceError("voice_quota") where the provider of a voice would not speak this text any more."""
    if voice.engine == CLONING and (told := quota()) and told.left < len(text):
        raise VoiceError("voice_quota", "The voice service has too few characters left this month for this text.")


def _code(error: PublicError) -> str:
    return error.code if error.code in CATALOGUE else "external_service"
