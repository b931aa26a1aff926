"""Cards that move while a film is made."""

from typing import Any

from channels.db import database_sync_to_async
from django.template.loader import render_to_string

from apps.accounts.models import User
from apps.library.models import Generation
from apps.live import rendered_once


class GenerationEvents:
    """Consumer mixin: answers `generation.changed` with the card as the page would draw it now."""

    scope: dict[str, Any]

    async def generation_changed(self, event: dict[str, Any]) -> None:
        html = await rendered_once(event["event"], lambda: card(self.scope["user"], event["id"]))
        if html:
            await self.send(text_data=html)  # type: ignore[attr-defined]


@database_sync_to_async
def card(user: User, pk: str) -> str:
    """The card of one job, to be swapped in place; empty when it is not the user's (or deleted)."""
    job = Generation.objects.of(user).with_assets().filter(pk=pk).first()
    return render_to_string("components/card.html", {"job": job, "oob": True}) if job else ""


@database_sync_to_async
def recent_cards(user: User) -> list[str]:
    """Cards that may have changed while the page had no socket: running, waiting, or just ended."""
    jobs = Generation.objects.of(user).with_assets()[:12]
    return [render_to_string("components/card.html", {"job": job, "oob": True}) for job in jobs]
