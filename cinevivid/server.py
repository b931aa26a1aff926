"""The web server: daphne, which hands bodies to the application as they arrive instead of reading them first.

Stock daphne lets Twisted read and parse the whole body in memory, on the event loop, before Django sees the request.
Here the application starts when the headers are complete and asks for the body piece by piece; the client is made to
wait while it does not. What may come at all is decided there (`cinevivid/bodies.py`).
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from daphne import server as daphne
from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import HTTPFactory
from django.conf import settings
from twisted.web.http import RESPONSES, HTTPChannel

from cinevivid.bodies import plain_refusal
from cinevivid.pacing import PacedRequest, PacedServer

AHEAD = 512 * 1024  # bytes of a body that wait for the application until the client has to wait
FEW_PIECES = 4096  # of a body may have any size
SMALLEST_PIECE = 64  # bytes that further pieces have on average, at least: a small one costs as much as a large one
LINGER_SECONDS = 5  # until a connection is cut whose client goes on sending after the answer
SOCKET_MESSAGE = 64 * 1024  # bytes; pages send nothing over their socket
LEFTOVER_SECONDS = 24 * 3600  # the age at which a temporary upload belongs to no request any more

# Twisted's table lacks newer codes, which browsers show as "Unknown Status", and has old names for others.
RESPONSES.update({int(status): status.phrase.encode() for status in HTTPStatus})

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Request(PacedRequest):
    """A request whose application runs while its body arrives."""

    streams = complete = expects_continue = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arrived = bytearray()
        self.pieces = self.size = 0

    def gotLength(self, length: int | None) -> None:
        """Start the application, at the end of the headers; a request without a body starts as it always does."""
        super().gotLength(0)
        if length == 0:
            return
        self.streams = True
        if b"websocket" in [each.lower() for each in self.requestHeaders.getRawHeaders(b"Upgrade", [])]:
            self.channel.refuse()  # a socket begins without a body
            return
        super().requestReceived(*self.channel.request_line())
        if self.application_queue is not None:
            self.application_queue.get_nowait()  # daphne has put the end of an empty body there

    def wanted(self) -> bool:
        """Whether an application is there that reads what arrives: it has not answered yet, and its client is there."""
        return not (self.finished or self.application_queue is None or self.channel.transport.disconnecting)

    def handleContentChunk(self, data: bytes) -> None:
        if not self.wanted():
            return
        self.pieces, self.size = self.pieces + 1, self.size + len(data)
        if self.pieces > FEW_PIECES + self.size / SMALLEST_PIECE:
            self.channel.refuse()
            return
        if not self.arrived:
            self.application_queue.put_nowait({"type": "http.request"})
        self.arrived += data
        if len(self.arrived) > AHEAD:
            self.channel.wait()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self.streams:
            super().requestReceived(command, path, version)
        elif self.wanted():
            self.complete = True
            self.channel.go_on()  # so that a client that leaves is noticed
            if not self.arrived:
                self.application_queue.put_nowait({"type": "http.request"})

    async def receive(self, next_message: Receive) -> Message:
        """Return the next message for the application: of the body, everything that has arrived."""
        if self.expects_continue and not self.arrived and self.channel:
            self.expects_continue = False
            self.channel.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        message = await next_message()
        if message["type"] != "http.request" or "body" in message:
            return message
        data, self.arrived = bytes(self.arrived), bytearray()
        if not (self.complete or self.finished) and self.channel:
            self.channel.go_on()
        return message | {"body": data, "more_body": not self.complete}

    def handle_reply(self, message: Message) -> None:
        """An answer that comes before the end of the body is the last one of its connection."""
        unread = self.streams and not self.complete and not self.finished
        if unread and message["type"] == "http.response.start" and self.channel:
            self.expects_continue = False
            self.channel.persistent = False
            self.responseHeaders.setRawHeaders(b"connection", [b"close"])
        super().handle_reply(message)

    def finish(self) -> None:
        if self.streams and not self.complete:
            self.channel.lingers = True
        super().finish()


class Channel(HTTPChannel):
    """A connection with a limited time for its headers, and whose bodies are read only while somebody wants them."""

    lingers = False
    _abortingCall: Any = None

    def request_line(self) -> tuple[bytes, bytes, bytes]:
        return self._command, self._path, self._version

    def wait(self) -> None:
        self._networkProducer.pauseProducing()

    def go_on(self) -> None:
        self._networkProducer.resumeProducing()

    def resetTimeout(self) -> None:
        """Let the time of the headers run on as they arrive: it begins with the answer before them."""
        if not self.line_mode:
            super().resetTimeout()

    def allHeadersReceived(self) -> None:
        super().allHeadersReceived()
        if self.requests and self.requests[-1].streams:
            self._savedTimeOut = self.setTimeout(None)  # of bodies the application keeps the time

    def _send100Continue(self) -> None:
        """Wait with the invitation until the application wants the body."""
        if self.requests:
            self.requests[-1].expects_continue = True

    def rawDataReceived(self, data: bytes) -> None:
        if not self.lingers:
            super().rawDataReceived(data)

    def loseConnection(self) -> None:
        """Say that there is no more to come, and wait a moment for the other side to close.

        Whoever is still sending would lose the answer if the connection were cut at once (RFC 9112 §9.6).
        """
        if not self.lingers:
            super().loseConnection()
        elif self._abortingCall is None:
            self.setTimeout(None)
            self._networkProducer.unregisterProducer()
            self.transport.loseWriteConnection()
            self._abortingCall = self.callLater(LINGER_SECONDS, self.forceAbortClient)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Answer an address or a header that is too long; Twisted would close without a word."""
        if not self.requests:
            self._path = line.partition(b" ")[2]
        self.refuse()

    def refuse(self) -> None:
        """Answer 400 and close."""
        self._respondToBadRequestAndDisconnect()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Answer what is no HTTP, such as a request with two lengths; Twisted's own answer has no body."""
        self.transport.write(plain_refusal("invalid_request", getattr(self, "_path", b"")))
        super().loseConnection()


class Factory(HTTPFactory):
    """Makes the connections and requests of this module."""

    protocol = Channel

    def __init__(self, server: "Server") -> None:
        super().__init__(server)
        self.timeOut = settings.REQUEST_IDLE_SECONDS

    def buildProtocol(self, addr: Any) -> Channel:
        channel: Channel = super().buildProtocol(addr)
        channel.requestFactory = Request
        return channel


class Server(PacedServer):
    """Daphne with the requests of this module; `manage.py runserver`, `serve` and `studio` start it."""

    def __init__(self, application: Callable[..., Awaitable[None]], **options: Any) -> None:
        self.behind = application
        super().__init__(self.stream, **options)

    def run(self) -> None:
        daphne.HTTPFactory = Factory  # it has no other place where it could be told
        remove_leftovers()
        super().run()

    def create_application(self, protocol: Any, scope: Message) -> Any:
        return super().create_application(protocol, scope | {"protocol": protocol})

    async def stream(self, scope: Message, receive: Receive, send: Callable[[Message], Awaitable[None]]) -> None:
        protocol = scope.pop("protocol")
        if isinstance(protocol, Request):
            receive = partial(protocol.receive, receive)
        await self.behind(scope, receive, send)


def serve(host: str, port: int) -> None:
    """Serve the site until the process is stopped."""
    from cinevivid.asgi import application

    Server(
        application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        verbosity=0,  # daphne's own log would have prompts and one-time keys
        websocket_timeout=-1,  # a page may stay open for days: its socket is closed by whoever leaves
        websocket_max_message_size=SOCKET_MESSAGE,
        websocket_max_frame_size=SOCKET_MESSAGE,
    ).run()


def remove_leftovers() -> None:
    """Remove uploads that a killed process left in the folder where they arrive."""
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*.upload*"):
        if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
            path.unlink(missing_ok=True)
