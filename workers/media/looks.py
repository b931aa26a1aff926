"""Grading looks: what a filter makes of each frame, by arithmetic alone; the same frame gives the same pixels.

Colour is graded in gamma-coded sRGB, as film scanners and photo filters do. Weights of brightness are those of BT.709.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
# The matrix of the sepia filter in the CSS specification (https://www.w3.org/TR/filter-effects-1/#sepiaEquivalent).
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)
GRAIN, VINTAGE_GRAIN = 0.055, 0.03  # how much grain deviates, as a part of white
GRAINS = 16  # different plates of grain; more are not told apart
FALL = 0.35  # how much darker the corners of a vignette are


def graded(picture: Picture, name: str, amount: float = 1.0, *, place: int = 0, seed: int = 0) -> Picture:
    """Return an RGB frame [H, W, 3] with the look of this name, mixed with the frame as it is: 0 leaves it alone.

    `place` is the number of the frame in its film and `seed` that of the film's grain: grain moves from frame to frame,
    and is the same when a film is gone on with. Raises KeyError for a look that there is not.
    """
    look = LOOKS[name]
    if amount <= 0:
        return picture.copy()
    given: Floats = picture.astype(np.float32) / np.float32(255)
    made: Floats = given + np.float32(amount) * (look(given, place, seed) - given)
    shown: Picture = np.rint(made.clip(0, 1) * 255).astype(np.uint8)
    return shown


def _grey(given: Floats) -> Floats:
    grey: Floats = given @ LUMA
    return grey[..., None]


def _contrast(given: Floats, by: float, around: float = 0.5) -> Floats:
    return np.float32(around) + np.float32(by) * (given - np.float32(around))


def _saturated(given: Floats, by: float) -> Floats:
    grey = _grey(given)
    return grey + np.float32(by) * (given - grey)


def _tinted(given: Floats, red: float, green: float, blue: float) -> Floats:
    return given * np.array([red, green, blue], np.float32)


def _curve(given: Floats) -> Floats:
    """Return more contrast in the middle and none at black and white: smoothstep."""
    inside: Floats = given.clip(0, 1)
    return inside * inside * (np.float32(3) - np.float32(2) * inside)


def _lifted(given: Floats, black: float, white: float) -> Floats:
    """Return what was black at `black` and what was white at `white`."""
    return np.float32(black) + given * np.float32(white - black)


def _with_grain(given: Floats, place: int, seed: int, much: float) -> Floats:
    """Return the frame with grain, most in the middle greys, as in a negative."""
    plate = _plate(given.shape[0], given.shape[1], seed, place % GRAINS)
    grey = _grey(given.clip(0, 1))
    middle: Floats = np.float32(4) * grey * (np.float32(1) - grey)
    return given + np.float32(much) * plate * (np.float32(0.35) + np.float32(0.65) * middle)


@lru_cache(maxsize=GRAINS)
def _plate(height: int, width: int, seed: int, number: int) -> Floats:
    """Return a plate of grain [H, W, 1], about normal: grains are as large as two pixels of a film of 540 lines."""
    drawn = np.random.Generator(np.random.PCG64([seed, number])).standard_normal((height + 1, width + 1), np.float32)
    soft: Floats = np.float32(0.5) * (drawn[:-1, :-1] + drawn[1:, :-1] + drawn[:-1, 1:] + drawn[1:, 1:])
    return soft[..., None]


@lru_cache(maxsize=2)
def _vignette(height: int, width: int) -> Floats:
    """Return how much of the light there is at each pixel [H, W, 1]: all in the middle, less towards the corners."""
    down, right = (np.linspace(-1, 1, side, dtype=np.float32) ** 2 for side in (height, width))
    return (1 - FALL * ((down[:, None] + right) / 2) ** 1.5)[..., None].astype(np.float32)


def _noir(given: Floats, place: int, seed: int) -> Floats:
    grey = _curve(_contrast(_grey(given), 1.15, 0.45))
    return np.broadcast_to(grey, given.shape) * _vignette(*given.shape[:2])


def _monochrome(given: Floats, place: int, seed: int) -> Floats:
    return np.broadcast_to(_grey(given), given.shape)


def _sepia(given: Floats, place: int, seed: int) -> Floats:
    return given @ SEPIA.T


def _warm(given: Floats, place: int, seed: int) -> Floats:
    return _tinted(given, 1.08, 1.01, 0.86)


def _cool(given: Floats, place: int, seed: int) -> Floats:
    return _tinted(given, 0.88, 1.0, 1.1)


def _faded(given: Floats, place: int, seed: int) -> Floats:
    return _lifted(_saturated(given, 0.7), 0.11, 0.93)


def _contrasty(given: Floats, place: int, seed: int) -> Floats:
    return _saturated(_curve(given), 1.1)


def _vivid(given: Floats, place: int, seed: int) -> Floats:
    return _saturated(given, 1.45)


def _vintage(given: Floats, place: int, seed: int) -> Floats:
    faded = _lifted(_tinted(_saturated(given, 0.75), 1.06, 1.0, 0.82), 0.07, 0.95)
    return _with_grain(faded * _vignette(*given.shape[:2]), place, seed, VINTAGE_GRAIN)


def _grain(given: Floats, place: int, seed: int) -> Floats:
    return _with_grain(given, place, seed, GRAIN)


# By name: a frame in 0..1 [H, W, 3], its place in the film and the seed of its grain make the frame as it will look.
LOOKS: dict[str, Callable[[Floats, int, int], Floats]] = {
    "noir": _noir,
    "monochrome": _monochrome,
    "sepia": _sepia,
    "warm": _warm,
    "cool": _cool,
    "faded": _faded,
    "contrast": _contrasty,
    "vivid": _vivid,
    "vintage": _vintage,
    "grain": _grain,
}
