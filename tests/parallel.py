"""Several pytest processes beside each other (pytest -n): each has its part of the cores, and servers of its own.

A plugin, since these are known before Django's settings and torch are read. pytest-django gives each process a test
database; channels of one Redis are heard by all its databases, so that one number each would not do.

Browsers come first and one after another: the site that they look at starts once for a process, and no process is left
alone with the longest tests at the end.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from scripts import with_services


def own_servers() -> None:
    root, started = Path(tempfile.mkdtemp(prefix="cinevivid-services-")), []
    root.chmod(0o755)

    def stop() -> None:
        for service in started:
            service.stop()
        shutil.rmtree(root, ignore_errors=True)

    atexit.register(stop)
    for start in (with_services.postgres, with_services.redis):
        started.append(start(root))
    os.environ |= with_services.urls(*started)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "e2e" not in item.path.parts)


if os.environ.get("PYTEST_XDIST_WORKER"):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))))
    if os.environ.get("REDIS_URL"):
        own_servers()
