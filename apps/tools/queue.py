"""Sends a job to the workers."""

import structlog
from django.utils import timezone

from apps import messages
from apps.library.models import Generation

log = structlog.get_logger(__name__)
ACTOR = "run_generation"  # in workers/actors.py


def dispatch(job: Generation) -> bool:
    """Send a message that a job waits. Returns False when the broker does not answer; `sweep` sends it again later.

    A second message is harmless: only one worker can claim the row.
    """
    try:
        messages.send(job.queue, ACTOR, str(job.pk))
    except Exception:
        log.warning("message_not_sent", generation=str(job.pk), exc_info=True)
        return False
    Generation.objects.filter(pk=job.pk).update(dispatched_at=timezone.now())
    return True
