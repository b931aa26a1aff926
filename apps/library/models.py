"""What people are making (generations) and have made (assets)."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.core.files import File
from django.db import models
from django.db.models import Count, Exists, OuterRef, Prefetch, Q
from django.db.models.fields.files import FieldFile
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.errors import CATALOGUE
from apps.library.names import file_name, without_suffix
from apps.library.queue import QueueQuerySet
from apps.text import folded
from workers.keeper import picture_name
from workers.media.captions import Cue, from_json, transcript

SEARCHED = 4000  # characters of a text that a search looks in


class GenerationQuerySet(QueueQuerySet):
    def of(self, user: User) -> Self:
        """What this user may see: their own, not in the trash."""
        return self.filter(user=user, deleted_at=None)

    def in_trash(self, user: User) -> Self:
        """What this user has deleted and can still bring back."""
        return self.filter(user=user, deleted_at__isnull=False, gone_at=None)

    def active(self) -> Self:
        return self.filter(status__in=Generation.ACTIVE)

    def ended(self) -> Self:
        return self.filter(status__in=Generation.ENDED)

    def unseen(self, user: User) -> Self:
        """What has succeeded or failed since the user last looked at their activity."""
        told = (Generation.Status.SUCCEEDED, Generation.Status.FAILED)
        return self.filter(status__in=told, finished_at__gt=user.activity_seen_at)

    def units(self) -> int:
        """How many things these rows are to a limit: a group counts once."""
        alone = self.filter(group=None).count()
        return alone + self.exclude(group=None).values("group").distinct().count()

    def abandoned(self, older_than: datetime) -> Self:
        """Running rows whose worker has not been heard of since."""
        return self.filter(status=Generation.Status.RUNNING, heartbeat_at__lt=older_than)

    def lapsed(self, older_than: datetime) -> Self:
        """Offered rows whose owner has not decided since a time."""
        return self.filter(status=Generation.Status.OFFERED, heartbeat_at__lt=older_than)

    def with_assets(self) -> Self:
        """With what they made; the card of a job needs no more."""
        return self.prefetch_related("assets")

    def with_batches(self) -> Self:
        """With what they made, and where one stands for its batch, all jobs of that and what they made."""
        others = Generation.objects.filter(deleted_at=None).order_by("created_at", "pk").prefetch_related("assets")
        whole = Prefetch("group__generations", others, to_attr="shown")
        return self.with_assets().select_related("group").prefetch_related(whole)

    def faces(self) -> Self:
        """Those of these rows that a list shows: of a batch only its first, which stands for all of it."""
        before = Q(created_at__lt=OuterRef("created_at")) | Q(created_at=OuterRef("created_at"), pk__lt=OuterRef("pk"))
        batch = Q(group=OuterRef("group"), group__kind=Group.BATCH)
        return self.filter(~Exists(self.filter(batch, before).order_by()))


class Group(models.Model):
    """Jobs that are one thing to their owner, such as a batch or a drama: one quote, one hold, one receipt."""

    BATCH = "batch"  # the kind of those that one form has asked for at once

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="generation_groups")
    kind = models.CharField(max_length=20, help_text="Who owns it: batch, drama …")
    title = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.title or str(self.pk)

    def get_absolute_url(self) -> str:
        """The page of a batch."""
        return reverse("tools:batch", args=[self.pk])

    @property
    def is_batch(self) -> bool:
        return self.kind == self.BATCH

    @property
    def reference(self) -> str:
        """How the ledger names this group."""
        return f"group:{self.pk}"

    @property
    def is_active(self) -> bool:
        """A job of it has not ended."""
        return self.generations.active().exists()

    def tally(self) -> dict[str, int]:
        """How many jobs it has (`jobs`), and how many of them are `made`, `lost` or still `active`."""
        lost = (Generation.Status.FAILED, Generation.Status.CANCELLED)
        return self.generations.aggregate(
            jobs=Count("pk"),
            made=Count("pk", filter=Q(status=Generation.Status.SUCCEEDED)),
            lost=Count("pk", filter=Q(status__in=lost)),
            active=Count("pk", filter=Q(status__in=Generation.ACTIVE)),
        )

    @property
    def percent(self) -> int:
        """How much of it is done, 0-100: jobs that have ended count as done, and each as much as it costs."""
        parts = [(max(1, job.cost), 100 if job.is_ended else job.percent) for job in self.generations.all()]
        whole = sum(weight for weight, _ in parts)
        return sum(weight * done for weight, done in parts) // whole if whole else 0


class Generation(models.Model):
    """A job: one run of a tool. The row is the truth; queue messages are only nudges."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting for others")
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        OFFERED = "offered", _("Waiting for your decision")  # it cannot go on; keep what is finished, or let it go
        SUCCEEDED = "succeeded", _("Finished")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    WAITING, LOADING, ENCODING = "waiting", "loading", "encoding"  # stages that every tool has
    STAGES = {
        "waiting": _("Waiting"),
        "loading": _("Loading the model"),
        "denoising": _("Making the frames"),
        "painting": _("Making the image"),
        "decoding": _("Finishing the frames"),
        "upscaling": _("Enlarging"),
        "grading": _("Changing the look"),
        "speaking": _("Speaking"),
        "voicing": _("Speaking the text"),
        "tracking": _("Finding the face"),
        "listening": _("Listening to the speech"),
        "syncing": _("Moving the lips"),
        "talking": _("Moving the face"),
        "encoding": _("Saving the file"),
    }

    # Stages that follow one another in work without windows: where each begins and ends, in percent.
    SHARES = {"voicing": (0, 15), "tracking": (15, 30), "listening": (30, 30), "syncing": (30, 100)}
    FINISH_PERCENT = 20  # of a film that is made larger at its end

    ACTIVE = (Status.WAITING, Status.QUEUED, Status.RUNNING, Status.OFFERED)
    ENDED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="generations")
    tool = models.CharField(max_length=40)
    title = models.CharField(max_length=200, blank=True)
    params = models.JSONField(default=dict, help_text="Cleaned values of the tool's form, but for its inputs.")
    words = models.TextField(
        default="", editable=False, help_text="Title, prompt and model, folded: what a search looks in."
    )
    length = models.FloatField(default=0, help_text="Seconds of the longest file that it has made.")
    work = models.FloatField(default=0, help_text="Its size, in units of the tool that its time is proportional to.")
    data = models.JSONField(null=True, blank=True, help_text="The result of a tool that answers in words.")
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.PROTECT, related_name="generations")
    waits_for = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="followers")
    queue = models.CharField(max_length=20, default="gpu")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(max_length=20, default=WAITING)
    window = models.PositiveIntegerField(default=0)
    windows = models.PositiveIntegerField(default=0)
    step = models.PositiveIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    seconds_left = models.FloatField(null=True, blank=True)
    loading_seconds = models.FloatField(default=0, help_text="Of its time, how long models were read into memory.")
    cost = models.PositiveIntegerField(default=0, help_text="Quoted and held, in credits.")
    engine = models.CharField(max_length=60, blank=True, help_text="The model that made it.")
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=500, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    claimed_by = models.UUIDField(null=True, blank=True, db_index=True, help_text="Drawn by the worker that took it.")
    kept_attempt = models.PositiveIntegerField(default=0, help_text="The attempt whose windows count.")
    kept_windows = models.PositiveIntegerField(default=0, help_text="Finished, safe in storage, and to be seen.")
    kept_frames = models.PositiveIntegerField(default=0, help_text="Of those that were asked for.")
    kept_seconds = models.FloatField(default=0, help_text="Of film, with the clip that it goes on from.")
    live_attempt = models.PositiveIntegerField(default=0, help_text="The attempt whose parts can be seen.")
    live_parts = models.PositiveIntegerField(default=0, help_text="Of the window after the kept ones, to be seen.")
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    stopped_early = models.BooleanField(default=False)
    idempotency_key = models.CharField(max_length=200, blank=True)
    request_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    turn_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When it counts as having come: who has a better plan comes earlier, who has more waiting later.",
    )
    at_once = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="How many jobs of its owner may run when it does, itself included."
    )
    watermark = models.BooleanField(default=False, help_text="What it makes is kept with the watermark as well.")
    ready_at = models.DateTimeField(null=True, blank=True, help_text="Not to be started before; empty: at once.")
    dispatched_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    first_frames_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When its end was told to who owns its graph.")
    deleted_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True, help_text="When it left the trash: nothing brings it back.")

    objects = GenerationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["queue", "created_at"], condition=Q(status="queued"), name="generation_queued"),
            models.Index(fields=["heartbeat_at"], condition=Q(status="running"), name="generation_running"),
            models.Index(fields=["created_at"], condition=Q(status="waiting"), name="generation_waiting"),
            *(
                models.Index(
                    fields=["user", column, "id"], condition=Q(deleted_at=None), name=f"generation_by_{column}"
                )
                for column in ("created_at", "length", "cost")
            ),
            models.Index(
                fields=["user", "deleted_at", "id"],
                condition=Q(deleted_at__isnull=False, gone_at=None),
                name="generation_trash",
            ),
            models.Index(
                fields=["finished_at"], condition=Q(finished_at__isnull=False, told_at=None), name="generation_untold"
            ),
            models.Index(fields=["tool", "-created_at"], condition=Q(status="succeeded"), name="generation_measured"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "idempotency_key"], condition=~Q(idempotency_key=""), name="generation_idempotent"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "queued", "running", "offered"], finished_at__isnull=True)
                | Q(status__in=["succeeded", "failed", "cancelled"], finished_at__isnull=False),
                name="generation_ended_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.pk)

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if update_fields is None or {"title", "params"} & set(update_fields):
            self.words = self.searched(self.title, self.params)
            update_fields = None if update_fields is None else {*update_fields, "words"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("library:generation", args=[self.pk])

    @staticmethod
    def searched(title: str, params: Mapping[str, Any]) -> str:
        """Return the `words` of a job with this title and these parameters."""
        told = (str(params.get(name) or "")[:SEARCHED] for name in ("prompt", "model_id", "text", "voiceover_text"))
        return folded(" ".join(filter(None, [title, *told])))

    @property
    def reference(self) -> str:
        """How the ledger names what this job is paid from: its own hold, or the one of its group."""
        return f"group:{self.group_id}" if self.group_id else f"generation:{self.pk}"

    @property
    def part(self) -> str:
        """How the ledger names this job's share of the hold; empty for a job that has one of its own."""
        return str(self.pk) if self.group_id else ""

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def is_ended(self) -> bool:
        return self.status in self.ENDED

    @property
    def stage_words(self) -> str:
        """What is being done, in words; a stage of a tool's own is a word already."""
        return str(self.STAGES.get(self.stage) or self.stage.capitalize())

    @property
    def in_pictures(self) -> bool:
        """Its parts are single pictures, as many as were asked for, and not windows of a film."""
        return "count" in self.params

    @property
    def shown_pictures(self) -> int:
        """How many of its pictures can be seen while others are made; copies with the watermark come at the end."""
        return self.kept_windows if self.is_watchable and not self.watermark else 0

    @property
    def pictures(self) -> list[str]:
        """The addresses of the pictures that are finished, while others are made; "" for each that is to come."""
        made = [picture_name(number) for number in range(1, self.shown_pictures + 1)]
        urls = [reverse("library:live_file", args=[self.pk, name]) for name in made]
        return urls + [""] * (int(self.params.get("count") or 0) - len(urls))

    @property
    def is_watchable(self) -> bool:
        """A part of it can be seen while the rest is made."""
        return self.is_active and (self.kept_windows > 0 or self.parts_to_see > 0)

    @property
    def parts_to_see(self) -> int:
        """How many parts of the window at work can be seen; those of a lost attempt count after its kept windows."""
        return self.live_parts if self.kept_windows or self.live_attempt == self.attempt else 0

    @property
    def live_url(self) -> str:
        """The playlist that grows while the film is made; of pictures, the one that was made last."""
        if self.in_pictures:
            return next(filter(None, reversed(self.pictures)), "")
        return reverse("library:live_file", args=[self.pk, "index.m3u8"])

    @property
    def percent(self) -> int:
        """How much of the work is done, 0-100.

        Of a job in windows, steps of what follows the denoising of a window do not count anew. A film that is made
        larger at its end leaves FINISH_PERCENT to that stage; pictures are made larger one by one.
        """
        if self.status == self.Status.SUCCEEDED:
            return 100
        share = self.step / self.steps if self.steps else 0.0
        if not self.windows:
            begin, end = self.SHARES.get(self.stage, (0, 100))
            return min(99, begin + int((end - begin) * share))
        if not (self.steps and self.window):
            return 0
        before_finish = 100 - self.FINISH_PERCENT if self.params.get("finish") and not self.in_pictures else 100
        if self.stage == "upscaling":
            return min(99, before_finish + int((100 - before_finish) * share))
        if self.stage in (self.ENCODING, "speaking"):
            return 99
        denoising = self.stage in (self.WAITING, self.LOADING, "denoising", "painting")
        done = self.window - 1 + (share if denoising else 1)
        return min(99, int(before_finish * done / self.windows))

    @property
    def position(self) -> int | None:
        """1 for the job that starts next on its queue; None for one that has started. A query each time."""
        if self.status != self.Status.QUEUED:
            return None
        return Generation.objects.ahead_of(self).count() + 1

    @property
    def asset(self) -> "Asset | None":
        """The first file it made, if it made one (uses a prefetch when there is one)."""
        return next(iter(self.assets.all()), None)

    @property
    def advice(self) -> str:
        """What to do about a failure."""
        return str(CATALOGUE[self.error_code].advice) if self.error_code in CATALOGUE else ""

    @property
    def reason(self) -> str:
        """Why it failed, in the reader's language where that has the sentence: `error` is as the worker wrote it."""
        return gettext(self.error) if self.error else ""

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


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """The verified files of an asset, by field, in a folder of this machine that `close` removes."""

    files: Mapping[str, Path]
    close: Callable[[], None]


class AssetQuerySet(models.QuerySet["Asset"]):
    def of(self, user: User) -> Self:
        return self.filter(user=user, deleted_at=None)

    def brought(self, user: User) -> Self:
        """What this user has uploaded, not in the trash."""
        return self.of(user).filter(generation=None)

    def in_trash(self, user: User) -> Self:
        """Uploads that this user has deleted and can still bring back; what a job has made is in the trash with it."""
        return self.filter(user=user, generation=None, deleted_at__isnull=False).exclude(file="")


class Asset(models.Model):
    """A file that belongs to somebody, with the recipe that made it."""

    class Kind(models.TextChoices):
        VIDEO = "video", _("Video")
        IMAGE = "image", _("Image")
        AUDIO = "audio", _("Sound")
        MODEL = "model", _("Model")
        PACKAGE = "package", _("Package")

    MARKED = "marked_"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assets")
    generation = models.ForeignKey(Generation, null=True, blank=True, on_delete=models.CASCADE, related_name="assets")
    position = models.PositiveIntegerField(default=0, help_text="Its place among what its job made.")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    file = models.FileField(upload_to=by_uuid, max_length=200)
    poster = models.FileField(upload_to=by_uuid, max_length=200, blank=True)
    strip = models.FileField(upload_to=by_uuid, max_length=200, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    frames = models.PositiveIntegerField(default=0)
    fps = models.FloatField(default=0)
    seconds = models.FloatField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    stored_bytes = models.PositiveBigIntegerField(default=0, help_text="Of all its files, with poster and strip.")
    sha256 = models.CharField(max_length=64, blank=True)
    recipe = models.JSONField(default=dict, blank=True)
    marked = models.JSONField(
        default=dict,
        blank=True,
        help_text="Its copies with the watermark: a path for each file, and `bytes` and `sha256` of the main one.",
    )
    captions = models.JSONField(
        default=dict, blank=True, help_text="What is said in it: the language, and cues with start, end and text."
    )
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = AssetQuerySet.as_manager()
    staged: Staged | None = None  # the files of an upload that is not stored yet

    class Meta:
        ordering = ["created_at", "position"]
        indexes = [models.Index(fields=["user", "-created_at"], name="asset_library")]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "position"], condition=Q(generation__isnull=False), name="asset_once_per_position"
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
    def is_new(self) -> bool:
        """Whether it is an upload at hand, whose row is written with the job that begins with it."""
        return bool(self.staged or (self._state.adding and self.file))

    def served(self, part: str, watermark: bool) -> FieldFile:
        """Return `file`, `poster` or `strip`, or its copy with the watermark where that is wanted and there is one.

        Jobs that begin with the asset take `file` itself.
        """
        file: FieldFile = getattr(self, part)
        path = self.marked.get(part) if watermark and file else None
        return FieldFile(self, file.field, path) if path else file

    def tell_marked(self) -> None:
        """Let `bytes` and `sha256` be those of the copy with the watermark; the row is not for saving then."""
        self.bytes, self.sha256 = self.marked.get("bytes", self.bytes), self.marked.get("sha256", self.sha256)

    def keep(self, name: str, file: "File[Any]") -> None:
        """Store one of its files; the name of a copy with the watermark begins with MARKED."""
        if name.startswith(self.MARKED):
            part = name.removeprefix(self.MARKED)
            self.marked[part] = self.file.storage.save(by_uuid(self, str(file.name)), file)
        else:
            getattr(self, name).save(file.name, file, save=False)

    @property
    def name(self) -> str:
        """What people know it by: the prompt of its job, or the name of the file that they brought."""
        made = self.generation.title if self.generation else self.recipe.get("name", "")
        frame = gettext("Last frame of a video") if "last_frame_of" in self.recipe else ""
        return made or frame or str(self.get_kind_display())

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
    def cues(self) -> list[Cue]:
        """What is said in it, and when."""
        return from_json(self.captions.get("cues", ()))

    @property
    def consent(self) -> "LikenessConsent | None":
        """The latest consent to its face or voice, standing or withdrawn (uses a prefetch when there is one)."""
        return next(iter(self.consents.all()), None)

    @property
    def descriptions(self) -> list[Cue]:
        """What is seen in it, told in the gaps of what is said."""
        return from_json(self.captions.get("descriptions", ()))

    @property
    def captions_address(self) -> str:
        return reverse("library:asset_text", args=[self.pk, "captions.vtt"])

    @property
    def caption_language(self) -> str:
        return str(self.captions.get("language", ""))

    @property
    def transcript(self) -> str:
        """What is said in it, as one text."""
        return transcript(self.cues)

    @property
    def download_name(self) -> str:
        """What its file is called where it is saved: "a-red-heart-moves-right.mp4"."""
        words = self.name if self.generation_id else without_suffix(self.name)
        return file_name(
            words, Path(str(self.file.name)).suffix, number=self.position + 1, otherwise=f"cinevivid-{self.pk.hex[:8]}"
        )


class GenerationInput(models.Model):
    """Something that a job begins with: an asset of its owner, or what another job will have made first."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="inputs")
    name = models.CharField(max_length=40, help_text="The parameter of the tool.")
    position = models.PositiveIntegerField(default=0, help_text="Its place among the inputs of this name.")
    asset = models.ForeignKey(Asset, null=True, blank=True, on_delete=models.PROTECT, related_name="used_by")
    source = models.ForeignKey(
        Generation, null=True, blank=True, on_delete=models.PROTECT, related_name="feeds", help_text="Its first asset."
    )

    class Meta:
        ordering = ["name", "position"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "name", "position"], name="input_once_per_position"),
            models.CheckConstraint(
                condition=Q(asset__isnull=False, source__isnull=True) | Q(asset__isnull=True, source__isnull=False),
                name="input_is_asset_or_job",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.generation_id}"

    @property
    def found(self) -> Asset | None:
        """The asset as it is in the owner's library now; None when it is not (any more)."""
        asset = self.asset or (self.source.asset if self.source else None)
        return asset if asset and asset.deleted_at is None and asset.file else None


class LikenessConsentQuerySet(models.QuerySet["LikenessConsent"]):
    def standing(self) -> Self:
        """Those that were not withdrawn."""
        return self.filter(withdrawn_at=None)


class LikenessConsent(models.Model):
    """That the face or the voice of an upload may be made to say something: recorded with the first job that does it.

    `statement` is the sentence as it was agreed to. After `withdrawn_at` no such job begins with the upload, nor with
    what was made of it, until it is agreed to anew: that is another row.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="likeness_consents")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="consents")
    statement = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = LikenessConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["asset"], condition=Q(withdrawn_at=None), name="one_standing_consent")
        ]

    def __str__(self) -> str:
        return f"Consent to {self.asset_id}"
