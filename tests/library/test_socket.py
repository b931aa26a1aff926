"""Cards move by themselves, and only on their owner's pages."""

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from apps.library import progress
from apps.tools import services
from tests.factories import GenerationFactory
from tests.library.sockets import connect, drain, open_socket

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
    job = await sync_to_async(GenerationFactory)(user=ada)
    assert await sync_to_async(services.cancel)(job) == 30
