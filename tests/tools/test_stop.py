"""*Stop here* keeps what is finished and charges for that only, whatever the job is doing."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library.models import Asset, Generation
from apps.tools import registry, services, sweeper
from tests.factories import GenerationFactory
from tests.keeper import FPS, film
from tests.params import PARAMS
from workers.actors import reporter
from workers.base import Cancelled, Progress, Stopped
from workers.media.probe import probe

Status = Generation.Status
THREE_WINDOWS = PARAMS | {"num_frames": 45, "steps": 16}  # 12 credits: 2 a second


def submit(user, params=THREE_WINDOWS):
    return services.submit(user, registry.get("to-video"), dict(params))


def fresh(job):
    return Generation.objects.get(pk=job.pk)


def progress(stage="denoising"):
    return Progress(stage=stage, window=2, windows=3, step=1, steps=4)


def sums(job):
    receipt = billing.receipt(job.reference)
    return receipt.held, receipt.captured, receipt.released


@pytest.fixture
def running(ada, tmp_path):
    """A job of three windows of which two are finished."""
    job = Generation.objects.claim(submit(ada).queue)
    film(job, tmp_path, 2)
    return job


def test_a_queued_job_is_cancelled_and_everything_comes_back(ada):
    job = services.stop(submit(ada))
    assert (job.status, sums(job), billing.balance(ada)) == (Status.CANCELLED, (12, 0, 12), 100)


def test_before_the_first_window_it_is_a_cancel(ada):
    job = Generation.objects.claim(submit(ada).queue)
    reporter(job)(progress())
    assert services.stop(job).status == Status.CANCELLED
    assert sums(job) == (12, 0, 12)
    with pytest.raises(Cancelled):
        reporter(job)(progress())


def test_the_worker_hears_of_it_at_its_next_step_and_may_still_write_the_file(running):
    report = reporter(running)
    services.stop(running)
    with pytest.raises(Stopped):
        report(progress())
    report(progress("encoding"))
    assert fresh(running).stage == "encoding"


def test_only_what_is_kept_is_charged(running, ada):
    services.stop(running)
    assert services.price_if_stopped(running) == 9  # 33 frames are 4 1/8 s
    assert services.finish(running, [(Asset(kind="video"), {})], "nano", stopped=True)
    job = fresh(running)
    assert (job.status, job.stopped_early, job.kept_windows, job.windows) == (Status.SUCCEEDED, True, 2, 3)
    assert (sums(job), billing.balance(ada), billing.audit()) == ((12, 9, 3), 91, [])


def test_a_film_that_was_whole_before_anybody_could_stop_it_is_charged_whole(running, tmp_path):
    film(running, tmp_path, 3)
    services.stop(running)
    services.finish(running, [(Asset(kind="video"), {})], "nano", stopped=False)
    assert (fresh(running).stopped_early, sums(running)) == (False, (12, 12, 0))


def test_asking_twice_changes_nothing(running):
    services.stop(running)
    asked = fresh(running).stop_requested_at
    services.stop(running)
    assert fresh(running).stop_requested_at == asked


def test_a_stopped_job_can_still_be_cancelled(running):
    services.stop(running)
    assert services.cancel(running) == 12


@pytest.mark.parametrize("end", ["finish", "fail", "cancel"])
def test_what_has_ended_cannot_be_stopped(running, end):
    if end == "finish":
        services.finish(running, [(Asset(kind="video"), {})], "nano")
    elif end == "fail":
        services.fail(running, StudioError(code="generation_failed"))
    else:
        services.cancel(running)
    before = sums(running)
    with pytest.raises(services.WrongState, match="cannot be stopped"):
        services.stop(running)
    assert sums(running) == before


@given(frames=st.sampled_from([21, 33, 45]), cost=st.integers(0, 20))
def test_the_price_of_a_part_is_never_more_than_what_was_held(frames, cost):
    job = Generation(tool="to-video", params=THREE_WINDOWS, cost=cost, kept_frames=frames)
    assert 0 <= services.price_if_stopped(job) <= cost
    if cost >= 12:
        assert services.price_if_stopped(job) == -(-2 * frames // FPS)


def test_a_stopped_extension_pays_for_new_frames_only():
    params = THREE_WINDOWS | {"mode": "extend", "overlap_history": 9}
    job = Generation(tool="to-video", params=params, cost=9, kept_frames=33)
    assert services.price_if_stopped(job) == registry.get("to-video").price(params | {"num_frames": 33}) == 6


def test_page_and_api_say_what_is_kept(page, api, running):
    url = f"/home/jobs/{running.pk}/stop"
    assert api.get(f"/api/v1/generations/{running.pk}/").json()["kept"] == {
        "windows": 2,
        "seconds": 33 / FPS,
        "price": 9,
        "live_url": f"http://testserver/live/{running.pk}/index.m3u8",
    }
    assert page.get(url).status_code == 405
    assert "What is finished is kept" in page.post(url, headers={"HX-Request": "true"}).content.decode()
    answer = api.post(f"/api/v1/generations/{running.pk}/stop/")
    assert (answer.status_code, answer.json()["status"], answer.json()["stopped_early"]) == (200, "running", False)
    services.finish(running, [(Asset(kind="video"), {})], "nano", stopped=True)
    answer = api.post(f"/api/v1/generations/{running.pk}/stop/")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    job = api.get(f"/api/v1/generations/{running.pk}/").json()
    assert (job["stopped_early"], job["credits"]) == (True, {"held": 12, "captured": 9, "released": 3})


def test_a_stranger_cannot_stop_it(client, ben, running):
    client.force_login(ben)
    assert client.post(f"/home/jobs/{running.pk}/stop").status_code == 404
    assert fresh(running).stop_requested_at is None


def test_the_card_offers_it_and_says_afterwards_what_was_kept(page, running):
    html = page.get("/home/my-library").content.decode()
    assert "keep 4.1 s, pay 9 of 12 credits" in html
    services.stop(running)
    html = page.get(running.get_absolute_url()).content.decode()
    assert "Stop here" not in html and "Keeping 2 windows" in html
    services.finish(running, [(Asset(kind="video"), {})], "nano", stopped=True)
    html = page.get(running.get_absolute_url()).content.decode()
    assert "Stopped early: 2 of 3 windows kept" in html
    assert "9 of 12 credits" in html


def test_a_waiting_job_that_nothing_was_made_of_offers_no_stop(page, ada):
    GenerationFactory(user=ada)
    assert "Stop here" not in page.get("/home/my-library").content.decode()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_next_worker_keeps_what_a_lost_one_finished_and_computes_nothing(ada, tmp_path, worker, wait_until):
    """The first attempt is the real task on nano, lost in its second window; the second is a real worker."""
    from apps.library.keeper import StorageKeeper
    from workers.engines import registry as engines
    from workers.engines.skyreels.engine import SkyReelsEngine
    from workers.tasks import registry as tasks

    def lose(now):
        if now.window == 2 and now.step:
            raise KeyboardInterrupt

    job = Generation.objects.create(user=ada, tool="to-video", params=THREE_WINDOWS | {"steps": 4}, cost=3)
    billing.hold(ada, 3, job.reference)
    job = Generation.objects.claim(job.queue)
    with pytest.raises(KeyboardInterrupt):
        request = tasks.Request(params=job.params, folder=tmp_path, on_progress=lose, keeper=StorageKeeper(job))
        tasks.get("video")(request)
    assert fresh(job).kept_windows == 1
    services.stop(fresh(job))
    empty = engines._engines["video"] = SkyReelsEngine("nano")
    sweeper.sweep(lease=timedelta(0))
    wait_until(lambda: not fresh(job).is_active)
    job = fresh(job)
    assert (job.status, job.stopped_early, job.attempt) == (Status.SUCCEEDED, True, 2), job.error
    assert empty.pool.loads == 0, "the model was loaded"
    with job.asset.file.open() as file:
        (tmp_path / "kept.mp4").write_bytes(file.read())
    assert probe(tmp_path / "kept.mp4").frames == job.asset.frames == 21
    assert job.asset.poster and job.asset.strip and job.asset.recipe["windows_kept"] == 1
    assert (sums(job), billing.balance(ada), billing.audit()) == ((3, 2, 1), 98, [])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", ["denoising", "decoding"])
def test_stopping_a_real_film_leaves_a_film_of_whole_windows(ada, worker, wait_until, stage):
    job = submit(ada, THREE_WINDOWS | {"steps": 8, "num_frames": 129})  # so many windows that one of them is seen
    wait_until(lambda: (now := fresh(job)).kept_windows and now.stage == stage, seconds=200)
    services.stop(job)
    wait_until(lambda: not fresh(job).is_active, seconds=200)
    job = fresh(job)
    assert (job.status, job.stopped_early) == (Status.SUCCEEDED, True)
    assert job.asset.frames == job.kept_frames == 21 + 12 * (job.kept_windows - 1)
    assert sums(job)[1] == -(-job.kept_frames // FPS)  # half the recommended steps, half the price
    assert sum(sums(job)[1:]) == job.cost == 17
    assert billing.audit() == []


def test_a_stop_names_the_size_that_is_kept_and_the_card_leads_to_the_lost_finish(page, running):
    Generation.objects.filter(pk=running.pk).update(params=running.params | {"finish": 4})
    running.refresh_from_db()
    assert "keep 4.1 s at 128 × 128, pay 9 of 12 credits" in page.get("/home/my-library").content.decode()
    services.stop(running)
    film = Asset(kind="video", file="film.mp4", width=128, height=128, seconds=4.1)
    services.finish(running, [(film, {})], "nano", stopped=True)
    html = page.get(running.get_absolute_url()).content.decode()
    address = re.search(r'href="([^"]+)" title="Enlarge × 4"', html)[1].replace("&amp;", "&")
    form = page.get(address).context["form"]
    assert (form["source"].value(), form["factor"].value()) == (str(film.pk), "4")
