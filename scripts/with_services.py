"""Run a command with a private PostgreSQL and Redis: free ports, a temporary folder, both stopped at the end.

    python scripts/with_services.py pytest tests

The command finds DATABASE_URL and REDIS_URL in its environment. Debian's packages are installed where they are missing.
"""

import os
import shutil
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


def wait_for(port: int, process: subprocess.Popen[bytes], name: str) -> None:
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"{name} stopped with {process.returncode}.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"{name} did not start.")


def main(command: list[str]) -> int:
    install_missing()
    bin_folder, root = postgres_bin(), Path(tempfile.mkdtemp(prefix="cinevivid-services-"))
    assert bin_folder
    root.chmod(0o755)
    started: list[subprocess.Popen[bytes]] = []
    try:
        data = root / "postgres"
        data.mkdir()
        owner = as_postgres(data)
        initdb = [bin_folder / "initdb", "-D", data, "-U", "cinevivid", "--auth=trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **owner)
        pg_port, redis_port = free_port(), free_port()
        postgres = [bin_folder / "postgres", "-D", data, "-p", str(pg_port), "-k", data, "-c", "fsync=off"]
        postgres += ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"]
        redis = ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", root]
        for name, port, line, who in (
            ("PostgreSQL", pg_port, postgres, owner),
            ("Redis", redis_port, redis, {}),
        ):
            log = (root / f"{name}.log").open("wb")
            process = subprocess.Popen([str(part) for part in line], stdout=log, stderr=log, cwd="/", **who)
            started.append(process)
            wait_for(port, process, name)
        time.sleep(1)
        subprocess.run(
            [bin_folder / "createdb", "-h", "127.0.0.1", "-p", str(pg_port), "-U", "cinevivid", "cinevivid"], check=True
        )
        urls = {
            "DATABASE_URL": f"postgres://cinevivid@127.0.0.1:{pg_port}/cinevivid",
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "SECURE": "false",
            "LOG_JSON": "false",
        }
        return subprocess.run(command, env=os.environ | urls, check=False).returncode
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
