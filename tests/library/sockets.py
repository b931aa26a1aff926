"""The websocket of a page, from the whole application, with the cookie of a browser."""

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import Client

from cinevivid.asgi import application

HOST = b"localhost:8000"


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
    socket.scope.update(scope)
    connected, _ = await socket.connect(timeout=5)
    return socket if connected else None


async def connect(user):
    return await open_socket(await sync_to_async(browser)(user))


async def drain(socket):
    """Every message that has come."""
    messages = []
    # The first card of a process compiles its templates.
    while not await socket.receive_nothing(1.5):
        messages.append(await socket.receive_from())
    return messages
