"""The offline voices: what they say and when. Most of it with Skylark, whose model speaks thirty times as fast."""

import threading

import numpy as np
import pytest
from pocketsphinx import Decoder

from scripts.evaluate_speech import aligned, plain_words, resampled
from tests.workers.voice.forms import FORMS
from workers.base import EngineError
from workers.engines import voice
from workers.engines.voice import cards, offline
from workers.voice.base import VoiceError
from workers.voice.mix import loudness

TEXT = "Dr. Smith paid $5. The kettle is on, and the door is open!"


@pytest.fixture(scope="session")
def speech():
    return voice.say(TEXT, "skylark")


def test_twelve_voices_of_two_countries_and_both_sexes():
    found = voice.voices("offline")
    kinds = {(one.language[0], one.sex) for one in found}
    assert len(found) == 12 and kinds == {(tag, sex) for tag in ("en-US", "en-GB") for sex in ("female", "male")}
    assert [one.name for one in found if one.stands_for] == list(cards.SEED_NAMES)
    assert len({one.slug for one in found}) == 12


def test_the_vectors_of_every_voice_are_those_that_were_vendored():
    for card in cards.CARDS:
        if card.model == "kokoro":
            assert offline._style(card).shape == (510, 256)
    assert "Apache License" in (cards.VECTORS / "LICENSE").read_text()


def test_it_says_the_words_as_they_were_written_in_order(speech):
    assert [one.text for one in speech.words] == TEXT.split()
    edges = [time for one in speech.words for time in (one.start, one.end)]
    assert edges == sorted(edges) and edges[0] >= 0 and edges[-1] <= speech.seconds
    assert "".join(one.text for one in speech.phonemes).startswith("dɑktəɹsmɪθpeɪd")
    assert all(one.start <= one.end for one in speech.phonemes)
    assert speech.samples.dtype == np.float32 and speech.rate == 24_000


def test_word_starts_are_where_a_recogniser_finds_them(speech):
    found = aligned(speech.samples, speech.rate, "doctor smith paid five dollars the kettle is on and the door is open")
    starts = {word: start for word, start, _ in reversed(found)}
    mine = {one.text.strip(".,!").lower(): one.start for one in reversed(speech.words)}
    off = [abs(starts[word] - mine[word]) for word in ("smith", "paid", "kettle", "on", "door", "open")]
    assert np.median(off) <= 0.04


def test_sentences_are_joined_without_clicks_and_with_their_pause(speech):
    first, second = (next(one for one in speech.words if one.text == text) for text in ("$5.", "The"))
    pause = speech.samples[round((first.end + 0.12) * speech.rate) : round((second.start - 0.05) * speech.rate)]
    assert len(pause) > 0.15 * speech.rate and np.abs(pause).max() < 0.003
    assert np.abs(speech.samples[[0, -1]]).max() < 1e-4


def test_the_same_text_sounds_the_same_again(speech):
    assert np.array_equal(voice.say(TEXT, "skylark").samples, speech.samples)


def test_speed_and_pitch_are_kept_apart(speech):
    def pitch(sound):
        """Return the median pitch of the voiced parts in Hz, by autocorrelation."""
        size, low, high = sound.rate // 20, sound.rate // 400, sound.rate // 110
        frames = sound.samples[: len(sound.samples) // size * size].reshape(-1, size)
        alike = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * size)) ** 2)
        alike = alike[alike[:, 0] > alike[:, 0].max() / 50]
        best = alike[:, low:high].argmax(axis=1) + low
        voiced = np.take_along_axis(alike, best[:, None], 1)[:, 0] > 0.5 * alike[:, 0]
        return np.median(sound.rate / best[voiced])

    fast, high = voice.say(TEXT, "skylark", speed=1.4), voice.say(TEXT, "skylark", pitch=4.0)
    assert fast.seconds / speech.seconds == pytest.approx(1 / 1.4, abs=0.12)
    assert high.seconds / speech.seconds == pytest.approx(1, abs=0.12)
    assert pitch(high) / pitch(speech) == pytest.approx(2 ** (4 / 12), abs=0.1)
    assert high.words[-1].end <= high.seconds


def test_signs_within_a_text_are_silent_and_long_sentences_are_said_whole():
    assert [one.text for one in voice.say("Well 😀 done", "skylark").words] == ["Well", "done"]
    long = voice.say("1234567 " * 29, "skylark")
    assert len(long.words) == 29 and long.seconds > 60


def test_kokoro_speaks_american_and_british():
    us, gb = voice.say("Hello.", "drew"), voice.say("Hello.", "emma")
    assert 0.3 < us.seconds < 1.5 and 0.3 < gb.seconds < 1.5
    assert us.phonemes[-1].text == "oʊ" and gb.phonemes[-1].text == "əʊ"
    assert loudness(us.samples, us.rate).lufs > -35


def test_models_are_loaded_once_whoever_asks():
    found = []
    threads = [threading.Thread(target=lambda: found.append(offline._hibari())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1
    assert found[0].get_session_options().intra_op_num_threads <= offline.THREADS


def test_damaged_weights_are_refused(tmp_path):
    (tmp_path / "part.bin").write_bytes(b"not what was pinned")
    with pytest.raises(EngineError) as caught:
        offline._checked([tmp_path / "part.bin"], offline.KOKORO_SHA256)
    assert caught.value.code == "model_broken"
    with pytest.raises(EngineError) as caught:
        offline._checked([tmp_path / "absent.bin"], offline.KOKORO_SHA256)
    assert caught.value.code == "model_not_ready"
    with pytest.raises(EngineError, match=r"requirements-voices\.txt"):
        offline._installed("no_such_package_of_voices")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"voice": "nobody"}, "voice_gone"),
        ({"language": "fr"}, "language_not_spoken"),
        ({"text": "<speak>"}, "text_not_speakable"),
        ({"speed": 9.0}, "text_not_speakable"),
        ({"pitch": -9.0}, "text_not_speakable"),
    ],
)
def test_it_refuses_before_any_work(options, code):
    with pytest.raises(VoiceError) as caught:
        voice.say(**({"text": "Hello", "voice": "emma"} | options))
    assert caught.value.code == code


@pytest.mark.slow
def test_a_recogniser_hears_forty_forms_as_they_are_meant():
    decoder, misheard = Decoder(samprate=16_000, lm=None, loglevel="FATAL"), []
    for number, (written, (said, misread)) in enumerate(FORMS.items()):
        sound = voice.say(written, "skylark")
        choices = " | ".join(" ".join(plain_words(text)) for text in (said, misread))
        decoder.add_jsgf_string(f"form{number}", f"#JSGF V1.0; grammar form; public <form> = {choices} ;")
        decoder.activate_search(f"form{number}")
        decoder.start_utt()
        decoder.process_raw(resampled(sound.samples, sound.rate), full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None or decoder.hyp().hypstr.split() != plain_words(said):
            misheard.append((written, decoder.hyp().hypstr if decoder.hyp() else None))
    assert not misheard
