"""What MuseTalk weighs: its published configurations made on the meta device, where nothing is computed.

    python -m workers.engines.musetalk.figures

writes `figures.json`, from which the planner reads without torch. See skyreels/memory/figures.py for how it counts.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from workers.engines.musetalk import hearing
from workers.engines.musetalk.faces import SIDE
from workers.engines.musetalk.networks import LATENT
from workers.engines.musetalk.plan import FIGURES, Figures
from workers.engines.skyreels.memory.figures import FULL, HALF, Attention, Peak

# As musetalkV15/musetalk.json, sd-vae-ft-mse/config.json and whisper-tiny/config.json have them; what is not named is
# as the classes have it.
UNET: dict[str, Any] = {
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 384,
    "in_channels": 2 * LATENT,
    "layers_per_block": 2,
    "out_channels": LATENT,
    "sample_size": 64,
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": LATENT,
    "sample_size": SIDE,
}
EAR: dict[str, Any] = {"d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536}
SQUEEZED = 8  # pixels of a latent's side
MELS, MEL_FRAMES = 80, 3000


@torch.no_grad()
def measure() -> Figures:
    """Weigh the networks, and what each needs for one frame."""
    side, states = SIDE // SQUEEZED, (hearing.BEFORE + hearing.AFTER) * (EAR["encoder_layers"] + 1)
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE)
        for network in (unet, vae):
            torch.nn.Module.to(network, torch.float16)  # the classes' own method warns
        ear = WhisperEncoder(WhisperConfig(**EAR))
        faces = torch.empty(2, 3, SIDE, SIDE, dtype=torch.float16)  # masked and whole
        latents = torch.empty(1, LATENT, side, side, dtype=torch.float16)
        seen = torch.empty(1, 2 * LATENT, side, side, dtype=torch.float16)
        heard = torch.empty(1, states, EAR["d_model"], dtype=torch.float16)
        sound = torch.empty(1, MELS, MEL_FRAMES)
        return Figures(
            unet_bytes=_count(unet) * HALF,
            vae_bytes=_count(vae) * HALF,
            ear_bytes=_count(ear) * FULL,
            listening_bytes=_peak(ear, lambda: ear(sound, output_hidden_states=True)),
            encoding_bytes=_peak(vae, lambda: vae.encode(faces)),
            painting_bytes=_peak(unet, lambda: unet(seen, torch.zeros(1), encoder_hidden_states=heard)),
            decoding_bytes=_peak(vae, lambda: vae.decode(latents)),
            blocks=tuple(UNET["block_out_channels"]),
        )


def _peak(module: torch.nn.Module, work: Any) -> int:
    with Attention(), Peak(module) as peak:
        work()
    return int(peak.bytes)


def _count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


if __name__ == "__main__":
    FIGURES.write_text(json.dumps(dataclasses.asdict(measure()), indent=1) + "\n", encoding="utf-8")
