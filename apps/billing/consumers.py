"""The live credits chip."""

from typing import Any

from channels.db import database_sync_to_async
from django.template.loader import render_to_string

from apps.accounts.models import User
from apps.billing import services
from apps.live import rendered_once


class CreditEvents:
    """Consumer mixin: answers `credits.changed` with the chip as it is now."""

    scope: dict[str, Any]

    async def credits_changed(self, event: dict[str, Any]) -> None:
        await self.send(text_data=await rendered_once(event["event"], lambda: chip(self.scope["user"])))  # type: ignore[attr-defined]


@database_sync_to_async
def chip(user: User) -> str:
    return render_to_string("components/credits.html", {"credits_balance": services.balance(user), "oob": True})
