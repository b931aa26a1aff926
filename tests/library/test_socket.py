"""Cards move by themselves, and only on their owner's pages."""

import re
from pathlib import Path

import django_htmx
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as site
from django.test import Client

from apps.library import progress
from apps.tools import services
from cinevivid.consumers import TOO_MANY
from tests.factories import GenerationFactory
from tests.library.sockets import SECONDS, connect, drain, open_socket

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_page_that_connects_late_is_brought_up_to_date(ada):
    job = await sync_to_async(GenerationFactory)(user=ada)
    socket = await connect(ada)
    messages = await drain(socket)
    assert any(f'id="generation-{job.pk}"' in message and "hx-swap-oob" in message for message in messages)
    assert any('id="credits"' in message and "70" in message for message in messages)
    await socket.disconnect()


async def test_a_change_repaints_the_card_of_the_owner_only(ada, ben):
    job = await sync_to_async(GenerationFactory)(user=ada)
    adas, bens = await connect(ada), await connect(ben)
    await drain(adas), await drain(bens)
    await sync_to_async(services.cancel)(job)
    messages = await drain(adas)
    assert any(f'id="generation-{job.pk}"' in message and 'data-status="cancelled"' in message for message in messages)
    assert any('id="credits"' in message and "100" in message for message in messages)
    assert await drain(bens) == []
    await adas.disconnect()
    await bens.disconnect()


async def test_a_job_of_somebody_else_is_never_painted(ada, ben):
    job = await sync_to_async(GenerationFactory)(user=ben)
    socket = await connect(ada)
    await drain(socket)
    job.user_id = ada.pk
    await sync_to_async(progress.changed)(job)
    assert await drain(socket) == []
    await socket.disconnect()


async def test_a_visitor_has_no_socket():
    assert await open_socket(Client()) is None


async def test_an_event_that_cannot_be_sent_does_not_fail_the_job(ada, monkeypatch):
    def broken():
        raise ConnectionError

    monkeypatch.setattr("apps.live.get_channel_layer", broken)
    monkeypatch.setattr("apps.live._quiet_until", 0.0)  # and is put back: the next test tells at once
    job = await sync_to_async(GenerationFactory)(user=ada)
    assert await sync_to_async(services.cancel)(job) == 30


async def test_sockets_of_one_account_are_counted_and_one_too_many_is_told_so(ada, ben, settings):
    settings.MAX_SOCKETS = 2
    first, second, third = [await connect(ada) for _ in range(3)]
    assert await third.receive_output(SECONDS) == {"type": "websocket.close", "code": TOO_MANY}
    assert await drain(second) != [] and await drain(await connect(ben)) != [], "the others have theirs"
    await third.disconnect()
    await first.disconnect()
    assert await drain(await connect(ada)) != [], "one that was closed makes room"


async def test_a_socket_that_breaks_is_not_counted_for_ever(ada, settings, monkeypatch):
    settings.MAX_SOCKETS = 1

    async def away(user):
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr("cinevivid.consumers.recent_cards", away)
        socket = await connect(ada)
        with pytest.raises(ConnectionError):
            await socket.wait(SECONDS)
    assert await drain(await connect(ada)) != []


def test_a_page_does_not_come_back_by_itself_where_it_was_one_too_many():
    script = Path(django_htmx.__file__).parent / "static/django_htmx/ext/hx-ws-2.js"
    (again,) = re.findall(r"\[([\d, ]+)\]\.indexOf\(e\.code\)", script.read_text())
    assert str(TOO_MANY) not in again
    assert f"TOO_MANY = {TOO_MANY};" in (site.BASE_DIR / "static/js/live.js").read_text()
