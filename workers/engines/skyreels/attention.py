"""Causal attention over blocks of latents, as slices: nothing of the size tokens x tokens is ever made.

diffusers and the official script build a dense mask, 2.6 GB for 97 frames at 540P, and diffusers switches it on in the
model's configuration, where the next job finds it. Here the last keys of each block end with the block itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_skyreels_v2 import SkyReelsV2AttnProcessor, _get_qkv_projections


class BlockCausalProcessor(SkyReelsV2AttnProcessor):  # type: ignore[misc]
    """Self-attention in which a token sees the tokens of its own block and of the blocks before."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """Take the sizes of the blocks in tokens; together they cover the sequence."""
        super().__init__()
        self.sizes = tuple(sizes)

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
        pieces, end = [], 0
        for size in self.sizes:
            start, end = end, end + size
            pieces.append(
                dispatch_attention_fn(
                    query[:, start:end], key[:, :end], value[:, :end], backend=self._attention_backend
                )
            )
        joined = torch.cat(pieces, dim=1).flatten(2, 3).type_as(query)
        answer: torch.Tensor = attn.to_out[1](attn.to_out[0](joined))
        return answer


@contextmanager
def causal_attention(transformer: Any, blocks: Sequence[int] | None, tokens_per_latent: int) -> Iterator[None]:
    """Let self-attention be causal over `blocks` (sizes in latents) inside, and as it was outside; None: no change."""
    if blocks is None:
        yield
        return
    layers = [block.attn1 for block in transformer.blocks]
    before = [layer.processor for layer in layers]
    try:
        for layer, old in zip(layers, before, strict=True):
            layer.processor = BlockCausalProcessor([size * tokens_per_latent for size in blocks])
            layer.processor._attention_backend = old._attention_backend
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
