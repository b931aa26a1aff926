"""The processes of one engine: found by their session and by a mark in their environment, measured, and ended.

A process can leave its group and its session, and still has the mark that all its parents had. Without /proc only the
group is known. Imports nothing but the standard library.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "CINEVIVID_EXTERNAL_JOB"
PROC = Path("/proc")
ROUNDS, ROUND_SECONDS = 50, 0.1  # of killing what was being born


def of(leader: int, mark: str) -> Iterator[int]:
    """Yield the ids of the processes in the session of `leader`, and of those with the mark, but for this one."""
    wanted = f"{MARK}={mark}".encode()
    for place in PROC.glob("[0-9]*"):
        pid = int(place.name)
        try:
            # Behind the name, which may hold anything: the state, the parent, the group and the session.
            state, _, _, session = (place / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[:4]
            if pid == os.getpid() or state in "ZX":
                continue
            if int(session) == leader or wanted in (place / "environ").read_bytes().split(b"\0"):
                yield pid
        except (OSError, ValueError):
            continue  # it is gone, or another user's


def memory(leader: int, mark: str) -> int:
    """Return the bytes of the host's memory that the processes hold."""
    pages = 0
    for pid in of(leader, mark):
        with suppress(OSError, ValueError, IndexError):
            pages += int((PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def end(leader: int, mark: str) -> None:
    """Kill all of them, those too that are started meanwhile."""
    for _ in range(ROUNDS):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
        found = list(of(leader, mark))
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(ROUND_SECONDS)
