"""The catalogue of weights: every model of every engine. Imports neither torch nor Django.

An engine is a folder in `workers/engines` whose `cards.py` adds its models here. Nothing else names an engine.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import threading
from typing import TypeVar

from workers.weights.card import WeightCard

Card = TypeVar("Card", bound=WeightCard)

ENGINES = "workers.engines"

_cards: dict[str, WeightCard] = {}
_read: set[str] = set()
_folders: list[str] = []  # of the engines that have been read
_reading = threading.RLock()


def add(*cards: WeightCard) -> None:
    """Put models into the catalogue. Raises ValueError when an id is taken."""
    for card in cards:
        if card.id in _cards:
            raise ValueError(f"Two models are called {card.id!r}.")
        _cards[card.id] = card


def all(kind: str = "") -> tuple[WeightCard, ...]:
    """Return every model, or those of one kind; an engine's built-in model first, unreleased ones included."""
    _read_cards()
    return tuple(card for card in _cards.values() if kind in ("", card.kind))


def get(model_id: str) -> WeightCard:
    """Return the card of one model; raises KeyError for an id that is not in the catalogue."""
    _read_cards()
    return _cards[model_id]


def all_of(*classes: type[Card]) -> tuple[Card, ...]:
    """Return every model whose card is of one of these classes, in the order of `all`."""
    return tuple(card for card in all() if isinstance(card, classes))


def get_of(model_id: str, *classes: type[Card]) -> Card:
    """Return the card of one model; raises KeyError for an id that has none of one of these classes."""
    card = get(model_id)
    if not isinstance(card, classes):
        raise KeyError(model_id)
    return card


def named(variable: str) -> list[tuple[str, str]]:
    """Return the models that the operator adds by an environment variable, as (id, hub repository).

    It lists them by spaces: "id" for a folder that is on this machine, "id=owner/repository" for one on the hub.
    """
    entries = [entry.partition("=") for entry in os.environ.get(variable, "").split()]
    return [(name, repo) for name, _, repo in entries]


def kinds() -> tuple[str, ...]:
    """Return the kinds of work that there are models for."""
    return tuple(dict.fromkeys(card.kind for card in all()))


def chosen(kind: str = "video") -> str:
    """Return the id of the model that does this kind of work here: `CINEVIVID_<KIND>_ENGINE`, or the built-in one.

    The id may be no model of this kind: `trouble` says so. Raises KeyError for a kind without models.
    """
    if named := os.environ.get(_variable(kind)):
        return named
    found = all(kind)
    if not found:
        raise KeyError(kind)
    return next((card for card in found if card.builtin), found[0]).id


def trouble(kind: str) -> str:
    """Say what is wrong with the choice that the environment makes for this kind of work; empty when nothing is."""
    name = os.environ.get(_variable(kind))
    if not name:
        return ""
    card = _cards.get(name) if all() else None
    if card is None:
        why = "is in no catalogue"
    elif card.kind != kind:
        why = f"does another kind of work: {card.kind}"
    elif not card.released:
        why = "is not released"
    else:
        return ""
    return f"{_variable(kind)} names the model {name!r}, which {why}."


def _variable(kind: str) -> str:
    return f"CINEVIVID_{kind.upper().replace('-', '_')}_ENGINE"


def _read_cards() -> None:
    """Import the `cards` of each engine, once; folders that were put on the path of `workers.engines` later, too."""
    engines = importlib.import_module(ENGINES)  # by name: what is found there stands above this module
    if _folders == list(engines.__path__):
        return  # asked for dozens of times for a page
    with _reading:
        for module in pkgutil.iter_modules(engines.__path__):
            name = f"{ENGINES}.{module.name}"
            if module.ispkg and name not in _read:
                _read.add(name)
                if importlib.util.find_spec(f"{name}.cards"):
                    importlib.import_module(f"{name}.cards")
        _folders[:] = engines.__path__
