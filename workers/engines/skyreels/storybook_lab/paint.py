"""Draws clips of the storybook world: scenes, shadows, figures, as the camera sees them."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from . import scenes
from .figures import SCALE, SHADOWS, held, sprite
from .world import CHILDREN, GOES, MIDDLE, WINDOW, Ints, Spec, path

Bytes = npt.NDArray[np.uint8]
PAN, ZOOM = 4, 1.4  # pixels a frame; magnification at the end of a window
CLOSE, CLOSER = 3.0, 3.4  # magnification of portraits of grown-ups and of children


def film(
    spec: Spec,
    frames: int,
    size: tuple[int, int],
    rng: random.Random,
    start: int = 0,
    paths: Sequence[Ints] | None = None,
) -> tuple[Bytes, Bytes]:
    """Draw a clip.

    Args:
        spec: what it shows.
        frames: length T.
        size: (width, height) in pixels.
        rng: chooses where the figures are.
        start: frames of the clip that are left out.
        paths: where the figures' feet are, ``[start + T, 2]`` each, instead of where their action takes them.

    Returns:
        The clip ``[T, height, width, 3]`` and where its figures are, ``[T, height, width]``, 0..255.
    """
    if spec.camera == "portrait":
        return _portrait(spec, frames, size, start)
    width, height = size
    at = (None,) if spec.second is None else (0.26 + rng.uniform(-0.02, 0.02), 0.74 + rng.uniform(-0.02, 0.02))
    paths = paths or [path(each, start + frames, size, rng, place) for each, place in zip(spec.cast, at, strict=True)]
    clip = np.empty((frames, height, width, 3), np.uint8)
    masks = np.empty((frames, height, width), np.uint8)
    for i, t in enumerate(range(start, start + frames)):
        shift = _pan(spec.camera, t)
        back, front, front_mask = view(spec.scene, spec.light, width, height, shift)
        frame, mask = back.copy(), Image.new("L", size)
        for each, track in zip(spec.cast, paths, strict=True):
            x, y = int(track[t, 0]) - shift, int(track[t, 1])
            if (dark := _shadow(each, y, height)) is not None:
                frame.paste(dark, (x - dark.width // 2, _ground(y, height) - dark.height // 2), dark)
            picture, ox, oy = sprite(
                each.figure, each.colour, each.look, each.action, held(t), each.light, mirrored(spec, each)
            )
            frame.paste(picture, (x - ox, y - oy), picture)
            mask.paste(255, (x - ox, y - oy), picture)
        if front is not None:
            frame.paste(front, (0, 0), front_mask)
            mask.paste(0, (0, 0), front_mask)
        if spec.camera == "zoom in":
            frame, mask = _near(frame, t), _near(mask, t)
        clip[i], masks[i] = np.asarray(frame), np.asarray(mask)
    return clip, masks


def mirrored(spec: Spec, each: Spec) -> bool:
    """Whether a figure looks to the left: it goes there, or it turns to the one on its left."""
    return each.action == "left" or (each is spec.second and each.action not in GOES)


@functools.lru_cache(maxsize=256)
def view(
    scene: str, light: str, width: int, height: int, shift: int = 0
) -> tuple[Image.Image, Image.Image | None, Image.Image | None]:
    """A scene seen by a camera that went ``shift`` pixels to the right: behind the figures; before them, and where."""
    back, front = Image.new("RGB", (width, height)), None
    for speed, layer in scenes.layers(scene, light, width, height):
        x = scenes.MARGIN + round(shift * speed)
        seen = layer.crop((x, 0, x + width, height))
        if speed <= 1:
            back.paste(seen, (0, 0), seen)
        else:
            front = seen
    return back, front, front.getchannel("A") if front else None


def near_box(size: tuple[int, int], t: int) -> tuple[float, float, float, float]:
    """What a camera that draws near sees of a frame: left, top, right, bottom."""
    zoom = 1 + (ZOOM - 1) * min(t / (WINDOW - 1), 1.5)
    w, h = size
    left, top = (w - w / zoom) / 2, (h - h / zoom) * 0.72
    return left, top, left + w / zoom, top + h / zoom


def _near(picture: Image.Image, t: int) -> Image.Image:
    return picture.resize(picture.size, Image.Resampling.BICUBIC, box=near_box(picture.size, t))


def _pan(camera: str, t: int) -> int:
    way = {"pan left": -PAN, "pan right": PAN}.get(camera, 0) * (t - MIDDLE)
    return max(1 - scenes.MARGIN, min(scenes.MARGIN - 1, way))


@functools.lru_cache(maxsize=64)
def empty(scene: str, light: str, camera: str, width: int, height: int, t: int) -> Image.Image:
    """Frame ``t`` of a clip that shows nobody."""
    if camera == "portrait":
        return _soft(scene, light, width, height)
    back, front, front_mask = view(scene, light, width, height, _pan(camera, t))
    frame = back.copy()
    if front is not None:
        frame.paste(front, (0, 0), front_mask)
    return _near(frame, t) if camera == "zoom in" else frame


def closeness(figure: str, size: tuple[int, int]) -> float:
    """Magnification of a portrait."""
    return (CLOSER if figure in CHILDREN else CLOSE) * (0.15 * size[0] + 0.85 * size[1]) / 256


def portrait_place(figure: str, size: tuple[int, int], ox: int, oy: int) -> tuple[int, int]:
    """Where the corner of a portrait lies whose origin is (``ox``, ``oy``) from it: the face near the middle."""
    crown = (86 if figure in CHILDREN else 107) * SCALE[figure] * closeness(figure, size)
    return round(0.46 * size[0]) - ox, round(0.12 * size[1] + crown) - oy


def _portrait(spec: Spec, frames: int, size: tuple[int, int], start: int) -> tuple[Bytes, Bytes]:
    """Head and shoulders before a scene that is out of focus."""
    width, height = size
    base = _soft(spec.scene, spec.light, width, height)
    clip = np.empty((frames, height, width, 3), np.uint8)
    masks = np.empty((frames, height, width), np.uint8)
    close = closeness(spec.figure, size)
    for i, t in enumerate(range(start, start + frames)):
        picture, ox, oy = sprite(
            spec.figure, spec.colour, spec.look, spec.action, held(t), spec.light, spec.action == "left", close
        )
        at = portrait_place(spec.figure, size, ox, oy)
        frame, mask = base.copy(), Image.new("L", size)
        frame.paste(picture, at, picture)
        mask.paste(255, at, picture)
        clip[i], masks[i] = np.asarray(frame), np.asarray(mask)
    return clip, masks


@functools.lru_cache(maxsize=80)
def _soft(scene: str, light: str, width: int, height: int) -> Image.Image:
    back = view(scene, light, width, height)[0]
    middle = (width / 6, height / 8, width * 5 / 6, height * 0.79)
    part = back.resize((width, height), Image.Resampling.BICUBIC, box=middle)
    return part.filter(ImageFilter.GaussianBlur(2.5))


def _ground(y: int, height: int) -> int:
    """Where the ground is under somebody whose feet are at ``y``."""
    return y if y >= height - 34 else height - 28


def _shadow(spec: Spec, y: int, height: int) -> Image.Image | None:
    if spec.figure in ("bird", "balloon", "boat") or spec.action == "up" or spec.scene == "sea":
        return None
    lift = max(0, _ground(y, height) - y)
    wide = SHADOWS.get(spec.figure, 26) * SCALE.get(spec.figure, 1.0) * (1 - 0.4 * lift / 30)
    return _ellipse(round(wide), 90 if spec.light == "night" else 70)


@functools.lru_cache(maxsize=200)
def _ellipse(r: int, alpha: int) -> Image.Image:
    mask = Image.new("L", (2 * r + 8, max(6, round(r * 0.42)) + 8))
    ImageDraw.Draw(mask).ellipse((4, 4, mask.width - 5, mask.height - 5), fill=alpha)
    out = Image.new("RGBA", mask.size, (40, 34, 66, 0))
    out.putalpha(mask.filter(ImageFilter.GaussianBlur(1.4)))
    return out


def sheet(specs: list[Spec], columns: int, size: tuple[int, int] = (256, 256), times: tuple[int, ...] = (10,)) -> Any:
    """A picture of many clips at some times, for the eye."""
    pictures = [film(spec, 1, size, random.Random(i), t)[0][0] for i, spec in enumerate(specs) for t in times]
    rows = -(-len(pictures) // columns)
    out = Image.new("RGB", (columns * (size[0] + 4), rows * (size[1] + 4)), (255, 255, 255))
    for i, picture in enumerate(pictures):
        place = (i % columns) * (size[0] + 4), (i // columns) * (size[1] + 4)
        out.paste(Image.fromarray(picture), place)
    return out
