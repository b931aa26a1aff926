"""How jobs start and end, and what the end of one is to others that wait for it."""

from functools import partial

import structlog
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library import keeper, progress
from apps.library.models import Generation
from apps.tools import turns
from apps.tools.queue import dispatch

log = structlog.get_logger(__name__)
Status = Generation.Status

# Sent with `job` after the end of each job is committed, for whoever owns a graph; sent again by the sweeper until no
# receiver raises. A receiver may hear of an end twice.
generation_ended = Signal()


class PrerequisiteFailed(StudioError):
    """A job that this one waits for was not made."""

    code = "prerequisite_failed"


def start(job: Generation) -> None:
    """Nudge a worker for a job that was just committed, or look whether what it waits for has ended meanwhile."""
    if job.status == Status.WAITING:
        look_again(job)
    else:
        dispatch(job)
    progress.changed(job)


def look_again(job: Generation) -> None:
    """Queue a waiting job when all that it waits for has succeeded; end it, and what waits for it, when one has not."""
    others = list(job.waits_for.values_list("status", "title"))
    lost = next((title for status, title in others if status in (Status.FAILED, Status.CANCELLED)), None)
    if lost is not None:
        _end(job, lost)
        return
    ready = all(status == Status.SUCCEEDED for status, _ in others)
    if ready and job.move(frm=(Status.WAITING,), status=Status.QUEUED):
        dispatch(job)
        progress.changed(job)


def follow(job: Generation) -> None:
    """Look again at the jobs that wait for one that has ended."""
    for follower in job.followers.filter(status=Status.WAITING).select_related("user"):
        look_again(follower)


def tell(job: Generation) -> None:
    """Tell who owns a graph that a job has ended; what a receiver could not take is told again by the sweeper."""
    answers = generation_ended.send_robust(sender=Generation, job=job)
    failed = [answer for _, answer in answers if isinstance(answer, Exception)]
    for error in failed:
        log.error("end_not_taken", generation=str(job.pk), exc_info=error)
    if not failed:
        Generation.objects.filter(pk=job.pk).update(told_at=timezone.now())


def ended(job: Generation, *, followers: bool = True) -> None:
    """Do what follows the end of a job, once it is committed; the sweeper makes good what fails here."""
    try:
        progress.changed(job)
        progress.queue_moved(job.queue)
    except Exception:
        log.warning("end_not_told", generation=str(job.pk), exc_info=True)
    keeper.remove(job)
    try:
        if job.at_once is not None:
            turns.call_next(job.user)
        if followers:
            follow(job)
        tell(job)
    except Exception:
        log.warning("graph_not_told", generation=str(job.pk), exc_info=True)


def settle(job: Generation, charged: int) -> int:
    """Charge for a job that has ended and give back the rest of what it held; the credits given back."""
    billing.capture(job.user, charged, job.reference, job.part)
    if job.group_id:
        # The others of the group still need what they hold.
        return billing.release(job.user, job.reference, job.cost - charged, job.part)
    return billing.release(job.user, job.reference)


def drop(job: Generation, error: StudioError) -> bool:
    """End a job that waits for one that will never be made, and give back what it holds; False when it has moved on."""
    with transaction.atomic():
        mine = job.move(frm=(Status.WAITING,), status=Status.FAILED, error_code=error.code, error=error.message[:500])
        if mine:
            settle(job, 0)
            transaction.on_commit(partial(ended, job, followers=False))
    return mine


def _end(job: Generation, lost: str) -> None:
    """End a waiting job and every job that waits for it, one after the other however long the chain."""
    ending, seen = [job], {job.pk}
    for each in ending:
        drop(each, PrerequisiteFailed(gettext("“%(title)s”, which this needs, was not made.") % {"title": lost}))
        for follower in each.followers.filter(status=Status.WAITING).select_related("user"):
            if follower.pk not in seen:
                seen.add(follower.pk)
                ending.append(follower)
