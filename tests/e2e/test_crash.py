"""A worker killed half way, its disk lost: the film goes on elsewhere, is the same film, and is charged once."""

import http.client
import json
import re
import shutil
import time
import urllib.error
import urllib.request

import pytest

from tests.e2e.site import Site
from tests.params import PARAMS
from workers.engines.skyreels import cards

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NANO = cards.get("nano")


def call(site, secret, path, body=None):
    request = urllib.request.Request(
        f"{site.url}/api/v1/{path}",
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def until(site, secret, job, condition, seconds=240):
    for _ in range(seconds * 10):
        try:
            state = call(site, secret, f"generations/{job}/")
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException):  # not there, or killed within its answer
            state = None
        if state and condition(state):
            return state
        time.sleep(0.1)
    raise AssertionError(f"The job is still {state}")


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    site.env["LEASE_SECONDS"] = "8"  # until a worker that says nothing is held for lost
    try:
        yield site.start()
    finally:
        site.stop()


def kept(site):
    """The windows that workers of this site have finished, in order, as their logs tell."""
    log = "".join((site.folder / f"{name}.log").read_text() for name in ("web", "worker") if name in site.processes)
    return [int(re.search(r"\bwindow\W+(\d+)", line).group(1)) for line in log.splitlines() if "window_kept" in line]


def test_a_killed_workers_film_goes_on_elsewhere_and_is_the_same_film_charged_once(site):
    secret = site.shell(
        "from apps.accounts.models import ApiToken, User; from apps.billing import services as b;"
        "u = User.objects.create_user('ada@example.org'); b.grant(u, 200, 'test');"
        "print(ApiToken.objects.issue(u, 'test')[1])"
    )
    frames = NANO.base_num_frames + 2 * (NANO.base_num_frames - NANO.overlap_history)
    cost = -(-4 * frames // NANO.fps)  # twice the recommended steps, twice 2 a second: it is seen in its second window
    request = PARAMS | {"steps": 32, "num_frames": frames}
    job = call(site, secret, "tools/to-video/", request)["id"]
    half_way = until(
        site, secret, job, lambda state: state["progress"]["window"] == 2 and state["progress"]["step"] >= 2
    )
    assert half_way["kept"]["windows"] == 1
    first = half_way["started_at"]
    if site.fleet:
        site.kill("worker")
    else:
        site.kill("web")
    # Another machine has the media storage and nothing else.
    assert any((site.folder / "work").iterdir())
    shutil.rmtree(site.folder / "work")
    if site.fleet:
        site.start_worker()
    else:
        site.start()
    until(site, secret, job, lambda state: state["started_at"] != first)
    state = until(site, secret, job, lambda state: state["progress"]["stage"] == "denoising")
    assert state["progress"]["window"] >= 2, "the first window was made again"
    state = until(site, secret, job, lambda state: state["finished_at"])
    assert state["status"] == "succeeded"
    assert kept(site) == [1, 2, 3], "a window was made twice"
    assert len(state["assets"]) == 1
    assert state["credits"] == {"held": cost, "captured": cost, "released": 0}
    left = [path for path in (site.folder / "media" / "live").rglob("*") if path.is_file()]
    assert {path.parent.name for path in left} <= {"hls"}, "the checkpoint is still there"
    assert not list((site.folder / "work").iterdir())

    whole = call(site, secret, "tools/to-video/", request)["id"]
    uninterrupted = until(site, secret, whole, lambda state: state["finished_at"])
    assert state["assets"][0]["sha256"] == uninterrupted["assets"][0]["sha256"]
    assert call(site, secret, "account/") == {"email": "ada@example.org", "credits": 200 - 2 * cost, "held": 0}
    assert "The books are right." in site.manage("audit_ledger")
