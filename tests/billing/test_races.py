"""Many at once against one small wallet."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library.models import Asset, Generation
from apps.tools import services
from tests.factories import UserFactory
from tests.params import PARAMS
from tests.tools.toy import toy_tool


def at_once(function, times, threads=20):
    def call(_):
        try:
            return function()
        except StudioError as error:
            return error.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(call, range(times)))


@pytest.mark.django_db(transaction=True)
def test_two_hundred_submits_never_overdraw_a_wallet(settings):
    settings.MAX_ACTIVE_JOBS = 1000
    user = UserFactory(credits=100)
    results = at_once(lambda: services.submit(user, toy_tool(10), dict(PARAMS)), 200)
    assert sum(isinstance(result, Generation) for result in results) == 10
    assert results.count("insufficient_credits") == 190
    assert (billing.balance(user), billing.held(user)) == (0, 100)
    assert billing.audit() == []


@pytest.mark.parametrize("price", [10, 0])
@pytest.mark.django_db(transaction=True)
def test_submits_at_once_keep_to_the_job_limit(settings, price):
    settings.MAX_ACTIVE_JOBS = 3
    user = UserFactory(credits=1000)
    results = at_once(lambda: services.submit(user, toy_tool(price), dict(PARAMS)), 40)
    assert sum(isinstance(result, Generation) for result in results) == 3
    assert Generation.objects.filter(user=user).count() == 3
    assert billing.held(user) == 3 * price


@pytest.mark.parametrize("amount", [10, 0])
@pytest.mark.django_db(transaction=True)
def test_whoever_holds_credits_of_a_user_waits_for_another_who_does(amount):
    """Also a hold of nothing: what is counted after it must be counted by one at a time."""
    user = UserFactory(credits=100)
    holding, order = threading.Event(), []

    def first():
        with transaction.atomic():
            billing.hold(user, amount, "generation:first")
            holding.set()
            time.sleep(0.3)
            order.append("first")

    def second():
        assert holding.wait(60)
        with transaction.atomic():
            billing.hold(user, amount, "generation:second")
            order.append("second")

    actions = iter([first, second])
    at_once(lambda: next(actions)(), 2)
    assert order == ["first", "second"]


@pytest.mark.django_db(transaction=True)
def test_one_idempotency_key_makes_one_job_however_often_it_is_sent():
    user = UserFactory(credits=100)

    def submit():
        return services.submit(user, toy_tool(10), dict(PARAMS), idempotency_key="k", request_digest="d")

    assert len({job.pk for job in at_once(submit, 20)}) == 1
    assert billing.held(user) == 10


@pytest.mark.django_db(transaction=True)
def test_cancelling_one_job_while_starting_another_never_locks_up():
    """The commit of a new row waits for its user's row while it holds the wallet; a cancel must not hold that row."""
    user = UserFactory(credits=100)
    job = services.submit(user, toy_tool(10), dict(PARAMS))
    submitted = threading.Event()

    def submit_slowly():
        with transaction.atomic():
            services.submit(user, toy_tool(10), dict(PARAMS))
            submitted.set()
            time.sleep(0.5)

    def cancel():
        submitted.wait(60)
        services.cancel(job)

    actions = iter([submit_slowly, cancel])
    at_once(lambda: next(actions)(), 2)
    assert (billing.balance(user), billing.held(user)) == (90, 10)


@pytest.mark.django_db(transaction=True)
def test_whatever_comes_first_a_job_ends_once():
    """Cancel, finish and fail at the same moment, many times."""
    user = UserFactory(credits=1000)
    for _ in range(10):
        job = Generation.objects.claim(services.submit(user, toy_tool(10), dict(PARAMS)).queue)
        ends = iter(
            [
                lambda job=job: services.cancel(job),
                lambda job=job: services.finish(job, [(Asset(kind="video"), {})], "paper"),
                lambda job=job: services.fail(job, StudioError(code="generation_failed")),
            ]
        )
        at_once(lambda ends=ends: next(ends)(), 3)
        ended = Generation.objects.get(pk=job.pk)
        receipt = billing.receipt(job.reference)
        assert ended.status in Generation.ENDED
        assert (receipt.open, receipt.captured) == (0, 10 if ended.status == "succeeded" else 0)
    assert billing.audit() == []


@pytest.mark.django_db(transaction=True)
def test_a_job_is_claimed_by_one_worker_only():
    job = services.submit(UserFactory(credits=100), toy_tool(10), dict(PARAMS))
    claims = at_once(lambda: Generation.objects.claim(job.queue), 20)
    assert sum(claim is not None for claim in claims) == 1
