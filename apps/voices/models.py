"""What people have said about voices: which ones they like, and that one of their own may be made."""

from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.accounts.models import User


class FavouriteVoice(models.Model):
    """A voice that somebody has marked, by its slug; the voice itself belongs to its engine."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favourite_voices")
    voice = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "voice"], name="favourite_voice_once")]

    def __str__(self) -> str:
        return self.voice


class ConsentQuerySet(models.QuerySet["VoiceConsent"]):
    def of(self, user: User | int | None) -> "ConsentQuerySet":
        """The consents that a user, or the one of a key, has given and not withdrawn."""
        return self.filter(user=user, withdrawn_at=None) if user else self.none()

    def hidden(self, user: User | int | None) -> set[str]:
        """The slugs of voices that this user may not use: those of others, and those whose consent is gone."""
        made, gone = self.exclude(voice=""), VoiceRemoval.objects.exclude(voice="")
        mine = set(made.of(user).values_list("voice", flat=True))
        return {*made.values_list("voice", flat=True), *gone.values_list("voice", flat=True)} - mine

    def marks(self, user: User | None) -> set[str]:
        """The marks that voices of this user have at the provider."""
        return {str(key) for key in self.of(user).exclude(voice="").values_list("key", flat=True)}


class VoiceConsent(models.Model):
    """That somebody may have a voice made from recordings: recorded before these are sent anywhere.

    `statement` is the sentence as it was agreed to. `recordings` has the SHA-256 of each file. `voice` is the slug of
    the voice that was made, empty when none was; only its owner may use it, and after `withdrawn_at` nobody. The voice
    has the `key` as a mark at its provider, by which it is known before its slug is on record here.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="voice_consents")
    name = models.CharField(max_length=60)
    speaker = models.CharField(max_length=100, help_text="Whose voice it is.")
    statement = models.TextField()
    recordings = models.JSONField(default=list)
    voice = models.CharField(max_length=100, blank=True, db_index=True)
    key = models.UUIDField(null=True, default=uuid4, unique=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} of {self.speaker}"


class RemovalQuerySet(models.QuerySet["VoiceRemoval"]):
    def due(self, now: datetime) -> "RemovalQuerySet":
        """What is to be removed, and not to be left alone for a while."""
        return self.filter(done_at=None, next_at__lte=now)

    def over(self, now: datetime) -> "RemovalQuerySet":
        """What was removed so long ago that no list of voices has it any more."""
        return self.filter(done_at__lt=now - VoiceRemoval.LATE)


class VoiceRemoval(models.Model):
    """A voice that is to be removed at its provider, by its slug or, where that is not known, by its mark.

    It names nobody. A row stays for LATE after it is done, so that lists of voices that are older do not show the voice
    again. Without a slug it is looked for as long: the provider may be making it.
    """

    LATE = timedelta(days=1)
    FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=1)

    key = models.UUIDField(null=True, unique=True, editable=False)
    voice = models.CharField(max_length=100, blank=True, db_index=True)
    asked_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = RemovalQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Removal {self.pk}"

    def claim(self, now: datetime) -> bool:
        """Take the next try of this row, and set when there is another; False when somebody else has it."""
        wait = min(self.FIRST_WAIT * 2 ** min(self.tries, 20), self.LONGEST_WAIT)
        mine = VoiceRemoval.objects.due(now).filter(pk=self.pk, tries=self.tries)
        return bool(mine.update(tries=self.tries + 1, next_at=now + wait))
