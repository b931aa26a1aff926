"""The autoencoder: nano's, with 16 numbers a cell and more width where pictures are small, and its training.

Every latent frame codes its own four frames of 8 x 8 pixels, as :mod:`..nano_lab.vae` says, so that 2-D convolutions
train and run it.
"""

from __future__ import annotations

import logging
import math
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nano_lab import vae as plain
from ..nano_lab.optim import Muon
from ..nano_lab.store import atomic_save, pause
from ..nano_lab.train import Threads
from . import paint, world
from .crops import Shelves, any_spec
from .paint import Bytes

log = logging.getLogger(__name__)

CHANNELS = 16
WIDTHS = (8, 16, 48, 96)
BATCH = 8
encode, decode = plain.encode, plain.decode


def build(seed: int | None = None) -> Any:
    """A fresh ``AutoencoderKLWan``; with ``seed`` also initialised for training."""
    return plain.build(seed, CHANNELS, WIDTHS)


def pixels(clip: Bytes) -> Tensor:
    """A drawn clip ``[T, height, width, 3]`` as the networks take it, ``[1, 3, T, height, width]`` in -1..1."""
    return torch.from_numpy(clip).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def loss_of(out: Tensor, clip: Tensor, mask: Tensor) -> Tensor:
    """L1 and L2, heavier at figures and at edges, and L1 of the differences of neighbouring pixels."""
    down, right = clip.diff(dim=-2), clip.diff(dim=-1)
    edge = F.pad(down.abs().amax(1, keepdim=True), (0, 0, 0, 1)) + F.pad(right.abs().amax(1, keepdim=True), (0, 1))
    error = out - clip
    loss = ((1 + 1.5 * mask + 2 * edge.clamp(max=1)) * (error.abs() + error.square())).mean()
    return loss + 0.5 * ((out.diff(dim=-2) - down).abs().mean() + (out.diff(dim=-1) - right).abs().mean())


def held_out_clips(n: int, frames: int, seed: int = 99) -> list[tuple[Bytes, Bytes]]:
    """Clips of combinations that training never sees, of all picture sizes in turn."""
    rng, sizes = random.Random(seed), list(world.SIZES.values())
    return [paint.film(any_spec(rng, True), frames, sizes[i % len(sizes)], rng) for i in range(n)]


@torch.no_grad()
def quality(vae: Any, clips: list[tuple[Bytes, Bytes]]) -> tuple[float, float, float]:
    """Decibels of clips after encoding and decoding: of whole pictures, around figures, and of the worst clip."""
    whole, near = [], []
    for clip, mask in clips:
        x = pixels(clip)
        x = x.to(vae.device)
        error = (decode(vae, encode(vae, x)[:, :CHANNELS]).clamp(-1, 1) - x).square()
        around = F.max_pool2d(torch.from_numpy(mask).float().to(vae.device) / 255, 9, 1, 4)[None, None]
        whole.append(10 * math.log10(4 / float(error.mean())))
        if float(around.sum()):
            near.append(10 * math.log10(4 / float((error * around).sum() / (3 * around.sum()))))
    return sum(whole) / len(whole), sum(near) / len(near), min(whole)


def train(
    root: Path,
    steps: int,
    seed: int = 0,
    pause_file: Path | None = None,
    until: float | None = None,
    goals: tuple[float, float] = (32.0, 27.0),
    batch: int = BATCH,
    device: str = "cpu",
    half: bool = False,
    processes: int = 0,
) -> bool:
    """Train ``vae.pt`` in a directory, resumed when it is there and saved every two minutes.

    Args:
        root: directory; squares that are learned from lie in its folder ``crops``.
        steps: length of the schedule: the learning rate falls after two fifths of them.
        seed: of initial weights and of all draws.
        pause_file: training waits between steps while this file exists.
        until: minutes of this run.
        goals: decibels of whole pictures and around figures, at which training ends sooner, its rate having fallen.
        batch: squares of a step.
        device: of weights and steps.
        half: compute in bfloat16, which pays on a graphics card.
        processes: that draw all squares before the first step; without, they are drawn when they are needed.

    Returns:
        Whether the schedule is at its end or the goals are reached.
    """
    vae, path = build(seed).to(device), root / "vae.pt"
    params = [(n, p) for n, p in vae.named_parameters() if "attentions" not in n]
    muon = Muon([p for n, p in params if p.ndim >= 4 and "gamma" not in n], 0.0, decay=0.003)
    adam = torch.optim.AdamW([p for n, p in params if p.ndim < 4 or "gamma" in n], betas=(0.9, 0.99), weight_decay=0.0)
    average = {n: p.detach().clone() for n, p in vae.named_parameters()}
    step, spent, first = 0, 0.0, 0
    if path.exists():
        state = torch.load(path, map_location=device, weights_only=True)
        vae.load_state_dict(state["raw"], strict=False)
        average = {n: state["average"][n] for n in average}  # a file has an order of its own; the network's is averaged
        step, spent = state["step"], state["seconds"]
        if state["muon"]:
            muon.load_state_dict(state["muon"])
            adam.load_state_dict(state["adam"])
        else:
            first = step
    shelves, threads = Shelves(root / "crops", seed), Threads(torch.get_num_threads())
    reached = False
    if processes:
        shelves.draw(step, steps, processes)

    def save() -> None:
        state = {"raw": vae.state_dict(), "average": average, "muon": muon.state_dict(), "adam": adam.state_dict()}
        atomic_save({**state, "step": step, "seconds": spent}, path)

    began, saved, errors = spent, spent, []
    while step < steps and not reached and (until is None or spent - began < until * 60):
        pause(pause_file)
        tick = time.monotonic()
        part = step / steps
        rate = min(1.0, (step - first + 1) / 60) * (1.0 if part < 0.4 else max(0.02, (1 - part) / 0.6))
        muon.lr, adam.param_groups[0]["lr"] = 3e-3 * rate, 2e-3 * rate
        torch.manual_seed(seed * 1000003 + step)
        clip, mask = (each.to(device) for each in shelves.batch(step, batch))
        threads.begin()
        with torch.autocast(clip.device.type, torch.bfloat16, enabled=half):
            mean, logvar = encode(vae, clip).float().chunk(2, 1)
            logvar = logvar.clamp(-30, 20)
            out = decode(vae, mean + torch.randn_like(mean) * (0.5 * logvar).exp()).float()
        loss = loss_of(out, clip, mask) + 2e-4 * 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([p for _, p in params], 1.0)
        muon.step()
        adam.step()
        adam.zero_grad()
        threads.end(1)
        step += 1
        fade = 1 - min(0.995, step / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.values()), list(vae.parameters()), fade)
        errors.append(float((out.detach() - clip).square().mean()))
        spent += time.monotonic() - tick
        if step % 25 == 0:
            seen = 10 * math.log10(4 / float(np.mean(errors)))
            log.info(
                "vae %d  %.0f s  loss %.4f  %.2f dB  threads %d",
                step,
                spent,
                float(loss.detach()),
                seen,
                threads.best,
            )
            errors = []
        if spent - saved > 120 or step == steps:
            saved = spent
            save()
        if step % 250 == 0:
            whole, near, worst = quality(averaged(average), held_out_clips(6, 9))
            reached = part > 0.4 and whole >= goals[0] and near >= goals[1]
            log.info("vae %d held out: %.2f dB whole, %.2f around figures, %.2f worst", step, whole, near, worst)
    save()
    return reached or step >= steps


def averaged(weights: dict[str, Tensor]) -> Any:
    """A network of averaged weights, frozen."""
    vae = build()
    vae.load_state_dict(weights, strict=False)
    return vae.eval().requires_grad_(False)


def load(path: Path) -> Any:
    """The averaged network of a training file, frozen."""
    return averaged(torch.load(path, map_location="cpu", weights_only=True)["average"])


def steps_of(path: Path) -> int:
    """Steps that a training file has behind it."""
    return int(torch.load(path, map_location="cpu", weights_only=True)["step"])
