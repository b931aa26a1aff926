import hashlib
import subprocess
import sys

import av
import numpy as np
import pytest
from PIL import Image

from workers import video
from workers.media.facts import MediaError
from workers.media.film import Film
from workers.media.probe import probe, read_comment, read_frames
from workers.media.stills import poster, strip

PAINTS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 255, 255], [0, 255, 255]], np.uint8)


def clip(count, width=96, height=64, start=0):
    """Return plain frames, one paint each."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    for i in range(count):
        frames[i] = PAINTS[(start + i) % len(PAINTS)]
    return frames


@pytest.fixture
def film(tmp_path):
    film = Film(tmp_path / "segments", 96, 64, 8)
    film.append(clip(9))
    film.append(clip(12, start=9))
    return film


def test_a_film_of_segments_has_every_frame_at_its_time_in_its_colour(film, tmp_path):
    info = film.finish(tmp_path / "film.mp4")
    assert (info.width, info.height, info.frames, info.fps, info.codec) == (96, 64, 21, 8, "h264")
    assert info.seconds == pytest.approx(21 / 8)
    shown = np.stack(list(read_frames(tmp_path / "film.mp4")))
    assert np.abs(shown.astype(int) - clip(21)).max() <= 4
    with av.open(str(tmp_path / "film.mp4")) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    assert np.allclose(times, np.arange(21) / 8)


def test_the_file_starts_at_once_in_a_browser_and_says_its_colours(film, tmp_path):
    film.finish(tmp_path / "film.mp4")
    data = (tmp_path / "film.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(tmp_path / "film.mp4")) as container:
        frame = next(container.decode(video=0))
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)


def test_each_segment_plays_alone_and_begins_with_a_key_frame(film):
    assert [probe(path).frames for path in film.segments] == [9, 12]
    for path in film.segments:
        with av.open(str(path)) as container:
            assert next(container.demux(video=0)).is_keyframe


def test_the_recipe_travels_in_the_comment(film, tmp_path):
    film.finish(tmp_path / "film.mp4", comment='{"prompt": "Löwe"}')
    assert read_comment(tmp_path / "film.mp4") == '{"prompt": "Löwe"}'


def test_the_same_frames_give_the_same_file_after_an_interruption_too(film, tmp_path):
    info = film.finish(tmp_path / "film.mp4", comment="same")
    cut = Film(tmp_path / "cut", 96, 64, 8)
    cut.append(clip(9))
    (tmp_path / "cut" / "0001.mp4.part").write_bytes(b"half a segment")
    again = Film(tmp_path / "cut", 96, 64, 8, keep=1)
    again.append(clip(12, start=9))
    assert again.finish(tmp_path / "again.mp4", comment="same").sha256 == info.sha256
    assert info.sha256 == hashlib.sha256((tmp_path / "film.mp4").read_bytes()).hexdigest()
    assert not list((tmp_path / "cut").glob("*.part"))


def test_a_film_without_frames_with_odd_sides_or_lost_segments_is_refused(tmp_path):
    with pytest.raises(MediaError, match="video_empty"):
        Film(tmp_path, 96, 64, 8).finish(tmp_path / "film.mp4")
    with pytest.raises(MediaError, match="sides_odd"):
        Film(tmp_path, 95, 64, 8)
    with pytest.raises(MediaError, match="segment_missing"):
        Film(tmp_path, 96, 64, 8, keep=2)
    with pytest.raises(MediaError, match="frame_shape"):
        Film(tmp_path, 96, 64, 8).append(clip(3, width=64))


@pytest.mark.parametrize("data", [b"", b"not a video", b"\x00" * 5000])
def test_a_file_that_is_no_video_is_refused_in_words(tmp_path, data):
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert caught.value.public_text.endswith(".")


def test_poster_and_strip_come_from_the_film(film, tmp_path):
    film.finish(tmp_path / "film.mp4")
    still = Image.open(poster(tmp_path / "film.mp4", tmp_path / "poster.jpg"))
    assert still.size == (96, 64) and still.format == "JPEG"
    assert np.abs(np.asarray(still)[32, 48].astype(int) - PAINTS[10 % 6]).max() < 30
    sheet = Image.open(strip(tmp_path / "film.mp4", tmp_path / "strip.webp"))
    assert sheet.size == (960, 64) and sheet.format == "WEBP"


def test_a_strip_of_large_frames_is_made_small_and_one_of_few_frames_repeats(tmp_path):
    sheet = Image.open(strip(clip(3, width=640, height=360), tmp_path / "strip.webp"))
    assert sheet.size == (3200, 180)


def test_one_video_from_the_command_line(tmp_path, capsys):
    out = tmp_path / "clip.mp4"
    given = ["--prompt", "a red circle moves right", "--out", str(out), "--seed", "1", "--ratio", "1:1"]
    command = [sys.executable, "-m", "workers.video", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert probe(out).frames == 21 and '"seed": 1' in read_comment(out)
    assert str(out) in done.stdout and "step 16 of 16" in done.stderr
    assert video.main([*given, "--num-frames", "10"]) == 2
    told = capsys.readouterr().err
    assert "--num_frames" in told and "9 or 13" in told


def test_a_video_from_a_picture_and_one_that_goes_on_from_the_command_line(tmp_path, capsys):
    Image.fromarray(clip(1)[0]).save(tmp_path / "start.png")
    first, more = tmp_path / "first.mp4", tmp_path / "more.mp4"
    plain = ["--prompt", "a red circle moves right", "--seed", "1", "--inference-steps", "2", "--quiet"]
    assert video.main([*plain, "--image", str(tmp_path / "start.png"), "--num-frames", "9", "--out", str(first)]) == 0
    assert probe(first).frames == 9
    goes_on = [*plain, "--video-path", str(first), "--num-frames", "17", "--out", str(more)]
    assert video.main(goes_on) == 0
    assert probe(more).frames == 9 + 8
    assert video.main([*goes_on, "--image", str(tmp_path / "start.png")]) == 2
    assert video.main([*plain, "--image", str(tmp_path / "nowhere.png")]) == 2
    told = capsys.readouterr().err
    assert "not both" in told and "--image: The file cannot be read" in told
