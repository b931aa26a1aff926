"""Uploads are opened a few at once, and no longer than somebody waits for them."""

import asyncio
import contextlib
import json
import resource
import threading
import time

import psutil
import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from apps.accounts.models import ApiToken
from apps.library.decoding import turn
from apps.library.models import Asset
from tests.hostile import jpeg_of_scans, opening, slow_picture
from tests.media import encoded, quarters

URL = "/api/v1/assets/"


def upload(data=None, name="a.png"):
    return SimpleUploadedFile(name, data or encoded(quarters()))


@pytest.fixture
def all_turns(settings):
    """Every turn of this process is taken, and nobody waits for long."""
    settings.DECODE_WAIT_SECONDS = 0.2
    with contextlib.ExitStack() as taken:
        for _ in range(settings.DECODERS):
            taken.enter_context(turn())
        yield


def test_a_few_files_are_opened_at_once_and_the_others_wait(settings):
    now, most, lock = 0, 0, threading.Lock()

    def open_one():
        nonlocal now, most
        with turn():
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.05)
            with lock:
                now -= 1

    threads = [threading.Thread(target=open_one) for _ in range(4 * settings.DECODERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (now, most) == (0, settings.DECODERS)


def test_a_program_without_a_turn_is_told_when_to_come_back(api, all_turns):
    answers = [
        api.post(URL, {"file": upload()}, format="multipart"),
        api.post("/api/v1/tools/to-video/", {"prompt": "a swan", "image": upload()}, format="multipart"),
    ]
    for answer in answers:
        told = answer.json()
        assert (answer.status_code, told["code"], told["detail"]) == (
            503,
            "studio_busy",
            "Too many files are being opened.",
        )
        assert int(answer["Retry-After"]) == told["retry_after"] > 0
    assert not Asset.objects.exists()


def test_a_page_without_a_turn_keeps_its_form_and_says_so(page, all_turns):
    asked = {"prompt": "a swan", "mode": "picture", "image": upload(), "style": "realistic"}
    answer = page.post("/home/tools/to-video", asked, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Retarget"], answer["Retry-After"]) == (503, "#toasts", "10")
    assert "Too many files are being opened." in answer.content.decode()


def test_a_file_that_costs_too_much_is_refused_on_its_field(api, tmp_path):
    heavy = jpeg_of_scans(tmp_path / "a.jpg", 400).read_bytes()
    told = api.post(URL, {"file": upload(heavy, "a.jpg")}, format="multipart").json()
    assert told["code"] == "validation_failed" and "takes too long to open" in told["errors"]["file"][0]


def test_a_quote_without_a_turn_says_what_else_is_wrong_and_holds_nothing(page, all_turns):
    asked = {"prompt": "a swan", "mode": "picture", "image": upload(), "style": "no such style"}
    answer = page.post("/home/tools/to-video/quote", asked)
    assert "no such style" in answer.content.decode()
    assert json.loads(answer["Held-Files"]) == {}


@pytest.mark.skipif(not psutil.LINUX, reason="looks at the processes")
@pytest.mark.django_db(transaction=True)
async def test_a_client_that_leaves_takes_the_work_on_its_file_along(ada, tmp_path):
    from cinevivid.asgi import application

    secret = await asyncio.to_thread(lambda: ApiToken.objects.issue(ada, "test")[1])
    body = encode_multipart(
        BOUNDARY, {"kind": "image", "file": upload(slow_picture(tmp_path / "a.jpg").read_bytes(), "a.jpg")}
    )
    headers = {"authorization": f"Bearer {secret}", "content-type": MULTIPART_CONTENT, "host": "localhost"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": URL,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()]
        + [(b"content-length", str(len(body)).encode())],
    }
    client = ApplicationCommunicator(application, scope)
    await client.send_input({"type": "http.request", "body": body})
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    for _ in range(1200):
        await asyncio.sleep(0.05)
        if opening(busy=0.3):
            break
    assert opening()
    await client.send_input({"type": "http.disconnect"})
    await client.wait(60)
    # By its own seconds: those of the clock pass for its neighbours as well.
    assert not opening() and resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 8
    assert not await Asset.objects.aexists()
