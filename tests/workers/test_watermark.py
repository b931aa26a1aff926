"""The watermark: small, in its corner, on every frame of one film and on no frame of the other."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.media import film as a_film
from tests.watermark import is_marked, likeness
from workers.marking import with_copies
from workers.media.facts import MediaError
from workers.media.film import Film, marked
from workers.media.hls import Playlists
from workers.media.probe import probe, read_comment, read_frames
from workers.media.watermark import Watermark
from workers.tasks.registry import MadeAsset

SIZES = [(128, 72), (128, 128), (960, 540), (540, 960), (1280, 720)]


def scene(width, height, shift=0):
    """A picture with soft light and an edge."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    light = 60 + 120 * across * down + 20 * np.sin(6 * (across + shift / 9))
    return np.repeat(light[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_is_small_and_at_the_lower_right(width, height):
    clean = scene(width, height)
    picture = Watermark(width, height).on(clean)
    rows, columns = np.nonzero((picture != clean).any(axis=2))
    assert rows.min() > height * 0.7 and columns.min() > width * 0.45
    assert rows.max() < height - 1 and columns.max() < width - 1
    area = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
    assert area < width * height * (0.01 if height > 200 else 0.1)
    assert is_marked(picture) and not is_marked(clean)


@pytest.mark.parametrize("level", [0, 70, 128, 200, 255])
@pytest.mark.parametrize(("width", "height"), [(128, 72), (1280, 720)])
def test_it_can_be_read_on_any_ground(width, height, level):
    picture = Watermark(width, height).on(np.full((height, width, 3), level, np.uint8))
    mark = Watermark(width, height)
    corner = picture[mark.rows, mark.columns].astype(int)
    assert corner.max() - corner.min() > 70, "the letters, or their shadow, stand out"


def test_a_picture_that_is_too_small_stays_as_it_is():
    tiny = scene(40, 16)
    assert np.array_equal(Watermark(40, 16).on(tiny), tiny)


def test_one_pass_makes_both_films_and_both_playlists(tmp_path):
    film = Film(tmp_path / "film", 160, 96, 8, watermark=True)
    playlists = Playlists(film, 9)
    taken = []
    for part in range(2):
        film.append(taken.append(i) or scene(160, 96, i) for i in range(9 * part, 9 * part + 9))
        playlists.append()
    playlists.finish()
    info = film.finish(tmp_path / "out.mp4", "a comment")
    assert taken == list(range(18)) and playlists.frames == info.frames == 18
    both = [tmp_path / "out.mp4", marked(tmp_path / "out.mp4")]
    assert [read_comment(path) for path in both] == ["a comment"] * 2
    clean, with_name = (list(read_frames(path)) for path in both)
    assert not any(map(is_marked, clean)) and all(map(is_marked, with_name))
    mark = Watermark(160, 96)
    rest = np.ones((96, 160), bool)
    rest[mark.rows.start - 8 :, mark.columns.start - 8 :] = False
    apart = [np.abs(a.astype(int) - b)[rest].mean() for a, b in zip(clean, with_name, strict=True)]
    assert max(apart) < 2, "the rest of the picture is the same, but for its encoding"
    folders = [tmp_path / "film" / "hls", tmp_path / "film" / "marked" / "hls"]
    lists = [(folder / "index.m3u8").read_text() for folder in folders]
    assert lists[0] == lists[1], "a player may go on in the other one"
    assert playlists.each[0].headers == playlists.each[1].headers


def test_a_film_without_it_has_no_second_one(tmp_path):
    film = Film(tmp_path / "film", 32, 32, 8)
    film.append(np.zeros((3, 32, 32, 3), np.uint8))
    Playlists(film, 3).finish()
    film.finish(tmp_path / "out.mp4")
    assert not (tmp_path / "film" / "marked").exists() and not marked(tmp_path / "out.mp4").exists()


def test_a_film_goes_on_only_where_both_have_their_segments(tmp_path):
    first = Film(tmp_path / "film", 32, 32, 8, watermark=True)
    for _ in range(2):
        first.append(np.zeros((3, 32, 32, 3), np.uint8))
    again = Film(tmp_path / "film", 32, 32, 8, 1, watermark=True)
    assert [path.name for path in (*again.segments, *again.marked.segments)] == ["0000.mp4", "0000.mp4"]
    again.marked.segments[0].unlink()
    with pytest.raises(MediaError, match="segment_missing"):
        Film(tmp_path / "film", 32, 32, 8, 1, watermark=True)


def test_a_film_of_a_task_that_knows_nothing_of_it_is_copied_with_its_stills(tmp_path):
    path = a_film(tmp_path / "film.mp4", [scene(160, 96, i) for i in range(12)], rate=12)
    stills = {name: tmp_path / f"{name}.webp" for name in ("poster", "strip")}
    for still in stills.values():
        Image.fromarray(scene(160, 96)).save(still)
    made = MadeAsset(kind="video", files={"file": path, **stills})
    copies = with_copies(made).marked
    assert set(copies) == {"file", "poster", "strip"} and made.marked == {}
    assert all(map(is_marked, read_frames(copies["file"])))
    assert (probe(copies["file"]).frames, probe(copies["file"]).fps) == (12, 12)
    assert is_marked(np.asarray(Image.open(copies["poster"]).convert("RGB")))
    assert not any(map(is_marked, read_frames(path)))


def test_a_picture_is_copied_with_its_poster_and_keeps_what_is_clear(tmp_path):
    clear = np.full((96, 160), 255, np.uint8)
    clear[:10] = 0
    picture = Image.fromarray(scene(160, 96))
    picture.putalpha(Image.fromarray(clear))
    picture.save(tmp_path / "picture.png")
    picture.convert("RGB").save(tmp_path / "poster.webp")
    files = {"file": tmp_path / "picture.png", "poster": tmp_path / "poster.webp"}
    copies = with_copies(MadeAsset(kind="image", files=files)).marked
    for path in copies.values():
        assert likeness(np.asarray(Image.open(path).convert("RGB"))) > 0.5
    assert np.array_equal(np.asarray(Image.open(copies["file"]).getchannel("A")), clear)


def test_a_sound_has_none(tmp_path):
    made = MadeAsset(kind="audio", files={"file": tmp_path / "sound.mp3"})
    assert with_copies(made) == replace(made)
