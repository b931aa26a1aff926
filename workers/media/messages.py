"""How the process that opens foreign files answers its parent: a kind, a length, and so many bytes."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

FRAME, RESULT = b"F", b"R"
_HEADER = struct.Struct(">cQ")


def write(pipe: BinaryIO, kind: bytes, body: Any) -> None:
    """Send one message; `body` is anything that has a buffer."""
    view = memoryview(body).cast("B")
    pipe.write(_HEADER.pack(kind, len(view)))
    pipe.write(view)
    pipe.flush()


def read(pipe: BinaryIO, longest: int) -> tuple[bytes, bytearray]:
    """Return the next message. Raises EOFError where the sender has ended, or would send more than `longest` bytes."""
    head = _exactly(pipe, _HEADER.size)
    kind, length = _HEADER.unpack(head)
    if length > longest:
        raise EOFError(f"A message of {length} bytes")
    return kind, _exactly(pipe, length)


def _exactly(pipe: BinaryIO, length: int) -> bytearray:
    body = bytearray(length)
    view, done = memoryview(body), 0
    while done < length:
        count = pipe.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError(f"{done} bytes of {length}")
        done += count
    return body
