"""The sweep: requeues jobs of lost workers, sends lost messages again and empties the trash."""

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import close_old_connections
from django.utils import timezone

from apps import outages
from apps.accounts.cleanup import forget_old
from apps.errors import StudioError
from apps.library import keeper, storage
from apps.library.models import Asset, Generation
from apps.tools import graph
from apps.tools.queue import dispatch
from apps.tools.services import lapse, retry

log = structlog.get_logger(__name__)
FORGET_EVERY_SECONDS = 24 * 60 * 60
_others: list[Callable[[], Any]] = []


def register(repair: Callable[[], Any]) -> None:
    """Add what an app above this one has to make good. It is called once in each sweep."""
    if repair not in _others:
        _others.append(repair)


def sweep(*, lease: timedelta | None = None, resend_after: timedelta | None = None) -> tuple[int, int]:
    """Repair everything once. Returns (rows requeued or failed, messages sent again).

    Running rows whose heartbeat is older than the lease go back to the queue, or end after MAX_ATTEMPTS. Queued rows
    whose message may be lost are sent again. Waiting rows are looked at again, and ends that nobody took are told
    again. What was offered and not taken in TRASH_DAYS is let go. Trash older than that loses its bytes, and so do
    windows that an ended job has left, and files that no row names. Once a day, sessions that have expired go, with
    what else nobody can use. Then apps above make good what is theirs.
    """
    lease = timedelta(seconds=settings.LEASE_SECONDS) if lease is None else lease
    resend_after = 5 * lease if resend_after is None else resend_after
    now = timezone.now()
    healed = 0
    lost = Generation.objects.abandoned(now - lease).select_related("user")
    healed = sum(each(heal, lost))
    waiting = Generation.objects.claimable().exclude(dispatched_at__gt=now - resend_after)
    sent = sum(each(dispatch, waiting))
    each(graph.look_again, Generation.objects.filter(status=Generation.Status.WAITING).select_related("user"))
    kept_for = timedelta(days=settings.TRASH_DAYS)
    each(lapse, Generation.objects.lapsed(now - kept_for).select_related("user"))
    # One that has just ended is being told by whoever ended it.
    each(
        graph.tell, Generation.objects.ended().filter(told_at=None, finished_at__lt=now - lease).select_related("user")
    )
    try:
        storage.purge(Generation.objects.filter(deleted_at__lt=now - kept_for))
        storage.empty_trash(Asset.objects.filter(deleted_at__lt=now - kept_for))
        keeper.remove_ended()
        storage.remove_orphans(now - storage.ORPHAN_AGE)
    except Exception:
        log.exception("trash_not_emptied")
    try:
        forget()
    except Exception:
        log.exception("old_rows_not_removed")
    for repair in _others:
        try:
            repair()
        except Exception:
            log.exception("not_swept", repair=f"{repair.__module__}.{repair.__qualname__}")
    return healed, sent


def each(repair: Callable[[Generation], Any], jobs: Iterable[Generation]) -> list[Any]:
    """Repair one job after the other; a broken one is logged and does not stop the others."""
    done = []
    for job in jobs:
        try:
            done.append(repair(job))
        except Exception:
            log.exception("generation_not_swept", generation=str(job.pk))
    return done


def keep_sweeping(every: float, stopped: threading.Event) -> None:
    """Sweep every `every` seconds until `stopped` is set. A pass that fails is logged, and the next one tries again."""
    while not stopped.is_set():
        try:
            close_old_connections()
            healed, sent = sweep()
            if healed or sent:
                log.info("swept", healed=healed, sent=sent)
        except Exception as error:
            if outages.code_of(error):
                outages.tell(error, "sweep")
            else:
                log.exception("sweep_failed")
        close_old_connections()  # none is held until the next pass
        stopped.wait(every)


def heal(job: Generation) -> bool:
    """Requeue or fail a job whose worker is lost. Returns False when its heartbeat has moved since the row was read."""
    return retry(job, StudioError(code="worker_lost"), still={"heartbeat_at": job.heartbeat_at})


def forget() -> None:
    """Remove what nobody can use any more, once a day."""
    if cache.add("forgotten-today", True, FORGET_EVERY_SECONDS):
        log.info("old_rows_removed", **forget_old())
