"""Run a command with a private PostgreSQL and Redis: free ports, a temporary folder, both stopped at the end.

    python scripts/with_services.py pytest tests

The command finds DATABASE_URL and REDIS_URL in its environment. Debian's packages are installed where they are missing.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_bin() -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def install_missing() -> None:
    missing = [
        package
        for package, there in (("postgresql", postgres_bin()), ("redis-server", shutil.which("redis-server")))
        if not there
    ]
    if not missing:
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit(f"Missing: {', '.join(missing)}. Install them, or run as root where apt-get is.")
    print("Installing", *missing, flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, **quiet)
    subprocess.run(["apt-get", "install", "-y", "-qq", *missing], check=True, env=environment, **quiet)


def as_postgres(folder: Path) -> dict[str, str]:
    """PostgreSQL refuses to run as root: as root, its files and processes belong to the postgres user."""
    if os.geteuid() != 0:
        return {}
    shutil.chown(folder, "postgres", "postgres")
    return {"user": "postgres", "group": "postgres"}


class Service:
    """A server of our own on a free port, which can be stopped and started again on what it has stored."""

    def __init__(self, name: str, command: list[str], port: int, log: Path, **popen: str) -> None:
        self.name, self.command, self.port, self.log, self.popen = name, command, port, log, popen
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd="/", **self.popen)
        for _ in range(200):
            if self.process.poll() is not None:
                sys.exit(f"{self.name} stopped with {self.process.returncode}.")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        sys.exit(f"{self.name} did not start.")

    def stop(self) -> None:
        """Stop it at once, without waiting for who is connected."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL: fast shutdown
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def postgres(root: Path) -> Service:
    """Return a PostgreSQL with an empty database `cinevivid`, started; it takes the 100 connections of its defaults."""
    bin_folder, data, port = postgres_bin(), root / "postgres", free_port()
    assert bin_folder
    data.mkdir()
    owner = as_postgres(data)
    initdb = [bin_folder / "initdb", "-D", data, "-U", "cinevivid", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **owner)
    command = [str(bin_folder / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data)]
    command += ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]
    service = Service("PostgreSQL", command, port, root / "PostgreSQL.log", **owner)
    service.start()
    time.sleep(1)
    createdb = [bin_folder / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "cinevivid", "cinevivid"]
    subprocess.run(createdb, check=True)
    return service


def redis(root: Path) -> Service:
    """Return an empty Redis, started."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(root)]
    service = Service("Redis", command, port, root / "Redis.log")
    service.start()
    return service


def urls(postgres: Service, redis: Service) -> dict[str, str]:
    """Return the environment of a site that uses these two."""
    return {
        "DATABASE_URL": f"postgres://cinevivid@127.0.0.1:{postgres.port}/cinevivid",
        "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
        "SECURE": "false",
        "LOG_JSON": "false",
    }


def main(command: list[str]) -> int:
    install_missing()
    root = Path(tempfile.mkdtemp(prefix="cinevivid-services-"))
    root.chmod(0o755)
    started: list[Service] = []
    try:
        for start in (postgres, redis):
            started.append(start(root))
        return subprocess.run(command, env=os.environ | urls(*started), check=False).returncode
    finally:
        for service in reversed(started):
            service.stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
