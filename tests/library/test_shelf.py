"""The library as a shelf: every order page by page, many things at once, the zip, and the trash."""

import asyncio
import io
import random
import re
import uuid
import zipfile
from datetime import timedelta
from html import unescape

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.billing import services as billing
from apps.library import picks, zips
from apps.library.filters import SORTS
from apps.library.models import Asset, Generation
from apps.paging import page as page_of
from apps.tools import sweeper
from tests.factories import AssetFactory, GenerationFactory

LIBRARY = "/home/my-library"
TRASH = f"{LIBRARY}/trash"
API = "/api/v1/generations"
FIRST = timezone.now() - timedelta(days=30)


def cards(html):
    return [uuid.UUID(pk) for pk in re.findall(r'<article[^>]* id="generation-([^"]+)"', html)]


def film(user, name="film.mp4", **columns):
    """A finished job with one file."""
    asset = AssetFactory(generation__user=user, generation__held=False, file=ContentFile(b"film", name), **columns)
    return asset.generation


def upload(user, **columns):
    return AssetFactory(user=user, generation=None, kind="image", recipe={"name": "start.png"}, **columns)


async def read(answer):
    return b"".join([chunk async for chunk in answer.streaming_content])


def names_in(answer):
    with zipfile.ZipFile(io.BytesIO(asyncio.run(read(answer)))) as archive:
        assert archive.testzip() is None
        return archive.namelist()


class TestOrder:
    @pytest.mark.django_db
    @settings(
        max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
    )
    @given(
        rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), max_size=12),
        by=st.sampled_from([column for _, column in SORTS.values()]),
        size=st.integers(1, 5),
    )
    def test_pages_show_each_row_once_in_order_however_many_are_alike(self, ada, rows, by, size):
        Generation.objects.filter(user=ada).delete()
        made = [
            Generation(user=ada, tool="to-video", created_at=FIRST + timedelta(days=day), length=length, cost=cost)
            for day, length, cost in rows
        ]
        Generation.objects.bulk_create(made)
        column, falls = by.removeprefix("-"), by.startswith("-")
        mine = Generation.objects.of(ada)
        expected = sorted(made, key=lambda job: (getattr(job, column), job.pk.hex), reverse=falls)
        pages, query = [], {}
        for _ in range(len(made) + 1):
            pages.append(page_of(mine, query, by, size))
            if not pages[-1].after:
                break
            query = {"after": pages[-1].after}
        assert [job.pk for each in pages for job in each] == [job.pk for job in expected]
        assert not pages[0].before
        # And back again, page by page.
        for earlier, later in zip(pages[-2::-1], pages[::-1], strict=False):
            assert page_of(mine, {"before": later.before}, by, size).rows == earlier.rows

    def test_a_page_stays_right_when_others_come_and_go(self, page, ada):
        jobs = [GenerationFactory(user=ada, held=False) for _ in range(60)][::-1]
        first = page.get(LIBRARY).content.decode()
        assert cards(first) == [job.pk for job in jobs[:24]]
        Generation.objects.filter(pk__in=[jobs[3].pk, jobs[23].pk]).update(deleted_at=timezone.now())
        GenerationFactory(user=ada, held=False)
        second = page.get(LIBRARY + unescape(re.search(r'rel="next" href="([^"]+)"', first)[1])).content.decode()
        assert cards(second) == [job.pk for job in jobs[24:48]]

    @pytest.mark.parametrize("sort", SORTS)
    def test_the_page_is_sorted_as_its_address_says(self, page, ada, sort):
        jobs = [GenerationFactory(user=ada, held=False, length=n % 3, cost=n % 4) for n in range(8)]
        column, falls = SORTS[sort][1].removeprefix("-"), SORTS[sort][1].startswith("-")
        jobs.sort(key=lambda job: (getattr(job, column), job.pk.hex), reverse=falls)
        assert cards(page.get(LIBRARY, {"sort": sort}).content.decode()) == [job.pk for job in jobs]

    @pytest.mark.parametrize("cursor", ["", "x", "a:b:c", "9" * 5000])
    def test_a_cursor_that_is_not_ours_leads_to_the_first_page(self, page, ada, cursor):
        job = GenerationFactory(user=ada, held=False)
        for name in ("after", "before"):
            assert cards(page.get(LIBRARY, {name: cursor}).content.decode()) == [job.pk]

    def test_a_cursor_of_another_order_leads_to_the_first_page(self, page, ada):
        for _ in range(30):
            GenerationFactory(user=ada, held=False)
        after = page_of(Generation.objects.of(ada), {}, "-created_at", 24).after
        html = page.get(LIBRARY, {"after": after, "sort": "long"}).content.decode()
        assert len(cards(html)) == 24


class TestFilters:
    def test_tools_kinds_and_states(self, page, ada):
        video, picture = film(ada), film(ada, "a.png", kind="image", generation__tool="upscale")
        lost = GenerationFactory(user=ada, held=False, status="failed", finished_at=timezone.now())

        def found(**query):
            return set(cards(page.get(LIBRARY, query).content.decode()))

        assert found() == {video.pk, picture.pk, lost.pk}
        assert found(tool="upscale") == found(kind="image") == {picture.pk}
        assert found(show="completed") == {video.pk, picture.pk}
        assert found(show="failed") == {lost.pk}
        assert found(show="completed", tool="to-video", kind="video") == {video.pk}
        assert found(tool="nothing") == found(kind="audio") == set()
        assert found(kind="none of ours") == found()

    def test_uploads_are_filtered_and_sorted(self, page, ada):
        first, sound = upload(ada), upload(ada)
        Asset.objects.filter(pk=sound.pk).update(kind="audio")

        def found(**query):
            html = page.get(f"{LIBRARY}/uploads", query).content.decode()
            return re.findall(r'name="id" value="([0-9a-f-]{36})"', html)

        assert str(first.pk) in found() and str(sound.pk) in found()
        assert str(first.pk) not in found(kind="audio")
        assert found() == found(sort="old")[::-1]


class TestManyAtOnce:
    def test_many_are_deleted_and_brought_back(self, page, ada):
        jobs = [film(ada) for _ in range(3)]
        ids = [str(job.pk) for job in jobs[:2]]
        there = f"{LIBRARY}?sort=old"
        answer = page.post("/home/jobs/delete", {"id": ids, "next": there})
        assert answer.url == there
        html = page.get(there).content.decode()
        assert cards(html) == [jobs[2].pk] and "2 deleted" in html
        undo = re.search(r'action="/home/jobs/restore".*?name="id" value="([^"]+)"', html, re.DOTALL)[1]
        assert set(undo.split(",")) == set(ids)
        page.post("/home/jobs/restore", {"id": undo})
        assert set(cards(page.get(LIBRARY).content.decode())) == {job.pk for job in jobs}

    def test_a_job_that_is_being_made_is_cancelled_first(self, page, ada):
        job = GenerationFactory(user=ada)
        page.post("/home/jobs/delete", {"id": [str(job.pk)]})
        job.refresh_from_db()
        assert (job.status, billing.held(ada)) == ("cancelled", 0)

    def test_ids_of_strangers_are_passed_over(self, page, api, ada, ben):
        mine, his, his_upload = film(ada), film(ben), upload(ben)
        ids = [str(mine.pk), str(his.pk), str(his_upload.pk), "nonsense"]
        page.post("/home/jobs/delete", {"id": ids})
        page.post(f"{LIBRARY}/uploads/delete", {"id": ids})
        assert Generation.objects.get(pk=his.pk).deleted_at is Asset.objects.get(pk=his_upload.pk).deleted_at is None
        Generation.objects.filter(pk=his.pk).update(deleted_at=timezone.now())
        page.post(f"{TRASH}/delete", {"id": ids})
        page.post("/home/jobs/restore", {"id": ids})
        his.refresh_from_db()
        assert his.deleted_at and not his.gone_at
        assert api.post(f"{API}/delete/", {"ids": ids[1:2]}, format="json").json() == {"ids": []}
        assert api.post(f"{API}/zip/", {"ids": ids[1:2]}, format="json").status_code == 422

    def test_the_way_back_is_on_this_site(self, page):
        for address in ("https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"):
            assert page.post("/home/jobs/delete", {"next": address}).url == LIBRARY

    def test_the_api_takes_so_many_ids(self, api, ada):
        job = film(ada)
        many = [str(job.pk)] + [str(uuid.uuid4()) for _ in range(picks.MOST)]
        for ids in ([], many, ["nonsense"], "all"):
            assert api.post(f"{API}/delete/", {"ids": ids}, format="json").json()["code"] == "validation_failed"
        assert api.post(f"{API}/delete/", {"ids": many[:-1]}, format="json").json() == {"ids": [str(job.pk)]}
        assert api.get(f"{API}/{job.pk}/").status_code == 404
        assert api.post(f"{API}/restore/", {"ids": [str(job.pk)]}, format="json").json() == {"ids": [str(job.pk)]}
        assert api.get(f"{API}/{job.pk}/").status_code == 200

    def test_uploads_are_deleted_and_brought_back(self, page, ada):
        asset = upload(ada)
        html = page.post(f"{LIBRARY}/uploads/delete", {"id": [str(asset.pk)]}, follow=True).content.decode()
        assert 'action="/home/my-library/uploads/restore"' in html and "start.png" not in html
        page.post(f"{LIBRARY}/uploads/restore", {"id": [str(asset.pk)]})
        assert "start.png" in page.get(f"{LIBRARY}/uploads").content.decode()


class TestZip:
    def test_it_has_the_files_under_their_own_names(self, page, ada, ben):
        jobs = [film(ada) for _ in range(3)]
        other, mine = film(ben), upload(ada)
        ids = [str(each.pk) for each in (*jobs, other, mine)]
        answer = page.post(f"{LIBRARY}/zip", {"id": ids})
        assert answer["Content-Type"] == "application/zip"
        names = names_in(answer)
        assert len(names) == len({name.casefold() for name in names}) == 4
        assert {jobs[0].asset.download_name, mine.download_name} <= set(names)

    def test_the_api_sends_the_same(self, api, ada):
        job = film(ada)
        answer = api.post(f"{API}/zip/", {"ids": [str(job.pk)]}, format="json")
        assert (answer.status_code, names_in(answer)) == (200, [job.asset.download_name])

    def test_names_that_are_alike_are_numbered(self):
        used = set()
        names = ["sea.mp4", "Sea.mp4", "sea.mp4", "caf\u00e9.mp4", "cafe\u0301.mp4", "sea (2).mp4", "sea"]
        assert [zips.unlike(name, used) for name in names] == [
            "sea.mp4", "Sea (2).mp4", "sea (3).mp4", "caf\u00e9.mp4", "cafe\u0301 (2).mp4", "sea (2) (2).mp4", "sea",
        ]  # fmt: skip

    def test_a_lost_file_is_named(self, page, ada):
        kept, lost = film(ada), film(ada)
        lost.asset.file.storage.delete(lost.asset.file.name)
        names = names_in(page.post(f"{LIBRARY}/zip", {"id": [str(kept.pk), str(lost.pk)]}))
        assert len(names) == 2 and "README.txt" in names

    def test_without_a_file_it_says_so(self, page, ada):
        job = GenerationFactory(user=ada, held=False)
        html = page.post(f"{LIBRARY}/zip", {"id": [str(job.pk)]}, follow=True).content.decode()
        assert "None of these has a file" in html

    def test_more_than_goes_at_once_is_refused_as_a_whole_and_said_so(self, page, ada):
        job = film(ada)
        many = [str(job.pk), *(str(uuid.uuid4()) for _ in range(200))]
        for address in (f"{LIBRARY}/zip", "/home/jobs/delete", f"{LIBRARY}/uploads/delete"):
            answer = page.post(address, {"id": many})
            assert answer.status_code == 422 and "Pick at most 200 at once." in answer.content.decode()
        assert Generation.objects.get().deleted_at is None

    def test_it_never_holds_a_film_in_memory(self, page, ada):
        size = 8 * 1024 * 1024
        job = AssetFactory(
            generation__user=ada, file=ContentFile(random.Random(7).randbytes(size), "film.mp4")
        ).generation
        answer = page.post(f"{LIBRARY}/zip", {"id": [str(job.pk)]})
        sizes = [len(chunk) for chunk in zips.zipped(zips.picked(ada, [job.pk]))]
        assert answer.streaming and sum(sizes) > size and max(sizes) < 2 * zips.CHUNK


class TestTrash:
    def test_it_shows_when_each_goes_for_good(self, page, ada):
        job = film(ada)
        page.post(f"/home/jobs/{job.pk}/delete")
        when = timezone.now() + timedelta(days=7)
        html = page.get(TRASH).content.decode()
        assert f"Goes for good on {when:%-d %B}" in html and job.title in html
        poster = re.search(r'<img src="(/media/[^"]+/poster)"', html)[1]
        assert page.get(poster).status_code == 200
        assert page.get(poster.replace("poster", "file")).status_code == 404

    def test_what_is_deleted_for_good_is_nowhere(self, page, api, ada, stored):
        kept, gone, brought = film(ada), film(ada), upload(ada)
        page.post("/home/jobs/delete", {"id": [str(kept.pk), str(gone.pk)]})
        page.post(f"{LIBRARY}/uploads/delete", {"id": [str(brought.pk)]})
        page.post(f"{TRASH}/delete", {"id": [str(gone.pk), str(brought.pk)]})
        assert {name.split("/")[2] for name in stored()} == {str(kept.asset.pk)}
        assert [
            uuid.UUID(pk) for pk in re.findall(r'name="one" value="([^"]+)"', page.get(TRASH).content.decode())
        ] == [kept.pk]
        assert api.post(f"{API}/restore/", {"ids": [str(gone.pk)]}, format="json").json() == {"ids": []}

    def test_what_is_not_in_the_trash_is_not_deleted_for_good(self, page, ada, stored):
        job = film(ada)
        before = stored()
        page.post(f"{TRASH}/delete", {"id": [str(job.pk)]})
        assert stored() == before
        assert page.get(job.get_absolute_url()).status_code == 200

    def test_a_job_without_files_leaves_the_trash_too(self, page, ada, settings):
        job = GenerationFactory(user=ada, held=False, status="failed", finished_at=timezone.now())
        page.post(f"/home/jobs/{job.pk}/delete")
        Generation.objects.filter(pk=job.pk).update(deleted_at=timezone.now() - timedelta(days=settings.TRASH_DAYS + 1))
        sweeper.sweep()
        assert "The trash is empty." in page.get(TRASH).content.decode()
        assert page.post(f"/home/jobs/{job.pk}/restore", HTTP_HX_REQUEST="true").status_code == 409

    def test_many_pages_cost_no_more_questions(self, page, ada, django_assert_max_num_queries):
        def fill(count):
            for _ in range(count):
                page.post("/home/jobs/delete", {"id": [str(film(ada).pk)]})
            page.get(TRASH)

        fill(1)
        with django_assert_max_num_queries(9) as few:
            page.get(TRASH)
        asked = len(few.captured_queries)
        fill(6)
        with django_assert_max_num_queries(asked):
            page.get(TRASH)
