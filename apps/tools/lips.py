"""Clips and sounds for lip sync, looked at before anything is paid for, each once."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from uuid import UUID

from django.core.cache import cache

from apps.library.decoding import turn
from apps.library.models import Asset
from workers.media import foreign
from workers.media.facts import FaceSeen, FacesSeen, MediaError

KEPT_SECONDS = 3600  # how long it is known what was seen and heard
USUAL_FPS = 25  # of a clip whose rate was not told when it was uploaded
FINEST = 100_000  # the largest denominator of a rate: 24000/1001 is found again in its float
DEEPEST = 50  # jobs, one from the result of another, that are looked through for an upload


def faces(clip: Asset) -> FacesSeen:
    """Return the faces in the first frame of a clip that shows any. Raises MediaError and NotOpened."""
    key = f"faces:{_name(clip)}"
    if (known := cache.get(key)) is None:
        with _on_disk(clip) as path, turn():
            seen = foreign.faces(path, clip.width, clip.height, rate(clip), clip.seconds)
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


def rate(clip: Asset) -> Fraction:
    """Return the frames a second of a clip."""
    return Fraction(clip.fps or USUAL_FPS).limit_denominator(FINEST)


def is_brought(asset: Asset) -> bool:
    """Return whether somebody has brought an asset, or something that it was made from, job by job."""
    todo, jobs = [asset], set[UUID]()
    while todo and len(jobs) < DEEPEST:
        each = todo.pop()
        job = each.generation
        if job is None:
            film = Asset.objects.filter(pk=each.recipe.get("last_frame_of")).first()
            if film is None:
                return True
            todo.append(film)
        elif job.pk not in jobs:
            jobs.add(job.pk)
            given = [one.asset or (one.source.asset if one.source else None) for one in job.inputs.all()]
            if None in given:
                return True  # it is gone, and nobody knows what it was
            todo += [one for one in given if one]
    return bool(todo)


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
