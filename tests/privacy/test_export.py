"""What the studio holds of a person is theirs to take away."""

import asyncio
import csv
import io
import json
import re
import threading
import zipfile

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.test import AsyncClient, Client
from django.utils import timezone

from apps.accounts.models import ApiToken, User
from apps.library import zips
from apps.library.models import Asset
from tests.factories import AssetFactory, GenerationFactory

BYTES = bytes(range(256)) * 40
FILM = "a red circle moves right"


def collect(answer):
    async def read():
        return b"".join([chunk async for chunk in answer.streaming_content])

    return asyncio.run(read())


def opened(answer):
    assert answer.status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(collect(answer)))
    assert archive.testzip() is None
    return archive


@pytest.fixture
def lived_in(ada):
    AssetFactory(generation__user=ada)
    AssetFactory(generation=None, user=ada, kind="image", recipe={"name": "../../my café.png"}, poster="",
                 file=ContentFile(b"picture", "picture.png"), deleted_at=timezone.now())  # fmt: skip
    GenerationFactory(user=ada, title="not made", cost=10)
    ApiToken.objects.issue(ada, "render script")
    return ada


def test_the_zip_has_everything_under_readable_names(page, lived_in):
    answer = page.get("/accounts/data/download")
    assert answer["Content-Type"] == "application/zip" and "attachment" in answer["Content-Disposition"]
    archive = opened(answer)
    names = archive.namelist()
    film, picture = (next(name for name in names if name.startswith(folder)) for folder in ("videos/", "uploads/"))
    assert FILM.replace(" ", "-") in film and film.endswith(".mp4") and archive.read(film) == BYTES
    assert "my-café" in picture and ".." not in picture and archive.read(picture) == b"picture"
    account = json.loads(archive.read("account.json"))
    assert (account["email"], account["credits"], account["held"]) == ("ada@example.org", 60, 40)
    assert [token["name"] for token in account["api_tokens"]] == ["render script"]
    assert "digest" not in str(account) and "password" not in str(account)
    jobs = {job["title"]: job for job in json.loads(archive.read("generations.json"))}
    assert jobs.keys() == {FILM, "not made"}
    assert jobs[FILM]["params"]["prompt"] and jobs[FILM]["files"][0]["recipe"]["model"] == "nano"
    assert jobs[FILM]["files"][0]["name"] == film
    assert jobs["not made"]["credits"] == {"held": 10, "captured": 0, "released": 0}
    rows = list(csv.DictReader(io.StringIO(archive.read("ledger.csv").decode())))
    assert [(row["movement"], row["credits"]) for row in rows] == [("Held", "10"), ("Held", "30"), ("Granted", "100")]
    assert archive.getinfo(film).compress_type == zipfile.ZIP_STORED


def test_every_column_of_an_account_is_told_or_says_nothing_of_its_owner(page, ada):
    account = json.loads(opened(page.get("/accounts/data/download")).read("account.json"))
    others = {"date_joined": "joined", "last_login": "last_sign_in", "activity_seen_at": "looked_at_activity"}
    silent = {"id", "password", "is_active", "is_staff", "is_superuser"}
    told = {field.name for field in User._meta.concrete_fields} - silent
    assert {others.get(name, name) for name in told} <= account.keys()


def test_nobody_elses_things_are_in_it(client, lived_in, ben):
    client.force_login(ben)
    archive = opened(client.get("/accounts/data/download"))
    assert set(archive.namelist()) == {"account.json", "generations.json", "ledger.csv", "README.txt"}
    assert json.loads(archive.read("generations.json")) == []
    assert b"ada@" not in b"".join(archive.read(name) for name in archive.namelist())


def test_a_visitor_signs_in_first_and_the_limit_holds(client, ada):
    assert "/accounts/login/" in client.get("/accounts/data/download").url
    client.force_login(ada)
    assert client.post("/accounts/data/download").status_code == 405
    answers = [client.get("/accounts/data/download").status_code for _ in range(7)]
    assert answers == [200] * 6 + [429]


def test_a_file_that_is_missing_is_named_and_breaks_nothing(page, lived_in):
    film, upload = Asset.objects.order_by("created_at")
    film.file.storage.delete(film.file.name)
    archive = opened(page.get("/accounts/data/download"))
    assert [name for name in archive.namelist() if name.startswith("videos")] == []
    assert f"-{film.pk.hex[:8]}.mp4: missing" in archive.read("README.txt").decode()
    assert any(upload.pk.hex[:8] in name for name in archive.namelist())


def test_a_storage_without_a_disk_will_do(page, ada, monkeypatch):
    """As S3, which has no paths either."""
    storage = InMemoryStorage()
    monkeypatch.setattr(Asset._meta.get_field("file"), "storage", storage)
    AssetFactory(generation__user=ada, poster="")
    archive = opened(page.get("/accounts/data/download"))
    assert [archive.read(name) for name in archive.namelist() if name.startswith("videos")] == [BYTES]


class Endless:
    """A file of so many bytes that takes no room."""

    def __init__(self, size):
        self.size, self.left = size, size
        self.closed = False

    def read(self, most):
        taken = min(most, self.left)
        self.left -= taken
        return bytes(taken)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.closed = True


class Shelf:
    def __init__(self, size):
        self.size, self.opened = size, []

    def open(self, name, mode):
        self.opened.append(Endless(self.size))
        return self.opened[-1]


def medium(shelf, name="film"):
    file = type("File", (), {"storage": shelf, "name": "film.mp4"})()
    return zips.Medium(f"films/{name}.mp4", file, timezone.now())


@pytest.mark.slow
def test_more_than_four_gigabytes_fit(tmp_path):
    size, path = 4 * 1024**3 + 5, tmp_path / "all.zip"
    with path.open("wb") as out:
        for chunk in zips.zipped([medium(Shelf(size)), medium(Shelf(5), "next")]):
            if chunk.count(0) == len(chunk):
                out.seek(len(chunk), 1)  # a hole, so that the test takes no room either
            else:
                out.write(chunk)
    with zipfile.ZipFile(path) as archive:
        assert [entry.file_size for entry in archive.infolist()][:2] == [size, 5]
        with archive.open(archive.infolist()[1]) as second:
            assert second.read() == bytes(5)


def test_it_is_made_no_faster_than_it_is_read_and_ends_with_the_reader():
    shelf = Shelf(100 * 1024**2)
    chunks = zips._threaded(zips.zipped([medium(shelf)]))

    async def read():
        sizes = [len(await anext(chunks)) for _ in range(4)]
        await chunks.aclose()
        return sizes

    sizes = asyncio.run(read())
    (film,) = shelf.opened
    assert max(sizes) < 2 * zips.CHUNK
    assert film.size - film.left <= 5 * zips.CHUNK and film.closed


@pytest.mark.django_db(transaction=True)
async def test_a_slow_reader_keeps_no_connection_to_the_database(ada):
    """After the documents, the answer is made from files alone, in whatever thread."""
    from asgiref.sync import sync_to_async
    from django.db import connection

    await sync_to_async(AssetFactory)(generation__user=ada)
    client = AsyncClient()
    await client.aforce_login(ada)
    answer = await client.get("/accounts/data/download")
    asked, threads = [], set()
    with connection.execute_wrapper(lambda execute, *query: asked.append(query) or execute(*query)):
        async for _ in answer.streaming_content:
            threads.add(threading.active_count())
    assert asked == []


def test_the_page_offers_both_ways(lived_in):
    client = Client()
    client.force_login(lived_in)
    html = client.get("/accounts/data").content.decode()
    assert "/accounts/data/download" in html and "/accounts/delete" in html


@pytest.mark.parametrize(("uploads", "told"), [(0, "0 files,"), (1, "1 file,"), (2, "2 files,")])
def test_the_page_says_how_many_files_there_are(page, ada, uploads, told):
    AssetFactory.create_batch(uploads, generation=None, user=ada, recipe={})
    assert told in re.sub(r"<[^>]+>", "", page.get("/accounts/data").content.decode())


def test_a_file_that_breaks_off_is_named_too():
    class Broken(Endless):
        def read(self, most):
            if self.left < self.size:
                raise RuntimeError("the store has gone")
            return super().read(most)

    shelf = Shelf(2 * zips.CHUNK)
    shelf.open = lambda name, mode: Broken(shelf.size)
    with zipfile.ZipFile(io.BytesIO(b"".join(zips.zipped([medium(shelf), medium(Shelf(5), "next")])))) as archive:
        assert archive.testzip() is None
        assert [entry.file_size for entry in archive.infolist()][:2] == [zips.CHUNK, 5]
        assert "films/film.mp4: cut off" in archive.read("README.txt").decode()


async def test_a_reader_who_leaves_in_the_middle_of_a_chunk_leaves_nothing_open():
    go_on = threading.Event()

    class Slow(Endless):
        def read(self, most):
            go_on.wait(10)
            return super().read(most)

    shelf = Shelf(zips.CHUNK)
    slow = Slow(shelf.size)
    shelf.open = lambda name, mode: slow
    chunks = zips._threaded(zips.zipped([medium(shelf)]))
    reading = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0.1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    go_on.set()
    for _ in range(1200):
        if slow.closed:
            break
        await asyncio.sleep(0.05)
    assert slow.closed
