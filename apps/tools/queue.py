"""Sends a job to the workers."""

import structlog
from django.utils import timezone

from apps import messages
from apps.library.models import Generation

log = structlog.get_logger(__name__)
ACTOR = "run_generation"  # in workers/actors.py


def dispatch(job: Generation) -> bool:
    """Nudge a worker of the job's queue; False when the queue does not answer, which `sweep` makes good.

    The worker takes the best row of that queue, which may be another one. Sending twice is harmless, because the claim
    decides. Not sending is too: the row is the job.
    """
    row = Generation.objects.filter(pk=job.pk)
    # Before the message: a worker that is quick would pass over a row that is just being written.
    row.update(dispatched_at=timezone.now())
    try:
        messages.send(job.queue, ACTOR, job.queue)
    except Exception as error:
        log.warning("message_not_sent", generation=str(job.pk), error=type(error).__name__, reason=str(error)[:200])
        row.update(dispatched_at=None)
        return False
    return True
