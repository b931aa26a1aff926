"""Films that speak: a text and music in every tool that makes a film."""

import av
import numpy as np
import pytest
from av.stream import Disposition
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.billing import services as billing
from apps.library.models import Asset, Generation
from apps.tools import registry
from tests.factories import AssetFactory
from tests.media import film, sound
from workers.actors import run_generation
from workers.media import audio
from workers.media.film import write
from workers.media.probe import probe, read_comment, read_frames
from workers.voice import mix
from workers.voice.length import expected
from workers.voiceover import Asked, FilmSound, speak, voice_film

UPSCALE, VIDEO = "/api/v1/tools/upscale/", "/api/v1/tools/to-video/"
SHORT = "A door opens."
LONG = "A door opens, and somebody comes in from the rain. Nobody says a word. The clock on the wall has stopped."


def clip_of(ada, tmp_path, seconds=4, own=None):
    frames = [np.full((64, 96, 3), 40 + i, np.uint8) for i in range(seconds * 2)]
    path = film(tmp_path / "clip.mp4", frames, rate=2)
    if own is not None:
        audio.give_sound(path, own)
    facts = {"width": 96, "height": 64, "frames": seconds * 2, "fps": 2, "seconds": seconds}
    file = ContentFile(path.read_bytes(), "film.mp4")
    return str(AssetFactory(generation=None, user=ada, recipe={"name": "a clip"}, file=file, **facts).pk)


def made(api, address, tmp_path, **params):
    voice = {"voiceover_voice": "skylark"} if "voiceover_text" in params else {}
    answer = api.post(address, params | voice, format="json")
    assert answer.status_code == 202, answer.json()
    job = Generation.objects.latest("created_at")
    run_generation(job.queue)
    job.refresh_from_db()
    assert (job.status, job.error) == ("succeeded", "")
    (path := tmp_path / "made.mp4").write_bytes(job.asset.file.read())
    return job, path


def heard(path):
    """Return a film's sound, its loudness in LUFS and its true peak in dB."""
    samples, rate = audio.decode(path)
    return samples, *mix.loudness(samples.T, rate)


def tracks(path):
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


def test_speech_is_put_into_a_silent_film(api, ada, tmp_path):
    job, path = made(api, UPSCALE, tmp_path, source=clip_of(ada, tmp_path), factor=2, voiceover_text=SHORT)
    samples, loud, peak = heard(path)
    assert abs(loud - -16) <= 0.5 and peak <= -1.5
    assert abs(samples.shape[1] / audio.RATE - 4) < 0.1 and job.asset.seconds == 4
    assert np.abs(samples[:, :20]).max() < 0.05 and np.abs(samples[:, 4 * audio.RATE - 200 :]).max() < 0.01, "it fades"
    assert tracks(path) == ["video", "audio", "subtitle"] and probe(path).frames == 8
    assert job.asset.transcript == SHORT and '"voiceover_text"' in read_comment(path)
    assert job.cost == 5 and billing.balance(ada) == 95, "4 for the film, 1 for the voice"
    told = api.get(f"/api/v1/generations/{job.pk}/").json()["assets"][0]
    assert told["recipe"]["sound"]["spoken"] > 0.5


def test_it_is_mixed_with_the_sound_that_the_film_has(api, ada, tmp_path):
    times = np.arange(4 * audio.RATE) / audio.RATE
    tone = np.sin(times * 2 * np.pi * 5000).astype(np.float32) / 4
    source = clip_of(ada, tmp_path, own=np.stack([tone, tone]))
    _job, path = made(api, UPSCALE, tmp_path, source=source, factor=2, voiceover_text=SHORT)
    samples, loud, peak = heard(path)
    assert abs(loud - -16) <= 0.5 and peak <= -1.5

    def own(start, end):
        part = samples[0, int(start * audio.RATE) : int(end * audio.RATE)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
        return spectrum[int(4950 * len(part) / audio.RATE) : int(5050 * len(part) / audio.RATE)].max() / len(part)

    assert own(0.2, 0.6) < 0.5 * own(3, 3.4), "it steps back while somebody speaks"
    assert own(0.2, 0.6) > 0


def test_a_bed_of_music_is_laid_under_a_film(api, ada, tmp_path):
    _job, path = made(api, UPSCALE, tmp_path, source=clip_of(ada, tmp_path), factor=2, music="calm")
    samples, loud, peak = heard(path)
    assert abs(loud - -16) <= 0.5 and peak <= -1.5 and tracks(path) == ["video", "audio"]
    assert np.abs(samples[:, audio.RATE : 2 * audio.RATE]).max() > 0.02


def test_more_speech_than_film_is_told_before_a_credit_is_held(api, page, ada, tmp_path):
    source = clip_of(ada, tmp_path)
    answer = api.post(UPSCALE, {"source": source, "factor": 2, "voiceover_text": LONG}, format="json")
    told = answer.json()["errors"]
    assert answer.status_code == 422 and set(told) == {"voiceover_fit"}
    seconds = f"about {expected(LONG):.0f} s of speech, 4 s of video."
    assert seconds in told["voiceover_fit"][0] and "let it run on" in told["voiceover_fit"][0]
    assert "faster" not in told["voiceover_fit"][0], "even spoken fast, it would be too long"
    longer = {"source": clip_of(ada, tmp_path, 6), "factor": 2, "voiceover_text": LONG}
    assert (
        "speak faster, let it run on" in api.post(UPSCALE, longer, format="json").json()["errors"]["voiceover_fit"][0]
    )
    assert billing.held(ada) == 0
    quoted = page.post("/home/tools/upscale/quote", {"source": source, "factor": "2", "voiceover_text": LONG})
    assert seconds in quoted.content.decode()


def test_speech_may_run_on_beyond_the_film(api, ada, tmp_path):
    asked = {"voiceover_text": LONG, "voiceover_fit": "run_on"}
    job, path = made(api, UPSCALE, tmp_path, source=clip_of(ada, tmp_path), factor=2, **asked)
    samples, loud, _peak = heard(path)
    assert job.asset.seconds > 4.5 and abs(samples.shape[1] / audio.RATE - job.asset.seconds) < 0.1
    assert abs(loud - -16) <= 0.5 and 4 < job.asset.cues[-1].end <= job.asset.seconds
    assert probe(path).frames == job.asset.frames == round(job.asset.seconds * 2), "its last picture stands"
    assert job.asset.recipe["sound"]["held"] == job.asset.seconds - 4
    before, after = list(read_frames(path))[7:9]
    assert np.abs(before.astype(int) - after).max() < 12


def test_speech_is_made_faster_to_fit(api, ada, tmp_path):
    text = "A door opens, and somebody comes in from the cold rain of the night."
    asked = {"voiceover_text": text, "voiceover_fit": "faster", "voiceover_speed": 0.9}
    job, _path = made(api, UPSCALE, tmp_path, source=clip_of(ada, tmp_path, 4), factor=2, **asked)
    assert job.asset.seconds <= 4.2 and job.asset.recipe["sound"]["speed"] >= 0.9
    answer = api.post(
        UPSCALE,
        {"source": clip_of(ada, tmp_path, 1), "factor": 2, "voiceover_text": LONG, "voiceover_fit": "faster"},
        format="json",
    )
    assert "Shorten the text" in answer.json()["errors"]["voiceover_fit"][0]


def test_a_video_becomes_as_long_as_what_is_spoken_and_costs_both(api, ada, tmp_path):
    asked = {"prompt": "a red circle moves right", "num_frames": 5, "steps": 4, "voiceover_text": SHORT * 2}
    alone = api.post(f"{VIDEO}quote/", asked | {"voiceover_text": ""}, format="json").json()
    quote = api.post(f"{VIDEO}quote/", asked | {"voiceover_fit": "longer"}, format="json").json()
    assert quote["credits"] > alone["credits"] and "s of speech" in quote["summary"]
    job, path = made(api, VIDEO, tmp_path, **asked, voiceover_fit="longer", burn_captions=True)
    info = probe(path)
    assert job.params["num_frames"] > 5 and info.frames == job.params["num_frames"]
    assert expected(SHORT * 2) <= info.seconds + 0.01 and job.cost == quote["credits"]
    cue = job.asset.cues[0]
    shown = list(read_frames(path))[round((cue.start + 0.2) * info.fps)]
    assert shown[-24:].min() < 30 and shown[-24:].max() > 225, "the captions stand in the picture"


def test_the_price_of_a_stopped_film_leaves_the_speech_out(ada):
    tool = registry.get("to-video")
    params = {"prompt": "x", "num_frames": 45, "steps": 16, "voiceover_text": SHORT, "voice_engine": "offline"}
    whole, job = tool.price(params), Generation(params=params)
    assert tool.price_of_part(job, 45) == whole - 1


@pytest.mark.parametrize(
    ("params", "field", "words"),
    [
        ({"voiceover_text": "😀🎬"}, "voiceover_text", ""),
        ({"voiceover_text": "x" * 3001}, "voiceover_text", "at most 3000"),
        ({"voiceover_text": SHORT, "voiceover_voice": "nobody"}, "voiceover_voice", "no longer there"),
        ({"voiceover_text": SHORT, "voiceover_speed": 9}, "voiceover_speed", "or less"),
        ({"voiceover_text": LONG * 20, "voiceover_fit": "longer"}, "voiceover_fit", "longest video"),
        ({"burn_captions": True}, "burn_captions", "without a spoken text"),
        ({"music": "loud"}, "music", "not offered"),
    ],
)
def test_what_cannot_be_heard_is_refused_on_its_field(api, ada, params, field, words):
    answer = api.post(VIDEO, {"prompt": "a red circle moves right", "num_frames": 33, **params}, format="json")
    assert answer.status_code == 422, answer.json()
    told = answer.json()["errors"]
    assert set(told) == {field} and words in told[field][0] and billing.held(ada) == 0


def test_a_picture_cannot_be_heard(api, ada):
    photo = AssetFactory(generation=None, user=ada, recipe={}, kind="image", width=64, height=48)
    for given in ({"voiceover_text": SHORT}, {"music": "calm"}):
        answer = api.post(UPSCALE, {"source": str(photo.pk), "factor": 2, **given}, format="json")
        assert answer.status_code == 422 and set(answer.json()["errors"]) == set(given)


def test_a_file_without_a_picture_is_refused(api, ada, tmp_path):
    heard_only = SimpleUploadedFile("voice.mp4", sound(tmp_path / "voice.mp4", seconds=1).read_bytes(), "video/mp4")
    answer = api.post(UPSCALE, {"source": heard_only, "factor": 2, "voiceover_text": SHORT}, format="multipart")
    assert answer.status_code == 422 and set(answer.json()["errors"]) == {"source"} and billing.held(ada) == 0


def test_a_film_page_has_the_captions_as_a_track_and_the_transcript(api, page, ada, tmp_path):
    job, _path = made(api, UPSCALE, tmp_path, source=clip_of(ada, tmp_path), factor=2, voiceover_text=SHORT)
    told = page.get(job.get_absolute_url()).content.decode()
    assert '<track kind="captions"' in told and 'srclang="en"' in told and "Transcript" in told
    assert "Skylark" in told, "the settings name the voice"
    form = page.get("/home/tools/to-video").content.decode()
    assert "Voiceover and music" in form and 'name="voiceover_text"' in form


def test_what_is_seen_is_described_in_the_gaps_of_what_is_said(api, page, ada, tmp_path):
    clip = clip_of(ada, tmp_path, 6)
    recipe = {"name": "a clip", "params": {"prompt": "a red circle moves right"}}
    Asset.objects.filter(pk=clip).update(recipe=recipe)
    asked = {"voiceover_text": SHORT, "audio_description": True}
    job, path = made(api, UPSCALE, tmp_path, source=clip, factor=2, **asked)
    (told,) = job.asset.descriptions
    assert told.text == "A red circle moves right." and told.start >= job.asset.cues[-1].end
    assert tracks(path) == ["video", "audio", "audio", "subtitle"] and told.end <= 6
    assert b"A red circle moves right." in page.get(f"/media/{job.asset.pk}/text/descriptions.vtt").content
    assert '<track kind="descriptions"' in page.get(job.get_absolute_url()).content.decode()
    assert job.cost == 6 + 2


def test_without_a_gap_or_anything_known_no_description_is_promised(api, ada, tmp_path):
    asked = {"factor": 2, "audio_description": True, "voiceover_voice": "skylark"}
    unknown = api.post(UPSCALE, {"source": clip_of(ada, tmp_path), **asked}, format="json")
    assert "nothing is known" in unknown.json()["errors"]["audio_description"][0]
    full = {"prompt": "a red circle moves right", "num_frames": 9, "audio_description": True}
    answer = api.post(VIDEO, full, format="json")
    assert "no pause is long enough" in answer.json()["errors"]["audio_description"][0]
    assert billing.held(ada) == 0


def test_captions_stand_in_the_pictures_until_the_voice_ends(api, ada, tmp_path):
    asked = {"voiceover_text": LONG, "voiceover_fit": "run_on", "burn_captions": True}
    job, path = made(api, UPSCALE, tmp_path, source=clip_of(ada, tmp_path, 2), factor=2, **asked)
    frames, cue = list(read_frames(path)), job.asset.cues[-1]
    assert cue.start > 2 and len(frames) >= cue.end * 2
    assert frames[round((cue.start + cue.end) / 2 * 2)][-48:].max() > 225
    assert frames[-1][-48:].max() < 120, "nothing is said any more"


def test_sounds_and_captions_name_their_language(api, ada, tmp_path):
    clip = clip_of(ada, tmp_path, 6)
    Asset.objects.filter(pk=clip).update(recipe={"name": "a clip", "params": {"prompt": "a red circle moves right"}})
    asked = {"voiceover_text": SHORT, "audio_description": True}
    _job, path = made(api, UPSCALE, tmp_path, source=clip, factor=2, **asked)
    with av.open(str(path)) as container:
        _pictures, heard, described, said = container.streams
        assert {each.metadata["language"] for each in (heard, described, said)} == {"eng"}
        assert (
            described.disposition & Disposition.visual_impaired and not heard.disposition & Disposition.visual_impaired
        )


def test_what_finds_no_gap_is_told(api, page, ada, tmp_path):
    clip = clip_of(ada, tmp_path, 3)
    seen = "a red circle moves right over the sea in the evening. The camera pans left."
    Asset.objects.filter(pk=clip).update(recipe={"name": "a clip", "params": {"prompt": seen}})
    asked = {"voiceover_text": "Oh.", "audio_description": True}
    job, _path = made(api, UPSCALE, tmp_path, source=clip, factor=2, **asked)
    left_out = job.asset.recipe["sound"]["descriptions_left_out"]
    assert left_out and {each.text for each in job.asset.descriptions}.isdisjoint(left_out)
    told = page.get(job.get_absolute_url()).content.decode()
    assert "left out, because no pause is long enough" in told and left_out[0] in told


def test_speech_a_little_longer_than_expected_is_spoken_a_little_faster(tmp_path):
    usual = speak(Asked(LONG, "skylark"), tmp_path / "usual")
    frames = [np.full((64, 96, 3), 40, np.uint8)] * int(usual.seconds * 10 - 0.5)
    write(path := tmp_path / "clip.mp4", frames, 96, 64, 10)
    voiced = voice_film([path], FilmSound(Asked(LONG, "skylark"), fit="longer"), tmp_path / "longer")
    assert 1 < voiced.speed < 1.12 and not voiced.held and probe(path).frames == len(frames)
    assert voiced.spoken <= voiced.seconds == probe(path).seconds


def test_speech_much_longer_than_expected_is_heard_to_its_end(tmp_path):
    write(path := tmp_path / "clip.mp4", [np.full((64, 96, 3), 40, np.uint8)] * 10, 96, 64, 10)
    voiced = voice_film([path], FilmSound(Asked(SHORT * 3, "skylark"), fit="faster"), tmp_path / "fast")
    assert voiced.speed == 1.5 and voiced.held > 0 and voiced.seconds > voiced.spoken > 1
    assert probe(path).frames == round(voiced.seconds * 10) and voiced.cues[-1].end <= voiced.seconds
