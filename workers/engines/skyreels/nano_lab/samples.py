"""What the transformer learns from: drawn and encoded clips and single frames, and the noise that is put on them."""

from __future__ import annotations

import functools
import math
import random
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import captions, paint, vae, world

LATENTS = 6
CLIP_FRAMES = 25
LATEST = 150
SQUARE = 5
# What is learned last is drawn more often, by these factors; a rotating star by both.
HARD = {"star": 2.0, "heart": 1.4, "ring": 1.2, "rotate": 3.0, "orbit": 1.4}
RICH = 0.55  # part of the draws with two objects or a moving camera
OPEN = 0.2  # part of the other draws with a sentence that does not tell all, before the hard ones are preferred


@dataclass(slots=True)
class Shelf:
    """Encoded clips of one picture size.

    ``z`` is ``[N, F, C, h, w]``, ``near`` the cells with an object ``[N, F, h, w]``, ``end`` the last frames of windows
    that begin with the first and the second latent, encoded as pictures ``[N, 2, C, h, w]``, which single frames do not
    have.
    """

    z: Tensor
    near: Tensor
    end: Tensor | None = None
    specs: list[world.Spec] = field(default_factory=list)
    said: list[captions.Said] = field(default_factory=list)
    free: list[bool] = field(default_factory=list)
    added: int = 0

    def put(
        self, z: Tensor, near: Tensor, end: Tensor | None, spec: world.Spec, said: captions.Said, free: bool
    ) -> None:
        """Store one clip, over the oldest when the shelf is full."""
        i = self.added % len(self.z)
        self.z[i], self.near[i] = z, near
        if self.end is not None and end is not None:
            self.end[i] = end
        self.specs[i : i + 1], self.said[i : i + 1], self.free[i : i + 1] = [spec], [said], [free]
        self.added += 1


class Pool:
    """Drawn and encoded clips and single frames kept in memory; new ones replace the oldest when a shelf is full."""

    def __init__(self, autoencoder: Any, rng: random.Random, clips: int, stills: int) -> None:
        self.vae, self.rng = autoencoder, rng
        self.clips = {size: self._shelf(size, int(clips * share), LATENTS + 1) for size, share in SHARES.items()}
        self.stills = {size: self._shelf(size, int(stills * share), 1) for size, share in SHARES.items()}
        self.journeys = {size: self._shelf(size, int(clips * share / 4), LATENTS + 1) for size, share in SHARES.items()}

    @staticmethod
    def _shelf(size: tuple[int, int], n: int, frames: int) -> Shelf:
        h, w = size[1] // 8, size[0] // 8
        z = torch.zeros(n, frames, vae.CHANNELS, h, w, dtype=torch.float16)
        near = torch.zeros(n, frames, h, w, dtype=torch.bool)
        return Shelf(z, near, torch.zeros_like(z[:, :2]) if frames > 1 else None)

    @property
    def count(self) -> int:
        """Clips ever added."""
        return sum(shelf.added for shelf in self.clips.values())

    @property
    def still_count(self) -> int:
        """Single frames ever added."""
        return sum(shelf.added for shelf in self.stills.values())

    def _size(self) -> tuple[int, int]:
        return self.rng.choices(list(SHARES), list(SHARES.values()))[0]

    @torch.no_grad()
    def add(self) -> None:
        """Draw and encode one clip: from the beginning of its motion, or from a later time or another place; some with
        two objects or a moving camera.
        """
        size, (spec, said) = self._size(), sample(self.rng)
        if self.rng.random() < RICH:
            spec = captions.sample_rich(self.rng)
            clip, mask = paint.film(spec, CLIP_FRAMES, size, self.rng)
            # When the camera moves every cell counts as much as an object: else the scene would stay where it is.
            mask = mask if spec.camera == "fixed" else torch.ones_like(mask)
            self._encode(self.clips[size], clip, mask, spec, captions.ALL, False)
            return
        late = self.rng.randrange(LATEST) if self.rng.random() < 0.25 else 0
        free = self.rng.random() < 0.3
        path = world.trajectory(spec, late + CLIP_FRAMES, size, self.rng, free)[late:]
        self._encode(self.clips[size], *paint.draw([spec], [path], size), spec, said, free or late > 0)

    @torch.no_grad()
    def add_journey(self) -> None:
        """Draw and encode one clip of which the first and the last frame tell more than any sentence: an object on its
        way between two places, or one clip that fades into another.
        """
        size, (spec, said) = self._size(), sample(self.rng)
        clip, mask = paint.draw([spec], [world.journey(spec, CLIP_FRAMES, size, self.rng)], size)
        if self.rng.random() < 0.3:
            other, _ = sample(self.rng)
            path = world.journey(other, CLIP_FRAMES, size, self.rng)
            second, also = paint.draw([other], [path], size)
            part = (torch.arange(CLIP_FRAMES) / (world.JOURNEY - 1)).clamp(max=1).view(1, 1, -1, 1, 1)
            clip, mask = torch.lerp(clip, second, part), torch.maximum(mask, also)
        # What is said of the motion is not what is seen: the pictures are to be obeyed.
        self._encode(self.journeys[size], clip, mask, spec, said, True)

    def _encode(
        self, shelf: Shelf, clip: Tensor, mask: Tensor, spec: world.Spec, said: captions.Said, free: bool
    ) -> None:
        mean = vae.encode(self.vae, clip)[:, : vae.CHANNELS]
        ends = clip[0, :, 4 * (LATENTS - 1) :: 4].transpose(0, 1)[:, :, None]
        end = vae.encode(self.vae, ends)[:, : vae.CHANNELS, 0]
        cells = F.max_pool2d(mask[0, 0], 8)
        near = torch.cat([cells[:1], cells[1:].view(-1, 4, *cells.shape[1:]).amax(1)]) > 0
        shelf.put(mean[0].transpose(0, 1), near, end, spec, said, free)

    @torch.no_grad()
    def add_still(self) -> None:
        """Draw and encode one frame of the first seconds of a clip, some with two objects."""
        size, (spec, said) = self._size(), sample(self.rng)
        if self.rng.random() < 0.7 * RICH:  # as many as have two objects among clips, and a few more
            spec, said = world.sample_pair(self.rng), captions.ALL
            paths = [p[-1:] for p in world.pair(spec, self.rng.randint(1, CLIP_FRAMES), size, self.rng)]
            clip, mask = paint.compose(spec, paths, world.view("fixed", 1, size[0]), size)
        else:
            path = world.trajectory(spec, self.rng.randint(1, CLIP_FRAMES), size, self.rng)[-1:]
            clip, mask = paint.draw([spec], [path], size)
        mean = vae.encode(self.vae, clip)[:, : vae.CHANNELS]
        self.stills[size].put(mean[0].transpose(0, 1), F.max_pool2d(mask[0, 0], 8) > 0, None, spec, said, False)


def sample(rng: random.Random) -> tuple[world.Spec, captions.Said]:
    """A spec of the training part and what is said of it.

    Every legal pair of shape and motion comes equally often, however many of its colours are held out, but for those
    that are :data:`HARD` to learn.
    """
    most = max(_weight(shape, motion) for shape in world.SHAPES for motion in world.MOTIONS)
    while True:
        spec, said = captions.sample(rng, OPEN)
        if rng.random() * most < _weight(spec.shape, spec.motion):
            return spec, said


@functools.cache
def _weight(shape: str, motion: str) -> float:
    specs = [world.Spec(colour, shape, motion, "black") for colour in world.COLOURS]
    shown = sum(spec.legal and not spec.held_out for spec in specs)
    return HARD.get(shape, 1.0) * HARD.get(motion, 1.0) * len(specs) / shown if shown else 0.0


SHARES: dict[tuple[int, int], float] = {(128, 128): 0.6, (160, 96): 0.2, (96, 160): 0.2}


def shifted(u: float, shift: float) -> float:
    """Noise level of the schedule position ``u`` (0 clean, 1 noise) under a flow shift."""
    return shift * u / (1 + (shift - 1) * u)


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise levels of a sample's latent frames; ``clean`` of them at the beginning are given and carry no loss."""

    sigma: list[float]
    clean: int


def draw_noise(mode: str, frames: int, block: int, rng: random.Random) -> Noise:
    """Noise levels for one sample.

    Args:
        mode: ``sync``, ``history``, ``both_ends``, ``stairs`` or ``independent``.
        frames: latent frames.
        block: frames of one causal block, which share a level.
        rng: source of chance.
    """
    shift = rng.choice((2.0, 3.0, 3.0, 5.0))
    sigma = [shifted(rng.random(), shift)] * frames
    clean = 0
    if mode in ("history", "both_ends") or (mode == "stairs" and rng.random() < 0.35):
        # One window after another begins with three latents; the last one of a film may begin with more.
        clean = rng.choices((1, 2, 3, 4, 5), (6, 2, 6, 1, 1))[0] if block == 1 else block
        clean = max(1, min(clean, frames - 1 - (mode == "both_ends")))
        sigma[:clean] = [rng.uniform(0, 0.05) if rng.random() < 0.4 else 0.0] * clean
    if mode == "both_ends":
        sigma[-1] = 0.0
    elif mode == "stairs":
        blocks = math.ceil((frames - clean) / block)
        # What the first latents come to decides about the others, so that half of the time they are at work.
        first = rng.random() < 0.5
        rise = rng.uniform(0.15, 0.4) if first else rng.uniform(0.05, 0.6)
        low = rng.random() if first else rng.uniform(-rise * (blocks - 1), 1)
        steps = [low + (i // block) * rise for i in range(frames - clean)]
        sigma[clean:] = [shifted(min(max(step, 0.0), 1.0), shift) for step in steps]
    elif mode == "independent":
        sigma = [shifted(rng.random(), shift) for _ in range(frames)]
    return Noise(sigma, clean)


def square(near: Tensor, rng: random.Random, side: int = SQUARE, patch: int = 2) -> Tensor:
    """Tokens of a square that holds the object, or as much of it as fits, at a place drawn by lot.

    Args:
        near: cells with an object, ``[h, w]`` booleans.
        rng: source of chance.
        side: tokens.
        patch: cells of a token, in each direction.

    Returns:
        ``[side * side]`` indices of tokens.
    """
    tokens = F.max_pool2d(near[None].float(), patch)[0]
    corner = []
    for length, seen in zip(tokens.shape, (tokens.amax(1), tokens.amax(0)), strict=True):
        at = seen.nonzero()
        first, last = (int(at[0]), int(at[-1])) if len(at) else (0, length - 1)
        low, high = sorted((last - side + 1, first))
        corner.append(min(max(rng.randint(low, high), 0), length - side))
    rows = torch.arange(corner[0], corner[0] + side)
    columns = torch.arange(corner[1], corner[1] + side)
    return (rows[:, None] * tokens.shape[1] + columns).flatten()
