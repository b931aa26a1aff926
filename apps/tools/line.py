"""The line before the workers: a job's place in it, and when the job is expected to start."""

from dataclasses import dataclass

from django.db.models import Count, F, Sum
from django.utils import timezone

from apps.library.models import Generation
from apps.tools.pace import expected


@dataclass(frozen=True, slots=True)
class Place:
    """A place in line: 1 starts next. `seconds` until it does, None where nobody can tell.

    `at_once` is set where it waits for another job of its owner, whose plan makes no more than so many at once.
    """

    number: int
    seconds: float | None
    at_once: int | None = None


def place_of(job: Generation) -> Place | None:
    """Return where a queued job stands; None for one that is not queued.

    The first worker to get free ends what it is making; what is queued before the job is then shared among as many
    workers as are at work now.
    """
    if job.status != Generation.Status.QUEUED:
        return None
    mine = Generation.objects.filter(user=job.user_id, status=Generation.Status.RUNNING, cost__gt=0)
    own = job.at_once is not None and mine.count() >= job.at_once
    ahead = Generation.objects.queued().before(job).filter(queue=job.queue)
    sums = ahead.order_by().values("tool").annotate(jobs=Count("pk"), work=Sum(F("work")))
    waiting = {row["tool"]: (row["jobs"], row["work"]) for row in sums}
    number = 1 + sum(jobs for jobs, _ in waiting.values())
    running = list(Generation.objects.filter(status=Generation.Status.RUNNING, queue=job.queue))
    remaining = [remaining_of(other) for other in running]
    queued = [expected(slug, work) for slug, (_, work) in waiting.items()]
    if own or not running or None in remaining or None in queued:
        return Place(number, None, job.at_once if own else None)
    first = min(seconds for seconds in remaining if seconds is not None)
    return Place(number, first + sum(seconds or 0 for seconds in queued) / len(running))


def remaining_of(job: Generation) -> float | None:
    """Return the seconds until a running job ends: as it tells, or as its like took; None where neither is known.

    A film that is made larger at the end tells only what is left of the stage that it is in, so that the longer of the
    two counts.
    """
    usual = expected(job.tool, job.work)
    left = None
    if usual is not None and job.started_at:
        left = max(0.0, usual - (timezone.now() - job.started_at).total_seconds())
    if job.seconds_left is None:
        return left
    return max(job.seconds_left, left or 0.0) if job.params.get("finish") else job.seconds_left
