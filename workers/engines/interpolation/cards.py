"""What finds frames between frames, as rows of the catalogue. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workers.weights import catalog
from workers.weights.card import CheckpointCard, WeightCard

DEFAULT = "dis-flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCard(WeightCard):
    """Optical flow by OpenCV: a method without weights, which stands in the catalogue to be chosen like a model."""

    kind: ClassVar[str] = "interpolation"
    engine: ClassVar[str] = "workers.engines.interpolation.engine:Flow"
    makes: ClassVar[str] = "smoother films"
    marker: ClassVar[str] = "cards.py"

    @property
    def builtin(self) -> Path | None:
        """The folder of this engine: there is nothing to download."""
        return Path(__file__).parent

    @property
    def recommended(self) -> str:
        """What it is good for."""
        return "Clear motion of drawn shapes; needs neither weights nor a card."


@dataclass(frozen=True, slots=True, kw_only=True)
class RifeCard(CheckpointCard):
    """A checkpoint of RIFE 4.6: one `.safetensors` or `.pkl` file in its folder (arXiv:2011.06294)."""

    kind: ClassVar[str] = "interpolation"
    engine: ClassVar[str] = "workers.engines.interpolation.engine:Rife"
    makes: ClassVar[str] = "smoother films"
    checker: ClassVar[str] = "workers.engines.interpolation.engine:check"

    @property
    def recommended(self) -> str:
        """What it is good for."""
        return "Filmed motion, and large films on a card."


catalog.add(
    FlowCard(
        id=DEFAULT,
        title="Optical flow (DIS)",
        licence="Apache-2.0",
        licence_url="https://github.com/opencv/opencv",
    ),
    *(
        RifeCard(id=name, title=name, repo=repo, licence="see its repository")
        for name, repo in catalog.named("CINEVIVID_INTERPOLATORS")
    ),
)


def get(model: str) -> WeightCard:
    """Return the card of a model or method; raises KeyError for an id that has none."""
    return catalog.get_of(model, FlowCard, RifeCard)
