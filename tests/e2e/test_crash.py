"""A worker killed half way: the job ends, once, and is charged once."""

import json
import time
import urllib.request

import pytest

from tests.e2e.site import Site
from tests.params import PARAMS
from workers.engines.skyreels import catalog

pytestmark = pytest.mark.slow
NANO = catalog.get("nano")


def call(site, secret, path, body=None):
    request = urllib.request.Request(
        f"{site.url}/api/v1/{path}",
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def until(site, secret, job, condition, seconds=120):
    for _ in range(seconds * 10):
        try:
            state = call(site, secret, f"generations/{job}/")
        except OSError:
            state = None
        if state and condition(state):
            return state
        time.sleep(0.1)
    raise AssertionError(f"The job is still {state}")


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    try:
        yield site.start()
    finally:
        site.stop()


def test_a_killed_workers_job_is_made_by_the_next_one_and_charged_once(site):
    secret = site.manage(
        "shell", "-v", "0", "-c",
        "from apps.accounts.models import ApiToken, User; from apps.billing import services as b;"
        "u = User.objects.create_user('ada@example.org'); b.grant(u, 100, 'test');"
        "print(ApiToken.objects.issue(u, 'test')[1])",
    ).strip().splitlines()[-1]  # fmt: skip
    frames = NANO.base_num_frames + 2 * (NANO.base_num_frames - NANO.overlap_history)
    cost = 10 * -(-frames // NANO.fps)
    job = call(site, secret, "tools/to-video/", PARAMS | {"steps": 20, "num_frames": frames})["id"]
    half_way = until(
        site, secret, job, lambda state: state["progress"]["window"] == 2 and state["progress"]["step"] >= 5
    )
    first = half_way["started_at"]
    if site.fleet:
        site.kill("worker")
        site.start_worker()
    else:
        site.kill("web")
        site.start()
    until(site, secret, job, lambda state: state["started_at"] != first)
    state = until(site, secret, job, lambda state: state["progress"]["stage"] == "denoising")
    assert state["progress"]["window"] >= 2, "the first window was made again"
    state = until(site, secret, job, lambda state: state["finished_at"])
    assert state["status"] == "succeeded"
    assert len(state["assets"]) == 1
    assert state["credits"] == {"held": cost, "captured": cost, "released": 0}
    assert call(site, secret, "account/") == {"email": "ada@example.org", "credits": 100 - cost, "held": 0}
    assert "The books are right." in site.manage("audit_ledger")
