"""One external engine at work: a process group, its lines, its last words, and how long and how large it may be."""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from workers.engines.external import members
from workers.engines.external.messages import Lines, Message, line

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[3]
GUARD = "workers.engines.external.guard"
# What an engine has of the worker's environment: where programs and cards are, and nothing that is secret.
INHERITED = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "OMP_NUM_THREADS", "CUDA_HOME", "CUDA_PATH"),
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
)
SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONUTF8": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
HOME, SCRATCH = "home", "tmp"  # folders of the job's own
FILE_BYTES = 20_000_000_000  # of the largest file that it may write
PIECE = 64 * 1024
WAITING = 256  # messages
LAST_WORDS = 2000  # bytes
MEMORY_SECONDS = 1.0  # how often the host's memory is looked at


class Process:
    """An engine in its own session, with `folder` as its working directory. On leaving it, nothing of it is left."""

    def __init__(self, command: Sequence[str], folder: Path, extra: Mapping[str, str] | None = None) -> None:
        """Start it; `extra` is added to its environment. Raises OSError."""
        self.mark = uuid.uuid4().hex
        self._messages: queue.Queue[Message] = queue.Queue(WAITING)
        self._last, self._closed, self._looked = b"", threading.Event(), 0.0
        for name in (HOME, SCRATCH):
            (folder / name).mkdir(parents=True, exist_ok=True)
        environment = (
            {name: os.environ[name] for name in INHERITED if name in os.environ}
            | SETTINGS
            | {"HOME": str(folder / HOME), "TMPDIR": str(folder / SCRATCH), "PYTHONPATH": str(ROOT)}
            | dict(extra or {})
            | {members.MARK: self.mark}
        )
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._guard = subprocess.Popen(
            [sys.executable, "-m", GUARD, str(self._process.pid), self.mark],
            cwd=ROOT,
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._limit()
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        self._readers = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in ((self._read, self._process.stdout), (self._remember, self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def ended(self) -> bool:
        """True when it has left and all that it said was heard."""
        return self._process.poll() is not None and not self._readers[0].is_alive() and self._messages.empty()

    @property
    def left(self) -> bool:
        """True when it has left; what it started may still hold its lines open."""
        return self._process.poll() is not None

    @property
    def code(self) -> int | None:
        """How it ended: negative for a signal."""
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """The end of what it wrote to its standard error, for the log alone."""
        return self._last.decode("utf-8", "replace")

    def say(self, told: dict[str, object]) -> None:
        """Send it a line; whether it listens is its own affair."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            os.write(self._process.stdin.fileno(), line(told))

    def heard(self, seconds: float) -> Message | None:
        """Return the next message, None when none comes within `seconds`."""
        with suppress(queue.Empty):
            return self._messages.get(timeout=seconds)
        return None

    def memory(self) -> int:
        """Return the bytes of the host's memory that it holds with all that it started; 0 where that was just asked."""
        if time.monotonic() - self._looked < MEMORY_SECONDS:
            return 0
        self._looked = time.monotonic()
        return members.memory(self._process.pid, self.mark)

    def close(self) -> None:
        """End it and all that it started."""
        self._closed.set()
        members.end(self._process.pid, self.mark)
        self._process.wait()
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait()
        for reader in self._readers:
            reader.join(1.0)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _limit(self) -> None:
        if sys.platform == "linux":
            with suppress(OSError, ValueError):
                resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
                resource.prlimit(self._process.pid, resource.RLIMIT_CORE, (0, 0))

    def _read(self, stream: IO[bytes]) -> None:
        lines = Lines()
        with suppress(OSError, ValueError):
            while piece := os.read(stream.fileno(), PIECE):
                for message in lines.feed(piece):
                    self._put(message)
                if self._closed.is_set():
                    return

    def _put(self, message: Message) -> None:
        # An engine that says more than is heard has to wait.
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._messages.put(message, timeout=0.2)
                return

    def _remember(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while piece := os.read(stream.fileno(), PIECE):
                self._last = (self._last + piece)[-LAST_WORDS:]
