"""From training files to the shipped diffusers folder, and back."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline, UniPCMultistepScheduler
from safetensors.torch import load_file

from . import text, transformer, vae, world
from .store import atomic_save

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).resolve().parent.parent / "nano"
STEPS, GUIDANCE, SHIFT = 16, 4.0, 3.0
PICTURE_GUIDANCE = 2.5  # more makes words count for more than the last picture, less blurs shapes
LIMITS = "Best with one simple shape; two shapes or camera moves may go wrong."
BASE_FRAMES, OVERLAP = 21, 9
# What programs take for what is left open.
SAMPLING: dict[str, Any] = {
    "base_num_frames": BASE_FRAMES,
    "overlap_history": OVERLAP,
    "steps": STEPS,
    "guidance_scale": GUIDANCE,
    "picture_guidance_scale": PICTURE_GUIDANCE,
    "shift": SHIFT,
}
# What the model makes of one frame.
STILLS: dict[str, Any] = {
    "sizes": {"4:3": [128, 96]},
    "examples": [
        "a red star in the night sky",
        "a white heart at sunset",
        "a yellow circle over the sea",
        "a purple square over the city",
        "a green circle in the blue sky",
        "an orange triangle over a green meadow",
    ],
    "limits": "Small pictures of one simple shape, 128 pixels and a little more; enlarge what you keep.",
}


def pipeline(root: Path) -> Any:
    """The pipeline of a training directory, in float32."""
    state = torch.load(root / "transformer.pt", weights_only=True)
    autoencoder = vae.load(root / "vae.pt")
    autoencoder.register_to_config(latents_mean=state["mean"].tolist(), latents_std=state["std"].tolist())
    encoder = text.train(root / "text.pt")
    encoder.load_state_dict(state["reader"], strict=False)
    model = transformer.build(layers=transformer.layers_of(state["raw"]))
    model.load_state_dict({**state["raw"], **state["average"]})
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=SHIFT
    )
    return SkyReelsV2DiffusionForcingPipeline(
        tokenizer=text.tokenizer(),
        text_encoder=encoder,
        transformer=model.eval(),
        vae=autoencoder,
        scheduler=scheduler,
    )


def export(root: Path, target: Path = SHIPPED) -> int:
    """Write the float16 folder and its ``world.json``; other files of ``target`` stay. Returns the size in bytes."""
    pipe = pipeline(root)
    for part in (pipe.vae, pipe.transformer, pipe.text_encoder):
        for p in part.parameters():
            p.data = p.data.contiguous()
    for folder in ("vae", "transformer", "text_encoder", "tokenizer", "scheduler"):
        shutil.rmtree(target / folder, ignore_errors=True)
    pipe.to(dtype=torch.float16)
    pipe.save_pretrained(target)
    (target / "world.json").write_text(json.dumps(description(), indent=2) + "\n")
    return sum(f.stat().st_size for f in target.rglob("*") if f.is_file())


def description() -> dict[str, Any]:
    """What programs need to know about the model without loading it."""
    return {
        "colours": list(world.COLOURS),
        "shapes": list(world.SHAPES),
        "motions": list(world.MOTIONS),
        "scenes": list(world.SCENES),
        "sizes": {k: list(v) for k, v in world.SIZES.items()},
        "fps": world.FPS,
        **SAMPLING,
        "examples": list(world.EXAMPLES),
        "limits": LIMITS,
        "stills": STILLS,
    }


def unpack(source: Path, root: Path, steps: int = 0) -> None:
    """Training files from a shipped folder, so that a fresh machine can train on.

    Optimisers start anew, averages become the raw weights, the autoencoder counts as finished after ``steps``.

    Files that ``root`` already has are kept.
    """
    reader = _weights(source / "text_encoder")
    if not (root / "text.pt").exists():
        atomic_save({"encoder": reader}, root / "text.pt")
    if not (root / "vae.pt").exists():
        weights = _weights(source / "vae")
        atomic_save(
            {"raw": weights, "average": weights, "muon": None, "adam": None, "step": steps, "seconds": 1e9},
            root / "vae.pt",
        )
    if not (root / "transformer.pt").exists():
        weights = _weights(source / "transformer")
        config = json.loads((source / "vae" / "config.json").read_text())
        stats = {"mean": torch.tensor(config["latents_mean"]), "std": torch.tensor(config["latents_std"])}
        state = {"raw": weights, "average": weights, "muon": None, "adam": None, "step": 0, "seconds": 0.0}
        atomic_save(state | stats | {"reader": reader, "raw_reader": reader}, root / "transformer.pt")


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    (file,) = folder.glob("*.safetensors")
    return {k: v.float() for k, v in load_file(file).items()}
