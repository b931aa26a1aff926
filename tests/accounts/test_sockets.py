"""A page hears of nothing any more once its session has ended."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session

from apps.accounts.models import User
from apps.billing.models import Account, Transfer
from apps.library import progress
from cinevivid import consumers
from tests.factories import GenerationFactory
from tests.library.sockets import HOST, SECONDS, browser, drain, open_socket

PASSWORD, NEW = "a-long-enough-phrase", "another-long-phrase"
pytestmark = pytest.mark.django_db(transaction=True)
make, browse = sync_to_async(GenerationFactory), sync_to_async(browser)


async def closed(socket):
    """Whether the socket ends now, with nothing but its end."""
    message = await socket.receive_output(SECONDS)
    return message["type"] == "websocket.close" and message["code"] == consumers.SIGNED_OUT


async def signs_out(client, ada):
    await sync_to_async(client.post)("/accounts/logout/")


async def signs_out_of_the_administration(client, ada):
    await sync_to_async(User.objects.filter(pk=ada.pk).update)(is_staff=True)
    await sync_to_async(client.post)("/admin/logout/")


async def changes_the_password(client, ada):
    await sync_to_async(ada.set_password)(PASSWORD)
    await sync_to_async(ada.save)()


async def is_suspended(client, ada):
    ada.is_active = False
    await sync_to_async(ada.save)()


async def is_deleted(client, ada):
    for rows in (Transfer.objects.all(), Account.objects.filter(user=ada), User.objects.filter(pk=ada.pk)):
        await sync_to_async(rows.delete)()


@pytest.mark.parametrize(
    "end", [signs_out, signs_out_of_the_administration, changes_the_password, is_suspended, is_deleted]
)
async def test_a_socket_ends_with_its_session_and_no_card_comes_after_it(ada, end):
    client = await browse(ada)
    job = await make(user=ada) if end is not is_deleted else None
    socket = await open_socket(client)
    await drain(socket)
    await end(client, ada)
    assert await closed(socket)
    if job:
        for _ in range(3):
            await sync_to_async(progress.changed)(job)
    assert await socket.receive_nothing(0.5)


async def test_signing_out_in_one_browser_leaves_the_others_alone(ada, ben):
    first, second, bens = await browse(ada), await browse(ada), await browse(ben)
    sockets = [await open_socket(client) for client in (first, second, bens)]
    for socket in sockets:
        await drain(socket)
    await sync_to_async(first.post)("/accounts/logout/")
    assert await closed(sockets[0])
    job = await make(user=ada)
    await sync_to_async(progress.changed)(job)
    assert any(f"generation-{job.pk}" in message for message in await drain(sockets[1]))
    assert await drain(sockets[2]) == []
    for socket in sockets[1:]:
        await socket.disconnect()


@pytest.mark.parametrize("what", ["session", "user"])
async def test_a_session_that_ended_without_a_word_is_found_before_the_next_card(ada, monkeypatch, what):
    """It expired, or a row was changed by hand, or the word of it was lost."""
    monkeypatch.setattr(consumers, "CHECK_SECONDS", 0.0)
    socket = await open_socket(await browse(ada))
    await drain(socket)
    job = await make(user=ada)
    await drain(socket)
    if what == "session":
        await sync_to_async(Session.objects.all().delete)()
    else:
        await sync_to_async(User.objects.filter(pk=ada.pk).update)(is_active=False)
    await sync_to_async(progress.changed)(job)
    assert await closed(socket)


async def test_an_old_check_of_a_session_is_not_believed_for_long():
    assert consumers.CHECK_SECONDS <= 10


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:9000", "http://localhost", "https://localhost:8000", "http://evil.example:8000", "", "null"],
)
async def test_a_page_of_another_origin_has_no_socket(ada, origin):
    assert await open_socket(await browse(ada), origin=origin) is None


async def test_a_host_that_is_not_ours_has_no_socket(ada):
    client = await browse(ada)
    assert await open_socket(client, host=b"evil.example", origin="http://evil.example") is None


async def test_pages_of_the_site_have_a_socket_by_every_name_of_it(ada, settings):
    settings.SITE_URL, settings.CSRF_TRUSTED_ORIGINS = "https://studio.example", ["https://other.example:8443"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["studio.example", "127.0.0.1", "localhost"]
    client = await browse(ada)
    behind = {"headers": [(b"x-forwarded-proto", b"https")]}
    for more in (
        {"host": b"studio.example", "origin": "https://studio.example", **behind},
        {"host": b"127.0.0.1:8000", "origin": "http://127.0.0.1:8000"},
        {"host": HOST, "origin": "https://studio.example"},
        {"host": HOST, "origin": "https://other.example:8443"},
        {"host": b"studio.example", "origin": "https://studio.example", "scheme": "wss"},
    ):
        socket = await open_socket(client, **more)
        assert socket, more
        await socket.disconnect()
    assert await open_socket(client, host=b"studio.example", origin="http://studio.example", **behind) is None
