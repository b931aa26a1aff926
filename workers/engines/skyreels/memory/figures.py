"""What the models of the catalogue weigh: real configurations made on the meta device, where nothing is computed.

    python -m workers.engines.skyreels.memory.figures

writes `figures.json`, from which the planner reads without torch. Weights are counted; working memory is the highest
sum of tensors that live at once during one forward pass, which is the same on any device.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, SkyReelsV2Transformer3DModel
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from workers.engines.skyreels import cards
from workers.engines.skyreels.memory.planner import FIGURES, Figures
from workers.engines.skyreels.memory.transformer import with_rows

HALF, FULL = 2, 4  # bytes of a number in bfloat16 and in float32
TOKENS_OF_TEXT = 512
# Enough for the parts that grow with the size to outweigh those that do not.
SIDE_LATENTS, FRAME_LATENTS = 24, 9

# As the repositories' config.json have them.
TRANSFORMERS: dict[str, dict[str, Any]] = {
    "1.3B": {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30},
    "14B": {"num_attention_heads": 40, "ffn_dim": 13824, "num_layers": 40},
}
COMMON = {"attention_head_dim": 128, "in_channels": 16, "out_channels": 16, "text_dim": 4096, "freq_dim": 256}
TEXT = {"vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64}
SIGHT = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16}


class Attention(TorchFunctionMode):
    """Attention as the fused kernels of a card do it: the answer, and no matrix of tokens by tokens."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.nn.functional.scaled_dot_product_attention:
            return torch.empty_like(kwargs["query"] if "query" in kwargs else args[0])
        return func(*args, **kwargs)


class Peak(TorchDispatchMode):
    """Counts the bytes of the tensors that operations make, as long as they live."""

    def __init__(self, weights: torch.nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.weights = {_reference(t).cdata for t in _tensors(weights)}
        self.living: dict[int, tuple[Any, int]] = {}
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                reference = _reference(tensor)
                if reference.cdata not in self.weights:
                    self.living[reference.cdata] = (reference, tensor.untyped_storage().nbytes())
        self.living = {key: entry for key, entry in self.living.items() if not entry[0].expired()}
        self.bytes = max(self.bytes, sum(size for _, size in self.living.values()))
        return made


def measure(card: cards.ModelCard) -> Figures:
    """Weigh the model of one row; raises KeyError where its configuration is not published."""
    if card.embedded:
        transformer, vae, text, sight = _shipped(card.embedded)
    else:
        with torch.device("meta"):
            transformer, vae, text, sight = parts_of(card)
    return weigh(transformer, vae, text, sight, forcing=card.variant == "df")


def parts_of(card: cards.ModelCard) -> tuple[Any, Any, Any, Any]:
    """Return a model's transformer, VAE, text encoder and, of image models, picture encoder, in their real
    configurations, on the device and in the type that torch makes them in; raises KeyError for one that is not known.
    """
    image = card.variant == "i2v"
    size = TRANSFORMERS[card.parameters]
    width = size["num_attention_heads"] * COMMON["attention_head_dim"]
    extra = {"in_channels": 36, "image_dim": 1280, "added_kv_proj_dim": width} if image else {}
    inject = card.variant == "df" and card.parameters == "1.3B"
    transformer = SkyReelsV2Transformer3DModel(**(COMMON | size | extra), inject_sample_info=inject)
    text = UMT5EncoderModel(UMT5Config(**TEXT, feed_forward_proj="gated-gelu"))
    sight = CLIPVisionModel(CLIPVisionConfig(**SIGHT, image_size=224, patch_size=14)) if image else None
    return transformer, AutoencoderKLWan(), text, sight


def weigh(transformer: Any, vae: Any, text: Any, sight: Any, *, forcing: bool) -> Figures:
    """Weigh the parts of a model, which are on the meta device."""
    fp32 = set(transformer._keep_in_fp32_modules)
    block = sum(p.numel() for p in transformer.blocks[0].parameters())
    weights = sum(
        p.numel() * (FULL if any(part in name for part in fp32) else HALF) for name, p in transformer.named_parameters()
    )
    per_token = bytes_per_token(with_rows(transformer), forcing)
    decode, cache = _decoding(vae)
    return Figures(
        transformer_bytes=weights,
        block_bytes=block * HALF,
        blocks=len(transformer.blocks),
        text_bytes=_count(text) * HALF,
        text_block_bytes=_count(text.encoder.block[0]) * HALF,
        text_blocks=len(text.encoder.block),
        vae_bytes=_count(vae) * FULL,
        sight_bytes=_count(sight) * HALF if sight is not None else 0,
        bytes_per_token=per_token,
        decode_bytes_per_pixel=decode,
        cache_bytes_per_pixel=cache,
        spatial_factor=2 ** len(vae.config.temperal_downsample),
        latent_channels=vae.config.z_dim,
        layer_bytes=_largest_layer(transformer),
        text_layer_bytes=_largest_layer(text),
        width=transformer.config.num_attention_heads * transformer.config.attention_head_dim,
        heads=transformer.config.num_attention_heads,
        patch_area=math.prod(transformer.config.patch_size),
    )


@torch.no_grad()
def bytes_per_token(transformer: Any, forcing: bool) -> int:
    """Return the working memory of one pass for each token, the attention's kernels left out."""
    torch.nn.Module.to(transformer, torch.bfloat16)  # the class's own method warns about what is not computed here
    config = transformer.config
    shape = (1, config.in_channels, FRAME_LATENTS, SIDE_LATENTS, SIDE_LATENTS)
    _, high, wide = config.patch_size
    tokens = FRAME_LATENTS * (SIDE_LATENTS // high) * (SIDE_LATENTS // wide)
    times = (1, FRAME_LATENTS) if forcing else (1,)
    with torch.device("meta"):
        asked: dict[str, Any] = {
            "hidden_states": torch.empty(shape, dtype=torch.bfloat16),
            "timestep": torch.empty(times, dtype=torch.long),
            "encoder_hidden_states": torch.empty((1, TOKENS_OF_TEXT, config.text_dim), dtype=torch.bfloat16),
        }
        if config.image_dim:
            asked["encoder_hidden_states_image"] = torch.empty((1, 257, config.image_dim), dtype=torch.bfloat16)
        with Attention(), Peak(transformer) as peak:
            transformer(**asked, enable_diffusion_forcing=forcing, fps=[1], return_dict=False)
    return int(-(-peak.bytes // tokens))


@torch.no_grad()
def _decoding(vae: Any) -> tuple[int, int]:
    """Return the working memory and the size of the cache for each pixel, when latents are decoded one by one."""
    pixels = (SIDE_LATENTS * 2 ** len(vae.config.temperal_downsample)) ** 2
    cache: list[Any] = [None] * int(vae._cached_conv_counts["decoder"])
    with torch.device("meta"):
        latent = torch.empty((1, vae.config.z_dim, 1, SIDE_LATENTS, SIDE_LATENTS))
        with Attention(), Peak(vae) as peak:
            for first in (True, False, False):
                vae.decoder(vae.post_quant_conv(latent), feat_cache=cache, feat_idx=[0], first_chunk=first)
    kept = sum(entry.numel() * entry.element_size() for entry in cache if isinstance(entry, torch.Tensor))
    return -(-(peak.bytes - kept) // pixels), -(-kept // pixels)


def _shipped(folder: Path) -> tuple[Any, Any, Any, None]:
    with torch.device("meta"):
        transformer = SkyReelsV2Transformer3DModel.from_config(
            SkyReelsV2Transformer3DModel.load_config(folder, subfolder="transformer")
        )
        vae = AutoencoderKLWan.from_config(AutoencoderKLWan.load_config(folder, subfolder="vae"))
        text = UMT5EncoderModel(UMT5Config.from_pretrained(folder, subfolder="text_encoder"))
    return transformer, vae, text, None


def _largest_layer(module: torch.nn.Module) -> int:
    return HALF * max(sum(p.numel() for p in layer.parameters(recurse=False)) for layer in module.modules())


def _count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _reference(tensor: torch.Tensor) -> Any:
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]


def _tensors(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def measure_all() -> dict[str, dict[str, int]]:
    """Weigh every model that can be had, by id."""
    return {card.id: dataclasses.asdict(measure(card)) for card in cards.all() if card.released}


if __name__ == "__main__":
    FIGURES.write_text(json.dumps(measure_all(), indent=1) + "\n", encoding="utf-8")
