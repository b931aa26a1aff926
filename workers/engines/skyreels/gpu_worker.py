"""One of the processes that share a video, as torchrun starts it: python -m workers.engines.skyreels.gpu_worker."""

from __future__ import annotations

import dataclasses
import importlib
import os
import queue
import sys
import threading
import traceback
from multiprocessing.connection import Client, Connection
from pathlib import Path

import torch

from workers.base import Cancelled, EngineError, OnProgress, Progress, Window
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.gpus.messages import LOST, Ended, Failed, Order, Ready, Stop, receive, send
from workers.engines.skyreels.sampler.checkpoint import Checkpoint
from workers.engines.skyreels.sampler.clock import together
from workers.engines.skyreels.sampler.sequence import SequenceParallel, join


def main(address: str, pool: str) -> None:
    """Connect to the process at `address` and carry out its orders until it is gone. `pool` makes the models."""
    connection = Client(address, "AF_UNIX")
    inbox = _Inbox(connection)
    try:
        module, maker = pool.split(":")
        make_pool = getattr(importlib.import_module(module), maker)
        parallel = join(Path(address).with_name("ranks"))
        engine = SkyReelsEngine(pool=make_pool(), parallel=parallel)
        send(connection, Ready(parallel.rank))
        while True:
            _work(inbox.orders.get(), engine, parallel, inbox, connection)
    except BaseException as error:
        traceback.print_exc()
        sys.stderr.flush()
        send(connection, _failure(error))
        # Other ranks may wait for this one inside a library; they end when it does.
        os._exit(1)


class _Inbox(threading.Thread):
    """A thread that receives orders, also while a step is computed; it ends this process when the sender is gone."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(daemon=True)
        self.connection = connection
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self.stopped = -1
        self.start()

    def run(self) -> None:
        """Read until the other side is gone."""
        try:
            while True:
                order = receive(self.connection)
                if isinstance(order, Stop):
                    self.stopped = order.number
                else:
                    self.orders.put(order)
        finally:
            os._exit(0)


def _work(
    order: Order, engine: SkyReelsEngine, parallel: SequenceParallel, inbox: _Inbox, connection: Connection
) -> None:
    def report(now: Progress) -> None:
        if inbox.stopped == order.number:
            raise Cancelled
        send(connection, now)

    on_progress: OnProgress = together(report, parallel)
    run = dataclasses.replace(order.run, ranks=1)
    try:
        for window in engine.stream(order.film, on_progress, resume=order.resume, inputs=order.inputs, run=run):
            if parallel.rank == 0:
                send(connection, _portable(window))
    except Cancelled:
        pass
    if parallel.rank == 0:
        send(connection, Ended(order.number))


def _portable(window: Window) -> Window:
    """Return the window for a process that may have no card."""
    saved: Checkpoint | None = window.checkpoint
    if saved is None:
        return window
    given = None if saved.given is None else saved.given.cpu()
    return dataclasses.replace(window, checkpoint=dataclasses.replace(saved, latents=saved.latents.cpu(), given=given))


def _failure(error: BaseException) -> Failed:
    if isinstance(error, EngineError):
        return Failed(error.code, error.public_text)
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return Failed("out_of_memory", "A card ran out of memory. Ask for a smaller or shorter film.")
    return Failed("rank_lost", LOST)


if __name__ == "__main__":
    main(*sys.argv[1:])
