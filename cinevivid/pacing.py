"""How daphne sends an answer: at the pace of its reader; one that broke off never looks like a whole one.

Left to itself, daphne takes all that the application sends at once, so that a slow reader of a film costs its size in
memory; and an answer whose application raises in the middle is left open.
"""

import asyncio
import json
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.server import Server
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from apps.errors import problem
from apps.problems import MEDIA_TYPE, for_status, of_api


@implementer(IPushProducer)
class PacedRequest(WebRequest):
    """A request whose `room` is set while its connection takes more of the answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.room = asyncio.Event()
        self.room.set()

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message.get("more_body") and not self.producer and not self.finished and self.channel:
            self.registerProducer(self, True)
        super().handle_reply(message)

    def finish(self) -> None:
        if self.producer:
            self.unregisterProducer()
        super().finish()

    # Called by the connection, as its buffer fills and empties.

    def pauseProducing(self) -> None:
        self.room.clear()

    def resumeProducing(self) -> None:
        self.room.set()

    def stopProducing(self) -> None:
        self.room.set()

    def handle_exception(self, exception: Exception) -> None:
        """Break the connection of an answer that has begun: whoever reads it must not take it for whole."""
        if self._response_started and not self.finished and self.channel:
            self.channel.forceAbortClient()
        elif not self._response_started:
            super().handle_exception(exception)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """Answer what never reaches Django, under /api/ in the API's shape."""
        if of_api(self.uri.decode("latin-1")):
            told = json.dumps(problem(for_status(status), body) | {"status": status}).encode()
            kind = [(b"Content-Type", MEDIA_TYPE.encode())]
            self.handle_reply({"type": "http.response.start", "status": status, "headers": kind})
            self.handle_reply({"type": "http.response.body", "body": told})
        else:
            super().basic_error(status, status_text, body)


class PacedServer(Server):
    """Daphne, sending each answer at the pace of its reader."""

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send a part of an answer, and return when there is room for the next one."""
        await super().handle_reply(protocol, message)
        if isinstance(protocol, PacedRequest) and message.get("more_body"):
            await protocol.room.wait()
