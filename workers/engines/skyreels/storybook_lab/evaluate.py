"""Measures a diffusers folder on combinations that training never sees, with the library's own pipelines.

Latents are decoded by :func:`.vae.decode`, which computes what the library does in a fraction of the time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    SkyReelsV2DiffusionForcingImageToVideoPipeline,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2DiffusionForcingVideoToVideoPipeline,
)
from PIL import Image

from ..nano_lab.evaluate import OVERLAP, PADDED_WORDS
from ..nano_lab.export import GUIDANCE, PICTURE_GUIDANCE, SHIFT, STEPS
from . import captions, paint, score, vae, world

SIZE = (256, 256)
BATCH = 4
WINDOWS = 10
LONG = world.WINDOW + (WINDOWS - 1) * (world.WINDOW - OVERLAP)
Scores = dict[str, float]


def _staying(rng: random.Random, held_out: bool = False) -> world.Spec:
    """A spec whose figure is still in the picture after many windows."""
    while True:
        spec = world.sample(rng, held_out)
        if spec.action not in world.GOES:
            return spec


def _somebody(rng: random.Random, held_out: bool = False) -> world.Spec:
    """A spec of a person, for its sheet."""
    return world.sample(rng, held_out, world.PEOPLE)


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to use the model: which specs are asked for, how they are told, and what the pipeline is given.

    ``given`` names what comes from a drawn clip: its first frame (``image``), that and its last one (``end``), or its
    first frames (``history``). ``judged`` are the attributes that make up ``all``; without them it is all there are.
    """

    draw: Callable[[random.Random, bool], world.Spec] = world.sample
    tell: Callable[[world.Spec, random.Random], str] = lambda spec, rng: captions.canonical(spec)
    given: str = ""
    frames: int = world.WINDOW
    judged: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


MODES: dict[str, Mode] = {
    "drawn": Mode(),
    "text": Mode(),
    "free": Mode(tell=captions.caption),
    "pair": Mode(world.sample_pair),
    "camera": Mode(world.sample_camera),
    "async": Mode(options={"ar_step": 4, "causal_block_size": 2}),
    "image": Mode(given="image", judged=("figure", "colour")),
    "end": Mode(_staying, given="end", judged=("figure", "colour")),
    "extension": Mode(_staying, given="history", judged=("figure", "colour")),
    "long": Mode(_staying, frames=LONG, judged=("figure", "colour")),
    "sheet": Mode(_somebody, tell=lambda spec, rng: captions.canonical(spec, looks=True)),
}


def measure(folder: Path, name: str, n: int, seed: int = 1) -> Scores:
    """Parts of ``n`` clips that show what was asked for, each attribute by itself and all together.

    Of a picture to begin or to end with also the decibels are told (medians); of a sheet, how often somebody looks the
    same in another scene, asked for in the same words with the same noise (``same``).

    Args:
        folder: of the model; ``drawn`` does without it.
        name: one of :data:`MODES`.
        n: clips.
        seed: of prompts and noise.
    """
    mode, rng = MODES[name], random.Random(seed)
    specs = [mode.draw(rng, True) for _ in range(n)]
    drawn = [paint.film(spec, world.WINDOW, SIZE, rng)[0] for spec in specs]
    made = drawn if name == "drawn" else clips(folder, mode, specs, drawn, seed)
    found = [score.read(clip[-world.WINDOW :]) for clip in made]
    rows = [score.agreement(each, spec) for each, spec in zip(found, specs, strict=True)]
    names = list(dict.fromkeys(part for row in rows for part in row))
    out = {part: float(np.mean([row[part] for row in rows if part in row])) for part in names}
    out["all"] = float(np.mean([all(row[part] for part in mode.judged or row) for row in rows]))
    if mode.given in ("image", "end"):
        out["first dB"] = float(
            np.median([_decibels(clip[0], true[0]) for clip, true in zip(made, drawn, strict=True)])
        )
    if mode.given == "end":
        out["last dB"] = float(
            np.median([_decibels(clip[-1], true[-1]) for clip, true in zip(made, drawn, strict=True)])
        )
    if name == "sheet":
        scenes = [world.PLACES[spec.figure] for spec in specs]
        away = [replace(s, scene=p[(p.index(s.scene) + 3) % len(p)]) for s, p in zip(specs, scenes, strict=True)]
        others = [score.read(clip) for clip in clips(folder, mode, away, drawn, seed)]
        out["look"] = float(np.mean([a is not None and a.look == s.look for a, s in zip(found, specs, strict=True)]))
        out["same"] = float(
            np.mean([a is not None and _looks(a) == _looks(b) for a, b in zip(found, others, strict=True)])
        )
    return out


def _looks(spec: world.Spec | None) -> tuple[str, ...]:
    return () if spec is None else (spec.figure, spec.colour, spec.look)


@torch.no_grad()
def clips(
    folder: Path, mode: Mode, specs: Sequence[world.Spec], drawn: Sequence[paint.Bytes], seed: int
) -> list[paint.Bytes]:
    """What the model makes of specs; ``drawn`` clips of theirs give the frames that a mode begins or ends with."""
    cls = {
        "": SkyReelsV2DiffusionForcingPipeline,
        "history": SkyReelsV2DiffusionForcingVideoToVideoPipeline,
    }.get(mode.given, SkyReelsV2DiffusionForcingImageToVideoPipeline)
    pipe = cls.from_pretrained(folder, torch_dtype=torch.float32)
    pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, flow_shift=SHIFT)
    pipe.set_progress_bar_config(disable=True)
    autoencoder = pipe.vae
    autoencoder.decode = lambda z, return_dict=False: (vae.decode(autoencoder, z).clamp(-1, 1),)
    rng, made = random.Random(seed), []
    batch = 1 if mode.given else BATCH
    for i in range(0, len(specs), batch):
        part = specs[i : i + batch]
        torch.manual_seed(seed * 100003 + i)  # of what is added to the history
        prompts = [mode.tell(spec, rng) for spec in part]
        noise = [torch.Generator().manual_seed(seed * 100003 + i + k) for k in range(len(part))]
        frames = pipe(
            prompt=prompts if batch > 1 else prompts[0],
            generator=noise if batch > 1 else noise[0],
            width=SIZE[0],
            height=SIZE[1],
            num_frames=mode.frames,
            base_num_frames=world.WINDOW,
            num_inference_steps=STEPS,
            guidance_scale=PICTURE_GUIDANCE if mode.given in ("image", "end") else GUIDANCE,
            max_sequence_length=PADDED_WORDS,
            output_type="np",
            **{"causal_block_size": 1, **_given(mode, drawn[i]), **mode.options},
        ).frames
        made += [(clip * 255).round().astype(np.uint8) for clip in np.asarray(frames)]
    # The pipeline that goes on with a clip gives the clip back first, then the new window with its overlap.
    return [clip[2 * OVERLAP :] for clip in made] if mode.given == "history" else made


def _given(mode: Mode, drawn: paint.Bytes) -> dict[str, Any]:
    frames = [Image.fromarray(frame) for frame in drawn]
    later = {"overlap_history": OVERLAP, "addnoise_condition": 20}
    given: dict[str, dict[str, Any]] = {
        "": later if mode.frames > world.WINDOW else {},
        "image": {"image": frames[0]},
        "end": {"image": frames[0], "last_image": frames[-1]},
        "history": {"video": frames[:OVERLAP], **later},
    }
    return given[mode.given]


def _decibels(a: paint.Bytes, b: paint.Bytes) -> float:
    return float(-10 * np.log10(np.mean((a / 255.0 - b / 255.0) ** 2) + 1e-9))
