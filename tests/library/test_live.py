"""A film can be watched by its owner while it is made, and by nobody else."""

import pytest
from django.core.files.storage import InMemoryStorage
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken
from apps.library.keeper import GRACE
from apps.library.models import Asset, Generation
from apps.tools import services
from tests.factories import GenerationFactory
from tests.keeper import film, playlist
from tests.library.test_files import read


class Bucket(InMemoryStorage):
    """A storage that hands out addresses, as S3 does."""

    def url(self, name, parameters=None):
        return f"https://bucket/{name}?signed"


@pytest.fixture
def job(ada, tmp_path):
    job = Generation.objects.claim(GenerationFactory(user=ada).queue)
    film(job, tmp_path / "work", 2)
    return job


def beside(job, name):
    return job.live_url.replace("index.m3u8", name)


def test_the_owner_gets_the_playlist_as_it_is_now(page, job, tmp_path):
    answer = page.get(job.live_url)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/vnd.apple.mpegurl", "no-store")
    assert answer.content == playlist(2).encode()
    film(job, tmp_path / "work", 3)
    assert page.get(job.live_url).content == playlist(3).encode()


def test_segments_are_sent_by_range_like_any_file(page, job, settings):
    answer = page.get(beside(job, "0001.m4s"), HTTP_RANGE="bytes=0-4")
    assert (answer.status_code, answer["Content-Type"], read(answer)) == (206, "video/iso.segment", b"media")
    assert read(page.get(beside(job, "init.mp4"))) == b"init"
    settings.MEDIA_ACCEL_PREFIX = "/protected/"
    assert page.get(beside(job, "0001.m4s"))["X-Accel-Redirect"] == f"/protected/live/{job.pk}/1/hls/0001.m4s"


@pytest.mark.parametrize("name", ["index.m3u8", "init.mp4", "0000.m4s"])
def test_a_stranger_and_a_visitor_find_nothing(client, job, ben, name):
    assert client.get(beside(job, name)).status_code == 404
    client.force_login(ben)
    assert client.get(beside(job, name)).status_code == 404


def test_a_token_opens_its_owners_playlist_only(job, ada, ben):
    for owner, status in ((ada, 200), (ben, 404)):
        _, secret = ApiToken.objects.issue(owner, "test")
        assert APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}").get(job.live_url).status_code == status


@pytest.mark.parametrize("name", ["0007.m4s", "state-0002.safetensors", "0000.mp4", "..%2Fstate-0002.safetensors"])
def test_only_what_a_player_needs_has_an_address(page, job, name):
    assert page.get(beside(job, name)).status_code == 404


def test_before_the_first_window_there_is_nothing_to_watch(page, ada):
    assert page.get(Generation.objects.claim(GenerationFactory(user=ada).queue).live_url).status_code == 404


def test_a_player_at_the_live_edge_finds_its_segments_for_a_while_after_the_end(page, job):
    services.finish(job, [(Asset(kind="video"), {})], "paper", stopped=True)
    assert page.get(job.live_url).content == playlist(2).encode() + b"#EXT-X-ENDLIST\n"
    assert read(page.get(beside(job, "0001.m4s"))) == b"media 1"


def test_later_the_playlist_leads_to_the_film(page, job):
    services.finish(job, [(Asset(kind="video"), {})], "paper")
    Generation.objects.filter(pk=job.pk).update(finished_at=timezone.now() - GRACE)
    answer = page.get(job.live_url)
    assert (answer.status_code, answer["Location"]) == (302, job.assets.get().file_url)
    assert page.get(beside(job, "0000.m4s")).status_code == 404


def test_a_job_that_ended_without_a_film_has_no_playlist(page, job):
    services.cancel(job)
    assert page.get(job.live_url).status_code == 404


def test_on_s3_the_playlist_is_read_and_its_parts_are_signed_addresses(page, ada, tmp_path, settings):
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "tests.library.test_live.Bucket", "OPTIONS": {}}}
    job = Generation.objects.claim(GenerationFactory(user=ada).queue)
    film(job, tmp_path / "elsewhere", 1)
    assert page.get(job.live_url).content == playlist(1).encode()
    answer = page.get(beside(job, "0000.m4s"))
    assert (answer.status_code, answer["Location"]) == (302, f"https://bucket/live/{job.pk}/1/hls/0000.m4s?signed")
