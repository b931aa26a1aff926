"""What an upscale makes of which size, and in how many tiles. Imports no torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from workers.base import EngineError

LONG, SHORT = 3840, 2160  # 4K, lying or standing
FACTORS = (2, 4)
HEIGHTS = (1080, 2160)
SMALLEST_TILE = 32  # pixels; below this nearly everything is border
GB = 1e9


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels: columns `left` to `right` and rows `top` to `bottom`, without the last."""

    left: int
    top: int
    right: int
    bottom: int

    def grown(self, border: int, width: int, height: int) -> Box:
        """Return the box with a border around it, as far as a picture of `width` x `height` has one."""
        return Box(
            max(0, self.left - border),
            max(0, self.top - border),
            min(width, self.right + border),
            min(height, self.bottom + border),
        )


def target(width: int, height: int, *, factor: int | None = None, to_height: int | None = None) -> tuple[int, int]:
    """Return the even (width, height) of what is made from a picture of this size.

    By `factor`, or so that the shorter side has `to_height` pixels: "1080" of a film that stands is its width.
    Raises EngineError("upscale_refused") with the largest choice that works, EngineError("upscale_refused") for a
    height that the picture has already, and EngineError("upscale_refused") for what is not offered.
    """
    if (factor is None) == (to_height is None):
        raise EngineError("upscale_refused", "Choose either a factor or a height.")
    if factor is not None and factor not in FACTORS:
        raise EngineError("upscale_refused", f"A factor is {_either(FACTORS)}.")
    if to_height is not None and to_height not in HEIGHTS:
        raise EngineError("upscale_refused", f"A height is {_either(HEIGHTS)}.")
    if to_height is not None and min(width, height) >= to_height:
        raise EngineError("upscale_refused", f"{width} x {height} has {to_height} lines already.")
    size = _by_factor(width, height, factor) if factor else _by_height(width, height, to_height or 0)
    if not _fits(size):
        raise _too_large(width, height, size)
    return size


def tile_of(
    width: int, height: int, gigabytes: float, *, bytes_per_pixel: float, border: int, longest: int = 0
) -> tuple[int, int]:
    """Return (width, height) of the largest equal tiles of a picture that fit into `gigabytes` with their borders.

    `bytes_per_pixel` is what the network needs for one pixel of its input; no side is longer than `longest`, if given.
    Raises EngineError("memory_short") when not even small tiles fit.
    """
    most = gigabytes * GB / bytes_per_pixel
    longest = longest or max(width, height)
    for count in itertools.count(1):
        # The longer side is cut first, so that tiles stay near squares: those have the least border.
        columns, rows = _grid(width, height, count)
        tile = math.ceil(width / columns), math.ceil(height / rows)
        sides = min(width, tile[0] + 2 * border), min(height, tile[1] + 2 * border)
        if sides[0] * sides[1] <= most and max(tile) <= longest:
            return tile
        if max(tile) <= SMALLEST_TILE:
            break
    raise EngineError("memory_short", f"{gigabytes:.2g} GB of memory are too little to enlarge a picture.")


def tiles(width: int, height: int, tile: tuple[int, int]) -> Iterator[Box]:
    """Yield the boxes that cover a picture row by row, each of the size `tile` but for the last ones."""
    for top in range(0, height, tile[1]):
        for left in range(0, width, tile[0]):
            yield Box(left, top, min(width, left + tile[0]), min(height, top + tile[1]))


def _grid(width: int, height: int, count: int) -> tuple[int, int]:
    """Return the columns and rows after `count` - 1 cuts, each of the longer side of the tiles."""
    columns = rows = 1
    for _ in range(count - 1):
        if width / columns >= height / rows:
            columns += 1
        else:
            rows += 1
    return columns, rows


def _by_factor(width: int, height: int, factor: int) -> tuple[int, int]:
    return width * factor, height * factor


def _by_height(width: int, height: int, lines: int) -> tuple[int, int]:
    scale = lines / min(width, height)
    return _even(width * scale), _even(height * scale)


def _even(side: float) -> int:
    return 2 * round(side / 2)


def _fits(size: tuple[int, int]) -> bool:
    return max(size) <= LONG and min(size) <= SHORT


def _too_large(width: int, height: int, size: tuple[int, int]) -> EngineError:
    factors = [factor for factor in FACTORS if _fits(_by_factor(width, height, factor))]
    heights = [lines for lines in HEIGHTS if min(width, height) < lines and _fits(_by_height(width, height, lines))]
    refused = f"{size[0]} x {size[1]} would be more than 4K ({LONG} x {SHORT})"
    if factors:
        works = f"the largest factor that works for {width} x {height} is {factors[-1]}"
    elif heights:
        works = f"no factor works for {width} x {height}, but a height of {heights[-1]} does"
    else:
        works = f"{width} x {height} cannot be made larger here"
    return EngineError("upscale_refused", f"{refused}: {works}.")


def _either(choices: tuple[int, ...]) -> str:
    return " or ".join(str(choice) for choice in choices)
