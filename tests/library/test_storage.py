"""Files count against their owner's share of the storage, and none stays that no row names."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.utils import timezone

from apps.billing import services as billing
from apps.library import storage, uploads
from apps.library.models import Asset, Generation
from apps.tools import services, sweeper
from tests.factories import AssetFactory, GenerationFactory, UserFactory
from tests.media import encoded, quarters
from tests.params import PARAMS
from tests.threads import Killed, killed
from tests.tools import toy

PAGE, TOOL, ASSETS = "/home/tools/to-video", "/api/v1/tools/to-video/", "/api/v1/assets/"
LIBRARY = "/home/my-library"
Status = Generation.Status
DAY = 24 * 3600


def picture(side=64, name="start.png"):
    return SimpleUploadedFile(name, encoded(quarters(side, side)))


def fill(user, size=1000):
    """Something that takes so many bytes."""
    return AssetFactory(generation=None, user=user, recipe={}, stored_bytes=size, bytes=size)


def send(api, file=None):
    return api.post(ASSETS, {"file": file or picture()}, format="multipart")


def gigabytes(size):
    return size / storage.GB


@pytest.fixture
def toy_tool():
    remove = toy.install()
    yield toy.ToyTool()
    remove()


def test_every_byte_of_an_upload_counts(api, ada, stored):
    send(api)
    asset = Asset.objects.get()
    assert asset.stored_bytes == asset.file.size + asset.poster.size == storage.share(ada).used
    assert len(stored()) == 2


def test_every_byte_of_a_film_counts(ada, toy_tool):
    job = Generation.objects.claim(services.submit(ada, toy_tool, {"prompt": "swan", "size": 2}).queue)
    files = {"file": ContentFile(b"film", "film.mp4"), "poster": ContentFile(b"poster", "poster.webp")}
    assert services.finish(job, [(Asset(kind="video"), files)], "paper")
    assert storage.share(ada).used == 10


def test_the_library_tells_how_much_is_taken(page, ada, ben):
    fill(ben, 5_000_000_000)
    for more, told in ((400_000, "0.4 MB of 10 GB"), (1_240_000_000, "1.2 GB of 10 GB")):
        fill(ada, more)
        for address in (LIBRARY, f"{LIBRARY}/uploads"):
            assert told in page.get(address).content.decode()


def test_a_full_share_takes_no_upload_and_no_job(page, api, ada, settings, stored):
    fill(ada)
    settings.USER_STORAGE_GB = gigabytes(1000)
    before = stored()
    for answer in (
        send(api),
        api.post(TOOL, PARAMS, format="json"),
        api.post(TOOL, PARAMS | {"image": picture()}, format="multipart"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "storage_full")
        assert (answer.json()["used"], answer.json()["quota"]) == (1000, 1000)
    answer = page.post(PAGE, PARAMS, HTTP_HX_REQUEST="true")
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#toasts")
    assert "empty the trash" in answer.content.decode()
    assert "Full: nothing new can be made" in page.get(LIBRARY).content.decode()
    assert (Generation.objects.count(), billing.balance(ada), stored()) == (0, 100, before)


def test_what_does_not_fit_is_told_with_the_numbers(page, api, settings, stored):
    settings.USER_STORAGE_GB = gigabytes(100)
    answer = send(api)
    assert (answer.status_code, answer.json()["code"]) == (409, "storage_full")
    assert "This needs 0.0 MB" in answer.json()["detail"]
    html = page.post(PAGE, PARAMS | {"mode": "picture", "image": picture()})
    assert html.status_code == 422 and "This needs 0.0 MB" in html.content.decode()
    assert (Asset.objects.count(), Generation.objects.count(), stored()) == (0, 0, [])


def test_a_job_that_was_started_in_time_is_stored_all_the_same(ada, toy_tool, settings):
    job = Generation.objects.claim(services.submit(ada, toy_tool, {"prompt": "swan", "size": 2}).queue)
    fill(ada)
    settings.USER_STORAGE_GB = gigabytes(500)
    assert services.finish(job, [(Asset(kind="video"), {"file": ContentFile(b"film", "film.mp4")})], "paper")
    assert Generation.objects.get(pk=job.pk).asset.file.read() == b"film"


def test_the_trash_counts_until_it_is_emptied(page, api, ada, ben, settings, stored):
    asset, his = fill(ada), fill(ben)
    settings.USER_STORAGE_GB = gigabytes(1000)
    api.delete(f"{ASSETS}{asset.pk}/")
    uploads.delete(his)
    assert api.get(f"{ASSETS}storage/").json() == {"used": 1000, "trash": 1000, "quota": 1000}
    assert send(api).json()["code"] == "storage_full"
    assert "0.0 MB in the trash" in page.get(LIBRARY).content.decode()
    assert "Empty trash" in page.get(f"{LIBRARY}/trash?of=uploads").content.decode()
    assert page.get(f"{LIBRARY}/trash/empty").status_code == 405
    assert page.post(f"{LIBRARY}/trash/empty").url == LIBRARY
    assert api.post(f"{ASSETS}empty-trash/").json() == {"used": 0, "trash": 0, "quota": 1000}
    assert {name.split("/")[2] for name in stored()} == {str(his.pk)}
    assert "in the trash" not in page.get(LIBRARY).content.decode()
    assert "Empty trash" not in page.get(f"{LIBRARY}/trash").content.decode()


def test_what_left_the_trash_cannot_be_brought_back(page, ada):
    job = AssetFactory(generation__user=ada).generation
    page.post(f"/home/jobs/{job.pk}/delete")
    page.post(f"{LIBRARY}/trash/empty")
    answer = page.post(f"/home/jobs/{job.pk}/restore", HTTP_HX_REQUEST="true")
    assert answer.status_code == 409 and "has left the trash" in answer.content.decode()


def test_twelve_submits_without_a_credit_leave_no_file(page, api, stored):
    poor = UserFactory(credits=0)
    page.force_login(poor)
    for number in range(12):
        html = page.post(PAGE, PARAMS | {"mode": "picture", "image": picture(40 + 2 * number)})
        assert "You need" in html.content.decode()
    assert (Asset.objects.count(), stored()) == (0, [])


@pytest.mark.parametrize("asked", [{"num_frames": 105, "steps": 100}, {"num_frames": 22}, {"image": b"no picture"}])
def test_a_refused_submit_leaves_neither_row_nor_file(api, asked, stored):
    files = {"image": picture(), "end_image": picture(80)}
    if "image" in asked:
        asked = {"image": SimpleUploadedFile("start.png", asked["image"])}
    answer = api.post(TOOL, PARAMS | files | asked, format="multipart")
    assert answer.status_code in (402, 422)
    assert (Generation.objects.count(), Asset.objects.count(), stored()) == (0, 0, [])


def test_beyond_the_limit_of_jobs_no_file_stays(api, ada, settings, stored):
    settings.MAX_ACTIVE_JOBS = 1
    GenerationFactory(user=ada)
    answer = api.post(TOOL, PARAMS | {"image": picture()}, format="multipart")
    assert answer.json()["code"] == "too_many_jobs"
    assert (Asset.objects.count(), stored()) == (0, [])


def test_a_submit_whose_credits_went_meanwhile_leaves_no_file(api, ada, monkeypatch, stored):
    """The hold decides; the look at the wallet before only spares work."""
    monkeypatch.setattr(billing, "refuse_beyond", lambda user, amount: billing.hold(user, 99, "generation:other"))
    assert api.post(TOOL, PARAMS | {"image": picture()}, format="multipart").json()["code"] == "insufficient_credits"
    assert (Asset.objects.count(), stored()) == (0, [])


def test_the_same_picture_in_two_places_is_one_asset(api, stored):
    files = {"image": picture(), "end_image": picture()}
    answer = api.post(TOOL, PARAMS | files, format="multipart")
    assert answer.status_code == 202, answer.json()
    assert len({given["asset"] for given in answer.json()["inputs"]}) == 1
    assert len({name.split("/")[2] for name in stored()}) == Asset.objects.count() == 1


def test_a_submit_that_is_killed_in_between_leaves_what_the_sweep_finds(ada, stored, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(storage, "remove_files", killed)
        patch.setattr(uploads, "save", killed)
        uploads.keep(ada, "image", picture())
    assert stored() and not Asset.objects.exists()
    swept(0)
    assert stored(), "it may be an upload that is just being stored"
    swept(DAY + 60)
    assert stored() == []


def swept(seconds):
    """Let all files be so many seconds old, and the sweep look at all folders."""
    for folder, _, names in os.walk(default_storage.path("")):
        for name in names:
            os.utime(os.path.join(folder, name), (time.time() - seconds,) * 2)  # noqa: PTH118
    storage.remove_orphans(timezone.now() - storage.ORPHAN_AGE, storage.PREFIXES)


def test_the_sweep_takes_no_file_of_a_row(ada, stored):
    AssetFactory(generation__user=ada)
    trash = fill(ada)
    uploads.delete(trash)
    before = stored()
    swept(100 * DAY)
    assert stored() == before and len(before) == 4
    storage.empty_trash(Asset.objects.filter(user=ada))
    assert len(stored()) == 2


def test_the_sweep_looks_at_one_folder_at_a_time_and_comes_to_all(ada, stored, monkeypatch):
    default_storage.save("assets/ab/ab0c6a3e-7d0e-4d3e-9d52-3f1f0a8f4a11/film.mp4", ContentFile(b"film"))
    default_storage.save("assets/ab/lost+found/film.mp4", ContentFile(b"not ours"))
    os.utime(default_storage.path("assets/ab/ab0c6a3e-7d0e-4d3e-9d52-3f1f0a8f4a11/film.mp4"), (0, 0))
    for prefix in ("aa", "ab"):
        monkeypatch.setattr(storage.random, "choice", lambda prefixes, prefix=prefix: prefixes[int(prefix, 16)])
        sweeper.sweep()
    assert stored() == ["assets/ab/lost+found/film.mp4"]


def test_the_sweep_takes_nothing_from_a_storage_that_is_another_databases(ada, stored):
    for number in range(storage.FEW + 1):
        default_storage.save(f"assets/ab/ab0c6a3e-7d0e-4d3e-9d52-3f1f0a8f4a{number:02}/film.mp4", ContentFile(b"film"))
    swept(2 * DAY)
    assert len(stored()) == storage.FEW + 1


def test_the_sweep_works_on_a_storage_without_a_disk(ada, settings):
    memory = {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    settings.STORAGES = settings.STORAGES | memory
    mine = uploads.keep(ada, "image", picture())
    orphan = default_storage.save("assets/ab/ab0c6a3e-7d0e-4d3e-9d52-3f1f0a8f4a11/film.mp4", ContentFile(b"film"))
    assert storage.remove_orphans(timezone.now() - storage.ORPHAN_AGE, storage.PREFIXES) == 0
    assert storage.remove_orphans(timezone.now() + storage.ORPHAN_AGE, storage.PREFIXES) == 1
    assert default_storage.exists(mine.file.name) and not default_storage.exists(orphan)


def test_bytes_that_were_not_removed_with_the_trash_are_removed_later(ada, stored, monkeypatch):
    uploads.delete(fill(ada))
    with monkeypatch.context() as patch:
        patch.setattr(default_storage.__class__, "delete", lambda *args: 1 / 0)
        storage.empty_trash(Asset.objects.filter(user=ada))
    assert (storage.share(ada).used, len(stored())) == (0, 2)
    swept(2 * DAY)
    assert stored() == []


@pytest.mark.django_db(transaction=True)
def test_two_tabs_cannot_pass_the_share_together(ada, settings, stored):
    one = uploads.keep(ada, "image", picture(64)).stored_bytes
    settings.USER_STORAGE_GB = gigabytes(one * 3.5)

    def tab(number):
        try:
            return uploads.keep(ada, "image", picture(64 + 2 * number)) and 1
        except storage.StorageFull:
            return 0
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as tabs:
        kept = sum(tabs.map(tab, range(1, 9)))
    share = storage.share(ada)
    assert 1 <= kept < 8 and share.used <= share.quota
    assert len({name.split("/")[2] for name in stored()}) == Asset.objects.count() == kept + 1


@pytest.mark.django_db(transaction=True)
def test_the_same_picture_from_two_tabs_is_one_asset(ada, stored):
    def tab(number):
        try:
            return uploads.keep(ada, "image", picture()).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as tabs:
        assert len(set(tabs.map(tab, range(6)))) == Asset.objects.count() == 1
    assert len(stored()) == 2


def test_uploads_have_a_rate_of_their_own(api, monkeypatch):
    from rest_framework.throttling import UserRateThrottle

    monkeypatch.setattr(UserRateThrottle, "THROTTLE_RATES", {"user": "100/min", "uploads": "2/min"})
    answers = [send(api) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].json()["code"] == "rate_limited" and "Retry-After" in answers[2]
    assert api.get(ASSETS).status_code == 200


def test_only_its_owner_sees_a_share(client, db):
    assert client.get(f"{ASSETS}storage/").status_code == client.post(f"{ASSETS}empty-trash/").status_code == 401
    assert client.post(f"{LIBRARY}/trash/empty").url.startswith("/accounts/login/")
