"""Template variable of every page: how many of the visitor's jobs are at work, and how many ended unseen."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Count
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from apps.accounts.models import User
from apps.library.models import Generation


@dataclass(frozen=True, slots=True)
class Activity:
    """How many jobs are `active`, and how many have ended since the user looked (`unseen`)."""

    active: int
    unseen: int


def activity_of(user: User) -> Activity:
    """Count for the top bar; it moves by websocket afterwards."""
    active, unseen = Generation.objects.active(), Generation.objects.unseen(user)
    statuses = (active | unseen).of(user).order_by().values_list("status")
    # A batch counts once for each state that its jobs are in.
    counted = dict(statuses.annotate(jobs=Count(Coalesce("group", "pk"), distinct=True)))
    at_work = sum(jobs for status, jobs in counted.items() if status in Generation.ACTIVE)
    return Activity(active=at_work, unseen=sum(counted.values()) - at_work)


def activity(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)  # a request can be refused before it has one
    return {"activity": partial(activity_of, user)} if isinstance(user, User) else {}
