"""The line before the workers: a job's place in it, and when the job is expected to start."""

from dataclasses import dataclass

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from apps.library.models import Generation
from apps.tools import registry, services


@dataclass(frozen=True, slots=True)
class Place:
    """A place in line: 1 starts next. `seconds` until it does, None where nobody can tell."""

    number: int
    seconds: float | None


def place_of(job: Generation) -> Place | None:
    """Return where a queued job stands; None for one that is not queued.

    The first worker to get free ends what it is making; what is queued before the job is then shared among as many
    workers as are at work now.
    """
    if job.status != Generation.Status.QUEUED:
        return None
    earlier = Q(created_at__lt=job.created_at) | Q(created_at=job.created_at, pk__lt=job.pk)
    ahead = Generation.objects.queued().filter(earlier, queue=job.queue)
    sums = ahead.order_by().values("tool").annotate(jobs=Count("pk"), work=Sum(F("work")))
    waiting = {row["tool"]: (row["jobs"], row["work"]) for row in sums}
    number = 1 + sum(jobs for jobs, _ in waiting.values())
    running = list(Generation.objects.filter(status=Generation.Status.RUNNING, queue=job.queue))
    remaining = [remaining_of(other) for other in running]
    queued = [_expected(slug, work) for slug, (_, work) in waiting.items()]
    if not running or None in remaining or None in queued:
        return Place(number, None)
    first = min(seconds for seconds in remaining if seconds is not None)
    return Place(number, first + sum(seconds or 0 for seconds in queued) / len(running))


def remaining_of(job: Generation) -> float | None:
    """Return the seconds until a running job ends: as it tells, or as its like took; None where neither is known.

    A film that is made larger at the end tells only what is left of the stage that it is in, so that the longer of the
    two counts.
    """
    expected = _expected(job.tool, job.work)
    left = None
    if expected is not None and job.started_at:
        left = max(0.0, expected - (timezone.now() - job.started_at).total_seconds())
    if job.seconds_left is None:
        return left
    return max(job.seconds_left, left or 0.0) if job.params.get("finish") else job.seconds_left


def _expected(slug: str, work: float) -> float | None:
    tool = registry.get(slug)
    rate = services.pace(tool) if tool else None
    return None if rate is None else rate * work
