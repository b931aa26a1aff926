"""The picture pipelines in miniature with random weights: the real classes, for tests and benchmarks."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM, Qwen3Model

TEXT = 32
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def pipeline(name: str, seed: int = 0) -> Any:
    """Return a small pipeline of a class, "ZImagePipeline" or "Flux2KleinPipeline", with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = _z_image() if name == "ZImagePipeline" else _klein()
    for part in (made.transformer, made.vae, made.text_encoder):
        part.eval().requires_grad_(False)
    made.set_progress_bar_config(disable=True)
    return made


def _z_image() -> ZImagePipeline:
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=AutoencoderKL(**_vae(), latent_channels=16, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=Qwen3Model(_qwen(layers=2)),
        tokenizer=_tokenizer(),
        transformer=_z_transformer(),
    )


def _z_transformer() -> ZImageTransformer2DModel:
    made = ZImageTransformer2DModel(
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=TEXT,
        axes_dims=[8, 4, 4],
        axes_lens=[600, 32, 32],
    )
    # The pads are made empty, for a checkpoint to fill.
    for pad in (made.x_pad_token, made.cap_pad_token):
        torch.nn.init.zeros_(pad)
    return made


def _klein() -> Flux2KleinPipeline:
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKLFlux2(**_vae(), latent_channels=4),
        text_encoder=Qwen3ForCausalLM(_qwen(layers=28)),
        tokenizer=_tokenizer(),
        transformer=Flux2Transformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=3 * TEXT,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ),
        is_distilled=True,
    )


def _vae() -> dict[str, Any]:
    return {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
    }


def _qwen(layers: int) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=300,
        hidden_size=TEXT,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
    )


def _tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer with one token a byte, so that every word counts."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={"<pad>": 0} | {letter: i + 1 for i, letter in enumerate(letters)}, merges=[]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", chat_template=TEMPLATE)
