"""A fleet whose PostgreSQL and Redis belong to the test: it stops and starts them."""

import shutil
import tempfile
from pathlib import Path

import pytest

from scripts import with_services
from tests.e2e.site import Site


class Fleet(Site):
    """The web of a fleet, on servers of its own."""

    def __init__(self, folder: Path, postgres: with_services.Service, redis: with_services.Service) -> None:
        super().__init__(folder)
        self.postgres, self.redis, self.fleet = postgres, redis, True
        # However slow the machine is: who waits for a connection of the pool gets one.
        self.env |= with_services.urls(postgres, redis) | {"API_RATE_ANON": "10/min", "DATABASE_POOL_WAIT": "200"}

    def _own_services(self) -> None:
        """All of both is its own."""

    def start_worker(self) -> None:
        """Only where a test asks for one."""


@pytest.fixture(scope="package")
def fleet():
    if not (with_services.postgres_bin() and shutil.which("redis-server")):
        pytest.skip("PostgreSQL and Redis are not installed on this machine.")
    # Not below pytest's folder, which the user of PostgreSQL may not enter.
    root, started = Path(tempfile.mkdtemp(prefix="cinevivid-outages-")), []
    root.chmod(0o755)
    site = None
    try:
        started += [with_services.postgres(root), with_services.redis(root)]
        site = Fleet(root / "site", *started)
        site.folder.mkdir()
        yield site.start()
    finally:
        if site:
            site.stop()
        for service in started:
            service.stop()
        shutil.rmtree(root, ignore_errors=True)
