"""Lip sync in its better quality, from the API to the film: MuseTalk's classes with tiny random weights."""

import numpy as np
import pytest
from django.core.files.base import ContentFile

from apps.billing import services as billing
from apps.library.keeper import StorageKeeper
from apps.library.models import Generation
from apps.tools import services
from tests.factories import AssetFactory
from tests.workers.test_musetalk import published
from workers import actors
from workers.actors import run_generation
from workers.engines import registry
from workers.engines.musetalk import cards
from workers.media.probe import probe, read_comment, read_frames

API = "/api/v1/tools/lip-sync/"
SENT = {"text": "Every film begins with a voice.", "voice": "skylark", "consent": True, "quality": "high"}
SIDES, FPS, SECONDS = (320, 240), 25, 1.2


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of models with MuseTalk in it."""
    root = tmp_path_factory.mktemp("models")
    published(root / cards.ID)
    return root


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A clip of somebody."""
    from scripts.faces import small_clip

    return small_clip(tmp_path_factory.mktemp("faces") / "clip.mp4", SECONDS)


@pytest.fixture
def job(api, ada, models, film, monkeypatch):
    """Ask for a lip sync by MuseTalk, as a program does, and return the job."""
    monkeypatch.setenv("CINEVIVID_MODELS", str(models))
    monkeypatch.delenv("CINEVIVID_DEVICE_GB", raising=False)
    registry.get("lips", cards.ID).release()
    facts = {"width": 320, "height": 240, "frames": 30, "fps": FPS, "seconds": SECONDS}
    clip = AssetFactory(
        generation=None, user=ada, recipe={"name": "mara"}, file=ContentFile(film.read_bytes(), "film.mp4"), **facts
    )
    answer = api.post(API, {"video": str(clip.pk), **SENT}, format="json")
    assert answer.status_code == 202, answer.json()
    yield Generation.objects.get(pk=answer.json()["id"])
    registry.get("lips", cards.ID).release()


@pytest.fixture
def told(monkeypatch):
    """What the row of a job is told while it runs: (stage, step, steps)."""
    rows, advance = [], Generation.advance

    def advancing(self, **changes):
        if "stage" in changes:
            rows.append((changes["stage"], changes["step"], changes["steps"]))
        return advance(self, **changes)

    monkeypatch.setattr(Generation, "advance", advancing)
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    return rows


def run(job):
    run_generation(job.queue)
    job.refresh_from_db()
    return job


def test_a_model_repaints_the_mouth_and_nothing_else(job, film, told, tmp_path):
    assert (job.queue, job.params["quality"]) == ("gpu", "high") and billing.held(job.user) == job.cost
    job = run(job)
    assert (job.status, job.error, job.engine) == ("succeeded", "", "high")
    paid = services.price_if_made(job, job.asset.frames)  # its text may take less than was expected
    assert billing.receipt(job.reference).captured == paid <= job.cost and billing.held(job.user) == 0
    stages = list(dict.fromkeys(stage for stage, _step, _steps in told if stage != "loading"))
    assert stages == ["voicing", "tracking", "syncing", "listening", "encoding"]
    assert set(stages) < set(Generation.STAGES), "each has words for whoever waits"
    frames = [step for stage, step, _steps in told if stage == "syncing"]
    assert frames == sorted(frames) and frames[-1] == job.asset.frames
    (path := tmp_path / "made.mp4").write_bytes(job.asset.file.read())
    assert (probe(path).width, probe(path).height) == SIDES and '"task": "lip-sync"' in read_comment(path)
    # Random weights paint noise: all of it where the mouth is, and none of it away from the face.
    pairs = zip(read_frames(path), read_frames(film), strict=False)
    changes = [np.abs(made.astype(int) - shown).mean(2) for made, shown in pairs]
    away, mouth = np.mean([each[:60] for each in changes]), np.mean([each[120:150, 140:180] for each in changes])
    assert away < 4 < mouth, (away, mouth)


def test_a_worker_that_takes_over_goes_on_after_what_is_kept(job, told, monkeypatch):
    class Killed(BaseException):
        """What a worker is not told of."""

    keep = StorageKeeper.keep

    def keep_and_die(self, folder, kept):
        keep(self, folder, kept)
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(StorageKeeper, "keep", keep_and_die)
        with pytest.raises(Killed):
            run_generation(job.queue)
    Generation.objects.filter(pk=job.pk).update(status="queued")
    told.clear()
    job = run(job)
    assert (job.status, job.error, job.attempt) == ("succeeded", "", 2)
    assert min(step for stage, step, _steps in told if stage == "syncing") == 24
    paid = services.price_if_made(job, job.asset.frames)  # its text may take less than was expected
    assert billing.receipt(job.reference).captured == paid <= job.cost and billing.held(job.user) == 0


def test_a_cancelled_job_ends_between_frames_and_costs_nothing(job, told, monkeypatch):
    advance = Generation.advance

    def cancelling(self, **changes):
        if changes.get("stage") == "syncing" and changes["step"] == 5:
            services.cancel(Generation.objects.get(pk=self.pk))
        return advance(self, **changes)

    monkeypatch.setattr(Generation, "advance", cancelling)
    job = run(job)
    assert (job.status, job.asset) == ("cancelled", None)
    assert max(step for stage, step, _steps in told if stage == "syncing") == 5
    assert billing.receipt(job.reference).captured == 0 and billing.held(job.user) == 0
