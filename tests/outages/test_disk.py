"""A disk that is full or may not be written to: the row of the catalogue that says so, and nothing half-written."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.library.models import Asset, Generation
from apps.tools import services
from tests.factories import GenerationFactory
from tests.media import encoded, quarters

NOISE = bytes(range(256)) * 800  # 200 kB, more than the disk holds
FILM = {
    "prompt": "a red circle moves right",
    "mode": "picture",
    "style": "realistic",
    "num_frames": 17,
    "steps": 4,
    "seed": 1,
}


@pytest.fixture
def disk(tmp_path, settings):
    """A media storage of 64 kB: a real file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False).returncode:
        pytest.skip("This user may mount nothing.")
    options = {"location": str(place)}
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    }
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def full(disk):
    """The same, with nothing left."""
    with (disk / "others").open("wb") as file, pytest.raises(OSError, match="No space"):
        file.write(NOISE)
        file.flush()
    return disk


@pytest.fixture
def read_only(disk):
    """The same, not to be written to."""
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    return disk


def picture():
    return SimpleUploadedFile("start.png", encoded(quarters()))


def files(place: Path):
    return [path.name for path in place.rglob("*") if path.is_file() and path.name != "others"]


@pytest.mark.parametrize("trouble", ["full", "read_only"])
def test_an_upload_that_cannot_be_saved_says_so_and_leaves_nothing(request, api, trouble):
    place = request.getfixturevalue(trouble)
    answer = api.post("/api/v1/assets/", {"file": picture()})
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (507, "storage_failed", "60")
    assert answer.json()["detail"] == "The file could not be saved."
    assert not files(place) and not Asset.objects.exists()


@pytest.mark.parametrize("trouble", ["full", "read_only"])
def test_a_form_with_a_file_says_the_same_and_starts_nothing(request, page, ada, trouble):
    place = request.getfixturevalue(trouble)
    answer = page.post("/home/tools/to-video", FILM | {"image": picture()})
    assert answer.status_code == 422 and "The file could not be saved." in answer.content.decode()
    assert not files(place) and not Asset.objects.exists() and not Generation.objects.exists()


def test_half_of_a_file_is_removed(disk, api):
    (disk / "others").write_bytes(bytes(50_000))
    pixels = np.random.default_rng(1).integers(0, 256, (128, 128, 3), np.uint8)
    answer = api.post("/api/v1/assets/", {"file": SimpleUploadedFile("noise.png", encoded(pixels))})
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_failed")
    assert not files(disk) and not Asset.objects.exists()


def test_a_film_that_cannot_be_saved_is_no_success_and_leaves_nothing(full, ada, tmp_path):
    job = GenerationFactory(user=ada)
    job = Generation.objects.claim(job.queue)
    (film := tmp_path / "film.mp4").write_bytes(NOISE)
    with film.open("rb") as file, pytest.raises(services.StudioError) as caught:
        services.finish(job, [(Asset(kind="video"), {"file": File(file, "film.mp4")})], "nano")
    assert caught.value.code == "storage_failed"
    job.refresh_from_db()
    assert job.status == Generation.Status.RUNNING and not Asset.objects.exists() and not files(full)


@pytest.mark.parametrize("trouble", ["full", "read_only"])
def test_readiness_names_the_storage(request, client, db, trouble):
    assert client.get("/readyz").status_code == 200
    request.getfixturevalue(trouble)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, answer.json() | {"storage": "failed", "database": "ok"})


def test_readiness_leaves_nothing_behind(disk, client, db):
    assert client.get("/readyz").status_code == 200 and not files(disk)
    default_storage.save("other", ContentFile(b"x"))
    assert files(disk) == ["other"]
