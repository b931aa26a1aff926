"""Causal attention over blocks of latents, as slices: nothing of the size tokens x tokens is ever made.

diffusers and the official script build a dense mask, 2.6 GB for 97 frames at 540P, and diffusers switches it on in the
model's configuration, where the next job finds it. Here the last keys of each block end with the block itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_skyreels_v2 import SkyReelsV2AttnProcessor, _get_qkv_projections

from workers.base import EngineError
from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.memory.trouble import lost_card
from workers.engines.skyreels.request.execution import attention_backend
from workers.engines.skyreels.sampler.sequence import Kernel, SequenceParallel

log = logging.getLogger(__name__)

NATIVE = "native"
# What "auto" tries: torch's kernels, and packages that may be there. Kernels from a hub are taken when they are named.
TRIED = (NATIVE, "_native_cudnn", "_native_flash", "flash", "_flash_3", "sage")
ROUNDS = 3
# How far an answer may be from that of torch's own kernels, in parts of its size: 8-bit kernels are near it.
FURTHEST = 0.05
_fastest: dict[tuple[Any, ...], str] = {}


class SelfAttention(SkyReelsV2AttnProcessor):  # type: ignore[misc]
    """Self-attention whose middle part, from queries, keys and values to what is seen, is a function."""

    def __init__(self, kernel: Kernel) -> None:
        """Take the function: three times [B, L, heads, head] to the same."""
        super().__init__()
        self.kernel = kernel

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Attend over `hidden_states` [B, L, D] with rotary tables of [1, L, 1, head]; any mask is ignored."""
        query, key, value = _get_qkv_projections(attn, hidden_states, None)
        query = attn.norm_q(query).unflatten(2, (attn.heads, -1))
        key = attn.norm_k(key).unflatten(2, (attn.heads, -1))
        value = value.unflatten(2, (attn.heads, -1))
        if rotary_emb is not None:
            query, key = _rotate(query, *rotary_emb), _rotate(key, *rotary_emb)
        seen = self.kernel(query, key, value).flatten(2, 3).type_as(query)
        answer: torch.Tensor = attn.to_out[1](attn.to_out[0](seen))
        return answer


def full(backend: Any) -> Kernel:
    """Let every token see every other one."""

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        seen: torch.Tensor = dispatch_attention_fn(query, key, value, backend=backend)
        return seen

    return attend


def block_causal(sizes: Sequence[int], backend: Any) -> Kernel:
    """Let a token see its own block and the blocks before; `sizes` of the blocks in tokens cover the sequence."""

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        pieces, end = [], 0
        for size in sizes:
            start, end = end, end + size
            pieces.append(dispatch_attention_fn(query[:, start:end], key[:, :end], value[:, :end], backend=backend))
        return torch.cat(pieces, dim=1)

    return attend


def choose_backend(models: Components, tokens: int) -> str:
    """Give the transformer the attention that this installation asks for, and return its name; "" where it has none.

    `tokens` are those of a window: "auto" measures the kernels that are here on a sequence of this length, once for a
    kind of model. Raises EngineError("attention_unknown") for a name that cannot be used here.
    """
    asked = attention_backend()
    if not asked:
        return ""
    name = asked
    if asked == "auto":
        config = models.transformer.config
        shape = (1, tokens, int(config.num_attention_heads), int(config.attention_head_dim))
        key = (str(models.device), models.transformer.dtype, shape)
        if key not in _fastest:
            _fastest[key] = fastest(shape, models.device, models.transformer.dtype)
        name = _fastest[key]
    try:
        models.transformer.set_attention_backend(name)
    except (ValueError, RuntimeError, ImportError) as error:
        text = f"CINEVIVID_ATTENTION names {name}, which cannot be used on this machine."
        raise EngineError("attention_unknown", text) from error
    return name


def fastest(
    shape: tuple[int, int, int, int],
    device: torch.device,
    dtype: torch.dtype,
    tried: Sequence[str] = TRIED,
    clock: Callable[[], float] = time.perf_counter,
) -> str:
    """Return which of the kernels `tried` is the fastest for queries of a `shape` [B, L, heads, head].

    Those that are not here, fail, or answer differently from torch's own are passed over.
    """
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(shape, generator=generator).to(device, dtype) for _ in range(3))
    expected = dispatch_attention_fn(query, key, value, backend=NATIVE)
    found: dict[str, float] = {}
    for name in tried:
        try:
            answer = dispatch_attention_fn(query, key, value, backend=name)
            away = (answer - expected).float().norm() / expected.float().norm()
            if not away <= FURTHEST:
                log.warning("Attention by %s differs by %.3f: not taken.", name, float(away))
                continue
            began = clock()
            for _ in range(ROUNDS):
                dispatch_attention_fn(query, key, value, backend=name)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            found[name] = clock() - began
        except Exception as error:
            if lost_card(error):
                raise
            log.info("Attention by %s cannot be used here: %s", name, error)
    log.info("Attention, seconds a pass: %s", {name: round(took / ROUNDS, 5) for name, took in found.items()})
    return min(found, key=lambda name: found[name], default=NATIVE)


@contextmanager
def self_attention(
    transformer: Any,
    blocks: Sequence[int] | None,
    tokens_per_latent: int,
    parallel: SequenceParallel | None = None,
) -> Iterator[None]:
    """Change self-attention inside, and put it back: causal over `blocks` (sizes in latents), shared by the ranks of
    `parallel`, or both; None: no change."""
    if blocks is None and parallel is None:
        yield
        return
    layers = [block.attn1 for block in transformer.blocks]
    before = [layer.processor for layer in layers]
    try:
        for layer, old in zip(layers, before, strict=True):
            backend = old._attention_backend
            sizes = [size * tokens_per_latent for size in blocks or ()]
            kernel = block_causal(sizes, backend) if blocks is not None else full(backend)
            layer.processor = SelfAttention(parallel.attention(kernel, blocks is not None) if parallel else kernel)
        yield
    finally:
        for layer, old in zip(layers, before, strict=True):
            layer.processor = old


def _rotate(states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Turn neighbouring pairs of channels by their positions' angles (RoFormer, arXiv:2104.09864)."""
    even, odd = states[..., 0::2], states[..., 1::2]
    cosine, sine = cosines[..., 0::2], sines[..., 1::2]
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return turned.flatten(-2).type_as(states)
