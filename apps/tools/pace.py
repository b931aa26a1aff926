"""How long jobs take, as their like have taken."""

import statistics

from apps.library.models import Generation
from apps.tools import registry
from apps.tools.registry import Tool

RECENT = 20


def pace(tool: Tool) -> float | None:
    """Return the seconds that a unit of a tool's work takes, the median of its recent runs; None before the first.

    Loading a model is no part of them: a worker does it once, and seldom again.
    """
    # A later attempt made only the rest of a film, and a stopped one only a part: their times say nothing.
    succeeded = Generation.Status.SUCCEEDED
    whole = Generation.objects.filter(tool=tool.slug, status=succeeded, attempt__lte=1, stopped_early=False)
    recent = whole.filter(started_at__isnull=False, finished_at__isnull=False, work__gt=0)
    times = recent.values_list("started_at", "finished_at", "loading_seconds", "work")[:RECENT]
    rates = [
        max(0.0, (finished - started).total_seconds() - loading) / work
        for started, finished, loading, work in times
        if started and finished
    ]
    return statistics.median(rates) if rates else None


def expected(slug: str, work: float) -> float | None:
    """Return the seconds that so much work of a tool takes; None where nobody can tell."""
    tool = registry.get(slug)
    rate = pace(tool) if tool else None
    return None if rate is None else rate * work
