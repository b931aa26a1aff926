"""When a job's turn comes: its place in line, by the plan of its owner, a fair share, and its age.

Each job has a time at which it counts as having come, and the earliest starts first. That is when it came; with a head
start of its owner's plan, so much earlier; behind other jobs of its owner, not before those would be made if they had a
worker for themselves. So a batch of fifty takes turns with what others bring meanwhile, who pays more comes first, and
nobody waits for ever: what comes later has a later turn, but for the head start.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from apps.accounts.models import User
from apps.billing import plans, powers
from apps.billing.powers import Powers
from apps.library.models import Generation
from apps.tools.pace import expected
from apps.tools.queue import dispatch

Status = Generation.Status
USUAL_SECONDS = 60.0  # of a job whose like was never made


def arrange(job: Generation, now: Powers, before: datetime | None) -> None:
    """Set what the plan of a job's owner means to it: its turn, and how many run at once.

    `before` is when what its owner has waiting before it would be made. What is free does not count: it is quick, and
    somebody waits for it.
    """
    turn = job.created_at - timedelta(minutes=now.number("head_start") or 0)
    job.turn_at = max(turn, before) if before and job.cost else turn
    at_once = now.number("jobs_at_once")
    job.at_once = int(at_once) if at_once is not None and job.cost else None


def after(user: User, queue: str) -> datetime | None:
    """Return when the jobs would be made that a user has in a queue; None without any."""
    mine = Generation.objects.filter(user=user, queue=queue, cost__gt=0)
    return _made(mine.filter(status__in=(Status.WAITING, Status.QUEUED, Status.RUNNING)))


def _made(jobs: Iterable[Generation]) -> datetime | None:
    paces: dict[str, float | None] = {}
    ends = []
    for job in jobs:
        if job.tool not in paces:
            paces[job.tool] = expected(job.tool, 1)
        rate = paces[job.tool]
        seconds = USUAL_SECONDS if rate is None else rate * job.work
        ends.append((job.turn_at or job.created_at) + timedelta(seconds=seconds))
    return max(ends, default=None)


def arrange_all(user: User) -> None:
    """Arrange what a user has waiting anew, after a change of their plan, and let workers know."""
    now = powers.of(user)
    waiting = Generation.objects.filter(user=user, status__in=(Status.WAITING, Status.QUEUED)).order_by(
        "created_at", "pk"
    )
    before: dict[str, datetime | None] = {}
    for job in waiting:
        if job.queue not in before:
            running = Generation.objects.filter(user=user, queue=job.queue, status=Status.RUNNING, cost__gt=0)
            before[job.queue] = _made(running)
        arrange(job, now, before[job.queue])
        before[job.queue] = _made([job]) if job.cost else before[job.queue]
        same = Generation.objects.filter(pk=job.pk, status__in=(Status.WAITING, Status.QUEUED))
        same.update(turn_at=job.turn_at, at_once=job.at_once)
    call_next(user)


def call_next(user: User) -> None:
    """Nudge workers for what a user has queued and may have made now: who came for it before had to pass it over."""
    told: set[str] = set()
    for job in Generation.objects.claimable().filter(user=user).exclude(at_once=None):
        if job.queue not in told:
            told.add(job.queue)
            dispatch(job)


def plan_changed(user: User, **kwargs: object) -> None:
    """Take a plan that has changed as what counts for everything that waits."""
    arrange_all(user)


def look_again() -> None:
    """Arrange what waits where a plan has ended by itself, such as after the grace for an overdue payment."""
    if not plans.connected():
        return
    waiting = Generation.objects.filter(status__in=(Status.WAITING, Status.QUEUED), cost__gt=0).order_by()
    for user in User.objects.filter(pk__in=waiting.values("user")):
        most = powers.of(user).number("jobs_at_once")
        other = waiting.filter(user=user)
        if other.exclude(at_once=most if most is None else int(most)).exists():
            arrange_all(user)
