"""The one websocket of a page."""

import time
from collections import Counter
from typing import Any, ClassVar

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from apps.accounts import sessions
from apps.billing.consumers import CreditEvents, chip
from apps.library.consumers import GenerationEvents, number, recent_cards
from apps.live import group_of

# Codes of a socket that is closed for good: pages do not connect again after them.
SIGNED_OUT = 4401
TOO_MANY = 4429  # known to static/js/live.js, which tells the user
CHECK_SECONDS = 5.0  # after which a session is looked up again before the next message is sent


class StudioConsumer(GenerationEvents, CreditEvents, AsyncWebsocketConsumer):
    """Sends the signed-in user's cards and credits whenever they change; what the browser sends is ignored.

    It ends with the session that opened it: an event says so at once, and cards are sent only after a recent check.
    """

    group = ""
    counted = ""  # the group among whose sockets this one is counted
    checked = 0.0
    sockets: ClassVar[Counter[str]] = Counter()  # by group, those open in this process

    async def __call__(self, *connection: Any) -> None:
        """Run until the socket is closed, and then no longer count it, whatever ended it."""
        try:
            await super().__call__(*connection)
        finally:
            if self.counted:
                self.sockets[self.counted] -= 1
                if not self.sockets[self.counted]:
                    del self.sockets[self.counted]

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Hand a message to its handler.

        The stock method first hops to a thread to close old database connections, once for each socket and message;
        the handlers here use `database_sync_to_async`, which does that where a connection is really used.
        """
        if not message["type"].startswith("websocket.") and not await self.signed_in():
            return
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(code=SIGNED_OUT)
            return
        group = group_of(user.pk)
        if self.sockets[group] >= settings.MAX_SOCKETS:
            await self.accept()  # the browser is told the code of an open socket only
            await self.close(code=TOO_MANY)
            return
        self.group = self.counted = group
        self.sockets[group] += 1
        await self.channel_layer.group_add(self.group, self.channel_name)
        # After joining the group: the end of a session that comes later is heard as an event.
        if not await self.signed_in():
            return
        await self.accept()
        await self.catch_up()

    async def catch_up(self) -> None:
        """Heal what happened between the page and this socket, or while a phone slept."""
        self.counted_jobs = await number(self.scope["user"].pk)
        for html in (*await recent_cards(self.scope["user"]), await chip(self.scope["user"]), self.counted_jobs):
            await self.send(text_data=html)

    async def layer_back(self, event: dict[str, Any]) -> None:
        """Heal what happened while Redis was away."""
        await self.catch_up()

    async def disconnect(self, code: int) -> None:
        await self.leave()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Pages have nothing to say here: they act over HTTP, where forms and CSRF are checked."""

    async def session_ended(self, event: dict[str, Any]) -> None:
        """End if the event names this session; when it names none, look whether this one still holds."""
        if event["session"] == sessions.name_of(self.scope["session"].session_key):
            await self.end()
        elif not event["session"]:
            self.checked = 0.0
            await self.signed_in()

    async def signed_in(self) -> bool:
        """Whether the session holds, looked up every CHECK_SECONDS; when it does not, the socket ends."""
        if not self.group:
            return False
        if time.monotonic() - self.checked > CHECK_SECONDS:
            key, user = self.scope["session"].session_key, self.scope["user"].pk
            if not await database_sync_to_async(sessions.holds)(key, user):
                await self.end()
                return False
            self.checked = time.monotonic()
        return True

    async def end(self) -> None:
        await self.leave()
        await self.close(code=SIGNED_OUT)

    async def leave(self) -> None:
        group, self.group = self.group, ""
        if group:
            await self.channel_layer.group_discard(group, self.channel_name)
