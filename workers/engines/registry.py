"""Which engine answers for a kind of work, chosen by the environment and made once per process."""

from __future__ import annotations

import importlib
import threading
from typing import Any

from workers.base import EngineError
from workers.weights import catalog

_engines: dict[str, Any] = {}
_lock = threading.Lock()


def get(kind: str = "video", model_id: str = "") -> Any:
    """Return this process's engine for `kind`, made on the first call; its models load with `load()` or the first job.

    The engine is the one that the card of `model_id` names, by default of the model that is chosen for the kind
    (`workers.weights.catalog.chosen`). Raises EngineError("engine_unknown") for a kind or a model that does not exist,
    or when no model of the kind has the name that was chosen.
    """
    with _lock:
        key = f"{kind}:{model_id}" if model_id else kind
        if key not in _engines:
            made = _engines[key] = _make(kind, model_id)
            # By its name it is the same engine: what is loaded is there once.
            _engines.setdefault(f"{kind}:{model_id or catalog.chosen(kind)}", made)
        return _engines[key]


def make_room(asking: Any) -> None:
    """Have the engines of this process, but for the one that asks, let go of the models that are not at work."""
    with _lock:
        others = [engine for engine in _engines.values() if engine is not asking]
    for engine in others:
        if release := getattr(engine, "release", None):
            release()


def _make(kind: str, model_id: str) -> Any:
    if not model_id and (trouble := catalog.trouble(kind)):
        raise EngineError("engine_unknown", trouble)
    try:
        card = catalog.get(model_id or catalog.chosen(kind))
    except KeyError:
        raise EngineError("engine_unknown", f"There is no engine for {model_id or kind}.") from None
    module, _, name = card.engine.partition(":")
    return getattr(importlib.import_module(module), name)(card.id)
