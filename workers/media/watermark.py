"""The studio's name in the lower right corner of films and pictures: small, white, with a soft shadow."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

# How much of each pixel the name covers, drawn large in Inter (SIL Open Font License).
NAME = Path(__file__).with_name("watermark.png")
SHARE = 0.03  # of the shorter side: the height of the name
MIN_HEIGHT = 9  # pixels; below that it cannot be read
MARGIN = 0.75  # of its height: how far it stands from both edges
LIGHT, SHADE = 0.68, 0.8  # how much of a pixel the letters and their shadow take


class Watermark:
    """The name as it stands on pictures of one size."""

    def __init__(self, width: int, height: int) -> None:
        """Prepare for pictures of `width` x `height` pixels; on those that are too small for it, nothing is seen."""
        letters = _letters(_height(width, height))
        margin = round(MARGIN * _height(width, height))
        tall, wide = letters.shape
        # The shadow reaches beyond the letters, but not beyond the picture.
        edge = min(margin, max(2, tall // 5))
        cover = np.zeros((tall + 2 * edge, wide + 2 * edge), np.float32)
        cover[edge : edge + tall, edge : edge + wide] = letters
        blurred = Image.fromarray((cover * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(max(1.3, tall / 8)))
        top, left = height - margin - tall - edge, width - margin - wide - edge
        self.rows, self.columns = slice(top, top + cover.shape[0]), slice(left, left + cover.shape[1])
        self.fits = top >= 0 and left >= 0
        light, shade = LIGHT * cover, SHADE * np.asarray(blurred, np.float32) / 255
        self.keeps = ((1 - shade) * (1 - light))[..., None]
        self.adds = (255 * light)[..., None]

    def on(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a copy of an RGB picture [H, W, 3] with the name on it."""
        marked: NDArray[np.uint8] = picture.copy()
        if self.fits:
            under = marked[self.rows, self.columns]
            marked[self.rows, self.columns] = np.rint(under * self.keeps + self.adds).astype(np.uint8)
        return marked


def mark_picture(source: Path, out: Path, **saved: Any) -> Path:
    """Save a picture that the studio has written with the name on it: PNG, JPEG or WebP by the name of `out`.

    `saved` are options of Pillow, such as the quality.
    """
    with Image.open(source) as file:
        file.load()
        clear = file.getchannel("A") if "A" in file.getbands() else None
        picture = np.asarray(file.convert("RGB"))
    marked = Image.fromarray(Watermark(picture.shape[1], picture.shape[0]).on(picture))
    if clear is not None:
        marked.putalpha(clear)
    marked.save(out, **saved)
    return out


def _height(width: int, height: int) -> int:
    return max(MIN_HEIGHT, round(SHARE * min(width, height)))


@lru_cache
def _letters(height: int) -> NDArray[np.float32]:
    """Return how much of each pixel the name covers, 0 to 1, at this height in pixels."""
    with Image.open(NAME) as drawn:
        small = drawn.convert("L").resize(
            (round(drawn.width * height / drawn.height), height), Image.Resampling.LANCZOS
        )
    return np.asarray(small, np.float32) / np.float32(255)
