"""A studio in a process of its own, as `make run` starts it, on a data folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Scripts come in as lines of JSON; what each printed and what it raised goes out as one. Anything else that is written
# to standard output, as logs are, goes to standard error.
SHELL = """
import contextlib, io, json, os, sys, traceback
from django.db import connections
told = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
for line in sys.stdin:
    printed, problem = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(printed):
            exec(json.loads(line), {})
    except Exception:
        problem = traceback.format_exc()
    for connection in connections.all(initialized_only=True):
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()
    print(json.dumps([printed.getvalue(), problem]), file=told)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Studio:
    """A running studio, embedded in one process."""

    program: tuple[str, ...] = ("manage.py",)  # what Python is given before a command of Django's

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://localhost:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._shell: subprocess.Popen[str] | None = None
        self.env = os.environ | {
            "CINEVIVID_DATA_DIR": str(folder),
            "SITE_URL": self.url,
            "PYTHONUNBUFFERED": "1",
            "SECRET_KEY": "only-for-this-run-0123456789-abcdefghijklmnopqrst",
            # Everything comes from one address, and asks faster than people.
            "SIGN_IN_LINK_RATE": "1000/m/ip",
            "API_RATE_USER": "100000/min",
            "LOG_LEVEL": "INFO",
        }

    def start(self) -> "Studio":
        self.run("web", *self.program, "studio", "--port", str(self.port))
        self.wait()
        return self

    def wait(self) -> None:
        """Wait until the site answers. Raises AssertionError with the end of its log when it does not."""
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2)
                return
            except OSError:
                assert self.processes["web"].poll() is None, self.log("web")
                time.sleep(0.1)
        raise AssertionError(f"The site did not start:\n{self.log('web')}")

    def run(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        command = [sys.executable, *arguments]
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
        )

    def manage(self, *arguments: str) -> str:
        return self.python(*self.program, *arguments)

    def shell(self, script: str) -> str:
        """Run a script with the site's database and files; what it printed. Raises AssertionError where it raised.

        One interpreter runs all of a studio's scripts: each would take seconds to start.
        """
        if self._shell is None:
            command = [sys.executable, *self.program, "shell", "-v", "0", "--no-imports", "-c", SHELL]
            with (self.folder / "shell.log").open("ab") as log:
                self._shell = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=self.env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        assert self._shell.stdin and self._shell.stdout
        print(json.dumps(script), file=self._shell.stdin, flush=True)
        told = self._shell.stdout.readline()
        assert told, self.log("shell")
        printed, problem = json.loads(told)
        assert not problem, problem
        return str(printed).strip()

    def python(self, *arguments: str) -> str:
        """Run a Python command in the site's environment; what it printed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kill(self, name: str) -> None:
        """Kill -9 a process and everything it started."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()

    def stop(self) -> None:
        if self._shell:
            self._shell.terminate()
            self._shell.communicate()
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for name, process in self.processes.items():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-4000:]

    def sign_in_link(self, email: str) -> str:
        """A one-time link for an account with 300 credits, made when it is not there."""
        script = (
            "from apps.accounts.models import User; from apps.billing import services as b;"
            "from apps.accounts.links import sign_in_url;"
            f"u = User.objects.filter(email={email!r}).first() or User.objects.create_user({email!r});"
            "b.grant(u, 300, f'welcome:{u.pk}'); print(sign_in_url(u))"
        )
        return self.shell(script)
