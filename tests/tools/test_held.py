"""Uploads that are held from the first quote of a form to its job: for their owner, some hours, and not without end."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.library import held, storage
from apps.library.models import Asset, Generation
from tests import media

PAGE = "/home/tools/upscale"


@pytest.fixture
def quote(page):
    """Ask for a price with a picture, or with what names one; call it."""

    def asked(source=None, name="a.png"):
        source = source or picture(name)
        return page.post(f"{PAGE}/quote", {"source": source, "factor": "2"}, headers={"HX-Request": "true"})

    return asked


def picture(name):
    return SimpleUploadedFile(name, media.encoded(media.quarters(64, 64 + 2 * len(name))), "image/png")


def name_of(answer):
    return json.loads(answer.headers["Held-Files"]).get("source", "")


def folders(stored):
    return {path.split("/")[2] for path in stored() if path.startswith("assets/")}


def test_an_upload_has_no_row_until_the_job_that_takes_its_files_as_they_lie(quote, page, stored):
    named = name_of(quote())
    files = stored()
    assert named and files and not Asset.objects.exists()
    assert "credit" in quote(named).content.decode() and name_of(quote(named)) == named
    assert page.post(PAGE, {"source": named, "factor": "2"}).status_code == 302
    asset = Generation.objects.get().inputs.get().asset
    assert stored() == files and asset.file.name in files and asset.name == "a.png"
    assert name_of(quote(named)), "the page that has started it may start another"
    assert page.post(PAGE, {"source": named, "factor": "4"}).status_code == 302 and Asset.objects.count() == 1


def test_nobody_else_can_name_it(quote, page, ada, ben):
    named = name_of(quote())
    page.force_login(ben)
    assert not name_of(quote(named))
    answer = page.post(PAGE, {"source": named, "factor": "2"})
    assert answer.status_code == 422 and "held for some hours" in answer.content.decode()
    page.force_login(ada)
    assert page.post(PAGE, {"source": named[:-1] + "_", "factor": "2"}).status_code == 422
    assert not Generation.objects.exists()


def test_it_is_gone_after_some_hours_and_its_files_with_the_sweep(quote, page, stored):
    named = name_of(quote())
    with time_machine.travel(timezone.now() + held.HELD_FOR + timedelta(seconds=1)):
        assert not name_of(quote(named))
        answer = page.post(PAGE, {"source": named, "factor": "2"})
        assert answer.status_code == 422 and "held for some hours" in answer.content.decode()
    storage.remove_orphans(timezone.now() + timedelta(seconds=5), storage.PREFIXES)
    assert not stored() and not name_of(quote(named))


def test_the_oldest_give_way_but_not_those_that_jobs_have(quote, page, ada, stored, monkeypatch):
    monkeypatch.setattr(held, "MOST", 2)
    first, second = name_of(quote(name="1.png")), name_of(quote(name="22.png"))
    assert page.post(PAGE, {"source": first, "factor": "2"}).status_code == 302
    quote(name="333.png")
    assert len(folders(stored)) == 3 and name_of(quote(second))
    quote(name="4444.png")
    assert len(folders(stored)) == 3 and not name_of(quote(second)), "the second gave way, the first is a job's"
    monkeypatch.setattr(held, "MOST_BYTES", 1)
    quote(name="55555.png")
    assert len(cache.get(f"held:{ada.pk}")) == 1


def test_one_that_was_deleted_is_sent_again(quote, page):
    named = name_of(quote())
    page.post(PAGE, {"source": named, "factor": "2"})
    Asset.objects.update(deleted_at=timezone.now())
    assert not name_of(quote(named)) and page.post(PAGE, {"source": named, "factor": "4"}).status_code == 422


def test_one_that_cannot_be_used_need_not_be_sent_again_to_hear_why(quote, stored):
    answer = quote(SimpleUploadedFile("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * 400, "image/png"))
    words = answer.content.decode().split('id="note-source"')[1]
    assert "quote__problem" in answer.content.decode() and not stored()
    assert quote(name_of(answer)).content.decode().split('id="note-source"')[1] == words


def test_one_of_the_library_is_named_by_its_id_and_a_program_holds_nothing(quote, page, api, stored):
    page.post(PAGE, {"source": name_of(quote()), "factor": "2"})
    assert name_of(quote()) == str(Asset.objects.get().pk)
    before = stored()
    sent = {"source": picture("another.png"), "factor": "2"}
    assert api.post("/api/v1/tools/upscale/quote/", sent, format="multipart").status_code == 200
    assert stored() == before
