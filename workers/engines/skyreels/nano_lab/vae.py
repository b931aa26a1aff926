"""The autoencoder: a small ``AutoencoderKLWan`` of 8 x 8 pixels and 4 frames a latent, trained as a 2-D network.

Of every causal temporal kernel only the newest tap is used (the downsampling kernels use their two newest), so a
latent frame codes its own four frames and nothing else. There is no history, hence no drift; streaming, slicing and
re-encoding agree; and training needs 2-D convolutions only. :func:`encode` and :func:`decode` compute exactly what
the library's chunked ``encode`` and ``decode`` do (tested).
"""

from __future__ import annotations

import logging
import math
import random
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d, WanResample
from torch import Tensor, nn

from workers.engines.skyreels.sampler import flat
from workers.engines.skyreels.sampler.flat import convolve, residual

from . import paint, world
from .optim import Muon
from .store import atomic_save

log = logging.getLogger(__name__)

CHANNELS = 12
CROP = 64


def build(seed: int | None = None, channels: int = CHANNELS, widths: tuple[int, ...] = (8, 16, 32, 64)) -> Any:
    """A fresh ``AutoencoderKLWan``; with ``seed`` also initialised for training."""
    if seed is not None:
        torch.manual_seed(seed)
    vae = AutoencoderKLWan(
        base_dim=widths[0],
        decoder_base_dim=widths[0],
        z_dim=channels,
        dim_mult=[w // widths[0] for w in widths],
        num_res_blocks=1,
        attn_scales=[],
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * channels,
        latents_std=[1.0] * channels,
    )
    if seed is not None:
        with torch.no_grad():
            for name, module in vae.named_modules():
                if isinstance(module, WanCausalConv3d) and module.weight.shape[2] == 3:
                    nn.init.kaiming_uniform_(module.weight, a=5**0.5)
                    time_conv = "time_conv" in name
                    module.weight.mul_(1.2 if time_conv else 3**0.5)
                    module.weight[:, :, : 1 if time_conv and "encoder" in name else 2] = 0
            for part in (vae.encoder, vae.decoder):
                nn.init.zeros_(part.mid_block.attentions[0].proj.weight)
                nn.init.zeros_(part.mid_block.attentions[0].proj.bias)
            vae.quant_conv.bias[channels:] -= 4.0
    return vae


class _Norm(torch.autograd.Function):
    """RMS norm over channels with a lean backward pass; the maths of ``WanRMS_norm``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor) -> Tensor:
        r = torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp_min(1e-6).reciprocal()
        y = x * r
        ctx.save_for_backward(y, r, gamma)
        out: Tensor = y * gamma
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        y, r, gamma = ctx.saved_tensors
        (g,) = grads
        p = g * y
        s = (p * gamma).sum(1, keepdim=True)
        return torch.addcmul(g * gamma, y, s, value=-1).mul_(r), p.sum((0, 2, 3)).view_as(gamma)


def _norm(module: Any, x: Tensor) -> Tensor:
    out: Tensor = _Norm.apply(x, module.gamma.view(-1, 1, 1) * module.scale)  # type: ignore[no-untyped-call]
    return out


def _images_first(x: Tensor) -> Tensor:
    """``[B, C, 1 + T, H, W]`` to ``[B + B*T, C, H, W]``: the first frames, then all others."""
    rest = x[:, :, 1:].permute(0, 2, 1, 3, 4).flatten(0, 1)
    return torch.cat([x[:, :, 0], rest]).contiguous(memory_format=torch.channels_last)


def _frames_back(x: Tensor, b: int) -> Tensor:
    rest = x[b:].reshape(b, -1, *x.shape[1:])
    return torch.cat([x[:b, None], rest], 1).permute(0, 2, 1, 3, 4)


def encode(vae: Any, clip: Tensor) -> Tensor:
    """Posterior of a clip.

    Args:
        vae: the network of :func:`build`.
        clip: ``[B, 3, 4k + 1, H, W]`` in -1..1.

    Returns:
        ``[B, 2 * CHANNELS, k + 1, H / 8, W / 8]``: mean and log variance.
    """
    b, n = clip.shape[0], clip.shape[2] - 1
    x = convolve(vae.encoder.conv_in, _images_first(clip))
    for layer in vae.encoder.down_blocks:
        if isinstance(layer, WanResample):
            x = layer.resample(x)
            if layer.mode == "downsample3d" and n:
                w, n = layer.time_conv.weight, n // 2
                pairs = x[b:].reshape(b * n, 2 * x.shape[1], *x.shape[2:])
                x = torch.cat([x[:b], F.conv2d(pairs, torch.cat([w[:, :, 1], w[:, :, 2]], 1), layer.time_conv.bias)])
        else:
            x = residual(layer, x, _norm)
    # The attention's output projection stays zero: a purely local network behaves the same on a crop and on a picture.
    for block in vae.encoder.mid_block.resnets:
        x = residual(block, x, _norm)
    x = convolve(vae.quant_conv, convolve(vae.encoder.conv_out, F.silu(_norm(vae.encoder.norm_out, x))))
    return _frames_back(x, b)


def decode(vae: Any, z: Tensor) -> Tensor:
    """Frames ``[B, 3, 4k + 1, 8h, 8w]`` (not clamped) of latents ``[B, CHANNELS, k + 1, h, w]``."""
    return _frames_back(flat.decode(vae, _images_first(z), len(z), _norm), len(z))


def crops(n: int, rng: random.Random) -> tuple[Tensor, Tensor]:
    """Training batch: ``n`` clips ``[n, 3, 5, CROP, CROP]`` cut out of the world, and their masks.

    Many have two objects, some a made-up scene or colour, so that other pictures survive too.
    """
    clips, masks = [], []
    for _ in range(n):
        size = rng.choice(list(world.SIZES.values()))
        spec = world.sample_spec(rng)
        start = rng.randrange(20)
        path = torch.from_numpy(world.trajectory(spec, start + 5, size, rng, free=rng.random() < 0.5)[start:])
        x = min(max(int(path[2, 0]) - CROP // 2 + rng.randint(-36, 36), 0), size[0] - CROP)
        y = min(max(int(path[2, 1]) - CROP // 2 + rng.randint(-36, 36), 0), size[1] - CROP)
        if rng.random() < 0.15:
            ends = torch.empty(3, 2, 2).uniform_(-1, 1)
            scene = F.interpolate(ends[None], (CROP, CROP), mode="bilinear", align_corners=True)[0]
        else:
            scene = paint.background(spec.scene, size)[:, y : y + CROP, x : x + CROP]
        clip = scene[:, None].expand(3, 5, CROP, CROP)
        total = torch.zeros(1, 5, CROP, CROP)
        for second in range(1 + (rng.random() < 0.4)):
            if second:
                spec = world.sample_spec(rng)
                path = torch.from_numpy(world.trajectory(spec, 5, size, rng, free=True))
            mask = paint.coverage(spec.shape, path, size, (x, y, CROP, CROP))[None]
            colour = paint.palette()[list(world.COLOURS).index(spec.colour)][:, None, None, None]
            if rng.random() < 0.1:
                colour = torch.empty(3, 1, 1, 1).uniform_(-1, 1)
            clip = torch.lerp(clip, colour, mask)
            total = torch.maximum(total, mask)
        clips.append(clip)
        masks.append(total)
    return torch.stack(clips), torch.stack(masks)


def train(path: Path, minutes: float, seed: int = 0) -> Any:
    """Train to ``path`` (resumed when it exists), write it every few minutes, and return the averaged network.

    The loss is L1 + L2 with edges of objects weighted up, and a KL term of 2e-4 that only keeps latents in range.
    """
    vae = build(seed)
    params = [(n, p) for n, p in vae.named_parameters() if "attentions" not in n]
    matrices = [p for n, p in params if p.ndim >= 4 and "gamma" not in n]
    vectors = [p for n, p in params if p.ndim < 4 or "gamma" in n]
    muon, adam = (
        Muon(matrices, 3e-3, decay=0.005),
        torch.optim.AdamW(vectors, lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0),
    )
    average = {n: p.detach().clone() for n, p in vae.named_parameters()}
    done, spent = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        vae.load_state_dict(state["raw"])
        average = {n: state["average"][n] for n in average}
        if state["muon"]:
            muon.load_state_dict(state["muon"])
            adam.load_state_dict(state["adam"])
        done, spent = state["step"], state["seconds"]
    rng = random.Random(seed + done)
    began, tick = time.monotonic() - spent, time.monotonic()

    def save() -> None:
        state = {"raw": vae.state_dict(), "average": average, "muon": muon.state_dict(), "adam": adam.state_dict()}
        atomic_save({**state, "step": done, "seconds": time.monotonic() - began}, path)

    total = minutes * 60
    while (part := (time.monotonic() - began) / total) < 1:
        rate = min(1.0, (done + 1) / 60) * (0.5 * (1 + math.cos(math.pi * part)) * 0.98 + 0.02)
        muon.lr = 3e-3 * rate
        adam.param_groups[0]["lr"] = 2e-3 * rate
        clip, mask = crops(8, rng)
        mean, logvar = encode(vae, clip).chunk(2, 1)
        logvar = logvar.clamp(-30, 20)
        out = decode(vae, mean + torch.randn_like(mean) * (0.5 * logvar).exp())
        near = F.max_pool2d(mask.flatten(0, 2)[:, None], 5, 1, 2).view_as(mask)
        error = out - clip
        loss = ((1 + 2 * near) * (error.abs() + error.square())).mean()
        loss = loss + 2e-4 * 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        muon.step()
        adam.step()
        adam.zero_grad()
        done += 1
        keep = min(0.995, done / (10 + done))
        with torch.no_grad():
            for name, p in vae.named_parameters():
                average[name].lerp_(p, 1 - keep)
        if done % 50 == 0:
            now = time.monotonic()
            psnr = 10 * math.log10(4 / float(error.square().mean()))
            log.info(
                "vae %d  %.0f s  %.2f s/step  loss %.4f  %.2f dB",
                done,
                now - began,
                (now - tick) / 50,
                float(loss),
                psnr,
            )
            tick = now
        if done % 300 == 0:
            save()
    save()
    return load(path)


def polish(path: Path, steps: int, seed: int = 0, tie: float | None = None) -> None:
    """Train the decoder alone, in ``path``, for ``steps`` steps: latents keep their meaning for the transformer.

    With ``tie`` the encoder is trained too; its latents are held near the former ones with this weight of their squared
    distance, so that a transformer has little to learn anew.
    """
    state = torch.load(path, weights_only=True)
    vae, before = load(path), load(path)
    params = [*vae.decoder.named_parameters(), *vae.post_quant_conv.named_parameters()]
    if tie is not None:
        params += [*vae.encoder.named_parameters(), *vae.quant_conv.named_parameters()]
    params = [(n, p.requires_grad_(True)) for n, p in params if "attentions" not in n]
    muon = Muon([p for n, p in params if p.ndim >= 4 and "gamma" not in n], 0.0, decay=0.0)
    adam = torch.optim.AdamW([p for n, p in params if p.ndim < 4 or "gamma" in n], betas=(0.9, 0.99), weight_decay=0.0)
    average = {n: p.detach().clone() for n, p in vae.named_parameters()}
    rng = random.Random(seed + 1)
    for step in range(steps):
        rate = min(1.0, (step + 1) / 30) * (1 - step / steps)
        muon.lr, adam.param_groups[0]["lr"] = 2e-3 * rate, 1e-3 * rate
        clip, mask = crops(8, rng)
        with torch.set_grad_enabled(tie is not None):
            mean, logvar = encode(vae, clip).chunk(2, 1)
            z = mean + torch.randn_like(mean) * ((0.5 * logvar).exp() + 0.05)
        near = F.max_pool2d(mask.flatten(0, 2)[:, None], 5, 1, 2).view_as(mask)
        error = decode(vae, z) - clip
        loss = ((1 + 2 * near) * (error.abs() + error.square())).mean()
        if tie is not None:
            with torch.no_grad():
                former = encode(before, clip)[:, :CHANNELS]
            loss = loss + tie * (mean - former).square().mean()
            loss = loss + 2e-4 * 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([p for _, p in params], 1.0)
        muon.step()
        adam.step()
        adam.zero_grad()
        with torch.no_grad():
            for name, p in vae.named_parameters():
                average[name].lerp_(p, 0.01 if step > 100 else 0.1)
        if (step + 1) % 50 == 0:
            psnr = 10 * math.log10(4 / float(error.detach().square().mean()))
            log.info("polish %d  loss %.4f  %.2f dB", step + 1, float(loss.detach()), psnr)
        if (step + 1) % 200 == 0 or step + 1 == steps:
            atomic_save(state | {"average": average, "raw": vae.state_dict()}, path)


def load(path: Path) -> Any:
    """The averaged network of a training file, frozen."""
    vae = build()
    vae.load_state_dict(torch.load(path, weights_only=True)["average"], strict=False)
    return vae.eval().requires_grad_(False)
