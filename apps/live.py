"""Events to open pages. An event says that something changed, never what: the reader renders the row as it is now."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from apps import outages

log = structlog.get_logger(__name__)
KEEP_SECONDS = 5.0
QUIET_SECONDS = 1.0
_quiet_until = 0.0
_rendered: dict[str, "asyncio.Future[str]"] = {}


def group_of(user_id: int) -> str:
    return f"user.{user_id}"


def publish(user_id: int, event: str, **data: Any) -> None:
    """Tell every open page of a user; a lost event costs one repaint, so a failure here is only logged.

    While Redis is away it is asked once in QUIET_SECONDS. Pages lose their sockets then, and are sent all afterwards.
    """
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    message = {"type": event, "event": uuid.uuid4().hex, **data}
    try:
        async_to_sync(get_channel_layer().group_send)(group_of(user_id), message)
    except Exception as error:
        _quiet_until = time.monotonic() + QUIET_SECONDS
        if outages.code_of(error):
            outages.tell(error, "event")
        else:
            log.warning("event_lost", user=user_id, type=event, exc_info=True)


async def rendered_once(event: str, render: Callable[[], Awaitable[str]]) -> str:
    """What an event paints, rendered once for all sockets of this process: they belong to one user and see the same."""
    if event not in _rendered:
        _rendered[event] = asyncio.ensure_future(render())
        asyncio.get_running_loop().call_later(KEEP_SECONDS, _rendered.pop, event, None)
    return await asyncio.shield(_rendered[event])
