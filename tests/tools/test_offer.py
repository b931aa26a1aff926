"""A film that cannot go on offers what is finished of it, and nothing that was half stored stays behind."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library import storage
from apps.library.models import Asset, Generation
from apps.tools import registry, services, sweeper
from tests.keeper import film
from tests.params import PARAMS
from tests.threads import Killed, killed
from tests.tools import toy
from workers.actors import give_up
from workers.media.probe import probe

Status = Generation.Status
LONG = PARAMS | {"num_frames": 45, "steps": 16}  # three windows, 12 credits
API, PAGE = "/api/v1/generations", "/home/jobs"


def fresh(job):
    return Generation.objects.get(pk=job.pk)


def sums(job):
    receipt = billing.receipt(job.reference)
    return receipt.held, receipt.captured, receipt.released


def lost(job, times):
    """Let so many workers take the job, and die before they report anything."""
    for _ in range(times):
        Generation.objects.claim(job.queue)
        sweeper.sweep(lease=timedelta(0))


@pytest.fixture
def offered(ada, tmp_path, settings):
    """Two of three windows are finished; then three workers die while they load the model."""
    job = services.submit(ada, registry.get("to-video"), dict(LONG))
    film(Generation.objects.claim(job.queue), tmp_path, 2)
    sweeper.sweep(lease=timedelta(0))
    lost(job, settings.MAX_ATTEMPTS)
    return fresh(job)


def test_finished_windows_are_offered_and_nothing_is_charged_yet(offered, ada, page, api, stored):
    assert (offered.status, offered.error_code, offered.is_active) == (Status.OFFERED, "worker_lost", True)
    assert (sums(offered), billing.balance(ada)) == ((12, 0, 0), 88)
    told = api.get(f"{API}/{offered.pk}/").json()
    assert (told["status"], told["error"]["code"], told["kept"]["windows"], told["kept"]["price"]) == (
        "offered",
        "worker_lost",
        2,
        9,
    )
    for address in ("/home/my-library", offered.get_absolute_url()):
        html = page.get(address).content.decode()
        assert "The studio was interrupted too often while making this." in html and "4.1 s are finished" in html
        assert "Keep 4.1 s, pay 9 of 12 credits" in html and "Let it go" in html and "Stop here" not in html
    assert page.get(offered.live_url).status_code == 200, "what is finished can be looked at first"


def test_no_worker_takes_it_before_its_owner_has_decided(offered, ada):
    sweeper.sweep(lease=timedelta(0))
    assert Generation.objects.claim(offered.queue) is None and fresh(offered).status == Status.OFFERED
    other = services.submit(ada, registry.get("to-video"), dict(PARAMS))
    assert other.position == 1, "nor does it stand in anybody's way"


def test_who_keeps_it_pays_for_that_only(offered, api, ada):
    answer = api.post(f"{API}/{offered.pk}/stop/")
    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (200, "queued", None)
    job = Generation.objects.claim(offered.queue)
    assert job.pk == offered.pk and job.stop_requested_at
    assert services.finish(job, [(Asset(kind="video"), {})], "nano", stopped=True)
    assert (fresh(job).status, fresh(job).stopped_early, sums(job)) == (Status.SUCCEEDED, True, (12, 9, 3))
    assert (billing.balance(ada), billing.audit()) == (91, [])


def test_a_worker_that_is_lost_while_it_keeps_them_loses_nothing(offered):
    services.stop(offered)
    lost(offered, 1)
    assert (fresh(offered).status, fresh(offered).kept_windows) == (Status.OFFERED, 2)
    assert services.stop(fresh(offered)).status == Status.QUEUED


@pytest.mark.django_db(transaction=True)
def test_who_lets_it_go_pays_nothing(offered, page, ada, stored):
    answer = page.post(f"{PAGE}/{offered.pk}/cancel", HTTP_HX_REQUEST="true")
    assert "12 credits are back in your wallet" in answer.content.decode()
    assert (fresh(offered).status, sums(offered), billing.balance(ada)) == (Status.CANCELLED, (12, 0, 12), 100)
    assert stored() == []


def test_a_stranger_decides_nothing(offered, client, ben):
    client.force_login(ben)
    for verb in ("stop", "cancel"):
        assert client.post(f"{PAGE}/{offered.pk}/{verb}").status_code == 404
    assert fresh(offered).status == Status.OFFERED


def test_what_nobody_decides_is_let_go_in_the_end(offered, settings):
    def left(days):
        Generation.objects.update(heartbeat_at=timezone.now() - timedelta(days=days))
        sweeper.sweep()
        return fresh(offered).status

    assert left(settings.TRASH_DAYS - 1) == Status.OFFERED
    assert left(settings.TRASH_DAYS + 1) == Status.FAILED
    assert (sums(offered), fresh(offered).error_code, billing.audit()) == ((12, 0, 12), "worker_lost", [])


@pytest.mark.parametrize("code", ["out_of_memory", "generation_failed", "model_broken"])
def test_a_window_that_fails_does_not_cost_those_before_it(ada, tmp_path, code):
    job = Generation.objects.claim(services.submit(ada, registry.get("to-video"), dict(LONG)).queue)
    film(job, tmp_path, 1)
    give_up(job, StudioError(code=code))
    assert (fresh(job).status, fresh(job).error_code, sums(job)) == (Status.OFFERED, code, (12, 0, 0))


def test_without_a_finished_window_there_is_nothing_to_offer(ada, settings):
    job = services.submit(ada, registry.get("to-video"), dict(LONG))
    lost(job, settings.MAX_ATTEMPTS)
    assert (fresh(job).status, sums(job)) == (Status.FAILED, (12, 0, 12))


def test_a_film_whose_windows_are_all_finished_is_offered_too(ada, tmp_path, page):
    job = Generation.objects.claim(services.submit(ada, registry.get("to-video"), LONG | {"finish": 4}).queue)
    film(job, tmp_path, 3)
    give_up(job, StudioError(code="out_of_memory"))
    # An enlargement is not kept, and the size says so.
    assert "Keep 5.6 s at 128 × 128, pay 12 of 17 credits" in page.get("/home/my-library").content.decode()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_joins_what_is_kept(ada, tmp_path, worker, wait_until, settings):
    """The first attempt is the real task on nano, which fails in its second window."""
    from apps.library.keeper import StorageKeeper
    from workers.tasks import registry as tasks

    def lose(now):
        if now.window == 2 and now.step:
            raise MemoryError

    job = Generation.objects.create(user=ada, tool="to-video", params=LONG | {"steps": 4}, cost=3)
    billing.hold(ada, 3, job.reference)
    job = Generation.objects.claim(job.queue)
    with pytest.raises(MemoryError):
        request = tasks.Request(params=job.params, folder=tmp_path, on_progress=lose, keeper=StorageKeeper(job))
        tasks.get("video")(request)
    give_up(job, StudioError(code="out_of_memory"))
    assert fresh(job).status == Status.OFFERED
    services.stop(fresh(job))
    wait_until(lambda: not fresh(job).is_active)
    job = fresh(job)
    assert (job.status, job.stopped_early, job.error, sums(job)) == (Status.SUCCEEDED, True, "", (3, 2, 1))
    with job.asset.file.open() as file:
        (tmp_path / "kept.mp4").write_bytes(file.read())
    assert probe(tmp_path / "kept.mp4").frames == 21


@pytest.fixture
def half_stored(ada, monkeypatch):
    """A job that was killed between storing its files and its last word."""

    remove = toy.install()
    job = Generation.objects.claim(services.submit(ada, toy.ToyTool(), {"prompt": "swan", "size": 2}).queue)
    files = [{"file": ContentFile(b"film", "film.mp4"), "poster": ContentFile(b"x", "poster.webp")} for _ in range(2)]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(storage, "remove_files", killed)
        patch.setattr(Generation, "move", killed)
        services.finish(job, [(Asset(kind="video"), each) for each in files], "paper")
    yield job
    remove()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "end",
    [
        services.cancel,
        services.delete,
        lambda job: services.fail(job, StudioError(code="generation_failed")),
        lambda job: services.retry(job, StudioError(code="worker_lost")),
    ],
    ids=["cancel", "delete", "fail", "retry"],
)
def test_files_of_a_result_that_never_came_go_with_its_end(half_stored, stored, end):
    assert len(stored()) == 4 and not Asset.objects.exists()
    end(half_stored)
    assert stored() == []


@pytest.mark.django_db(transaction=True)
def test_files_of_an_earlier_attempt_go_too(half_stored, stored):
    Generation.objects.filter(pk=half_stored.pk).update(attempt=2)
    services.cancel(fresh(half_stored))
    assert stored() == []


@pytest.mark.django_db(transaction=True)
def test_what_a_job_has_made_stays_with_it_in_the_trash(ada, stored):
    remove = toy.install()
    job = Generation.objects.claim(services.submit(ada, toy.ToyTool(), {"prompt": "swan", "size": 2}).queue)
    services.finish(job, [(Asset(kind="video"), {"file": ContentFile(b"film", "film.mp4")})], "paper")
    services.delete(fresh(job))
    remove()
    assert len(stored()) == 1
