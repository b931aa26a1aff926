"""The line before the workers: a job's place in it, and when the job is expected to start."""

from dataclasses import dataclass

from django.db.models import Count, Sum
from django.utils import timezone

from apps.library.models import Generation
from apps.tools import registry, services


@dataclass(frozen=True, slots=True)
class Place:
    """A place in line: 1 starts next. `seconds` until it does, None where nobody can tell."""

    number: int
    seconds: float | None


class Line:
    """The line as one page shows it: what is at work, and how fast tools are, is looked up once for all its jobs."""

    def __init__(self) -> None:
        self._paces: dict[str, float | None] = {}
        self._remaining: dict[str, list[float | None]] = {}

    def place_of(self, job: Generation) -> Place | None:
        """Return where a queued job stands; None for one that is not queued.

        The first worker to get free ends what it is making; what is queued before the job is then shared among as many
        workers as are at work now.
        """
        if job.status != Generation.Status.QUEUED:
            return None
        ahead = Generation.objects.ahead_of(job).order_by().values("tool")
        waiting = list(ahead.annotate(jobs=Count("pk"), size=Sum("work")).values_list("tool", "jobs", "size"))
        number = 1 + sum(jobs for _, jobs, _ in waiting)
        remaining = self._at_work(job.queue)
        known = [seconds for seconds in remaining if seconds is not None]
        if not known or len(known) < len(remaining):
            return Place(number, None)
        queued = [self._expected(slug, work) for slug, _, work in waiting]
        before = [seconds for seconds in queued if seconds is not None]
        if len(before) < len(queued):
            return Place(number, None)
        return Place(number, min(known) + sum(before) / len(known))

    def remaining_of(self, job: Generation) -> float | None:
        """Return the seconds until a running job ends: as it tells, or as its like took; None where neither is known.

        A film that is made larger at the end tells only what is left of the stage that it is in, so that the longer of
        the two counts.
        """
        expected = self._expected(job.tool, job.work)
        left = None
        if expected is not None and job.started_at:
            left = max(0.0, expected - (timezone.now() - job.started_at).total_seconds())
        if job.seconds_left is None:
            return left
        return max(job.seconds_left, left or 0.0) if job.params.get("finish") else job.seconds_left

    def _at_work(self, queue: str) -> list[float | None]:
        """Return what is left of each job that runs on a queue."""
        if queue not in self._remaining:
            running = Generation.objects.filter(status=Generation.Status.RUNNING, queue=queue)
            self._remaining[queue] = [self.remaining_of(job) for job in running]
        return self._remaining[queue]

    def _expected(self, slug: str, work: float) -> float | None:
        tool = registry.get(slug)
        if tool is None:
            return None
        if slug not in self._paces:
            self._paces[slug] = services.pace(tool)
        rate = self._paces[slug]
        return None if rate is None else rate * work
