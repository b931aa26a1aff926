"""However many ask at once, PostgreSQL sees a bounded number of connections."""

import asyncio
import contextlib
import threading

import httpx2
import psycopg
import pytest
from django.db import connection
from django.http import StreamingHttpResponse

from apps.tools.sweeper import keep_sweeping
from cinevivid.middleware import ConnectionMiddleware

POOL = 20  # the default of DATABASE_POOL_SIZE


def cookies_of(site, email):
    """The session of a signed-in browser."""
    with httpx2.Client(follow_redirects=True) as browser:
        link = site.sign_in_link(email)
        assert browser.get(link).status_code == 200
        form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post(link, data=form, headers={"Referer": link}).status_code == 200
        return dict(browser.cookies)


class Watch:
    """Counts the connections of the site at PostgreSQL, from one of its own, while the block runs."""

    def __init__(self, site):
        self.url, self.most, self.over = site.env["DATABASE_URL"], 0, threading.Event()

    def count(self, watch):
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'cinevivid' AND application_name = ''"
        return watch.execute(query).fetchone()[0]

    def look(self):
        with psycopg.connect(self.url, autocommit=True, application_name="watch") as watch:
            while not self.over.wait(0.05):
                self.most = max(self.most, self.count(watch))

    def __enter__(self):
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()


async def ask(site, paths, cookies, timeout=240):
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=site.url, cookies=cookies, limits=limits, timeout=timeout) as client:
        return await asyncio.gather(*(client.get(path) for path in paths))


@pytest.mark.services
@pytest.mark.slow
def test_two_hundred_pages_at_once_are_all_answered(fleet):
    cookies = cookies_of(fleet, "ada@example.org")
    pages = ["/home/my-library", "/home/credits", "/home/tools/to-video", "/api/v1/account/"] * 50
    with Watch(fleet) as watch:
        answers = asyncio.run(ask(fleet, pages, cookies))
    assert {answer.status_code for answer in answers} == {200}, fleet.log("web")
    # `sweep` is a process of its own, with a connection now and then.
    assert 2 < watch.most <= POOL + 2


@pytest.mark.services
@pytest.mark.slow
def test_who_leaves_before_the_answer_takes_no_connection_along(fleet):
    cookies = cookies_of(fleet, "ada@example.org")

    async def leave():
        with contextlib.suppress(httpx2.TimeoutException):
            await ask(fleet, ["/home/my-library"] * 5, cookies, timeout=0.2)

    async def many():
        await asyncio.gather(*(leave() for _ in range(20)))
        return await ask(fleet, ["/home/my-library"] * 5, cookies)

    answers = asyncio.run(many())
    assert [answer.status_code for answer in answers] == [200] * 5


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_streams_holds_no_connection(rf):
    def answer(request):
        connection.ensure_connection()
        return StreamingHttpResponse(iter([b"a film"]))

    ConnectionMiddleware(answer)(rf.get("/"))
    assert connection.connection is None


@pytest.mark.django_db(transaction=True)
def test_a_pass_of_the_sweep_holds_no_connection_until_the_next():
    class Stopped(threading.Event):
        def wait(self, timeout=None):
            held.append(connection.connection)
            self.set()

    held = []
    keep_sweeping(30, Stopped())
    assert held == [None]
