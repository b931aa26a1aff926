"""What the transformer learns from: drawn clips and single frames, encoded, and kept on disk between runs."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..nano_lab import train
from ..nano_lab.samples import CLIP_FRAMES, LATENTS, Shelf
from . import captions, paint, text, transformer, vae, world

SHARES: dict[tuple[int, int], float] = {(256, 256): 0.6, (320, 192): 0.2, (192, 320): 0.2}
LATEST = 120
CLIPS, STILLS = 5000, 12000
WORDS = 44


class Kept(Shelf):
    """A shelf whose tensors are files, and whose specs are lines of one.

    Args:
        folder: created when missing.
        size: (width, height) of the pictures.
        n: clips.
        frames: latents of a clip.
    """

    def __init__(self, folder: Path, size: tuple[int, int], n: int, frames: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        h, w = size[1] // 8, size[0] // 8
        self.lines = folder / "specs.jsonl"

        def tensor(name: str, kind: str, *shape: int) -> Tensor:
            path = folder / f"{name}.npy"
            if not path.exists():
                np.lib.format.open_memmap(path, "w+", kind, shape).flush()
            return torch.from_numpy(np.load(path, mmap_mode="r+"))

        z, near = tensor("z", "<f2", n, frames, vae.CHANNELS, h, w), tensor("near", "|b1", n, frames, h, w)
        end = tensor("end", "<f2", n, 2, vae.CHANNELS, h, w) if frames > 1 else None
        super().__init__(z, near, end)
        for line in self.lines.read_text().splitlines() if self.lines.exists() else ():
            spec, said, free = json.loads(line)
            self._note(_spec(spec), frozenset(said), free)

    def _note(self, spec: Any, said: Any, free: bool) -> None:
        i = self.added % len(self.z)
        self.specs[i : i + 1], self.said[i : i + 1], self.free[i : i + 1] = [spec], [said], [free]
        self.added += 1

    def put(self, z: Tensor, near: Tensor, end: Tensor | None, spec: Any, said: Any, free: bool) -> None:
        """Store one clip, over the oldest when the shelf is full."""
        i = self.added % len(self.z)
        self.z[i], self.near[i] = z, near
        if self.end is not None and end is not None:
            self.end[i] = end
        self._note(spec, said, free)
        with self.lines.open("a") as file:
            file.write(json.dumps([asdict(spec), sorted(said), free]) + "\n")


def _spec(values: dict[str, Any]) -> world.Spec:
    second = values.pop("second")
    return world.Spec(**values, second=_spec(second) if second else None)


class Pool:
    """Drawn and encoded clips, single frames and journeys; new ones replace the oldest when a shelf is full.

    Args:
        autoencoder: of :mod:`.vae`.
        rng: source of chance.
        folder: where shelves are kept; it belongs to this autoencoder.
    """

    def __init__(self, autoencoder: Any, rng: random.Random, folder: Path) -> None:
        self.vae, self.rng = autoencoder, rng

        def shelves(name: str, n: int, frames: int) -> dict[tuple[int, int], Kept]:
            return {
                size: Kept(folder / f"{name}-{size[0]}x{size[1]}", size, max(8, int(n * share)), frames)
                for size, share in SHARES.items()
            }

        self.clips = shelves("clips", CLIPS, LATENTS + 1)
        self.stills = shelves("stills", STILLS, 1)
        self.journeys = shelves("journeys", CLIPS // 5, LATENTS + 1)

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

    def add(self) -> None:
        """Draw and encode one clip, three in four from the beginning of what it shows."""
        size, (spec, said) = self._size(), captions.sample_told(self.rng)
        late = self.rng.randrange(LATEST) if self.rng.random() < 0.25 and spec.steady else 0
        clip, mask = paint.film(spec, CLIP_FRAMES, size, self.rng, late)
        # When the camera moves every cell counts as much as a figure: else the scene would stay where it is.
        self._encode(self.clips[size], clip, mask if spec.steady else np.full_like(mask, 255), spec, said, late > 0)

    def add_journey(self) -> None:
        """Draw and encode one clip of which the first and the last frame tell more than any sentence: somebody on the
        way between two places, or one clip that fades into another.
        """
        size, (spec, said) = self._size(), captions.sample_told(self.rng, rich=0)
        first, last = (self.rng.uniform(0.15, 0.85) * size[0] for _ in range(2))
        part = np.clip(np.arange(CLIP_FRAMES) / (world.WINDOW - 1), 0, 1)
        way = world.path(spec, CLIP_FRAMES, size, self.rng)
        way[:, 0] = np.round(first + (last - first) * part)
        if spec.action in ("left", "right"):
            spec = replace(spec, action="right" if last > first else "left")
        clip, mask = paint.film(spec, CLIP_FRAMES, size, self.rng, paths=[way])
        if self.rng.random() < 0.3:
            other, _ = captions.sample_told(self.rng, rich=0.3)
            second, also = paint.film(other, CLIP_FRAMES, size, self.rng)
            fade = part[:, None, None, None]
            clip, mask = (clip * (1 - fade) + second * fade).astype(np.uint8), np.maximum(mask, also)
        # What is said of the motion is not what is seen: the pictures are to be obeyed.
        self._encode(self.journeys[size], clip, mask, spec, said, True)

    def add_still(self) -> None:
        """Draw and encode one frame of the first seconds of a clip."""
        size, (spec, said) = self._size(), captions.sample_told(self.rng)
        clip, mask = paint.film(spec, 1, size, self.rng, self.rng.randrange(CLIP_FRAMES))
        self._encode(self.stills[size], clip, mask, spec, said, False)

    @torch.no_grad()
    def _encode(
        self, shelf: Kept, clip: paint.Bytes, mask: paint.Bytes, spec: world.Spec, said: captions.Said, free: bool
    ) -> None:
        x = vae.pixels(clip)
        mean = vae.encode(self.vae, x)[0, : vae.CHANNELS].transpose(0, 1)
        cells = F.max_pool2d(torch.from_numpy(mask).float()[:, None], 8)[:, 0] > 100
        near = torch.cat([cells[:1], cells[1:].view(-1, 4, *cells.shape[1:]).any(1)])
        end = None
        if shelf.end is not None:
            ends = x[0, :, 4 * (LATENTS - 1) :: 4].transpose(0, 1)[:, :, None]
            end = vae.encode(self.vae, ends)[:, : vae.CHANNELS, 0]
        shelf.put(mean, near, end, spec, said, free)


def sentence(
    spec: world.Spec, said: captions.Said, rng: random.Random, without: float = 0.1, seen: bool = False
) -> str:
    """A caption, or nothing with the probability ``without``, for guidance.

    Of a figure that is ``seen`` in a picture every second sentence is silent or wrong: pictures count for more.
    """
    if rng.random() < without:
        return ""
    if seen and spec.second is None and spec.camera == "still":
        if rng.random() < 0.25:
            said = said - {"figure", "colour"}
        elif rng.random() < 0.35:
            figure = rng.choice([f for f in world.FIGURES if spec.action in world.ACTIONS[f]])
            spec = replace(spec, figure=figure, colour=rng.choice(world.colours(figure)))
    return captions.caption(spec, rng, said)


def storybook(root: Path, seed: int, layers: int, rng: random.Random) -> train.Lab:
    """The training of the storybook model in a directory, for :class:`..nano_lab.train.Trainer`."""
    autoencoder, encoder = vae.load(root / "vae.pt"), text.train(root / "text.pt", seed=seed)
    model = transformer.build(seed, layers)
    pool = Pool(autoencoder, rng, root / f"latents-{vae.steps_of(root / 'vae.pt')}")
    return train.Lab(autoencoder, encoder, text.tokenizer(), model, pool, sentence, SHARES, WORDS, early=0.25)
