"""Who starts when: so many at once, a head start for a better plan, a fair share, and nobody is forgotten."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library.models import Generation
from apps.tools import line, services, turns
from apps.tools.templatetags.jobs import in_line
from tests.factories import UserFactory
from tests.plans import give, put_on
from tests.threads import at_once
from tests.tools.paper import ChainTool

pytestmark = pytest.mark.django_db(transaction=True)
Status = Generation.Status
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _payments(settings):
    settings.STRIPE_SECRET_KEY = "sk_test_x"


def claimed(number=1):
    """Who gets the next rows, by the prompts of their jobs."""
    jobs = [Generation.objects.claim("gpu") for _ in range(number)]
    return [job and job.params["prompt"] for job in jobs]


def done(prompt):
    services.finish(Generation.objects.get(params__prompt=prompt, status=Status.RUNNING), [], "paper", data={})


def test_a_plan_makes_so_many_at_once(paper, ada, ben):
    for name in ("first", "second"):
        paper.submit(ada, name)
    assert claimed(2) == ["first", None]
    paper.submit(ben, "bens")
    assert claimed(2) == ["bens", None], "who waits for a job of their own holds nobody up"
    done("first")
    assert claimed(2) == ["second", None]


def test_what_waits_is_called_when_it_may_start(paper, ada):
    for name in ("first", "second"):
        paper.submit(ada, name)
    claimed(2)
    Generation.objects.update(dispatched_at=None)
    done("first")
    assert Generation.objects.get(params__prompt="second").dispatched_at, "its own message was spent before"


def test_who_waits_for_a_job_of_their_own_is_told_so(paper, ada):
    first, second = paper.submit(ada, "first"), paper.submit(ada, "second")
    assert in_line(line.Line().place_of(first)) == "Next in line"
    claimed()
    assert in_line(line.Line().place_of(second)) == "Starts after your other job: your plan makes 1 at once"


def test_what_costs_nothing_is_not_counted(paper, ada):
    paper.submit(ada, "film")
    paper.submit(ada, "free", price=0)
    assert claimed(3) == ["film", "free", None]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_two_workers_never_make_more_than_the_plan_has(limit):
    give("free", jobs_at_once=limit, jobs_in_line=20)
    users = [UserFactory(credits=1000) for _ in range(2)]
    with transaction.atomic():
        for user in users:
            for number in range(8):
                services.submit(user, ChainTool(), {"prompt": f"{user.pk} {number}"})
    most = Counter()

    def work():
        for _ in range(12):
            job = Generation.objects.claim("gpu")
            if job is None:
                continue
            now = Generation.objects.filter(user=job.user, status=Status.RUNNING).count()
            most[job.user_id] = max(most[job.user_id], now)
            services.finish(job, [], "paper", data={})

    at_once([work] * 4)
    assert max(most.values()) <= limit, most
    assert not Generation.objects.exclude(status=Status.SUCCEEDED).exists() or claimed() != [None]
    assert billing.audit() == []


def test_all_workers_that_come_together_take_as_many_as_the_plan_has(paper, ada):
    give("free", jobs_at_once=2, jobs_in_line=20)
    for number in range(5):
        paper.submit(ada, str(number))
    taken = at_once([lambda: Generation.objects.claim("gpu")] * 6)
    assert sum(job is not None for job in taken) == 2


def test_an_upgrade_counts_for_what_waits(paper, ada):
    for name in ("first", "second", "third"):
        paper.submit(ada, name)
    assert claimed(2) == ["first", None]
    put_on(ada, "pro")
    assert claimed(2) == ["second", None], "two at once"
    put_on(ada, "free")
    done("first")
    assert claimed() == [None], "one is still at work"
    done("second")
    assert claimed() == ["third"]


def test_a_plan_that_has_ended_by_itself_is_noticed_by_the_sweep(paper, ada):
    put_on(ada, "pro")
    for name in ("first", "second"):
        paper.submit(ada, name)
    ada.subscription.grace_until = timezone.now() - timedelta(days=1)
    ada.subscription.status = "past_due"
    ada.subscription.save()
    turns.look_again()  # as the sweep does
    assert set(Generation.objects.values_list("at_once", flat=True)) == {1}
    assert claimed(2) == ["first", None]


def test_a_better_plan_has_its_head_start_and_no_more(paper, ada, ben):
    put_on(ben, "pro")
    give("pro", head_start=10)
    for minutes, user, name in ((0, ada, "early"), (5, ada, "late"), (11, ben, "paid")):
        with time_machine.travel(NOON + timedelta(minutes=minutes), tick=False):
            paper.submit(user, name)
    with time_machine.travel(NOON + timedelta(minutes=12), tick=False):
        assert claimed() == ["early"], "eleven minutes before, when ten are the head start"
        done("early")
        assert claimed(2) == ["paid", "late"]


def test_who_brings_many_takes_turns_with_who_brings_one(paper, ada, ben):
    give("free", jobs_at_once=None, jobs_in_line=100)
    for number in range(5):
        with time_machine.travel(NOON + timedelta(seconds=number), tick=False):
            paper.submit(ada, f"a{number}")
    with time_machine.travel(NOON + timedelta(seconds=70), tick=False):
        paper.submit(ben, "b0")
        paper.submit(ben, "b1")
        # A job of which nothing is known counts as a minute: so much of ada's would be made without others.
        assert claimed(7) == ["a0", "a1", "b0", "a2", "b1", "a3", "a4"]


def test_jobs_of_a_group_take_turns_with_others_as_well(paper, ada, ben):
    give("free", jobs_at_once=None)
    paper.group(ada, *(paper.planned(f"a{number}", price=5) for number in range(3)))
    paper.submit(ben, "b")
    assert claimed(4) == ["a0", "b", "a1", "a2"]


def test_without_payments_there_is_no_limit_but_a_fair_share(paper, ada, ben, settings):
    settings.STRIPE_SECRET_KEY, settings.MAX_ACTIVE_JOBS = "", 20
    for name in ("a0", "a1", "a2"):
        paper.submit(ada, name)
    paper.submit(ben, "b0")
    assert claimed(4) == ["a0", "b0", "a1", "a2"]
    assert set(Generation.objects.values_list("at_once", flat=True)) == {None}


class Line(RuleBasedStateMachine):
    """Jobs of three people on three plans come, start and end, and plans change, in any order."""

    LIMITS = {"free": 1, "pro": 2, "enterprise": 8}

    def __init__(self):
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.clock = time_machine.travel(NOON, tick=False)
        self.now = self.clock.start()
        self.users = [UserFactory(credits=10_000) for _ in range(3)]
        for slug in self.LIMITS:
            give(slug, jobs_in_line=None)
        self.on = dict.fromkeys((user.pk for user in self.users), "free")
        self.tool = ChainTool()

    def teardown(self):
        self.clock.stop()
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @rule(seconds=st.integers(1, 900))
    def wait(self, seconds):
        self.now.shift(seconds)

    @rule(who=st.integers(0, 2), many=st.integers(1, 3))
    def submit(self, who, many):
        for _ in range(many):
            services.submit(self.users[who], self.tool, {"prompt": "x"})

    @rule(who=st.integers(0, 2), slug=st.sampled_from(list(LIMITS)))
    def change_plan(self, who, slug):
        self.on[self.users[who].pk] = slug
        put_on(self.users[who], slug)

    @rule()
    def claim(self):
        waiting = list(Generation.objects.queued())
        running = Counter(Generation.objects.filter(status=Status.RUNNING).values_list("user", flat=True))
        able = [job for job in waiting if running[job.user_id] < self.LIMITS[self.on[job.user_id]]]
        job = Generation.objects.claim("gpu")
        if job is None:
            assert not able, "nobody waits while they may start"
            return
        assert job.pk in {each.pk for each in able}
        assert job.turn_at == min(each.turn_at for each in able)
        own = [each for each in waiting if each.user_id == job.user_id]
        assert job.created_at == min(each.created_at for each in own), "somebody's jobs start in their order"

    @precondition(lambda self: Generation.objects.filter(status=Status.RUNNING).exists())
    @rule(data=st.data(), failed=st.booleans())
    def end(self, data, failed):
        job = data.draw(st.sampled_from(list(Generation.objects.filter(status=Status.RUNNING).order_by("created_at"))))
        if failed:
            services.fail(job, StudioError(code="generation_failed"))
        else:
            services.cancel(job)

    @invariant()
    def nobody_is_forgotten(self):
        """A turn lies at most the work of one's own jobs after the time at which one came."""
        for user in self.users:
            jobs = Generation.objects.filter(user=user).order_by("created_at", "turn_at")
            for number, job in enumerate(jobs):
                assert job.turn_at <= job.created_at + number * timedelta(seconds=turns.USUAL_SECONDS)

    @invariant()
    def rows_say_what_the_plan_says(self):
        for user in self.users:
            found = set(Generation.objects.queued().filter(user=user).values_list("at_once", flat=True))
            assert found <= {self.LIMITS[self.on[user.pk]]}


def test_whatever_comes_in_any_order_the_line_holds(paper):
    run_state_machine_as_test(
        Line,
        settings=settings(
            max_examples=6,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
