"""What people have said about voices: which ones they like, and that one of their own may be made."""

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
    def others(self, user: User | None) -> set[str]:
        """The slugs of the voices that belong to others than this user."""
        made = self.exclude(voice="")
        return set((made.exclude(user=user) if user else made).values_list("voice", flat=True))


class VoiceConsent(models.Model):
    """That somebody may have a voice made from recordings: recorded before these are sent anywhere.

    `statement` is the sentence as it was agreed to. `recordings` has the SHA-256 of each file. `voice` is the slug of
    the voice that was made, empty when none was; only its owner may use it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="voice_consents")
    name = models.CharField(max_length=60)
    speaker = models.CharField(max_length=100, help_text="Whose voice it is.")
    statement = models.TextField()
    recordings = models.JSONField(default=list)
    voice = models.CharField(max_length=100, blank=True, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} of {self.speaker}"
