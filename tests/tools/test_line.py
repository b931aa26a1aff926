"""Who waits is told their place and when their turn comes; nobody is told a time that nobody knows."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.library.models import Generation
from apps.tools.line import Line
from apps.tools.templatetags.jobs import in_line
from tests.factories import GenerationFactory

pytestmark = pytest.mark.django_db
Status = Generation.Status


def measured(ada, seconds, work=1.0):
    """A film that took so long."""
    now = timezone.now()
    times = {"started_at": now - timedelta(seconds=seconds), "finished_at": now}
    return GenerationFactory(user=ada, held=False, status=Status.SUCCEEDED, attempt=1, work=work, **times)


def running(ada, **columns):
    GenerationFactory(user=ada, held=False, work=1.0)
    job = Generation.objects.claim("gpu")
    Generation.objects.filter(pk=job.pk).update(**columns)
    return Generation.objects.get(pk=job.pk)


def queued(user, work=1.0):
    return GenerationFactory(user=user, held=False, work=work)


def test_what_runs_and_what_is_queued_before_it_is_counted(ada, ben):
    measured(ada, 20)
    running(ada, seconds_left=15)
    first, second, third = queued(ada), queued(ben, work=2), queued(ada)
    assert Line().place_of(first).number == 1 and Line().place_of(first).seconds == 15
    assert Line().place_of(second).number == 2 and Line().place_of(second).seconds == pytest.approx(15 + 20, abs=1)
    assert in_line(Line().place_of(third)) == "Number 3 in line, starts in about 80 s"


def test_two_workers_share_the_line(ada):
    measured(ada, 20)
    running(ada, seconds_left=15), running(ada, seconds_left=30)
    queued(ada)
    assert Line().place_of(queued(ada)).seconds == pytest.approx(15 + 20 / 2, abs=1)


def test_nothing_is_promised_that_was_never_measured(ada):
    running(ada)
    assert in_line(Line().place_of(queued(ada))) == "Next in line"
    assert in_line(Line().place_of(queued(ada))) == "Number 2 in line"


def test_nothing_is_promised_while_nobody_works(ada):
    measured(ada, 20)
    assert in_line(Line().place_of(queued(ada))) == "Next in line"


def test_a_job_that_tells_nothing_yet_is_expected_to_take_as_long_as_others(ada):
    measured(ada, 20)
    job = running(ada, started_at=timezone.now() - timedelta(seconds=5))
    assert Line().remaining_of(job) == pytest.approx(15, abs=1)
    assert in_line(Line().place_of(queued(ada))) == "Next in line, starts in about 15 s"


def test_a_film_that_is_made_larger_at_the_end_is_not_expected_before_that(ada):
    measured(ada, 20)
    job = running(ada, seconds_left=1, params={"finish": 4}, started_at=timezone.now() - timedelta(seconds=5))
    assert Line().remaining_of(job) == pytest.approx(15, abs=1)


def test_a_job_that_is_about_to_start_says_so(ada):
    measured(ada, 20)
    running(ada, seconds_left=1)
    assert in_line(Line().place_of(queued(ada))) == "Next in line, starts in a moment"


def test_a_page_asks_once_how_fast_tools_are_and_what_runs(page, ada):
    measured(ada, 20)
    running(ada, seconds_left=15)
    queued(ada)
    asked = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert "starts in about" in page.get("/home/activity").content.decode()
        asked.append(len(queries))
        queued(ada), queued(ada)
    assert asked[1] == asked[0] + 2, "only the place of each"


def test_the_finish_of_a_film_has_its_part_of_the_percent():
    def at(stage, step, **columns):
        params = {"finish": 2}
        return Generation(params=params, stage=stage, step=step, steps=10, window=2, windows=2, **columns).percent

    assert [at("denoising", 5), at("decoding", 10), at("upscaling", 0), at("upscaling", 5)] == [60, 80, 80, 90]
    assert at("encoding", 10) == 99
