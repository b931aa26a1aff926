"""What the processes that share a video say to each other, over sockets of the kernel."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from workers.base import Inputs
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.plan import Plan
from workers.engines.skyreels.sampler.checkpoint import Checkpoint

LOST = "One of the processes that share this video has stopped. Try again."


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What every rank is to make. `number` counts the orders of a group."""

    number: int
    film: Plan
    inputs: Inputs
    run: Execution
    resume: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Stop:
    """The order of this number is to end."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A rank has met the others and waits for an order."""

    rank: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Rank 0 has ended the order of this number, whole or as it was told to."""

    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A rank cannot go on, and leaves."""

    code: str
    public_text: str


def send(connection: Connection, message: Any) -> None:
    """Send a message by value: multiprocessing's own way would hand tensors over as shared memory."""
    connection.send_bytes(pickle.dumps(message))


def receive(connection: Connection) -> Any:
    """Return the next message; raises EOFError or OSError when the other end is gone."""
    return pickle.loads(connection.recv_bytes())
