"""Redis away: pages work, limits hold, jobs wait as rows, sockets close and heal."""

import time

import httpx2
import psycopg
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.outages.test_pool import cookies_of

pytestmark = [pytest.mark.services, pytest.mark.slow]
FILM = {"prompt": "a red circle moves right", "num_frames": 17, "steps": 4, "seed": 1}


@pytest.fixture
def without_redis(fleet):
    cookies = cookies_of(fleet, "redis@example.org")
    (fleet.folder / "web.log").write_text("")
    fleet.redis.stop()
    yield cookies
    if fleet.redis.process.poll() is not None:
        fleet.redis.start()


def socket_of(fleet, cookies):
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return connect(fleet.url.replace("http", "ws") + "/ws/", additional_headers={"Cookie": header}, origin=fleet.url)


def token_of(fleet, email):
    script = (
        "from apps.accounts.models import ApiToken, User;"
        f"print(ApiToken.objects.issue(User.objects.get(email={email!r}), 'test')[1])"
    )
    return fleet.shell(script)


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_readiness_names_redis_and_pages_are_still_answered(fleet, without_redis):
    with httpx2.Client(base_url=fleet.url, cookies=without_redis, timeout=20) as browser:
        ready = browser.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"database": "ok", "storage": "ok", "redis": "failed"})
        for path in ("/", "/home/my-library", "/home/tools/to-video", "/accounts/profile", "/api/v1/account/"):
            started = time.monotonic()
            assert browser.get(path).status_code == 200, path
            assert time.monotonic() - started < 8, path


def test_limits_hold_without_redis(fleet, without_redis):
    with httpx2.Client(base_url=fleet.url, timeout=20) as stranger:
        statuses = [stranger.get("/api/v1/schema/").status_code for _ in range(15)]
    assert statuses == [200] * 10 + [429] * 5
    with httpx2.Client(base_url=fleet.url, timeout=20) as stranger:
        stranger.get("/accounts/login/")
        form = {"login": "ada@example.org", "password": "wrong", "csrfmiddlewaretoken": stranger.cookies["csrftoken"]}
        statuses = [stranger.post("/accounts/login/", data=form).status_code for _ in range(35)]
    assert 429 in statuses and max(statuses) < 500


def test_a_job_waits_as_a_row_and_is_sent_when_redis_is_back(fleet, without_redis):
    headers = {"Authorization": f"Bearer {token_of(fleet, 'redis@example.org')}"}
    started = time.monotonic()
    answer = httpx2.post(f"{fleet.url}/api/v1/tools/to-video/", json=FILM, headers=headers, timeout=30)
    assert answer.status_code == 202 and answer.json()["status"] == "queued", answer.text
    assert time.monotonic() - started < 10
    with psycopg.connect(fleet.env["DATABASE_URL"], autocommit=True) as connection:

        def sent():
            query = "SELECT dispatched_at FROM library_generation WHERE id = %s"
            return connection.execute(query, [answer.json()["id"]]).fetchone()[0]

        assert sent() is None
        fleet.redis.start()
        wait_until(sent)


def test_open_pages_are_brought_up_to_date_when_redis_is_back(fleet):
    cookies = cookies_of(fleet, "redis@example.org")
    headers = {"Authorization": f"Bearer {token_of(fleet, 'redis@example.org')}"}
    (fleet.folder / "web.log").write_text("")
    with socket_of(fleet, cookies) as page:
        while "credits" not in page.recv(timeout=60):
            pass
        fleet.redis.stop()
        try:
            job = httpx2.post(f"{fleet.url}/api/v1/tools/to-video/", json=FILM, headers=headers, timeout=30).json()
            for _ in range(5):
                with pytest.raises(InvalidStatus):
                    socket_of(fleet, cookies)
                time.sleep(0.5)
        finally:
            fleet.redis.start()
        while f"generation-{job['id']}" not in page.recv(timeout=60):
            pass
    log = (fleet.folder / "web.log").read_text()
    assert "Traceback" not in log and len(log.splitlines()) < 60, log
    with socket_of(fleet, cookies) as page:
        assert page.recv(timeout=60)
    assert httpx2.get(f"{fleet.url}/readyz").status_code == 200
