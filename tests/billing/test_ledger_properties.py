"""Whatever becomes of jobs, in any order: entries re-add to zero, nothing is negative, a failed job nets to zero."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library.models import Asset, Generation
from apps.tools import services, sweeper
from tests.factories import UserFactory
from tests.params import PARAMS
from tests.tools.toy import toy_tool

Status = Generation.Status


class JobFates(RuleBasedStateMachine):
    """Submits jobs and lets them be claimed, finished, failed, cancelled and swept, by two workers at a time."""

    def __init__(self):
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.user = UserFactory(credits=100)
        self.claims = []

    def teardown(self):
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    def jobs(self):
        return list(Generation.objects.filter(user=self.user).order_by("created_at", "pk"))

    @rule(price=st.integers(0, 60))
    def submit(self, price):
        before = billing.balance(self.user)
        try:
            services.submit(self.user, toy_tool(price), dict(PARAMS))
        except StudioError as error:
            assert error.code in ("insufficient_credits", "too_many_jobs")
            assert billing.balance(self.user) == before
        else:
            assert billing.balance(self.user) == before - price

    @precondition(lambda self: self.jobs())
    @rule(data=st.data())
    def claim(self, data):
        job = Generation.objects.claim(data.draw(st.sampled_from(self.jobs())).queue)
        if job:
            self.claims.append(job)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def finish(self, data):
        services.finish(data.draw(st.sampled_from(self.claims)), [(Asset(kind="video"), {})], "nano")

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def fail(self, data):
        services.fail(data.draw(st.sampled_from(self.claims)), StudioError(code="generation_failed"))

    @precondition(lambda self: self.jobs())
    @rule(data=st.data())
    def cancel(self, data):
        job = data.draw(st.sampled_from(self.jobs()))
        try:
            services.cancel(job)
        except services.WrongState:
            assert job.status in Generation.ENDED

    @rule()
    def lose_all_workers_and_sweep(self):
        from datetime import timedelta

        sweeper.sweep(lease=timedelta(0))

    @invariant()
    def the_books_are_right(self):
        assert billing.audit() == []
        assert billing.balance(self.user) >= 0
        assert billing.held(self.user) == sum(job.cost for job in self.jobs() if job.is_active)

    @invariant()
    def every_ended_job_is_settled(self):
        for job in self.jobs():
            receipt = billing.receipt(job.reference)
            charged = job.cost if job.status == Status.SUCCEEDED else 0
            assert receipt.captured == charged
            if job.status in Generation.ENDED:
                assert receipt.open == 0


@pytest.mark.django_db
def test_the_books_survive_every_fate_of_every_job():
    run_state_machine_as_test(
        JobFates,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
