"""The real sampler on tiny models goes on from the media storage alone, and comes to the very same film."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from apps.library.keeper import StorageKeeper
from apps.library.models import Generation
from apps.tools import sweeper
from tests.factories import GenerationFactory
from tests.keeper import film
from tests.params import PARAMS
from tests.workers.conftest import tiny_components, tiny_spec
from workers.base import Stopped
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.pool import Pool
from workers.keeper import PROMPT
from workers.media.film import write
from workers.media.probe import read_frames
from workers.render import keep, render
from workers.tasks.video import film_of, sent


class Lost(BaseException):
    """The machine is gone."""


@pytest.fixture(scope="module")
def engine():
    pool = Pool()
    pool.put("nano", tiny_components())
    return SkyReelsEngine("nano", pool)


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    write(path, [np.full((32, 32, 3), 8 * i, np.uint8) for i in range(24)], 32, 32, 24)
    return path


@pytest.fixture
def job(ada):
    return Generation.objects.claim(GenerationFactory(user=ada).queue)


def lost_in(window):
    def on_progress(now):
        if now.window == window and now.stage == "denoising":
            raise Lost

    return on_progress


def stopped(now):
    raise Stopped


def attempt(engine, job, spec, folder, on_progress, **options):
    """Make the film in an empty folder, as a worker on another machine would."""
    shutil.rmtree(folder, ignore_errors=True)
    options = {"keeper": StorageKeeper(job), "on_progress": on_progress} | options
    return render(engine, spec, folder, folder.with_suffix(".mp4"), **options)


def next_attempt(job):
    sweeper.sweep(lease=timedelta(0))
    return Generation.objects.claim(job.queue)


def quiet(now):
    pass


@pytest.mark.parametrize("kind", ["prompt", "clip"])
def test_windows_of_lost_workers_are_not_made_again_and_the_film_is_the_same(engine, job, tmp_path, clip, kind):
    values = {"num_frames": 25, "addnoise_condition": 20} | ({"video": clip} if kind == "clip" else {})
    spec = tiny_spec(**values)
    latents = {"whole": [], "resumed": []}
    whole = render(
        engine,
        spec,
        tmp_path / "whole",
        tmp_path / "whole.mp4",
        on_window=lambda window: latents["whole"].append(window.checkpoint.latents),
    )
    windows = len(latents["whole"])
    for window in (2, 4):
        with pytest.raises(Lost):
            attempt(engine, job, spec, tmp_path / "cut", lost_in(window))
        assert job.kept_windows == window - 1
        job = next_attempt(job)
    again = attempt(
        engine,
        job,
        spec,
        tmp_path / "cut",
        quiet,
        on_window=lambda window: latents["resumed"].append(window.checkpoint.latents),
    )
    assert len(latents["resumed"]) == windows - 3
    assert torch.equal(latents["resumed"][-1], latents["whole"][-1])
    # Not the bytes: x264 does not promise the same ones for small pictures on a busy machine.
    assert (again.frames, again.width, again.height) == (whole.frames, whole.width, whole.height)
    assert (job.kept_windows, job.kept_frames) == (windows, spec.num_frames)
    assert job.kept_seconds == whole.frames / spec.fps


def test_a_stopped_extension_keeps_the_clip_and_pays_for_the_new_frames(engine, job, tmp_path, clip):
    spec = tiny_spec(num_frames=25, video=clip)
    with pytest.raises(Lost):
        attempt(engine, job, spec, tmp_path / "cut", lost_in(3))
    job = next_attempt(job)
    with pytest.raises(Stopped):
        attempt(engine, job, spec, tmp_path / "cut", stopped)
    info, windows = keep(spec, tmp_path / "cut", tmp_path / "kept.mp4")
    assert (windows, job.kept_windows) == (2, 2)
    new = job.kept_frames - spec.overlap_history
    assert (info.frames, job.kept_seconds) == (24 + new, (24 + new) / spec.fps)
    levels = [frame.mean() for frame in read_frames(tmp_path / "kept.mp4")][:24]
    assert np.abs(np.array(levels) - 8 * np.arange(24)).max() < 12


@pytest.mark.parametrize("form", ["int8", "gguf:nano=/srv/weights/small.gguf", "gguf:nano=small.gguf", "gguf:other=x"])
def test_a_recipe_names_the_stored_form_and_not_where_it_lies(monkeypatch, form):
    monkeypatch.setenv("CINEVIVID_QUANTIZE", form)
    params = {**PARAMS, "model_id": "nano"}
    told = sent(film_of(params, {}, Path("unused"), quiet), {})
    assert told.get("weights") == {"int8": "int8", "gguf:other=x": None}.get(form, "gguf:small.gguf")


def test_a_prompt_that_was_written_for_the_model_is_not_written_again(job, tmp_path, monkeypatch):
    params = {**PARAMS, "prompt_enhancer": True, "model_id": "nano"}
    first = film_of(params, {}, tmp_path / "first" / PROMPT, quiet)
    assert first.spec.prompt != params["prompt"]
    film(job, tmp_path / "first", 1)
    job = next_attempt(job)
    StorageKeeper(job).fetch(tmp_path / "second")
    monkeypatch.setenv("CINEVIVID_PROMPT_ENGINE", "/no/model/is/here")
    assert film_of(params, {}, tmp_path / "second" / PROMPT, stopped).spec == first.spec
    with pytest.raises(Stopped):
        film_of(params, {}, tmp_path / "third" / PROMPT, stopped)
