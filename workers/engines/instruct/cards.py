"""What writes prompts, as rows of the catalogue. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workers.prompts.compose import ENGINE
from workers.weights import catalog
from workers.weights.card import WeightCard

WORKING_GB = 1.5  # what a model needs beside its weights: the answer's cache and the tables of the grammar
QWEN = "https://huggingface.co/Qwen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposerCard(WeightCard):
    """The composer: rules without weights, which stand in the catalogue to be chosen like a model."""

    kind: ClassVar[str] = "prompt"
    engine: ClassVar[str] = "workers.engines.instruct.engine:Composer"
    makes: ClassVar[str] = "prompts"
    marker: ClassVar[str] = "compose.py"

    @property
    def builtin(self) -> Path | None:
        """The folder of the rules: there is nothing to download."""
        return Path(__file__).parents[2] / "prompts"

    @property
    def recommended(self) -> str:
        """What it is good for."""
        return "Answers at once, offline, and keeps every word."


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructCard(WeightCard):
    """An instruct model for transformers: its configuration, tokenizer with a chat template, and safetensors."""

    kind: ClassVar[str] = "prompt"
    engine: ClassVar[str] = "workers.engines.instruct.engine:Writer"
    makes: ClassVar[str] = "prompts"
    marker: ClassVar[str] = "config.json"
    checker: ClassVar[str] = "workers.engines.instruct.engine:check"
    layout: ClassVar[tuple[str, ...]] = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")

    good_for: str = ""

    @property
    def recommended(self) -> str:
        """What it is good for."""
        return self.good_for

    @property
    def memory_gb(self) -> float:
        """The memory that it takes while it writes, in 10^9 bytes; 0 where the size is not known."""
        return self.disk_gb + WORKING_GB if self.disk_gb else 0.0


def fits(card: WeightCard, device_gb: float | None) -> bool:
    """Whether a model fits into the memory of a card, as far as both are known."""
    return not (isinstance(card, InstructCard) and device_gb and card.memory_gb > device_gb)


def _qwen(parameters: str, disk_gb: float, good_for: str) -> InstructCard:
    name = f"Qwen2.5-{parameters}-Instruct"
    return InstructCard(
        id=name,
        title=f"Qwen2.5 {parameters}",
        repo=f"Qwen/{name}",
        licence="Apache-2.0",
        licence_url=f"{QWEN}/{name}",
        disk_gb=disk_gb,
        parameters=parameters,
        good_for=good_for,
    )


catalog.add(
    ComposerCard(id=ENGINE, title="Shot grammar", licence="Apache-2.0"),
    _qwen("32B", 65.5, "What the makers of SkyReels-V2 use; needs a card of 80 GB."),
    _qwen("7B", 15.2, "Good prompts on a card of 24 GB."),
    _qwen("1.5B", 3.1, "Short prompts on small cards, and slowly on a CPU."),
    _qwen("0.5B", 1.0, "Tries on a CPU; often simpler than the rules."),
    *(
        InstructCard(
            id=name,
            title=name,
            repo=repo,
            licence="see its repository",
            good_for="An instruct model of the operator's choice.",
        )
        for name, repo in catalog.named("CINEVIVID_PROMPT_MODELS")
    ),
)


def all() -> tuple[WeightCard, ...]:
    """Return everything that writes prompts, the rules first."""
    return catalog.all_of(ComposerCard, InstructCard)


def get(engine: str) -> WeightCard:
    """Return the card of one engine; raises KeyError for an id that has none."""
    return catalog.get_of(engine, ComposerCard, InstructCard)
