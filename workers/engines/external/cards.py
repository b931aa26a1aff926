"""The external engines as rows of the catalogue, and whether each can work here. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workers.base import EngineError, Sentence
from workers.weights import catalog
from workers.weights.card import Part, WeightCard, root

PLACES = "CINEVIVID_EXTERNAL_ENGINES"
ECHO, SKYREELS = "EchoMimicV3-Flash", "SkyReels-V3-A2V-19B"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCard(WeightCard):
    """A talking avatar from a portrait and a sound, made by the makers' own code in its own environment.

    The code is a checkout that `CINEVIVID_EXTERNAL_ENGINES` names, with a virtual environment `.venv` in it; `script`
    is the file that the adapter, a module of ours, starts there. `card_gb` is the memory of a card that the makers ask
    for, `host_gb` what its processes may take of the host's. A job may take `patience` seconds, and `pace` more for
    each second of film; it is over when nothing is heard for `silence` seconds.
    """

    kind: ClassVar[str] = "avatar"
    engine: ClassVar[str] = "workers.engines.external.engine:External"
    makes: ClassVar[str] = "avatars"
    one_of_many: ClassVar[bool] = True

    adapter: str
    script: str
    files: tuple[str, ...]  # of the repository
    card_gb: float
    host_gb: float = 64.0
    patience: float = 1200.0
    pace: float = 120.0
    silence: float = 120.0
    longest: float = 200.0  # seconds of sound
    tier: str = ""
    good_for: str = ""

    @property
    def layout(self) -> tuple[str, ...]:  # type: ignore[override]  # each has its own
        """The files of the repository that are downloaded."""
        return self.files

    @property
    def marker(self) -> str:  # type: ignore[override]
        """The pattern of the file without which a folder is no model."""
        return self.files[0]

    @property
    def recommended(self) -> str:
        """What it is good for."""
        return self.good_for

    def folder(self) -> Path | None:
        """Return the local folder with the weights, None when they are not on this machine."""
        place = root() / self.id
        return place if self._whole(place) else None

    def check(self, folder: Path) -> None:
        """See that every part is there; what is in the files is read by their makers' code alone.

        Raises EngineError("model_broken").
        """
        if not self._whole(folder):
            raise EngineError("model_broken", f"Files of {self.title} are missing.")

    def _whole(self, place: Path) -> bool:
        markers = (self.marker, *(f"{part.folder}/{part.marker}" for part in self.parts))
        # A star of the hub stands for folders, too.
        return None not in [next(place.glob(marker.replace("*.", "**/*.")), None) for marker in markers]

    @property
    def code(self) -> Path | None:
        """The checkout of the makers' code that the operator names, None where there is none."""
        return next((Path(place) for name, place in catalog.named(PLACES) if name == self.id and place), None)

    @property
    def python(self) -> Path:
        """The interpreter of its environment. Raises ValueError where no checkout is named."""
        if self.code is None:
            raise ValueError(f"{self.id} has no place")
        return self.code / ".venv" / "bin" / "python"


def available(model: str, gigabytes: float | None = None) -> Sentence | None:
    """Say why an engine cannot work in this studio; None when it can.

    `gigabytes` is the memory of the workers' cards, by default what `CINEVIVID_DEVICE_GB` says; nothing is said of it
    where neither is known. Raises KeyError for an id that is no external engine.
    """
    card = get(model)
    there = gigabytes or float(os.environ.get("CINEVIVID_DEVICE_GB") or 0)
    if card.code is None:
        return Sentence("{title} is not set up in this studio.", title=card.title)
    if not card.python.exists():
        return Sentence("{title} has no Python environment in this studio yet.", title=card.title)
    if not (card.code / card.script).is_file():
        return Sentence("The code of {title} is not where this studio expects it.", title=card.title)
    if card.folder() is None:
        return Sentence("The weights of {title} are not on this machine yet.", title=card.title)
    if 0 < there < card.card_gb:
        return Sentence(
            "{title} needs a card with {needed:g} GB, and {there:g} GB are there.",
            title=card.title,
            needed=card.card_gb,
            there=there,
        )
    return None


def all() -> tuple[ExternalCard, ...]:
    """Return every external engine, the smaller first."""
    return catalog.all_of(ExternalCard)


def get(model: str) -> ExternalCard:
    """Return the card of one engine; raises KeyError for an id that has none."""
    return catalog.get_of(model, ExternalCard)


catalog.add(
    ExternalCard(
        id=ECHO,
        title="EchoMimicV3-Flash",
        repo="BadToBest/EchoMimicV3",
        licence="Apache-2.0",
        licence_url="https://github.com/antgroup/echomimic_v3",
        disk_gb=24.0,
        parameters="1.3B",
        adapter="workers.engines.external.adapters.echomimic",
        script="infer_flash.py",
        files=("echomimicv3-flash-pro/*.safetensors", "echomimicv3-flash-pro/*.json"),
        parts=(
            Part(
                "alibaba-pai/Wan2.1-Fun-V1.1-1.3B-InP",
                "Wan2.1-Fun-V1.1-1.3B-InP",
                ("*.json", "*.safetensors", "*.pth", "*.model", "*.txt"),
                "Wan2.1_VAE.pth",
            ),
            Part(
                "TencentGameMate/chinese-wav2vec2-base",
                "chinese-wav2vec2-base",
                ("config.json", "preprocessor_config.json", "pytorch_model.bin"),
                "pytorch_model.bin",
            ),
        ),
        card_gb=12.0,
        good_for="Talking faces on a card of 12 GB: up to 768 x 768 pixels, eight steps.",
        limits="Long texts are made in pieces of three seconds, each from the last picture of the one before.",
    ),
    ExternalCard(
        id=SKYREELS,
        title="SkyReels-V3-A2V",
        repo="Skywork/SkyReels-V3-A2V-19B",
        licence="Skywork Community License",
        licence_url="https://github.com/SkyworkAI/SkyReels-V3",
        disk_gb=55.0,
        parameters="19B",
        adapter="workers.engines.external.adapters.skyreels",
        script="generate_video.py",
        files=("*.safetensors", "*.json", "*.pth", "*.model", "*.txt", "*.bin"),
        card_gb=24.0,
        host_gb=128.0,
        patience=2400.0,
        pace=300.0,
        tier="large",
        good_for="People, drawings and animals at 720 lines, up to 200 seconds in one go.",
    ),
)
