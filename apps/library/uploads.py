"""User uploads: verified by decoding, stripped of personal metadata, stored as assets."""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import structlog
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.crypto import salted_hmac
from PIL import Image

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library import keeper
from apps.library.models import Asset, by_uuid
from workers.media import kinds, sound, uploads
from workers.media.probe import MediaError, sha256

log = structlog.get_logger(__name__)
POSTER_SIDE = 640  # pixels
MAX_BYTES = {
    Asset.Kind.IMAGE: uploads.MAX_PICTURE_BYTES,
    Asset.Kind.VIDEO: uploads.MAX_CLIP_BYTES,
    Asset.Kind.AUDIO: sound.MAX_SOUND_BYTES,
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
    with _verified(kind, upload) as (asset, path, picture, digests):
        asset.user = user
        mine = Asset.objects.of(user).filter(kind=kind, generation=None)
        return mine.filter(recipe__upload__in=digests).first() or _store(asset, path, picture)


def kind_of(upload: "UploadedFile[Any]", allowed: Sequence[str] = tuple(MAX_BYTES)) -> str:
    """Return which of these kinds an upload is, told from its content; verifying it says whether it can be used.

    A film where only a sound would do is a sound. Raises UnusableFile for what is none of any kind.
    """
    if len(allowed) == 1:
        return allowed[0]
    try:
        found = kinds.kind_of(cast("IO[bytes]", upload))
    except MediaError as error:
        raise UnusableFile(error.public_text) from error
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
        with path.open("wb") as copy:
            for chunk in stored.chunks():
                copy.write(chunk)
        try:
            frame = Image.fromarray(uploads.last_frame(path))
        except MediaError as error:
            raise UnusableFile(error.public_text) from error
        frame.save(out)
        width, height = frame.size
        return _store(Asset(user=film.user, kind="image", width=width, height=height, recipe=found), out, frame)


def delete(asset: Asset) -> None:
    """Move an upload to the trash. Raises AssetOfJob for what a job has made: it goes with its job."""
    if asset.generation_id:
        raise AssetOfJob(generation=str(asset.generation_id))
    Asset.objects.filter(pk=asset.pk).update(deleted_at=timezone.now())


@contextmanager
def _verified(
    kind: str, upload: "UploadedFile[Any]"
) -> Iterator[tuple[Asset, Path, Image.Image | None, tuple[str, str]]]:
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
        try:
            if kind == Asset.Kind.IMAGE:
                kept = Path(folder) / "picture.png"
                width, height = uploads.keep_picture(given, kept)
                asset = Asset(kind=kind, width=width, height=height, recipe=about)
                yield asset, kept, Image.open(kept), digests
            elif kind == Asset.Kind.AUDIO:
                kept, heard = sound.keep_sound(given, Path(folder))
                yield Asset(kind=kind, seconds=heard.seconds, recipe=about), kept, None, digests
            else:
                kept = Path(folder) / f"clip{given.suffix}"
                clip = uploads.keep_clip(given, kept)
                told = {"width": clip.width, "height": clip.height, "seconds": clip.seconds, "fps": float(clip.fps)}
                asset = Asset(kind=kind, recipe=about, **told)
                yield asset, kept, Image.fromarray(uploads.first_frame(kept)), digests
        except MediaError as error:
            raise UnusableFile(error.public_text) from error


def _store(asset: Asset, path: Path, picture: Image.Image | None) -> Asset:
    """Store the files, then the row; where one of them fails, neither is left. Raises StudioError("storage_failed")."""
    asset.bytes, asset.sha256 = path.stat().st_size, sha256(path)
    try:
        with path.open("rb") as file:
            asset.file.save(path.name, File(file), save=False)
        if picture:
            poster = path.with_name("poster.webp")
            picture.thumbnail((POSTER_SIDE, POSTER_SIDE))
            picture.convert("RGB").save(poster, quality=85)
            asset.poster.save("poster.webp", ContentFile(poster.read_bytes()), save=False)
    except Exception as error:
        _remove_files(asset)
        log.warning("upload_not_stored", error=type(error).__name__, reason=str(error)[:200])
        raise StudioError("The file could not be saved.", code="storage_failed") from error
    try:
        asset.save()
    except BaseException:
        if not _may_be_stored(asset):
            _remove_files(asset)
        raise
    return asset


def _may_be_stored(asset: Asset) -> bool:
    """Return False only when it is certain that the row is not there: a lost answer may hide a commit."""
    try:
        return Asset.objects.filter(pk=asset.pk).exists()
    except Exception:
        log.warning("row_unknown", asset=str(asset.pk))
        return True


def _remove_files(asset: Asset) -> None:
    """Remove whatever there is of an asset's files, half of one too. What cannot be removed is logged."""
    try:
        keeper.remove_folder(str(PurePosixPath(by_uuid(asset, "file")).parent))
    except Exception:
        log.warning("files_not_removed", asset=str(asset.pk), exc_info=True)
