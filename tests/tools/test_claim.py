"""A message is a nudge: whoever gets it takes the best row of its queue, and no row is taken twice or left."""

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.billing import services as billing
from apps.library.models import Generation
from apps.tools import queue, services, sweeper
from tests.factories import UserFactory
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
Status = Generation.Status


def rows(user, number, **columns):
    now = timezone.now()
    return Generation.objects.bulk_create(
        Generation(user=user, tool="paper-chain", created_at=now + timedelta(seconds=i), **columns)
        for i in range(-number, 0)
    )


def test_the_first_to_come_is_the_first_to_start(ada):
    jobs = rows(ada, 3)
    assert [job.position for job in jobs] == [1, 2, 3]
    taken = [Generation.objects.claim("gpu") for _ in range(4)]
    assert [job and job.pk for job in taken] == [*(job.pk for job in jobs), None]
    assert (taken[0].status, taken[0].attempt, taken[0].stage) == (Status.RUNNING, 1, "loading")


def test_of_two_of_the_same_moment_one_is_first(ada):
    rows(ada, 2)
    Generation.objects.update(created_at=timezone.now())
    first, second = Generation.objects.in_turn()
    assert (first.position, second.position) == (1, 2)
    assert [Generation.objects.claim("gpu").pk for _ in range(2)] == [first.pk, second.pk]


def test_each_queue_has_its_own_turn(ada):
    rows(ada, 2)
    (sound,) = rows(ada, 1, queue="cpu")
    assert Generation.objects.claim("cpu").pk == sound.pk
    assert Generation.objects.claim("cpu") is None


def test_a_message_of_one_job_may_start_another(paper, ada):
    first, second = paper.submit(ada, "first"), paper.submit(ada, "second")
    services.cancel(first)
    assert Generation.objects.claim("gpu").pk == second.pk
    assert Generation.objects.claim("gpu") is None


def test_what_is_not_ready_yet_is_passed_over(ada):
    now = timezone.now()
    later, ready, at_once = rows(ada, 3)
    Generation.objects.filter(pk=later.pk).update(ready_at=now + timedelta(hours=1))
    Generation.objects.filter(pk=ready.pk).update(ready_at=now - timedelta(seconds=1))
    assert [Generation.objects.claim("gpu").pk for _ in range(2)] == [ready.pk, at_once.pk]
    assert Generation.objects.claim("gpu") is None
    assert sweeper.sweep() == (0, 0)
    Generation.objects.filter(pk=later.pk).update(ready_at=now)
    assert sweeper.sweep() == (0, 1)
    assert Generation.objects.claim("gpu").pk == later.pk


def test_a_worker_whose_clock_is_behind_takes_it_all_the_same(paper, ada, monkeypatch):
    job = paper.submit(ada, "first")
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now - timedelta(minutes=5))
    assert Generation.objects.claim("gpu").pk == job.pk


def test_one_statement_takes_it(ada):
    rows(ada, 2)
    with CaptureQueriesContext(connection) as asked:
        Generation.objects.claim("gpu")
    (update,) = [each["sql"] for each in asked if "UPDATE" in each["sql"]]
    assert "= (SELECT" in update and " LIMIT 1" in update
    assert ("FOR NO KEY UPDATE SKIP LOCKED)" in update) == connection.features.has_select_for_update_skip_locked


@pytest.mark.parametrize("number", [20, 100])
def test_twenty_workers_take_every_row_once(number):
    """As many messages as rows: each finds one, whoever comes first."""
    jobs = rows(UserFactory(), number)
    taken = []

    def work():
        for _ in range(number // 20):
            taken.append(Generation.objects.claim("gpu"))

    at_once(20 * [work])
    assert None not in taken
    assert Counter(job.pk for job in taken) == Counter(job.pk for job in jobs)
    assert set(Generation.objects.values_list("status", "attempt")) == {(Status.RUNNING, 1)}
    assert Generation.objects.claim("gpu") is None


def test_more_messages_than_rows_do_no_harm():
    jobs = rows(UserFactory(), 5)
    taken = [job.pk for job in at_once(20 * [lambda: Generation.objects.claim("gpu")]) if job]
    assert Counter(taken) == Counter(job.pk for job in jobs)


def test_a_job_is_found_by_a_worker_that_is_as_quick_as_its_message(paper, ada, monkeypatch):
    """The message is sent when nothing holds the row any more: a worker passes over rows that are being written."""
    taken = []

    def arrive(*args):
        taken.extend(at_once([lambda: Generation.objects.claim("gpu")]))

    monkeypatch.setattr(queue.messages, "send", arrive)
    job = paper.submit(ada, "first")
    assert [it and it.pk for it in taken] == [job.pk]
    assert taken[0].dispatched_at is not None, "what is written about the message was written before it"


def test_a_job_is_found_while_another_is_submitted_that_waits_for_it(paper, ada):
    if not connection.features.has_select_for_update:
        return  # one writer at a time: nothing can be found while another writes
    first = paper.submit(ada, "first")
    with transaction.atomic():
        paper.submit(ada, "second", first=first)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as the commit does, which locks the keys of what is named
        (taken,) = at_once([lambda: Generation.objects.claim("gpu")])
    assert taken and taken.pk == first.pk


def test_cancelling_a_job_while_another_is_submitted_that_waits_for_it_never_locks_up(paper, ada):
    first = paper.submit(ada, "first")
    submitted = threading.Event()

    def submit_slowly():
        with transaction.atomic():
            paper.submit(ada, "second", first=first)
            submitted.set()
            time.sleep(0.5)

    def cancel():
        submitted.wait(60)
        return services.cancel(first)

    assert at_once([submit_slowly, cancel])[1] == 10
    assert set(Generation.objects.values_list("status", flat=True)) == {Status.CANCELLED, Status.FAILED}
    assert (billing.balance(ada), billing.held(ada), billing.audit()) == (100, 0, [])


def test_a_group_is_cancelled_while_its_jobs_end(paper):
    user = UserFactory(credits=100)
    group = paper.group(user, *(paper.planned(str(number), price=5) for number in range(10)))

    def work():
        for _ in range(5):
            if job := Generation.objects.claim("gpu"):
                services.finish(job, [], "paper", data={})

    at_once([work, work, lambda: services.cancel_group(group)])
    made = group.generations.filter(status=Status.SUCCEEDED).count()
    assert group.generations.filter(status=Status.CANCELLED).count() == 10 - made
    assert (billing.balance(user), billing.held(user), billing.audit()) == (100 - 5 * made, 0, [])
