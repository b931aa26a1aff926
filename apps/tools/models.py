"""Style presets: looks that people have made themselves, for every tool that makes films or pictures."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.library.models import Asset, Generation

MAX_WORDS = 500  # characters of what a preset adds to a prompt


class PresetQuerySet(models.QuerySet["Preset"]):
    def own(self, user: User) -> Self:
        """What this user has made, not deleted."""
        return self.filter(user=user, deleted_at=None)

    def of(self, user: User) -> Self:
        """What this user may use: their own in their order, then what the staff shares with everybody."""
        found = self.filter(Q(user=user) | Q(shared=True), deleted_at=None)
        mine = models.Case(models.When(user=user, then=0), default=1)
        found = found.annotate(theirs=mine).order_by("theirs", "position", "created_at")
        return found.select_related("preview", "preview_job").prefetch_related("preview_job__assets")


class Preset(models.Model):
    """A look: words for the prompt, words for the negative prompt, and settings of a tool's form."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presets")
    name = models.CharField(max_length=60)
    tool = models.CharField(max_length=40, help_text="In whose form it was made.")
    words = models.CharField(max_length=MAX_WORDS, blank=True, help_text="Added to the prompt.")
    negative = models.CharField(max_length=MAX_WORDS, blank=True, help_text="Added to the negative prompt.")
    params = models.JSONField(default=dict, help_text="Settings by the names of the form's fields.")
    preview = models.ForeignKey(Asset, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    preview_job = models.ForeignKey(Generation, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    shared = models.BooleanField(default=False, help_text="Everybody of the studio may use it.")
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = PresetQuerySet.as_manager()

    class Meta:
        ordering = ["position", "created_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("tools:preset", args=[self.pk])

    @property
    def picture(self) -> Asset | None:
        """What shows how it looks: what its owner has chosen, or what was made for it; None for neither."""
        made = self.preview_job.asset if self.preview_job else None
        found = self.preview or made
        return found if found and found.poster and found.deleted_at is None else None

    @property
    def picture_url(self) -> str:
        """The address of its picture, for everybody who may use it; it changes with the picture."""
        picture = self.picture
        return f"{reverse('tools:preset_picture', args=[self.pk])}?{picture.pk.hex[:8]}" if picture else ""
