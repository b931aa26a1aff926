"""Which engine answers for a kind of work, chosen by the environment and made once per process."""

from __future__ import annotations

import importlib
import threading
from typing import Any

from workers.base import EngineError
from workers.weights import catalog

_engines: dict[str, Any] = {}
_lock = threading.Lock()


def get(kind: str = "video") -> Any:
    """Return this process's engine for `kind`, made on the first call; its models load with `load()` or the first job.

    The engine is the one that the card of the chosen model names (`workers.weights.catalog.chosen`). Raises
    EngineError("engine_unknown") for a kind that does not exist, or when no model of it has the name that was chosen.
    """
    with _lock:
        if kind not in _engines:
            _engines[kind] = _make(kind)
        return _engines[kind]


def _make(kind: str) -> Any:
    if trouble := catalog.trouble(kind):
        raise EngineError("engine_unknown", trouble)
    try:
        card = catalog.get(catalog.chosen(kind))
    except KeyError:
        raise EngineError("engine_unknown", f"There is no engine for {kind}.") from None
    module, _, name = card.engine.partition(":")
    return getattr(importlib.import_module(module), name)(card.id)
