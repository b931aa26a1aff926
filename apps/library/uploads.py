"""User uploads: verified by decoding, stripped of personal metadata, stored as assets."""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library.decoding import turn
from apps.library.models import Asset
from workers.media import facts, foreign
from workers.media.facts import MediaError, sha256

MAX_BYTES = {
    Asset.Kind.IMAGE: facts.MAX_PICTURE_BYTES,
    Asset.Kind.VIDEO: facts.MAX_CLIP_BYTES,
    Asset.Kind.AUDIO: facts.MAX_SOUND_BYTES,
}
CLIP_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".ts", ".mpg", ".mpeg", ".3gp")


class UnusableFile(StudioError):
    """An uploaded file is no picture, clip or sound that a tool can use."""

    code = "invalid_file"


class AssetOfJob(StudioError):
    """The file belongs to the job that made it."""

    code = "asset_of_job"


def keep(user: User, kind: str, upload: "UploadedFile[Any]") -> Asset:
    """Verify an upload and store it as an asset; the same file again returns the same asset. Raises UnusableFile."""
    with _verified(kind, upload) as (asset, path, poster, digests):
        asset.user = user
        mine = Asset.objects.of(user).filter(kind=kind, generation=None)
        return mine.filter(recipe__upload__in=digests).first() or _store(asset, path, poster)


def kind_of(upload: "UploadedFile[Any]", allowed: Sequence[str] = tuple(MAX_BYTES)) -> str:
    """Return which of these kinds an upload is, told from its content; verifying it says whether it can be used.

    A film where only a sound would do is a sound. Raises UnusableFile for what is none of any kind.
    """
    if len(allowed) == 1:
        return allowed[0]
    with tempfile.TemporaryDirectory(prefix="upload-") as folder, _opening():
        found = foreign.kind_of(_on_disk(upload, Path(folder)))
    return found if found in allowed else next(kind for kind in allowed if kind != Asset.Kind.IMAGE)


def look(kind: str, upload: "UploadedFile[Any]") -> Asset:
    """Verify an upload and return it as an unsaved asset. Raises UnusableFile."""
    with _verified(kind, upload) as (asset, *_):
        return asset


def keep_last_frame(film: Asset) -> Asset:
    """Store the last frame of a film as a picture, so that another film can begin with it; once for each film.

    Raises UnusableFile for a film that cannot be read.
    """
    found = {"last_frame_of": str(film.pk)}
    again = Asset.objects.of(film.user).filter(kind=Asset.Kind.IMAGE, generation=None, recipe=found).first()
    if again:
        return again
    with tempfile.TemporaryDirectory(prefix="frame-") as folder, film.file.open("rb") as stored:
        path, out = Path(folder) / f"film{Path(str(film.file.name)).suffix}", Path(folder) / "frame.png"
        poster = Path(folder) / "poster.webp"
        with path.open("wb") as copy:
            for chunk in stored.chunks():
                copy.write(chunk)
        with _opening():
            width, height = foreign.last_frame(path, out, poster)
        return _store(Asset(user=film.user, kind="image", width=width, height=height, recipe=found), out, poster)


def delete(asset: Asset) -> None:
    """Move an upload to the trash. Raises AssetOfJob for what a job has made: it goes with its job."""
    if asset.generation_id:
        raise AssetOfJob(generation=str(asset.generation_id))
    Asset.objects.filter(pk=asset.pk).update(deleted_at=timezone.now())


@contextmanager
def _opening() -> Iterator[None]:
    """Open a file within it, when it is its turn. Raises UnusableFile for one that cannot be used, and NotOpened."""
    try:
        with turn():
            yield
    except MediaError as error:
        raise UnusableFile(error.public_text) from error


def _on_disk(upload: "UploadedFile[Any]", folder: Path) -> Path:
    """Return where an upload lies; one that is in memory is written to `folder` first."""
    if isinstance(upload, TemporaryUploadedFile):
        return Path(upload.temporary_file_path())
    path = folder / "given"
    with path.open("wb") as file:
        for chunk in upload.chunks():
            file.write(chunk)
    return path


@contextmanager
def _verified(kind: str, upload: "UploadedFile[Any]") -> Iterator[tuple[Asset, Path, Path | None, tuple[str, str]]]:
    """Verify an upload. Yields the unsaved asset, its cleaned file, its poster (a sound has none) and its two digests.

    The first digest is keyed; the second is the plain SHA-256, which rows stored before digests were keyed still have.
    """
    limit = MAX_BYTES[Asset.Kind(kind)]
    if (upload.size or 0) > limit:
        raise UnusableFile(f"The file has more than {limit // 1_000_000} MB.", code="file_too_large")
    with tempfile.TemporaryDirectory(prefix="upload-") as folder:
        digest, suffix = hashlib.sha256(), Path(upload.name or "").suffix.lower()
        given = Path(folder) / f"given{suffix if suffix in CLIP_SUFFIXES else '.mp4'}"
        with given.open("wb") as file:
            for chunk in upload.chunks():
                digest.update(chunk)
                file.write(chunk)
        # Keyed, so that whoever reads a recipe cannot look the digest up in a list of known files.
        keyed = salted_hmac("apps.library.uploads", digest.hexdigest(), algorithm="sha256").hexdigest()
        about = {"upload": keyed, "name": Path(upload.name or "").name[:100]}
        digests = (keyed, digest.hexdigest())
        poster = Path(folder) / "poster.webp"
        asset = Asset(kind=kind, recipe=about)
        with _opening():
            if kind == Asset.Kind.IMAGE:
                kept = Path(folder) / "picture.png"
                asset.width, asset.height = foreign.keep_picture(given, kept, poster)
            elif kind == Asset.Kind.AUDIO:
                kept, heard = foreign.keep_sound(given, Path(folder))
                asset.seconds = heard.seconds
            else:
                kept = Path(folder) / f"clip{given.suffix}"
                clip = foreign.keep_clip(given, kept, poster)
                asset.width, asset.height = clip.width, clip.height
                asset.seconds, asset.fps = clip.seconds, float(clip.fps)
        yield asset, kept, poster if poster.exists() else None, digests


def _store(asset: Asset, path: Path, poster: Path | None) -> Asset:
    asset.bytes, asset.sha256 = path.stat().st_size, sha256(path)
    with path.open("rb") as file:
        asset.file.save(path.name, File(file), save=False)
    if poster:
        asset.poster.save("poster.webp", ContentFile(poster.read_bytes()), save=False)
    asset.save()
    return asset
