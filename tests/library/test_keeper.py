"""Finished windows outlive their worker, and only the attempt that has the row adds to them."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.errors import StudioError
from apps.library import keeper
from apps.library.models import Asset, Generation
from apps.tools import services, sweeper
from tests.factories import GenerationFactory
from tests.keeper import film
from workers.base import Cancelled


@pytest.fixture(params=["disk", "elsewhere"])
def storage(request, settings):
    """A disk, and a storage that is none."""
    if request.param == "elsewhere":
        settings.STORAGES = settings.STORAGES | {
            "default": {"BACKEND": "django.core.files.storage.InMemoryStorage", "OPTIONS": {}}
        }
    return default_storage


@pytest.fixture
def job(ada, storage):
    return Generation.objects.claim(GenerationFactory(user=ada).queue)


def stored(folder):
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return set()
    return set(files) | {f"{name}/{file}" for name in folders for file in stored(f"{folder}/{name}")}


def take_over(job):
    sweeper.sweep(lease=timedelta(0))
    return Generation.objects.claim(job.queue)


def test_a_window_counts_once_all_of_it_is_stored(job, tmp_path):
    film(job, tmp_path / "a", 2)
    row = Generation.objects.get(pk=job.pk)
    assert (row.kept_attempt, row.kept_windows, row.kept_frames, row.kept_seconds) == (1, 2, 33, 33 / 8)
    assert job.created_at < row.first_frames_at < row.heartbeat_at
    names = stored(f"live/{job.pk}/1")
    assert {"0000.mp4", "0001.mp4", "clip-parts", "state-0002.safetensors", "hls/init.mp4", "hls/0001.m4s"} <= names
    assert "state-0001.safetensors" not in names


def test_what_cannot_be_removed_costs_no_window(job, tmp_path, monkeypatch):
    def away(*args):
        raise RuntimeError("a client library's own")

    monkeypatch.setattr(default_storage.__class__, "delete", away)
    film(job, tmp_path / "a", 2)
    assert Generation.objects.get(pk=job.pk).kept_windows == 2


def test_a_worker_elsewhere_goes_on_with_nothing_but_the_storage(job, tmp_path):
    film(job, tmp_path / "a", 2)
    next_job = take_over(job)
    film(next_job, tmp_path / "b", 3)
    assert (tmp_path / "b" / "0000.mp4").read_text() == "segment 0"
    assert not (tmp_path / "b" / "0003.mp4").exists()
    assert next_job.kept_attempt == 2
    assert stored(f"live/{job.pk}/1") == set()
    assert {"0000.mp4", "0002.mp4", "state-0003.safetensors"} <= stored(f"live/{job.pk}/2")


def test_what_a_killed_worker_had_not_finished_storing_does_not_count(job, tmp_path):
    film(job, tmp_path / "a", 1)
    for name in ("0001.mp4", "state-0002.safetensors"):
        default_storage.save(f"live/{job.pk}/1/{name}", (tmp_path / "a" / "0000.mp4").open("rb"))
    keeper.StorageKeeper(take_over(job)).fetch(tmp_path / "b")
    assert (tmp_path / "b" / "state.safetensors").read_text() == "state 1"


def test_a_worker_thought_dead_adds_nothing(job, tmp_path):
    late = film(job, tmp_path / "a", 1)
    new = take_over(job)
    film(new, tmp_path / "b", 1)
    (tmp_path / "a" / "0001.mp4").write_text("late")
    with pytest.raises(Cancelled):
        late.keep(tmp_path / "a", keeper.Kept(2, 33, 4.1))
    assert Generation.objects.get(pk=job.pk).kept_windows == 1
    assert "0001.mp4" not in stored(f"live/{job.pk}/1")


def test_windows_that_are_gone_from_storage_are_lost_and_nothing_else(job, tmp_path):
    film(job, tmp_path / "a", 2)
    keeper.remove(job)
    keeper.StorageKeeper(take_over(job)).fetch(tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_nothing_is_left_when_a_job_ends_without_a_film(job, tmp_path, end, django_capture_on_commit_callbacks):
    film(job, tmp_path / "a", 2)
    with django_capture_on_commit_callbacks(execute=True):
        if end == "cancelled":
            services.cancel(job)
        else:
            services.fail(job, StudioError(code="generation_failed"))
    assert stored("live") == set()


def test_of_a_finished_film_only_what_plays_is_left_and_not_for_long(job, tmp_path, django_capture_on_commit_callbacks):
    film(job, tmp_path / "a", 2)
    with django_capture_on_commit_callbacks(execute=True):
        services.finish(job, [(Asset(kind="video"), {})], "paper")
    sweeper.sweep()
    left = {"index-0001.m3u8", "index-0002.m3u8", "init.mp4", "0000.m4s", "0001.m4s"}
    assert stored("live") == {f"{job.pk}/1/hls/{name}" for name in left}
    Generation.objects.update(finished_at=timezone.now() - keeper.GRACE)
    sweeper.sweep()
    assert stored("live") == set()


def test_sweep_removes_what_ended_jobs_left_and_nothing_of_those_that_run(job, ada, tmp_path):
    film(job, tmp_path / "a", 1)
    other = Generation.objects.claim(GenerationFactory(user=ada).queue)
    film(other, tmp_path / "b", 1)
    services.cancel(other)
    sweeper.sweep()
    assert default_storage.listdir("live")[0] == [str(job.pk)]


def test_parts_of_a_window_can_be_seen_and_are_not_kept(job, tmp_path):
    film(job, tmp_path / "a", 1, parts=2)
    row = Generation.objects.get(pk=job.pk)
    assert row.is_watchable and row.first_frames_at
    assert (row.kept_windows, row.kept_frames, row.parts_to_see) == (1, 21, 2)
    assert default_storage.open(keeper.path_of(row, "index.m3u8")).read().count(b"EXTINF") == 3
    assert default_storage.open(keeper.path_of(row, "0002.m4s")).read() == b"media of part 1"


def test_parts_that_were_seen_stay_for_the_next_worker_and_half_stored_ones_do_not(job, tmp_path):
    film(job, tmp_path / "a", 1, parts=1)
    default_storage.save(f"live/{job.pk}/1/0002.mp4", (tmp_path / "a" / "0000.mp4").open("rb"))
    after = take_over(job)
    # Until the next attempt shows something, what was seen is seen.
    assert after.parts_to_see == 1
    assert default_storage.exists(keeper.path_of(after, "0001.m4s"))
    keeper.StorageKeeper(after).fetch(tmp_path / "b")
    assert {path.name for path in (tmp_path / "b").glob("*.mp4")} == {"0000.mp4", "0001.mp4"}


def test_parts_before_the_first_window_are_made_again_by_the_next_worker(job, tmp_path):
    film(job, tmp_path / "a", 0, parts=2)
    row = Generation.objects.get(pk=job.pk)
    assert row.is_watchable and (row.kept_windows, row.kept_attempt, row.parts_to_see) == (0, 0, 2)
    after = take_over(job)
    assert not after.is_watchable
    keeper.StorageKeeper(after).fetch(tmp_path / "b")
    assert not (tmp_path / "b").exists()
    film(after, tmp_path / "b", 0, parts=1)
    assert after.is_watchable and keeper.path_of(after, "index.m3u8") == f"live/{job.pk}/2/hls/index-0000-0001.m3u8"


def test_parts_alone_do_not_make_an_attempt_count_as_one_that_got_further(job, tmp_path):
    for _ in range(5):
        film(job, tmp_path / str(job.attempt), 0, parts=1)
        if not services.retry(job, StudioError(code="rank_lost")) or not (job := Generation.objects.claim(job.queue)):
            break
    assert Generation.objects.get().status == Generation.Status.FAILED
