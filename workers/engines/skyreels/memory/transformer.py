"""SkyReels-V2's transformer with what diffusion forcing needs kept small.

Each latent frame has a noise level of its own, and with it six vectors that shift and scale what the blocks see
(adaptive layer norm, Peebles and Xie 2022, arXiv:2212.09748). diffusers copies these vectors to every token of the
frame, and again in float32 in every block. Here the tokens stand in rows, one for each frame, and the vectors of a
frame are broadcast over its row: the same numbers with less than half of the memory.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import SkyReelsV2Transformer3DModel
from diffusers.models.transformers.transformer_skyreels_v2 import SkyReelsV2Attention


class RowAttention(SkyReelsV2Attention):  # type: ignore[misc]
    """Attention of a block: where the tokens stand in rows, it takes them for the one sequence that they are."""

    in_rows = False

    def forward(self, hidden_states: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        """Attend from `hidden_states` [B, L, D], or [F, L / F, D] in rows; returns the same shape."""
        if not self.in_rows:
            answer: torch.Tensor = super().forward(hidden_states, *rest, **named)
            return answer
        seen = super().forward(hidden_states.reshape(1, -1, hidden_states.shape[2]), *rest, **named)
        rows: torch.Tensor = seen.reshape(hidden_states.shape)
        return rows


class RowTransformer(SkyReelsV2Transformer3DModel):  # type: ignore[misc]
    """The transformer of diffusers; of one film with levels of its own for each frame, the tokens stand in rows.

    With `rows` False it computes as diffusers does, which several ranks need: they cut a sequence anywhere.
    """

    rows = True

    def forward(
        self,
        hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        encoder_hidden_states_image: torch.Tensor | None = None,
        enable_diffusion_forcing: bool = False,
        fps: Any = None,
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answer as the class of diffusers does: latents [B, C, F, h, w] at levels [B] or [B, F]."""
        levels = enable_diffusion_forcing and timestep.dim() == 2 and len(timestep) == 1
        plain = self.config.num_frame_per_block == 1 and self.config.patch_size[0] == 1 and not attention_kwargs
        if not (self.rows and levels and plain):
            return super().forward(
                hidden_states,
                timestep,
                encoder_hidden_states,
                encoder_hidden_states_image,
                enable_diffusion_forcing,
                fps,
                return_dict,
                attention_kwargs,
            )
        answer = self._in_rows(hidden_states, timestep, encoder_hidden_states, encoder_hidden_states_image, fps)
        if return_dict:
            from diffusers.models.modeling_outputs import Transformer2DModelOutput

            return Transformer2DModelOutput(sample=answer)
        return (answer,)

    def _in_rows(
        self,
        latents: torch.Tensor,
        timestep: torch.Tensor,
        words: torch.Tensor,
        picture: torch.Tensor | None,
        fps: Any,
    ) -> torch.Tensor:
        _, _, frames, height, width = latents.shape
        _, high, wide = self.config.patch_size
        rotary = self.rope(latents)
        hidden = self.patch_embedding(latents).flatten(2).transpose(1, 2)
        level, vectors, words, picture = self.condition_embedder(timestep, words, picture)
        vectors = vectors.reshape(frames, 6, -1)
        if picture is not None:
            words = torch.cat([picture, words], dim=1)
        if self.config.inject_sample_info:
            rate = self.fps_embedding(torch.tensor(fps, dtype=torch.long, device=latents.device))
            vectors = vectors + self.fps_projection(rate).unflatten(1, (6, -1))
        hidden = hidden.reshape(frames, -1, hidden.shape[2])
        attentions = [module for module in self.modules() if isinstance(module, RowAttention)]
        for attention in attentions:
            attention.in_rows = True
        try:
            for block in self.blocks:
                hidden = block(hidden, words, vectors, rotary, None)
        finally:
            for attention in attentions:
                attention.in_rows = False
        shift, scale = (self.scale_shift_table + level.reshape(frames, 1, -1)).chunk(2, dim=1)
        shift, scale = shift.to(hidden.device), scale.to(hidden.device)
        hidden = (self.norm_out(hidden.float()) * (1 + scale) + shift).type_as(hidden)
        patches = self.proj_out(hidden).reshape(1, frames, height // high, width // wide, 1, high, wide, -1)
        answer: torch.Tensor = patches.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return answer


def with_rows(transformer: Any) -> Any:
    """Let a transformer of diffusers keep its tokens in rows; its weights stay where they are. Returns it."""
    if type(transformer) is SkyReelsV2Transformer3DModel:
        transformer.__class__ = RowTransformer
        for module in transformer.modules():
            if type(module) is SkyReelsV2Attention:
                module.__class__ = RowAttention
    return transformer
