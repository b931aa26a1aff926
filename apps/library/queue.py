"""The queues of jobs: which row starts next, and how a worker takes it."""

import uuid
from typing import TYPE_CHECKING, Self

from django.db import models, transaction
from django.db.models import Count, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import User

if TYPE_CHECKING:
    from apps.library.models import Generation

TURN = Coalesce("turn_at", "created_at")


class QueueQuerySet(models.QuerySet["Generation"]):
    """Rows of which those that are queued stand in lines, one for each queue of the workers."""

    def queued(self) -> Self:
        return self.filter(status=self.model.Status.QUEUED)

    def in_turn(self) -> Self:
        """The policy of the queues: which row starts first, in front. It is the one whose turn came first.

        `ahead_of` counts by it.
        """
        return self.order_by(TURN, "created_at", "pk")

    def ahead_of(self, job: "Generation") -> Self:
        """Queued rows that start before a queued one: those of its queue that `in_turn` puts in front of it."""
        turn = job.turn_at or job.created_at
        created = Q(created_at__lt=job.created_at) | Q(created_at=job.created_at, pk__lt=job.pk)
        earlier = Q(turn__lt=turn) | Q(created, turn=turn)
        return self.queued().annotate(turn=TURN).filter(earlier, queue=job.queue)

    def claimable(self) -> Self:
        """Queued rows that may start now, in the order in which they start."""
        running = self.model.objects.filter(user=OuterRef("user"), status=self.model.Status.RUNNING, cost__gt=0)
        count = running.order_by().values("user").annotate(count=Count("pk")).values("count")
        at_once = Q(at_once=None) | Q(at_once__gt=Coalesce(models.Subquery(count), 0))
        return self.queued().filter(at_once, Q(ready_at=None) | Q(ready_at__lte=timezone.now())).in_turn()

    def claim(self, queue: str) -> "Generation | None":
        """Take the best row of a queue for this worker; None when nothing waits there that may start now.

        One statement decides who gets it. Rows that another worker is just taking are passed over, where the database
        can tell (PostgreSQL: SKIP LOCKED); SQLite lets one writer in at a time. Of somebody who may have so many jobs
        made at once, one is taken at a time, so that two workers cannot both take the last that is allowed.
        """
        able, passed = self.claimable().filter(queue=queue), Q(pk=None)
        while first := able.exclude(passed).values_list("user", "at_once").first():
            user, limited = first[0], first[1] is not None
            mine = Q(user=user, at_once__isnull=False) if limited else Q(at_once=None)
            with transaction.atomic():
                if limited:
                    User.objects.select_for_update(no_key=True).filter(pk=user).values_list("pk").first()
                job = able.filter(mine)._take()
            if job:
                return self.model.objects.select_related("user").get(claimed_by=job)
            passed |= mine
        return None

    def _take(self) -> uuid.UUID | None:
        """Take the first of these rows that no other worker is just taking; returns what this claim is called."""
        now, claim = timezone.now(), uuid.uuid4()
        # No key: a job that is being submitted to wait for a row holds its key, and must not hide it.
        best = self.select_for_update(skip_locked=True, no_key=True).values("pk")[:1]
        # With "=" the subquery runs once. With "IN" a plan may run it for each row, and lock another one each time.
        taken = self.model.objects.filter(pk=models.Subquery(best), status=self.model.Status.QUEUED).update(
            status=self.model.Status.RUNNING,
            attempt=F("attempt") + 1,
            claimed_by=claim,
            heartbeat_at=now,
            started_at=now,
            stage=self.model.LOADING,
            step=0,
            steps=0,
            seconds_left=None,
        )
        return claim if taken else None
