"""A job ends once and is charged once, whatever happens around it. A real worker runs them."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import dramatiq
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library.models import Asset, Generation
from apps.tools import queue, services, sweeper
from apps.weights import queue as weights
from tests.factories import AssetFactory, GenerationFactory
from tests.keeper import film
from tests.threads import Killed, killed
from tests.tools import toy
from workers import actors
from workers.actors import bring, give_up, run_generation
from workers.base import EngineError, Progress

Status = Generation.Status


class Stage:
    """A toy task that stops in its middle until the test lets it go on."""

    def __init__(self):
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.runs, self.error, self.fails, self.name, self.polls = 0, None, 99, "denoising", False

    def __call__(self, params, folder, on_progress):
        self.runs += 1
        on_progress(Progress(stage=self.name, window=1, windows=2, step=1, steps=4))
        self.reached.set()
        while self.polls:  # An actor is stopped between two instructions, not inside a lock.
            time.sleep(0.01)
        assert self.go_on.wait(120)
        if self.error and self.runs <= self.fails:
            raise self.error
        on_progress(Progress(stage="encoding", window=2, windows=2, step=4, steps=4))


@pytest.fixture
def stage():
    stage = Stage()
    remove = toy.install(stage)
    yield stage
    stage.go_on.set()
    remove()


def submit(user):
    return services.submit(user, toy.ToyTool(), {"prompt": "swan", "size": 2})


def fresh(job):
    return Generation.objects.get(pk=job.pk)


def ended(job):
    return lambda: not fresh(job).is_active


def test_a_job_is_made_stored_and_charged(stage, ada, worker, wait_until):
    stage.go_on.set()
    job = submit(ada)
    wait_until(ended(job))
    job = fresh(job)
    assert (job.status, job.attempt, job.engine, job.percent) == (Status.SUCCEEDED, 1, "paper", 100)
    assert job.asset.file.read() == b"boat"
    assert job.asset.recipe["params"] == {"prompt": "swan", "size": 2}
    assert (billing.balance(ada), billing.held(ada)) == (90, 0)


def test_progress_is_on_the_row_while_it_runs(stage, ada, worker):
    job = submit(ada)
    assert stage.reached.wait(120)
    job = fresh(job)
    assert (job.status, job.stage, job.window, job.windows, job.step, job.steps) == ("running", "denoising", 1, 2, 1, 4)
    assert job.percent == 12
    stage.go_on.set()


def test_a_message_sent_three_times_runs_the_job_once(stage, ada, worker, wait_until):
    job = submit(ada)
    queue.dispatch(job)
    assert stage.reached.wait(120)
    queue.dispatch(job)
    stage.go_on.set()
    wait_until(ended(job))
    worker.join()
    assert stage.runs == 1
    assert Asset.objects.count() == 1
    assert billing.balance(ada) == 90


def test_cancel_while_queued_gives_everything_back(stage, ada):
    job = submit(ada)
    assert services.cancel(job) == 10
    assert (fresh(job).status, billing.balance(ada), billing.held(ada)) == (Status.CANCELLED, 100, 0)


def test_a_job_cancelled_in_the_queue_is_never_run(stage, ada, worker):
    job = Generation.objects.create(user=ada, tool="paper-boat", params={"prompt": "swan", "size": 2}, cost=0)
    services.cancel(job)
    queue.dispatch(job)
    worker.join()
    assert stage.runs == 0


@pytest.mark.parametrize("at", ["loading", "denoising", "decoding", "encoding"])
def test_cancel_while_running_stops_the_work_and_gives_everything_back(stage, ada, worker, at):
    stage.name = at
    job = submit(ada)
    assert stage.reached.wait(120)
    assert services.cancel(fresh(job)) == 10
    stage.go_on.set()
    worker.join()
    assert fresh(job).status == Status.CANCELLED
    assert (billing.balance(ada), billing.held(ada), Asset.objects.count()) == (100, 0, 0)


def test_cancel_after_the_end_is_refused_and_changes_nothing(stage, ada, worker, wait_until):
    stage.go_on.set()
    job = submit(ada)
    wait_until(ended(job))
    with pytest.raises(services.WrongState, match="ended already"):
        services.cancel(job)
    assert billing.balance(ada) == 90


def test_a_failure_says_why_and_costs_nothing(stage, ada, worker, wait_until):
    stage.error = EngineError("model_not_ready", "The weights are still loading.")
    stage.go_on.set()
    job = submit(ada)
    wait_until(ended(job))
    job = fresh(job)
    assert (job.status, job.error_code, job.error) == ("failed", "model_not_ready", "The weights are still loading.")
    assert (billing.balance(ada), billing.held(ada)) == (100, 0)


def test_a_film_that_lost_one_of_its_gpus_is_tried_three_times_and_costs_nothing_in_the_end(stage, ada, settings):
    stage.error = EngineError("rank_lost", "One of the processes that shared this video stopped.")
    stage.go_on.set()
    job = submit(ada)
    for attempt in range(1, settings.MAX_ATTEMPTS):
        run_generation(job.queue)
        assert (fresh(job).status, fresh(job).attempt, billing.held(ada)) == (Status.QUEUED, attempt, job.cost)
    run_generation(job.queue)
    assert (fresh(job).status, fresh(job).error_code, stage.runs) == (Status.FAILED, "rank_lost", settings.MAX_ATTEMPTS)
    assert (billing.balance(ada), billing.held(ada)) == (100, 0)


def test_a_film_that_lost_a_gpu_once_is_made_by_the_next_attempt(stage, ada, worker, wait_until):
    stage.error, stage.fails = EngineError("rank_lost", "One of the processes that shared this video stopped."), 1
    stage.go_on.set()
    job = submit(ada)
    wait_until(ended(job))
    assert (fresh(job).status, fresh(job).attempt, fresh(job).error) == (Status.SUCCEEDED, 2, "")
    assert (billing.balance(ada), billing.held(ada)) == (100 - job.cost, 0)


def test_a_worker_whose_card_is_lost_gives_its_job_back_and_ends(stage, ada, monkeypatch):
    """Were it to stay, it would take and fail one job after another."""
    left = []
    monkeypatch.setattr(actors, "leave", lambda code: left.append((code, fresh(job).status)))
    stage.error, stage.fails = EngineError("card_lost", "The graphics card stopped answering."), 1
    stage.go_on.set()
    job = submit(ada)
    run_generation(job.queue)
    assert left == [("card_lost", Status.QUEUED)] and billing.held(ada) == job.cost
    run_generation(job.queue)  # elsewhere
    assert (fresh(job).status, fresh(job).attempt) == (Status.SUCCEEDED, 2) and len(left) == 1


@pytest.mark.parametrize("redis", ["redis://queue", ""], ids=["worker", "studio"])
def test_a_process_that_is_to_end_is_killed_or_asked_to_by_what_else_it_does(monkeypatch, settings, redis):
    settings.REDIS_URL, ended = redis, []
    monkeypatch.setattr(actors.os, "_exit", lambda code: ended.append(code))
    monkeypatch.setattr(actors.os, "kill", lambda pid, signum: ended.append(signum))
    actors.leave("card_lost")
    assert ended[0] == (actors.EXIT_CODE if redis else signal.SIGTERM)


def test_a_job_cancelled_while_its_gpu_was_lost_is_not_tried_again(stage, ada, worker):
    stage.error = EngineError("rank_lost", "One of the processes that shared this video stopped.")
    job = submit(ada)
    assert stage.reached.wait(120)
    services.cancel(fresh(job))
    stage.go_on.set()
    worker.join()
    assert (fresh(job).status, stage.runs, billing.balance(ada)) == (Status.CANCELLED, 1, 100)


def test_an_unexpected_error_never_shows_its_text(stage, ada, worker, wait_until):
    stage.error = KeyError("/secret/path")
    stage.go_on.set()
    job = submit(ada)
    wait_until(ended(job))
    assert (fresh(job).error_code, fresh(job).error) == ("generation_failed", "This could not be made.")


def test_a_worker_thought_dead_can_neither_finish_nor_charge(ada):
    job = submit(ada)
    slow = Generation.objects.claim(job.queue)
    Generation.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    sweeper.sweep()
    quick = Generation.objects.claim(job.queue)
    assert not slow.advance(step=3)
    assert not services.finish(slow, [(Asset(kind="video"), {})], "paper")
    assert not services.fail(slow, StudioError(code="generation_failed"))
    assert services.finish(quick, [(Asset(kind="video"), {})], "paper")
    assert (quick.attempt, billing.balance(ada), billing.held(ada)) == (2, 90, 0)


def test_a_late_result_leaves_no_file_behind(ada, settings):
    job = Generation.objects.claim(submit(ada).queue)
    services.cancel(job)
    asset = Asset(kind="video")
    assert not services.finish(job, [(asset, {"file": ContentFile(b"late", "late.mp4")})], "paper")
    assert not asset.file.storage.exists(asset.file.name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trouble", [ConnectionError, dramatiq.middleware.TimeLimitExceeded])
def test_what_breaks_after_the_end_does_not_cost_the_film(ada, monkeypatch, trouble):
    def broken(*args):
        raise trouble

    job = Generation.objects.claim(submit(ada).queue)
    asset = Asset(kind="video")
    monkeypatch.setattr(services.progress, "queue_moved", broken)
    with suppress(dramatiq.middleware.TimeLimitExceeded):
        services.finish(job, [(asset, {"file": ContentFile(b"film", "film.mp4")})], "paper")
    assert (fresh(job).status, billing.balance(ada)) == (Status.SUCCEEDED, 90)
    assert asset.file.storage.exists(asset.file.name)


def test_a_storage_that_neither_stores_nor_deletes_is_told_as_such(ada, monkeypatch):
    class Away(Exception):
        """What a client library raises; it is no OSError."""

    def away(*args, **options):
        raise Away

    job = Generation.objects.claim(submit(ada).queue)
    monkeypatch.setattr(default_storage.__class__, "save", away)
    monkeypatch.setattr(default_storage.__class__, "listdir", away)
    with pytest.raises(StudioError) as caught:
        services.finish(job, [(Asset(kind="video"), {"file": ContentFile(b"film", "film.mp4")})], "paper")
    assert caught.value.code == "storage_failed"


def test_what_a_film_begins_with_is_asked_for_again_when_the_storage_is_away(ada, monkeypatch, tmp_path):
    def away(*args):
        raise RuntimeError

    picture = AssetFactory(user=ada, kind="image", generation=None, recipe={})
    job = GenerationFactory(user=ada)
    job.inputs.create(name="image", asset=picture)
    monkeypatch.setattr(default_storage.__class__, "open", away)
    with pytest.raises(StudioError) as caught:
        bring(job, tmp_path / "inputs")
    assert caught.value.code == "storage_failed"


def test_sweep_does_not_give_up_a_last_attempt_that_was_heard_of_meanwhile(ada, settings):
    job = submit(ada)
    Generation.objects.filter(pk=job.pk).update(attempt=settings.MAX_ATTEMPTS - 1)
    stale = Generation.objects.claim(job.queue)
    assert fresh(job).advance()
    assert not sweeper.heal(stale) and fresh(job).status == Status.RUNNING


def test_sweep_leaves_a_living_job_alone(ada):
    job = Generation.objects.claim(submit(ada).queue)
    assert sweeper.sweep() == (0, 0)
    assert fresh(job).status == Status.RUNNING


def test_sweep_gives_up_after_three_attempts_and_gives_the_credits_back(ada, settings):
    job = submit(ada)
    for _ in range(settings.MAX_ATTEMPTS):
        Generation.objects.claim(job.queue)
        sweeper.sweep(lease=timedelta(0))
    assert (fresh(job).status, fresh(job).error_code) == (Status.FAILED, "worker_lost")
    assert (billing.balance(ada), billing.held(ada)) == (100, 0)


def test_a_film_that_comes_further_with_every_attempt_is_not_given_up(ada, settings, tmp_path):
    job = submit(ada)
    for attempt in range(1, settings.MAX_ATTEMPTS + 3):
        film(Generation.objects.claim(job.queue), tmp_path / str(attempt), windows=attempt, of=9)
        sweeper.sweep(lease=timedelta(0))
        assert (fresh(job).status, fresh(job).kept_windows) == (Status.QUEUED, attempt)
    for _ in range(settings.MAX_ATTEMPTS):
        Generation.objects.claim(job.queue)
        sweeper.sweep(lease=timedelta(0))
    assert fresh(job).status == Status.FAILED, "but one that comes no further is"


@pytest.mark.parametrize(("windows", "stopped"), [(2, False), (1, True)])
def test_time_that_was_enough_for_a_window_is_given_again_and_else_what_is_there_is_kept(
    ada, tmp_path, windows, stopped
):
    job = Generation.objects.claim(submit(ada).queue)
    film(job, tmp_path / "first", windows=1)
    sweeper.sweep(lease=timedelta(0))
    job = Generation.objects.claim(job.queue)
    film(job, tmp_path / "second", windows=windows)
    give_up(job, StudioError(code="generation_timeout"))
    assert (fresh(job).status, fresh(job).stop_requested_at is not None) == (Status.QUEUED, stopped)


def test_a_storage_that_is_away_does_not_cost_the_finished_windows(ada, tmp_path):
    job = Generation.objects.claim(submit(ada).queue)
    film(job, tmp_path / "film", windows=1)
    place = Path(default_storage.path(f"live/{job.pk}"))
    place.rename(tmp_path / "away")
    place.write_text("not a folder")
    with pytest.raises(StudioError) as caught:
        film(job, tmp_path / "film", windows=2)
    give_up(job, caught.value)
    assert (fresh(job).status, fresh(job).kept_windows) == (Status.QUEUED, 1)
    assert sweeper.sweep() == (0, 0), "it is not tried again at once"
    assert Generation.objects.claim(job.queue) is None, "nor by a worker that another message wakes"
    Generation.objects.update(ready_at=timezone.now())
    assert sweeper.sweep() == (0, 1)


def test_a_storage_that_is_full_from_the_beginning_ends_the_job(ada):
    job = Generation.objects.claim(submit(ada).queue)
    give_up(job, StudioError(code="storage_failed"))
    assert (fresh(job).status, billing.balance(ada)) == (Status.FAILED, 100)


def test_files_of_an_attempt_that_was_killed_while_it_stored_them_are_removed(ada, monkeypatch):
    job = Generation.objects.claim(submit(ada).queue)
    asset = Asset(kind="video")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(services, "_remove_unfinished", killed)
        patch.setattr(Generation, "move", lambda *args, **options: killed(asset))
        services.finish(job, [(asset, {"file": ContentFile(b"film", "film.mp4")})], "paper")
    assert asset.file.storage.exists(asset.file.name)
    sweeper.sweep(lease=timedelta(0))
    assert not asset.file.storage.exists(asset.file.name)
    assert services.finish(Generation.objects.claim(job.queue), [(Asset(kind="video"), {})], "paper")


@pytest.mark.parametrize(("stage", "percent"), [("denoising", 12), ("decoding", 50), ("encoding", 99)])
def test_how_much_is_made_never_goes_back(stage, percent):
    assert Generation(status="running", stage=stage, window=1, windows=2, step=1, steps=4).percent == percent


def test_sweep_sends_a_lost_message_again(ada):
    job = submit(ada)
    Generation.objects.filter(pk=job.pk).update(dispatched_at=None)
    assert sweeper.sweep() == (0, 1)
    assert sweeper.sweep() == (0, 0)


def test_a_queue_that_does_not_answer_loses_nothing(ada, monkeypatch, django_capture_on_commit_callbacks):
    def broken(*args):
        raise ConnectionError

    monkeypatch.setattr("apps.messages.send", broken)
    with django_capture_on_commit_callbacks(execute=True):
        job = submit(ada)
    assert (fresh(job).status, fresh(job).dispatched_at) == (Status.QUEUED, None)
    monkeypatch.undo()
    assert sweeper.sweep() == (0, 1)


def test_one_sick_row_does_not_keep_others_from_healing(ada, monkeypatch):
    sick, other = (Generation.objects.claim(submit(ada).queue) for _ in range(2))
    heal = sweeper.heal
    monkeypatch.setattr(sweeper, "heal", lambda job: 1 / 0 if job.pk == sick.pk else heal(job))
    assert sweeper.sweep(lease=timedelta(0))[0] == 1
    assert fresh(other).status == Status.QUEUED


@pytest.fixture
def half_a_second(monkeypatch):
    """What a run of the toy tool may take at most."""
    monkeypatch.setattr(toy.ToyTool, "time_limit", 0.5)


def test_a_job_that_takes_longer_than_its_tool_allows_is_stopped_and_costs_nothing(
    stage, ada, worker, wait_until, half_a_second
):
    stage.polls = True
    job = submit(ada)
    wait_until(ended(job))
    assert (fresh(job).error_code, billing.balance(ada)) == ("generation_timeout", 100)


def test_a_step_that_hangs_keeps_its_worker_no_longer_when_its_job_is_cancelled(
    stage, ada, worker, wait_until, half_a_second, monkeypatch
):
    monkeypatch.setattr("workers.actors.HEARTBEAT_SECONDS", 0.05)
    stage.polls = True
    job = submit(ada)
    assert stage.reached.wait(120)
    services.cancel(fresh(job))
    worker.join()
    assert (fresh(job).status, fresh(job).error_code, billing.balance(ada)) == (Status.CANCELLED, "", 100)


def test_other_tools_have_the_limit_of_the_settings(settings):
    settings.JOB_TIME_LIMIT_SECONDS = 77
    assert toy.ToyTool().time_limit == 77.0


def test_a_message_goes_to_its_tools_queue(ada):
    job = submit(ada)
    Generation.objects.filter(pk=job.pk).update(queue="cpu")
    queue.dispatch(fresh(job))
    broker = dramatiq.get_broker()
    assert "cpu" in broker.get_declared_queues()


def test_the_names_that_messages_call_are_those_of_actors():
    broker = dramatiq.get_broker()
    assert broker.get_actor(queue.ACTOR).queue_name == "gpu"
    assert broker.get_actor(weights.ACTOR).queue_name == weights.QUEUE


def test_the_site_sends_messages_without_loading_the_workers():
    code = (
        "import sys, dramatiq; from apps import messages; messages.send('gpu', 'run_generation', 'x');"
        "print('workers.actors' in sys.modules, len(dramatiq.get_broker().queues['gpu'].queue))"
    )
    told = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"REDIS_URL": ""},
    )
    assert told.stdout.split() == ["False", "1"], told.stderr


def test_a_film_whose_files_are_gone_does_not_come_back(ada):
    asset = AssetFactory(generation__user=ada, deleted_at=timezone.now())
    Asset.objects.filter(pk=asset.pk).update(file="")
    with pytest.raises(services.WrongState, match="files are gone"):
        services.restore(asset.generation)


@pytest.mark.django_db(transaction=True)
def test_a_film_is_brought_back_whole_or_not_at_all(ada):
    """Whoever empties the trash and whoever brings a film back meet at its row."""
    billing.grant(ada, 200, "test")
    films = [AssetFactory(generation__user=ada, deleted_at=timezone.now() - timedelta(days=8)) for _ in range(6)]

    def bring_back(asset):
        try:
            services.restore(Generation.objects.get(pk=asset.generation_id))
        except services.WrongState as error:
            assert "files are gone" in error.message
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        back = [pool.submit(bring_back, asset) for asset in films[:5]]
        sweeper.sweep()
    for asset, future in zip(films, back, strict=False):
        assert asset.file.storage.exists(asset.file.name) == future.result()
        assert (Asset.objects.get(pk=asset.pk).deleted_at is None) == future.result()
    assert not films[5].file.storage.exists(films[5].file.name)
    with pytest.raises(services.WrongState, match="files are gone"):
        services.restore(films[5].generation)


def test_the_trash_keeps_its_bytes_for_a_week_then_loses_them(stage, ada, worker, wait_until):
    stage.go_on.set()
    job = submit(ada)
    wait_until(ended(job))
    asset = fresh(job).asset
    services.delete(fresh(job))
    assert not Generation.objects.of(ada).exists()
    sweeper.sweep()
    assert asset.file.storage.exists(asset.file.name)
    Asset.objects.update(deleted_at=timezone.now() - timedelta(days=8))
    sweeper.sweep()
    assert not asset.file.storage.exists(asset.file.name)


def test_deleting_a_running_job_cancels_it_first(stage, ada, worker):
    job = submit(ada)
    assert stage.reached.wait(120)
    services.delete(fresh(job))
    assert (fresh(job).status, billing.balance(ada)) == (Status.CANCELLED, 100)
    stage.go_on.set()


def test_loading_the_model_is_no_part_of_the_expected_time(stage, ada, worker, wait_until):
    warm = actors.warmth
    warm.done.clear()
    job = submit(ada)
    wait_until(lambda: (now := fresh(job)).status == "running" and now.heartbeat_at > now.started_at)
    assert fresh(job).stage == "loading"
    time.sleep(1)
    warm.done.set()
    stage.go_on.set()
    wait_until(lambda: fresh(job).status == "succeeded")
    done = fresh(job)
    assert done.loading_seconds > 1
    took = (done.finished_at - done.started_at).total_seconds() - done.loading_seconds
    assert services.quote(toy.ToyTool(), {"prompt": "swan", "size": 2}).seconds == pytest.approx(took, abs=0.05)


def test_the_quote_learns_from_what_runs_took(ada):
    now = timezone.now()
    assert services.quote(toy.ToyTool(), {"prompt": "x", "size": 2}).seconds is None
    for seconds in (10, 20, 60):
        Generation.objects.create(
            user=ada,
            tool="paper-boat",
            status=Status.SUCCEEDED,
            started_at=now - timedelta(seconds=seconds),
            finished_at=now,
            work=1,
        )
    quote = services.quote(toy.ToyTool(), {"prompt": "x", "size": 2})
    assert (quote.credits, round(quote.seconds)) == (10, 20)


@pytest.mark.parametrize(("ranks", "queue"), [("2", "gpu-large"), ("", "gpu")])
def test_a_film_for_several_gpus_waits_for_a_worker_that_has_them(api, monkeypatch, ranks, queue):
    monkeypatch.setenv("CINEVIVID_RANKS", ranks)
    answer = api.post("/api/v1/tools/to-video/", {"prompt": "a swan", "use_usp": True}, format="json")
    assert answer.status_code == 202, answer.json()
    assert Generation.objects.get().queue == queue


def test_a_worker_that_has_several_gpus_hears_their_queue():
    # In a process of its own: here, whatever was sent before has declared its queue.
    code = "import dramatiq, workers.actors; print(*dramatiq.get_broker().get_declared_queues())"
    told = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code], capture_output=True, text=True
    )
    assert {"gpu", "gpu-large", "cpu"} <= set(told.stdout.split()), told.stderr
