"""The edges of phonemes, in sounds that are made here and in what voices say."""

import itertools

import numpy as np
import pytest

from workers.engines import voice
from workers.voice.base import Timed
from workers.voice.edges import AHEAD, settled

RATE = 24_000


def noise(seconds, low, high, level=0.1):
    """Return noise between two frequencies (Hz)."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    sound = np.fft.irfft(np.where((hertz >= low) & (hertz < high), spectrum, 0), count)
    return (sound * level / sound.std()).astype(np.float32)


def silence(seconds):
    return np.zeros(round(seconds * RATE), np.float32)


SOUND = np.concatenate([silence(0.1), noise(0.2, 100, 2000, 0.2), noise(0.2, 4000, 10_000), silence(0.15)])


def test_edges_go_to_where_the_sound_changes():
    for off in (-0.015, 0.0, 0.015):
        told = [Timed("ɑ", 0.1 + off, 0.278 + off), Timed("s", 0.278 + off, 0.5 + off)]
        vowel, hiss = settled(SOUND, RATE, told)
        assert [one.text for one in (vowel, hiss)] == ["ɑ", "s"]
        for found, true in ((vowel.start, 0.1), (vowel.end, 0.3), (hiss.start, 0.3), (hiss.end, 0.5)):
            assert found + AHEAD == pytest.approx(true, abs=0.012)


def test_edges_stay_where_they_cannot_fit():
    told = [Timed("ɑ", 0.1, 0.3), Timed("s", 0.3, 0.5)]
    assert settled(np.zeros(RATE, np.float32), RATE, told) == told
    assert settled(SOUND[:300], RATE, told) == told
    assert settled(SOUND, RATE, []) == []


@pytest.mark.parametrize("slug", ["skylark", "rachel"])
def test_hissing_is_where_it_is_heard(slug):
    speech = voice.say("Six sad seals sat beside a sofa. Pass us some soup.", slug)
    edges = [(one.start, one.end) for one in speech.phonemes]
    assert all(start < end for start, end in edges)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(edges))
    assert edges[0][0] >= 0 and edges[-1][1] <= speech.seconds
    window = RATE // 100
    spectra = np.abs(np.fft.rfft(speech.samples[: len(speech.samples) // window * window].reshape(-1, window)))
    hiss = spectra[:, 45:].sum(1) > spectra[:, :45].sum(1)  # more above 4,500 Hz than below
    inside = np.zeros(len(hiss), bool)
    for one in speech.phonemes:
        if one.text in "sz":
            inside[round((one.start + AHEAD) * 100) : round((one.end + AHEAD) * 100)] = True
    assert (inside & hiss).sum() > 0.85 * hiss.sum()
    assert (inside & hiss).sum() > 0.7 * inside.sum()
