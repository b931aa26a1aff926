"""Turns at opening uploads: a few at once, and only while the request that brought the file lasts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from apps.errors import StudioError
from workers.base import Cancelled
from workers.media import foreign

RETRY_AFTER = 10  # seconds that whoever got no turn is asked to wait
TICK = 0.1

_turns = threading.BoundedSemaphore(settings.DECODERS)


class NotOpened(StudioError):
    """A file was not opened, and that is not its fault: at another time it may be."""

    code = "studio_busy"


@contextmanager
def turn() -> Iterator[None]:
    """Wait for a turn at opening files, at most `DECODE_WAIT_SECONDS`. Raises NotOpened; MediaError goes through."""
    ends = time.monotonic() + settings.DECODE_WAIT_SECONDS
    while not _turns.acquire(timeout=TICK):
        if foreign.has_ended():
            raise _nobody_waits()
        if time.monotonic() > ends:
            raise NotOpened("Too many files are being opened.", retry_after=RETRY_AFTER)
    try:
        yield
    except Cancelled:
        raise _nobody_waits() from None
    finally:
        _turns.release()


def _nobody_waits() -> NotOpened:
    """Return what ends a request whose client has left; nobody reads it."""
    return NotOpened("The request ended before its file was opened.", code="invalid_request")
