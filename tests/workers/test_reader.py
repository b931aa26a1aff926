"""What is read of a clip is what a player shows, and what is kept of it shows the same."""

import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from tests.media import BLUE, GREEN, RED, WHITE, film, quarters
from tests.workers.test_uploads import corners, grey, levels_of, like, refused
from workers.media import copying, foreign, uploads
from workers.media.reader import ClipReader, Orientation
from workers.media.uploads import clip, first_frame, picture

CLIPS = Path(__file__).resolve().parents[1] / "data" / "clips"
FFMPEG = shutil.which("ffmpeg")


def shown(path):
    """Return the frames of a clip as ffmpeg shows them, at 8 a second, 16 x 16 in grey."""
    command = [FFMPEG, "-v", "error", "-i", path, "-vf", "fps=8,scale=16:16", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8).reshape(-1, 16, 16)


def kept(path, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir(exist_ok=True)
    return copying.keep_clip(path, folder)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("trim.mp4", 12),
        ("late.mp4", 12),  # the same after three quarters of a second of nothing
        ("edit-two.mp4", 16),
        ("joined.ts", 16),
        ("av1.mp4", 16),
        ("theora.ogv", 4),  # a picture that stays has no bytes there
        ("hflip.mp4", 24),
    ],
)
def test_a_clip_lasts_as_long_as_players_show_it_before_and_after_it_is_kept(tmp_path, name, count):
    copy, info = kept(CLIPS / name, tmp_path)
    assert info.seconds == pytest.approx(count / 8, abs=0.01)
    before, after = (list(clip(path, 64, 64, 8)) for path in (CLIPS / name, copy))
    assert len(before) == len(after) == count
    # What had to be encoded again differs by less than is seen.
    assert np.abs(np.stack(before).astype(int) - np.stack(after)).mean() < 2


def test_what_an_edit_list_hides_is_never_seen(tmp_path):
    copy, _ = kept(CLIPS / "trim.mp4", tmp_path)
    assert max(levels_of(clip(copy, 32, 32, 8))) < 100  # the hidden end is brighter
    with av.open(str(copy)) as container:
        assert max(int(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)) < 100


@pytest.mark.parametrize(
    ("name", "colours"),
    [
        ("upright", (RED, GREEN, BLUE, WHITE)),
        ("hflip", (GREEN, RED, WHITE, BLUE)),
        ("vflip", (BLUE, WHITE, RED, GREEN)),
    ],
)
def test_a_mirrored_clip_is_shown_mirrored(tmp_path, name, colours):
    copy, _ = kept(CLIPS / f"{name}.mp4", tmp_path)
    for path in (CLIPS / f"{name}.mp4", copy):
        assert like(corners(first_frame(path)), *colours, within=90)
        assert like(corners(next(clip(path, 96, 64, 8))), *colours, within=90)


@given(swapped=st.booleans(), mirrored=st.booleans(), upside_down=st.booleans())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_way_of_turning_a_frame_is_read_from_its_matrix(tmp_path, swapped, mirrored, upside_down):
    x, y = 65536 * (-1 if mirrored else 1), 65536 * (-1 if upside_down else 1)
    matrix = (0, y, 0, x, 0, 0, 0, 0, 1 << 30) if swapped else (x, 0, 0, 0, y, 0, 0, 0, 1 << 30)
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.set_display_matrix(matrix)
        frame = av.VideoFrame.from_ndarray(quarters(128, 64), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode()])
    frame, _, _ = next(ClipReader(path).frames())
    assert Orientation.of(frame) == Orientation(swapped, mirrored, upside_down)
    if FFMPEG:
        told = subprocess.run(
            [FFMPEG, "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
            capture_output=True,
            check=True,
        ).stdout
        mine = first_frame(path)
        assert np.abs(mine.astype(int) - np.frombuffer(told, np.uint8).reshape(mine.shape)).mean() < 8


@pytest.mark.parametrize("fps", [8, 12, 16, 24, 30])
def test_four_seconds_are_four_seconds_at_any_rate(tmp_path, fps):
    film(tmp_path / "a.mp4", grey(range(20, 212, 2), 128), rate=24)
    assert len(list(clip(tmp_path / "a.mp4", 32, 32, fps))) == 4 * fps


# Kinds of files as cameras, telephones, editors and recorders write them.
KINDS = [
    ("a.mp4", "libx264", "yuv420p"),
    ("full.mp4", "libx264", "yuvj420p"),
    ("a.flv", "libx264", "yuv420p"),
    ("a.mpg", "mpeg2video", "yuv420p"),
    ("a.wmv", "wmv2", "yuv420p"),
    ("old.flv", "flv", "yuv420p"),
    ("a.avi", "mpeg4", "yuv420p"),
    ("b.avi", "mpeg4", "yuv420p"),
    ("a.mov", "prores_ks", "yuv422p10le"),
    ("hevc.mp4", "libx265", "yuv420p10le"),
    ("deep.mp4", "libx264", "yuv420p10le"),
    ("444.mp4", "libx264", "yuv444p"),
    ("alpha.webm", "libvpx-vp9", "yuva420p"),
    ("a.webm", "libvpx", "yuv420p"),
]


@pytest.mark.parametrize(("name", "codec", "pixels"), KINDS, ids=[name for name, *_ in KINDS])
def test_every_kind_of_clip_shows_after_it_is_kept_what_players_show(tmp_path, name, codec, pixels):
    frames = [np.roll(quarters(128, 96), 5 * i, 1) for i in range(25)]
    film(tmp_path / name, frames, rate=25, codec=codec, pix_fmt=pixels, b_frames=2 if name == "b.avi" else None)
    copy, info = kept(tmp_path / name, tmp_path)
    assert (info.width, info.height) == (128, 96) and info.seconds == pytest.approx(1, abs=0.05)
    before, after = (np.stack(list(clip(path, 64, 48, 8))).astype(int) for path in (tmp_path / name, copy))
    assert len(before) == len(after) == 8
    assert np.abs(before - after).mean() < 3
    if FFMPEG:
        mine = np.stack(
            [np.asarray(Image.fromarray(frame).convert("L").resize((16, 16))) for frame in clip(copy, 128, 96, 8)]
        )
        assert np.abs(shown(tmp_path / name).astype(int) - mine).mean() < 12


def test_a_clip_of_an_old_telephone_keeps_its_sound(tmp_path):
    with av.open(str(tmp_path / "a.3gp"), "w") as container:
        stream = container.add_stream("h263", rate=25)
        tone = container.add_stream("libopencore_amrnb", rate=8000, layout="mono")
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for i in range(25):
            frame = av.VideoFrame.from_ndarray(np.roll(quarters(128, 96), 5 * i, 1), format="rgb24")
            container.mux(stream.encode(frame))
            wave = (np.sin(np.arange(320) * 440 * 2 * np.pi / 8000) * 9000).astype(np.int16)
            for place in (0, 160):
                piece = av.AudioFrame.from_ndarray(wave[None, place : place + 160], "s16", "mono")
                piece.sample_rate, piece.pts = 8000, i * 320 + place
                container.mux(tone.encode(piece))
        container.mux([*stream.encode(), *tone.encode()])
    copy, info = kept(tmp_path / "a.3gp", tmp_path)
    assert info.seconds == pytest.approx(1, abs=0.05)
    before, after = (np.stack(list(clip(path, 64, 48, 8))).astype(int) for path in (tmp_path / "a.3gp", copy))
    assert len(before) == len(after) == 8 and np.abs(before - after).mean() < 3
    assert foreign.sound_of(copy, tmp_path / "a.wav")


def test_a_clip_is_what_its_bytes_are_whatever_its_name_says(tmp_path):
    film(tmp_path / "a.webm", [quarters(128, 96)] * 8, codec="libvpx")
    (tmp_path / "clip.mp4").write_bytes((tmp_path / "a.webm").read_bytes())
    folder = tmp_path / "kept"
    folder.mkdir()
    copy, info = foreign.keep_clip(tmp_path / "clip.mp4", folder, folder / "poster.webp")
    assert copy.suffix == ".webm" and info.width == 128 and (folder / "poster.webp").exists()


def test_a_recording_that_was_cut_off_is_refused_with_sound_as_without(tmp_path):
    assert refused(clip, CLIPS / "cut-off-with-sound.webm", 32, 32, 8) == "video_broken"


def test_a_picture_that_stays_longer_than_its_header_says_is_refused(monkeypatch):
    monkeypatch.setattr(ClipReader, "_told", staticmethod(lambda *_: 0.0))
    # One second more is allowed, and this clip lasts half a second.
    assert refused(clip, CLIPS / "theora.ogv", 32, 32, 8, "fill", -0.8) == "video_long"


def test_the_sound_of_joined_recordings_goes_on(tmp_path):
    film(tmp_path / "one.ts", grey([60] * 24, 128), rate=24)
    film(tmp_path / "two.ts", grey([160] * 24, 128), rate=24)
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "one.ts").read_bytes() + (tmp_path / "two.ts").read_bytes())
    copy, info = kept(joined, tmp_path)
    assert info.seconds == pytest.approx(2, abs=0.05)
    assert [round(level / 50) for level in levels_of(clip(copy, 32, 32, 4))] == [1] * 4 + [3] * 4


def test_the_times_of_a_clip_that_is_encoded_again_stay(tmp_path, monkeypatch):
    film(tmp_path / "a.mp4", grey([20, 80, 140, 200], 128), times=[0, 100, 500, 600])
    monkeypatch.setattr(copying, "_suffixes", lambda path: [])
    copy, _ = kept(tmp_path / "a.mp4", tmp_path)
    before, after = (levels_of(clip(path, 32, 32, 10)) for path in (tmp_path / "a.mp4", copy))
    assert np.abs(np.array(before) - after).max() <= 4


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.mp4", "a.ts"])
@pytest.mark.parametrize("begins", [-500, 3000])
def test_a_clip_may_begin_anywhere_on_the_clock_of_its_file(tmp_path, name, begins):
    codec = "libvpx" if name == "a.webm" else "libx264"
    options = {"avoid_negative_ts": "disabled"} if name == "a.mp4" else {}
    times = [begins + 125 * i for i in range(16)]
    film(tmp_path / name, grey(range(20, 212, 12), 128), rate=8, codec=codec, times=times, **options)
    copy, _ = kept(tmp_path / name, tmp_path)
    before, after = (levels_of(clip(path, 32, 32, 8)) for path in (tmp_path / name, copy))
    hidden = 4 if options and begins < 0 else 0  # before the beginning of an MP4 nothing is shown
    assert np.abs(np.array(before) - range(20 + 12 * hidden, 212, 12)).max() <= 4 and before == after


def test_of_recordings_joined_in_a_file_that_has_one_clock_the_first_is_shown(tmp_path):
    film(tmp_path / "one.mkv", grey([60] * 24, 128))
    film(tmp_path / "two.mkv", grey([160] * 24, 128))
    (tmp_path / "joined.mkv").write_bytes((tmp_path / "one.mkv").read_bytes() + (tmp_path / "two.mkv").read_bytes())
    copy, info = kept(tmp_path / "joined.mkv", tmp_path)
    assert info.seconds == pytest.approx(1, abs=0.05)
    for path in (tmp_path / "joined.mkv", copy):
        assert [round(level / 20) for level in levels_of(clip(path, 32, 32, 8))] == [3] * 8


def test_the_tracks_that_are_marked_as_those_to_play_are_played(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        tracks = [container.add_stream("libx264", rate=8) for _ in range(2)]
        tones = [container.add_stream("pcm_s16le", rate=8000, layout="stereo") for _ in range(2)]
        for track in tracks:
            track.width, track.height, track.pix_fmt = 128, 64, "yuv420p"
        for first, second in (tracks, tones):
            first.disposition, second.disposition = Disposition(0), Disposition.default
        for i in range(8):
            for track, level in zip(tracks, (60, 160), strict=True):
                container.mux(track.encode(av.VideoFrame.from_ndarray(*grey([level], 128), format="rgb24")))
            for tone, loud in zip(tones, (0, 8000), strict=True):
                wave = av.AudioFrame.from_ndarray(np.full((1, 2000), loud, np.int16), "s16", "stereo")
                wave.sample_rate, wave.pts = 8000, i * 1000
                container.mux(tone.encode(wave))
        for track in (*tracks, *tones):
            container.mux(track.encode())
    copy, _ = kept(tmp_path / "a.mkv", tmp_path)
    for path in (tmp_path / "a.mkv", copy):
        assert {round(level / 20) for level in levels_of(clip(path, 32, 32, 8))} == {8}
        assert foreign.sound_of(path, tmp_path / "a.wav")
        with av.open(str(tmp_path / "a.wav")) as heard:
            assert max(int(frame.to_ndarray().max()) for frame in heard.decode(audio=0)) > 4000


def test_what_is_kept_of_a_clip_with_a_damaged_end_ends_where_it_did(tmp_path):
    film(tmp_path / "a.flv", [np.roll(quarters(160, 96), 3 * i, 1) for i in range(48)], b_frames=3)
    whole = (tmp_path / "a.flv").read_bytes()
    (tmp_path / "cut.flv").write_bytes(whole[: len(whole) * 96 // 100])
    copy, info = kept(tmp_path / "cut.flv", tmp_path)
    assert info.seconds < 2
    before, after = (list(clip(path, 32, 32, 24)) for path in (tmp_path / "cut.flv", copy))
    assert len(before) == len(after)


def test_a_clip_whose_sides_change_has_those_that_it_begins_with(tmp_path):
    film(tmp_path / "one.ts", [quarters(128, 64)] * 12)
    film(tmp_path / "two.ts", [quarters(64, 128)] * 12)
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "one.ts").read_bytes() + (tmp_path / "two.ts").read_bytes())
    info = uploads.clip_info(joined)
    assert (info.width, info.height) == (128, 64)


def test_a_long_clip_that_would_have_to_be_encoded_again_is_refused_in_words(tmp_path, monkeypatch):
    film(tmp_path / "a.wmv", grey([20] * 30, 128), codec="wmv2")
    monkeypatch.setattr(copying, "ENCODED_VOLUME", 20 * 128 * 64)
    assert refused(lambda path: [kept(path, tmp_path)], tmp_path / "a.wmv") == "video_heavy"


def test_measured_values_are_no_colours(tmp_path):
    Image.fromarray(np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)).save(tmp_path / "a.tif")
    assert refused(lambda path: [picture(path, 64, 64)], tmp_path / "a.tif") == "picture_values"


def test_a_picture_with_the_workflow_of_its_program_in_it_is_a_picture(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("workflow", "node " * 400_000, zip=True)
    Image.fromarray(quarters()).save(tmp_path / "a.png", pnginfo=notes)
    assert like(corners(picture(tmp_path / "a.png", 96, 64)), RED, GREEN, BLUE, WHITE)


def test_a_picture_of_several_pages_is_refused_as_that(tmp_path):
    page = Image.fromarray(quarters())
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    assert refused(uploads.picture_size, tmp_path / "a.tif") == "picture_pages"
