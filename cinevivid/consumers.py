"""The one websocket of a page."""

from collections import Counter
from typing import Any, ClassVar

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from apps.billing.consumers import CreditEvents, chip
from apps.library.consumers import GenerationEvents, recent_cards
from apps.live import group_of

TOO_MANY = 4429  # a page does not connect again after it (static/js/live.js)


class StudioConsumer(GenerationEvents, CreditEvents, AsyncWebsocketConsumer):
    """Sends the signed-in user's cards and credits whenever they change; what the browser sends is ignored."""

    group = ""
    sockets: ClassVar[Counter[str]] = Counter()  # by group, those open in this process

    async def __call__(self, *connection: Any) -> None:
        """Run until the socket is closed, and then no longer count it, whatever ended it."""
        try:
            await super().__call__(*connection)
        finally:
            if self.group:
                self.sockets[self.group] -= 1
                if not self.sockets[self.group]:
                    del self.sockets[self.group]

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Hand a message to its handler.

        The stock method first hops to a thread to close old database connections, once for each socket and message;
        the handlers here use `database_sync_to_async`, which does that where a connection is really used.
        """
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(code=4401)
            return
        group = group_of(user.pk)
        if self.sockets[group] >= settings.MAX_SOCKETS:
            await self.accept()  # the browser is told the code of an open socket only
            await self.close(code=TOO_MANY)
            return
        self.group = group
        self.sockets[group] += 1
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        # Whatever happened between the page and this socket, or while a phone slept, is healed here.
        for html in (*await recent_cards(user), await chip(user)):
            await self.send(text_data=html)

    async def disconnect(self, code: int) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Pages have nothing to say here: they act over HTTP, where forms and CSRF are checked."""
