"""Starts the processes that share a video, gives them orders, and sees to it that none is left behind.

torchrun starts them (gpu_worker.py); each is connected to this process by a socket of its own, from before it meets the
others. The kernel closes a socket when either end dies, however it dies: so a lost rank is noticed at once, and ranks
without this process leave by themselves. Nothing waits for a rank longer than a moment without looking up.
Between orders the ranks stay, with their models in memory.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from workers.base import EngineError, Inputs, OnProgress, Progress, Window
from workers.engines.skyreels.gpus.messages import LOST, Ended, Failed, Order, Ready, Stop, receive, send
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.plan import Plan
from workers.engines.skyreels.sampler.checkpoint import Checkpoint

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[4]
POOL = "workers.engines.skyreels.memory.pool:Pool"
START_SECONDS = 300.0
STOP_SECONDS = 60.0  # a rank obeys after the step that it is in
LEAVE_SECONDS = 10.0
LOOK_SECONDS = 0.5
LAST_WORDS_SECONDS = 1.0
MESSAGE_SECONDS = 30.0  # a rank may be silent, but not for so long within a message
LOG_TAIL = 2000


def refuse_too_many(ranks: int) -> None:
    """Raise EngineError("ranks_too_many") where there are cards, but fewer than ranks."""
    cards = torch.cuda.device_count() if torch.cuda.is_available() else ranks
    if ranks > cards:
        raise EngineError("ranks_too_many", f"{ranks} devices are to share this video, and {cards} are here.")


def remove_left_behind() -> None:
    """Remove the folders of groups whose process was killed before it could."""
    for folder in Path(tempfile.gettempdir()).glob("ranks-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


class RankGroup:
    """`ranks` processes under torchrun; one order at a time, from one thread."""

    def __init__(self, ranks: int, pool: str = POOL) -> None:
        """Start nothing yet. `pool` names what makes a rank's models, as module:callable."""
        self.ranks, self.pool = ranks, pool
        self.pids: dict[int, int] = {}  # of the ranks that are ready
        self._connections: dict[Connection, int] = {}  # with the process id at the other end
        self._orders = 0
        self._torchrun: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def alive(self) -> bool:
        """True while all ranks are there and ready."""
        return len(self.pids) == self.ranks

    def stream(
        self,
        film: Plan,
        inputs: Inputs,
        run: Execution,
        resume: Checkpoint | None,
        on_progress: OnProgress,
    ) -> Iterator[Window]:
        """Yield the windows of a film as the engine's own stream does; starts the ranks where they are not running.

        While nothing is heard from the ranks, `on_progress` gets what it got last once more every `LOOK_SECONDS`. What
        it raises stops the ranks after the step that they are in, and goes through; leaving the iteration early stops
        them too. Raises EngineError: what a rank failed with, "rank_lost" for a rank that died,
        "ranks_not_started". After these, and where a rank does not stop, no process of the group is left.
        """
        order, windows = Order(self._orders, film, inputs, run, resume), len(film.windows)
        self._orders += 1
        ended = False
        try:
            self._start(on_progress, windows)
            self._send(order)
            now = Progress(stage="loading", window=1, windows=windows)
            while not ended:
                heard = False
                for message in self._messages():
                    heard = True
                    if isinstance(message, Window):
                        yield message
                    elif isinstance(message, Progress):
                        now = message
                        on_progress(now)
                    elif isinstance(message, Ended):
                        ended = True
                if not heard:
                    on_progress(now)
        except EngineError:
            self.close()
            raise
        finally:
            if not ended and self.alive:
                self._stop(order)

    def close(self) -> None:
        """End all processes of the group."""
        pids = list(self._connections.values())
        for connection in self._connections:
            connection.close()
        self._connections, self.pids = {}, {}
        if self._torchrun is not None:
            # Without their connections the ranks leave; torchrun ends those that have none yet. Who stays is killed.
            self._torchrun.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._torchrun.wait(LEAVE_SECONDS)
            if self._torchrun.poll() is None:
                for pid in pids:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self._torchrun.kill()
                self._torchrun.wait()
            self._torchrun = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _start(self, on_progress: OnProgress, windows: int) -> None:
        if self.alive:
            return
        self.close()
        remove_left_behind()
        self._folder = tempfile.TemporaryDirectory(prefix=f"ranks-{os.getpid()}-")
        address = str(Path(self._folder.name) / "ranks.sock")
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            "OMP_NUM_THREADS": "1",  # torchrun's own choice, which it warns about
            "NCCL_SOCKET_IFNAME": "lo",
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "GLOO_SOCKET_IFNAME": "lo",
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        }
        deadline = time.monotonic() + START_SECONDS
        with socket.socket(socket.AF_UNIX) as listener, (Path(self._folder.name) / "log").open("wb") as output:
            listener.bind(address)
            listener.listen(self.ranks)
            self._torchrun = subprocess.Popen(
                self._command(address),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                while not self.alive:
                    on_progress(Progress(stage="loading", window=1, windows=windows))
                    if self._torchrun.poll() is not None or time.monotonic() > deadline:
                        self._log_tail()
                        text = "The processes that were to share this video did not start. Please tell the operator."
                        raise EngineError("ranks_not_started", text)
                    for _ in self._messages(listener):
                        pass
            except BaseException:
                self.close()
                raise

    def _command(self, address: str) -> list[str]:
        # torchrun and the ranks meet in files: the ports that they would open otherwise listen on every address. A
        # file grows with each sign of life, which nobody waits for where there is one machine.
        meeting = [
            *("--rdzv-backend=c10d", f"--rdzv-endpoint={Path(address).with_name('torchrun')}"),
            *("--rdzv-conf=store_type=file,keep_alive_interval=86400", "--local-addr=127.0.0.1"),
        ]
        return [
            *(sys.executable, "-m", "torch.distributed.run", *meeting),
            *("--max-restarts=0", f"--nproc-per-node={self.ranks}"),
            *("-m", "workers.engines.skyreels.gpu_worker", address, self.pool),
        ]

    def _welcome(self, listener: socket.socket) -> None:
        accepted = listener.accept()[0]
        for limit in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            accepted.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", *divmod(int(MESSAGE_SECONDS * 1e6), 10**6)))
        peer = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, _, _ = struct.unpack("3i", peer)
        self._connections[Connection(accepted.detach())] = pid

    def _send(self, message: Any) -> None:
        try:
            for connection in self._connections:
                send(connection, message)
        except OSError as error:
            raise self._first_cause(Failed("rank_lost", LOST)) from error

    def _messages(self, listener: socket.socket | None = None) -> Iterator[Any]:
        """Yield what has come from the ranks, after waiting for a moment where nothing has; welcome new ones.

        Raises EngineError for what a rank failed with, and "rank_lost" when one is gone without a word.
        """
        gone = None
        for found in wait([*self._connections, *([listener] if listener else [])], LOOK_SECONDS):
            if isinstance(found, socket.socket):
                self._welcome(found)
                continue
            assert isinstance(found, Connection)
            try:
                message = receive(found)
            except (EOFError, OSError) as error:
                gone = error
                continue
            if isinstance(message, Failed):
                raise self._first_cause(message)
            if isinstance(message, Ready):
                self.pids[message.rank] = self._connections[found]
            yield message
        if gone is not None:
            raise self._first_cause(Failed("rank_lost", LOST)) from gone

    def _first_cause(self, known: Failed) -> EngineError:
        """Return why the group failed: one rank knows, the others only lost their connection to it."""
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        listening = list(self._connections)
        while known.code == "rank_lost" and listening and (left := deadline - time.monotonic()) > 0:
            for connection in wait(listening, left):
                assert isinstance(connection, Connection)
                try:
                    message = receive(connection)
                except (EOFError, OSError):
                    listening.remove(connection)
                    continue
                if isinstance(message, Failed) and known.code == "rank_lost":
                    known = message
        self._log_tail()
        return EngineError(known.code, known.public_text)

    def _stop(self, order: Order) -> None:
        """Let the ranks end an order early; a group that does not is ended."""
        deadline = time.monotonic() + STOP_SECONDS
        try:
            self._send(Stop(order.number))
            while time.monotonic() < deadline:
                for message in self._messages():
                    if isinstance(message, Ended) and message.number == order.number:
                        return
        except EngineError as error:
            log.warning("The ranks did not stop in good order: %s", error)
        self.close()

    def _log_tail(self) -> None:
        if self._folder is not None:
            written = (Path(self._folder.name) / "log").read_text("utf-8", "replace")
            log.error("The ranks ended early. Their last words: %s", written[-LOG_TAIL:])
