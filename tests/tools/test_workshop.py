"""What a killed worker left is taken over, and nobody else can touch it any more."""

import pytest

from apps.library.models import Generation
from tests.factories import GenerationFactory
from workers.actors import workshop


def test_the_folder_of_a_killed_attempt_is_taken_over_and_removed_at_the_end(ada, settings):
    job = Generation.objects.claim(GenerationFactory(user=ada).pk)
    killed = settings.WORK_ROOT / f"{job.pk}-{job.attempt}"
    killed.mkdir(parents=True)
    (killed / "window-1").write_text("made")
    job.attempt += 1
    with workshop(job) as folder:
        assert (folder / "window-1").read_text() == "made"
        assert not killed.exists()
    assert list(settings.WORK_ROOT.iterdir()) == []


def test_a_failed_attempt_leaves_nothing(ada, settings):
    job = Generation.objects.claim(GenerationFactory(user=ada).pk)
    with pytest.raises(KeyError), workshop(job) as folder:
        (folder / "half").write_text("x")
        raise KeyError
    assert list(settings.WORK_ROOT.iterdir()) == []
