"""Work on uploads ends when the client that waits for it has left."""

from threading import Event
from typing import Any

from workers.media import foreign


class EndsWithItsClient:
    """Wraps the HTTP application: files that are being opened for a request are given up once its client has left.

    Django tells an asynchronous view by cancelling it, but a synchronous one goes on in its thread.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        left = Event()

        async def heard() -> Any:
            message = await receive()
            if message["type"] == "http.disconnect":
                left.set()
            return message

        with foreign.ended_by(left):
            await self.app(scope, heard, send)
