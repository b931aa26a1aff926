"""From training files to a diffusers folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline, UniPCMultistepScheduler

from ..nano_lab.export import SHIFT
from ..nano_lab.transformer import layers_of
from . import text, transformer, vae

SHIPPED = Path(__file__).resolve().parent.parent / "storybook"


def pipeline(root: Path) -> Any:
    """The pipeline of a training directory, in float32."""
    state = torch.load(root / "transformer.pt", map_location="cpu", weights_only=True)
    autoencoder = vae.load(root / "vae.pt")
    autoencoder.register_to_config(latents_mean=state["mean"].tolist(), latents_std=state["std"].tolist())
    encoder = text.train(root / "text.pt")
    encoder.load_state_dict(state["reader"], strict=False)
    model = transformer.build(layers=layers_of(state["raw"]))
    model.load_state_dict({**state["raw"], **state["average"]})
    scheduler = UniPCMultistepScheduler(
        prediction_type=transformer.PREDICTS, use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=SHIFT
    )
    return SkyReelsV2DiffusionForcingPipeline(text.tokenizer(), encoder, model.eval(), autoencoder, scheduler)


def export(root: Path, target: Path) -> int:
    """Write the float16 folder; other files of ``target`` stay. Returns the size in bytes."""
    pipe = pipeline(root)
    for part in (pipe.vae, pipe.transformer, pipe.text_encoder):
        for p in part.parameters():
            p.data = p.data.contiguous()
    for folder in ("vae", "transformer", "text_encoder", "tokenizer", "scheduler"):
        shutil.rmtree(target / folder, ignore_errors=True)
    pipe.to(dtype=torch.float16)
    pipe.save_pretrained(target)
    return sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
