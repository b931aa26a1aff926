"""Finished parts of a job, windows of a film or pictures, kept on media storage: for the next worker and for the card.

Each attempt writes into its own folder, and no file name is used twice. Only the row says which attempt and how many
windows count, by one conditional UPDATE. So a worker that lost its job writes where nobody reads, and a crash between
two files leaves the previous window valid.
"""

import re
import shutil
from datetime import timedelta
from pathlib import Path, PurePosixPath

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils import timezone

from apps.errors import StudioError
from apps.library import progress
from apps.library.ids import is_uuid
from apps.library.models import Asset, Generation
from workers.base import Cancelled
from workers.keeper import CHANGING, CLIP_PARTS, INDEX, PICTURE, PLAYLIST, PROMPT, STATE, Kept, picture_name

log = structlog.get_logger(__name__)
ROOT = "live"
GRACE = timedelta(minutes=2)  # how long a player at the live edge still finds its segments after the job has ended
PICTURES = re.compile(rf"{PICTURE}[1-9]\d?\.png")
PLAYABLE = re.compile(r"index\.m3u8|init\.mp4|\d{4,}\.m4s")


class StorageKeeper:
    """Keeps the folder of one attempt at a job on media storage (a `workers.keeper.Keeper`)."""

    def __init__(self, job: Generation) -> None:
        self.job = job
        self.folder = f"{ROOT}/{job.pk}/{job.attempt}"
        self.kept: set[str] = set()

    def fetch(self, folder: Path) -> None:
        """Copy the segments and the state of the attempt that the row names into `folder`, unless they are there.

        The playlist is not copied: it is made again from the segments.

        Raises StudioError("storage_failed").
        """
        if not self.job.kept_windows:
            return
        source = f"{ROOT}/{self.job.pk}/{self.job.kept_attempt}"
        state = _numbered(STATE, self.job.kept_windows)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name in default_storage.listdir(source)[1]:
                to = folder / (STATE if name == state else name)
                wanted = name.endswith(".mp4") or PICTURES.fullmatch(name) or name in (CLIP_PARTS, PROMPT, state)
                if wanted and not to.exists():
                    with default_storage.open(f"{source}/{name}") as stored, to.open("wb") as local:
                        shutil.copyfileobj(stored, local)
        except FileNotFoundError:
            log.warning("kept_windows_missing", generation=str(self.job.pk), exc_info=True)
        except Exception as error:
            raise StudioError(code="storage_failed") from error

    def keep(self, folder: Path, kept: Kept) -> None:
        """Store the new files of `folder`, then count the window on the row.

        Raises Cancelled when the row is not ours, and StudioError("storage_failed").
        """
        if not self.job.advance():
            raise Cancelled
        before, since = self.job.kept_attempt, self.job.first_frames_at
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".part"):
            name = path.relative_to(folder).as_posix()
            name = _numbered(name, kept.windows) if name in CHANGING else name
            if name not in self.kept:
                try:
                    with path.open("rb") as file:
                        default_storage.save(f"{self.folder}/{name}", File(file))
                except Exception as error:
                    raise StudioError(code="storage_failed") from error
                self.kept.add(name)
        if not self.job.advance(
            kept_attempt=self.job.attempt,
            kept_windows=kept.windows,
            kept_frames=kept.frames,
            kept_seconds=kept.seconds,
            first_frames_at=since or timezone.now(),
        ):
            raise Cancelled
        log.info("window_kept", window=kept.windows)
        progress.changed(self.job)
        # One state is enough, and it takes megabytes. Old playlists stay: a player may be reading one.
        try:
            if (old := _numbered(STATE, kept.windows - 1)) in self.kept:
                default_storage.delete(f"{self.folder}/{old}")
            if before not in (0, self.job.attempt):
                remove_folder(f"{ROOT}/{self.job.pk}/{before}")
        except Exception:
            # The window is stored, and what was not removed now goes when the job ends.
            log.warning("kept_windows_not_removed", generation=str(self.job.pk), exc_info=True)


def path_of(job: Generation, name: str) -> str | None:
    """Return the storage path of the playlist, one of its segments, or a finished picture, by its public name.

    None when it is not there.
    """
    if PICTURES.fullmatch(name):
        made = [picture_name(number) for number in range(1, job.kept_windows + 1)] if job.is_watchable else []
        return f"{ROOT}/{job.pk}/{job.kept_attempt}/{name}" if name in made else None
    if not (job.is_watchable or _just_made(job)) or not PLAYABLE.fullmatch(name):
        return None
    stored = _numbered(name, job.kept_windows) if name == INDEX else name
    return f"{ROOT}/{job.pk}/{job.kept_attempt}/{PLAYLIST}/{stored}"


def picture_of(job: Generation, name: str) -> Asset | None:
    """Return what a picture of a set has become, by the name that it had while others were made."""
    assets = job.assets.all() if job.is_ended and job.in_pictures else ()
    return next((asset for asset in assets if picture_name(asset.position + 1) == name), None)


def remove(job: Generation) -> None:
    """Remove the folder of a job that has ended; of a finished film, the playlist stays for GRACE.

    What cannot be removed now is left to `remove_ended`.
    """
    spared = f"{ROOT}/{job.pk}/{job.kept_attempt}/{PLAYLIST}" if _just_made(job) else ""
    try:
        remove_folder(f"{ROOT}/{job.pk}", spared)
    except Exception:
        log.warning("kept_windows_not_removed", generation=str(job.pk), exc_info=True)


def remove_ended() -> None:
    """Remove folders of ended jobs that `remove` missed, or that a late worker wrote into afterwards."""
    try:
        names = default_storage.listdir(ROOT)[0]
    except FileNotFoundError:
        return
    just_made = Q(status=Generation.Status.SUCCEEDED, finished_at__gt=timezone.now() - GRACE)
    ours = set(filter(is_uuid, names))  # a file system has folders of its own, such as lost+found
    needed = Generation.objects.filter(just_made | Q(status__in=Generation.ACTIVE), pk__in=ours)
    kept = {str(pk) for pk in needed.values_list("pk", flat=True)}
    for name in ours - kept:
        remove_folder(f"{ROOT}/{name}")


def _just_made(job: Generation) -> bool:
    made = job.status == Generation.Status.SUCCEEDED and job.kept_windows > 0
    return made and job.finished_at is not None and timezone.now() - job.finished_at < GRACE


def _numbered(name: str, windows: int) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}-{windows:04d}{path.suffix}"))


def remove_folder(folder: str, spared: str = "") -> bool:
    """Remove a folder of the media storage except the folder `spared` in it. Returns False where there was none."""
    if folder == spared:
        return False
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return False
    for name in folders:
        remove_folder(f"{folder}/{name}", spared)
    for name in files:
        default_storage.delete(f"{folder}/{name}")
    # A disk still has the empty folder; S3 has no folders.
    if not spared.startswith(f"{folder}/"):
        default_storage.delete(folder)
    return bool(folders or files)
