"""What is refused before anything is paid for: portraits, sounds, and sounds in which nobody speaks."""

import numpy as np
import pytest

from workers.base import Sentence
from workers.media import talking
from workers.media.facts import MediaError

RATE = 24_000


def refused(check, *arguments):
    with pytest.raises(MediaError) as caught:
        check(*arguments)
    assert isinstance(caught.value.public_text, Sentence)
    return caught.value.code, caught.value.public_text


def test_portraits_that_are_too_small_or_too_large_are_refused_with_their_size():
    assert refused(talking.check_portrait, 100, 100) == (
        "portrait_small",
        "A portrait has at least 200 x 200 pixels; this one has 100 x 100.",
    )
    assert refused(talking.check_portrait, 4000, 199)[0] == "portrait_small"
    assert refused(talking.check_portrait, 8192, 6144) == (
        "portrait_large",
        "A portrait has at most 40 megapixels; this one has 50. Save it smaller.",
    )
    talking.check_portrait(200, 200)
    talking.check_portrait(6000, 4000)


def test_files_that_are_no_sound_or_too_long_are_refused():
    assert refused(talking.check_sound, "video", 4.0)[0] == "sound_kind"
    assert "no sound" in refused(talking.check_sound, "image", 0.0)[1]
    assert refused(talking.check_sound, "audio", 201) == (
        "sound_long",
        "A speech lasts up to 200 seconds; this one has 201.",
    )
    assert refused(talking.check_sound, "audio", 0.2)[0] == "sound_short"
    talking.check_sound("audio", 200.0)


def syllables(seconds=3.0, pitch=120.0, rate=RATE):
    """Return pulses of a ground note that falls and rises, in syllables: what a voice is without its words."""
    at = np.arange(round(seconds * rate)) / rate
    note = pitch * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * at))
    turns = np.cumsum(note) / rate
    voice = sum(np.cos(2 * np.pi * turns * n) / n for n in range(1, 20))
    return (0.1 * voice * np.maximum(0, np.sin(2 * np.pi * 2 * at)) ** 2).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("pitch", [90.0, 220.0])
def test_what_is_like_a_voice_is_let_through(pitch, rate):
    said = syllables(pitch=pitch, rate=rate)
    assert 0.6 < talking.spoken(said, rate) < 3.0
    talking.check_speech(said, rate)
    noise = np.random.default_rng(0).normal(0, 0.003, len(said)).astype(np.float32)
    talking.check_speech(said + noise, rate)
    talking.check_speech(said * 0.05, rate)  # a quiet recording


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(3 * RATE),
        np.zeros(10),
        np.zeros(0),
        np.random.default_rng(1).normal(0, 0.2, 3 * RATE),
        np.random.default_rng(1).normal(0, 1e-4, 3 * RATE),
        0.3 * np.sin(np.arange(3 * RATE) * 2 * np.pi * 50 / RATE),
        0.3 * np.sin(np.arange(3 * RATE) * 2 * np.pi * 220 / RATE),
        np.full(3 * RATE, 0.4),
        np.cumsum(np.random.default_rng(1).normal(0, 0.01, 3 * RATE)),
        np.random.default_rng(1).normal(0, 0.2, 3 * RATE) * (np.sin(np.arange(3 * RATE) * 2 * np.pi * 3 / RATE) > 0),
    ],
    ids=[
        "silence",
        "next to nothing",
        "nothing",
        "noise",
        "hiss",
        "hum",
        "tone",
        "offset",
        "rumble",
        "bursts of noise",
    ],
)
def test_sounds_without_a_voice_are_refused(sound):
    assert refused(talking.check_speech, sound.astype(np.float32), RATE) == (
        "no_speech",
        "Nobody speaks in this sound.",
    )


def test_a_word_among_long_silence_is_found():
    sound = np.zeros(60 * RATE, np.float32)
    said = syllables(1.0)
    sound[30 * RATE : 30 * RATE + len(said)] = said
    talking.check_speech(sound, RATE)
