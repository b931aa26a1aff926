from fractions import Fraction

import av
import numpy as np
import pytest

from workers.media.facts import MediaError
from workers.media.film import Film
from workers.media.hls import Playlist

LENGTHS = (9, 12, 4)


def noise(count, seed=0, width=96, height=64):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.fixture(params=[8, 24, Fraction(30000, 1001)], ids=["8 fps", "24 fps", "29.97 fps"])
def fps(request):
    return request.param


@pytest.fixture
def film(tmp_path, fps):
    film = Film(tmp_path / "film", 96, 64, fps)
    for seed, count in enumerate(LENGTHS):
        film.append(noise(count, seed))
    return film


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def played(playlist, tmp_path):
    """What a player puts together: the beginning and every segment of the playlist."""
    names = [line for line in (playlist.folder / "index.m3u8").read_text().splitlines() if not line.startswith("#")]
    whole = tmp_path / "played.mp4"
    whole.write_bytes(b"".join((playlist.folder / name).read_bytes() for name in ("init.mp4", *names)))
    return whole


def test_every_segment_is_playable_at_once_and_time_goes_on_evenly(film, fps, tmp_path):
    playlist = Playlist(tmp_path / "hls", fps, max(LENGTHS))
    for i, segment in enumerate(film.segments):
        playlist.append(segment)
        with av.open(str(played(playlist, tmp_path))) as container:
            times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
        assert times == [Fraction(n) / Fraction(fps) for n in range(sum(LENGTHS[: i + 1]))]


def test_the_pictures_are_those_of_the_film_and_not_encoded_again(film, fps, tmp_path):
    playlist = Playlist(tmp_path / "hls", fps, max(LENGTHS))
    for segment in film.segments:
        playlist.append(segment)
    film.finish(tmp_path / "film.mp4")
    assert packets(played(playlist, tmp_path)) == packets(tmp_path / "film.mp4")


def test_the_playlist_is_open_while_it_grows_and_closed_at_the_end(film, fps, tmp_path):
    playlist = Playlist(tmp_path / "hls", fps, max(LENGTHS))
    playlist.append(film.segments[0])
    text = (tmp_path / "hls" / "index.m3u8").read_text()
    assert text.startswith("#EXTM3U\n") and "PLAYLIST-TYPE:EVENT" in text and "ENDLIST" not in text
    assert 'EXT-X-MAP:URI="init.mp4"' in text and text.endswith("0000.m4s\n")
    ended = playlist.finish().read_text()
    assert ended.startswith(text) and ended.endswith("#EXT-X-ENDLIST\n")
    target = int(text.split("TARGETDURATION:")[1].split()[0])
    assert all(float(line[8:-1]) <= target for line in ended.splitlines() if line.startswith("#EXTINF"))
    assert not list((tmp_path / "hls").glob("*.part"))


def test_a_playlist_taken_up_again_is_the_same_and_never_gets_shorter(film, fps, tmp_path):
    through, cut = Playlist(tmp_path / "one", fps, max(LENGTHS)), Playlist(tmp_path / "two", fps, max(LENGTHS))
    for segment in film.segments:
        through.append(segment)
    for segment in film.segments[:2]:
        cut.append(segment)
    again = Playlist(tmp_path / "two", fps, max(LENGTHS), film.segments[:2])
    assert "0001.m4s" in (tmp_path / "two" / "index.m3u8").read_text()
    again.append(film.segments[2])
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_segment_that_was_encoded_in_another_way_is_refused(tmp_path):
    small, large = Film(tmp_path / "small", 64, 64, 8), Film(tmp_path / "large", 96, 64, 8)
    playlist = Playlist(tmp_path / "hls", 8, 9)
    playlist.append(small.append(noise(9, width=64)))
    with pytest.raises(MediaError, match="segment_foreign"):
        playlist.append(large.append(noise(9)))
