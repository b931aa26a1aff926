"""Measures a diffusers folder on combinations that training never sees, with the library's own pipelines."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import SkyReelsV2DiffusionForcingImageToVideoPipeline, SkyReelsV2DiffusionForcingPipeline
from PIL import Image

from ..nano_lab.export import GUIDANCE, PICTURE_GUIDANCE, SHIFT, STEPS
from . import captions, paint, score, world

SIZE = (256, 256)
BATCH = 4
PADDED_WORDS = 64
Scores = dict[str, float]
MODES: dict[str, tuple[Callable[..., world.Spec], dict[str, Any]]] = {
    "drawn": (world.sample, {}),
    "text": (world.sample, {}),
    "free": (world.sample, {}),
    "pair": (world.sample_pair, {}),
    "camera": (world.sample_camera, {}),
    "async": (world.sample, {"ar_step": 4, "causal_block_size": 2}),
    "image": (world.sample, {}),
}


def measure(folder: Path, mode: str, n: int, seed: int = 1) -> Scores:
    """Parts of ``n`` clips that show what was asked for, each attribute by itself and all together.

    Args:
        folder: of the model; ``drawn`` does without it.
        mode: one of :data:`MODES`: drawn clips, which tell what the reader misses; canonical sentences; free ones; two
            figures; cameras; the asynchronous schedule; or a drawn first frame, of which also the decibels are told.
        n: clips.
        seed: of prompts and noise.
    """
    draw, options = MODES[mode]
    rng = random.Random(seed)
    specs = [draw(rng, True) for _ in range(n)]
    drawn = [paint.film(spec, world.WINDOW, SIZE, rng)[0] for spec in specs]
    made = drawn if mode == "drawn" else clips(folder, mode, specs, drawn, seed, **options)
    rows = [score.agreement(score.read(clip), spec) for clip, spec in zip(made, specs, strict=True)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
    out["all"] = float(np.mean([all(row.values()) for row in rows]))
    if mode == "image":
        out["dB"] = float(np.median([_decibels(clip[0], true[0]) for clip, true in zip(made, drawn, strict=True)]))
    return out


@torch.no_grad()
def clips(
    folder: Path, mode: str, specs: Sequence[world.Spec], drawn: Sequence[paint.Bytes], seed: int, **options: Any
) -> list[paint.Bytes]:
    """What the model makes of specs, of ``drawn`` first frames in the mode ``image``."""
    pictures = mode == "image"
    cls = SkyReelsV2DiffusionForcingImageToVideoPipeline if pictures else SkyReelsV2DiffusionForcingPipeline
    pipe = cls.from_pretrained(folder, torch_dtype=torch.float32)
    pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, flow_shift=SHIFT)
    pipe.set_progress_bar_config(disable=True)
    rng, made = random.Random(seed), []
    batch = 1 if pictures else BATCH
    for i in range(0, len(specs), batch):
        part = specs[i : i + batch]
        prompts = [captions.caption(spec, rng) if mode == "free" else captions.canonical(spec) for spec in part]
        given = {"image": Image.fromarray(drawn[i][0])} if pictures else {}
        frames = pipe(
            prompt=prompts,
            generator=[torch.Generator().manual_seed(seed * 100003 + i + k) for k in range(len(part))],
            width=SIZE[0],
            height=SIZE[1],
            num_frames=world.WINDOW,
            base_num_frames=world.WINDOW,
            num_inference_steps=STEPS,
            guidance_scale=PICTURE_GUIDANCE if pictures else GUIDANCE,
            max_sequence_length=PADDED_WORDS,
            output_type="np",
            **{"causal_block_size": 1, **given, **options},
        ).frames
        made += [(clip * 255).round().astype(np.uint8) for clip in np.asarray(frames)]
    return made


def _decibels(a: paint.Bytes, b: paint.Bytes) -> float:
    return float(-10 * np.log10(np.mean((a / 255.0 - b / 255.0) ** 2) + 1e-9))
