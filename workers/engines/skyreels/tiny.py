"""SkyReels-V2 in miniature with random weights: the real classes of every model type, for tests and benchmarks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from diffusers import AutoencoderKLWan, SkyReelsV2Transformer3DModel, UniPCMultistepScheduler
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from workers.engines.skyreels.cards import Variant
from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.memory.transformer import with_rows
from workers.engines.skyreels.sampler.conditions import IMAGE_MODEL_SEQUENCE

HEADS, HEAD, CHANNELS = 2, 12, 3
WIDE_HEADS, WIDE_HEAD, WIDE_CHANNELS = 6, 64, 32
TEXT, PICTURE = 32, 8


class LetterTokenizer:
    """Stands in for SentencePiece: one token a letter."""

    model_max_length = 512

    def __call__(self, prompts: list[str], max_length: int = 16, **_: Any) -> SimpleNamespace:
        """Return ids and mask, int64 [B, max_length]."""
        ids = torch.zeros(len(prompts), max_length, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            letters = [*[c % 90 + 2 for c in prompt.encode()][: max_length - 1], 1]
            ids[row, : len(letters)] = torch.tensor(letters)
        return SimpleNamespace(input_ids=ids, attention_mask=(ids > 0).long())


def components(
    variant: Variant = "df",
    *,
    inject: bool = False,
    layers: int = 2,
    seed: int = 0,
    wide: bool = False,
    heads: int | None = None,
) -> Components:
    """Return a small model of a kind with random weights, the same ones for the same `seed`.

    `inject` adds the embedding of the frame rate, which the 1.3B diffusion forcing model has; `wide` takes as many
    channels as keep a processor busy, for benchmarks; `heads` is another number of attention heads. The state of the
    global generator, which the constructors draw from, is put back.
    """
    usual, head, channels = (WIDE_HEADS, WIDE_HEAD, WIDE_CHANNELS) if wide else (HEADS, HEAD, CHANNELS)
    heads = heads or usual
    image = variant == "i2v"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = AutoencoderKLWan(
            base_dim=channels,
            z_dim=16,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
        )
        transformer = SkyReelsV2Transformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=heads,
            attention_head_dim=head,
            in_channels=36 if image else 16,
            out_channels=16,
            text_dim=TEXT,
            freq_dim=256,
            ffn_dim=2 * heads * head if wide else 32,
            num_layers=layers,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=512,
            inject_sample_info=inject,
            image_dim=PICTURE if image else None,
            added_kv_proj_dim=heads * head if image else None,
        )
        text = UMT5EncoderModel(UMT5Config(vocab_size=300, d_model=TEXT, d_kv=8, d_ff=37, num_layers=2, num_heads=4))
        sight = CLIPVisionModel(_sight()) if image else None
    with_rows(transformer)
    for module in (vae, transformer, text, sight):
        if module is not None:
            module.eval().requires_grad_(False)
    scheduler = UniPCMultistepScheduler(flow_shift=8.0, use_flow_sigmas=True, prediction_type="flow_prediction")
    return Components(
        transformer=transformer,
        vae=vae,
        text_encoder=text,
        tokenizer=LetterTokenizer(),
        scheduler_config=dict(scheduler.config),
        device=torch.device("cpu"),
        revision=f"tiny-{variant}-{inject}-{layers}-{seed}-{wide}-{heads}",
        max_sequence_length=IMAGE_MODEL_SEQUENCE if image else 16,
        image_encoder=sight,
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32) if image else None,
    )


def _sight() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=PICTURE,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
    )
