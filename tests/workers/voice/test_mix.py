"""Loudness beside FFmpeg's meter, and what the mixer promises."""

from fractions import Fraction

import av
import numpy as np
import pytest

from workers.media import audio
from workers.voice.mix import bend, duck, fade, level, loudness
from workers.voice.music import MOODS, RATE, music

BAND = 48_000


def sine(hertz, amplitude, seconds=3.0, rate=BAND):
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def bursts(rate=BAND, channels=1, seed=0):
    """Noise that is loud, quiet and silent by turns, with peaks over full scale between samples."""
    rng = np.random.default_rng(seed)
    sound = rng.standard_normal((rate * 6, channels)) * np.repeat(rng.uniform(0, 0.3, 12) ** 2, rate // 2)[:, None]
    return np.squeeze(sound).astype(np.float32)


def metered(sound, rate):
    """Return what FFmpeg's ebur128 measures: integrated loudness in LUFS and the true peak as a factor."""
    layout, planes = ("mono", sound[None]) if sound.ndim == 1 else ("stereo", sound.T)
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="fltp", sample_rate=rate, layout=layout, time_base=Fraction(1, rate))
    meter, sink = graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    last = {}
    for at in range(0, planes.shape[1], rate // 10):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes[:, at : at + rate // 10]), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        source.push(frame)
        while True:
            try:
                last = dict(sink.pull().metadata)
            except av.BlockingIOError:
                break
    return float(last["lavfi.r128.I"]), float(last["lavfi.r128.true_peak"])


def test_a_sine_has_the_loudness_of_the_standard():
    assert loudness(sine(997, 1.0), BAND).lufs == pytest.approx(-3.01, abs=0.02)
    assert loudness(sine(997, 0.1), BAND) == pytest.approx((-23.01, -20.0), abs=0.02)
    # A sine of a quarter of the rate has its peaks between the samples.
    assert loudness(sine(12_000, 0.5), BAND).peak == pytest.approx(-6.02, abs=0.1)


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (48_000, 2), (24_000, 1)])
def test_loudness_and_true_peak_are_those_of_another_meter(rate, channels):
    sound = bursts(rate, channels)
    lufs, peak = metered(sound, rate)
    mine = loudness(sound, rate)
    assert mine.lufs == pytest.approx(lufs, abs=0.05) and mine.peak == pytest.approx(20 * np.log10(peak), abs=0.2)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_sound_comes_to_its_level_under_its_peak(channels):
    for seed, factor in ((1, 0.2), (2, 3.0)):
        sound = bursts(channels=channels, seed=seed) * np.float32(factor)
        made = level(sound, BAND)
        assert made.shape == sound.shape and made.dtype == np.float32
        lufs, peak = metered(made, BAND)
        assert lufs == pytest.approx(-16.0, abs=0.5) and 20 * np.log10(peak) <= -1.45


def test_silence_stays_silence_and_a_whisper_is_not_raised_without_end():
    assert not level(np.zeros(BAND, np.float32), BAND).any()
    assert loudness(np.zeros(10, np.float32), BAND).lufs == -np.inf
    assert loudness(level(sine(997, 1e-3), BAND), BAND).lufs < -30


def test_music_goes_down_before_speech_stays_in_its_pauses_and_comes_back():
    bed, speech = sine(440, 0.5, 8.0), np.zeros(8 * BAND, np.float32)
    speech[2 * BAND : 3 * BAND] = sine(300, 0.3, 1.0)
    speech[round(3.3 * BAND) : 4 * BAND] = sine(300, 0.3, 0.7)
    made = duck(bed, speech, BAND)

    def ratio(second):
        part = slice(round(second * BAND), round((second + 0.05) * BAND))
        return 20 * np.log10(np.abs(made[part]).max() / np.abs(bed[part]).max())

    assert ratio(1.5) == pytest.approx(0, abs=0.01) and ratio(7) == pytest.approx(0, abs=0.01)
    assert ratio(2.05) == ratio(3.1) == ratio(3.9) == pytest.approx(-14, abs=0.1)
    assert ratio(1.9) < -1  # on its way down before the first word
    assert duck(np.stack([bed, bed], 1), speech, BAND).shape == (8 * BAND, 2)
    assert duck(bed, np.zeros(0, np.float32), BAND) == pytest.approx(bed)


def test_a_bent_tone_is_higher_and_as_much_shorter():
    made = bend(sine(400, 0.5, 1.0), 1.25)
    assert len(made) == round(BAND / 1.25)
    assert np.abs(np.fft.rfft(made)).argmax() * BAND / len(made) == pytest.approx(500, abs=2)


def test_fades_begin_and_end_at_nothing():
    made = fade(np.ones((1000, 2), np.float32), 1000, 0.1, 0.2)
    assert made[0].max() == 0 == made[-1].max() and made[500].min() == 1


@pytest.mark.parametrize("mood", MOODS)
def test_a_bed_of_music_is_made_to_length_without_clicks(mood):
    bed = music(mood, 6.0, seed=3)
    assert bed.shape == (6 * RATE, 2) and bed.dtype == np.float32
    lufs, peak = metered(bed, RATE)
    assert lufs == pytest.approx(-20, abs=0.5) and peak < 0.75
    assert np.abs(bed[[0, -1]]).max() < 1e-4
    assert np.abs(np.diff(bed, axis=0)).max() < 0.2


def test_the_same_seed_gives_the_same_music_and_another_another():
    assert np.array_equal(music("playful", 2.0, 5), music("playful", 2.0, 5))
    assert not np.array_equal(music("playful", 2.0, 5), music("playful", 2.0, 6))
    with pytest.raises(KeyError):
        music("polka", 2.0)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".m4a", ".ogg"])
@pytest.mark.parametrize("rate", [24_000, BAND])
def test_a_file_is_as_loud_as_what_was_mixed(tmp_path, suffix, rate):
    made = level(sine(440, 0.1, rate=rate) * np.repeat([1.0, 0.3, 0.0, 0.8, 1.0, 0.6], rate // 2), rate)
    samples, read = audio.decode(audio.encode(made, rate, tmp_path / f"sound{suffix}"))
    assert loudness(samples.T, read).lufs == pytest.approx(-16.0, abs=0.2)
    assert loudness(samples.T, read).peak <= -1.45
