"""The sweep: requeues jobs of lost workers, sends lost messages again and empties the trash."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from apps.errors import StudioError
from apps.library import keeper
from apps.library.models import Asset, Generation
from apps.tools import graph
from apps.tools.queue import dispatch
from apps.tools.services import retry

log = structlog.get_logger(__name__)
_others: list[Callable[[], Any]] = []


def register(repair: Callable[[], Any]) -> None:
    """Add what an app above this one has to make good. It is called once in each sweep."""
    if repair not in _others:
        _others.append(repair)


def sweep(*, lease: timedelta | None = None, resend_after: timedelta | None = None) -> tuple[int, int]:
    """Repair everything once. Returns (rows requeued or failed, messages sent again).

    Running rows whose heartbeat is older than the lease go back to the queue, or fail after MAX_ATTEMPTS. Queued rows
    whose message may be lost are sent again. Waiting rows are looked at again, and ends that nobody took are told
    again. Trash older than TRASH_DAYS loses its bytes, and so do the windows that an ended job has left. Then apps
    above make good what is theirs.
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
    # One that has just ended is being told by whoever ended it.
    each(
        graph.tell, Generation.objects.ended().filter(told_at=None, finished_at__lt=now - lease).select_related("user")
    )
    try:
        empty_trash(now - timedelta(days=settings.TRASH_DAYS))
        keeper.remove_ended()
    except Exception:
        log.exception("trash_not_emptied")
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
        except Exception:
            log.exception("sweep_failed")
        stopped.wait(every)


def heal(job: Generation) -> bool:
    """Requeue or fail a job whose worker is lost. Returns False when its heartbeat has moved since the row was read."""
    return retry(job, StudioError(code="worker_lost"), still={"heartbeat_at": job.heartbeat_at})


def empty_trash(before: datetime) -> None:
    """Remove the files of assets deleted before a time. The rows stay."""
    for asset in Asset.objects.filter(deleted_at__lt=before).exclude(file=""):
        _remove_files(asset)
        Asset.objects.filter(pk=asset.pk).update(file="", poster="", strip="")


def _remove_files(asset: Asset) -> None:
    for file in (asset.file, asset.poster, asset.strip):
        if file:
            file.storage.delete(str(file.name))
