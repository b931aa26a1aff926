"""What the picture models of the catalogue weigh: real configurations made on the meta device.

    python -m workers.engines.image.figures

writes `figures.json`, from which the planner reads without torch. See skyreels/memory/figures.py for how it counts.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderKLFlux2, Flux2Transformer2DModel, ZImageTransformer2DModel
from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3Model

from workers.engines.image.plan import FIGURES, Figures
from workers.engines.skyreels.memory.figures import HALF, Attention, Peak

SIDE = 64  # latents; enough for what grows with the size to outweigh what does not
WORDS = 512  # tokens
# As the repositories' config.json have them; what is not named is as the classes have it.
QWEN3_4B = {
    "vocab_size": 151936,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}
KLEIN = {
    "num_layers": 5,
    "num_single_layers": 20,
    "num_attention_heads": 24,
    "joint_attention_dim": 7680,
    "guidance_embeds": False,
}
FLUX_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 16,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}


@torch.no_grad()
def z_image() -> Figures:
    """Weigh Z-Image; Turbo has the same parts."""
    with torch.device("meta"):
        transformer = ZImageTransformer2DModel().to(torch.bfloat16)
        text, vae = Qwen3Model(Qwen3Config(**QWEN3_4B)), AutoencoderKL(**FLUX_VAE).to(torch.bfloat16)

    def peak(side: int) -> int:
        return _peak(
            transformer,
            x=[torch.empty(16, 1, side, side, dtype=torch.bfloat16)],
            t=torch.empty(1),
            cap_feats=[torch.empty(WORDS, 2560, dtype=torch.bfloat16)],
        )

    return _figures(transformer, text, vae, len(transformer.layers), *_line(peak))


@torch.no_grad()
def klein() -> Figures:
    """Weigh FLUX.2 klein 4B."""
    with torch.device("meta"):
        transformer = Flux2Transformer2DModel(**KLEIN).to(torch.bfloat16)
        text, vae = Qwen3ForCausalLM(Qwen3Config(**QWEN3_4B)), AutoencoderKLFlux2().to(torch.bfloat16)
        text.tie_weights()

    def peak(side: int) -> int:
        tokens = side * side // 4
        return _peak(
            transformer,
            hidden_states=torch.empty(1, tokens, 128, dtype=torch.bfloat16),
            timestep=torch.empty(1),
            encoder_hidden_states=torch.empty(1, WORDS, 7680, dtype=torch.bfloat16),
            txt_ids=torch.empty(1, WORDS, 4),
            img_ids=torch.empty(1, tokens, 4),
        )

    blocks = len(transformer.transformer_blocks) + len(transformer.single_transformer_blocks)
    return _figures(transformer, text, vae, blocks, *_line(peak))


def _line(peak: Any) -> tuple[int, int]:
    """Return what a token takes, and what is taken beside tokens, from two sizes."""
    with torch.device("meta"):
        small, large = peak(SIDE), peak(2 * SIDE)
    tokens = SIDE * SIDE // 4
    each = -(-(large - small) // (3 * tokens))
    return each, max(0, small - each * tokens)


def _peak(module: torch.nn.Module, **given: Any) -> int:
    with Attention(), Peak(module) as peak:
        module(**given, return_dict=False)
    return int(peak.bytes)


def _figures(transformer: Any, text: Any, vae: Any, blocks: int, per_token: int, fixed: int) -> Figures:
    with torch.device("meta"):
        latents = torch.empty(1, vae.config.latent_channels, SIDE, SIDE, dtype=torch.bfloat16)
        with Attention(), Peak(vae) as peak:
            vae.decode(latents)
    # Layerwise casting keeps what is no matrix of a layer, such as norms, in its own type: less than a thousandth.
    return Figures(
        transformer_bytes=_count(transformer) * HALF,
        eighth_bytes=_count(transformer),
        text_bytes=_count(text) * HALF,
        vae_bytes=_count(vae) * HALF,
        layer_bytes=_largest_layer(transformer),
        text_layer_bytes=_largest_layer(text),
        blocks=blocks,
        bytes_per_token=per_token,
        fixed_bytes=fixed,
        decode_bytes_per_pixel=-(-peak.bytes // (SIDE * 8) ** 2),
    )


def _largest_layer(module: torch.nn.Module) -> int:
    return HALF * max(sum(p.numel() for p in layer.parameters(recurse=False)) for layer in module.modules())


def _count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def measure_all() -> dict[str, dict[str, int]]:
    """Weigh every model that has files of its own, by id."""
    base = dataclasses.asdict(z_image())
    return {"Z-Image": base, "Z-Image-Turbo": base, "FLUX.2-klein-4B": dataclasses.asdict(klein())}


if __name__ == "__main__":
    FIGURES.write_text(json.dumps(measure_all(), indent=1) + "\n", encoding="utf-8")
