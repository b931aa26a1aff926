"""The transformer: a small ``SkyReelsV2Transformer3DModel`` and a leaner forward pass for training it on a CPU.

:func:`forward` computes what the library's forward computes with ``enable_diffusion_forcing=True`` (tested).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
import torch._dynamo
import torch._inductor.config
import torch.nn.functional as F
from diffusers import SkyReelsV2Transformer3DModel
from torch import Tensor, nn

from . import text, vae

HEADS, HEAD_WIDTH, LAYERS, EXPANSION = 6, 32, 6, 3
FEW = 200  # tokens, up to which plain products are faster than the library's attention when they are in bfloat16


def build(
    seed: int | None = None,
    heads: int = HEADS,
    layers: int = LAYERS,
    channels: int = vae.CHANNELS,
    patch: int = 2,
    head_width: int = HEAD_WIDTH,
) -> Any:
    """A fresh transformer; with ``seed`` also initialised for training (gates open a little, output zero)."""
    if seed is not None:
        torch.manual_seed(seed)
    width = heads * head_width
    model = SkyReelsV2Transformer3DModel(
        patch_size=(1, patch, patch),
        num_attention_heads=heads,
        attention_head_dim=head_width,
        in_channels=channels,
        out_channels=channels,
        text_dim=text.WIDTH,
        freq_dim=128,
        ffn_dim=width * EXPANSION,
        num_layers=layers,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        eps=1e-6,
        rope_max_seq_len=128,
        inject_sample_info=False,
        num_frame_per_block=1,
    )
    if seed is not None:
        with torch.no_grad():
            nn.init.zeros_(model.proj_out.weight)
            nn.init.zeros_(model.proj_out.bias)
            model.condition_embedder.time_proj.weight.mul_(0.1)
            nn.init.zeros_(model.condition_embedder.time_proj.bias)
            model.scale_shift_table.zero_()
            for block in model.blocks:
                block.scale_shift_table.zero_()
                block.scale_shift_table[:, (2, 5)] = 0.3
    return model


def layers_of(weights: dict[str, Tensor]) -> int:
    """How many blocks a state dict holds."""
    return 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))


@torch.no_grad()
def grow(model: Any, weights: dict[str, Tensor]) -> None:
    """Load the weights of a shallower transformer of equal width; the blocks it lacks begin as the identity.

    Raises:
        RuntimeError: the weights do not fit.
    """
    model.load_state_dict({**model.state_dict(), **weights})
    for block in model.blocks[layers_of(weights) :]:
        for layer in (block.attn1.to_out[0], block.attn2.to_out[0], block.ffn.net[2]):
            layer.weight.zero_()
            layer.bias.zero_()


def rotation(model: Any, times: Sequence[int], height: int, width: int) -> Tensor:
    """Rotary factors of latents ``height`` x ``width`` at ``times``: cos and sin, ``[2, N, 1, half a head]``."""
    frames = max(times) + 1
    cos, sin = model.rope(torch.empty(1, 1, frames, height, width, device=model.device))
    turn = torch.stack([cos[0, :, :, 0::2].float(), sin[0, :, :, 1::2].float()])
    return turn.view(2, frames, -1, 1, turn.shape[-1])[:, list(times)].flatten(1, 2)


def _rotate(x: Tensor, turn: Tensor) -> Tensor:
    cos, sin = turn[0], turn[1]
    a, b = x.reshape(*x.shape[:-1], -1, 2).unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    if torch.is_autocast_enabled(q.device.type) and k.shape[-2] <= FEW:
        logits = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
        weights: Tensor = (logits if bias is None else logits + bias).softmax(-1)
        return weights @ v
    # On a CPU the way back through the library's attention is six times slower in bfloat16 than in float32.
    with torch.autocast(q.device.type, enabled=False):
        return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=bias)


def _block(
    block: Any, x: Tensor, modulation: Tensor, context: Tensor, turn: Tensor, causal: Tensor | None, bias: Tensor
) -> Tensor:
    b, n, d = x.shape
    frames = modulation.shape[1]
    e = (block.scale_shift_table.unsqueeze(1) + modulation).unsqueeze(3)
    a = block.attn1
    y = F.layer_norm(x, (d,), eps=1e-6).view(b, frames, -1, d)
    y = torch.addcmul(e[:, :, 0], y, 1 + e[:, :, 1]).view(b, n, d)
    heads = a.heads
    q = _rotate(F.rms_norm(a.to_q(y), (d,), a.norm_q.weight, a.norm_q.eps).view(b, n, heads, -1), turn).transpose(1, 2)
    k = _rotate(F.rms_norm(a.to_k(y), (d,), a.norm_k.weight, a.norm_k.eps).view(b, n, heads, -1), turn).transpose(1, 2)
    v = a.to_v(y).view(b, n, heads, -1).transpose(1, 2)
    y = _attend(q, k, v, causal).transpose(1, 2).reshape(b, n, d)
    x = torch.addcmul(x.view(b, frames, -1, d), a.to_out[0](y).view(b, frames, -1, d), e[:, :, 2]).view(b, n, d)
    a = block.attn2
    y = F.layer_norm(x, (d,), block.norm2.weight, block.norm2.bias, 1e-6)
    q = F.rms_norm(a.to_q(y), (d,), a.norm_q.weight, a.norm_q.eps).view(b, n, heads, -1).transpose(1, 2)
    k = F.rms_norm(a.to_k(context), (d,), a.norm_k.weight, a.norm_k.eps).view(b, -1, heads, d // heads).transpose(1, 2)
    v = a.to_v(context).view(b, -1, heads, d // heads).transpose(1, 2)
    x = x + a.to_out[0](_attend(q, k, v, bias).transpose(1, 2).reshape(b, n, d))
    y = F.layer_norm(x, (d,), eps=1e-6).view(b, frames, -1, d)
    y = torch.addcmul(e[:, :, 3], y, 1 + e[:, :, 4]).view(b, n, d)
    return torch.addcmul(x.view(b, frames, -1, d), block.ffn(y).view(b, frames, -1, d), e[:, :, 5]).view(b, n, d)


@functools.cache
def _compiled() -> Any:
    torch._dynamo.config.recompile_limit = 64
    torch._inductor.config.cpp.dynamic_threads = True
    return torch.compile(_block, dynamic=False)


def forward(
    model: Any,
    z: Tensor,
    t: Tensor,
    words: Tensor,
    bias: Tensor,
    turn: Tensor,
    causal: Tensor | None = None,
    kept: Tensor | None = None,
    compiled: bool = False,
) -> Tensor:
    """Predicted flow.

    Args:
        model: the network of :func:`build`.
        z: noisy latents ``[B, C, F, H, W]``.
        t: timestep of every latent frame, ``[B, F]`` in 0..1000.
        words: text vectors ``[B, L, text.WIDTH]``.
        bias: added to the logits of the cross-attention, ``[B, 1, 1, L]``; the logarithm of a count stands for that
            many equal vectors.
        turn: from :func:`rotation`.
        kept: tokens to compute, ``[B, F, K]`` indices within each frame; all of them without it. The others are zero
            in the result.
        causal: added to the logits of the self-attention, ``[N, N]``, for causal blocks of frames.
        compiled: run the blocks through ``torch.compile`` (half as long a step, a minute to begin with).

    Under ``torch.autocast`` matrices are multiplied in bfloat16; attention and what the blocks add up stay float32.

    Returns:
        ``[B, C, F, H, W]`` in float32.
    """
    b, c, f, height, width = z.shape
    p = model.config.patch_size[1]
    h, w = height // p, width // p
    d = model.config.num_attention_heads * model.config.attention_head_dim
    if kept is not None:
        flat = (torch.arange(f, device=kept.device)[None, :, None] * h * w + kept).flatten(1)
        turn = turn[:, flat]
    patches = z.reshape(b, c, f, h, p, w, p).permute(0, 2, 3, 5, 1, 4, 6).reshape(b, f * h * w, p * p * c)
    if kept is not None:
        patches = patches.gather(1, flat[..., None].expand(-1, -1, p * p * c))
    x = F.linear(patches, model.patch_embedding.weight.view(d, -1), model.patch_embedding.bias).float()
    embedder = model.condition_embedder
    time = embedder.time_embedder(embedder.timesteps_proj(t.flatten()).float()).view(b, f, d)
    modulation = embedder.time_proj(F.silu(time)).unflatten(-1, (6, -1))
    context = embedder.text_embedder(words)
    step = _compiled() if compiled else _block
    for block in model.blocks:
        x = step(block, x, modulation, context, turn, causal, bias)
    shift, scale = (model.scale_shift_table[:, None] + time[:, :, None]).unbind(2)
    y = F.layer_norm(x, (d,), eps=1e-6).view(b, f, -1, d)
    out: Tensor = model.proj_out(torch.addcmul(shift[:, :, None], y, 1 + scale[:, :, None]))
    out = out.float().reshape(b, -1, p * p * c)
    if kept is not None:
        out = out.new_zeros(b, f * h * w, p * p * c).scatter(1, flat[..., None].expand_as(out), out)
    return out.view(b, f, h, w, p, p, c).permute(0, 6, 1, 2, 4, 3, 5).reshape(b, c, f, height, width)


def causal_mask(frames: int, tokens: int, block: int) -> Tensor | None:
    """Mask ``[N, N]`` that lets a frame see its own block of ``block`` frames and those before; none for block 1."""
    if block <= 1:
        return None
    row = torch.arange(frames).repeat_interleave(tokens) // block
    return torch.where(row[None] <= row[:, None], 0.0, float("-inf"))
