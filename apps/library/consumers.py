"""Cards that move while a film is made, and the number of jobs in the top bar."""

from typing import Any

from channels.db import database_sync_to_async
from django.template.loader import render_to_string

from apps.accounts.models import User
from apps.library.batches import batch_of
from apps.library.context import activity_of
from apps.library.models import Generation
from apps.live import rendered_once


class GenerationEvents:
    """Consumer mixin: answers `generation.changed` with the card as the page would draw it now."""

    scope: dict[str, Any]
    counted_jobs = ""  # the number as it was sent last

    async def generation_changed(self, event: dict[str, Any]) -> None:
        for html in await rendered_once(event["event"], lambda: cards(self.scope["user"], event["id"])):
            await self.send(text_data=html)  # type: ignore[attr-defined]
        await self.activity_changed(event)

    async def activity_changed(self, event: dict[str, Any]) -> None:
        """Send the number of jobs when it is another than the page has."""
        html = await rendered_once(f"{event['event']}:number", lambda: number(self.scope["user"].pk))
        if html != self.counted_jobs:
            self.counted_jobs = html
            await self.send(text_data=html)  # type: ignore[attr-defined]


@database_sync_to_async
def cards(user: User, pk: str) -> list[str]:
    """The card of one job, to be swapped in place; of one in the trash, its empty place; of a stranger's, nothing.

    Of one of a batch, what is shown of that follows.
    """
    job = Generation.objects.filter(user=user).with_batches().filter(pk=pk).first()
    if job is None:
        return []
    template = "components/card_gone.html" if job.deleted_at else "components/card.html"
    return [render_to_string(template, {"job": job, "oob": True}), *_of_batch(job)]


def _of_batch(job: Generation) -> list[str]:
    """The card and the head of the batch that a job belongs to."""
    batch = batch_of(job)
    templates = ("components/batch_card.html", "components/batch_head.html") if batch else ()
    return [render_to_string(template, {"batch": batch, "oob": True}) for template in templates]


@database_sync_to_async
def recent_cards(user: User) -> list[str]:
    """Cards that may have changed while the page had no socket: running, waiting, or just ended."""
    found: list[str] = []
    told = set()
    for job in Generation.objects.of(user).with_batches()[:12]:
        found.append(render_to_string("components/card.html", {"job": job, "oob": True}))
        if job.group_id not in told:
            told.add(job.group_id)
            found += _of_batch(job)
    return found


@database_sync_to_async
def number(user_id: int) -> str:
    """The number of the top bar; the user is read anew, as they may have looked on another device."""
    user = User.objects.get(pk=user_id)
    return render_to_string("components/activity_count.html", {"activity": activity_of(user), "oob": True})
