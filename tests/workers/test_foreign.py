"""What people bring is opened by a child process: within a budget, without secrets, and no longer than it is wanted."""

import os
import resource
import signal
import subprocess
import sys
import threading
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.hostile import clip_of_tracks, jpeg_of_scans, opening, png_with_notes, slow_picture, still_clip
from tests.media import BLUE, GREEN, RED, WHITE, film, quarters, sound
from workers.base import Cancelled
from workers.media import foreign, uploads
from workers.media.facts import MediaError

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel holds the limits on Linux")


def refused(function, *arguments):
    """Return the sentence that a file is refused with."""
    with pytest.raises(MediaError) as caught:
        function(*arguments)
    return caught.value.public_text


@pytest.fixture
def slow(tmp_path):
    return slow_picture(tmp_path / "slow.jpg")


@pytest.fixture
def costs():
    """What this process, and what its children have spent since: seconds of CPU."""
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]

    def spent():
        now = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return [a.ru_utime + a.ru_stime - b.ru_utime - b.ru_stime for a, b in zip(now, before, strict=True)]

    return spent


def test_the_child_tells_what_the_reader_would(tmp_path, monkeypatch):
    Image.fromarray(quarters()).save(tmp_path / "a.png")
    clip = film(tmp_path / "a.mp4", [np.roll(quarters(), 4 * i, 1) for i in range(8)], rate=Fraction(24000, 1001))
    voice = sound(tmp_path / "a.m4a", seconds=1)
    monkeypatch.chdir(tmp_path)
    given = Path("a.png")
    assert np.array_equal(foreign.picture(given, 48, 32), uploads.picture(given, 48, 32))
    assert foreign.picture_size(given) == (96, 64)
    assert foreign.clip_info(clip) == uploads.clip_info(clip)
    told, read = list(foreign.clip(clip, 48, 32, 24)), list(uploads.clip(clip, 48, 32, 24))
    assert len(told) == len(read) == 8 and all(np.array_equal(a, b) for a, b in zip(told, read, strict=True))
    assert [foreign.kind_of(path) for path in (given, clip, voice)] == ["image", "video", "audio"]
    assert foreign.keep_sound(voice, tmp_path)[1].seconds == pytest.approx(1, abs=0.1)
    assert foreign.last_frame(clip, tmp_path / "last.png", tmp_path / "last.webp") == (96, 64)
    with pytest.raises(FileNotFoundError):
        foreign.picture_size(tmp_path / "nowhere.png")


def test_what_is_kept_has_a_small_poster(tmp_path):
    Image.fromarray(quarters(1200, 800)).save(tmp_path / "a.jpg", quality=95)
    assert foreign.keep_picture(tmp_path / "a.jpg", tmp_path / "kept.png", tmp_path / "poster.webp") == (1200, 800)
    poster = Image.open(tmp_path / "poster.webp")
    found = [poster.getpixel((x, y)) for y in (50, 370) for x in (50, 590)]
    assert poster.size == (640, 427)
    assert all(np.abs(np.subtract(a, b)).max() < 40 for a, b in zip(found, (RED, GREEN, BLUE, WHITE), strict=True))


def test_a_picture_of_hundreds_of_passes_is_refused_before_the_first(tmp_path, costs):
    path = jpeg_of_scans(tmp_path / "scans.jpg", 400, side=3000)
    assert path.stat().st_size < 100_000
    assert "more than 100 passes" in refused(foreign.picture_size, path)
    assert max(costs()) < 2, "nothing was decoded"


@pytest.mark.parametrize("name", ["plain", "progressive", "telephone"])
def test_the_passes_of_a_usual_picture_are_counted_right(tmp_path, name):
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8))
    preview = Image.fromarray(quarters())
    exif = preview.getexif()
    # A preview among the notes, and a second picture behind the first, are no passes of this one.
    thumbnail = jpeg_of_scans(tmp_path / "preview.jpg", 120).read_bytes()
    exif[0x927C] = thumbnail
    options = {
        "plain": {"exif": exif},
        "progressive": {"progressive": True},
        "telephone": {"format": "MPO", "save_all": True, "append_images": [preview]},
    }[name]
    image.save(tmp_path / "a.jpg", **options)
    assert uploads.scans(tmp_path / "a.jpg") == (10 if name == "progressive" else 1)
    assert foreign.picture_size(tmp_path / "a.jpg") == (96, 64)


def test_a_clip_of_thousands_of_still_frames_is_refused_before_the_first(tmp_path, costs):
    path = still_clip(tmp_path / "still.mp4", 2400)
    made = costs()
    assert path.stat().st_size < 700_000
    sentence = refused(foreign.keep_clip, path, tmp_path / "kept.mp4", tmp_path / "poster.webp")
    assert "takes too long to open" in sentence and "3840 x 2160 pixels it has at most 1800 frames" in sentence
    assert all(after - before < 2 for before, after in zip(made, costs(), strict=True)), "nothing was decoded"


def test_a_clip_whose_header_does_not_count_is_decoded_no_further_than_its_budget(tmp_path):
    path = still_clip(tmp_path / "still.mkv", 60, 320, 180)
    assert uploads.clip_info(path).seconds == pytest.approx(1, abs=0.1)
    assert "at most 50 frames" in refused(uploads.clip_info, path, 50 * 320 * 180)


def test_a_large_picture_costs_its_child_and_not_this_process(tmp_path, costs):
    Image.new("RGBA", (7000, 7000)).save(tmp_path / "large.png")
    before = costs()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = foreign.keep_picture(tmp_path / "large.png", tmp_path / "kept.png", tmp_path / "poster.webp")
    mine, theirs = (after - earlier for earlier, after in zip(before, costs(), strict=True))
    assert found == (2048, 2048) and mine < 0.3 < theirs
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss == peak


@linux
def test_a_file_that_needs_more_memory_than_its_budget_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (7000, 7000)).save(tmp_path / "large.png")
    Image.new("RGB", (7000, 7000)).save(tmp_path / "large.jpg")
    monkeypatch.setenv("CINEVIVID_DECODE_MB", "60")
    for name in ("large.png", "large.jpg"):
        assert "needs too much memory" in refused(foreign.picture_size, tmp_path / name)
    clip = still_clip(tmp_path / "a.mp4", 3, 4096, 2304)
    monkeypatch.setenv("CINEVIVID_DECODE_MB", "30")
    assert "needs too much memory" in refused(foreign.clip_info, clip)


@linux
def test_a_file_that_runs_away_is_ended(slow, monkeypatch, costs):
    monkeypatch.setenv("CINEVIVID_DECODE_SECONDS", "1")
    made = costs()[1]
    assert "takes too long to open" in refused(foreign.picture_size, slow)
    assert costs()[1] - made < 8 and not opening()


@linux
def test_a_file_that_would_fill_the_disk_is_refused(tmp_path, monkeypatch):
    given = sound(tmp_path / "a.wav", "pcm_s16le", seconds=3)
    monkeypatch.setattr("workers.media.budget.SLACK", 100_000)
    monkeypatch.setattr(foreign, "MAX_SOUND_BYTES", 100_000)
    assert "becomes too large" in refused(foreign.keep_sound, given, tmp_path)


@linux
def test_a_child_ends_with_its_request_and_knows_no_secret(slow, monkeypatch, wait_until):
    monkeypatch.setenv("SECRET_KEY", "planted")
    monkeypatch.setenv("DATABASE_URL", "postgres://planted")
    event, outcome = threading.Event(), []

    def ask():
        with foreign.ended_by(event):
            try:
                foreign.picture_size(slow)
            except Cancelled as error:
                outcome.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    (child,) = wait_until(lambda: opening(busy=0.5))
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    assert not any("planted" in value for value in child.environ().values())
    assert "Max open files            64 " in limits and "Max cpu time              unlimited" not in limits
    assert "torch" not in Path(f"/proc/{child.pid}/maps").read_text()
    event.set()
    asking.join(60)
    assert not asking.is_alive() and len(outcome) == 1 and not opening()


@linux
def test_a_child_ends_with_the_process_that_started_it(slow, wait_until):
    code = f"from pathlib import Path; from workers.media import foreign; foreign.picture_size(Path({str(slow)!r}))"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    (child,) = wait_until(lambda: opening(parent.pid, busy=0.4))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_frames_that_nobody_takes_any_more_end_their_child(tmp_path):
    frames = foreign.clip(film(tmp_path / "a.mp4", [quarters()] * 200), 960, 640, 24)
    assert next(frames).shape == (640, 960, 3) and len(opening()) == 1
    frames.close()
    assert not opening()


@pytest.mark.parametrize(
    ("name", "list_of"),
    [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n"),
        ("a.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n"),
        ("a.ffconcat", "ffconcat version 1.0\nfile '{path}'\n"),
        ("a.mp4", "ffconcat version 1.0\nfile '{path}'\n"),
        ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
        ("a.svg", '<svg xmlns="http://www.w3.org/2000/svg"><image href="{path}"/></svg>'),
    ],
)
def test_a_file_that_names_another_one_opens_nothing(tmp_path, name, list_of):
    secret = film(tmp_path / "secret.mp4", [quarters()] * 5)
    given = tmp_path / name
    given.write_text(list_of.format(path=secret))
    assert "known here" in refused(foreign.kind_of, given)
    kept = (tmp_path / "kept.mp4", tmp_path / "poster.webp")
    assert "no video, or it is damaged" in refused(foreign.keep_clip, given, *kept)
    assert "no sound, or it is damaged" in refused(foreign.keep_sound, given, tmp_path)
    assert "isn't an image" in refused(foreign.picture_size, given)


def test_notes_that_unpack_to_gigabytes_are_not_unpacked(tmp_path, costs):
    path = png_with_notes(tmp_path / "notes.png", 500_000_000)
    made = costs()[1]
    try:
        assert foreign.picture_size(path) == (64, 64)
    except MediaError as error:
        assert error.public_text.endswith(".")
    assert costs()[1] - made < 2


def test_a_file_of_many_tracks_is_refused(tmp_path):
    assert "more than 32 tracks" in refused(foreign.keep_sound, clip_of_tracks(tmp_path / "a.mkv", 40), tmp_path)
    assert foreign.keep_sound(clip_of_tracks(tmp_path / "b.mkv", 4), tmp_path)[1].seconds == pytest.approx(1)


def test_a_sound_of_hours_is_refused(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(8000 * 60 * 31))
    assert "at most 30 minutes" in refused(foreign.keep_sound, tmp_path / "a.wav", tmp_path)
