"""Live progress of generations."""

from apps.library.models import Generation
from apps.live import publish


def changed(job: Generation) -> None:
    """Repaint this job's card on every open page of its owner."""
    publish(job.user_id, "generation.changed", id=str(job.pk))


def queue_moved(queue: str) -> None:
    """Repaint the waiting cards of a queue: everybody moved up by one."""
    for job in Generation.objects.queued().filter(queue=queue).order_by("created_at").only("pk", "user_id")[:50]:
        changed(job)


def looked(user_id: int) -> None:
    """Bring the number in the top bar of every open page up to date, after its owner looked at what has ended."""
    publish(user_id, "activity.changed")
