"""Files that a form has brought for its price: held for some hours, so that each goes up and is opened once.

The form names one by a signed text. Its files lie where those of an asset do, without a row: the job that begins with
it only writes the row. What no job takes is removed with other files that no row names.
"""

from typing import Any
from uuid import UUID

from django.core import signing
from django.core.cache import cache
from django.db import transaction

from apps.accounts.models import User
from apps.library import storage, uploads
from apps.library.models import Asset
from apps.library.uploads import UnusableFile

HELD_FOR = storage.ORPHAN_AGE / 2  # well before its files are taken for lost ones
MOST_BYTES = 1_000_000_000  # of one user: two of the largest clips
MOST = 12  # files of one user
SALT = "apps.library.held"
FACTS = ("width", "height", "frames", "fps", "seconds", "bytes", "stored_bytes", "sha256", "recipe")
FILES = ("file", "poster", "strip")


def hold(asset: Asset) -> str:
    """Store the files of a staged upload and return its name, which only its owner can use.

    An asset of the library is named by its id. The oldest files that are held for the user are removed to make room.
    Raises StudioError("storage_failed").
    """
    if not asset.staged:
        return str(asset.pk)
    try:
        _make_room(asset)
        uploads.store(asset)
    finally:
        uploads.let_go([asset])
        asset.staged = None
    told = {name: getattr(asset, name) for name in FACTS}
    told |= {name: getattr(asset, name).name for name in FILES} | {"id": str(asset.pk), "kind": str(asset.kind)}
    return _signed(asset.user, asset=told)


def refuse(user: User, error: UnusableFile) -> str:
    """Return a name for an upload that cannot be used: whoever sends it is told why, without the file."""
    return _signed(user, problem=[error.message, error.code])


def is_name(value: str) -> bool:
    """Whether a text looks like the name of a held file, whoever's it is."""
    return value.count(":") == 2


def find(user: User, named: str) -> Asset | None:
    """Return the asset that is held for a user by this name, not saved, or the one of the library that it is by now.

    None where it is gone, or somebody else's. Raises UnusableFile for one that could not be used.
    """
    try:
        told = signing.loads(named, salt=SALT, max_age=HELD_FOR)
    except signing.BadSignature:
        return None
    if told["user"] != str(user.pk):
        return None
    if problem := told.get("problem"):
        raise UnusableFile(problem[0], code=problem[1])
    asset = Asset(user=user, **told["asset"] | {"id": UUID(told["asset"]["id"])})
    if again := uploads.again(asset):
        return again
    taken = Asset.objects.filter(pk=asset.pk).exists()  # and deleted since
    return None if taken or not asset.file.storage.exists(str(asset.file.name)) else asset


def _make_room(asset: Asset) -> None:
    """Note that a file is held, and remove the oldest ones beyond MOST and MOST_BYTES of its user."""
    key = f"held:{asset.user_id}"
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=asset.user_id)  # one upload of a user after the other
        notes: list[list[Any]] = [*cache.get(key, []), [str(asset.pk), asset.stored_bytes]]
        given_up = []
        while len(notes) > MOST or (len(notes) > 1 and sum(size for _pk, size in notes) > MOST_BYTES):
            given_up.append(notes.pop(0)[0])
        cache.set(key, notes, HELD_FOR.total_seconds())
    uploads.remove_unnamed(Asset(pk=UUID(pk)) for pk in given_up)


def _signed(user: User, **told: Any) -> str:
    return signing.dumps({"user": str(user.pk)} | told, salt=SALT, compress=True)
