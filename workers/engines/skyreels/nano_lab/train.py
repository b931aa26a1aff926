"""Training of the transformer with diffusion forcing (Chen et al., 2024) on flow matching, over latents of drawn clips.

The noise of a clip's latent frames is one of: the same for all (synchronous); clean or nearly clean at the beginning
(pictures, extension); clean at the beginning and at the end (end frame); a staircase (asynchronous); independent.
Every step works on one picture size. A share of the steps sees single frames, several times as many for the same
computation: what an object looks like is learned from them, what it does from the clips. Of most single frames only the
tokens of a square around the object are computed; the scene is learned sooner than the object. Another share sees such
squares of all latent frames, or of the first and some later ones with the first or the last picture given: that an
object stays what it is while it moves is learned from them.

Several processes train together when ``torch.distributed`` is initialised: each on its own draws, with one gradient.
"""

from __future__ import annotations

import logging
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from . import captions, text, transformer, vae, world
from .optim import Muon
from .samples import LATENTS, SHARES, SQUARE, Pool, draw_noise, square
from .store import atomic_save, pause

log = logging.getLogger(__name__)

WORDS = 28
LEAST_NOISE = 0.2  # below it a predicted clip's error counts no more
KEPT = 20  # tokens of a latent frame, about a third, in the first part of the schedule


def _sentence(
    spec: world.Spec, said: captions.Said, rng: random.Random, without: float = 0.1, seen: bool = False
) -> str:
    """A caption, or nothing with the probability ``without``, for guidance.

    Of an object that is ``seen`` in a picture every second sentence is silent or wrong: pictures count for more.
    """
    if rng.random() < without:
        return ""
    if seen and spec.plain and rng.random() < 0.25:
        said = (False, False, *said[2:])
    elif seen and rng.random() < 0.35:
        spec = replace(spec, colour=rng.choice(list(world.COLOURS)), shape=rng.choice(world.SHAPES))
    return captions.caption(spec, rng) if said == captions.ALL else captions.partial(spec, said, rng)


@dataclass(frozen=True, slots=True)
class Lab:
    """What a training is about.

    ``pool`` makes the samples, ``sentence`` the words for one of them, as :func:`_sentence` does; ``shares`` tells how
    often every picture size comes. Sentences have at most ``words`` tokens; before the part ``early`` of the schedule
    most steps see single frames. New samples are drawn at every ``renew``-th step, or never if it is 0.

    The network ``predicts`` the flow, noise minus clip, or the clip itself (``sample``). Where a token has as many
    numbers as the network is wide, the flow is learned slowly: to tell it, a token must carry its noise through all
    blocks, which has every degree of freedom while clips have few (Li and He, 2025: Back to Basics).

    Of the part ``whole`` of the samples every token is computed, but for those around an object. The others have
    ``faint`` noise, at most this much, unless they begin with clean frames: rotary positions are relative, so that in
    strong noise only the borders of the whole picture tell where in it a token lies.

    A cell with an object counts ``near`` times more than one of the scene; where all do, because the camera moves,
    twice more. Before the part ``plain`` of the schedule nothing but plain specs is seen.
    """

    vae: Any
    encoder: Any
    tok: Any
    model: Any
    pool: Any
    sentence: Callable[..., str]
    shares: dict[tuple[int, int], float]
    words: int = WORDS
    early: float = 0.0
    renew: int = 1
    predicts: str = "flow"
    whole: float = 0.0
    faint: float = 1.0
    near: float = 2.0
    plain: float = 0.0


def nano(root: Path, seed: int, layers: int, rng: random.Random) -> Lab:
    """The training of nano in a directory."""
    autoencoder, encoder = vae.load(root / "vae.pt"), text.train(root / "text.pt")
    model, pool = transformer.build(seed, layers=layers), Pool(autoencoder, rng, 6000, 16000)
    return Lab(autoencoder, encoder, text.tokenizer(), model, pool, _sentence, SHARES)


class Threads:
    """Picks one thread or all by measuring: beside other programs, one is often faster than waiting for the second.

    Args:
        most: the greatest number of threads.
    """

    def __init__(self, most: int) -> None:
        self.most, self.best, self.turn = most, most, 0
        self.times: dict[int, list[float]] = {1: [], most: []}

    @property
    def other(self) -> int:
        """The number that is not in use."""
        return 1 if self.best != 1 else self.most

    def begin(self) -> None:
        """Set the threads for the next step."""
        self.current = self.other if self.turn % 40 in (8, 9, 10, 11) else self.best
        torch.set_num_threads(self.current)
        self.began = time.monotonic()

    def end(self, work: float) -> None:
        """Note the time the step took for ``work`` units."""
        self.times[self.current] = [*self.times[self.current][-7:], (time.monotonic() - self.began) / work]
        self.turn += 1
        if self.turn % 40 == 12 and self.most > 1:
            # Medians: now and then a step waits a long time for its compilation.
            trial, usual = statistics.median(self.times[self.other][-4:]), statistics.median(self.times[self.best][-8:])
            if trial < 0.95 * usual:
                self.best = self.other


@dataclass(slots=True)
class Batch:
    """Everything one step needs.

    ``z`` is ``[B, C, F, h, w]``, ``times`` tells which F latents of a clip these are, ``sigma`` is ``[B, F]``,
    ``weight`` ``[B, F, h, w]``; the others are as :func:`transformer.forward` takes them.
    """

    z: Tensor
    times: list[int]
    sigma: Tensor
    weight: Tensor
    words: Tensor
    bias: Tensor
    causal: Tensor | None
    kept: Tensor | None


class Trainer:
    """State of a training run in a directory: averaged and raw weights, optimisers, counters.

    Args:
        root: holds ``vae.pt`` and ``text.pt`` already; ``transformer.pt`` is read when it is there.
        minutes: length of the learning-rate schedule, counted over all runs.
        seed: of initial weights and of all draws.
        fresh: clips to draw before the first step.
        rate: highest learning rate.
        layers: blocks; more than the state has are added as identities.
        half: multiply matrices in bfloat16; with AVX-512 BF16 or AMX a step takes half as long.
        full: part of the schedule after which every token is computed, instead of :data:`KEPT` of each latent frame.
        lab: opens what the training is about, :func:`nano` or another world.
        device: of the weights and of the steps; samples lie in memory.
    """

    def __init__(
        self,
        root: Path,
        minutes: float,
        seed: int = 0,
        fresh: int = 1000,
        rate: float = 2e-3,
        full: float = 0.6,
        layers: int = transformer.LAYERS,
        half: bool = False,
        lab: Callable[[Path, int, int, random.Random], Lab] = nano,
        device: str = "cpu",
    ) -> None:
        self.path, self.minutes, self.rate, self.full = root / "transformer.pt", minutes, rate, full
        self.half, self.device = half, torch.device(device)
        self.step, self.seconds, self.seed = 0, 0.0, seed
        self.ranks = dist.get_world_size() if dist.is_initialized() else 1
        self.rank = dist.get_rank() if self.ranks > 1 else 0
        state = torch.load(self.path, map_location=device, weights_only=True) if self.path.exists() else None
        if state:
            self.step, self.seconds = state["step"], state["seconds"]
        self.rng = random.Random((seed * 1000003 + self.step) * self.ranks + self.rank)
        self.lab = lab(root, seed, layers, self.rng)
        self.encoder, self.tok, self.model, self.pool = self.lab.encoder, self.lab.tok, self.lab.model, self.lab.pool
        self.model.to(self.device)
        self.encoder.to(self.device)
        self.patch = int(self.model.config.patch_size[1])
        self.matrices = [p for p in self.model.blocks.parameters() if p.ndim == 2]
        chosen = {id(p) for p in self.matrices}
        self.others = [p for p in self.model.parameters() if id(p) not in chosen]
        self.muon = Muon(self.matrices, rate)
        # The text encoder learns along, slowly: which words belong together in a sentence about two objects.
        self.encoder.requires_grad_(True)
        self.every = [*self.model.parameters(), *self.encoder.parameters()]
        groups = [{"params": self.others}, {"params": list(self.encoder.parameters())}]
        self.adam = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.reader = {n: p.detach().clone() for n, p in self.encoder.named_parameters()}
        torch.manual_seed((seed * 1000003 + self.step) * self.ranks + self.rank)
        for _ in range(2 * fresh - self.pool.still_count):
            self.pool.add_still()
        while self.pool.count < fresh:
            self.pool.add()
            if self.pool.count % 4 == 0:
                self.pool.add_journey()
            if self.pool.count % 100 == 0:
                log.info("pool %d", self.pool.count)
        if state:
            self.mean, self.std = state["mean"], state["std"]
            transformer.grow(self.model, state["raw"])
            for name, value in self.model.named_parameters():
                self.average[name].copy_(state["average"].get(name, value))
            self.encoder.load_state_dict(state["raw_reader"], strict=False)
            for name, value in self.encoder.named_parameters():
                self.reader[name].copy_(state["reader"].get(name, value))
            if state["muon"] and transformer.layers_of(state["raw"]) == layers:
                self.muon.load_state_dict(state["muon"])
                self.adam.load_state_dict(state["adam"])
        else:
            some = max(self.pool.clips.values(), key=lambda shelf: len(shelf.specs))
            z = some.z[: len(some.specs)].float()
            self.mean, self.std = z.mean((0, 1, 3, 4)).to(self.device), z.std((0, 1, 3, 4)).to(self.device)

    def save(self) -> None:
        """Write the state to the directory; of several processes the first does."""
        if self.rank:
            return
        state = {"raw": self.model.state_dict(), "average": self.average, "mean": self.mean, "std": self.std}
        state |= {"raw_reader": self.encoder.state_dict(), "reader": self.reader}
        state |= {
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        atomic_save(state, self.path)

    def batch(self, n: int, keep: int | None, stills: float, moments: float, plain: bool = False) -> Batch:
        """Draw ``n`` clips, or with the probability ``stills`` as many single frames as cost the same, or with the
        probability ``moments`` the surroundings of an object in all or some of its frames.

        ``keep`` tokens, drawn by lot, of each latent frame are computed, or all of them; only ``plain`` specs are
        drawn, or any. The kind of samples and their number of frames are the same in all processes, which wait for
        each other.
        """
        rng, shared = self.rng, random.Random(self.seed * 1000003 + self.step)
        cost = n * LATENTS * (keep or 64)
        (kind,) = shared.choices(("still", "moments", "clip"), (stills, moments, 1 - stills - moments))
        (mode,) = shared.choices(("", "both_ends", "causal"), (0.83, 0.13, 0.04) if kind == "clip" else (0.65, 0.35, 0))
        around, ends = shared.random() < 0.8 or kind == "moments", mode == "both_ends" and kind != "still"
        whole = kind != "moments" and shared.random() < self.lab.whole
        if whole:
            around, keep = False, None
        far = shared.random() < 0.6 and ends and any(len(s.specs) > 4 for s in self.pool.journeys.values())
        shelves = self.pool.stills if kind == "still" else self.pool.journeys if far else self.pool.clips
        shares = self.lab.shares
        sizes = [s for s in shares if len(shelves[s].specs) > 4] or [s for s in shares if shelves[s].specs]
        size = shared.choices(sizes, [shares[s] for s in sizes])[0]
        shelf = shelves[size]
        times = [0] if kind == "still" else list(range(LATENTS))
        if kind == "moments" and (ends or shared.random() < 0.4):
            times = [0, *sorted(shared.sample(times[1:], 1 if shared.random() < 0.5 else 3))]
        block = rng.choice((2, 3)) if mode == "causal" else 1
        h, w = size[1] // 8, size[0] // 8
        tokens = (h // self.patch) * (w // self.patch)
        if kind != "clip" or whole:
            some = SQUARE * SQUARE if around else keep or tokens
            n = max(1, cost // (some * (len(times) + ends)))
            keep = some
        squares = []
        frames = len(times) + ends
        z = torch.empty(n, frames, *shelf.z.shape[2:])
        sigma, weight = torch.empty(n, frames), torch.ones(n, frames, h, w)
        sentences, counts = [], []
        for i in range(n):
            if ends or kind == "still":
                way = "both_ends" if ends else "sync"
            elif len(times) < LATENTS:
                way = "history"
            else:
                (way,) = rng.choices(("sync", "history", "stairs", "independent"), (0.37, 0.31, 0.24, 0.08))
            for _ in range(30):
                j = rng.randrange(len(shelf.specs))
                fits = (way not in ("sync", "stairs") or not shelf.free[j]) and (not plain or shelf.specs[j].plain)
                if fits and (kind != "moments" or shelf.specs[j].steady):
                    break
            noise = draw_noise(way, frames, block, rng)
            if not whole and not noise.clean:
                noise = replace(noise, sigma=[self.lab.faint * level for level in noise.sigma])
            # Later windows begin with latents of four frames, a film with one of a single frame.
            later = 0.6 if noise.clean > 1 else 0.1
            first = 1 if noise.clean and rng.random() < later else 0
            at = [first + t for t in times]
            z[i, : len(at)] = shelf.z[j, at].float()
            near = shelf.near[j, at]
            weight[i, : len(at)] += (min(2.0, self.lab.near) if near.all() else self.lab.near) * near
            if ends and shelf.end is not None:
                z[i, -1] = shelf.end[j, first].float()
                weight[i, -2] *= 2.0
            sigma[i] = torch.tensor(noise.sigma)
            weight[i, : noise.clean] = 0
            weight[i, sigma[i] < 1e-4] = 0
            if way == "stairs":  # of the frames that wait, the sampler moves the next one only
                weight[i, 1:][(sigma[i, 1:] == 1) & (sigma[i, :-1] == 1)] = 0
            if kind != "still":
                weight[i, 0] *= 1.5
            if way == "history":
                weight[i, -2:] *= 1.5  # the farther from what is given, the more of it is forgotten
            if around and kind != "clip":
                seen = [*shelf.near[j, at], *([shelf.near[j, first + LATENTS - 1]] if ends else [])]
                squares.append(torch.stack([square(near, rng, patch=self.patch) for near in seen]))
            without = 0.4 if far else 0.1
            sentences.append(self.lab.sentence(shelf.specs[j], shelf.said[j], rng, without, noise.clean > 0))
            counts.append(rng.choice((32, 48, 64, 64, 128, 226, 512, 512)))
        found, mask = text.encode(self.encoder, self.tok, sentences)
        length, most = min(self.lab.words, found.shape[1]), self.lab.words
        words = F.pad(found[:, :length], (0, 0, 0, most + 1 - length))
        there = F.pad(mask[:, :length], (0, most - length))
        device = self.device
        # The pipelines pad with zero vectors and do not mask them: one vector with the logarithm of their number stands
        # for all.
        pads = (torch.tensor(counts, device=device) - there.sum(1)).clamp(min=1).float().log()
        bias = torch.cat([torch.where(there, 0.0, -1e9), pads[:, None]], 1)[:, None, None]
        kept = torch.rand(n, frames, tokens).argsort(-1)[..., :keep] if keep and keep < tokens else None
        if squares:
            kept = torch.stack(squares)
        causal = transformer.causal_mask(frames, tokens if kept is None else kept.shape[-1], block)
        sigma, weight, z = sigma.to(device), weight.to(device), z.to(device)
        kept, causal = (None if each is None else each.to(device) for each in (kept, causal))
        z = (z.transpose(1, 2) - self.mean.view(1, -1, 1, 1, 1)) / self.std.view(1, -1, 1, 1, 1)
        return Batch(z, times + [LATENTS] * ends, sigma, weight, words, bias, causal, kept)

    def _draw(self) -> None:
        turn = self.step // self.lab.renew
        if self.pool.count < 3000 or turn % 4 == 0:
            self.pool.add()
        if turn % 12 == 0:
            self.pool.add_journey()
        for _ in range(4):
            self.pool.add_still()

    def precision(self) -> torch.autocast:
        """Context in which matrices are multiplied."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    def loss(self, b: Batch, compiled: bool) -> Tensor:
        """Weighted squared error of the flow, noise minus clip, or of what a predicted clip says it is."""
        n, _, frames, h, w = b.z.shape
        p = self.patch
        noise = torch.randn_like(b.z)
        level = b.sigma[:, None, :, None, None]
        noisy = torch.lerp(b.z, noise, level)
        turn = transformer.rotation(self.model, b.times, h, w)
        with self.precision():
            found = transformer.forward(
                self.model, noisy, b.sigma * 1000, b.words, b.bias, turn, b.causal, b.kept, compiled
            )
        if self.lab.predicts == "sample":
            error = ((found - b.z) / level.clamp(min=LEAST_NOISE)).square().mean(1)
        else:
            error = (found - (noise - b.z)).square().mean(1)
        weight = b.weight
        if b.kept is not None:
            seen = (
                torch.zeros(n, frames, (h // p) * (w // p), device=self.device)
                .scatter(2, b.kept, 1.0)
                .view(n, frames, h // p, 1, w // p, 1)
            )
            weight = weight * seen.expand(-1, -1, -1, p, -1, p).reshape(weight.shape)
        return (error * weight).sum() / weight.sum().clamp(min=1.0)

    def _agree(self, elapsed: float) -> float:
        """Mean of the gradients, and of the seconds gone by, over the processes."""
        if self.ranks == 1:
            return elapsed
        grads = [p.grad for p in self.every if p.grad is not None]
        flat = torch.cat([g.flatten() for g in grads] + [torch.tensor([elapsed])])
        dist.all_reduce(flat)
        flat /= self.ranks
        means = torch.split(flat[:-1], [g.numel() for g in grads])
        for grad, mean in zip(grads, means, strict=True):
            grad.copy_(mean.view_as(grad))
        return float(flat[-1])

    def run(self, until: float | None = None, compiled: bool = True, pause_file: Path | None = None) -> None:
        """Train to the end of the schedule or for ``until`` minutes; saves every two minutes and at the end.

        Between steps it waits while ``pause_file`` exists; that does not count.
        """
        began, total = time.monotonic() - self.seconds, self.minutes * 60
        elapsed = self.seconds
        stop = total if until is None else min(total, self.seconds + until * 60)
        saved = tick = time.monotonic()
        losses: list[float] = []
        threads = Threads(torch.get_num_threads())
        while elapsed < stop:
            began += pause(pause_file)
            part = elapsed / total
            keep, n = (KEPT, 32) if part < self.full else (None, 16)
            rate = self.rate * min(1.0, (self.step + 1) / 100) * (1.0 if part < 0.35 else max(0.02, (1 - part) / 0.65))
            self.muon.lr = rate
            for group, part_of_rate in zip(self.adam.param_groups, (1.0, 0.1), strict=True):
                group["lr"] = rate * part_of_rate
            if self.lab.renew and self.step % self.lab.renew == 0:
                self._draw()
            stills, moments = (0.2, 0.45) if part < 0.5 else (0.15, 0.35)
            if part < self.lab.early:
                stills, moments = 0.6, 0.2
            batch = self.batch(n, keep, stills, moments, part < self.lab.plain)
            # Every new shape costs a compilation; the rare ones are not worth it.
            common = batch.causal is None and (batch.kept is not None or batch.z.shape[2] in (1, LATENTS))
            threads.begin()
            loss = self.loss(batch, compiled and common)
            loss.backward()  # type: ignore[no-untyped-call]
            elapsed = self._agree(time.monotonic() - began)
            nn.utils.clip_grad_norm_(self.every, 1.0)
            with self.precision():
                self.muon.step()
            self.adam.step()
            self.adam.zero_grad()
            threads.end(batch.z.shape[0] * batch.z.shape[2] * (64 if batch.kept is None else batch.kept.shape[-1]))
            self.step += 1
            fade = 1 - min(0.998, self.step / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_([*self.average.values(), *self.reader.values()], self.every, fade)
            losses.append(float(loss.detach()))
            now = time.monotonic()
            if self.step % 25 == 0:
                log.info(
                    "step %d  %.0f s  %.2f s/step  loss %.4f  pool %d  threads %d",
                    self.step,
                    now - began,
                    (now - tick) / 25,
                    sum(losses) / len(losses),
                    self.pool.count,
                    threads.best,
                )
                losses, tick = [], now
            if now - saved > 120:
                self.seconds, saved = elapsed, now
                self.save()
        self.seconds = elapsed
        self.save()
