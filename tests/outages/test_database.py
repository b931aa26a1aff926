"""PostgreSQL away: a row of the catalogue at once, and all is well when it is back."""

import asyncio
import time

import httpx2
import pytest

from tests.outages.test_pool import ask, cookies_of
from tests.outages.test_redis import token_of, wait_until

pytestmark = [pytest.mark.services, pytest.mark.slow]


def test_everything_says_that_the_studio_is_away_and_then_goes_on(fleet):
    cookies = cookies_of(fleet, "database@example.org")
    headers = {"Authorization": f"Bearer {token_of(fleet, 'database@example.org')}"}
    asyncio.run(ask(fleet, ["/home/credits"] * 40, cookies))  # many connections wait in the pool
    (fleet.folder / "web.log").write_text("")
    fleet.postgres.stop()
    try:
        with httpx2.Client(base_url=fleet.url, cookies=cookies, timeout=30) as browser:
            assert browser.get("/healthz").status_code == 200
            started = time.monotonic()
            ready = browser.get("/readyz")
            assert time.monotonic() - started < 8
            assert (ready.status_code, ready.json()) == (503, {"database": "failed", "storage": "ok", "redis": "ok"})
            nothing = "00000000-0000-0000-0000-000000000000"
            for path in ("/home/my-library", "/home/tools/to-video", f"/media/{nothing}/file", "/accounts/profile"):
                started = time.monotonic()
                answer = browser.get(path)
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10"), path
                assert "The studio cannot answer right now." in answer.text, path
                assert time.monotonic() - started < 8, path
            toast = browser.get("/home/tools/to-video/quote", headers={"HX-Request": "true"})
            assert (toast.status_code, toast.headers["HX-Retarget"]) == (503, "#toasts")
            for path in ("/api/v1/account/", "/api/v1/generations/", "/api/v1/tools/"):
                answer = browser.get(path, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert answer.headers["Retry-After"] == "10"
                assert answer.headers["Content-Type"] == "application/problem+json"
        log = (fleet.folder / "web.log").read_text()
        assert "Traceback" not in log, log[-3000:]
        assert "cinevivid@" not in ready.text and fleet.env["SECRET_KEY"] not in log
    finally:
        fleet.postgres.start()
    with httpx2.Client(base_url=fleet.url, cookies=cookies, timeout=30) as browser:
        wait_until(lambda: browser.get("/home/my-library").status_code == 200)
        assert browser.get("/readyz").status_code == 200
