"""The models that lay mosaics. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workers.weights import catalog
from workers.weights.card import WeightCard


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicCard(WeightCard):
    """A mosaic layer: `largest` is the most tiles a side that it lays."""

    kind: ClassVar[str] = "mosaic"
    engine: ClassVar[str] = "workers.engines.mosaic.engine:MosaicEngine"
    makes: ClassVar[str] = "mosaics"
    layout: ClassVar[tuple[str, ...]] = ("mosaic.json", "*.safetensors")
    marker: ClassVar[str] = "mosaic.json"

    largest: int

    @property
    def recommended(self) -> str:
        return f"{self.largest} × {self.largest} tiles"

    def check(self, folder: Path) -> None:
        """Read the weights as a job would. Raises EngineError("model_broken")."""
        from workers.engines.mosaic.engine import read

        read(folder)


catalog.add(
    MosaicCard(
        id="tesserae-1",
        title="Tesserae",
        repo="toys/tesserae-1",
        licence="CC0-1.0",
        licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
        parameters="24",
        largest=64,
    )
)
