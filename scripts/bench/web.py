"""The site: time to the first progress event, the library over 10,000 films, an event to 200 sockets."""

import asyncio
import json
import re
import statistics
import tempfile
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import websockets

from scripts.bench.report import Section
from tests.e2e.site import Site
from tests.params import PARAMS

JOBS, SOCKETS, EVENTS, FEW, FILMS = 20, 200, 10, 24, 10_000
MILLISECONDS = 1000


def run(quick: bool) -> Section:
    """Measure all three on a fresh embedded studio; it is always done in full."""
    with tempfile.TemporaryDirectory(prefix="cinevivid-bench-") as folder:
        site = Site(Path(folder))
        try:
            site.env |= {"MAX_ACTIVE_JOBS": "1000", "API_RATE_USER": "100000/min"}
            site.start()
            first, fanout = asyncio.run(sockets(site))
        finally:
            site.stop()
        library = json.loads(site.python("-m", "scripts.bench.library", str(FEW), str(FILMS)).splitlines()[-1])
    few, many = library[str(FEW)], library[str(FILMS)]
    rows = [
        row("submit to first progress event, warm worker", first, "p50 < 300 ms"),
        row(f"submit to the card on {SOCKETS} sockets", fanout, "p95 < 200 ms"),
        {
            "measure": f"library page, {FILMS:,} films ({many['queries']} queries; {few['queries']} with {FEW})",
            "p50": ms(many["p50"]),
            "p95": ms(many["p95"]),
            "goal": "p95 < 100 ms",
        },
    ]
    return Section("The site", rows, "Embedded studio: SQLite, worker thread and web in one process, nano model.")


def row(name: str, seconds: list[float], goal: str) -> dict[str, str]:
    return {
        "measure": name,
        "p50": ms(statistics.median(seconds)),
        "p95": ms(statistics.quantiles(seconds, n=20)[18]),
        "goal": goal,
    }


def ms(seconds: float) -> str:
    return f"{seconds * MILLISECONDS:.0f} ms"


async def sockets(site: Site) -> tuple[list[float], list[float]]:
    """Seconds to the first progress event of each job, and of one event to each of many sockets."""
    cookie, secret = await asyncio.to_thread(sign_in, site)
    headers = {"Cookie": cookie, "Origin": site.url}
    address = f"ws://localhost:{site.port}/ws/"
    first: list[float] = []
    async with websockets.connect(address, additional_headers=headers) as socket:
        await quiet(socket)
        for _ in range(JOBS + 1):
            start = time.perf_counter()
            job = asyncio.create_task(asyncio.to_thread(submit, site, secret, PARAMS | {"steps": 4}))
            while True:
                message = str(await socket.recv())
                if 'data-status="running"' in message:
                    first.append(time.perf_counter() - start)
                    break
            pk = await job
            while True:
                message = str(await socket.recv())
                if pk in message and 'data-status="succeeded"' in message:
                    break
            await quiet(socket)
    many = [
        await websockets.connect(address, additional_headers=headers, open_timeout=60, compression=None)
        for _ in range(SOCKETS)
    ]
    await asyncio.gather(*(quiet(socket) for socket in many))
    fanout: list[float] = []
    for number in range(EVENTS):
        prompt = f"event {number} of the red circle"
        start = time.perf_counter()
        job = asyncio.create_task(asyncio.to_thread(submit, site, secret, PARAMS | {"steps": 4, "prompt": prompt}))
        fanout += await asyncio.gather(*(received(socket, prompt, start) for socket in many))
        await job
        await asyncio.sleep(8)
        await asyncio.gather(*(quiet(socket) for socket in many))
    for socket in many:
        await socket.close()
    return first[1:], fanout


async def received(socket: websockets.ClientConnection, text: str, start: float) -> float:
    """Seconds from the start to the first message with this text."""
    while text not in str(await socket.recv()):
        pass
    return time.perf_counter() - start


async def quiet(socket: websockets.ClientConnection) -> None:
    """Read what is on its way until nothing came for a moment."""
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 0.7)
    except TimeoutError:
        return


def sign_in(site: Site) -> tuple[str, str]:
    """The session cookie of a signed-in browser, and an API token of the same person."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    link = site.sign_in_link("bench@example.org")
    field = re.search(r'csrfmiddlewaretoken" value="([^"]+)', opener.open(link).read().decode())
    assert field
    opener.open(link, urlencode({"csrfmiddlewaretoken": field[1]}).encode())
    secret = site.shell(
        "from apps.accounts.models import ApiToken, User; from apps.billing import services as b;"
        "u = User.objects.get(email='bench@example.org'); b.grant(u, 100000, 'bench');"
        "print(ApiToken.objects.issue(u, 'bench')[1])"
    )
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar), secret


def call(site: Site, secret: str, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """Ask the API: with a body something is submitted, without one it is read."""
    request = urllib.request.Request(
        f"{site.url}/api/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))


def submit(site: Site, secret: str, params: dict[str, object]) -> str:
    return str(call(site, secret, "tools/to-video/", params)["id"])
