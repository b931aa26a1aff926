"""What the transformer learns from: drawn clips and single frames, encoded, and kept on disk between runs."""

from __future__ import annotations

import json
import logging
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..nano_lab import train
from ..nano_lab.samples import CLIP_FRAMES, LATENTS, Shelf
from . import captions, paint, text, transformer, vae, world

log = logging.getLogger(__name__)

SHARES: dict[tuple[int, int], float] = {(256, 256): 0.6, (320, 192): 0.2, (192, 320): 0.2}
LATEST = 120
CLIPS, STILLS = 5000, 12000
STILLS_A_CLIP = 3
RENEW = 8  # steps, after each of which a few samples are replaced: drawing takes longer than a step
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

    def add(self) -> None:
        """Draw and encode one clip."""
        self._put(draw("clip", self.rng.getrandbits(48)))

    def add_journey(self) -> None:
        """Draw and encode one clip of which the first and the last frame tell more than any sentence."""
        self._put(draw("journey", self.rng.getrandbits(48)))

    def add_still(self) -> None:
        """Draw and encode one frame of the first seconds of a clip."""
        self._put(draw("still", self.rng.getrandbits(48)))

    def fill(self, clips: int, processes: int) -> None:
        """Draw on several cores until there have been ``clips`` clips, three times as many single frames, and journeys.

        The same cores encode, one picture each, unless the autoencoder is on a graphics card.
        """
        here = sum(shelf.added for shelf in self.journeys.values())
        kinds = ["clip"] * (clips - self.count) + ["still"] * (STILLS_A_CLIP * clips - self.still_count)
        kinds += ["journey"] * (clips // 5 - here)
        self.rng.shuffle(kinds)
        seeds = [self.rng.getrandbits(48) for _ in kinds]
        if self.vae.device.type != "cpu":
            with ProcessPoolExecutor(processes) as pool:
                for drawn in pool.map(draw, kinds, seeds, chunksize=4):
                    self._put(drawn)
            return
        with ProcessPoolExecutor(processes, get_context("spawn"), _begin, (self.vae,)) as pool:
            for i, (drawn, encoded) in enumerate(pool.map(_prepare, kinds, seeds, chunksize=4)):
                self._shelf(drawn).put(*encoded, drawn.spec, drawn.said, drawn.free)
                if i % 500 == 0:
                    log.info("pool: %d clips, %d single frames", self.count, self.still_count)

    def _shelf(self, drawn: Drawn) -> Kept:
        return {"clip": self.clips, "still": self.stills, "journey": self.journeys}[drawn.kind][drawn.size]

    def _put(self, drawn: Drawn) -> None:
        self._shelf(drawn).put(*encoded(self.vae, drawn), drawn.spec, drawn.said, drawn.free)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A clip, a single frame or a journey before it is encoded; ``free`` if it does not begin as its sentence says."""

    kind: str
    size: tuple[int, int]
    clip: paint.Bytes
    mask: paint.Bytes
    spec: world.Spec
    said: captions.Said
    free: bool


@torch.no_grad()
def encoded(autoencoder: Any, drawn: Drawn) -> tuple[Tensor, Tensor, Tensor | None]:
    """Latents of a sample ``[F, C, h, w]``, the cells with a figure ``[F, h, w]``, and the last frames of its windows
    encoded as pictures ``[2, C, h, w]``, which single frames do not have.
    """
    x = vae.pixels(drawn.clip).to(autoencoder.device)
    mean = vae.encode(autoencoder, x)[0, : vae.CHANNELS].transpose(0, 1).cpu()
    cells = F.max_pool2d(torch.from_numpy(drawn.mask).float()[:, None], 8)[:, 0] > 100
    near = torch.cat([cells[:1], cells[1:].view(-1, 4, *cells.shape[1:]).any(1)])
    if drawn.kind == "still":
        return mean, near, None
    ends = x[0, :, 4 * (LATENTS - 1) :: 4].transpose(0, 1)[:, :, None]
    return mean, near, vae.encode(autoencoder, ends)[:, : vae.CHANNELS, 0].cpu()


_own: list[Any] = []  # the autoencoder of a process that prepares samples


def _begin(autoencoder: Any) -> None:
    torch.set_num_threads(1)
    _own[:] = [autoencoder]


def _prepare(kind: str, seed: int) -> tuple[Drawn, tuple[Tensor, Tensor, Tensor | None]]:
    drawn = draw(kind, seed)
    found = encoded(_own[0], drawn)
    return replace(drawn, clip=drawn.clip[:0], mask=drawn.mask[:0]), found


def draw(kind: str, seed: int) -> Drawn:
    """Draw one sample.

    A ``clip`` begins in three cases of four with what it shows; a ``still`` is one frame of its first seconds; a
    ``journey`` is somebody on the way between two places, or one clip that fades into another.
    """
    rng = random.Random(seed)
    (size,) = rng.choices(list(SHARES), list(SHARES.values()))
    spec, said = captions.sample_told(rng, rich=0.0 if kind == "journey" else 0.4)
    if kind == "still":
        clip, mask = paint.film(spec, 1, size, rng, rng.randrange(CLIP_FRAMES))
        return Drawn(kind, size, clip, mask, spec, said, False)
    if kind == "clip":
        late = rng.randrange(LATEST) if rng.random() < 0.25 and spec.steady else 0
        clip, mask = paint.film(spec, CLIP_FRAMES, size, rng, late)
        if not spec.steady:
            # When the camera moves every cell counts as much as a figure: else the scene would stay where it is.
            mask = np.full_like(mask, 255)
        return Drawn(kind, size, clip, mask, spec, said, late > 0)
    first, last = (rng.uniform(0.15, 0.85) * size[0] for _ in range(2))
    part = np.clip(np.arange(CLIP_FRAMES) / (world.WINDOW - 1), 0, 1)
    way = world.path(spec, CLIP_FRAMES, size, rng)
    way[:, 0] = np.round(first + (last - first) * part)
    if spec.action in ("left", "right"):
        spec = replace(spec, action="right" if last > first else "left")
    clip, mask = paint.film(spec, CLIP_FRAMES, size, rng, paths=[way])
    if rng.random() < 0.3:
        other, _ = captions.sample_told(rng, rich=0.3)
        second, also = paint.film(other, CLIP_FRAMES, size, rng)
        fade = part[:, None, None, None]
        clip, mask = (clip * (1 - fade) + second * fade).astype(np.uint8), np.maximum(mask, also)
    # What is said of the motion is not what is seen: the pictures are to be obeyed.
    return Drawn(kind, size, clip, mask, spec, said, True)


def sentence(
    spec: world.Spec, said: captions.Said, rng: random.Random, without: float = 0.1, seen: bool = False
) -> str:
    """A caption, or nothing with the probability ``without``, for guidance.

    Of a figure that is ``seen`` in a picture every second sentence is silent or wrong: pictures count for more.
    """
    if rng.random() < without:
        return ""
    if seen and spec.plain:
        if rng.random() < 0.25:
            said = said - {"figure", "colour"}
        elif rng.random() < 0.35:
            figure = rng.choice([f for f in world.FIGURES if spec.action in world.ACTIONS[f]])
            spec = replace(spec, figure=figure, colour=rng.choice(world.colours(figure)))
    return captions.caption(spec, rng, said)


def storybook(
    root: Path, seed: int, layers: int, rng: random.Random, clips: int = 0, processes: int = 0, device: str = "cpu"
) -> train.Lab:
    """The training of the storybook model in a directory, for :class:`..nano_lab.train.Trainer`.

    With ``processes``, all ``clips`` are drawn at once; on a graphics card none are drawn later, which would keep it
    waiting. The autoencoder runs on the ``device``.
    """
    autoencoder, encoder = vae.load(root / "vae.pt"), text.train(root / "text.pt", seed=seed)
    model = transformer.build(seed, layers)
    pool = Pool(autoencoder.to(device), rng, root / f"latents-{vae.steps_of(root / 'vae.pt')}")
    if processes:
        pool.fill(clips, processes)
    tok, renew = text.tokenizer(), 0 if processes and device != "cpu" else RENEW
    return train.Lab(
        autoencoder,
        encoder,
        tok,
        model,
        pool,
        sentence,
        SHARES,
        words=WORDS,
        early=0.3,
        renew=renew,
        predicts=transformer.PREDICTS,
        whole=0.6,
        faint=0.7,
        near=6.0,
        plain=0.6,
    )
