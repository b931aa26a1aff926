"""The websocket of a page, from the whole application, with the cookie of a browser."""

import uuid

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth import SESSION_KEY
from django.test import Client

from apps.live import group_of
from cinevivid.asgi import application
from cinevivid.consumers import StudioConsumer

HOST = b"localhost:8000"
SECONDS = 60  # the first card of a process compiles its templates, and the machine may have much else to do


async def say(self, event):
    if self.scope.get("page") == event["page"]:
        await self.send(text_data=event["page"])


StudioConsumer.tests_say = say  # see `drain`


def browser(user):
    """A browser in which the user is signed in."""
    client = Client(headers={"host": HOST.decode()})
    client.force_login(user)
    return client


async def open_socket(client, *, host=HOST, origin="http://localhost:8000", **scope):
    """Open the socket of a browser's page; None when it is refused."""
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = [(b"host", host), (b"cookie", cookies.encode()), *([(b"origin", origin.encode())] if origin else [])]
    socket = WebsocketCommunicator(application, "/ws/", headers=[*headers, *scope.pop("headers", [])])
    socket.scope.update(scope, page=uuid.uuid4().hex)
    socket.user = await sync_to_async(lambda: client.session.get(SESSION_KEY))()
    connected, _ = await socket.connect(timeout=SECONDS)
    return socket if connected else None


async def connect(user):
    return await open_socket(await sync_to_async(browser)(user))


async def drain(socket):
    """Every message that has come or is on its way: what is said to this page now comes after all of them."""
    page, messages = socket.scope["page"], []
    await get_channel_layer().group_send(group_of(socket.user), {"type": "tests.say", "page": page})
    while (message := await socket.receive_from(SECONDS)) != page:
        messages.append(message)
    return messages
