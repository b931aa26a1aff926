"""From a request to a file, whatever happens on the way."""

import os
import re
import signal
import subprocess
import sys

import av
import numpy as np
import pytest
from PIL import Image

from tests.workers.conftest import picture, tiny_components, tiny_spec
from workers.base import Cancelled, EngineError
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.pool import Pool
from workers.media.probe import probe, read_frames
from workers.render import STATE, inputs_of, keep, render

LONG = {"num_frames": 25, "addnoise_condition": 20}


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / "start.png", tmp_path / "end.png"]
    for i, path in enumerate(paths):
        Image.fromarray(picture(i)).save(path)
    return paths


@pytest.fixture
def clip(tmp_path):
    """A clip of 1 s at another rate and another size."""
    return a_clip(tmp_path / "clip.mp4")


def a_clip(path, frames=12):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for level in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 20 * level % 256, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def stop_in(window, stage="denoising"):
    def stop(progress):
        if (progress.window, progress.stage) == (window, stage):
            raise Cancelled

    return stop


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_a_film_that_was_interrupted_twice_is_the_same_file(tiny_engine, tmp_path, overlap):
    spec = tiny_spec(**LONG, overlap=overlap)
    whole = render(tiny_engine, spec, tmp_path / "whole", tmp_path / "whole.mp4", comment="x")
    for stop in (stop_in(2), stop_in(4, "decoding")):
        with pytest.raises(Cancelled):
            render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=stop, comment="x")
    made = []
    again = render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4", on_window=made.append, comment="x")
    assert [w.index for w in made] == [3, 4] and again.sha256 == whole.sha256 and again.frames == 25
    for path in sorted((tmp_path / "whole" / "hls").iterdir()):
        assert path.read_bytes() == (tmp_path / "cut" / "hls" / path.name).read_bytes()
    assert not (tmp_path / "cut" / STATE).exists()


def test_a_film_that_was_stopped_keeps_its_finished_windows(tiny_engine, tmp_path):
    spec, folder = tiny_spec(**LONG), tmp_path / "cut"
    with pytest.raises(EngineError, match="nothing_to_keep"):
        keep(spec, folder, tmp_path / "kept.mp4")
    with pytest.raises(Cancelled):
        render(tiny_engine, spec, folder, tmp_path / "cut.mp4", on_progress=stop_in(4))
    info, windows = keep(spec, folder, tmp_path / "kept.mp4")
    assert (windows, info.frames) == (3, 17)
    assert "ENDLIST" in (folder / "hls" / "index.m3u8").read_text()
    whole = render(tiny_engine, spec, tmp_path / "whole", tmp_path / "whole.mp4")
    first = list(read_frames(tmp_path / "whole.mp4"))[:17]
    assert whole.frames == 25 and np.array_equal(list(read_frames(tmp_path / "kept.mp4")), first)


def test_a_folder_of_another_request_or_with_a_broken_state_is_begun_anew(tiny_engine, tmp_path):
    with pytest.raises(Cancelled):
        render(tiny_engine, tiny_spec(**LONG), tmp_path / "a", tmp_path / "a.mp4", on_progress=stop_in(3))
    other = tiny_spec(seed=8)
    expected = render(tiny_engine, other, tmp_path / "b", tmp_path / "b.mp4").sha256
    assert render(tiny_engine, other, tmp_path / "a", tmp_path / "a.mp4").sha256 == expected
    (tmp_path / "a" / STATE).write_bytes(b"half")
    assert render(tiny_engine, other, tmp_path / "a", tmp_path / "a.mp4").sha256 == expected


def test_a_clip_goes_on_in_one_file_at_the_rate_and_size_of_the_film(tiny_engine, tmp_path, clip):
    spec = tiny_spec(video=clip, num_frames=21, overlap_history=5)
    for stop in (stop_in(1), stop_in(2)):
        with pytest.raises(Cancelled):
            render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=stop)
    info = render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4")
    assert (info.width, info.height, info.fps, info.frames) == (32, 32, 24, 24 + spec.new_frames)
    levels = [frame.mean() for frame in read_frames(tmp_path / "cut.mp4")][:24]
    assert np.abs(np.array(levels) - 20 * (np.arange(24) // 2)).max() < 12
    assert info.sha256 == render(tiny_engine, spec, tmp_path / "whole", tmp_path / "whole.mp4").sha256


@pytest.mark.parametrize("num_frames", [9, 13, 21])
def test_no_part_of_a_film_is_longer_than_its_playlist_promises(tiny_engine, tmp_path, num_frames):
    """RFC 8216, 4.3.3.1: rounded to seconds, no EXTINF is more than the target, which never changes."""
    clip = a_clip(tmp_path / "clip.mp4", frames=48)
    spec = tiny_spec(video=clip, num_frames=num_frames, base_num_frames=21, overlap_history=5, fps=8)
    targets = []

    def look(_):
        text = (tmp_path / "a" / "hls" / "index.m3u8").read_text()
        targets.append(int(re.search(r"TARGETDURATION:(\d+)", text)[1]))
        assert max(round(float(seconds)) for seconds in re.findall(r"EXTINF:([\d.]+)", text)) <= targets[0]

    render(tiny_engine, spec, tmp_path / "a", tmp_path / "a.mp4", on_window=look)
    look(None)
    assert len(set(targets)) == 1


def test_pictures_reach_the_engine_decoded(tiny_engine, tmp_path, pictures):
    spec = tiny_spec(image=pictures[0], end_image=pictures[1])
    inputs = inputs_of(spec)
    assert np.array_equal(inputs.image, picture(0)) and np.array_equal(inputs.end_image, picture(1))
    assert render(tiny_engine, spec, tmp_path / "a", tmp_path / "a.mp4").frames == 9


def test_an_input_that_cannot_be_used_is_told_as_the_engine_tells_it(tiny_engine, tmp_path, pictures):
    pictures[0].write_bytes(b"")
    with pytest.raises(EngineError, match="picture_empty") as caught:
        render(tiny_engine, tiny_spec(image=pictures[0]), tmp_path / "a", tmp_path / "a.mp4")
    assert "0 bytes" in caught.value.public_text
    with pytest.raises(EngineError, match="input_missing"):
        inputs_of(tiny_spec(image=tmp_path / "nowhere.png"))


def in_a_process(folder, out, kill_in):
    """What the processes of the next test run: `kill_in` names the window in which this one is killed, 0 for none."""
    pool = Pool()
    pool.put("nano", tiny_components())

    def progress(now):
        if now.window == kill_in and now.step == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    latents = []
    info = render(
        SkyReelsEngine("nano", pool),
        tiny_spec(**LONG),
        folder,
        out,
        on_progress=progress,
        on_window=lambda window: latents.append(window.checkpoint.latents),
    )
    return info.sha256, latents[-1]


@pytest.mark.slow
def test_a_worker_killed_in_any_window_is_followed_by_another_that_ends_the_film_bit_for_bit(tmp_path):
    code = (
        "import sys, pathlib; from tests.workers.test_render import in_a_process;"
        "a = sys.argv; sha, latents = in_a_process(pathlib.Path(a[1]), pathlib.Path(a[2]), int(a[3]));"
        "print(sha, latents.numpy().tobytes().hex())"
    )
    out = tmp_path / "cut.mp4"

    def process(kill_in):
        command = [sys.executable, "-c", code, str(tmp_path / "cut"), str(out), str(kill_in)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert [process(window).returncode for window in (2, 4)] == [-signal.SIGKILL] * 2
    assert not out.exists()
    sha, latents = process(0).stdout.split()
    expected, through = in_a_process(tmp_path / "whole", tmp_path / "whole.mp4", 0)
    assert latents == through.numpy().tobytes().hex()
    assert sha == expected == probe(out).sha256


def test_the_official_code_brings_pictures_and_clips_to_size_in_its_own_way(tmp_path, clip):
    """It cuts whole pixels and scales bicubically; a clip is stretched, and its frames are taken at any rate."""
    wide = np.random.default_rng(5).integers(0, 256, (40, 101, 3), dtype=np.uint8)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    spec = tiny_spec(compat="official", image=tmp_path / "wide.png")
    # (101 - 40) / 2 = 30.5 is rounded to even, as are 70.5
    cut = Image.fromarray(wide[:, 30:70]).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(inputs_of(spec).image, np.asarray(cut))
    assert not np.array_equal(inputs_of(tiny_spec(image=spec.image)).image, np.asarray(cut))

    drawn = np.zeros((64, 96, 3), np.uint8)
    drawn[:, :24] = 255  # what a square cut from the middle shows half of
    with av.open(str(tmp_path / "drawn.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(9):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn, format="rgb24")))
        container.mux(stream.encode())
    shares = {}
    for compat in ("fixed", "official"):
        spec = tiny_spec(compat=compat, video=tmp_path / "drawn.mp4", num_frames=21, overlap_history=9)
        frames = inputs_of(spec).video
        assert len(frames) == 9
        shares[compat] = (frames[-1] > 128).mean()
    assert abs(shares["official"] - 24 / 96) < 0.03 and shares["fixed"] < 0.16
