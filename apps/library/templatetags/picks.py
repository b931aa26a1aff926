"""What pages of the library say of what is picked and of what is in the trash."""

from datetime import datetime, timedelta

from django import template
from django.conf import settings

from apps.library import picks

register = template.Library()


@register.filter
def undo(tag: str | None) -> dict[str, str] | None:
    """Where what a message tells is taken back, and the ids for that, from the message's tag; None for another tag."""
    if not (tag or "").startswith(f"{picks.UNDO}:"):
        return None
    _, address, ids = str(tag).split(":", 2)
    return {"address": address, "ids": ids}


@register.filter
def leaves(deleted_at: datetime) -> datetime:
    """When something that is in the trash goes for good."""
    return deleted_at + timedelta(days=settings.TRASH_DAYS)
