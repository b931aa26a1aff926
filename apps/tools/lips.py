"""Pictures, clips and sounds of faces that are to speak, looked at before anything is paid for, each once."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.core.files.uploadedfile import UploadedFile

from apps.library.decoding import turn
from apps.library.models import Asset
from workers.media import foreign
from workers.media.facts import MAX_PICTURE_BYTES, FaceSeen, FacesSeen, MediaError

KEPT_SECONDS = 3600  # how long it is known what was seen and heard
USUAL_FPS = 25  # of a clip whose rate was not told when it was uploaded
FINEST = 100_000  # the largest denominator of a rate: 24000/1001 is found again in its float


def faces(asset: Asset) -> FacesSeen:
    """Return the faces of a picture, or of the first frame of a clip with any. Raises MediaError and NotOpened."""
    key = f"faces:{_name(asset)}"
    if (known := cache.get(key)) is None:
        with _on_disk(asset) as path, turn():
            if asset.kind == Asset.Kind.IMAGE:
                seen = foreign.faces_of_picture(path, asset.width, asset.height)
            else:
                seen = foreign.faces(path, asset.width, asset.height, rate(asset), asset.seconds)
        cache.set(key, asdict(seen), KEPT_SECONDS)
        return seen
    return FacesSeen(**known | {"faces": tuple(FaceSeen(**face) for face in known["faces"])})


def check_spoken(sound: Asset) -> None:
    """Refuse a sound in which nobody speaks. Raises MediaError and NotOpened."""
    key = f"spoken:{_name(sound)}"
    known = cache.get(key)
    if known is None:
        with tempfile.TemporaryDirectory(prefix="spoken-") as folder, _on_disk(sound) as path, turn():
            try:
                foreign.check_spoken(path, Path(folder) / "plain.wav")
                known = []
            except MediaError as error:
                if error.code != "no_speech":
                    raise
                known = [error.code, str(error.public_text)]
        cache.set(key, known, KEPT_SECONDS)
    if known:
        raise MediaError(*known)


def check_sides(width: int, height: int) -> None:
    """Refuse a portrait whose sides do not do. Raises MediaError."""
    from workers.media.talking import check_portrait  # with numpy, which pages that show no picture do without

    check_portrait(width, height)


def check_brought(file: "UploadedFile[Any]") -> None:
    """Refuse a portrait by the sides of the file, as a smaller one is stored. Raises MediaError and NotOpened."""
    if (file.size or 0) > MAX_PICTURE_BYTES:
        return  # staging it refuses it
    with tempfile.TemporaryDirectory(prefix="looked-") as folder, turn():
        path = Path(folder) / "given"
        with path.open("wb") as copy:
            for chunk in file.chunks():
                copy.write(chunk)
        file.seek(0)
        try:
            sides = foreign.picture_size(path)
        except MediaError:
            return  # staging it says why
    check_sides(*sides)


def rate(clip: Asset) -> Fraction:
    """Return the frames a second of a clip."""
    return Fraction(clip.fps or USUAL_FPS).limit_denominator(FINEST)


def _name(asset: Asset) -> str:
    """Return what a file is known by: of one that is not stored yet, what was brought."""
    return str(asset.recipe.get("upload") or asset.pk)


@contextmanager
def _on_disk(asset: Asset) -> Iterator[Path]:
    """Yield where the file of an asset lies on this machine."""
    if asset.staged:
        yield Path(asset.staged.files["file"])
        return
    with tempfile.TemporaryDirectory(prefix="looked-") as folder, asset.file.open("rb") as stored:
        path = Path(folder) / f"given{Path(str(asset.file.name)).suffix}"
        with path.open("wb") as copy:
            for chunk in stored.chunks():
                copy.write(chunk)
        yield path
