"""What people upload, made on the fly: handled right or refused in a sentence."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from tests.media import BLUE, GREEN, RED, WHITE, film, quarters, sound
from workers.media import copying, reader, uploads
from workers.media.facts import MediaError
from workers.media.probe import probe
from workers.media.uploads import clip, clip_info, first_frame, keep_picture, last_frame, picture, picture_size


def folder(tmp_path):
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


def corners(pixels):
    """Return the colours near the four corners, as read."""
    height, width = pixels.shape[:2]
    return [pixels[y, x].astype(int) for y in (height // 8, -height // 8) for x in (width // 8, -width // 8)]


def like(found, *colours, within=40):
    return all(np.abs(mine - np.array(yours)).max() <= within for mine, yours in zip(found, colours, strict=True))


def refused(function, *arguments):
    with pytest.raises(MediaError) as caught:
        list(function(*arguments))
    assert caught.value.public_text.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "options"), [("a.png", {}), ("a.jpg", {"quality": 95}), ("a.webp", {"lossless": True}), ("a.bmp", {})]
)
def test_a_picture_arrives_in_its_colours_at_the_size_of_the_film(tmp_path, name, options):
    Image.fromarray(quarters()).save(tmp_path / name, **options)
    found = picture(tmp_path / name, 48, 32)
    assert found.shape == (32, 48, 3) and found.dtype == np.uint8
    assert like(corners(found), RED, GREEN, BLUE, WHITE)
    assert picture_size(tmp_path / name) == (96, 64)


def test_a_picture_that_the_camera_held_sideways_stands_upright(tmp_path):
    image = Image.fromarray(quarters())
    exif = image.getexif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert picture_size(tmp_path / "a.jpg") == (64, 96)
    assert like(corners(picture(tmp_path / "a.jpg", 32, 48)), BLUE, RED, WHITE, GREEN)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_way_of_holding_a_camera_ends_upright(tmp_path, orientation):
    image = Image.fromarray(quarters())
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(tmp_path / "a.png"))
    assert picture_size(tmp_path / "a.png") == expected.size
    assert np.abs(picture(tmp_path / "a.png", *expected.size).astype(int) - np.asarray(expected)).max() <= 1


def test_broken_notes_about_a_picture_are_no_obstacle(tmp_path):
    image = Image.fromarray(quarters())
    exif = image.getexif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    whole = (tmp_path / "a.jpg").read_bytes()
    begin = whole.index(b"Exif")
    for place in range(begin + 6, begin + 50):
        (tmp_path / "a.jpg").write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        assert set(picture_size(tmp_path / "a.jpg")) == {64, 96}


def test_a_picture_of_another_ratio_is_cut_and_not_squeezed(tmp_path):
    pixels = np.full((64, 192, 3), 90, np.uint8)
    pixels[16:48, 80:112] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = picture(tmp_path / "a.png", 64, 64)
    assert abs(int((found[32, :, 0] > 170).sum()) - int((found[:, 32, 0] > 170).sum())) <= 1


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "1", "LA"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    name = "a.jpg" if mode == "CMYK" else "a.png"
    Image.fromarray(quarters()).convert(mode).save(tmp_path / name)
    found = picture(tmp_path / name, 96, 64)
    assert found.shape == (64, 96, 3)
    if mode in ("CMYK", "P"):
        assert like(corners(found), RED, GREEN, BLUE, WHITE, within=70)


def test_what_is_transparent_becomes_white_and_16_bits_stay_grey(tmp_path):
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (picture(tmp_path / "clear.png", 32, 32) == 255).all()
    Image.fromarray(np.full((64, 64), 30000, np.uint16)).save(tmp_path / "deep.png")
    assert abs(int(picture(tmp_path / "deep.png", 32, 32)[0, 0, 0]) - 117) <= 1


def test_a_colour_profile_is_applied_and_a_broken_one_ignored(tmp_path):
    image = Image.fromarray(quarters())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, data in (("good.png", profile), ("bad.png", b"no profile")):
        image.save(tmp_path / name, icc_profile=data)
        assert like(corners(picture(tmp_path / name, 96, 64)), RED, GREEN, BLUE, WHITE)


def test_a_telephones_picture_with_a_preview_in_its_file_is_a_still_one(tmp_path):
    preview = Image.new("RGB", (48, 32))
    Image.fromarray(quarters()).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[preview], quality=95)
    assert like(corners(picture(tmp_path / "a.jpg", 96, 64)), RED, GREEN, BLUE, WHITE)


def test_a_kept_picture_is_upright_without_metadata_and_not_larger_than_a_film(tmp_path, monkeypatch):
    image = Image.fromarray(quarters())
    exif = image.getexif()
    exif[0x0112], exif[0x010F] = 6, "A camera that knows where it is"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(tmp_path / "a.jpg", exif=exif, icc_profile=profile, quality=95)
    monkeypatch.setattr(uploads, "KEPT_SIDE", 32)
    assert keep_picture(tmp_path / "a.jpg", tmp_path / "kept.png") == (32, 48)
    kept = Image.open(tmp_path / "kept.png")
    assert (kept.size, kept.mode, kept.info, len(kept.getexif())) == ((32, 48), "RGB", {}, 0)
    assert like(corners(np.asarray(kept)), BLUE, RED, WHITE, GREEN)


def test_a_wide_picture_full_of_noise_is_kept_so_that_it_can_be_opened_again(tmp_path, monkeypatch):
    assert 3.1 * uploads.KEPT_PIXELS < uploads.MAX_PICTURE_BYTES
    for limit in ("KEPT_PIXELS", "MAX_PICTURE_BYTES"):
        monkeypatch.setattr(uploads, limit, getattr(uploads, limit) // 100)
    noise = np.random.default_rng(1).integers(0, 256, (180, 720, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "wide.jpg", quality=80)
    width, height = keep_picture(tmp_path / "wide.jpg", tmp_path / "kept.png")
    assert 90_000 < width * height <= 100_000 and width / height == pytest.approx(4, rel=0.01)
    assert picture_size(tmp_path / "kept.png") == (width, height)


def test_a_picture_like_a_thread_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "KEPT_PIXELS", 10_000)
    Image.new("L", (4000, 40)).save(tmp_path / "a.png")
    assert refused(keep_picture, tmp_path / "a.png", tmp_path / "kept.png") == "picture_narrow"


def test_pictures_that_cannot_be_used_are_refused_in_words(tmp_path):
    def file(name, data=b""):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    Image.fromarray(quarters()).save(tmp_path / "whole.png")
    Image.new("L", (20, 20)).save(tmp_path / "small.png")
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    for name in ("moves.gif", "moves.webp", "moves.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert refused(picture_size, file("none.png")) == "picture_empty"
    assert refused(picture_size, file("text.png", b"<svg onload=alert(1)>")) == "picture_unreadable"
    assert refused(picture_size, file("half.png", (tmp_path / "whole.png").read_bytes()[:150])) == "picture_broken"
    assert refused(picture_size, tmp_path / "small.png") == "picture_small"
    assert {refused(picture_size, tmp_path / f"moves.{kind}") for kind in ("gif", "webp", "png")} == {
        "picture_animated"
    }


def test_a_moving_picture_that_is_cut_off_anywhere_is_refused_in_words(tmp_path):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "whole.gif", save_all=True, append_images=frames[1:])
    whole = (tmp_path / "whole.gif").read_bytes()
    found = set()
    for length in range(1, len(whole)):
        (tmp_path / "a.gif").write_bytes(whole[:length])
        try:
            picture_size(tmp_path / "a.gif")
        except MediaError as error:
            found.add(error.code)
    assert found == {"picture_unreadable", "picture_broken", "picture_animated"}


@pytest.mark.parametrize("side", [14_200, 7_500])
def test_too_many_pixels_are_refused_before_one_is_decoded(tmp_path, side, monkeypatch):
    Image.new("1", (side, side)).save(tmp_path / "vast.png")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    assert refused(picture_size, tmp_path / "vast.png") == "picture_large"


def grey(levels, width=64, height=64):
    return [np.full((height, width, 3), level, np.uint8) for level in levels]


def levels_of(frames):
    return [int(frame.mean()) for frame in frames]


def test_a_clip_at_the_rate_of_the_film_keeps_every_frame(tmp_path):
    levels = [10 * i for i in range(1, 21)]
    film(tmp_path / "a.mp4", grey(levels))
    assert np.abs(np.array(levels_of(clip(tmp_path / "a.mp4", 32, 32, 24))) - levels).max() <= 4
    info = clip_info(tmp_path / "a.mp4")
    assert (info.width, info.height) == (64, 64) and info.seconds == pytest.approx(20 / 24, abs=0.01)


@pytest.mark.parametrize(
    ("rate", "fps", "count"), [(48, 24, 12), (12, 24, 48), (Fraction(24000, 1001), 24, 24), (30, 8, 6)]
)
def test_another_rate_keeps_the_length(tmp_path, rate, fps, count):
    film(tmp_path / "a.mp4", grey([int(5 + 9 * i) for i in range(24)]), rate=rate)
    found = levels_of(clip(tmp_path / "a.mp4", 32, 32, fps))
    assert abs(len(found) - count) <= 1 and found == sorted(found)


def test_a_rate_that_varies_becomes_even(tmp_path):
    film(tmp_path / "a.mkv", grey([20, 120, 220, 220]), times=[0, 100, 900, 1000])
    found = levels_of(clip(tmp_path / "a.mkv", 32, 32, 10))
    assert [round(level, -1) for level in found] == [20, *[120] * 8, 220]


@pytest.mark.parametrize(("rotate", "expected"), [(90, (GREEN, WHITE, RED, BLUE)), (-90, (BLUE, RED, WHITE, GREEN))])
def test_a_clip_from_a_telephone_held_upright_stands_upright(tmp_path, rotate, expected):
    film(tmp_path / "a.mp4", [quarters()] * 5, rotate=rotate)
    info = clip_info(tmp_path / "a.mp4")
    assert (info.width, info.height) == (64, 96)
    assert like(corners(next(clip(tmp_path / "a.mp4", 64, 96, 24))), *expected)


def test_a_title_in_letters_of_another_age_is_no_obstacle(tmp_path):
    path = film(tmp_path / "a.mp4", grey([90] * 12), title="TITLE")
    assert b"TITLE" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"TITLE", "été".encode("latin-1") + b"\xff\xfe"))
    assert clip_info(path).seconds == pytest.approx(0.5)
    assert probe(path).frames == 12
    assert copying.keep_clip(path, folder(tmp_path))[1].seconds == pytest.approx(0.5)


def test_the_first_and_the_last_frame_are_as_they_are_shown(tmp_path):
    film(tmp_path / "a.mp4", [*grey([20], 96), *grey([120], 96), *grey([220], 96)], rotate=90)
    first, last = first_frame(tmp_path / "a.mp4"), last_frame(tmp_path / "a.mp4")
    assert first.shape == last.shape == (96, 64, 3)
    assert [round(level, -1) for level in levels_of([first, last])] == [20, 220]


@pytest.mark.parametrize(
    "options",
    [
        {"pix_fmt": "yuv420p10le"},
        {"pix_fmt": "yuv444p"},
        {"codec": "mpeg4"},
    ],
)
def test_other_pixels_and_codecs_come_out_in_the_same_colours(tmp_path, options):
    film(tmp_path / "a.mp4", [quarters()] * 5, **options)
    assert like(corners(next(clip(tmp_path / "a.mp4", 96, 64, 24))), RED, GREEN, BLUE, WHITE)


def test_odd_sides_and_pixels_that_are_not_square_fit_the_frame(tmp_path):
    film(tmp_path / "odd.mp4", [quarters(97, 65)] * 5, pix_fmt="yuv444p")
    assert like(corners(next(clip(tmp_path / "odd.mp4", 96, 64, 24))), RED, GREEN, BLUE, WHITE)
    film(tmp_path / "wide.mp4", [quarters()] * 5, aspect=Fraction(2, 1))
    assert clip_info(tmp_path / "wide.mp4").width == 192


@pytest.mark.parametrize(
    ("aspect", "rotate", "code"),
    [
        (Fraction(60), 0, "video_stretched"),
        (Fraction(1, 60), 0, "video_stretched"),
        (Fraction(4), 0, "video_large"),
        (Fraction(1, 4), 90, "video_large"),
        (Fraction(1, 4), 0, "video_small"),
    ],
)
def test_a_clip_is_as_large_as_it_is_shown(tmp_path, monkeypatch, aspect, rotate, code):
    monkeypatch.setattr(reader, "MAX_CLIP_PIXELS", 3 * 96 * 64)
    film(tmp_path / "a.mp4", [quarters()] * 2, aspect=aspect, rotate=rotate)
    for read in (clip_info, first_frame, last_frame):
        assert refused(lambda path, read=read: [read(path)], tmp_path / "a.mp4") == code


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"rotate": 90}),
        ("a.mov", {"rotate": -90, "pix_fmt": "yuv420p10le"}),
        ("a.mkv", {"rotate": 90}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.ts", {}),
        ("a.mp4", {"times": [0, 40, 100, 300, 320, 700, 900, 1000]}),
        ("a.mp4", {"aspect": 2}),
    ],
)
def test_a_kept_clip_shows_the_same_and_says_nothing_about_its_owner(tmp_path, name, options):
    source, said = tmp_path / name, tmp_path / f"said-{name}"
    film(source, [np.roll(quarters(), 4 * i, 1) for i in range(8)], **options)
    secret = "+52.5200+013.4050/"
    with av.open(str(source)) as bare, av.open(str(said), "w", options={"movflags": "use_metadata_tags"}) as out:
        out.metadata.update({"location": secret, "comment": secret, "title": secret, "artist": secret})
        copy = out.add_stream_from_template(bare.streams.video[0])
        copy.metadata["handler_name"] = secret
        for packet in bare.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    if name != "a.ts":
        assert secret.encode() in said.read_bytes()
    kept, info = copying.keep_clip(said, folder(tmp_path))
    assert (info.width, info.height) == (clip_info(source).width, clip_info(source).height)
    assert secret.encode() not in kept.read_bytes()
    before, after = (list(clip(path, 96, 64, 24)) for path in (source, kept))
    assert len(before) == len(after)
    assert np.array_equal(np.stack(before), np.stack(after))


def test_clips_that_cannot_be_used_are_refused_in_words(tmp_path, monkeypatch):
    def file(name, data=b""):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    whole = film(
        tmp_path / "whole.mp4",
        [np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8) for i in range(60)],
        movflags="faststart",
    )
    data = whole.read_bytes()
    assert refused(clip, file("none.mp4"), 32, 32, 24) == "video_empty"
    assert refused(clip, file("text.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"), 32, 32, 24) == "video_broken"
    assert refused(clip, file("half.mp4", data[: len(data) // 2]), 32, 32, 24) == "video_broken"
    assert refused(clip, file("head.mp4", data[len(data) // 2 :]), 32, 32, 24) == "video_broken"
    assert refused(clip, sound(tmp_path / "sound.mp4"), 32, 32, 24) == "video_missing"
    assert data.count(b"avc1") == 2  # a kind of file, and the codec of its pictures
    assert refused(clip, file("new.mp4", data.replace(b"avc1", b"zzz9")), 32, 32, 24) == "video_codec"
    Image.fromarray(quarters()).save(tmp_path / "still.mp4", format="PNG")
    assert refused(clip, tmp_path / "still.mp4", 32, 32, 24) == "video_broken"
    assert refused(clip, whole, 32, 32, 24, "fill", 1.0) == "video_long"
    monkeypatch.setattr(reader, "MAX_CLIP_PIXELS", 100)
    assert refused(clip, whole, 32, 32, 24) == "video_large"
