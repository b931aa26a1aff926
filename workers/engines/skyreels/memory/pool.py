"""The models that stay in memory: loaded once per process, shared by all jobs."""

from __future__ import annotations

import gc
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from workers.base import EngineError
from workers.engines.skyreels import cards
from workers.engines.skyreels.memory.components import Components, load
from workers.engines.skyreels.memory.planner import GB, Mode
from workers.weights import folder as models_folder

RESIDENT_MODELS = "2"


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a copy of a model in memory differ from another: its way of running, the form of its weights, and
    the adapters that are in it."""

    model: str
    memory: Mode = "resident"
    quantise: str = "none"
    adapters: tuple[str, ...] = ()


@dataclass(slots=True)
class Limit:
    """How much stays in memory: a number of models, or bytes of weights."""

    models: int | None = None
    bytes: float | None = None

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read "3" as three models and "60GB" as 60 * 10^9 bytes; raises ValueError for anything else."""
        words = text.strip().upper()
        if words.endswith("GB"):
            return cls(bytes=float(words[:-2]) * GB)
        return cls(models=int(words))


class Pool:
    """The models of this process. Each is read once, whichever thread asks first, and shared by all jobs.

    Beyond the `limit` (without one, `CINEVIVID_RESIDENT_MODELS`, two) the model that was not used for the longest time
    is dropped, but never one at work, nor one that was put here. `loads` counts what was read from the disk.
    """

    def __init__(self, limit: str | None = None) -> None:
        self.limit = Limit.parse(limit or os.environ.get("CINEVIVID_RESIDENT_MODELS") or RESIDENT_MODELS)
        self.loads = 0
        self._put: dict[str, Components] = {}
        self._resident: OrderedDict[Key, Components] = OrderedDict()
        self._in_use: list[Key] = []
        self._lock = threading.Lock()

    def has(self, key: Key) -> bool:
        """True when the model is in memory."""
        return key in self._resident or self.given(key.model)

    def given(self, model_id: str) -> bool:
        """True when this model was put here: then it is used as it is, whichever way is asked for."""
        return model_id in self._put

    def put(self, model_id: str, components: Components) -> None:
        """Keep components that were made elsewhere: random weights in tests, a trainer's model."""
        with self._lock:
            self._put[model_id] = components

    def get(self, key: Key | str) -> Components:
        """Return a model, loaded if need be; raises EngineError when it is unknown, absent or damaged."""
        with self.use(key) as components:
            return components

    @contextmanager
    def use(self, key: Key | str) -> Iterator[Components]:
        """Hand out a model as `get` does, and keep it while it is at work."""
        key = Key(key) if isinstance(key, str) else key
        with self._lock:
            components = self._put.get(key.model) or self._find(key)
            self._in_use.append(key)
        try:
            yield components
        finally:
            with self._lock:
                self._in_use.remove(key)

    def evict(self, model_id: str | None = None) -> int:
        """Drop what was loaded of a model, or of all, except what is at work; returns how many copies went."""
        with self._lock:
            keys = [key for key in self._resident if model_id in (None, key.model) and key not in self._in_use]
            self._drop(keys)
            return len(keys)

    def _find(self, key: Key) -> Components:
        for other in self._idle():
            if other != key:
                self._park(other)
        if key not in self._resident:
            # Room is made before, so that there is never one more than the limit.
            self._make_room(coming=1)
            self._resident[key] = self._load(key)
            self.loads += 1
        models_folder.used(cards.get(key.model))
        self._resident.move_to_end(key)
        self._make_room(keep=key)
        return self._resident[key]

    def _load(self, key: Key) -> Components:
        try:
            card = cards.get(key.model)
        except KeyError:
            raise EngineError("model_unknown", "There is no model of this name.") from None
        folder = card.folder()
        if folder is None:
            text = f"The model {card.title} is not on this machine yet."
            if card.repo:
                text += f" The operator brings it with: python manage.py models download {card.id}."
            raise EngineError("model_not_ready", text)
        return load(
            folder,
            max_sequence_length=card.max_sequence_length,
            memory=key.memory,
            quantise=key.quantise,
            # Where prompts are remembered on the disk, most jobs never need it.
            text_later=bool(os.environ.get("CINEVIVID_TEXT_CACHE")),
        )

    def _idle(self) -> list[Key]:
        return [key for key in self._resident if key not in self._in_use]

    def _park(self, key: Key) -> None:
        """Have a model make room on the device."""
        models = self._resident[key]
        if models.turns is not None and models.device.type != "cpu":
            models.turns.park()

    def _make_room(self, coming: int = 0, keep: Key | None = None) -> None:
        for key in self._idle():
            if not self._too_much(coming):
                return
            if key != keep:
                self._drop([key])

    def _too_much(self, coming: int) -> bool:
        if self.limit.models is not None:
            return len(self._resident) + coming > max(1, self.limit.models)
        return sum(models.bytes for models in self._resident.values()) > (self.limit.bytes or 0)

    def _drop(self, keys: list[Key]) -> None:
        for key in keys:
            del self._resident[key]
        if keys:
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
