"""Shares of the media storage, the trash and how it is emptied, and files that no row names."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

import structlog
from django.core.files.storage import default_storage
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library import limits
from apps.library.ids import is_uuid
from apps.library.keeper import remove_folder
from apps.library.models import Asset, AssetQuerySet, Generation, GenerationQuerySet, by_uuid

log = structlog.get_logger(__name__)
GB = 1_000_000_000
ROOT = "assets"
PREFIXES = tuple(f"{number:02x}" for number in range(256))  # the folders that `by_uuid` deals assets out to
ROWS = 500  # are changed by one statement
FEW = 8  # crashes leave few assets in one of them; where most are unnamed, they are another database's
ORPHAN_AGE = timedelta(days=1)  # longer than any attempt takes from its first file to its row


class StorageFull(StudioError):
    """The files of a user take all of their share of the storage."""

    code = "storage_full"


@dataclass(frozen=True, slots=True)
class Share:
    """What the files of one user take, in bytes: all of them, those in the trash, and how much it may be."""

    used: int
    trash: int
    quota: int

    @property
    def full(self) -> bool:
        return self.used >= self.quota

    @property
    def words(self) -> str:
        """How much of it is taken: "1.2 GB of 10 GB", "0.4 MB of 10 GB"."""
        return _("%(used)s of %(all)g GB") % {"used": words(self.used), "all": self.quota / GB}

    @property
    def trash_words(self) -> str:
        return words(self.trash)


def share(user: User) -> Share:
    """Return what a user stores. Files in the trash count until it is emptied: they are still there."""
    mine = Asset.objects.filter(user=user)
    sums = mine.aggregate(
        used=Sum("stored_bytes", default=0), trash=Sum("stored_bytes", default=0, filter=Q(deleted_at__isnull=False))
    )
    return Share(**sums, quota=int(limits.of(user).storage_gb * GB))


def refuse_full(user: User, more: int = 0) -> None:
    """Raise StorageFull when nothing fits any more, or not `more` bytes."""
    now = share(user)
    if more and now.used + more > now.quota:
        text = _("This needs %(needed)s, and only %(free)s of your %(all)g GB are free.")
        free = words(max(0, now.quota - now.used))
        raise _full(user, now, text % {"needed": words(more), "free": free, "all": now.quota / GB})
    if now.full:
        raise _full(user, now, _("Your files take %(size)s.") % {"size": now.words})


def _full(user: User, now: Share, text: str) -> StorageFull:
    text = " ".join(filter(None, [text, limits.more_storage(user)]))
    return StorageFull(text, used=now.used, quota=now.quota)


def empty_trash(assets: AssetQuerySet) -> int:
    """Remove the files of those of these assets that are in the trash; the rows stay. Returns the bytes set free.

    A row gives its files up first: a crash in between leaves files that no row names, and `remove_orphans` finds them.
    """
    free = 0
    for asset in assets.exclude(deleted_at=None).exclude(file=""):
        mine = Asset.objects.filter(pk=asset.pk).exclude(deleted_at=None).exclude(file="")
        if mine.update(file="", poster="", strip="", marked={}, stored_bytes=0):
            free += asset.stored_bytes
            remove_files(asset)
    return free


def purge(jobs: GenerationQuerySet) -> int:
    """Delete for good those of these jobs that are in the trash; the rows stay. Returns the bytes set free.

    From the change of its row on a job cannot be brought back, and only then are its files removed.
    """
    doomed = list(jobs.filter(deleted_at__isnull=False, gone_at=None).values_list("pk", flat=True))
    free = 0
    for start in range(0, len(doomed), ROWS):
        part = Generation.objects.filter(pk__in=doomed[start : start + ROWS])
        part.filter(deleted_at__isnull=False, gone_at=None).update(gone_at=timezone.now())
        free += empty_trash(Asset.objects.filter(generation__in=part.exclude(gone_at=None)))
    return free


def empty_all(user: User) -> int:
    """Delete for good everything that a user has in the trash. Returns the bytes set free."""
    return purge(Generation.objects.filter(user=user)) + empty_trash(Asset.objects.filter(user=user))


def remove_files(asset: Asset) -> bool:
    """Remove the folder of an asset. Returns False when there was none; what cannot be removed is left to the sweep."""
    try:
        return remove_folder(folder_of(asset))
    except Exception:
        log.warning("files_not_removed", asset=str(asset.pk), exc_info=True)
        return False


def folder_of(asset: Asset) -> str:
    return str(PurePosixPath(by_uuid(asset, "file")).parent)


def remove_orphans(before: datetime, prefixes: Iterable[str] = ()) -> int:
    """Remove the files of assets that no row names and that are older than a time. Returns how many assets these were.

    An upload or a result is stored before its row is, so a process that is killed in between leaves files. One of the
    256 folders is looked through at a time, drawn by chance: a large storage is slow to list.
    """
    removed = 0
    for prefix in prefixes or [random.choice(PREFIXES)]:
        try:
            names = set(filter(is_uuid, default_storage.listdir(f"{ROOT}/{prefix}")[0]))
        except FileNotFoundError:
            continue
        named = Asset.objects.filter(pk__in=names).exclude(file="").values_list("pk", flat=True)
        unnamed = names - {str(pk) for pk in named}
        if len(unnamed) > max(FEW, len(names) - len(unnamed)):
            log.error(
                "storage_of_another_database", prefix=prefix, named=len(names) - len(unnamed), unnamed=len(unnamed)
            )
            continue
        for name in unnamed:
            folder = f"{ROOT}/{prefix}/{name}"
            if _newest(folder) < before and remove_folder(folder):
                log.info("orphan_removed", asset=name)
                removed += 1
    return removed


def _newest(folder: str) -> datetime:
    """Return when the newest file of a folder was written; the end of time for a folder without files."""
    names = default_storage.listdir(folder)[1]
    written = [default_storage.get_modified_time(f"{folder}/{name}") for name in names if name]
    return max(written, default=datetime.max.replace(tzinfo=UTC))


def words(size: int) -> str:
    """Return a number of bytes in words, such as "1.2 GB" or "12.5 MB"."""
    return f"{size / GB:.1f} GB" if size >= GB / 10 else f"{size / 1_000_000:.1f} MB"
