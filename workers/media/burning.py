"""Captions drawn into the pictures of a film that the studio has made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workers.media.captions import WIDE, Cue
from workers.media.film import join, write
from workers.media.probe import probe, read_comment, read_frames

FONTS = Path(__file__).with_name("fonts")
FACE, WIDE_FACE = "inter.woff2", "noto-sans-sc.woff2"  # letters of Europe; Chinese
SIZE, LEAST = 0.055, 11  # of the shorter side of the picture; pixels
MARGIN, WIDTH = 0.05, 0.9  # of the height, below the text; of the width, which the text may take
LEADING, STROKE = 1.25, 0.1  # of the size of the letters


def burn(film: Path, cues: Sequence[Cue], by_way_of: Path) -> None:
    """Draw captions into the pictures of an MP4 of the studio, which keeps its comment and loses its sound.

    The pictures are encoded once more, into `by_way_of`, and the file is replaced as a whole.
    """
    info, comment = probe(film), read_comment(film)
    rate = Fraction(info.fps).limit_denominator(100_000)
    layers = {cue: layer(cue.text, info.width, info.height) for cue in cues}

    def drawn() -> Iterator[NDArray[np.uint8]]:
        for count, frame in enumerate(read_frames(film)):
            now = float(count / rate)
            cue = next((cue for cue in cues if cue.start <= now < cue.end), None)
            yield blended(frame, *layers[cue]) if cue else frame

    write(by_way_of, drawn(), info.width, info.height, rate)
    join([by_way_of], film, rate, comment)
    by_way_of.unlink()


def layer(text: str, width: int, height: int) -> tuple[NDArray[np.uint8], int]:
    """Draw a caption for a picture of these sides; returns it as RGBA [h, width, 4], and the row where it begins."""
    size = max(LEAST, round(min(width, height) * SIZE))
    face = _face(WIDE_FACE if WIDE.search(text) else FACE, size)
    lines = [piece for line in text.split("\n") for piece in _wrapped(line, face, width * WIDTH)]
    leading, stroke = round(size * LEADING), max(1, round(size * STROKE))
    sheet = Image.new("RGBA", (width, min(height, leading * len(lines) + 2 * stroke)))
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        place = (width / 2, number * leading + stroke)
        pen.text(place, line, "white", face, anchor="ma", stroke_width=stroke, stroke_fill="black")
    top = max(0, height - sheet.height - round(height * MARGIN))
    return np.asarray(sheet), top


def blended(frame: NDArray[np.uint8], drawn: NDArray[np.uint8], top: int) -> NDArray[np.uint8]:
    """Return a picture [H, W, 3] with a layer over it."""
    found = frame.copy()
    below = found[top : top + len(drawn)]
    share = drawn[..., 3:].astype(np.uint16)
    below[:] = (drawn[..., :3] * share + below * (255 - share) + 127) // 255
    return found


@cache
def _face(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / name, size)


def _wrapped(line: str, face: ImageFont.FreeTypeFont, most: float) -> list[str]:
    """Return a line in pieces that are narrow enough: between words, or between signs that are words themselves."""
    apart, glue = (list(line), "") if WIDE.search(line) else (line.split(), " ")
    found: list[str] = []
    for word in apart:
        longer = f"{found[-1]}{glue}{word}" if found else word
        if found and face.getlength(longer) <= most:
            found[-1] = longer
        else:
            found.append(word)
    return found
