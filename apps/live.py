"""Events to open pages. An event says that something changed, never what: the reader renders the row as it is now."""

from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

log = structlog.get_logger(__name__)


def group_of(user_id: int) -> str:
    return f"user.{user_id}"


def publish(user_id: int, event: str, **data: Any) -> None:
    """Tell every open page of a user; a lost event costs one repaint, so a failure here is only logged."""
    try:
        async_to_sync(get_channel_layer().group_send)(group_of(user_id), {"type": event, **data})
    except Exception:
        log.warning("event_lost", user=user_id, type=event, exc_info=True)
