"""Template variable of every page: how many of the visitor's jobs are at work, and how many ended unseen."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Case, Count, When
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
    at_work = Case(When(status__in=Generation.ACTIVE, then=True), default=False)
    found = (active | unseen).of(user).order_by().annotate(at_work=at_work).values_list("at_work")
    # A group counts once.
    counted = dict(found.annotate(jobs=Count(Coalesce("group", "pk"), distinct=True)))
    return Activity(active=counted.get(True, 0), unseen=counted.get(False, 0))


def activity(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)  # a request can be refused before it has one
    return {"activity": partial(activity_of, user)} if isinstance(user, User) else {}
