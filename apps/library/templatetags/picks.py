"""What pages of the library say of what is picked and of what is in the trash."""

from datetime import datetime, timedelta

from django import template
from django.conf import settings

register = template.Library()


@register.filter
def undo(tag: str) -> dict[str, str]:
    """Where what a message tells is taken back, and the ids for that, from the message's tag."""
    _, address, ids = tag.split(":", 2)
    return {"address": address, "ids": ids}


@register.filter
def leaves(deleted_at: datetime) -> datetime:
    """When something that is in the trash goes for good."""
    return deleted_at + timedelta(days=settings.TRASH_DAYS)
