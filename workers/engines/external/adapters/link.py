"""The engine's end of the protocol, for adapters that start a script of the makers. Only the standard library."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

BEAT_SECONDS = 5.0
PIECE = 4096
# A bar as tqdm draws it: "3/8 [00:04<00:07".
BAR = re.compile(rb"(\d+)/(\d+) \[")
SHORT = (b"out of memory", b"cannot allocate memory")
KEPT = 8192  # bytes of what a script says, to find the cause of its end in


class GivenUp(Exception):
    """The script cannot go on: one of the protocol's reasons, and why."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason, self.why = reason, why


class Link:
    """The lines to and from the studio. Whatever else is printed in this process goes where errors go."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._begun = b""
        self.asked: dict[str, Any] = json.loads(self._line())
        self._cancelled = threading.Event()
        self._script: subprocess.Popen[bytes] | None = None
        for work in (self._listen, self._beat):
            threading.Thread(target=work, daemon=True).start()

    def say(self, **told: Any) -> None:
        """Send one line."""
        with self._lock, suppress(OSError):
            self._answers.write(json.dumps(told).encode() + b"\n")

    def progress(self, stage: str, step: int, steps: int) -> None:
        """Say how far the work is."""
        self.say(progress={"stage": stage, "step": step, "steps": steps})

    def run(self, command: Sequence[str], folder: Path, on_bar: Callable[[int, int], None]) -> None:
        """Run a script in `folder`; `on_bar` is told of the bars that it draws. Raises GivenUp when it fails."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._script = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if self._cancelled.is_set():
            self._script.kill()
        assert self._script.stdout is not None
        said, line = b"", b""
        while piece := os.read(self._script.stdout.fileno(), PIECE):
            os.write(2, piece)
            said = (said + piece)[-KEPT:]
            *whole, line = re.split(rb"[\r\n]", (line + piece)[-KEPT:])
            for text in whole:
                if found := BAR.search(text):
                    on_bar(int(found[1]), int(found[2]))
        if self._script.wait():
            short = any(words in said.lower() for words in SHORT)
            raise GivenUp("memory_short" if short else "failed", f"the script ended with {self._script.returncode}")

    def _line(self) -> bytes:
        """Return the next line of the studio, empty at the end. Unbuffered: a thread that waits in one would not let
        the process end."""
        while b"\n" not in self._begun and (piece := os.read(0, PIECE)):
            self._begun += piece
        line, _, self._begun = self._begun.partition(b"\n")
        return line

    def _listen(self) -> None:
        while text := self._line():
            if b'"cancel"' in text:
                self._cancelled.set()
                if self._script is not None:
                    self._script.kill()
        # Nobody is there any more.
        os.killpg(0, signal.SIGKILL)

    def _beat(self) -> None:
        while True:
            self.say(alive=True)
            time.sleep(BEAT_SECONDS)


def main(work: Callable[[Link], None]) -> None:
    """Do the work of an adapter and say how it ended."""
    link = Link()
    try:
        work(link)
    except GivenUp as error:
        link.say(failed=error.reason, why=error.why)
    except Exception as error:
        link.say(failed="failed", why=f"{type(error).__name__}: {error}")
        raise
