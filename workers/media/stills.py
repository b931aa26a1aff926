"""Pictures that stand for a film or a sound: the poster, the strip that is shown under the pointer, the waveform.

All are made of what the studio has made itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.media.probe import probe, read_frames

STRIP_HEIGHT = 180  # pixels; smaller films keep their own height
QUALITY = 90
WAVE_BARS, WAVE_BAR, WAVE_GAP, WAVE_HEIGHT = 240, 2, 2, 180  # of a waveform; pixels
WAVE_LIGHT = (236, 236, 240, 255)
SMALL_SIDE, SMALL_QUALITY = 640, 85  # of the poster of an upload; pixels

Frames = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]


def poster(source: Path | Frames, out: Path) -> Path:
    """Save the picture in the middle of a film (a path, or frames [T, H, W, 3]) as `out`: JPEG or WebP by its name."""
    (picture,) = pick(source, 1)
    return _save(Image.fromarray(picture), out)


def small_poster(source: Path | Image.Image, out: Path) -> Path:
    """Save a small copy of a picture, which the studio has written, as `out`: JPEG or WebP by its name."""
    picture = read_picture(source) if isinstance(source, Path) else source
    picture.thumbnail((SMALL_SIDE, SMALL_SIDE))
    picture.convert("RGB").save(out, quality=SMALL_QUALITY)
    return out


def read_picture(path: Path) -> Image.Image:
    """Read a picture that the studio has written."""
    picture: Image.Image = Image.open(path)
    picture.load()
    return picture


def strip(source: Path | Frames, out: Path, count: int = 10) -> Path:
    """Save `count` pictures spread evenly over a film, side by side in one image; short films repeat some."""
    pictures = [Image.fromarray(picture) for picture in pick(source, count)]
    width, height = pictures[0].size
    if height > STRIP_HEIGHT:
        width, height = round(width * STRIP_HEIGHT / height), STRIP_HEIGHT
    sheet = Image.new("RGB", (width * count, height))
    for i, picture in enumerate(pictures):
        sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (i * width, 0))
    return _save(sheet, out)


def wave(peaks: NDArray[np.float32], out: Path) -> Path:
    """Draw how loud a sound is from its beginning to its end, as light bars on nothing; the loudest fills the height.

    `peaks` [N] are the largest absolute samples of N equal parts of it. A bar is their root mean square: in a long
    sound nearly every bar has a part as loud as can be, and the largest would draw a block.
    """
    edges = np.linspace(0, len(peaks), WAVE_BARS + 1)
    parts = (peaks[int(a) : max(int(a) + 1, int(b))] for a, b in itertools.pairwise(edges))
    bars = [float(np.sqrt(np.mean(np.square(part)))) if len(part) else 0.0 for part in parts]
    loudest = max(max(bars), 1e-6)
    sheet = np.zeros((WAVE_HEIGHT, WAVE_BARS * (WAVE_BAR + WAVE_GAP), 4), np.uint8)
    for i, bar in enumerate(bars):
        half = max(1, round(bar / loudest * WAVE_HEIGHT / 2))
        left = i * (WAVE_BAR + WAVE_GAP) + WAVE_GAP // 2
        sheet[WAVE_HEIGHT // 2 - half : WAVE_HEIGHT // 2 + half, left : left + WAVE_BAR] = WAVE_LIGHT
    return _save(Image.fromarray(sheet), out)


def pick(source: Path | Frames, count: int) -> list[NDArray[np.uint8]]:
    """Return `count` pictures [H, W, 3] from the middles of equal parts of a film, never more than those in memory."""
    total = probe(source).frames if isinstance(source, Path) else len(source)
    wanted = [int((i + 0.5) * total / count) for i in range(count)]
    if not isinstance(source, Path):
        return [np.asarray(source[i]) for i in wanted]
    found: dict[int, NDArray[np.uint8]] = {}
    last = np.zeros((2, 2, 3), np.uint8)
    for i, frame in enumerate(read_frames(source)):
        last = frame
        if i in wanted:
            found[i] = frame
    return [found.get(i, last) for i in wanted]


def _save(picture: Image.Image, out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(out, quality=QUALITY)
    return out
