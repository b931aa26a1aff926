"""The lines that a studio and an external engine send to each other (docs/external-engines.md).

Whatever an engine writes is data of a stranger: a line that is none of these is noise, which is thrown away unread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

VERSION = 1
LONGEST = 64 * 1024  # bytes of a line
NOISE = 8_000_000  # bytes that may be thrown away before an engine is taken for one that makes no sense
STAGES = ("loading", "denoising", "decoding", "encoding")
REASONS = ("memory_short", "input_refused", "failed")
MOST = 1_000_000  # steps, and parts of a film


@dataclass(frozen=True, slots=True)
class Alive:
    """The engine is at work."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where the engine is: `step` of `steps`."""

    stage: str
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Done:
    """The films that were made, in order, by their names in the folder; each after the first begins with `overlap`
    frames that the one before it has as well."""

    parts: tuple[str, ...]
    overlap: int


@dataclass(frozen=True, slots=True)
class Kept(Done):
    """The first of these films: they are whole, and more will come."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine gave up: one of REASONS, and why, for the log."""

    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class Noise:
    """Too much that makes no sense."""


Message = Alive | Step | Done | Failed | Noise


def line(told: dict[str, Any]) -> bytes:
    """Return a message as it is sent."""
    return json.dumps(told, ensure_ascii=True).encode() + b"\n"


def parse(text: bytes) -> Message | None:
    """Return the message of a line, None for noise."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    if told.get("alive") is True:
        return Alive()
    if isinstance(step := told.get("progress"), dict):
        return _step(step)
    for name, kind in (("done", Done), ("kept", Kept)):
        if isinstance(parts := told.get(name), list):
            return kind(tuple(parts), told.get("overlap", 0)) if _films(parts, told.get("overlap", 0)) else None
    if isinstance(reason := told.get("failed"), str):
        return Failed(reason if reason in REASONS else "failed", str(told.get("why", ""))[:500])
    return None


def _step(told: dict[str, Any]) -> Step | None:
    stage, step, steps = told.get("stage"), told.get("step"), told.get("steps")
    if stage not in STAGES or not _count(step) or not _count(steps):
        return None
    return Step(stage, min(step, steps), max(1, steps))


def _films(parts: list[Any], overlap: Any) -> bool:
    return 0 < len(parts) <= MOST and _count(overlap) and all(isinstance(part, str) for part in parts)


def _count(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MOST


class Lines:
    """Makes messages of bytes that come in pieces; a line that is too long is passed over without being kept."""

    def __init__(self) -> None:
        self._begun, self._skipping, self._noise = b"", False, 0

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Yield the messages that a piece completes."""
        *whole, rest = (self._begun + piece).split(b"\n")
        for text in whole:
            if self._skipping or (found := parse(text)) is None:
                self._skipping = False
                yield from self._throw(len(text))
            else:
                yield found
        if self._skipping or len(rest) > LONGEST:
            yield from self._throw(len(rest))
            self._skipping, rest = True, b""
        self._begun = rest

    def _throw(self, count: int) -> Iterator[Message]:
        self._noise += count
        if self._noise > NOISE:
            yield Noise()
