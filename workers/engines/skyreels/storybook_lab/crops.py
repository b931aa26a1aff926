"""What the autoencoder learns from: squares cut out of drawn clips, kept on disk so that drawing costs little time.

A shelf is a file of :data:`SHELF` squares, drawn from a seed that is its number. Training sees the newest ones; every
:data:`RENEW` steps one more is drawn and the oldest is deleted, so that a run is the same however often it stopped.
"""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import paint, world

FRAMES, SIDE, CROP = 5, 112, 96
SHELF, SHELVES, RENEW, FIRST = 256, 20, 64, 6
EACH = 4  # squares of one clip, of which three hold a figure


def any_spec(rng: random.Random, held_out: bool = False) -> world.Spec:
    """One figure, two, or a camera that moves."""
    draw = rng.choices((world.sample, world.sample_pair, world.sample_camera), (5, 2, 3))[0]
    return draw(rng, held_out)


def cut(n: int, rng: random.Random) -> paint.Bytes:
    """Squares with, as a fourth channel, where the figures are: ``[n, FRAMES, SIDE, SIDE, 4]``."""
    out = np.empty((n, FRAMES, SIDE, SIDE, 4), np.uint8)
    for i in range(n):
        if i % EACH == 0:
            size = rng.choice(list(world.SIZES.values()))
            clip, mask = paint.film(any_spec(rng), FRAMES, size, rng, rng.randrange(24))
            ys, xs = np.nonzero(mask[FRAMES // 2] > 128)
        middle = rng.randrange(size[0]), rng.randrange(size[1])
        if i % EACH and len(xs):
            at = rng.randrange(len(xs))
            middle = int(xs[at]) + rng.randint(-16, 16), int(ys[at]) + rng.randint(-16, 16)
        x, y = (min(max(m - SIDE // 2, 0), side - SIDE) for m, side in zip(middle, size, strict=True))
        out[i, ..., :3], out[i, ..., 3] = clip[:, y : y + SIDE, x : x + SIDE], mask[:, y : y + SIDE, x : x + SIDE]
    return out


def _draw(path: Path, seed: str) -> None:
    if not path.exists():
        partial = path.with_suffix(".partial.npy")
        np.save(partial, cut(SHELF, random.Random(seed)))
        partial.replace(path)


class Shelves:
    """The squares on disk.

    Args:
        folder: of the files; created when missing.
        seed: of the run.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.open: dict[int, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.seed}-{number:05}.npy"

    def _shelf(self, number: int) -> Any:
        if number not in self.open:
            _draw(self._path(number), f"{self.seed} {number}")
            self.open[number] = np.load(self._path(number), mmap_mode="r")
        return self.open[number]

    def draw(self, first: int, steps: int, processes: int) -> None:
        """Draw what the steps from ``first`` to ``steps`` need, on several cores."""
        numbers = range(max(0, first // RENEW + FIRST - SHELVES), FIRST + (steps - 1) // RENEW)
        paths, seeds = [self._path(number) for number in numbers], [f"{self.seed} {number}" for number in numbers]
        with ProcessPoolExecutor(processes) as pool:
            list(pool.map(_draw, paths, seeds))

    def batch(self, step: int, n: int) -> tuple[Tensor, Tensor]:
        """``n`` clips ``[n, 3, FRAMES, CROP, CROP]`` in -1..1 for a training step, and their figures' masks in 0..1.

        Half are mirrored, some have their colours exchanged: pictures that people bring are to survive too.
        """
        newest = FIRST - 1 + step // RENEW
        numbers = range(max(0, newest - SHELVES + 1), newest + 1)
        for old in [number for number in self.open if number not in numbers]:
            del self.open[old]
            self._path(old).unlink(missing_ok=True)
        rng, picked = random.Random(f"{self.seed} step {step}"), []
        for _ in range(n):
            square = self._shelf(rng.choice(numbers))[rng.randrange(SHELF)]
            x, y = rng.randint(0, SIDE - CROP), rng.randint(0, SIDE - CROP)
            part = np.array(square[:, y : y + CROP, x : x + CROP])
            if rng.random() < 0.5:
                part = part[:, :, ::-1]
            if rng.random() < 0.1:
                order = [0, 1, 2]
                rng.shuffle(order)
                part = part[..., [*order, 3]]
            picked.append(np.ascontiguousarray(part))
        found = torch.from_numpy(np.stack(picked)).permute(0, 4, 1, 2, 3).float()
        return found[:, :3] / 127.5 - 1, found[:, 3:] / 255
