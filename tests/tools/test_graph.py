"""Jobs that wait for jobs: they start when all of them have succeeded, or end, and who owns the graph hears of it."""

import inspect
import random
import sys
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta

import dramatiq
import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library.models import Asset, Generation
from apps.tools import graph, services, sweeper
from tests.factories import UserFactory
from tests.tools.paper import fresh, statuses
from workers.actors import run_generation
from workers.base import EngineError

pytestmark = pytest.mark.django_db(transaction=True)
Status = Generation.Status
NOW = timedelta(0)


@pytest.fixture
def heard():
    """What the owner of a graph hears: the job, its status in the database, and whether a transaction is open."""
    told = []

    def hear(sender, job, **kwargs):
        told.append((job.pk, fresh(job).status, connection.in_atomic_block))

    graph.generation_ended.connect(hear)
    yield told
    graph.generation_ended.disconnect(hear)


def books(user):
    return billing.balance(user), billing.held(user), billing.audit()


def finish(job):
    """End a job as its worker does."""
    running = job if job.status == Status.RUNNING else Generation.objects.claim(job.queue)
    assert running.pk == job.pk
    assert services.finish(running, [(Asset(kind="video"), {})], "paper")
    return running


# --- how they start


def test_it_begins_with_the_file_that_the_other_made(paper, ada, worker, wait_until):
    reached, go_on = paper.hold("swan")
    first = paper.submit(ada, "swan")
    second = paper.submit(ada, "lake", first=first)
    assert reached.wait(120)
    assert (fresh(second).status, second.inputs.get().source, billing.held(ada)) == (Status.WAITING, first, 20)
    assert Generation.objects.claim("gpu") is None, "no worker takes a job that waits"
    go_on.set()
    wait_until(lambda: fresh(second).is_ended)
    second = fresh(second)
    assert (second.status, second.asset.file.read(), paper.runs) == (Status.SUCCEEDED, b"swan lake", ["swan", "lake"])
    assert books(ada) == (80, 0, [])


def test_it_waits_for_all_and_takes_the_file_of_each(paper, ada, worker, wait_until):
    holds = [paper.hold("one"), paper.hold("two")]
    one = paper.submit(ada, "one")
    two = paper.submit(ada, "two", queue="cpu")
    last = paper.submit(ada, "three", first=one, second=two)
    for reached, _ in holds:
        assert reached.wait(120)
    holds[0][1].set()
    wait_until(lambda: fresh(one).is_ended)
    assert fresh(last).status == Status.WAITING
    holds[1][1].set()
    wait_until(lambda: fresh(last).is_ended)
    assert fresh(last).asset.file.read() == b"one two three"


def test_it_may_wait_without_taking_anything(paper, ada):
    first = paper.submit(ada, "first")
    second = paper.submit(ada, "second", waits_for=[first])
    assert (second.status, list(second.waits_for.all()), second.inputs.count()) == (Status.WAITING, [first], 0)
    finish(first)
    assert fresh(second).status == Status.QUEUED


def test_one_that_names_what_is_made_already_starts_at_once(paper, ada):
    first = finish(paper.submit(ada, "first"))
    assert paper.submit(ada, "second", first=first).status == Status.QUEUED


@pytest.mark.parametrize(("end", "status"), [("finish", Status.QUEUED), ("cancel", Status.FAILED)])
def test_an_end_between_submit_and_commit_is_noticed(paper, ada, end, status):
    """The job that is waited for has ended by the time of the commit, and looked for its followers too early."""
    first = paper.submit(ada, "first")
    if end == "finish":
        finish(fresh(first))
    else:
        services.cancel(fresh(first))
    assert first.status == Status.QUEUED, "as it was when the other began to be submitted"
    second = paper.submit(ada, "second", waits_for=[first])
    assert second.status == fresh(second).status == status


def test_a_job_that_waits_is_shown_and_cancelled_through_the_api(paper, api, ada, page):
    first = paper.submit(ada, "first")
    second = paper.submit(ada, "second", first=first)
    told = api.get(f"/api/v1/generations/{second.pk}/").json()
    assert (told["status"], told["progress"]["stage"], told["progress"]["position"]) == ("waiting", "waiting", None)
    assert told["inputs"] == [{"name": "first", "position": 0, "asset": None, "source": str(first.pk)}]
    assert [job["id"] for job in api.get("/api/v1/generations/?status=waiting").json()["results"]] == [str(second.pk)]
    assert page.get(second.get_absolute_url()).status_code == page.get("/home/my-library").status_code == 200
    answer = api.post(f"/api/v1/generations/{second.pk}/cancel/").json()
    assert (answer["status"], answer["credits"]) == ("cancelled", {"held": 10, "captured": 0, "released": 10})
    finish(fresh(first))
    assert fresh(second).status == Status.CANCELLED
    assert books(ada) == (90, 0, [])


def test_the_same_key_gives_the_same_waiting_job(paper, ada):
    first = paper.submit(ada, "first")
    jobs = {paper.submit(ada, "second", key="k", waits_for=[first]).pk for _ in range(3)}
    assert len(jobs) == 1 and billing.held(ada) == 20


def test_what_was_made_and_deleted_meanwhile_cannot_be_begun_with(paper, ada):
    first = paper.submit(ada, "first")
    second = paper.submit(ada, "second", first=first)
    services.delete(finish(first))
    run_generation("gpu")
    assert (fresh(second).status, fresh(second).error_code) == (Status.FAILED, "input_missing")
    assert books(ada) == (90, 0, [])


def test_a_job_that_names_nothing_of_ones_own_is_not_recorded(paper, ada, ben):
    asset = finish(paper.submit(ben, "his")).asset
    with pytest.raises(StudioError) as caught:
        paper.submit(ada, "hers", first=str(asset.pk))
    assert (caught.value.code, Generation.objects.filter(user=ada).count(), books(ada)) == (
        "input_missing",
        0,
        (100, 0, []),
    )


# --- how they end


@pytest.mark.parametrize("end", ["fails", "is cancelled", "is lost too often", "is deleted"])
def test_it_ends_with_the_one_that_it_waits_for_and_costs_nothing(paper, ada, settings, end):
    first = paper.submit(ada, "the swan")
    second = paper.submit(ada, "second", first=first)
    third = paper.submit(ada, "third", waits_for=[second])
    if end == "fails":
        services.fail(Generation.objects.claim("gpu"), StudioError(code="generation_failed"))
    elif end == "is cancelled":
        services.cancel(first)
    elif end == "is deleted":
        services.delete(first)
    else:
        settings.MAX_ATTEMPTS = 1
        Generation.objects.claim("gpu")
        sweeper.sweep(lease=NOW)
    for job in (fresh(second), fresh(third)):
        assert (job.status, job.error_code) == (Status.FAILED, "prerequisite_failed")
        assert "“the swan”" in job.error and job.advice
    assert books(ada) == (100, 0, [])


def test_a_chain_of_two_hundred_ends_without_going_deeper(paper, settings):
    settings.MAX_BATCH_JOBS = 200
    user, chain = UserFactory(credits=200), []
    for number in range(200):
        chain.append(paper.planned(str(number), chain[-1:], price=1))
    group = paper.group(user, *chain)
    assert books(user) == (0, 200, [])
    first = group.generations.get(title="0")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 170)
    try:
        services.cancel(first)
    finally:
        sys.setrecursionlimit(limit)
    ended = group.generations.exclude(pk=first.pk).filter(status=Status.FAILED, error_code="prerequisite_failed")
    assert (ended.count(), fresh(first).status) == (199, Status.CANCELLED)
    assert not Generation.objects.filter(told_at=None).exists()
    assert books(user) == (200, 0, [])


# --- restarts


@contextmanager
def killed(monkeypatch, name):
    """A process that dies after a commit, before it does what follows."""

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(graph, name, die)
        yield


@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_the_sweep_does_what_a_killed_process_did_not(paper, ada, monkeypatch, end):
    first = paper.submit(ada, "first")
    second = paper.submit(ada, "second", first=first)
    third = paper.submit(ada, "third", first=second)
    with killed(monkeypatch, "ended"):
        finish(first) if end == "finish" else services.cancel(first)
    assert statuses([second, third]) == 2 * [Status.WAITING]
    sweeper.sweep()
    expected = [Status.QUEUED, Status.WAITING] if end == "finish" else 2 * [Status.FAILED]
    assert statuses([second, third]) == expected
    assert billing.audit() == []


def test_a_chain_whose_end_was_cut_off_is_ended_by_the_sweep(paper, ada, monkeypatch):
    jobs = [paper.submit(ada, "0")]
    jobs += [paper.submit(ada, "1", waits_for=jobs), paper.submit(ada, "2", waits_for=jobs)]
    with killed(monkeypatch, "drop"):
        services.cancel(jobs[0])
    assert statuses(jobs)[1:] == 2 * [Status.WAITING]
    sweeper.sweep()
    assert statuses(jobs)[1:] == 2 * [Status.FAILED]
    assert books(ada) == (100, 0, [])


def test_a_graph_survives_a_restart(paper, ada, worker, wait_until):
    worker.stop()
    first = paper.submit(ada, "swan")
    second = paper.submit(ada, "lake", first=first)
    Generation.objects.claim("gpu")
    broker = dramatiq.get_broker()
    for queue in ("gpu", "cpu"):
        broker.flush(queue)
    sweeper.sweep(lease=NOW, resend_after=NOW)
    again = dramatiq.Worker(broker, worker_timeout=50, worker_threads=1)
    again.start()
    try:
        wait_until(lambda: fresh(second).is_ended)
    finally:
        again.join()
        again.stop()
    assert (fresh(second).asset.file.read(), fresh(first).attempt) == (b"swan lake", 2)
    assert books(ada) == (80, 0, [])


def test_one_that_cannot_be_looked_at_does_not_hide_the_others(paper, ada, monkeypatch):
    first = paper.submit(ada, "first")
    sick, well = (paper.submit(ada, prompt, waits_for=[first]) for prompt in ("sick", "well"))
    with killed(monkeypatch, "ended"):
        finish(first)
    look = graph.look_again
    monkeypatch.setattr(graph, "look_again", lambda job: 1 / 0 if job.pk == sick.pk else look(job))
    sweeper.sweep()
    assert statuses([sick, well]) == [Status.WAITING, Status.QUEUED]


# --- who hears of it


def test_every_end_is_told_once_after_it_is_committed(paper, ada, heard):
    finish(paper.submit(ada, "made"))
    paper.submit(ada, "broken")
    services.fail(Generation.objects.claim("gpu"), StudioError(code="generation_failed"))
    first = paper.submit(ada, "first")
    second = paper.submit(ada, "second", waits_for=[first])
    services.cancel(first)
    sweeper.sweep(lease=NOW)
    assert sorted((status, inside) for _, status, inside in heard) == [
        (Status.CANCELLED, False), (Status.FAILED, False), (Status.FAILED, False), (Status.SUCCEEDED, False),
    ]  # fmt: skip
    assert len({pk for pk, *_ in heard}) == 4 and second.pk in {pk for pk, *_ in heard}
    assert not Generation.objects.filter(told_at=None).exists()


def test_an_end_that_is_taken_back_is_not_told(paper, ada, heard):
    job = paper.submit(ada, "first")
    with pytest.raises(RuntimeError), transaction.atomic():
        services.cancel(job)
        raise RuntimeError
    assert heard == [] and fresh(job).status == Status.QUEUED


def test_who_could_not_take_it_is_asked_again_until_it_can(paper, ada, heard):
    broken = [True]

    def busy(sender, job, **kwargs):
        if broken[0]:
            raise ConnectionError

    graph.generation_ended.connect(busy)
    try:
        job = finish(paper.submit(ada, "first"))
        assert (fresh(job).told_at, len(heard)) == (None, 1)
        sweeper.sweep()
        assert len(heard) == 1, "whoever ended it may still be telling"
        sweeper.sweep(lease=NOW)
        assert (fresh(job).told_at, len(heard)) == (None, 2)
        broken.clear()
        broken.append(False)
        sweeper.sweep(lease=NOW)
        sweeper.sweep(lease=NOW)
    finally:
        graph.generation_ended.disconnect(busy)
    assert fresh(job).told_at is not None and len(heard) == 3


def test_an_end_that_nobody_could_tell_is_told_by_the_sweep(paper, ada, heard, monkeypatch):
    with killed(monkeypatch, "ended"):
        finish(paper.submit(ada, "first"))
    assert heard == []
    sweeper.sweep(lease=NOW)
    assert [pk for pk, *_ in heard] == [Generation.objects.get().pk]


def test_the_owner_of_a_graph_may_go_on_when_it_hears(paper, ada, worker, wait_until):
    def next_scene(sender, job, **kwargs):
        if job.title == "scene 1":
            paper.submit(job.user, "scene 2", first=job)

    graph.generation_ended.connect(next_scene)
    try:
        paper.submit(ada, "scene 1")
        wait_until(lambda: Generation.objects.filter(title="scene 2", status=Status.SUCCEEDED).exists())
    finally:
        graph.generation_ended.disconnect(next_scene)
    assert Generation.objects.get(title="scene 2").asset.file.read() == b"scene 1 scene 2"


# --- all of it at once

LAYERS = (1, 6, 6, 6, 1)  # a diamond of 20


def diamond(paper, user, dice, grouped):
    """Submit a diamond: each job waits for some of the layer before, and begins with the file of one of them."""
    layers, planned = [], []
    for size in LAYERS:
        above, layer = layers[-1] if layers else [], []
        for number in range(size):
            others = dice.sample(above, min(len(above), dice.randint(1, 6))) if size > 1 else list(above)
            about = {"price": dice.randint(0, 9)} | ({"first": others[0]} if others else {})
            prompt = f"{len(layers)}.{number}"
            one = (
                paper.planned(prompt, others, **about)
                if grouped
                else paper.submit(user, prompt, waits_for=others, **about)
            )
            layer.append(one)
        layers.append(layer)
        planned += layer
    if grouped:
        return list(paper.group(user, *planned).generations.order_by("created_at"))
    return planned


def check_books(user, jobs, credits):
    """Every job ended once, paid if and only if it was made, and the ledger re-adds."""
    charged = 0
    for job in Generation.objects.filter(pk__in=[job.pk for job in jobs]):
        assert job.is_ended and job.told_at is not None
        made = job.status == Status.SUCCEEDED
        assert job.assets.count() == made
        charged += job.cost if made else 0
        before = set(job.waits_for.values_list("status", flat=True))
        if job.error_code == "prerequisite_failed":
            assert before & {Status.FAILED, Status.CANCELLED}
        elif made:
            assert before <= {Status.SUCCEEDED}
    receipts = billing.receipts(list({job.reference for job in jobs}))
    assert all(receipt.open == 0 for receipt in receipts.values())
    assert sum(receipt.captured for receipt in receipts.values()) == charged
    assert books(user) == (credits - charged, 0, [])
    return charged


@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "group"])
@pytest.mark.parametrize("seed", range(3))
def test_a_diamond_ends_once_under_kills_cancels_and_restarts(paper, settings, monkeypatch, seed, grouped):
    settings.MAX_ACTIVE_JOBS, settings.MAX_ATTEMPTS = 40, 6
    dice, user = random.Random(seed), UserFactory(credits=200)
    jobs = diamond(paper, user, dice, grouped)
    lost, made = [], []
    for _ in range(400):
        if not Generation.objects.active().exists():
            break
        act = dice.choices(
            ["work", "kill", "late", "cancel", "restart", "sweep", "break"], [12, 3, 3, 0.15, 2, 2, 0.3]
        )[0]
        if act in ("work", "kill", "break") and (job := Generation.objects.claim("gpu")):
            if act == "kill":
                lost.append(job)
                Generation.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
            elif act == "break":
                services.fail(job, StudioError(code="generation_failed"))
            elif dice.random() < 0.2:
                with killed(monkeypatch, "ended"):
                    services.finish(job, [(Asset(kind="video"), {})], "paper")
                made.append(job.pk)
            else:
                made += [job.pk] if services.finish(job, [(Asset(kind="video"), {})], "paper") else []
        elif act == "late" and lost:
            # It was thought dead. It is not, and hands in what it has made.
            job = lost.pop()
            made += [job.pk] if services.finish(job, [(Asset(kind="video"), {})], "paper") else []
        elif act == "cancel" and (active := list(Generation.objects.active().order_by("created_at"))):
            services.cancel(dice.choice(active))
        elif act == "restart":
            sweeper.sweep(lease=NOW, resend_after=NOW)
        elif act == "sweep":
            sweeper.sweep()
    sweeper.sweep(lease=NOW)
    assert len(made) == len(set(made)) == Generation.objects.filter(status=Status.SUCCEEDED).count()
    check_books(user, jobs, 200)


@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "group"])
def test_a_diamond_ends_once_while_workers_cancels_and_sweeps_race(paper, settings, wait_until, grouped):
    """Real workers, and a sweep that takes every job for lost the moment that it sees it run."""
    settings.MAX_ACTIVE_JOBS, settings.MAX_ATTEMPTS = 40, 1000
    dice, user = random.Random(7), UserFactory(credits=200)
    for number in range(3):
        paper.errors[f"2.{number}"] = [EngineError("rank_lost", "One of the processes stopped.") for _ in range(2)]
    workers = [dramatiq.Worker(dramatiq.get_broker(), worker_timeout=50, worker_threads=2) for _ in range(2)]
    jobs = diamond(paper, user, dice, grouped)
    for worker in workers:
        worker.start()
    unlucky = threading.Timer(0.5, cancel_if_active, [jobs[-2]])
    unlucky.start()
    try:
        for _ in range(200):
            sweeper.sweep(lease=timedelta(seconds=dice.choice([0, 0.05, 1])), resend_after=NOW)
            if not Generation.objects.active().exists():
                break
        sweeper.sweep(lease=NOW, resend_after=NOW)
        wait_until(lambda: not Generation.objects.active().exists())
    finally:
        unlucky.join()
        for worker in workers:
            worker.join()
            worker.stop()
    sweeper.sweep(lease=NOW)
    check_books(user, jobs, 200)


def cancel_if_active(job):
    with suppress(services.WrongState):
        services.cancel(job)
    connections.close_all()
