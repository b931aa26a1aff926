"""The world the storybook model knows: figures with a colour and an action before a scene, by an hour's light.

What is shown and where it is at any time; ``paint.py`` draws it. Lengths are pixels of a 256 x 256 picture, times are
frames at :data:`FPS` frames a second, colours are sRGB.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workers.prompts import storybook_words as words

Ints = npt.NDArray[np.int64]
RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (222, 68, 62),
    "blue": (54, 104, 208),
    "green": (66, 158, 92),
    "yellow": (248, 202, 64),
    "orange": (242, 138, 52),
    "purple": (142, 88, 190),
    "white": (250, 246, 238),
    "pink": (244, 140, 170),
    "brown": (150, 98, 66),
    "black": (70, 64, 78),
    "grey": (158, 158, 168),
}
FIGURES, PEOPLE, CHILDREN, PETS, SHAPES = words.FIGURES, words.PEOPLE, words.CHILDREN, words.PETS, words.SHAPES
BRIGHT, FUR, colours = words.BRIGHT, words.FUR, words.colours
ACTIONS, GOES, PLACES = words.ACTIONS, words.GOES, words.PLACES
LOOKS, SCENES, LIGHTS, CAMERAS = words.LOOKS, words.SCENES, words.LIGHTS, words.CAMERAS
OFTEN: dict[str, int] = {**dict.fromkeys(PEOPLE, 6), **dict.fromkeys(PETS, 5), **dict.fromkeys(SHAPES, 1)}
SIZES: dict[str, tuple[int, int]] = {"1:1": (256, 256), "16:9": (320, 192), "9:16": (192, 320)}
FPS = 8
WINDOW = 21
MIDDLE = 8  # the frame at which a figure that goes is where it would stand
GRID = 16  # half a token of the transformer
CYCLE = 12  # frames of a step, a wave of the hand or a jump
SPEED = {"car": 8, "bird": 8}  # pixels a frame; others go at 4, which is two cells of a latent for each latent frame
LEAP = 30  # height of a jump
EXAMPLES: tuple[str, ...] = (
    "a girl in a yellow dress walks to the right at the beach at sunset",
    "a man in a blue jacket waves on a street of shops",
    "an orange cat sits in the living room",
    "a red sailboat glides over the sea at night",
    "a boy in a green shirt jumps on a meadow on a sunny day",
    "a white dog trots through the forest",
)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a clip shows, in the words of :data:`FIGURES`, :data:`COLOURS`, :data:`ACTIONS` and so on.

    ``look`` only matters for people. ``second`` stands to the right of the first figure, in the same scene.
    """

    figure: str
    colour: str
    action: str
    scene: str
    light: str = "day"
    camera: str = "still"
    look: str = "dark"
    second: Spec | None = None

    @property
    def steady(self) -> bool:
        """Whether the camera does not move."""
        return self.camera in ("still", "portrait")

    @property
    def plain(self) -> bool:
        """Whether there is one figure before a camera that does not move."""
        return self.second is None and self.camera == "still"

    @property
    def held_out(self) -> bool:
        """Whether this triple of figure, colour and action is kept away from training (about one in eight)."""
        key = f"{self.figure}|{self.colour}|{self.action}".encode()
        return int(hashlib.md5(key, usedforsecurity=False).hexdigest(), 16) % 8 == 0

    @property
    def cast(self) -> tuple[Spec, ...]:
        """The figures, from left to right."""
        return (self, self.second) if self.second else (self,)


def sample(rng: random.Random, held_out: bool = False, figures: tuple[str, ...] = FIGURES) -> Spec:
    """Draw a spec of one figure before a camera that does not move, of the training part or of the held-out part."""
    weights = [OFTEN.get(figure, 3) for figure in figures]
    while True:
        (figure,) = rng.choices(figures, weights)
        spec = Spec(
            figure,
            rng.choice(colours(figure)),
            rng.choice(ACTIONS[figure]),
            rng.choice(PLACES[figure]),
            rng.choice(LIGHTS),
            look=rng.choice(LOOKS),
        )
        if spec.held_out == held_out:
            return spec


def sample_pair(rng: random.Random, held_out: bool = False) -> Spec:
    """Draw two people or pets that differ in figure or colour; they go the same way, or neither goes."""
    first = sample(rng, held_out, (*PEOPLE, *PETS))
    while True:
        second = replace(sample(rng, figures=(*PEOPLE, *PETS)), scene=first.scene, light=first.light)
        way = {spec.action if spec.action in GOES else "" for spec in (first, second)}
        if (first.figure, first.colour) != (second.figure, second.colour) and len(way) == 1:
            return replace(first, second=second)


def sample_camera(rng: random.Random, held_out: bool = False) -> Spec:
    """Draw a spec with a camera that moves past a figure that stays where it is, or that shows head and shoulders."""
    camera = rng.choice(CAMERAS[1:])
    while True:
        spec = sample(rng, held_out, PEOPLE if camera == "portrait" else FIGURES)
        if spec.action in (("stand", "wave") if camera == "portrait" else ("stand", "wave", "sit", "jump")):
            return replace(spec, camera=camera)


def floor(height: int) -> int:
    """Where feet stand in a picture of this height: at the lower edge of a token in all of :data:`SIZES`."""
    return 8 * round((height - 28) / 8)


def _on_grid(length: float) -> int:
    return GRID * round(length / GRID)


def path(spec: Spec, frames: int, size: tuple[int, int], rng: random.Random, centre: float | None = None) -> Ints:
    """Where the figure's feet are, x and y of every frame, ``[T, 2]``.

    The beginning lies on a grid of half a token, so that a figure comes in few places of the transformer's tokens; what
    leaves the picture comes back on the other side.

    Args:
        spec: only figure and action matter.
        frames: length T.
        size: (width, height) of the picture.
        rng: chooses where.
        centre: where in the width the figure is near the middle of a window, 0..1; drawn by lot without it.
    """
    w, h = size
    t = np.arange(frames)
    x = np.full(frames, _on_grid(w * (centre or rng.uniform(0.38, 0.62))))
    y = np.full(frames, floor(h))
    if spec.figure in ("bird", "balloon", "boat"):
        high = {"bird": rng.uniform(0.30, 0.44), "balloon": rng.uniform(0.55, 0.68), "boat": 1 - 34 / h}[spec.figure]
        y[:] = _on_grid(h * high)
        y += np.round(2 * np.sin(2 * math.pi * t / 16)).astype(int)
    step, reach = SPEED.get(spec.figure, 4), 96
    if spec.action in ("left", "right"):
        x += (step if spec.action == "right" else -step) * (t - MIDDLE)
        x = (x + reach) % (w + 2 * reach) - reach
    elif spec.action == "up":
        y = _on_grid(h - 8) - 4 * t
        y = (y + 16) % (h + 160) - 16
    elif spec.action == "jump":
        y = y - np.round(LEAP * np.clip(np.sin(2 * math.pi * t / CYCLE), 0, None)).astype(int)
    return np.stack([x, y], 1)
