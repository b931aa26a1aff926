"""Captions drawn into the pictures of a film that the studio has made."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workers.media.captions import WIDE, Cue, drawn
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

    def pictures() -> Iterator[NDArray[np.uint8]]:
        shown, over = None, None  # one layer at a time: those of a long text are hundreds of megabytes
        for count, frame in enumerate(read_frames(film)):
            now = float(count / rate)
            cue = next((cue for cue in cues if cue.start <= now < cue.end), None)
            if cue is not None and (over is None or cue is not shown):
                shown, over = cue, layer(cue.text, info.width, info.height)
            yield blended(frame, *over) if cue is not None and over is not None else frame

    write(by_way_of, pictures(), info.width, info.height, rate)
    join([by_way_of], film, rate, comment)
    by_way_of.unlink()


def layer(text: str, width: int, height: int) -> tuple[NDArray[np.uint8], int]:
    """Draw a caption for a picture of these sides; returns it as RGBA [h, width, 4], and the row where it begins."""
    size = max(LEAST, round(min(width, height) * SIZE))
    wide = bool(WIDE.search(text))

    def long(line: str) -> float:
        return sum(_face(name, size).getlength(run) for name, run in _runs(line, wide))

    lines = [piece for line in text.split("\n") for piece in _wrapped(line, long, width * WIDTH)]
    leading, stroke = round(size * LEADING), max(1, round(size * STROKE))
    sheet = Image.new("RGBA", (width, min(height, leading * len(lines) + 2 * stroke)))
    pen = ImageDraw.Draw(sheet)
    above = _face(WIDE_FACE if wide else FACE, size).getmetrics()[0]
    for number, line in enumerate(lines):
        at = (width - long(line)) / 2
        for name, run in _runs(line, wide):
            place, face = (at, number * leading + stroke + above), _face(name, size)
            pen.text(place, run, "white", face, anchor="ls", stroke_width=stroke, stroke_fill="black")
            at += face.getlength(run)
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


def _runs(line: str, wide: bool) -> list[tuple[str, str]]:
    """Return a line in parts, each with the font that has its signs; among Chinese, the Chinese one comes first."""
    europe, chinese = drawn()
    fonts = [(FACE, europe), (WIDE_FACE, chinese)][:: -1 if wide else 1]
    names = [next((name for name, signs in fonts if sign in signs), fonts[0][0]) for sign in line]
    return [
        (name, "".join(sign for sign, _ in run))
        for name, run in itertools.groupby(zip(line, names, strict=True), key=lambda each: each[1])
    ]


def _wrapped(line: str, long: Callable[[str], float], most: float) -> list[str]:
    """Return a line in pieces that are narrow enough: between words, or between signs that are words themselves.

    A word that is wider than the picture is cut.
    """
    apart, glue = (list(line), "") if WIDE.search(line) else (line.split(), " ")
    found: list[str] = []
    for word in apart:
        longer = f"{found[-1]}{glue}{word}" if found else word
        if found and long(longer) <= most:
            found[-1] = longer
            continue
        while len(word) > 1 and long(word) > most:
            cut = next((at for at in range(len(word) - 1, 1, -1) if long(word[:at]) <= most), 1)
            found.append(word[:cut])
            word = word[cut:]
        found.append(word)
    return found
