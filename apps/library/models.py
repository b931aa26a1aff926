"""What people are making (generations) and have made (assets)."""

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.errors import CATALOGUE


class GenerationQuerySet(models.QuerySet["Generation"]):
    def of(self, user: User) -> Self:
        """What this user may see: their own, not in the trash."""
        return self.filter(user=user, deleted_at=None)

    def queued(self) -> Self:
        return self.filter(status=Generation.Status.QUEUED)

    def active(self) -> Self:
        return self.filter(status__in=Generation.ACTIVE)

    def abandoned(self, older_than: datetime) -> Self:
        """Running rows whose worker has not been heard of since."""
        return self.filter(status=Generation.Status.RUNNING, heartbeat_at__lt=older_than)

    def with_assets(self) -> Self:
        return self.prefetch_related("assets")

    def claim(self, pk: uuid.UUID | str) -> "Generation | None":
        """Take a queued row for this worker; None when another one was faster or it is no longer queued."""
        now = timezone.now()
        taken = (
            self.queued()
            .filter(pk=pk)
            .update(
                status=Generation.Status.RUNNING,
                attempt=F("attempt") + 1,
                heartbeat_at=now,
                started_at=now,
                stage=Generation.Stage.LOADING,
                step=0,
                steps=0,
                seconds_left=None,
            )
        )
        return self.select_related("user").get(pk=pk) if taken else None


class Generation(models.Model):
    """A job: one run of a tool. The row is the truth; queue messages only point to it."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Finished"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Stage(models.TextChoices):
        WAITING = "waiting", "Waiting"
        LOADING = "loading", "Loading the model"
        DENOISING = "denoising", "Making the picture"
        DECODING = "decoding", "Developing the frames"
        ENCODING = "encoding", "Writing the file"

    ACTIVE = (Status.QUEUED, Status.RUNNING)
    ENDED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="generations")
    tool = models.CharField(max_length=40)
    title = models.CharField(max_length=200, blank=True)
    params = models.JSONField(default=dict)
    queue = models.CharField(max_length=20, default="gpu")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.WAITING)
    window = models.PositiveIntegerField(default=0)
    windows = models.PositiveIntegerField(default=0)
    step = models.PositiveIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    seconds_left = models.FloatField(null=True, blank=True)
    cost = models.PositiveIntegerField(default=0, help_text="Quoted and held, in credits.")
    engine = models.CharField(max_length=60, blank=True, help_text="The model that made it.")
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=500, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    kept_attempt = models.PositiveIntegerField(default=0, help_text="The attempt whose rushes count.")
    kept_windows = models.PositiveIntegerField(default=0, help_text="Finished, safe in storage, and to be seen.")
    kept_frames = models.PositiveIntegerField(default=0, help_text="Of those that were asked for.")
    kept_seconds = models.FloatField(default=0, help_text="Of film, with the clip that it goes on from.")
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    stopped_early = models.BooleanField(default=False)
    idempotency_key = models.CharField(max_length=200, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    first_frames_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = GenerationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["queue", "created_at"], condition=Q(status="queued"), name="generation_queued"),
            models.Index(fields=["heartbeat_at"], condition=Q(status="running"), name="generation_running"),
            models.Index(fields=["user", "-created_at"], name="generation_library"),
            models.Index(fields=["tool", "-created_at"], condition=Q(status="succeeded"), name="generation_measured"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "idempotency_key"], condition=~Q(idempotency_key=""), name="generation_idempotent"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], finished_at__isnull=True)
                | Q(status__in=["succeeded", "failed", "cancelled"], finished_at__isnull=False),
                name="generation_ended_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.pk)

    def get_absolute_url(self) -> str:
        return reverse("library:generation", args=[self.pk])

    @property
    def reference(self) -> str:
        """How the ledger names this job."""
        return f"generation:{self.pk}"

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def is_watchable(self) -> bool:
        """A part of it can be seen while the rest is made."""
        return self.is_active and self.kept_windows > 0

    @property
    def live_url(self) -> str:
        """The playlist that grows while the film is made."""
        return reverse("library:live_file", args=[self.pk, "index.m3u8"])

    @property
    def percent(self) -> int:
        """How much of the denoising is done, 0-100; steps of what follows it do not count anew."""
        if self.status == self.Status.SUCCEEDED:
            return 100
        if not (self.windows and self.steps and self.window):
            return 0
        denoising = self.stage in (self.Stage.WAITING, self.Stage.LOADING, self.Stage.DENOISING)
        done = self.window - 1 + (self.step / self.steps if denoising else 1)
        return min(99, int(100 * done / self.windows))

    @property
    def position(self) -> int | None:
        """1 for the job that starts next on its queue; None for one that has started. A query each time."""
        if self.status != self.Status.QUEUED:
            return None
        return (
            Generation.objects.queued()
            .filter(Q(created_at__lt=self.created_at) | Q(created_at=self.created_at, pk__lt=self.pk), queue=self.queue)
            .count()
            + 1
        )

    @property
    def asset(self) -> "Asset | None":
        """The file it made, if it made one (uses a prefetch when there is one)."""
        return next(iter(self.assets.all()), None)

    @property
    def advice(self) -> str:
        """What to do about a failure."""
        return CATALOGUE[self.error_code].advice if self.error_code in CATALOGUE else ""

    def move(self, *, frm: tuple[str, ...], still: dict[str, Any] | None = None, **changes: Any) -> bool:
        """Change the row only while it is ours; False means cancelled or taken over. The one door for `status`.

        `still` are columns that must have kept their values since the row was read.
        """
        if changes.get("status") in self.ENDED:
            changes.setdefault("finished_at", timezone.now())
        mine = Generation.objects.filter(pk=self.pk, attempt=self.attempt, status__in=frm, **(still or {}))
        if not mine.update(**changes):
            return False
        for name, value in changes.items():
            setattr(self, name, value)
        return True

    def advance(self, *, still: dict[str, Any] | None = None, **progress: Any) -> bool:
        """Write progress and the heartbeat; False when the job was cancelled or taken over."""
        return self.move(frm=(self.Status.RUNNING,), still=still, heartbeat_at=timezone.now(), **progress)


def by_uuid(asset: "Asset", filename: str) -> str:
    """Where an asset's file lives: nothing in the path comes from the user but the extension of a known kind."""
    return f"assets/{asset.pk.hex[:2]}/{asset.pk}/{Path(filename).name}"


class AssetQuerySet(models.QuerySet["Asset"]):
    def of(self, user: User) -> Self:
        return self.filter(user=user, deleted_at=None)


class Asset(models.Model):
    """A file that belongs to somebody, with the recipe that made it."""

    class Kind(models.TextChoices):
        VIDEO = "video", "Video"
        IMAGE = "image", "Picture"
        AUDIO = "audio", "Sound"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assets")
    generation = models.ForeignKey(Generation, null=True, blank=True, on_delete=models.CASCADE, related_name="assets")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    file = models.FileField(upload_to=by_uuid, max_length=200)
    poster = models.FileField(upload_to=by_uuid, max_length=200, blank=True)
    strip = models.FileField(upload_to=by_uuid, max_length=200, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    frames = models.PositiveIntegerField(default=0)
    fps = models.FloatField(default=0)
    seconds = models.FloatField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    recipe = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = AssetQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["user", "-created_at"], name="asset_library")]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "kind"], condition=Q(generation__isnull=False), name="asset_once_per_generation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    def get_absolute_url(self) -> str:
        return self.file_url

    def get_part_url(self, part: str) -> str:
        """The address of `file`, `poster` or `strip`."""
        return reverse("library:asset_file", args=[self.pk, part])

    @property
    def name(self) -> str:
        """What people know it by: the film's prompt, or the name of the file that they brought."""
        return (self.generation.title if self.generation else self.recipe.get("name", "")) or "Last frame of a film"

    @property
    def file_url(self) -> str:
        return self.get_part_url("file")

    @property
    def poster_url(self) -> str:
        return self.get_part_url("poster") if self.poster else ""

    @property
    def strip_url(self) -> str:
        return self.get_part_url("strip") if self.strip else ""

    @property
    def download_name(self) -> str:
        return f"cinevivid-{self.pk.hex[:8]}{Path(str(self.file.name)).suffix}"
