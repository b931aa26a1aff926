"""The one websocket of a page."""

from typing import Any

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer

from apps.billing.consumers import CreditEvents, chip
from apps.library.consumers import GenerationEvents, recent_cards
from apps.live import group_of


class StudioConsumer(GenerationEvents, CreditEvents, AsyncWebsocketConsumer):
    """Sends the signed-in user's cards and credits whenever they change; what the browser sends is ignored."""

    group = ""

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
        self.group = group_of(user.pk)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        # Whatever happened between the page and this socket, or while a phone slept, is healed here.
        for html in (*await recent_cards(user), await chip(user)):
            await self.send(text_data=html)

    async def account_closed(self, event: dict[str, Any]) -> None:
        await self.close(code=4401)

    async def disconnect(self, code: int) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Pages have nothing to say here: they act over HTTP, where forms and CSRF are checked."""
