"""The player knows where the windows of a film begin, and how long one will be that is being made."""

import re

from django.utils import timezone

from apps.library.models import Generation
from apps.tools.templatetags.jobs import timeline
from tests.factories import AssetFactory, GenerationFactory
from tests.params import PARAMS
from workers.engines.skyreels import cards

NANO = cards.get("nano")
STEP = NANO.base_num_frames - NANO.overlap_history
WINDOWS = 4
LONG = NANO.base_num_frames + (WINDOWS - 1) * STEP
STARTS = (0, *(NANO.base_num_frames + i * STEP for i in range(WINDOWS - 1)))
ENDED = {"status": Generation.Status.SUCCEEDED}


def ended(ada, frames, **changes):
    changes = {**ENDED, "finished_at": timezone.now(), "params": PARAMS | {"num_frames": LONG}} | changes
    job = GenerationFactory(user=ada, **changes)
    AssetFactory(generation=job, frames=frames, fps=NANO.fps, seconds=frames / NANO.fps)
    return job


def test_a_film_that_is_being_made_has_the_windows_that_it_will_have(ada):
    line = timeline(GenerationFactory(user=ada, status="running", params=PARAMS | {"num_frames": LONG}))
    assert (line.frames, line.fps, line.windows) == (LONG, NANO.fps, STARTS)


def test_a_finished_film_shows_them_on_its_page(page, ada):
    html = page.get(ended(ada, LONG).get_absolute_url()).content.decode()
    marks = re.search(r'data-marks="([^"]+)"', html)[1].split()
    assert [round(float(mark) * NANO.fps) for mark in marks] == list(STARTS)
    assert f'data-fps="{float(NANO.fps)}" data-frames="{LONG}"' in html


def test_a_film_that_was_stopped_has_those_that_were_kept(ada):
    kept = ended(ada, STARTS[2], stopped_early=True, kept_windows=2)
    assert timeline(kept).windows == STARTS[:2]


def test_a_clip_that_goes_on_comes_before_the_first_window(ada):
    clip, seen = 40, NANO.overlap_history
    longer = PARAMS | {"mode": "extend", "num_frames": LONG}
    film = ended(ada, clip + LONG - seen, params=longer)
    assert timeline(film).windows[0] == clip
    assert len(timeline(film).windows) == WINDOWS
    assert timeline(GenerationFactory(user=ada, status="running", params=longer)) is None


def test_a_film_that_is_made_larger_is_as_long_as_its_source(ada):
    params = {"kind": "video", "frames": 48, "seconds": 2.0, "factor": 2}
    line = timeline(GenerationFactory(user=ada, tool="upscale", status="running", params=params))
    assert (line.seconds, line.windows) == (2.0, ())
    picture = GenerationFactory(user=ada, tool="upscale", status="running", params={"kind": "image"})
    assert timeline(picture) is None


def test_a_job_of_a_tool_that_is_gone_has_none(ada):
    assert timeline(GenerationFactory(user=ada, tool="gone", status="running")) is None
