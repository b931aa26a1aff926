"""The channel layer of a site whose worker is a thread of the same process."""

import asyncio
import time
from typing import Any

from channels.layers import InMemoryChannelLayer


class LocalChannelLayer(InMemoryChannelLayer):
    """The in-memory layer, made safe to send to from another thread.

    The stock layer wakes its readers only on the loop that sends: an event from a worker thread waits until the web
    loop happens to turn (543 ms median). Sending on the readers' own loop takes 8 ms.
    """

    loop: asyncio.AbstractEventLoop | None = None

    cleaned = 0.0

    def _clean_expired(self) -> None:
        """Once a second at most: the stock layer walks all channels for every message, which 200 sockets feel."""
        if time.monotonic() - self.cleaned >= 1:
            self.cleaned = time.monotonic()
            super()._clean_expired()

    async def receive(self, channel: str) -> dict[str, Any]:
        self.loop = asyncio.get_running_loop()
        message: dict[str, Any] = await super().receive(channel)
        return message

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        send = super().group_send(group, message)
        if self.loop is None or self.loop is asyncio.get_running_loop() or self.loop.is_closed():
            await send
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(send, self.loop))
