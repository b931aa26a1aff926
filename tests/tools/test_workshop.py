"""An attempt works in a folder of its own, and what killed ones left on the machine goes."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from apps.library import keeper
from apps.library.models import Generation
from tests.factories import GenerationFactory
from workers.actors import workshop


@pytest.fixture
def job(ada):
    return Generation.objects.claim(GenerationFactory(user=ada).queue)


def test_what_a_killed_attempt_and_an_ended_job_left_goes_and_others_at_work_stay(ada, job, settings):
    other = Generation.objects.claim(GenerationFactory(user=ada).queue)
    ended = GenerationFactory(user=ada, status="cancelled", finished_at=job.started_at)
    for name in (f"{job.pk}-{job.attempt}", f"{other.pk}-1", f"{ended.pk}-2"):
        (settings.WORK_ROOT / name).mkdir(parents=True)
    Generation.objects.filter(pk=job.pk).update(attempt=2)
    job.attempt = 2
    with workshop(job) as folder:
        assert list(folder.iterdir()) == []
        assert {path.name for path in settings.WORK_ROOT.iterdir()} == {f"{job.pk}-2", f"{other.pk}-1"}


def test_folders_that_no_attempt_has_made_are_left_alone(job, settings):
    for place in (settings.WORK_ROOT / "lost+found", Path(default_storage.path("live/lost+found"))):
        place.mkdir(parents=True)
    with workshop(job):
        pass
    keeper.remove_ended()
    assert (settings.WORK_ROOT / "lost+found").is_dir()
    assert (Path(default_storage.path("live/lost+found"))).is_dir()


def test_a_failed_attempt_leaves_nothing(job, settings):
    with pytest.raises(KeyError), workshop(job) as folder:
        (folder / "half").write_text("x")
        raise KeyError
    assert list(settings.WORK_ROOT.iterdir()) == []
