"""Activity: what is running, what waits, what is done since one looked, and what failed, with a way out."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.http import SignedIn
from apps.accounts.models import User
from apps.library import progress
from apps.library.batches import batch_of
from apps.library.models import Generation
from apps.tools.again import tried_again
from workers.weights import store

Status = Generation.Status
MOST = 20  # of a section
FAILURES_KEPT = timedelta(days=7)  # how long a failure is shown that was neither tried again nor deleted


@login_required
@never_cache
@require_GET
def activity(request: SignedIn) -> HttpResponse:
    """The user's activity, as a page and as the panel that opens on every page."""
    since = _moment(request.GET.get("since", ""))  # of a panel that is open already: what it shows as new stays there
    context = sections(request.user, min(since, request.user.activity_seen_at) if since else None)
    return render(request, "tools/activity.html#panel" if request.htmx else "tools/activity.html", context)


@login_required
@require_POST
def seen(request: SignedIn) -> HttpResponse:
    """Note that the user has seen what had ended by a time, on all devices."""
    look_at(request.user, _moment(request.POST.get("until", "")) or timezone.now())
    return HttpResponse(status=204) if request.htmx else redirect("tools:activity")


def _moment(text: str) -> datetime | None:
    """Return a moment in UTC, which every database can compare with; None for a text that names none."""
    try:
        moment = parse_datetime(text)
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def look_at(user: User, until: datetime) -> None:
    """Move the time at which a user last looked, never back and never into the future."""
    until = min(until, timezone.now())
    if User.objects.filter(pk=user.pk, activity_seen_at__lt=until).update(activity_seen_at=until):
        progress.looked(user.pk)


def once(jobs: list[Generation], told: list[Generation] | None = None) -> list[Generation]:
    """Return jobs without those of a batch that another job stands for, here or among those that are `told` already."""
    seen = {job.group_id for job in told or () if batch_of(job)}
    found = []
    # A job that runs stands for its batch rather than one that waits.
    for job in sorted(jobs, key=lambda job: job.status not in (Status.RUNNING, Status.OFFERED)):
        if not batch_of(job):
            found.append(job)
        elif job.group_id not in seen:
            seen.add(job.group_id)
            found.append(job)
    return [job for job in jobs if job in found]


def sections(user: User, since: datetime | None = None) -> dict[str, Any]:
    """Return what the panel shows of a user's jobs, and of the models that the staff has under way.

    Done is what has succeeded `since` a time, or since the user last looked.
    """
    since = since or user.activity_seen_at
    now = timezone.now()
    mine = Generation.objects.of(user).with_batches()
    active = once(list(mine.active().in_turn()))
    done = mine.filter(status=Status.SUCCEEDED, finished_at__gt=since)
    failed = list(
        mine.filter(status=Status.FAILED, finished_at__gt=now - FAILURES_KEPT).order_by("-finished_at")[:MOST]
    )
    mended = tried_again(failed)
    return {
        "running": [job for job in active if job.status in (Status.RUNNING, Status.OFFERED)],
        "queued": [job for job in active if job.status in (Status.QUEUED, Status.WAITING)],
        "done": once(list(done.order_by("-finished_at")[:MOST]), active),
        "failed": [job for job in failed if str(job.pk) not in mended],
        "models": [model for model in store.statuses() if model.active] if user.is_staff else [],
        "until": now,
        "since": since,
    }
