"""Files are private and can be sought in."""

import asyncio
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.test import AsyncClient
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken
from tests.factories import AssetFactory

BYTES = bytes(range(256)) * 40


@pytest.fixture
def asset(ada):
    return AssetFactory(generation__user=ada)


def read(answer):
    if not answer.streaming:
        return answer.content

    async def collect():
        return b"".join([chunk async for chunk in answer.streaming_content])

    return asyncio.run(collect())


def test_the_owner_gets_the_whole_file(page, asset):
    answer = page.get(asset.file_url)
    assert (answer.status_code, answer["Content-Type"], answer["Content-Length"]) == (200, "video/mp4", "10240")
    assert answer["Accept-Ranges"] == "bytes"
    assert "private" in answer["Cache-Control"]
    assert read(answer) == BYTES


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("voice.mp3", "audio/mpeg"),
        ("voice.wav", "audio/wav"),
        ("voice.m4a", "audio/mp4"),
        ("voice.ogg", "audio/ogg"),
        ("voice.opus", "audio/ogg"),
        ("voice.flac", "audio/flac"),
        ("voice.weba", "audio/webm"),
    ],
)
def test_a_sound_is_served_as_one(page, ada, name, kind):
    sound = AssetFactory(generation=None, user=ada, kind="audio", recipe={}, file=ContentFile(BYTES, name), poster="")
    answer = page.get(sound.file_url, HTTP_RANGE="bytes=0-9")
    assert (answer.status_code, answer["Content-Type"], len(read(answer))) == (206, kind, 10)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-99", 0, 99), ("bytes=10000-", 10000, 10239), ("bytes=-5", 10235, 10239), ("bytes=5-999999", 5, 10239)],
)
def test_a_range_is_answered_with_just_that(page, asset, asked, start, end):
    answer = page.get(asset.file_url, HTTP_RANGE=asked)
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {start}-{end}/10240"
    assert read(answer) == BYTES[start : end + 1]


def test_a_range_beyond_the_end_is_refused(page, asset):
    answer = page.get(asset.file_url, HTTP_RANGE="bytes=20000-")
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */10240")


def test_a_range_of_a_changed_file_starts_over(page, asset):
    answer = page.get(asset.file_url, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE='"old"')
    assert (answer.status_code, len(read(answer))) == (200, 10240)


def test_what_the_browser_has_is_not_sent_again(page, asset):
    tag = page.get(asset.file_url)["ETag"]
    assert page.get(asset.file_url, HTTP_IF_NONE_MATCH=tag).status_code == 304


def test_head_tells_the_size_without_the_bytes(page, asset):
    answer = page.head(asset.file_url)
    assert (answer.status_code, answer["Content-Length"], read(answer)) == (200, "10240", b"")


def test_a_download_has_a_name(page, asset):
    answer = page.get(f"{asset.file_url}?download")
    assert answer["Content-Disposition"] == 'attachment; filename="a-red-circle-moves-right.mp4"'


def test_the_poster_is_private_too(page, client, asset, ben):
    assert read(page.get(asset.poster_url)) == b"poster"
    client.force_login(ben)
    assert client.get(asset.poster_url).status_code == 404


def test_a_stranger_and_a_visitor_find_nothing(client, asset, ben):
    assert client.get(asset.file_url).status_code == 404
    client.force_login(ben)
    assert client.get(asset.file_url).status_code == 404


def test_a_token_opens_its_owners_files_only(asset, ada, ben):
    for owner, status in ((ada, 200), (ben, 404)):
        _, secret = ApiToken.objects.issue(owner, "test")
        assert APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}").get(asset.file_url).status_code == status


def test_only_the_three_parts_have_addresses(page, asset):
    assert page.get(asset.get_part_url("recipe")).status_code == 404


def test_nginx_sends_the_bytes_when_it_is_there(page, asset, settings):
    settings.MEDIA_ACCEL_PREFIX = "/protected/"
    answer = page.get(asset.file_url)
    assert answer["X-Accel-Redirect"] == f"/protected/{asset.file.name}"
    assert read(answer) == b""


@pytest.mark.django_db(transaction=True)
async def test_a_large_file_is_streamed_in_pieces(ada):
    from asgiref.sync import sync_to_async

    asset = await sync_to_async(AssetFactory)(generation__user=ada, file=ContentFile(bytes(3_000_000), "big.mp4"))
    client = AsyncClient()
    await client.aforce_login(ada)
    answer = await client.get(asset.file_url)
    sizes = [len(chunk) async for chunk in answer.streaming_content]
    assert sum(sizes) == 3_000_000
    assert max(sizes) <= 256 * 1024


def test_the_rest_of_a_large_file_is_all_of_it(page, ada):
    big = AssetFactory(generation__user=ada, file=ContentFile(bytes(5_000_000), "big.mp4"))
    answer = page.get(big.file_url, HTTP_RANGE="bytes=100-")
    assert (answer["Content-Range"], answer["Content-Length"]) == ("bytes 100-4999999/5000000", "4999900")
    assert len(read(answer)) == 4_999_900


@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=20000-", "bytes=-5"])
def test_head_ignores_a_range(page, asset, asked):
    answer = page.head(asset.file_url, HTTP_RANGE=asked)
    assert (answer.status_code, answer["Content-Length"], "Content-Range" in answer) == (200, "10240", False)


@pytest.mark.parametrize("asked", ["bytes=0-9,20-29", "bytes=9-5", "bytes=-", "bytes=x", "lines=1-2", "bytes 0-9"])
def test_several_ranges_and_what_is_no_range_are_answered_with_the_whole_file(page, asset, asked):
    answer = page.get(asset.file_url, HTTP_RANGE=asked)
    assert (answer.status_code, len(read(answer))) == (200, 10240)


@pytest.mark.parametrize("asked", ["bytes=10240-", f"bytes={'9' * 5000}-", "bytes=-0", "bytes=10240-99999"])
def test_a_range_of_nothing_is_refused(page, asset, asked):
    answer = page.get(asset.file_url, HTTP_RANGE=asked)
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */10240")


@pytest.mark.parametrize(
    ("name", "same"), [("ETag", True), ("Last-Modified", True), ("weak", False), ("older", False), ("broken", False)]
)
def test_a_range_goes_on_only_with_the_file_that_it_began_with(page, asset, name, same):
    first = page.get(asset.file_url)
    other = {"weak": f"W/{first['ETag']}", "older": "Mon, 01 Jan 2024 00:00:00 GMT", "broken": "yesterday"}
    condition = other.get(name) or first[name]
    answer = page.get(asset.file_url, HTTP_RANGE="bytes=10-", HTTP_IF_RANGE=condition)
    assert (answer.status_code, len(read(answer))) == ((206, 10230) if same else (200, 10240))


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"HTTP_IF_NONE_MATCH": '"other", W/{tag}'}, 304),
        ({"HTTP_IF_NONE_MATCH": "*"}, 304),
        ({"HTTP_IF_MODIFIED_SINCE": "{date}"}, 304),
        ({"HTTP_IF_MATCH": '"other"'}, 412),
    ],
)
def test_conditions_on_what_the_caller_has(page, asset, header, status):
    first = page.get(asset.file_url)
    ((name, value),) = header.items()
    value = value.format(tag=first["ETag"], date=first["Last-Modified"])
    answer = page.get(asset.file_url, **{name: value})
    assert (answer.status_code, read(answer)) == (status, b"")


def test_an_answer_whose_file_ends_early_does_not_end_in_good_order(page, asset):
    answer = page.get(asset.file_url)
    with Path(asset.file.path).open("rb+") as file:
        file.truncate(100)
    with pytest.raises(OSError, match="ended"):
        read(answer)
