"""Consent to the face or the voice of an upload: kept for each, withdrawn in the library, and asked for anew there."""

import json

import pytest
from django.utils import timezone

from apps.billing import services as billing
from apps.library import consents
from apps.library.models import Generation, GenerationInput, LikenessConsent
from apps.privacy.deletion import delete_account
from apps.privacy.export import documents
from tests.factories import AssetFactory, GenerationFactory
from workers.actors import run_generation

UPLOADS, AGREED, REFUSED = "/home/my-library/uploads", "Face and voice: agreed", "Face and voice: not used"
PRESENTER = {"portrait": "business-man"}


@pytest.fixture
def voice(ada):
    """A recording that ada has brought, and agreed to."""
    asset = AssetFactory(generation=None, user=ada, kind="audio", seconds=1.0, recipe={"name": "voice.wav"})
    consents.give(ada, [asset], "They have agreed.")
    return asset


def test_what_was_agreed_to_stands_beside_the_upload_until_it_is_withdrawn(page, ada, voice):
    shown = page.get(UPLOADS).content.decode()
    assert AGREED in shown and "They have agreed." in shown and REFUSED not in shown
    page.post(f"{UPLOADS}/{voice.pk}/consent")
    shown = page.get(UPLOADS).content.decode()
    assert REFUSED in shown and "You withdrew your consent on" in shown and AGREED not in shown
    assert consents.withdrawn(voice) and consents.missing([voice])
    page.post(f"{UPLOADS}/{voice.pk}/consent", {"give": "1"})
    assert AGREED in page.get(UPLOADS).content.decode()
    assert not consents.withdrawn(voice) and not consents.missing([voice])
    rows = LikenessConsent.objects.filter(user=ada, asset=voice, statement="They have agreed.")
    assert rows.count() == 2, "what was withdrawn stays on record"


def test_agreeing_twice_is_one_consent(ada, voice):
    consents.give(ada, [voice], "Again.")
    assert voice.consents.get().statement == "They have agreed."


def test_an_upload_that_nobody_was_asked_about_says_nothing_of_it(page, ada):
    AssetFactory(generation=None, user=ada, kind="image", recipe={"name": "boat.png"})
    assert "Face and voice" not in page.get(UPLOADS).content.decode()


@pytest.mark.parametrize("tool", ["lip-sync", "talking-avatar"])
def test_tools_refuse_it_on_its_field_and_hold_nothing(api, ada, voice, tool):
    consents.withdraw(ada, voice)
    answer = api.post(f"/api/v1/tools/{tool}/", _sent(tool, ada, voice), format="json")
    assert answer.status_code == 422 and "you withdrew your consent" in answer.json()["errors"]["audio"][0]
    assert not Generation.objects.filter(tool=tool).exists() and billing.held(ada) == 0


def test_what_was_made_of_it_is_refused_as_well(ada, voice):
    job = GenerationFactory(user=ada, status="succeeded", finished_at=timezone.now(), held=False)
    GenerationInput.objects.create(generation=job, name="audio", asset=voice)
    film = AssetFactory(generation=job)
    frame = AssetFactory(generation=None, user=ada, kind="image", recipe={"last_frame_of": str(film.pk)})
    assert not consents.missing([film, frame])
    consents.withdraw(ada, voice)
    assert consents.withdrawn(film) and consents.withdrawn(frame)


def test_a_job_that_waited_meanwhile_ends_free_of_charge(ada, voice):
    params = PRESENTER | {"made_width": 320, "made_height": 180, "frames": 25, "seconds": 1.0}
    job = GenerationFactory(user=ada, tool="talking-avatar", queue="cpu", params=params)
    GenerationInput.objects.create(generation=job, name="audio", asset=voice)
    consents.withdraw(ada, voice)
    run_generation("cpu")
    job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", "consent_withdrawn")
    assert billing.receipt(job.reference).released == job.cost and billing.held(ada) == 0


def test_consents_are_in_the_download_and_go_with_the_account(ada, voice):
    consents.withdraw(ada, voice)
    told = json.loads(next(each.file for each in documents(ada) if each.name == "account.json").read())
    (consent,) = told["likeness_consents"]
    assert (consent["asset"], consent["statement"]) == (str(voice.pk), "They have agreed.") and consent["withdrawn_at"]
    delete_account(ada)
    assert not LikenessConsent.objects.exists()


def _sent(tool, ada, voice):
    """A request of a tool whose sound is that voice."""
    if tool == "talking-avatar":
        return PRESENTER | {"audio": str(voice.pk), "consent": True}
    clip = AssetFactory(generation=None, user=ada, recipe={"name": "somebody"})
    return {"video": str(clip.pk), "audio": str(voice.pk), "consent": True}
