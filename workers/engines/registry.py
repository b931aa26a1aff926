"""Which engine answers for a kind of work, chosen by the environment and made once per process."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from workers.base import EngineError

if TYPE_CHECKING:
    from workers.engines.skyreels.engine import SkyReelsEngine

_engines: dict[str, SkyReelsEngine] = {}
_lock = threading.Lock()


def get(kind: str = "video") -> SkyReelsEngine:
    """Return this process's engine for `kind`, made on the first call; its models load with `load()` or the first job.

    `CINEVIVID_VIDEO_ENGINE` names a row of the model catalogue and defaults to the nano model that ships with the code.
    Raises EngineError("engine_unknown") for a kind or a name that does not exist.
    """
    with _lock:
        if kind not in _engines:
            _engines[kind] = _make(kind)
        return _engines[kind]


def chosen(kind: str = "video") -> str:
    """Return the model id that `get(kind)` uses, without importing torch."""
    return os.environ.get(f"CINEVIVID_{kind.upper()}_ENGINE") or "nano"


def _make(kind: str) -> SkyReelsEngine:
    if kind != "video":
        raise EngineError("engine_unknown", f"There is no engine for {kind}.")
    from workers.engines.skyreels.engine import SkyReelsEngine

    return SkyReelsEngine(chosen(kind))
