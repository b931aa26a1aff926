"""Tiny models with random weights in the real classes, and the nano model loaded once."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, SkyReelsV2Transformer3DModel, UniPCMultistepScheduler
from transformers import UMT5Config, UMT5EncoderModel

from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.models import Components, Pool
from workers.engines.skyreels.spec import VideoSpec


class LetterTokenizer:
    """Stands in for SentencePiece: one token a letter."""

    model_max_length = 512

    def __call__(self, prompts, padding=None, max_length=16, **_):
        ids = torch.zeros(len(prompts), max_length, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            letters = [*[c % 90 + 2 for c in prompt.encode()][: max_length - 1], 1]
            ids[row, : len(letters)] = torch.tensor(letters)
        return SimpleNamespace(input_ids=ids, attention_mask=(ids > 0).long())


def tiny_components(*, inject=False, layers=2, image_channels=0) -> Components:
    """Return a two-layer SkyReels-V2 with random weights, the same ones every time."""
    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    transformer = SkyReelsV2Transformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16 + image_channels,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=layers,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=512,
        inject_sample_info=inject,
    )
    text = UMT5EncoderModel(UMT5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4))
    for module in (vae, transformer, text):
        module.eval().requires_grad_(False)
    scheduler = UniPCMultistepScheduler(flow_shift=8.0, use_flow_sigmas=True, prediction_type="flow_prediction")
    return Components(
        transformer=transformer,
        vae=vae,
        text_encoder=text,
        tokenizer=LetterTokenizer(),
        scheduler_config=dict(scheduler.config),
        device=torch.device("cpu"),
        revision=f"tiny-{inject}-{layers}",
        max_sequence_length=16,
    )


def tiny_spec(prompt="a cat", **values) -> VideoSpec:
    """Return a spec that runs in well under a second on the tiny model."""
    small = {
        "width": 32,
        "height": 32,
        "num_frames": 9,
        "base_num_frames": 9,
        "overlap_history": 5,
        "steps": 3,
        "shift": 8.0,
        "fps": 24,
    }
    return VideoSpec.for_model("nano", prompt, **(small | {"guidance_scale": 6.0, "seed": 7} | values))


@pytest.fixture(scope="session")
def tiny() -> Components:
    return tiny_components()


@pytest.fixture
def tiny_engine(tiny) -> SkyReelsEngine:
    pool = Pool()
    pool.put("nano", tiny)
    return SkyReelsEngine("nano", pool)


@pytest.fixture(scope="session")
def nano() -> SkyReelsEngine:
    engine = SkyReelsEngine("nano")
    engine.load()
    return engine


def whole(windows) -> np.ndarray:
    """Join the frames of windows to one film [T, H, W, 3]."""
    return np.concatenate([window.frames for window in windows])
