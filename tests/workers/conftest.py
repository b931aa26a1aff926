"""Tiny models with random weights in the real classes, and the nano model loaded once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from workers.engines.skyreels import cards
from workers.engines.skyreels.cards import Variant
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.memory.pool import Pool
from workers.engines.skyreels.request.spec import VideoSpec
from workers.engines.skyreels.tiny import components as tiny_components

T2V, I2V = "SkyReels-V2-T2V-14B-540P", "SkyReels-V2-I2V-14B-540P"


def tiny_spec(prompt="a cat", model="nano", **values) -> VideoSpec:
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
    return VideoSpec.for_model(model, prompt, **(small | {"guidance_scale": 6.0, "seed": 7} | values))


def repository(place: Path, variant: Variant = "df") -> Path:
    """Write a tiny model as a repository in diffusers' layout, with nano's tokenizer; return its folder."""
    parts = tiny_components(variant)
    for name in ("transformer", "vae", "text_encoder", "image_encoder", "image_processor"):
        if (part := getattr(parts, name)) is not None:
            part.save_pretrained(place / name)
    parts.scheduler(5.0).save_pretrained(place / "scheduler")
    shutil.copytree(cards.NANO / "tokenizer", place / "tokenizer")
    shutil.copy(cards.NANO / "model_index.json", place)
    return place


@pytest.fixture(scope="session")
def tiny() -> Components:
    return tiny_components()


@pytest.fixture
def tiny_engine(tiny) -> SkyReelsEngine:
    pool = Pool()
    pool.put("nano", tiny)
    pool.put(T2V, tiny_components("t2v"))
    pool.put(I2V, tiny_components("i2v"))
    return SkyReelsEngine("nano", pool)


@pytest.fixture(scope="session")
def nano() -> SkyReelsEngine:
    engine = SkyReelsEngine("nano")
    engine.load()
    return engine


def last_latents(engine, spec, inputs=None) -> torch.Tensor:
    """Return the newest latents of a film, all of them where it is short."""
    return list(engine.stream(spec, inputs=inputs))[-1].checkpoint.latents


def picture(seed=0, width=32, height=32) -> np.ndarray:
    """Return a random picture [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def whole(windows) -> np.ndarray:
    """Join the frames of windows to one film [T, H, W, 3]."""
    return np.concatenate([window.frames for window in windows])
