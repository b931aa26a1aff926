"""What is on record of a deletion until it is whole."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Deletion(models.Model):
    """An account to be deleted, or deleted. A row of its own: a page that saves the user late cannot take it back."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deletion")
    asked_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True, help_text="When the rows were gone.")

    def __str__(self) -> str:
        return f"Deletion {self.pk}"


class Leftover(models.Model):
    """A folder of the media storage whose rows are gone, until its bytes are too."""

    folder = models.CharField(max_length=200, unique=True)

    def __str__(self) -> str:
        return self.folder
