"""The channel layers: of a site whose worker is a thread of the same process, and of a fleet."""

import asyncio
import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer, RedisSingleShardConnection
from django.conf import settings

log = structlog.get_logger(__name__)
LONGEST_EVENT = 64 * 1024  # bytes
BACK = {"type": "layer.back"}  # told to every consumer when events may have been lost


class LocalChannelLayer(InMemoryChannelLayer):
    """The in-memory layer, made safe to send to from another thread, and from a command beside the studio.

    The stock layer wakes its readers only on the loop that sends: an event from a worker thread waits until the web
    loop happens to turn (543 ms median). Sending on the readers' own loop takes 8 ms.

    A command of `manage.py` has no pages of its own. What it tells goes to the studio on the same data folder, through
    a socket there that only its owner may write to.
    """

    loop: asyncio.AbstractEventLoop | None = None
    listens = False

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

    def listen(self) -> None:
        """Take in what commands beside this studio tell."""
        path = settings.EVENTS_SOCKET
        path.unlink(missing_ok=True)
        incoming = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        incoming.bind(str(path))
        self.listens = True
        threading.Thread(target=self._take_in, args=(incoming,), name="events", daemon=True).start()

    def _take_in(self, incoming: socket.socket) -> None:
        while True:
            try:
                told = json.loads(incoming.recv(LONGEST_EVENT))
                async_to_sync(self.group_send)(told["group"], told["message"])
            except Exception:
                log.warning("event_not_taken_in", exc_info=True)

    def _hand_over(self, group: str, message: dict[str, Any]) -> None:
        """Send an event to the studio on this data folder, if one runs; a lost event costs one repaint."""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as outgoing:
            outgoing.setblocking(False)
            outgoing.sendto(json.dumps({"group": group, "message": message}).encode(), str(settings.EVENTS_SOCKET))

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.loop is None and not self.listens:
            self._hand_over(group, message)
        send = super().group_send(group, message)
        if self.loop is None or self.loop is asyncio.get_running_loop() or self.loop.is_closed():
            await send
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(send, self.loop))


class FleetChannelLayer(RedisPubSubChannelLayer):
    """Redis's layer, which tells its consumers when Redis is back: what was sent meanwhile is lost.

    The stock layer subscribes again without a word, and until then logs a traceback a second.
    """

    def _get_layer(self) -> Any:
        known = asyncio.get_running_loop() in self._layers
        layer = super()._get_layer()
        if not known:
            layer._shards = [Shard(shard.host, layer) for shard in layer._shards]
        return layer


class Shard(RedisSingleShardConnection):
    """The connection to one Redis, and the task that reads from it."""

    away = False

    async def _do_receiving(self) -> None:
        while True:
            try:
                if self._pubsub and self._pubsub.subscribed:
                    self._receive_message(await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1))
                    self._tell_back()
                else:
                    await asyncio.sleep(0.1)
            except Exception as error:
                if not self.away:
                    log.warning("events_away", error=type(error).__name__)
                self.away = True
                await asyncio.sleep(1)

    def _tell_back(self) -> None:
        if self.away:
            self.away = False
            log.warning("events_back")
            told = self.channel_layer.channel_layer.serialize(BACK)
            for queue in self.channel_layer.channels.values():
                queue.put_nowait(told)
