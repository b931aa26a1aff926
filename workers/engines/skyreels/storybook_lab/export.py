"""From training files to a diffusers folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline, UniPCMultistepScheduler

from ..nano_lab.export import SAMPLING, SHIFT
from ..nano_lab.transformer import layers_of
from . import text, transformer, vae, world

LIMITS = "Draws people, cats, dogs, birds, balloons, boats, cars and shapes, best one at a time."
# What the model makes of one frame.
STILLS = {
    "examples": [
        "a girl in a yellow dress stands at the beach at sunset",
        "a white dog sits in the forest",
        "a red sailboat on the sea at night",
        "a man in a blue jacket stands in the old town",
        "an orange cat sits in the living room",
        "a woman in a green dress, close-up",
    ],
    "limits": "Small pages of a picture book, 256 pixels and a little more; enlarge what you keep.",
}

SHIPPED = Path(__file__).resolve().parent.parent / "storybook"
BEGUN = Path(__file__).resolve().parent / "begun" / SHIPPED.name  # to be trained on before it is offered


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
    """Write the float16 folder and its ``world.json``; other files of ``target`` stay. Returns the size in bytes."""
    return write(pipeline(root), target)


def write(pipe: Any, target: Path) -> int:
    """Write a pipeline as :func:`export` does."""
    for part in (pipe.vae, pipe.transformer, pipe.text_encoder):
        for p in part.parameters():
            p.data = p.data.contiguous()
    for folder in ("vae", "transformer", "text_encoder", "tokenizer", "scheduler"):
        shutil.rmtree(target / folder, ignore_errors=True)
    pipe.to(dtype=torch.float16)
    pipe.save_pretrained(target)
    (target / "world.json").write_text(json.dumps(description(), indent=2) + "\n", encoding="utf-8")
    return sum(f.stat().st_size for f in target.rglob("*") if f.is_file())


def description() -> dict[str, Any]:
    """What programs need to know about the model without loading it."""
    return {
        "sizes": {ratio: list(size) for ratio, size in world.SIZES.items()},
        "fps": world.FPS,
        **SAMPLING,
        "examples": list(world.EXAMPLES),
        "limits": LIMITS,
        "stills": STILLS,
    }
