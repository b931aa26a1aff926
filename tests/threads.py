"""Things that happen at the same time, and processes that die in the middle of one."""

import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import connections


class Killed(BaseException):
    """A process that dies: nothing catches it, and there is no time to clean up."""


def killed(*args, **options):
    """Stand in for the step at which a process dies."""
    raise Killed


def at_once(functions):
    """Call each in a thread of its own, all at the same time; returns what they return."""
    start = threading.Barrier(len(functions))

    def call(function):
        try:
            start.wait(30)
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(call, functions))
