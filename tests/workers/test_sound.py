"""Sounds that people bring are taken as recorders make them, and refused in words when they cannot be used."""

import av
import numpy as np
import pytest
from PIL import Image

from tests.media import film, sound
from workers.media.facts import WAVE, MediaError
from workers.media.sound import keep_sound, sound_info
from workers.media.stills import wave

FILES = [
    ("a.mp3", "libmp3lame", 44100, ".mp3"),
    ("a.wav", "pcm_s16le", 44100, ".wav"),
    ("a.m4a", "aac", 44100, ".m4a"),
    ("a.opus", "libopus", 48000, ".ogg"),
    ("a.webm", "libopus", 48000, ".ogg"),
    ("a.flac", "flac", 44100, ".flac"),
    ("a.mka", "aac", 44100, ".m4a"),
]


def refused(path):
    with pytest.raises(MediaError) as caught:
        sound_info(path)
    return caught.value.code


@pytest.mark.parametrize(("name", "codec", "rate", "suffix"), FILES)
def test_a_sound_is_kept_as_it_is_without_what_its_file_says(tmp_path, name, codec, rate, suffix):
    given = sound(tmp_path / name, codec, seconds=1.5, rate=rate, title="my kitchen")
    assert b"my kitchen" in given.read_bytes()
    (tmp_path / "out").mkdir()
    kept, info = keep_sound(given, tmp_path / "out")
    assert (kept.suffix, info.rate, info.channels) == (suffix, rate, 2)
    assert info.seconds == pytest.approx(1.5, abs=0.1)
    assert b"my kitchen" not in kept.read_bytes()
    with Image.open(tmp_path / "out" / WAVE) as picture:
        drawn = np.asarray(picture)[..., 3] > 0
    assert drawn.shape == (180, 960) and 0.3 < drawn.any(axis=0).mean() < 0.7, "bars, from one end to the other"
    with av.open(str(kept)) as container:
        assert container.streams.audio[0].codec_context.name.startswith(codec.removeprefix("lib")[:3])


def test_a_waveform_is_as_high_as_the_sound_is_loud(tmp_path):
    with Image.open(wave(np.repeat([0.1, 0.4, 0.0], 100).astype(np.float32), tmp_path / WAVE)) as picture:
        heights = (np.asarray(picture)[..., 3] > 0).sum(axis=0)
    assert [heights[part].max() for part in (slice(0, 310), slice(330, 630), slice(650, 960))] == [44, 180, 2]


def test_a_waveform_of_a_long_sound_shows_more_than_its_peaks(tmp_path):
    quiet, loud = np.full(10_000, 0.1, np.float32), np.full(10_000, 0.6, np.float32)
    quiet[::20], loud[::20] = 1, 1  # each bar has some samples that are as loud as can be
    with Image.open(wave(np.concatenate([quiet, loud]), tmp_path / WAVE)) as picture:
        heights = (np.asarray(picture)[..., 3] > 0).sum(axis=0)
    assert heights[:470].max() < heights[490:].max() / 2


def test_the_sound_of_a_film_is_taken_out_of_it(tmp_path):
    given = film(tmp_path / "film.mp4", [np.zeros((64, 64, 3), np.uint8)] * 4)
    assert refused(given) == "sound_missing"
    with (
        av.open(str(given)) as seen,
        av.open(str(sound(tmp_path / "a.m4a", seconds=1))) as heard,
        av.open(str(tmp_path / "both.mp4"), "w") as both,
    ):
        streams = (seen.streams.video[0], heard.streams.audio[0])
        copies = [both.add_stream_from_template(stream) for stream in streams]
        for stream, copy in zip(streams, copies, strict=True):
            for packet in stream.container.demux(stream):
                if packet.size:
                    packet.stream = copy
                    both.mux(packet)
    (tmp_path / "out").mkdir()
    kept, info = keep_sound(tmp_path / "both.mp4", tmp_path / "out")
    with av.open(str(kept)) as container:
        assert not container.streams.video
    assert info.seconds == pytest.approx(1, abs=0.1)


def test_what_is_no_sound_is_cut_off_or_too_long_is_refused(tmp_path, monkeypatch):
    whole = sound(tmp_path / "whole.flac", "flac", seconds=3).read_bytes()
    for name, data, code in (
        ("empty.mp3", b"", "sound_empty"),
        ("text.mp3", b"#EXTM3U\nfile:///etc/passwd\n", "sound_broken"),
        ("half.flac", whole[: len(whole) // 2], "sound_broken"),
    ):
        (tmp_path / name).write_bytes(data)
        assert refused(tmp_path / name) == code
    assert refused(sound(tmp_path / "click.wav", "pcm_s16le", seconds=0.05)) == "sound_short"
    monkeypatch.setattr("workers.media.sound.MAX_SOUND_SECONDS", 2)
    assert refused(sound(tmp_path / "long.mp3", "libmp3lame", seconds=3)) == "sound_long"
    assert refused(tmp_path / "whole.flac") == "sound_long"
