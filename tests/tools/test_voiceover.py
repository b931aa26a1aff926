"""Texts spoken by a voice, from the page and from a program."""

import pytest

from apps.billing import services as billing
from apps.library.keeper import StorageKeeper
from apps.library.models import Generation
from apps.tools import registry, services
from workers import actors
from workers.actors import run_generation
from workers.media import audio
from workers.voice.text import sentences

API, PAGE = "/api/v1/tools/voiceover/", "/home/tools/voiceover"
TEXT = "The rain has stopped. A door opens, slowly. Somebody is there!"


def run(job):
    run_generation(job.queue)
    job.refresh_from_db()
    return job


def made(api, **params):
    answer = api.post(API, {"text": TEXT, "voice": "skylark", **params}, format="json")
    assert answer.status_code == 202, answer.json()
    job = run(Generation.objects.latest("created_at"))
    assert (job.status, job.error) == ("succeeded", "")
    return job


def test_a_text_becomes_a_sound_with_a_waveform_and_captions(page, ada):
    answer = page.post(PAGE, {"text": TEXT, "voice": "skylark", "format": "mp3"})
    assert answer.status_code == 302, answer.content.decode()
    job = run(Generation.objects.get())
    assert (job.status, job.error, job.cost, billing.balance(ada)) == ("succeeded", "", 1, 99)
    sound = job.asset
    assert sound.kind == "audio" and sound.file.name.endswith(".mp3") and sound.strip_url
    assert 2 < sound.seconds < 20 and sound.recipe["params"]["voice"] == "skylark"
    assert sound.transcript == TEXT
    assert [cue.text for cue in sound.cues] == [part.text for part in sentences(TEXT)]
    assert all(a.end <= b.start + 0.01 for a, b in zip(sound.cues, sound.cues[1:], strict=False))
    assert sound.cues[-1].end <= sound.seconds + 1
    told = page.get(job.get_absolute_url()).content.decode()
    assert "Somebody is there!" in told and f"/media/{sound.pk}/text/captions.srt" in told


@pytest.mark.parametrize("suffix", ["mp3", "wav", "m4a", "ogg"])
def test_each_format_holds_the_same_sound(api, suffix, tmp_path):
    sound = made(api, text="The rain has stopped.", format=suffix).asset
    (path := tmp_path / f"sound.{suffix}").write_bytes(sound.file.read())
    samples, rate = audio.decode(path)
    assert abs(samples.shape[1] / rate - sound.seconds) < 0.1 and abs(samples).max() > 0.1
    answer = api.get(sound.file_url, HTTP_RANGE="bytes=0-99")
    assert answer.status_code == 206 and answer["Content-Type"].startswith("audio/")


def test_captions_are_downloaded_by_their_owner_alone(api, page, client, ben):
    sound = made(api).asset
    vtt = page.get(f"/media/{sound.pk}/text/captions.vtt")
    assert vtt["Content-Type"] == "text/vtt; charset=utf-8" and vtt.content.startswith(b"WEBVTT\n")
    srt = page.get(f"/media/{sound.pk}/text/captions.srt?download")
    assert srt.content.startswith(b"1\n00:00:00,") and srt["Content-Disposition"].startswith("attachment")
    assert page.get(f"/media/{sound.pk}/text/transcript.txt").content.decode() == TEXT
    assert page.get(f"/media/{sound.pk}/text/descriptions.vtt").status_code == 404
    client.force_login(ben)
    assert client.get(f"/media/{sound.pk}/text/captions.vtt").status_code == 404
    told = api.get(f"/api/v1/assets/{sound.pk}/").json()
    assert told["captions_url"].endswith(f"/media/{sound.pk}/text/captions.vtt")


def test_it_tells_of_its_sentences(api, ada, monkeypatch):
    """A reporter that writes every time shows what the card would."""
    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    seen = []
    advance = Generation.advance

    def watched(job, **changes):
        seen.append((changes.get("stage"), changes.get("step"), changes.get("steps")))
        return advance(job, **changes)

    monkeypatch.setattr(Generation, "advance", watched)
    made(api)
    assert [each for each in seen if each[0] == "speaking"] == [("speaking", n, 3) for n in range(4)]


class Killed(BaseException):
    pass


def test_a_killed_worker_goes_on_at_the_sentence_after(api, ada, monkeypatch):
    whole = made(api, format="wav").asset
    keep, spoken = StorageKeeper.keep, []

    def dies(keeper, folder, kept):
        keep(keeper, folder, kept)
        if kept.windows == 2:
            raise Killed

    answer = api.post(API, {"text": TEXT, "voice": "skylark", "format": "wav"}, format="json")
    with monkeypatch.context() as patch:
        patch.setattr(StorageKeeper, "keep", dies)
        with pytest.raises(Killed):
            run_generation("cpu")
    job = Generation.objects.get(pk=answer.json()["id"])
    assert (job.status, job.kept_windows) == ("running", 2)
    services.retry(job, actors.StudioError(code="worker_lost"))
    from workers.engines import voice

    say = voice.say
    monkeypatch.setattr(voice, "say", lambda text, *rest: (spoken.append(text), say(text, *rest))[1])
    run(job)
    assert (job.status, job.attempt, spoken) == ("succeeded", 2, ["Somebody is there!"])
    assert job.asset.file.read() == whole.file.read(), "nobody hears that a worker was lost"


def test_a_stop_keeps_the_finished_sentences_and_only_they_are_paid_for(api, ada, monkeypatch):
    text = " ".join(f"This is the sentence number {n} of a long text about the sea." for n in range(12))
    keep = StorageKeeper.keep

    def stopped(keeper, folder, kept):
        keep(keeper, folder, kept)
        if kept.windows == 4:
            services.stop(keeper.job)

    monkeypatch.setattr(actors, "WRITE_EVERY_SECONDS", 0)
    monkeypatch.setattr(StorageKeeper, "keep", stopped)
    job = made(api, text=text)
    part = registry.get("voiceover").price_of_part(job, 4)
    assert job.stopped_early and 0 < part < job.cost and billing.balance(ada) == 100 - part
    assert job.asset.transcript == " ".join(each.text for each in sentences(text)[:4])


def test_what_is_spoken_cannot_be_watched_meanwhile(api, ada, page):
    job = Generation.objects.create(
        user=ada, tool="voiceover", params={"text": TEXT, "voice": "rachel", "voice_engine": "offline"},
        status="running", kept_windows=1, kept_frames=1, kept_seconds=1.5, steps=3, stage="speaking",
    )  # fmt: skip
    told = page.get(job.get_absolute_url()).content.decode()
    assert "Stop here" in told and "index.m3u8" not in told
    assert api.get(f"/api/v1/generations/{job.pk}/").json()["kept"]["live_url"] is None


@pytest.mark.parametrize(
    ("params", "field", "words"),
    [
        (
            {
                "text": "",
            },
            "text",
            "write what is to be spoken",
        ),
        ({"text": "😀🎬🎉"}, "text", ""),
        ({"text": "a" * 20_001}, "text", "at most 20000"),
        ({"text": "x" * 10_000}, "text", ""),
        ({"text": "<speak>Hello <break time='1s'/></speak>"}, "text", ""),
        ({"text": "مرحبا بالعالم، هذا فيلم جديد"}, "text", ""),
        ({"text": "Guten Tag.", "language": "de"}, "language", ""),
        ({"text": "Hello.", "voice": "nobody-at-all"}, "voice", "no longer there"),
        ({"text": "Hello.", "speed": 4}, "speed", "or less"),
        ({"text": "Hello.", "pitch": -30}, "pitch", "or more"),
        ({"text": "Hello.", "format": "exe"}, "format", "not offered"),
        ({"text": "Hello.", "language": "xx"}, "language", "not offered"),
    ],
)
def test_what_cannot_be_spoken_is_refused_on_its_field_before_a_credit_moves(api, ada, params, field, words):
    answer = api.post(API, params, format="json")
    assert answer.status_code == 422, answer.json()
    told = answer.json()["errors"]
    assert set(told) == {field} and words in told[field][0], told
    assert (billing.held(ada), billing.balance(ada), Generation.objects.count()) == (0, 100, 0)


def test_the_quote_tells_length_and_price(api):
    quote = api.post(f"{API}quote/", {"text": TEXT * 10}, format="json").json()
    assert quote["credits"] == 4 and quote["summary"].endswith("sentences") and "about" in quote["summary"]


def test_the_page_offers_the_languages_that_are_spoken(page):
    told = page.get("/home/tools/voiceover").content.decode()
    assert 'value="en"' in told and 'value="de"' not in told
