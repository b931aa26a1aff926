"""ElevenLabs against a server of its protocol on this machine, with the errors that it is known to answer."""

import json
import traceback

import numpy as np
import pytest
from werkzeug import Response

from tests.speaking import KLAUS, listed, refused
from workers.engines import voice
from workers.engines.voice import cards, elevenlabs
from workers.voice.base import VoiceError


def failure(action, *arguments, **options):
    with pytest.raises(VoiceError) as caught:
        action(*arguments, **options)
    return caught.value


def test_the_known_names_come_first_and_those_that_the_account_lacks_are_unavailable(service):
    found = voice.voices()
    assert [(one.slug, one.available) for one in found] == [
        ("rachel", True), ("drew", False), ("domi", False), ("bella", False), (f"elevenlabs-{KLAUS}", True),
    ]  # fmt: skip
    rachel, klaus = found[0], found[-1]
    assert (rachel.name, rachel.sex, rachel.age, rachel.accent) == ("Rachel", "female", "young", "American")
    assert (klaus.sex, klaus.age, klaus.language) == ("male", "middle", ("de", "en", "ar", "hu"))
    assert all(one.engine == "elevenlabs" and not one.stands_for for one in found)
    assert failure(voice.say, "Hello", "drew").code == "voice_unavailable"


def test_the_voices_are_fetched_once(service):
    voice.voices()
    count = len(service.asked)
    assert voice.get("rachel").available and voice.get(f"elevenlabs-{KLAUS}").name == "Klaus"
    assert len(service.asked) == count


def test_a_voice_of_ours_needs_no_answer_of_the_service(service):
    assert voice.get("emma").engine == "offline" and not service.asked
    assert failure(voice.get, "nobody").code == "voice_gone"


def test_it_speaks_with_the_times_of_the_words_as_they_were_written(service):
    speech = voice.say("It costs $5. Good!", "rachel")
    assert service.made[0]["text"] == "It costs five dollars. Good!" and service.made[0]["format"] == "pcm_24000"
    assert service.made[0]["model_id"] == "eleven_multilingual_v2" and "language_code" not in service.made[0]
    assert [one.text for one in speech.words] == ["It", "costs", "$5.", "Good!"]
    assert speech.words[2].start == pytest.approx(9 * 0.05) and speech.words[2].end == pytest.approx(21 * 0.05)
    assert speech.rate == 24_000 and speech.seconds == pytest.approx(28 * 0.05) and speech.samples.dtype == np.float32


def test_without_times_the_words_are_spread_over_the_sound(service):
    service.aligned = False
    speech = voice.say("One two three", "rachel")
    assert [one.text for one in speech.words] == ["One", "two", "three"]
    assert speech.words[0].start == 0 and speech.words[-1].end == pytest.approx(speech.seconds)


def test_another_language_asks_for_the_model_that_can_be_told_one(service):
    voice.say("Das kostet 5 €.", "rachel", "de")
    assert service.made[0]["model_id"] == "eleven_flash_v2_5" and service.made[0]["language_code"] == "de"
    assert service.made[0]["text"] == "Das kostet 5 €."
    voice.say("مرحبا", "rachel", "ar")
    assert failure(voice.say, "Hej", "rachel", "sv").code == "language_not_spoken"


@pytest.mark.parametrize(
    ("speed", "pitch", "asked"), [(1.1, 0, 1.1), (1.5, 0, 1.2), (1.0, 4, 0.794), (1.0, -4, 1.2), (0.7, 4, 0.7)]
)
def test_speed_and_pitch_go_beyond_what_the_service_offers(service, speed, pitch, asked):
    speech = voice.say("Hello there, you.", "rachel", speed=speed, pitch=pitch)
    assert service.made[0]["voice_settings"]["speed"] == pytest.approx(asked, abs=0.002)
    # The service of this test always speaks at one speed, so what was left to do here shows in the length.
    assert speech.seconds == pytest.approx(17 * 0.05 * asked / speed, rel=0.08)
    assert speech.words[-1].end <= speech.seconds + 0.06


def test_a_long_text_is_several_requests_that_know_each_other(service):
    text = "This is a sentence of some length, and it goes on. " * 80
    speech = voice.say(text, "rachel")
    first, second = service.made
    assert len(first["text"]) <= 2_500 and first["next_text"][:20] == second["text"][:20] and second["previous_text"]
    assert len(speech.words) == len(text.split())
    assert all(one.start <= two.start for one, two in zip(speech.words, speech.words[1:], strict=False))


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ((401, "invalid_api_key"), "voice_provider_key"),
        ((401, "missing_permissions"), "voice_provider_key"),
        ((401, "quota_exceeded"), "voice_quota"),
        ((429, "quota_exceeded"), "voice_quota"),
        ((400, "voice_not_found"), "voice_gone"),
        ((404, "voice_not_found"), "voice_gone"),
        ((400, "max_character_limit_exceeded"), "text_too_long"),
        ((402, "paid_plan_required"), "voice_unavailable"),
        ((422, ""), "voice_provider_refused"),
        ((400, "something_new"), "voice_provider_refused"),
    ],
)
def test_a_refusal_is_told_by_its_kind_and_not_asked_again(service, trouble, code):
    service.troubles = [refused(*trouble)]
    assert failure(voice.say, "Hello", "rachel").code == code
    assert not service.made and sum("text-to-speech" in one.path for one in service.asked) == 1


@pytest.mark.parametrize(
    "trouble", [(429, "too_many_concurrent_requests"), (429, "system_busy"), (503, ""), (500, "x")]
)
def test_a_busy_service_is_asked_again(service, trouble):
    service.troubles = [refused(*trouble), refused(*trouble)]
    assert voice.say("Hello", "rachel").words
    service.troubles = [refused(*trouble) for _ in range(elevenlabs.ATTEMPTS)]
    assert failure(voice.say, "Hello", "rachel").code == "voice_provider_busy"


def test_it_waits_as_long_as_the_service_asks(service, monkeypatch):
    waits = []
    monkeypatch.setattr(elevenlabs.time, "sleep", waits.append)
    service.troubles = [
        refused(429, "system_busy", **{"Retry-After": "7"}),
        refused(429, "system_busy", **{"Retry-After": "900"}),
    ]
    voice.say("Hello", "rachel")
    assert waits == [7.0, elevenlabs.LONGEST_WAIT]


def test_a_service_that_is_away_is_busy_and_the_list_of_voices_stays(service, monkeypatch):
    voice.voices()
    monkeypatch.setattr(elevenlabs, "KEPT_SECONDS", 0)
    known = dict(elevenlabs._kept)
    away = "http://127.0.0.1:9"
    monkeypatch.setenv("ELEVENLABS_BASE_URL", away)
    assert failure(voice.voices).code == "voice_provider_busy"
    elevenlabs._kept[("right", away)] = next(iter(known.values()))
    assert voice.voices()[0].name == "Rachel"
    assert failure(voice.say, "Hello", "rachel").code == "voice_provider_busy"


def test_a_voice_of_ones_own_is_made_listed_and_deleted(service, tmp_path):
    files = [tmp_path / "one.mp3", tmp_path / "two.wav"]
    for file in files:
        file.write_bytes(b"sound")
    mine = elevenlabs.clone("Ada", files)
    assert service.made == [{"name": "Ada", "files": 2}] and mine.slug == "elevenlabs-new" and mine in voice.voices()
    assert elevenlabs.remove(mine.slug)
    assert failure(voice.get, mine.slug).code == "voice_gone"
    elevenlabs.remove(mine.slug)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ((400, "can_not_use_instant_voice_cloning"), "voice_not_cloned"),
        ((400, "voice_limit_reached"), "voice_not_cloned"),
        ((400, "invalid_sample"), "voice_not_cloned"),
        ((401, "quota_exceeded"), "voice_quota"),
    ],
)
def test_a_voice_that_cannot_be_made_says_why(service, tmp_path, trouble, code):
    (tmp_path / "one.mp3").write_bytes(b"sound")
    service.troubles = [refused(*trouble)]
    assert failure(elevenlabs.clone, "Ada", [tmp_path / "one.mp3"]).code == code
    assert failure(elevenlabs.clone, "Ada", []).code == "voice_not_cloned"


def test_the_quota_is_told(service):
    assert elevenlabs.quota() == (120, 30_000)
    service.troubles = [refused(401, "invalid_api_key")]
    assert failure(elevenlabs.quota).code == "voice_provider_key"


def test_without_a_key_the_four_names_are_four_of_our_voices(monkeypatch):
    monkeypatch.setenv("CINEVIVID_VOICE_ENGINE", "elevenlabs")
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)
    standing = {one.name: one for one in voice.voices() if one.stands_for}
    assert list(standing) == list(cards.SEED_NAMES) and cards.chosen() == "offline"
    assert all(one.engine == "offline" and one.available for one in standing.values())
    assert failure(elevenlabs.voices).code == "voice_provider_key"


@pytest.mark.parametrize(
    "spoken",
    [
        {"audio_base64": None},
        {"audio_base64": ""},
        {"audio_base64": "no base64!"},
        {"audio_base64": "AAAA"},  # an odd number of bytes
        {"audio_base64": ["AAAA"]},
    ],
)
def test_a_sound_that_is_none_is_no_speech(service, spoken):
    service.spoken = spoken
    assert failure(voice.say, "Hello", "rachel").code == "voice_provider_busy"
    assert len(service.made) == 1, "it was paid for once"


def timed(starts, ends, letters="Hi you"):
    return {
        "characters": list(letters), "character_start_times_seconds": starts, "character_end_times_seconds": ends,
    }  # fmt: skip


@pytest.mark.parametrize(
    "times",
    [
        timed([], [], ""),
        timed([0], [0.1], "H"),
        timed([9] * 6, [99] * 6),
        timed([-5] * 6, [0] * 6),
        timed(["a"] * 6, [0] * 6),
        timed([0.2, 0.1, 0, 0, 0, 0], [0.3] * 6),
        timed([0.1], [0.2] * 6),
        dict.fromkeys(timed([], [])),
        "nonsense",
    ],
)
def test_times_that_cannot_be_are_replaced(service, times):
    service.spoken = {"alignment": times}
    speech = voice.say("Hi you", "rachel")
    assert [one.text for one in speech.words] == ["Hi", "you"]
    assert speech.words[0].start == 0 and speech.words[1].end == pytest.approx(speech.seconds)


@pytest.mark.parametrize("body", ["[]", "{}", "null", '"x"', "<html>", '{"voices": {}}', '{"voices": [3]}', ""])
def test_a_list_of_voices_that_is_none_is_told_as_busy(service, httpserver, body):
    httpserver.clear()
    for path in ("/v2/voices", "/v1/models"):
        httpserver.expect_request(path).respond_with_data(body, content_type="application/json")
    try:
        assert all(not one.available for one in voice.voices())
    except VoiceError as error:
        assert error.code == "voice_provider_busy"


def test_pages_of_voices_that_never_end_do(service, monkeypatch):
    monkeypatch.setattr(elevenlabs, "MOST_PAGES", 3)
    page = {"voices": [], "has_more": True, "total_count": 0, "next_page_token": "again"}
    monkeypatch.setattr(elevenlabs, "_page", lambda token, client, options: _Page(page))
    assert [one.available for one in voice.voices()] == [False] * 4


class _Page:
    def __init__(self, given):
        self.__dict__.update(given)


def test_ids_that_fit_into_no_address_are_left_out(service):
    service.voices += [listed("../../etc", "Path"), listed("a b", "Space"), listed("x" * 200, "Long")]
    assert {one.name for one in voice.voices()} == {"Rachel", "Drew", "Domi", "Bella", "Klaus"}


def test_a_voice_of_somebody_does_not_take_the_place_of_a_known_one(service, tmp_path):
    (tmp_path / "one.mp3").write_bytes(b"sound")
    service.voices = []
    mine = elevenlabs.clone("Rachel", [tmp_path / "one.mp3"], mark="mine")
    found = {one.slug: one for one in voice.voices()}
    assert not found["rachel"].available and found[mine.slug].mark == "mine"


def test_a_voice_that_another_process_had_made_is_found(service, monkeypatch):
    voice.voices()
    service.voices.append(listed("new", "Ada"))
    monkeypatch.setattr(elevenlabs, "FRESH_SECONDS", 0)
    assert voice.get("elevenlabs-new").name == "Ada"


@pytest.mark.parametrize("trouble", [refused(503), Response("<html>", status=200), Response("cut", status=502)])
def test_a_voice_is_not_made_twice_where_the_first_answer_is_lost(service, tmp_path, trouble):
    (tmp_path / "one.mp3").write_bytes(b"sound")
    service.troubles = [trouble]
    assert failure(elevenlabs.clone, "Ada", [tmp_path / "one.mp3"], mark="mine").code == "voice_provider_busy"
    assert not service.made and sum("add" in one.path for one in service.asked) == 1
    service.troubles = [refused(429, "system_busy")]
    elevenlabs.clone("Ada", [tmp_path / "one.mp3"], mark="mine")
    assert elevenlabs.remove("", "mine") and not elevenlabs.remove("", "mine")
    assert {one["voice_id"] for one in service.voices} & {"new"} == set()


def test_neither_the_key_nor_the_text_is_in_what_is_logged(service):
    echo = json.dumps({"detail": {"status": "", "message": "key right, text A secret text"}})
    service.troubles = [Response(echo, status=422, content_type="application/json")]
    error = failure(voice.say, "A secret text", "rachel")
    told = "".join(traceback.format_exception(error))
    assert "A secret text" not in told.replace('voice.say, "A secret text"', "") and "key right" not in told


@pytest.mark.parametrize("key", ["schlüssel", "two words", "a\nb"])
def test_a_key_that_no_header_holds_is_told_and_not_sent(service, monkeypatch, key):
    monkeypatch.setenv("ELEVENLABS_API_KEY", key)
    error = failure(voice.voices)
    assert error.code == "voice_provider_key" and key not in "".join(traceback.format_exception(error))
    assert not service.asked


@pytest.mark.parametrize("address", ["http://[", "ftp://x", "nowhere"])
def test_an_address_that_is_none_is_a_service_that_is_away(service, monkeypatch, address):
    monkeypatch.setenv("ELEVENLABS_BASE_URL", address)
    assert failure(voice.voices).code == "voice_provider_busy"
