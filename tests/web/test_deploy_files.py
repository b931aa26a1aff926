"""What the Dockerfile and the compose files promise, as far as it can be held without an engine to run them."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.look
ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
MODEL_PACKAGES = {"torch", "diffusers", "transformers"}


def requirements(name: str) -> list[Requirement]:
    """The packages that a requirements file names itself, without the files that it includes."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def closure(wanted: list[Requirement]) -> set[str]:
    """The canonical names of these packages and of all that pip installs with them."""
    found: set[tuple[str, str]] = set()
    left = list(wanted)
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - {extra for known, extra in found if known == name}:
            found.add((name, extra))
            try:
                needs = [Requirement(line) for line in distribution(name).requires or []]
            except PackageNotFoundError:
                continue
            left += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


# Refuses what is installed here and would not be where only the web's packages are.
ONLY_THE_WEB = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""
START = """
import json, cinevivid.asgi, django.urls, dramatiq, workers.actors
from apps.tools.registry import tools
from django.core.management import call_command, load_command_class
django.urls.get_resolver().url_patterns
call_command("check")
load_command_class("apps.tools", "sweep")
print(json.dumps(sorted(dramatiq.get_broker().get_declared_queues() | {tool.queue for tool in tools()})))
"""


def queues_of_a_web_process() -> list[str]:
    """Start the site with the web's packages alone, as its image does, and return the queues that its jobs go to."""
    installed = closure(requirements("requirements-web.txt"))
    refused = {
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & installed
    }
    assert refused >= MODEL_PACKAGES
    script = ONLY_THE_WEB.format(refused=refused) + START
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_everything_includes_the_web_and_names_nothing_twice():
    web, whole = requirements("requirements-web.txt"), requirements("requirements.txt")
    assert "-r requirements-web.txt" in (ROOT / "requirements.txt").read_text().splitlines()
    assert not {canonicalize_name(r.name) for r in web} & {canonicalize_name(r.name) for r in whole}
    assert {canonicalize_name(r.name) for r in whole} >= MODEL_PACKAGES


def test_the_web_installs_no_torch():
    assert not closure(requirements("requirements-web.txt")) & MODEL_PACKAGES


def test_every_file_that_the_image_copies_is_here_and_let_in():
    files = set(re.findall(r"\S+\.txt", DOCKERFILE))
    assert files >= {"requirements.txt", "requirements-web.txt", "constraints.txt"}
    assert all((ROOT / name).is_file() for name in files)
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    assert let_in >= {*packages, "templates", "static", "manage.py", "constraints.txt", "requirements*.txt"}
    assert all(list(ROOT.glob(pattern)) for pattern in let_in)


def test_every_variable_of_compose_is_explained():
    told = set(re.findall(r"^#? ?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / "compose.yaml").read_text()))
    given = {name for service in OURS.values() for name in service["environment"]}
    assert asked and asked | given <= told, (asked | given) - told


def test_the_web_starts_with_its_own_packages_and_every_queue_is_served():
    # dramatiq holds delayed messages of a queue under a name of their own and serves them with it.
    used = {queue for queue in queues_of_a_web_process() if not queue.endswith(".DQ")} - {"default"}
    commands = [service.get("command", []) for service in OURS.values()]
    served = {queue for command in commands if "-Q" in command for queue in command[command.index("-Q") + 1 :]}
    assert used and used <= served, used - served


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_service_is_one_of_the_images_and_waits_for_what_it_needs(name):
    service = OURS[name]
    stage = service["build"]["target"]
    assert re.search(rf"^FROM base AS {stage}$", DOCKERFILE, re.M)
    assert (stage == "worker") == ("rundramatiq" in service.get("command", []))
    assert "media:/data/media" in service["volumes"]
    needed = {"postgres"} if name == "migrate" else {"migrate", "postgres", "redis"}
    assert set(service["depends_on"]) == needed


def test_no_service_of_the_gpu_file_is_unknown():
    assert yaml.safe_load((ROOT / "compose.gpu.yaml").read_text())["services"].keys() <= OURS.keys()


def test_images_hold_no_key_and_do_not_run_as_root():
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M) == ["10001:10001"] * 2
    assert not re.search(r"^(ENV|ARG).*(SECRET|PASSWORD|TOKEN)", DOCKERFILE, re.M)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
