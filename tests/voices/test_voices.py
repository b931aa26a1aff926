"""The library of voices: found, heard, marked, and made of one's own with consent."""

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.billing import services as billing
from apps.voices import samples, services
from apps.voices.forms import STATEMENT
from apps.voices.models import FavouriteVoice, VoiceConsent
from scripts.pages import wave
from workers.actors import make_voice_sample
from workers.engines import voice as engine
from workers.engines.voice import cards, elevenlabs
from workers.voice.base import Voice, VoiceError

PAGE, API = "/home/voices", "/api/v1/voices/"
CLOUD = {"age": "", "accent": "", "engine": "elevenlabs", "description": ""}
GRETA = Voice(slug="greta-1", name="Greta", language=("de", "en"), sex="female", **CLOUD)
RACHEL = Voice(slug="rachel", name="Rachel", language=("en",), sex="female", available=False, **CLOUD)


@pytest.fixture
def provider(monkeypatch):
    """A studio that speaks with a provider's two voices, of which the account has one."""
    known = [GRETA, RACHEL]
    monkeypatch.setattr(engine, "voices", lambda engine=None: tuple(known))
    monkeypatch.setattr(cards, "chosen", lambda: "elevenlabs")
    monkeypatch.setattr(elevenlabs, "quota", lambda: (900, 1000), raising=False)

    def clone(name, files, mark):
        assert [path.suffix for path in files] == [".wav"]
        voice = Voice(slug="mine-1", name=name, language=("en",), sex="neutral", **CLOUD)
        known.append(voice)
        return voice

    monkeypatch.setattr(elevenlabs, "clone", clone, raising=False)
    cache.clear()
    return known


def test_the_page_shows_every_voice_and_says_who_stands_in_for_whom(page):
    told = page.get(PAGE).content.decode()
    for voice in engine.voices():
        assert f'id="voice-{voice.slug}"' in told
    assert "Rachel, Drew, Domi and Bella are offline voices here" in told
    assert "this one does not" in told and "own-voice" in told


def test_voices_are_found_by_what_they_are(api):
    found = api.get(API).json()
    assert len(found) >= 8 and {each["engine"] for each in found} == {"offline"}
    assert {each["sex"] for each in found} == {"female", "male"}
    names = {each["slug"]: each for each in found}
    assert {"rachel", "drew", "domi", "bella"} <= names.keys()
    british = api.get(f"{API}?language=en-GB&sex=male").json()
    assert british and all("en-GB" in each["language"] and each["sex"] == "male" for each in british)
    assert [each["slug"] for each in api.get(f"{API}?q=RACHEL").json()] == ["rachel"]
    men = [each["slug"] for each in api.get(f"{API}?q=british man").json()]
    assert men and men == [each["slug"] for each in api.get(f"{API}?accent=British&sex=male").json()]
    assert api.get(f"{API}?language=de").json() == []
    assert api.get(f"{API}?gender=male").status_code == 422
    assert api.get(f"{API}?sex=robot").status_code == 422


def test_favourites_are_ones_own_and_come_first(api, page, ada, ben):
    last = api.get(API).json()[-1]["slug"]
    for _time in range(2):
        assert page.post(f"{PAGE}/{last}/favourite").status_code == 302
    assert api.get(API).json()[0]["slug"] == last
    assert [each["slug"] for each in api.get(f"{API}?favourite=true").json()] == [last]
    assert services.search(ben, services.Search(favourite=True)) == []
    told = page.post(f"{PAGE}/{last}/favourite", {"off": "1"}, headers={"HX-Request": "true"}).content.decode()
    assert 'aria-pressed="false"' in told and not FavouriteVoice.objects.exists()
    assert api.post(f"{API}{last}/favourite/").status_code == 204 and FavouriteVoice.objects.get().user == ada
    assert api.delete(f"{API}{last}/favourite/").status_code == 204
    assert api.post(f"{API}nobody/favourite/").status_code == 404
    assert page.get(f"{PAGE}/{last}/favourite").status_code == 405


def test_a_sample_is_spoken_once_and_streamed_by_range(page, worker, monkeypatch, stored):
    spoken, say = [], engine.say
    monkeypatch.setattr(engine, "say", lambda text, *rest: (spoken.append(text), say(text, *rest))[1])
    first = page.get(f"{PAGE}/skylark/sample")
    assert (first.status_code, first["Content-Type"], first["Accept-Ranges"]) == (200, "audio/mpeg", "bytes")
    part = page.get(f"{PAGE}/skylark/sample", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part["Content-Length"]) == (206, "10")
    assert len(spoken) == 1 and "Skylark" in spoken[0]
    assert len([path for path in stored() if path.startswith("voices/")]) == 1
    assert page.get(f"{PAGE}/nobody/sample").status_code == 404


def test_a_sample_that_cannot_be_made_is_told_at_once(page, monkeypatch):
    voice = engine.get("skylark")
    monkeypatch.setattr(samples, "WAIT_SECONDS", 1)

    def fails(*args):
        raise VoiceError("voice_provider_busy", "Busy.")

    monkeypatch.setattr(engine, "say", fails)
    make_voice_sample(voice.slug)
    answer = page.get(f"{PAGE}/skylark/sample")
    assert answer.status_code == 503 and "cannot be heard right now" in answer.content.decode()


def test_voices_that_the_account_lacks_are_shown_and_not_spoken(page, api, provider):
    told = page.get(PAGE).content.decode()
    assert "Not in this studio" in told and "Rachel, Drew, Domi and Bella are offline" not in told
    shown = {each["slug"]: each for each in api.get(API).json()}
    assert not shown["rachel"]["available"] and shown["rachel"]["sample_url"] == ""
    answer = api.post("/api/v1/tools/voiceover/", {"text": "Hello.", "voice": "rachel"}, format="json")
    assert answer.status_code == 422 and set(answer.json()["errors"]) == {"voice"}


def test_a_provider_that_does_not_answer_leaves_a_page_that_says_so(page, api, monkeypatch):
    def away(engine=None):
        raise VoiceError("voice_provider_busy", "ElevenLabs did not answer.")

    monkeypatch.setattr(engine, "voices", away)
    cache.clear()
    assert "ElevenLabs did not answer." in page.get(PAGE).content.decode()
    assert api.get(API).status_code == 503
    assert page.get("/home/tools/voiceover").status_code == 200
    quote = api.post("/api/v1/tools/to-video/quote/", {"prompt": "a red circle", "num_frames": 33}, format="json")
    assert quote.status_code == 200, "what does not speak needs no voice"
    answer = page.post("/home/tools/voiceover", {"text": "Hello."})
    assert answer.status_code == 422 and "ElevenLabs did not answer." in answer.content.decode()


def recording(name="me.wav"):
    return SimpleUploadedFile(name, wave(1.0), "audio/wav")


def test_a_voice_of_ones_own_is_made_with_a_recorded_consent(page, ada, ben, provider):
    given = {"name": "My voice", "speaker": "Ada Lovelace", "recordings": [recording()]}
    answer = page.post(PAGE, given)
    assert answer.status_code == 422 and "Without this consent" in answer.content.decode()
    assert not VoiceConsent.objects.exists()
    assert page.post(PAGE, given | {"consent": "on", "recordings": [recording()]}).status_code == 302
    consent = VoiceConsent.objects.get()
    assert (consent.user, consent.voice, consent.speaker) == (ada, "mine-1", "Ada Lovelace")
    assert consent.statement == str(STATEMENT) and len(consent.recordings[0]) == 64
    assert "mine-1" in {each.slug for each in services.of(ada)}
    assert "mine-1" not in {each.slug for each in services.of(ben)}, "nobody else has it"


def test_what_is_no_recording_is_refused_and_the_consent_stands_without_a_voice(page, provider):
    text = SimpleUploadedFile("me.wav", b"not a sound", "audio/wav")
    given = {"name": "My voice", "speaker": "Ada", "consent": "on", "recordings": [text]}
    answer = page.post(PAGE, given)
    assert answer.status_code == 422 and "no sound" in answer.content.decode()
    assert not VoiceConsent.objects.exists()


def test_without_the_provider_no_voice_can_be_made(page):
    given = {"name": "My voice", "speaker": "Ada", "consent": "on", "recordings": [recording()]}
    assert page.post(PAGE, given).status_code == 422
    assert not VoiceConsent.objects.exists()


def test_a_text_beyond_the_quota_is_refused_before_a_credit_is_held(api, ada, provider):
    asked = {"text": "Hallo! " * 20, "voice": "greta-1", "language": "de"}
    answer = api.post("/api/v1/tools/voiceover/", asked, format="json")
    assert "too few characters left" in answer.json()["errors"]["text"][0]
    assert billing.held(ada) == 0
    quote = api.post("/api/v1/tools/voiceover/quote/", asked | {"text": "Hallo!"}, format="json").json()
    assert quote["credits"] == 1


def test_the_quota_is_shown_to_the_staff_alone(page, ada, provider):
    assert "900 of 1000 characters" not in page.get(PAGE).content.decode()
    type(ada).objects.filter(pk=ada.pk).update(is_staff=True)
    assert "900 of 1000 characters" in page.get(PAGE).content.decode()
