"""The voices of this studio: which there are for whom, how they are found, and how somebody gets one of their own."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.core.cache import cache
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps import messages
from apps.accounts.models import User
from apps.errors import CATALOGUE, StudioError
from apps.text import folded
from apps.voices import samples
from apps.voices.models import FavouriteVoice, VoiceConsent, VoiceRemoval
from workers.base import PublicError
from workers.engines import voice as engine
from workers.engines.voice import cards, elevenlabs
from workers.media import foreign
from workers.media.facts import MediaError, sha256
from workers.voice.base import Voice, VoiceError

log = structlog.get_logger(__name__)
KEPT_SECONDS = 300  # how long the list of a provider is not asked for again
LIST_KEY, TROUBLE_KEY, QUOTA_KEY = "voices", "voices-trouble", "voices-quota"
QUOTA_SECONDS = 60
TROUBLE_SECONDS = 15  # how long a provider that did not answer is not asked again
MOST_OWN = 5  # voices that somebody may have had made
CLONING_SECONDS = 600  # after which one that is being made is given up
LOST_AFTER = timedelta(hours=1)  # when a voice that is not on record yet was left behind by its maker
REMOVED_AT_ONCE = 20
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
NAMES = {field.name for field in fields(Voice)}  # of what the cache has of a voice
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
    asked = cards.chosen() == CLONING
    kept: list[dict[str, Any]] | None = cache.get(LIST_KEY) if asked else None
    if kept is not None and all(each.keys() == NAMES for each in kept):
        return tuple(Voice(**{**each, "language": tuple(each["language"])}) for each in kept)
    if asked and (trouble := cache.get(TROUBLE_KEY)):
        code, told = trouble
        raise StudioError(told, code=code)
    try:
        elevenlabs.expire()  # what this process knows may be older than a voice that another one had made
        found = engine.voices()
    except PublicError as error:
        if asked:
            cache.set(TROUBLE_KEY, [_code(error), str(error.public_text)], TROUBLE_SECONDS)
        raise StudioError(error.public_text, code=_code(error)) from error
    if asked:
        cache.set(LIST_KEY, [asdict(voice) for voice in found], KEPT_SECONDS)
    return found


def of(user: User | None) -> list[Voice]:
    """Return the voices that somebody may see: all but those that others had made for themselves."""
    found = voices()
    if all(voice.engine != CLONING for voice in found):
        return list(found)
    hidden, marks = VoiceConsent.objects.hidden(user), {"", *VoiceConsent.objects.marks(user)}
    return [voice for voice in found if voice.slug not in hidden and voice.mark in marks]


def refuse_hidden(user: User | int, params: Mapping[str, Any]) -> None:
    """Raise StudioError("voice_gone") when parameters name a voice that this user may not use, or not any more."""
    named = {str(params[name]) for name in ("voice", "voiceover_voice") if params.get(name)}
    if params.get("voice_engine") == CLONING and named & VoiceConsent.objects.hidden(user):
        raise StudioError(code="voice_gone")


def search(user: User, asked: Search) -> list[Listed]:
    """Return the voices that fit, favourites first, then those that can be used."""
    liked = set(FavouriteVoice.objects.filter(user=user).values_list("voice", flat=True))
    own = set(VoiceConsent.objects.of(user).exclude(voice="").values_list("voice", flat=True))
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

    One at a time for each user, MOST_OWN in all, and never twice from the same recordings. Raises StudioError with the
    reason, ours or the provider's.
    """
    if VoiceConsent.objects.of(user).exclude(voice="").count() >= MOST_OWN:
        told = _("You have {most} voices of your own. Delete one of them first.").format(most=MOST_OWN)
        raise StudioError(told, code="voice_not_cloned")
    if not cache.add(key := f"voice-cloning-{user.pk}", True, CLONING_SECONDS):
        raise StudioError(_("A voice of yours is being made already."), code="voice_not_cloned")
    try:
        return _clone(user, name, speaker, statement, files)
    finally:
        cache.delete(key)


def _clone(user: User, name: str, speaker: str, statement: str, files: Sequence["UploadedFile[Any]"]) -> Voice:
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
        mine = VoiceConsent.objects.of(user).exclude(voice="")
        if any(sorted(each) == sorted(digests) for each in mine.values_list("recordings", flat=True)):
            raise StudioError(_("You have a voice from these recordings."), code="voice_not_cloned")
        consent = VoiceConsent.objects.create(
            user=user, name=name, speaker=speaker, statement=statement, recordings=digests
        )
        try:
            voice: Voice = elevenlabs.clone(name, paths, mark=str(consent.key))
        except PublicError as error:
            if error.code == "voice_provider_busy":  # it may have been made all the same
                VoiceRemoval.objects.bulk_create([VoiceRemoval(key=consent.key)], ignore_conflicts=True)
            raise StudioError(error.public_text, code=_code(error)) from error
    if not VoiceConsent.objects.filter(pk=consent.pk, withdrawn_at=None).update(voice=voice.slug):
        # The account was deleted meanwhile.
        VoiceRemoval.objects.filter(key=consent.key).delete()
        VoiceRemoval.objects.create(key=consent.key, voice=voice.slug)
        nudge()
        raise StudioError(code="voice_gone")
    cache.delete(LIST_KEY)
    log.info("voice_cloned", voice=voice.slug, user=user.pk)
    return voice


def withdraw(user: User, slug: str) -> None:
    """Take the consent to a voice of one's own back: nobody uses it from now on, and it is removed at its provider.

    Raises StudioError("voice_gone").
    """
    with transaction.atomic():
        consents = list(VoiceConsent.objects.of(user).filter(voice=slug)) if slug else []
        if not consents:
            raise StudioError(code="voice_gone")
        VoiceConsent.objects.filter(pk__in=[each.pk for each in consents]).update(withdrawn_at=timezone.now())
        FavouriteVoice.objects.filter(voice=slug).delete()
        _remove(consents)
    log.info("voice_withdrawn", voice=slug, user=user.pk)


def let_go(user: User) -> None:
    """Note the voices of a user whose account is deleted, in the transaction in which their consents go."""
    _remove(VoiceConsent.objects.filter(user=user).exclude(key=None, voice=""))


def _remove(consents: Iterable[VoiceConsent]) -> None:
    """Note the voices of consents for removal; the provider need not be there for it."""
    removals = [VoiceRemoval(key=each.key, voice=each.voice) for each in consents]
    VoiceRemoval.objects.bulk_create(removals, ignore_conflicts=True)
    transaction.on_commit(nudge)


def nudge() -> None:
    """Have a worker remove what is due. A message that is lost is made good by the sweep."""
    cache.delete(LIST_KEY)
    messages.nudge(samples.QUEUE, "remove_voices")


def go_on() -> None:
    """Have voices removed that are due, and find those whose maker was killed before they were on record here."""
    now = timezone.now()
    lost = VoiceConsent.objects.filter(voice="", withdrawn_at=None, created_at__lt=now - LOST_AFTER).exclude(key=None)
    # Longer ago, its removal is over, and was done.
    lost = lost.filter(created_at__gt=now - LOST_AFTER - VoiceRemoval.LATE)
    VoiceRemoval.objects.bulk_create(
        [VoiceRemoval(key=key) for key in lost.values_list("key", flat=True)], ignore_conflicts=True
    )
    VoiceRemoval.objects.over(now).delete()
    if VoiceRemoval.objects.due(now).exists():
        nudge()


def remove_due() -> None:
    """Remove voices at their provider; what does not work now is tried again, later each time."""
    now = timezone.now()
    for removal in VoiceRemoval.objects.due(now).order_by("next_at")[:REMOVED_AT_ONCE]:
        if not removal.claim(now):
            continue
        if removal.voice:
            samples.remove(removal.voice)
        try:
            found = elevenlabs.remove(removal.voice, str(removal.key or ""))
        except PublicError as error:
            log.warning("voice_not_removed", removal=removal.pk, code=error.code)
            continue
        if found or removal.voice or removal.asked_at < now - VoiceRemoval.LATE:
            VoiceRemoval.objects.filter(pk=removal.pk).update(done_at=timezone.now())
            log.info("voice_removed", removal=removal.pk, found=found)
    cache.delete(LIST_KEY)


def quota() -> Quota | None:
    """Return how much of the provider's quota is used; None without a provider, or when it does not tell."""
    if cards.chosen() != CLONING:
        return None
    kept: list[int] | None = cache.get(QUOTA_KEY)
    if kept is not None:
        return Quota(*kept) if kept else None
    try:
        used, limit = elevenlabs.quota()
    except PublicError as error:
        log.warning("quota_unknown", code=error.code)
        cache.set(QUOTA_KEY, [], TROUBLE_SECONDS)
        return None
    cache.set(QUOTA_KEY, [used, limit], QUOTA_SECONDS)
    return Quota(used, limit)


def refuse_quota(voice: Voice, text: str) -> None:
    """Raise VoiceError("voice_quota") where the provider of a voice would not speak this text any more."""
    if voice.engine == CLONING and (told := quota()) and told.left < len(text):
        raise VoiceError("voice_quota", "The voice service has too few characters left this month for this text.")


def _code(error: PublicError) -> str:
    return error.code if error.code in CATALOGUE else "external_service"
