"""Uploaded pictures and clips: verified by decoding, prepared for a model, or refused with a sentence.

No file is trusted. What is in the headers (kind, sides, length, scans, tracks) is checked before a pixel is decoded.
Metadata is not kept. Only `workers.media.child` calls this, in a process with a budget; others ask
`workers.media.foreign`.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from workers.media.facts import MAX_PICTURE_BYTES, ClipInfo, MediaError, let_through
from workers.media.reader import MAX_CLIP_FPS, MIN_SIDE, ClipReader

MAX_PICTURE_PIXELS = 50_000_000
KEPT_SIDE = 2048  # pixels; no model makes larger films
# Noise as PNG takes 3 bytes a pixel and a little more, and what is kept is opened again under MAX_PICTURE_BYTES.
KEPT_PIXELS = 10_000_000
# Notes of programs in a PNG, such as a whole workflow; the memory of the process that opens it is bounded anyway.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MAX_PICTURE_BYTES
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_SCANS = 100  # of a progressive JPEG; programs write about ten, and each one costs as much as a whole picture
IN_PIXELS = (0x00, *range(0xD0, 0xD8))  # what follows an FF among the pixels of a JPEG, and begins nothing
STANDALONE = (0x01, 0xD8, *range(0xD0, 0xD8))  # markers of a JPEG without a length
# What Pillow raises for files that end too early or say what cannot be.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error)

ROUNDING = 1e-3  # a frame half-way between two places always takes the earlier, whatever the file's clock rounds to


def picture_size(path: Path) -> tuple[int, int]:
    """Decode a picture to see that it can be used; returns (width, height) as it is shown. Raises MediaError."""
    with _opened(path) as image:
        return _upright(image).size


def picture(path: Path, width: int, height: int, how: str = "fill") -> NDArray[np.uint8]:
    """Return a picture as uint8 sRGB [height, width, 3]: upright, without alpha, its middle cut to fill the frame.

    `how` is one of the facts' FITS. Raises MediaError for what is no picture, is damaged, moves, or is too large or too
    small.
    """
    with _opened(path) as image:
        return _fit(_srgb(_upright(image)), width, height, how)


def keep_picture(path: Path, out: Path) -> tuple[int, int]:
    """Save a picture as the PNG `out`: upright, in sRGB, without metadata, its shorter side at most `KEPT_SIDE` and all
    of it at most `KEPT_PIXELS`, so that it can be opened here again.

    Returns its new (width, height). Raises MediaError.
    """
    with _opened(path) as image:
        upright = _srgb(_upright(image))
        del image
        shrunk = min(KEPT_SIDE / min(upright.size), math.sqrt(KEPT_PIXELS / (upright.width * upright.height)))
        if shrunk < 1:
            size = (int(upright.width * shrunk), int(upright.height * shrunk))
            if min(size) < MIN_SIDE:
                raise MediaError("picture_narrow", "The picture is too narrow for its length: cut a part out of it.")
            upright = upright.resize(size, Image.Resampling.LANCZOS)
        # A new image: what the file said about itself stays behind.
        Image.fromarray(np.asarray(upright)).save(out, "PNG")
        return upright.size


def first_frame(path: Path) -> NDArray[np.uint8]:
    """Return the first frame of a clip, [height, width, 3], as it is shown. Raises MediaError."""
    return _shown(path, next)


def last_frame(path: Path) -> NDArray[np.uint8]:
    """Return the last frame of a clip, [height, width, 3], as it is shown. Raises MediaError."""
    return _shown(path, lambda frames: deque(frames, maxlen=1).pop())


def clip_info(path: Path, volume: int | None = None) -> ClipInfo:
    """Decode a clip to its end to see that it can be used, and say what it is. Raises MediaError.

    Of a clip that has more pixels in all its frames than `volume`, no more are decoded.
    """
    reader = ClipReader(path, volume)
    width = height = count = 0
    seconds = 0.0
    for frame, _, end in reader.frames():
        if not count:  # as players do, where the sides change on the way
            width, height = reader.shown_size(frame)
        count, seconds = count + 1, end
    fps = reader.rate
    if not 1 <= fps <= MAX_CLIP_FPS:
        fps = Fraction(min(MAX_CLIP_FPS, max(1, round(count / seconds))))
    return ClipInfo(width, height, seconds, fps)


def clip(path: Path, width: int, height: int, fps: int | Fraction, how: str = "fill") -> Iterator[NDArray[np.uint8]]:
    """Yield a clip as uint8 RGB frames [height, width, 3] at an even `fps`, upright, its middle cut to fill the frame.

    The rate of the clip may be any and may vary: frames are shown as long as they last, some twice, some never. One
    frame is in memory at a time. Raises MediaError for what has no picture, is damaged, or is too large or too long.
    """
    reader = ClipReader(path)
    made = length = 0
    held: NDArray[np.uint8] | None = None
    for frame, begin, end in reader.frames():
        # A frame is shown until the next one begins, as players do it; places are rounded to those of the film.
        place = math.floor(begin * fps + 0.5 - ROUNDING)
        while held is not None and made < place:
            yield held
            made += 1
        length = max(1, round(end * fps))
        held = _fit(Image.fromarray(reader.upright(frame)), width, height, how, reader.stretch(frame))
    while held is not None and made < length:
        yield held
        made += 1


def _shown(path: Path, pick: Callable[[Iterator[av.VideoFrame]], av.VideoFrame]) -> NDArray[np.uint8]:
    reader = ClipReader(path)
    frame = pick(frame for frame, _, _ in reader.frames())
    width, height = reader.shown_size(frame)
    return _fill(Image.fromarray(reader.upright(frame)), width, height, reader.stretch(frame))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture whose headers are in order, with its pixels decoded."""
    size = path.stat().st_size
    if not size:
        raise MediaError("picture_empty", "The picture is empty: its file has 0 bytes.")
    if size > MAX_PICTURE_BYTES:
        raise MediaError("picture_large", f"A picture has at most {MAX_PICTURE_BYTES // 1_000_000} MB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=PICTURE_FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except (OSError, SyntaxError, ValueError) as error:
        raise MediaError("picture_unreadable", "That file isn't an image. Use JPEG, PNG or WebP.") from error
    with image:
        if image.width * image.height > MAX_PICTURE_PIXELS:
            raise _too_many_pixels()
        if min(image.size) < MIN_SIDE:
            raise MediaError("picture_small", f"The sides of a picture are at least {MIN_SIDE} pixels.")
        if image.format in ("JPEG", "MPO") and scans(path) > MAX_SCANS:
            text = f"This picture takes too long to open: it is drawn in more than {MAX_SCANS} passes. Save it again."
            raise MediaError("picture_heavy", text)
        try:
            # The files of many telephones hold a second, smaller picture, and do not move for that.
            moves = getattr(image, "is_animated", False) and image.format != "MPO"
            if not moves:
                image.load()
        except DAMAGE as error:
            let_through(error)
            raise MediaError("picture_broken", "The picture is damaged and cannot be read to its end.") from error
        if moves and image.format == "TIFF":
            raise MediaError("picture_pages", "The picture has several pages: save the one that you want by itself.")
        if moves:
            raise MediaError("picture_animated", "The picture moves: choose a still one.")
        yield image


def scans(path: Path) -> int:
    """Count the scans of the first picture in a JPEG file by its markers; nothing is decoded."""
    data, place, count = path.read_bytes(), 2, 0
    while 0 <= place < len(data) - 4:
        marker = data[place + 1]
        if marker == 0xD9:  # the end of the picture
            break
        if marker in STANDALONE:
            place += 2
        elif marker == 0xFF:  # a filling byte
            place += 1
        else:
            count += marker == 0xDA
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        # Pixels follow a scan's header, and damage may follow anything: decoders look for the next marker as well.
        place = _marker(data, place)
    return count


def _marker(data: bytes, place: int) -> int:
    """Return where the next marker begins that is no part of the pixels; -1 when there is none."""
    while (place := data.find(b"\xff", place)) >= 0 and place + 1 < len(data):
        if data[place + 1] not in IN_PIXELS:
            return place
        place += 2
    return -1


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture, in its place, as its EXIF says that it is to be shown."""
    with suppress(OSError, SyntaxError, TypeError, ValueError, struct.error):  # broken notes say nothing of the pixels
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _too_many_pixels() -> MediaError:
    return MediaError("picture_large", f"A picture has at most {MAX_PICTURE_PIXELS // 1_000_000} megapixels.")


def _srgb(image: Image.Image) -> Image.Image:
    """Turn any mode and colour profile into RGB of sRGB; what is transparent becomes white."""
    if image.mode == "F":
        text = "The picture holds measured values, not colours: save it with 8 or 16 bits a colour, such as PNG."
        raise MediaError("picture_values", text)
    if image.mode.startswith("I"):
        # 16-bit grey; Pillow would cut off everything above 255.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        profile = image.info.get("icc_profile")
        # On itself, so that there are two pictures in memory and not four.
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image)
        image = ground.convert("RGB")
        del ground
        if profile:
            image.info["icc_profile"] = profile
    profile = image.info.get("icc_profile")
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile says nothing about the pixels
    return image if image.mode == "RGB" else image.convert("RGB")


def _fit(image: Image.Image, width: int, height: int, how: str, stretch: float = 1.0) -> NDArray[np.uint8]:
    """Bring an RGB image to a size in one of the ways of `facts.FITS`."""
    if how == "fill":
        return _fill(image, width, height, stretch)
    if how == "cut":
        wide = min(float(image.width), image.height * width / height)
        high = min(float(image.height), image.width * height / width)
        left, top = (image.width - wide) / 2, (image.height - high) / 2
        image = image.crop((round(left), round(top), round(left + wide), round(top + high)))
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)


def _fill(image: Image.Image, width: int, height: int, stretch: float = 1.0) -> NDArray[np.uint8]:
    """Cut the middle of an RGB image to the ratio of width : height and scale it; pixels are `stretch` times as wide
    as high."""
    target = width / height / stretch
    if image.width / image.height > target:
        wide, high = image.height * target, float(image.height)
    else:
        wide, high = float(image.width), image.width / target
    left, top = (image.width - wide) / 2, (image.height - high) / 2
    box = (left, top, left + wide, top + high)
    scaled = image.resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.array(scaled, dtype=np.uint8)
