"""The talking avatar, from the page and from a program: a portrait says a text or a sound, or follows a clip."""

import pytest

from apps.billing import services as billing
from apps.library.models import Generation
from workers.actors import run_generation
from workers.media.probe import probe, read_comment

API, PAGE = "/api/v1/tools/talking-avatar/", "/home/tools/talking-avatar"
SENT = {"portrait": "business-man", "text": "Mama, papa."}


def run(job):
    run_generation(job.queue)
    job.refresh_from_db()
    return job


def test_a_presenter_says_a_text_in_the_voice_that_fits(api, tmp_path):
    quote = api.post(f"{API}quote/", SENT, format="json").json()
    assert quote["summary"].endswith("s · 1280 × 720 · Draft"), quote
    answer = api.post(API, SENT, format="json")
    assert answer.status_code == 202, answer.json()
    job = run(Generation.objects.latest("created_at"))
    assert (job.status, job.error, job.cost, job.queue) == ("succeeded", "", quote["credits"], "cpu")
    assert billing.receipt(job.reference).captured == job.cost and job.title == "Mama, papa."
    assert job.params["voice"] == "drew" and "consent" not in job.params and not job.inputs.exists()
    (path := tmp_path / "made.mp4").write_bytes(job.asset.file.read())
    info = probe(path)
    assert (info.width, info.height, info.fps) == (1280, 720, 25)
    told = read_comment(path)
    assert '"task": "talking-avatar"' in told and "compositeWithTrainedAlgorithmicMedia" in told


def test_the_page_shows_every_field(page):
    shown = page.get(PAGE).content.decode()
    assert shown.count('name="portrait"') >= 5 and 'value="senior-presenter"' in shown
    for name in ("text", "voice", "audio", "language", "speed", "pitch", "ratio", "resolution", "quality", "consent"):
        assert f'name="{name}"' in shown, name
    assert 'name="driver"' in shown and 'name="expressiveness"' in shown
    assert "High: EchoMimicV3-Flash is not set up in this studio." in shown
