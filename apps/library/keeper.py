"""Finished parts of a job, windows of a film or pictures, kept on media storage: for the next worker and for the card.

Each attempt writes into its own folder, and no file name is used twice. Only the row says which attempt and how many
windows count, by one conditional UPDATE. So a worker that lost its job writes where nobody reads, and a crash between
two files leaves the previous window valid. Parts of a window can be seen before it is whole, and are not kept.
"""

import re
import shutil
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

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
from workers.keeper import (
    CHANGING,
    CLIP_PARTS,
    INDEX,
    MARKED,
    PICTURE,
    PLAYLIST,
    PROMPT,
    STATE,
    TRACK,
    Kept,
    picture_name,
)

log = structlog.get_logger(__name__)
ROOT = "live"
GRACE = timedelta(minutes=2)  # how long a page that was told of segments or pictures finds them after the job has ended
PARTS = (".mp4", ".wav", ".json")  # the endings of finished parts: windows of a film, sentences with their words
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
        try:
            parts = self._parts(source)
            self._fetch(source, folder, parts)
            if self.job.watermark:
                self._fetch(f"{source}/{MARKED}", folder / MARKED, parts)
        except FileNotFoundError:
            log.warning("kept_windows_missing", generation=str(self.job.pk), exc_info=True)
        except Exception as error:
            raise StudioError(code="storage_failed") from error

    def _parts(self, source: str) -> int:
        """Return how many parts are whole, by the playlist that the row names; others may be half stored.

        What has no playlist has a part for each window.
        """
        parts = self.job.live_parts if self.job.live_attempt == self.job.kept_attempt else 0
        path = f"{source}/{PLAYLIST}/{_numbered(INDEX, self.job.kept_windows, parts)}"
        if not default_storage.exists(path):
            return self.job.kept_windows
        with default_storage.open(path) as playlist:
            return int(playlist.read().count(b"#EXTINF"))

    def _fetch(self, source: str, folder: Path, parts: int) -> None:
        """Copy the first parts of a folder of the storage, and what else is kept there beside them."""
        state = _numbered(STATE, self.job.kept_windows)
        folder.mkdir(parents=True, exist_ok=True)
        for name in default_storage.listdir(source)[1]:
            to = folder / (STATE if name == state else name)
            number = PurePosixPath(name).stem
            whole = name.endswith(PARTS) and number.isdigit() and int(number) < parts
            if (whole or PICTURES.fullmatch(name) or name in (CLIP_PARTS, PROMPT, TRACK, state)) and not to.exists():
                with default_storage.open(f"{source}/{name}") as stored, to.open("wb") as local:
                    shutil.copyfileobj(stored, local)

    def keep(self, folder: Path, kept: Kept) -> None:
        """Store the new files of `folder`, then count the window, or the part of one, on the row.

        Raises Cancelled when the row is not ours, and StudioError("storage_failed").
        """
        if not self.job.advance():
            raise Cancelled
        before, since = self.job.kept_attempt, self.job.first_frames_at
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".part"):
            name = path.relative_to(folder).as_posix()
            if name in CHANGING:
                # The state of the window before stands until this one is whole.
                name = _numbered(name, kept.windows, 0 if name == STATE else kept.parts)
            if name not in self.kept:
                try:
                    with path.open("rb") as file:
                        default_storage.save(f"{self.folder}/{name}", File(file))
                except Exception as error:
                    raise StudioError(code="storage_failed") from error
                self.kept.add(name)
        seen: dict[str, Any] = {"live_attempt": self.job.attempt, "live_parts": kept.parts}
        if not kept.parts:
            seen |= {"kept_attempt": self.job.attempt, "kept_windows": kept.windows}
            seen |= {"kept_frames": kept.frames, "kept_seconds": kept.seconds}
        if not self.job.advance(**seen, first_frames_at=since or timezone.now()):
            raise Cancelled
        log.info("window_kept", window=kept.windows, parts=kept.parts)
        progress.changed(self.job)
        if kept.parts:
            return
        # One state is enough, and it takes megabytes. Old playlists stay: a player may be reading one.
        try:
            if (old := _numbered(STATE, kept.windows - 1)) in self.kept:
                default_storage.delete(f"{self.folder}/{old}")
            if before not in (0, self.job.attempt):
                remove_folder(f"{ROOT}/{self.job.pk}/{before}")
        except Exception:
            # The window is stored, and what was not removed now goes when the job ends.
            log.warning("kept_windows_not_removed", generation=str(self.job.pk), exc_info=True)


def path_of(job: Generation, name: str, watermark: bool = False) -> str | None:
    """Return the storage path of the playlist, one of its segments, or a finished picture, by its public name.

    None when it is not there. A job that keeps both has the same segments, of the same length, with and without the
    `watermark`.
    """
    if PICTURES.fullmatch(name):
        made = [picture_name(number) for number in range(1, job.shown_pictures + 1)]
        return f"{_pictures(job)}/{name}" if name in made else None
    if not (job.is_watchable or _just_made(job)) or not PLAYABLE.fullmatch(name):
        return None
    stored = _numbered(name, job.kept_windows, job.parts_to_see) if name == INDEX else name
    return f"{_playlist(job, watermark)}/{stored}"


def _pictures(job: Generation) -> str:
    return f"{ROOT}/{job.pk}/{job.kept_attempt}"


def _playlist(job: Generation, watermark: bool) -> str:
    attempt = job.live_attempt if job.parts_to_see else job.kept_attempt
    kept = f"{ROOT}/{job.pk}/{attempt}"
    return f"{kept}/{MARKED}/{PLAYLIST}" if watermark and job.watermark else f"{kept}/{PLAYLIST}"


def picture_of(job: Generation, name: str) -> Asset | None:
    """Return what a picture of a set has become, by the name that it had while others were made."""
    assets = job.assets.all() if job.is_ended and job.in_pictures else ()
    return next((asset for asset in assets if picture_name(asset.position + 1) == name), None)


def remove(job: Generation) -> None:
    """Remove the folder of a job that has ended; of a finished one, what a page may be asking for stays for GRACE.

    What cannot be removed now is left to `remove_ended`.
    """
    asked_for = {_pictures(job)} if job.in_pictures else {_playlist(job, watermark) for watermark in (False, True)}
    try:
        remove_folder(f"{ROOT}/{job.pk}", asked_for if _just_made(job) else ())
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


def _numbered(name: str, windows: int, parts: int = 0) -> str:
    path, more = PurePosixPath(name), f"-{parts:04d}" if parts else ""
    return str(path.with_name(f"{path.stem}-{windows:04d}{more}{path.suffix}"))


def remove_folder(folder: str, spared: Collection[str] = ()) -> bool:
    """Remove a folder of the media storage except the folders `spared` in it. Returns False where there was none."""
    if folder in spared:
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
    if not any(each.startswith(f"{folder}/") for each in spared):
        default_storage.delete(folder)
    return bool(folders or files)
