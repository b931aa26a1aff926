"""Films and pictures made larger, whatever happens on the way."""

import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from tests import media
from workers.base import Cancelled, EngineError, Stopped
from workers.engines.upscale.engine import Upscaler
from workers.keeper import STATE
from workers.media.probe import probe, read_comment, read_frames
from workers.media.uploads import first_frame
from workers.segments import SEGMENT_FRAMES
from workers.upscale import Upscale, keep_film, planned, upscale_film, upscale_picture

# Enlarged they have 160 x 128: the encoder's look ahead is not the same twice for pictures less than about 100 wide.
SIDES = 80, 64
RATE = 8


@pytest.fixture(scope="module")
def upscaler():
    made = Upscaler(precision=torch.float32)
    made.load()
    return made


def frames(count, width=SIDES[0], height=SIDES[1]):
    """Return a film whose ground brightens and on which a square moves."""
    film = np.full((count, height, width, 3), (40, 90, 140), np.uint8)
    for i, picture in enumerate(film):
        picture[8:24, i % 24 : i % 24 + 16] = (220, 60, 40)
    return list(film)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return media.film(tmp_path_factory.mktemp("clip") / "clip.mp4", frames(52), rate=RATE)


def talking(path, count=16, codec="aac", container_rate=RATE, late=0.0):
    """Write a film with a tone whose loudness jumps up at 1 s; the sound begins `late` seconds after the pictures."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=container_rate)
        pictures.width, pictures.height, pictures.pix_fmt = *SIDES, "yuv420p"
        sound = container.add_stream(codec, rate=48000, layout="mono")
        times = np.arange(int(48000 * count / container_rate)) / 48000
        tone = (np.sin(times * 440 * 2 * np.pi) * np.where(times < 1 - late, 0.05, 0.8)).astype(np.float32)
        tone = tone if codec == "aac" else (tone * 32767).astype(np.int16)
        for picture in frames(count):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for place in range(0, len(tone), 1024):
            piece = tone[None, place : place + 1024]
            frame = av.AudioFrame.from_ndarray(piece, "fltp" if codec == "aac" else "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, place + int(late * 48000), Fraction(1, 48000)
            container.mux(sound.encode(frame))
        container.mux(pictures.encode())
        container.mux(sound.encode())
    return path


def heard(path):
    """Return (the codec, the second at which the tone becomes loud, the second at which it ends)."""
    loud, end = None, 0.0
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        for frame in container.decode(track):
            samples = frame.to_ndarray()
            samples = samples.astype(float) / 32768 if samples.dtype == np.int16 else samples
            for place in range(0, frame.samples, 128):
                if loud is None and np.abs(samples[:, place : place + 128]).max() > 0.4:
                    loud = frame.time + place / frame.sample_rate
            end = frame.time + frame.samples / frame.sample_rate
        return track.codec_context.name, loud, end


def stop_at(frame, error=Cancelled):
    """Return an `on_progress` that ends the film at its frame number `frame`, counted from 1."""
    told = []

    def stop(progress):
        told.append(progress)
        if progress.stage == "upscaling" and progress.step == frame:
            raise error

    return stop


def test_a_film_becomes_larger_and_stays_the_same_film(clip, tmp_path, upscaler):
    told = []
    info = upscale_film(
        Upscale(clip, factor=4),
        tmp_path / "work",
        tmp_path / "out.mp4",
        comment="made so",
        on_progress=told.append,
        upscaler=upscaler,
    )
    assert (info.width, info.height, info.frames, info.fps) == (4 * SIDES[0], 4 * SIDES[1], 52, RATE)
    assert read_comment(tmp_path / "out.mp4") == "made so"
    for before, after in zip(frames(52), read_frames(tmp_path / "out.mp4"), strict=True):
        small = np.array(Image.fromarray(after).reduce(4))
        assert np.abs(small.astype(int) - before).mean() < 6
    assert [(p.stage, p.step) for p in told[:3]] == [("loading", 0), ("upscaling", 0), ("upscaling", 1)]
    assert len(told) == 54 and {p.steps for p in told} == {52} and not any(p.windows for p in told)
    assert (told[-1].step, told[-1].steps, told[-1].seconds_left) == (52, 52, 0)
    assert (tmp_path / "work" / "hls" / "index.m3u8").read_text().endswith("#EXT-X-ENDLIST\n")
    assert not (tmp_path / "work" / STATE).exists()


@pytest.mark.parametrize("fps", [None, 12])
def test_a_film_that_was_interrupted_twice_is_the_same_file(clip, tmp_path, upscaler, fps):
    asked = Upscale(clip, factor=2, fps=fps)
    whole = upscale_film(asked, tmp_path / "whole", tmp_path / "whole.mp4", upscaler=upscaler)
    for frame in (30, 49):
        with pytest.raises(Cancelled):
            upscale_film(asked, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=stop_at(frame), upscaler=upscaler)
    told = []
    again = upscale_film(asked, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=told.append, upscaler=upscaler)
    assert again.sha256 == whole.sha256 and told[0].step == 2 * SEGMENT_FRAMES
    assert len(told) == 2 + whole.frames - 2 * SEGMENT_FRAMES
    for path in sorted((tmp_path / "whole" / "hls").iterdir()):
        assert path.read_bytes() == (tmp_path / "cut" / "hls" / path.name).read_bytes()


def test_another_wish_does_not_go_on_with_the_same_segments(clip, tmp_path, upscaler):
    with pytest.raises(Cancelled):
        upscale_film(
            Upscale(clip, factor=2), tmp_path / "a", tmp_path / "a.mp4", on_progress=stop_at(30), upscaler=upscaler
        )
    told = []
    info = upscale_film(
        Upscale(clip, factor=4), tmp_path / "a", tmp_path / "a.mp4", on_progress=told.append, upscaler=upscaler
    )
    assert told[0].step == 0 and (info.width, info.frames) == (4 * SIDES[0], 52)


def test_what_is_finished_of_a_stopped_film_is_kept_with_its_sound(tmp_path, upscaler):
    asked = Upscale(talking(tmp_path / "a.mp4", count=40, container_rate=12), factor=2)
    with pytest.raises(EngineError, match="nothing_to_keep"):
        keep_film(asked, tmp_path / "work", tmp_path / "kept.mp4")
    with pytest.raises(Stopped):
        upscale_film(asked, tmp_path / "work", tmp_path / "a2.mp4", on_progress=stop_at(31, Stopped), upscaler=upscaler)
    info, segments = keep_film(asked, tmp_path / "work", tmp_path / "kept.mp4", "half")
    assert (info.frames, segments, info.seconds) == (SEGMENT_FRAMES, 1, 2.0)
    codec, loud, end = heard(tmp_path / "kept.mp4")
    assert codec == "aac" and loud == pytest.approx(1.0, abs=0.03) and end == pytest.approx(2.0, abs=0.05)
    assert read_comment(tmp_path / "kept.mp4") == "half"


def test_a_smoother_film_has_more_frames_and_the_same_length(clip, tmp_path, upscaler):
    info = upscale_film(Upscale(clip, factor=2, fps=24), tmp_path / "a", tmp_path / "a.mp4", upscaler=upscaler)
    assert (info.frames, info.fps, info.seconds) == (156, 24, 6.5)
    made = list(read_frames(tmp_path / "a.mp4"))
    plain = upscale_film(Upscale(clip, factor=2), tmp_path / "b", tmp_path / "b.mp4", upscaler=upscaler)
    for after, before in zip(made[::3], read_frames(tmp_path / "b.mp4"), strict=True):
        assert np.abs(after.astype(int) - before).mean() < 2
    assert plain.frames == 52
    for fps in (7, 61, 240):
        with pytest.raises(EngineError, match="upscale_refused"):
            planned(Upscale(clip, factor=2, fps=fps))


@pytest.mark.parametrize(
    ("name", "codec", "late", "kept"),
    [("a.mp4", "aac", 0.0, "aac"), ("a.mkv", "pcm_s16le", 0.0, "aac"), ("b.mkv", "aac", 0.5, "aac")],
)
def test_the_sound_stays_and_stays_in_step(tmp_path, upscaler, name, codec, late, kept):
    source = talking(tmp_path / name, codec=codec, late=late)
    upscale_film(Upscale(source, factor=2), tmp_path / "work", tmp_path / "out.mp4", upscaler=upscaler)
    found, loud, end = heard(tmp_path / "out.mp4")
    assert found == kept and loud == pytest.approx(1.0, abs=0.03) and end == pytest.approx(2.0, abs=0.05)
    assert probe(tmp_path / "out.mp4").frames == 16


def test_a_film_is_made_larger_as_it_is_shown(tmp_path, upscaler):
    turned = media.film(tmp_path / "turned.mp4", frames(4, 64, 32), rate=RATE, rotate=90)
    info = upscale_film(Upscale(turned, factor=2), tmp_path / "a", tmp_path / "a.mp4", upscaler=upscaler)
    assert (info.width, info.height) == (64, 128)
    small = np.array(Image.fromarray(next(read_frames(tmp_path / "a.mp4"))).reduce(2))
    assert np.abs(small.astype(int) - first_frame(turned)).mean() < 8


@pytest.mark.slow
def test_memory_does_not_grow_with_the_film(tmp_path):
    """Two processes, one with a film of six times the length."""
    peaks = []
    for count in (12, 72):
        source = media.film(tmp_path / f"{count}.mp4", frames(count), rate=RATE)
        program = (
            "import resource, sys; from pathlib import Path; from workers.upscale import Upscale, upscale_film\n"
            "source, work, out = map(Path, sys.argv[1:])\n"
            "upscale_film(Upscale(source, factor=4), work, out)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        where = [str(source), str(tmp_path / f"work{count}"), str(tmp_path / f"out{count}.mp4")]
        done = subprocess.run([sys.executable, "-c", program, *where], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < 1.05 * peaks[0]


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_a_picture_becomes_larger(tmp_path, upscaler, ending):
    source = tmp_path / "a.png"
    Image.fromarray(media.quarters(48, 40)).save(source)
    out = tmp_path / f"out{ending}"
    assert upscale_picture(Upscale(source, factor=2), out, upscaler=upscaler) == (96, 80)
    with Image.open(out) as made:
        assert made.size == (96, 80)
        assert np.abs(np.array(made.convert("RGB").reduce(2)).astype(int) - media.quarters(48, 40)).mean() < 6


def test_what_is_too_large_is_refused_with_what_works(tmp_path):
    wide = media.film(tmp_path / "wide.mp4", frames(2, 1280, 720), rate=RATE)
    with pytest.raises(EngineError) as error:
        upscale_film(Upscale(wide, factor=4), tmp_path / "a", tmp_path / "a.mp4")
    assert error.value.code == "upscale_refused"
    assert error.value.public_text.endswith("the largest factor that works for 1280 x 720 is 2.")
    Image.fromarray(np.zeros((4320, 7680, 3), np.uint8)).save(tmp_path / "8k.png")
    with pytest.raises(EngineError, match="7680 x 4320 cannot be made larger here"):
        upscale_picture(Upscale(tmp_path / "8k.png", factor=2), tmp_path / "out.png")
    with (tmp_path / "big.mp4").open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(EngineError, match="video_large: A video has at most 500 MB"):
        planned(Upscale(tmp_path / "big.mp4", factor=2))
    with pytest.raises(EngineError, match="input_missing"):
        planned(Upscale(tmp_path / "none.mp4", factor=2))
    with pytest.raises(EngineError, match="video_broken"):
        planned(Upscale(tmp_path / "8k.png", factor=2))
