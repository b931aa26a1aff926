"""Voices made from recordings: one's own, until the consent is withdrawn or the account is gone."""

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library.models import Generation
from apps.privacy.deletion import delete_account
from apps.tools import sweeper
from apps.voices import samples, services
from apps.voices.forms import STATEMENT
from apps.voices.models import FavouriteVoice, VoiceConsent, VoiceRemoval
from scripts.pages import wave
from tests.threads import Killed, at_once
from workers.actors import make_voice_sample, run_generation
from workers.engines import voice as engine
from workers.engines.voice import elevenlabs

PAGE = "/home/voices"
SLUG = "elevenlabs-new"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("service")]


def recording(seconds=1.0):
    return SimpleUploadedFile("me.wav", wave(seconds), "audio/wav")


def clone(user, name="My voice", seconds=1.0):
    return services.clone(user, name, "Ada Lovelace", str(STATEMENT), [recording(seconds)])


def mine(service):
    """Return the ids of the voices that were made from recordings."""
    return [one["voice_id"] for one in service.voices if one["category"] == "cloned"]


def slugs(user):
    return {voice.slug for voice in services.of(user)}


def swept(after=timedelta(0)):
    """Sweep and work, so much later."""
    with time_machine.travel(timezone.now() + after, tick=False):
        sweeper.sweep()
        services.remove_due()


def test_a_deleted_account_takes_its_voices_with_it(ada, ben, service, stored):
    voice = clone(ada)
    default_storage.save(samples.path_of(voice), ContentFile(b"how ada sounds"))
    delete_account(ada)
    assert not VoiceConsent.objects.exists() and SLUG not in slugs(ben), "nobody sees it from the commit on"
    services.remove_due()
    assert mine(service) == [] and not [path for path in stored() if path.startswith("voices/")]
    assert VoiceRemoval.objects.get().done_at
    swept(timedelta(days=2))
    assert not VoiceRemoval.objects.exists()


def test_a_provider_that_is_away_holds_no_deletion_up_and_is_asked_again(ada, ben, service, monkeypatch):
    clone(ada)
    service.away = True
    delete_account(ada)
    swept()
    assert mine(service) and SLUG not in slugs(ben) and VoiceRemoval.objects.get().tries == 1
    swept()
    assert VoiceRemoval.objects.get().tries == 1, "not at once"
    monkeypatch.delenv("ELEVENLABS_API_KEY")
    swept(timedelta(minutes=2))
    assert VoiceRemoval.objects.get().tries == 2 and SLUG not in slugs(ben)
    monkeypatch.setenv("ELEVENLABS_API_KEY", "right")
    service.away = False
    swept(timedelta(days=3))
    assert mine(service) == [] and VoiceRemoval.objects.get().done_at


def test_a_voice_whose_maker_was_killed_is_nobodys_and_is_removed(ada, ben, service, monkeypatch):
    make = elevenlabs.clone

    def dies(*args, **options):
        make(*args, **options)
        raise Killed

    monkeypatch.setattr(elevenlabs, "clone", dies)
    with pytest.raises(Killed):
        clone(ada)
    assert mine(service) and SLUG not in slugs(ada) | slugs(ben)
    swept()
    assert mine(service), "its maker may be alive"
    swept(2 * services.LOST_AFTER)
    assert mine(service) == []


def test_a_voice_that_is_made_while_its_account_goes_is_removed(ada, ben, service, monkeypatch):
    make = elevenlabs.clone

    def slow(*args, **options):
        voice = make(*args, **options)
        delete_account(ada)
        return voice

    monkeypatch.setattr(elevenlabs, "clone", slow)
    with pytest.raises(StudioError) as caught:
        clone(ada)
    assert caught.value.code == "voice_gone" and SLUG not in slugs(ben)
    services.remove_due()
    assert mine(service) == []


def test_an_answer_that_is_lost_leaves_no_voice_behind(ada, ben, service, monkeypatch):
    add = service.add
    service.add = lambda request: add(request) and 1 / 0  # made, and then a 500
    with pytest.raises(StudioError):
        clone(ada)
    assert mine(service) == [] or SLUG not in slugs(ada) | slugs(ben)
    services.remove_due()
    assert mine(service) == []


def test_two_presses_make_one_voice(ada, service):
    def press():
        try:
            return clone(ada).slug
        except StudioError as error:
            return error.code

    assert sorted(at_once([press, press, press])) == [SLUG, "voice_not_cloned", "voice_not_cloned"]
    assert press() == "voice_not_cloned" and mine(service) == ["new"], "from the same recordings"


def test_nobody_takes_all_the_places_for_voices(ada, service, monkeypatch):
    monkeypatch.setattr(services, "MOST_OWN", 2)
    for seconds in (1.0, 1.5):
        clone(ada, seconds=seconds)
    with pytest.raises(StudioError, match="You have 2 voices"):
        clone(ada, seconds=2.0)
    services.withdraw(ada, SLUG)
    services.remove_due()
    clone(ada, seconds=2.0)


def test_a_withdrawn_consent_ends_the_voice(page, ada, ben, service):
    clone(ada)
    services.like(ada, SLUG, True)
    assert "Delete this voice" in page.get(PAGE).content.decode()
    with pytest.raises(StudioError):
        services.withdraw(ben, SLUG)
    assert page.post(f"{PAGE}/rachel/withdraw").status_code == 404
    service.away = True
    assert page.post(f"{PAGE}/{SLUG}/withdraw").status_code == 302
    assert page.post(f"{PAGE}/{SLUG}/withdraw").status_code == 404, "once"
    service.away = False
    assert SLUG not in slugs(ada) and not FavouriteVoice.objects.exists()
    assert page.get(f"{PAGE}/{SLUG}/sample").status_code == 404
    make_voice_sample(SLUG)
    assert not service.made[1:], "it is not spoken any more"
    assert VoiceConsent.objects.get().withdrawn_at, "what was agreed to stays on record"
    swept(timedelta(minutes=2))
    assert mine(service) == []


def test_a_job_that_waits_does_not_speak_with_a_withdrawn_voice(api, ada, service):
    clone(ada)
    answer = api.post("/api/v1/tools/voiceover/", {"text": "Hello.", "voice": SLUG}, format="json")
    assert answer.status_code == 202, answer.json()
    services.withdraw(ada, SLUG)
    run_generation("cpu")
    job = Generation.objects.get()
    assert (job.status, job.error_code) == ("failed", "voice_gone")
    assert (billing.balance(ada), billing.held(ada), billing.audit()) == (100, 0, [])
    assert not [one for one in service.made if "text" in one]


def test_a_voice_of_a_stranger_is_no_voice(api, ben, service):
    clone(ben)
    asked = {"text": "Hello.", "voice": SLUG}
    answer = api.post("/api/v1/tools/voiceover/", asked, format="json")
    assert answer.status_code == 422 and set(answer.json()["errors"]) == {"voice"}
    assert api.post(f"/api/v1/voices/{SLUG}/favourite/").status_code == 404
    assert api.get(f"/home/voices/{SLUG}/sample").status_code == 404
    assert SLUG not in {each["slug"] for each in api.get("/api/v1/voices/").json()}


def test_a_studio_does_not_offer_the_voices_of_another_one_with_its_account(ada, service):
    clone(ada)
    VoiceConsent.objects.all().delete()  # as another studio sees it
    cache.clear()
    assert SLUG not in slugs(ada) and SLUG in {voice.slug for voice in engine.voices()}


@pytest.mark.parametrize("name", ["\u202e\u200b", "😀", "...", "  "])
def test_a_voice_has_a_name_that_can_be_read(page, service, name):
    given = {"name": name, "speaker": "Ada", "consent": "on", "recordings": [recording()]}
    assert page.post(PAGE, given).status_code == 422
    assert not VoiceConsent.objects.exists()


@pytest.mark.parametrize("consent", ["", "0", "false", "no", "off"])
def test_no_consent_is_no_voice(page, service, consent):
    given = {"name": "Me", "speaker": "Ada", "consent": consent, "recordings": [recording()]}
    assert page.post(PAGE, given).status_code == 422 and mine(service) == []


def test_a_provider_that_is_away_is_not_asked_by_every_page(ada, service):
    service.away = True
    for _time in range(3):
        with pytest.raises(StudioError):
            services.of(ada)
    assert len(service.asked) == elevenlabs.LOOKUP_ATTEMPTS
    assert services.quota() is None and services.quota() is None
    assert len(service.asked) == 2 * elevenlabs.LOOKUP_ATTEMPTS


def test_a_list_that_another_release_has_kept_is_fetched_anew(ada, service):
    cache.set(services.LIST_KEY, [{"slug": "old", "language": ["en"]}])
    assert "rachel" in slugs(ada)
