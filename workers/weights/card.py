"""One row of the catalogue of weights, of whatever kind. Imports neither torch nor Django."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workers.base import EngineError

# What `from_pretrained` of diffusers reads, and not the other copies that a repository may hold.
_PARTS = ("transformer", "vae", "text_encoder", "tokenizer", "scheduler", "image_encoder", "image_processor")
_ENDINGS = ("json", "safetensors", "model", "txt")
DIFFUSERS_LAYOUT = ("model_index.json", *(f"{part}/*.{ending}" for part in _PARTS for ending in _ENDINGS))

# The first kind cannot hold code, so it is taken where several are there.
CHECKPOINTS = (".safetensors", ".pth", ".pkl")


def root() -> Path:
    """Return the folder of the downloaded models: CINEVIVID_MODELS, or `models` among this installation's data."""
    data = os.environ.get("CINEVIVID_DATA_DIR") or Path(__file__).parents[2] / "var"
    return Path(os.environ.get("CINEVIVID_MODELS") or Path(data) / "models")


@dataclass(frozen=True, slots=True)
class Part:
    """Files of another repository that a model needs beside its own, and the subfolder of the model that they go to.

    `layout` and `marker` are those of that repository, as a card has them of its own.
    """

    repo: str
    folder: str
    layout: tuple[str, ...]
    marker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightCard:
    """A model of the catalogue: what it is, where its files come from, and how they are checked.

    `kind` is the kind of work that the model does ("video", "image", "upscale" …); `CINEVIVID_<KIND>_ENGINE` chooses
    among the cards of one kind. `repo` is the hub repository, `disk_gb` the size of the download in 10^9 bytes, and
    `parameters` a size that people know, such as "14B". `engine` names what computes with it, as module:class; the
    class is called with the card's id. `words` names a module with the functions `unknown(prompt)` and
    `nearest(prompt)`, for a model that knows only some words; by name, as only prompts need it. `of` is the id of the
    model whose files these are, for a second use of it: it is downloaded and removed under that id. `parts` come from
    other repositories, into the same folder.
    """

    kind: ClassVar[str]
    engine: ClassVar[str]
    checker: ClassVar[str] = ""  # module:function, called with the card and the folder; by name, as it may need torch
    makes: ClassVar[str] = "results"  # what comes out, in the plural, for sentences on pages
    one_of_many: ClassVar[bool] = False  # the cards of its kind work side by side, so none is the studio's choice
    layout: ClassVar[tuple[str, ...]] = DIFFUSERS_LAYOUT  # the files of the repository that are downloaded
    marker: ClassVar[str] = "model_index.json"  # the file without which a folder is no model

    id: str
    title: str
    repo: str = ""
    licence: str = ""
    licence_url: str = ""
    disk_gb: float = 0.0
    parameters: str = ""
    released: bool = True
    limits: str = ""
    words: str = ""
    of: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def builtin(self) -> Path | None:
        """The folder of a model that ships with this software or its packages; None for one that is downloaded."""
        return None

    @property
    def recommended(self) -> str:
        """The size that the model makes best, in words."""
        return ""

    def folder(self) -> Path | None:
        """Return the local folder with the weights, None when they are not on this machine."""
        place = self.builtin or root() / self.id
        return place if (place / self.marker).is_file() else None

    def unknown_words(self, prompt: str) -> list[str]:
        """Return the words of a prompt that the model does not know, each once, in their order."""
        return list(importlib.import_module(self.words).unknown(prompt)) if self.words else []

    def nearest(self, prompt: str) -> str:
        """Return the prompt that says nearly the same in words that the model knows; empty where it knows them all."""
        return str(importlib.import_module(self.words).nearest(prompt)) if self.unknown_words(prompt) else ""

    def check(self, folder: Path) -> None:
        """Load what is in `folder` to see that it is this model. Raises EngineError("model_broken")."""
        if self.checker:
            module, _, name = self.checker.partition(":")
            getattr(importlib.import_module(module), name)(self, folder)
        elif not (folder / self.marker).is_file():
            raise EngineError("model_broken", f"The model has no {self.marker}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointCard(WeightCard):
    """A model whose weights are one file: of the hub a `.safetensors`, put here by hand also a `.pth` or `.pkl`."""

    layout: ClassVar[tuple[str, ...]] = ("*.safetensors",)
    marker: ClassVar[str] = "*.safetensors"

    def folder(self) -> Path | None:
        """Return the local folder with the weights, None when they are not on this machine."""
        place = root() / self.id
        return place if checkpoint_in(place) else None


def checkpoint_in(folder: Path) -> Path | None:
    """Return the file with the weights of a model that is one file, None where there is none."""
    found = (path for kind in CHECKPOINTS for path in sorted(folder.glob(f"*{kind}")))
    return next(found, None)
