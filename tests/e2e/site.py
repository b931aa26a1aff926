"""The product as an operator starts it, in processes of its own, on a fresh database."""

import os
import re
from pathlib import Path
from typing import Self

from scripts.studio import ROOT, Studio, free_port
from tests.e2e import jitter

__all__ = ["ROOT", "Site", "free_port"]


class Site(Studio):
    """A running studio: embedded in one process, or web and worker apart when REDIS_URL is set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.relay = jitter.Relay(self.port) if jitter.ASKED else None
        if self.relay:
            self.url = f"http://localhost:{self.relay.port}"
        self.env |= {"SITE_URL": self.url, "CINEVIVID_WARM": "0"}  # most tests make no film
        self.fleet = bool(os.environ.get("REDIS_URL"))

    def start(self) -> Self:
        if not self.fleet:
            super().start()
            return self
        self._own_services()
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        self.run("web", *self.program, "serve", "--port", str(self.port))
        self.start_worker()
        self.run("sweep", *self.program, "sweep", "--every", "2")
        self.wait()
        return self

    def stop(self) -> None:
        super().stop()
        if self.relay:
            self.relay.stop()

    def start_worker(self) -> None:
        self.run("worker", *self.program, "rundramatiq", "-p", "1", "-t", "1")

    def mailed_link(self, path: str) -> str:
        """The newest address with this path in the mail that the site sent."""
        for file in sorted((self.folder / "mail").glob("*.log"), key=lambda file: file.stat().st_mtime, reverse=True):
            if found := re.findall(rf"http://\S*{path}\S*", file.read_text()):
                return found[-1]
        raise AssertionError(f"No mail with {path}")

    def _own_services(self) -> None:
        """A database and a Redis number that no other test uses."""
        import psycopg

        url, name = os.environ["DATABASE_URL"], f"site_{self.port}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        self.env["DATABASE_URL"] = url.rpartition("/")[0] + f"/{name}"
        self.env["REDIS_URL"] = os.environ["REDIS_URL"].rpartition("/")[0] + f"/{1 + self.port % 14}"
