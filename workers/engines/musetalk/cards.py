"""MuseTalk as a row of the catalogue. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from workers.weights import catalog
from workers.weights.card import Part, WeightCard

ID = "MuseTalk-1.5"
# The subfolders of the makers' own folder `models`.
NETWORK, PICTURES, SOUNDS = "musetalkV15", "sd-vae", "whisper"
CONFIG, WEIGHTS = f"{NETWORK}/musetalk.json", f"{NETWORK}/unet.pth"


@dataclass(frozen=True, slots=True, kw_only=True)
class MuseTalkCard(WeightCard):
    """MuseTalk's UNet, the VAE of Stable Diffusion that it computes with, and the Whisper that hears for it.

    The UNet is published as a pickle, of which only tensors are read; the two others come as safetensors.
    """

    kind: ClassVar[str] = "lips"
    engine: ClassVar[str] = "workers.engines.musetalk.engine:MuseTalk"
    makes: ClassVar[str] = "lip syncs"
    checker: ClassVar[str] = "workers.engines.musetalk.networks:check"
    layout: ClassVar[tuple[str, ...]] = (CONFIG, WEIGHTS)
    marker: ClassVar[str] = WEIGHTS

    @property
    def recommended(self) -> str:
        """What it is good for."""
        return "Filmed faces, on a card; the mouth has 256 pixels across the face."


catalog.add(
    MuseTalkCard(
        id=ID,
        title="MuseTalk 1.5",
        repo="TMElyralab/MuseTalk",
        licence="MIT; VAE MIT; Whisper Apache-2.0",
        licence_url="https://github.com/TMElyralab/MuseTalk",
        disk_gb=3.9,
        parameters="0.9B",
        limits="A face is computed at 256 x 256 pixels, so that large ones are softer than what is around the mouth.",
        parts=(
            Part(
                "stabilityai/sd-vae-ft-mse",
                PICTURES,
                ("config.json", "diffusion_pytorch_model.safetensors"),
                "diffusion_pytorch_model.safetensors",
            ),
            Part(
                "openai/whisper-tiny",
                SOUNDS,
                ("config.json", "preprocessor_config.json", "model.safetensors"),
                "model.safetensors",
            ),
        ),
    )
)


def get(model: str) -> MuseTalkCard:
    """Return the card of a model; raises KeyError for an id that has none."""
    return catalog.get_of(model, MuseTalkCard)
