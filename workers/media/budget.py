"""What the process that opens a foreign file may use, held by the kernel as far as the platform can."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# On Windows, the parent's clock and the limits on frames, scans and pixels remain.
if sys.platform != "win32":
    import resource

SECONDS, MEGABYTES = 60, 1024  # of CPU, and of memory, for one file; an operator may set others
OPEN_FILES = 64
SLACK = 64_000_000  # bytes that a container may need beside what it holds
FRAME = 60_000_000  # bytes of the largest one
STATUS = Path("/proc/self/status")
NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS of prctl(2)


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on one child: seconds of CPU, bytes of memory beyond those of its libraries, and bytes a file it writes.

    Work that yields frames has its seconds for each of them.
    """

    seconds: int
    memory: int
    output: int = SLACK

    @classmethod
    def of(cls, share: float = 1, output: int = 0) -> Budget:
        """Return a budget with a share of the seconds that this studio gives to a file."""
        seconds = float(os.environ.get("CINEVIVID_DECODE_SECONDS") or SECONDS)
        megabytes = int(os.environ.get("CINEVIVID_DECODE_MB") or MEGABYTES)
        return cls(max(1, round(seconds * share)), megabytes * 1_000_000, output + SLACK)

    @property
    def wall(self) -> int:
        """Seconds by the clock: the processors of a busy machine are shared."""
        return 2 * self.seconds + 5

    def impose(self) -> None:
        """Hold this process to these limits from now on. Passing one ends the process or fails the call."""
        if sys.platform == "win32":
            return
        limits = {
            resource.RLIMIT_AS: _address_space() + self.memory,
            resource.RLIMIT_FSIZE: self.output,
            resource.RLIMIT_NOFILE: OPEN_FILES,
            resource.RLIMIT_CORE: 0,
        }
        for kind, value in limits.items():
            _limit(kind, value)
        self.renew()
        _drop_privileges()

    def renew(self) -> None:
        """Begin the seconds anew, for the next frame."""
        if sys.platform != "win32":
            used = resource.getrusage(resource.RUSAGE_SELF)
            _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + self.seconds)
            signal.alarm(self.wall)

    def memory_is_short(self) -> bool:
        """True when one more frame could be too much: decoders with threads say no more than that they failed."""
        if sys.platform == "win32" or not STATUS.exists():
            return False
        lines = (line.split() for line in STATUS.read_text().splitlines())
        peak = next((int(words[1]) for words in lines if words[0] == "VmPeak:"), 0)
        return peak * 1024 + FRAME > resource.getrlimit(resource.RLIMIT_AS)[0]

    def pause(self) -> None:
        """Stop the clock while somebody else is waited for."""
        if sys.platform != "win32":
            signal.alarm(0)


def leave_with(parent: int) -> None:
    """End this process soon after the process that started it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit(kind: int, value: int) -> None:
    """Lower a soft limit; the hard one stays, so that the seconds can be renewed."""
    if sys.platform == "win32":
        return
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(OSError, ValueError):  # macOS refuses some; the others hold
        resource.setrlimit(kind, (value, hard))


def _address_space() -> int:
    """Return the bytes of address space in use: libraries take some that is never filled."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * mmap.PAGESIZE


def _drop_privileges() -> None:
    """Let no program that this process might be made to start gain rights (Linux)."""
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
