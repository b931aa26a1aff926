"""User uploads: verified by decoding, stripped of personal metadata, stored as assets."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.core.files.base import File
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library import storage
from apps.library.decoding import turn
from apps.library.models import Asset, Staged
from workers.media import facts, foreign
from workers.media.facts import MediaError, sha256

log = structlog.get_logger(__name__)
MAX_BYTES = {
    Asset.Kind.IMAGE: facts.MAX_PICTURE_BYTES,
    Asset.Kind.VIDEO: facts.MAX_CLIP_BYTES,
    Asset.Kind.AUDIO: facts.MAX_SOUND_BYTES,
}


class UnusableFile(StudioError):
    """An uploaded file is no picture, clip or sound that a tool can use."""

    code = "invalid_file"


class AssetOfJob(StudioError):
    """The file belongs to the job that made it."""

    code = "asset_of_job"


def keep(user: User, kind: str, upload: "UploadedFile[Any]") -> Asset:
    """Verify an upload and store it as an asset; the same file again returns the same asset.

    Raises UnusableFile, and StorageFull before anything is decoded when there is no room for any file.
    """
    storage.refuse_full(user)
    return _kept(stage(user, kind, upload))


def stage(user: User, kind: str, upload: "UploadedFile[Any]") -> Asset:
    """Verify an upload and return it as an asset whose files are `staged` on this machine, to be stored or let go.

    Of a file that is in the library already, that asset is returned. Raises UnusableFile.
    """
    with ExitStack() as stack:
        asset, path, pictures, digests = stack.enter_context(_verified(kind, upload))
        asset.user = user
        return again(asset, digests) or _stage(asset, path, pictures, stack.pop_all().close)


@contextmanager
def storing(assets: Sequence[Asset]) -> Iterator[None]:
    """Store the files of staged assets. The block writes their rows by `save`, in one transaction with what needs them.

    Files whose row is not there at the end are removed again. Of a process that is killed meanwhile, the sweep removes
    them. Raises StudioError("storage_failed").
    """
    staged = {asset.pk: asset for asset in assets if asset.staged}
    try:
        for asset in staged.values():
            store(asset)
        yield
    finally:
        remove_unnamed(staged.values())


def save(user: User, assets: Sequence[Asset]) -> dict[UUID, Asset]:
    """Write the rows of assets whose files are stored, in the transaction of the caller.

    Returns by the id of each the asset that it is now: another one where the same file has come into the library
    meanwhile. The user's row is locked, so that uploads of one user are counted one by one. Raises StorageFull when
    they do not fit.
    """
    if assets:
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
    saved = {}
    for asset in assets:
        known = again(asset)
        if known is None:
            storage.refuse_full(user, asset.stored_bytes)
            asset.save(force_insert=True)
        saved[asset.pk] = known or asset
    return saved


def let_go(assets: Iterable[Asset]) -> None:
    """Remove what is staged of assets from this machine."""
    for asset in assets:
        if asset.staged:
            asset.staged.close()


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

    Raises UnusableFile for a film that cannot be read, and StorageFull.
    """
    asset = Asset(user=film.user, kind=Asset.Kind.IMAGE, recipe={"last_frame_of": str(film.pk)})
    if known := again(asset):
        return known
    storage.refuse_full(film.user)
    with tempfile.TemporaryDirectory(prefix="frame-") as folder, film.file.open("rb") as stored:
        path, out = Path(folder) / f"film{Path(str(film.file.name)).suffix}", Path(folder) / "frame.png"
        poster = Path(folder) / "poster.webp"
        with path.open("wb") as copy:
            for chunk in stored.chunks():
                copy.write(chunk)
        with _opening():
            asset.width, asset.height = foreign.last_frame(path, out, poster)
            pictures = {"poster": poster}
            if film.marked:
                pictures |= {f"{Asset.MARKED}file": foreign.mark(out), f"{Asset.MARKED}poster": foreign.mark(poster)}
                marked = pictures[f"{Asset.MARKED}file"]
                asset.marked = {"bytes": marked.stat().st_size, "sha256": sha256(marked)}
        return _kept(_stage(asset, out, pictures, lambda: None))


def delete(asset: Asset) -> None:
    """Move an upload to the trash. Raises AssetOfJob for what a job has made: it goes with its job."""
    if asset.generation_id:
        raise AssetOfJob(generation=str(asset.generation_id))
    Asset.objects.filter(pk=asset.pk).update(deleted_at=timezone.now())


def restore(user: User, ids: Iterable[UUID]) -> int:
    """Take uploads of a user out of the trash. Returns how many; ids of anything else are passed over."""
    return Asset.objects.in_trash(user).filter(pk__in=list(ids)).update(deleted_at=None)


@contextmanager
def _opening() -> Iterator[None]:
    """A turn at opening a file. Raises UnusableFile for one that cannot be used, and NotOpened without a turn."""
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
def _verified(kind: str, upload: "UploadedFile[Any]") -> Iterator[tuple[Asset, Path, dict[str, Path], tuple[str, str]]]:
    """Verify an upload. Yields the unsaved asset, its cleaned file, the picture of it and its two digests.

    The picture is the poster of what is seen, and the strip of a sound: its waveform.

    The first digest is keyed; the second is the plain SHA-256, which rows stored before digests were keyed still have.
    """
    limit = MAX_BYTES[Asset.Kind(kind)]
    if (upload.size or 0) > limit:
        raise UnusableFile(
            _("The file is larger than %(most)d MB.") % {"most": limit // 1_000_000}, code="file_too_large"
        )
    with tempfile.TemporaryDirectory(prefix="upload-") as folder:
        digest, given = hashlib.sha256(), Path(folder) / "given"  # what it is, its content tells
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
                kept, clip = foreign.keep_clip(given, Path(folder), poster)
                asset.width, asset.height = clip.width, clip.height
                asset.seconds, asset.fps = clip.seconds, float(clip.fps)
        pictures = {"poster": poster, "strip": Path(folder) / facts.WAVE}
        yield asset, kept, {name: path for name, path in pictures.items() if path.exists()}, digests


def remove_unnamed(assets: Iterable[Asset]) -> None:
    """Remove the files of assets that have no row; where the database does not answer, they are left to the sweep."""
    each = {asset.pk: asset for asset in assets}
    try:
        named = set(Asset.objects.filter(pk__in=each).values_list("pk", flat=True)) if each else set()
    except Exception:
        log.warning("files_not_removed", exc_info=True)
        return
    for pk in each.keys() - named:
        storage.remove_files(each[pk])


def again(asset: Asset, digests: Sequence[str] = ()) -> Asset | None:
    """Return the asset of the same file that the library has already; None when it has none."""
    mine = Asset.objects.of(asset.user).filter(kind=asset.kind, generation=None)
    if upload := asset.recipe.get("upload"):
        return mine.filter(recipe__upload__in=[upload, *digests]).first()
    return mine.filter(recipe=asset.recipe).first()


def _stage(asset: Asset, path: Path, pictures: Mapping[str, Path], close: Callable[[], None]) -> Asset:
    """Attach verified files to an asset, with their sizes and digest."""
    asset.sha256, files = sha256(path), {"file": path, **pictures}
    asset.bytes = path.stat().st_size
    asset.stored_bytes = sum(each.stat().st_size for name, each in files.items() if not name.startswith(Asset.MARKED))
    asset.staged = Staged(files, close)
    return asset


def _kept(asset: Asset) -> Asset:
    """Store an asset that is staged."""
    if not asset.staged:
        return asset
    try:
        with storing([asset]), transaction.atomic():
            return save(asset.user, [asset])[asset.pk]
    finally:
        let_go([asset])


def store(asset: Asset) -> None:
    """Store the files of a staged asset; its row is the caller's. Raises StudioError("storage_failed")."""
    assert asset.staged is not None
    try:
        for name, path in asset.staged.files.items():
            with path.open("rb") as file:
                stored: File[Any] = File(file, path.name)
                asset.keep(name, stored)
    except Exception as error:
        log.warning("upload_not_stored", error=type(error).__name__, reason=str(error)[:200])
        raise StudioError(_("The file could not be saved."), code="storage_failed") from error
