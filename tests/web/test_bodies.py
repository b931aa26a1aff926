"""Bodies of requests on a real server: what may come, from whom, how fast, and at what cost."""

import json
import os
import re
import socket
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import get_resolver
from django.urls.resolvers import URLResolver

from apps.bodies import to_take_files
from tests.e2e.site import Site

MB = 1_000_000
FORM = "multipart/form-data; boundary=b"
FIELDS = "application/x-www-form-urlencoded"
NOISE = os.urandom(MB).replace(b"--b", b"--c")  # by chance the boundary of the forms would be in it
IDLE = 6  # seconds
SLOWEST = 8  # seconds; less than 1 where nothing else runs, 15 and more when a body is parsed on the loop
SIGN_IN, QUOTE, ASSETS = "/accounts/login/", "/api/v1/tools/to-video/quote/", "/api/v1/assets/"


def part(name, value, file=""):
    file = f'; filename="{file}"' if file else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


class Line:
    """A connection to the site."""

    def __init__(self, site):
        self.socket = socket.create_connection(("127.0.0.1", site.port), timeout=60)
        self.host, self.rest = f"localhost:{site.port}", b""

    def head(self, path, *headers, method="POST"):
        lines = (f"{method} {path} HTTP/1.1", f"Host: {self.host}", *headers, "", "")
        self.socket.sendall("\r\n".join(lines).encode())

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """Return the next answer: its status, its headers in lower case and its body."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while not self.rest.endswith(b"0\r\n\r\n"):
                self._more()
            body, self.rest = self.rest, b""
        elif length := int(headers.get("content-length", 0)):
            while len(self.rest) < length:
                self._more()
            body, self.rest = self.rest[:length], self.rest[length:]
        return int(first.split()[1]), headers, body

    def _more(self):
        data = self.socket.recv(65536)
        assert data, "the server has closed the connection"
        self.rest += data

    def closed(self):
        """Wait for the server to close; whether it said nothing more."""
        try:
            return self.rest == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    site.env |= {"REQUEST_IDLE_SECONDS": str(IDLE), "MAX_UPLOADS_AT_ONCE": "2", "MAX_UPLOAD_MB": "400"}
    try:
        yield site.start()
    finally:
        site.stop()


@pytest.fixture(scope="module")
def keys(site):
    """A session and a token of one account, and a token of another, as headers."""
    script = (
        "from apps.accounts.models import *; from django.test import Client; c = Client();"
        "u = User.objects.create_user('ada@example.org'); c.force_login(u);"
        "o = User.objects.create_user('ben@example.org');"
        "print(c.cookies['sessionid'].value, *(ApiToken.objects.issue(each, 'test')[1] for each in (u, o)))"
    )
    session, *secrets = site.shell(script).split()
    token, other = (f"Authorization: Bearer {secret}" for secret in secrets)
    return {"session": f"Cookie: sessionid={session}", "token": token, "other": other, "nobody": "X-By: me"}


@pytest.fixture
def line(site):
    lines = []

    def line():
        lines.append(Line(site))
        return lines[-1]

    yield line
    for each in lines:
        each.socket.close()


@contextmanager
def watched(site):
    """What the web process did meanwhile: by how many MB its memory grew, and its slowest answer to a probe."""
    process, seen, done = Path(f"/proc/{site.processes['web'].pid}"), {"slowest": 0.0}, threading.Event()

    def memory(name):
        return int(re.search(rf"{name}:\s+(\d+)", (process / "status").read_text())[1]) // 1000

    def probe():
        while not done.wait(0.05):
            start = time.monotonic()
            urllib.request.urlopen(f"{site.url}/healthz", timeout=60).read()
            seen["slowest"] = max(seen["slowest"], time.monotonic() - start)

    (process / "clear_refs").write_text("5")  # the peak begins here
    base, thread = memory("VmRSS"), threading.Thread(target=probe)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
        seen["grew"] = memory("VmHWM") - base


def send_form(line, path, key, size):
    """Send a form with a file of so many MB; its answer."""
    head, end = part("file", b"", "a.mp4")[:-2], b"\r\n--b--\r\n"
    line.head(path, f"Content-Type: {FORM}", f"Content-Length: {len(head) + size * MB + len(end)}", key)
    line.send(head)
    for _ in range(size):
        line.send(NOISE)
    line.send(end)
    return line.answer()


def test_a_large_form_from_nobody_costs_nothing(site, line, keys):
    with watched(site) as seen:
        status, headers, body = send_form(line(), SIGN_IN, keys["nobody"], 100)
    assert (status, headers["connection"]) == (413, "close")
    assert headers["content-type"].startswith("text/html") and b"This request is too large." in body
    assert seen["grew"] < 60 and seen["slowest"] < SLOWEST


def test_many_fields_from_nobody_cost_nothing(site, line):
    data = b"a=1&" * (5_500_000 // 4)
    with watched(site) as seen:
        sign_in = line()
        sign_in.head(SIGN_IN, f"Content-Type: {FIELDS}", f"Content-Length: {len(data)}")
        sign_in.send(data)
        assert sign_in.answer()[0] == 413
    assert seen["grew"] < 60 and seen["slowest"] < SLOWEST


@pytest.mark.parametrize("by", ["token", "session"])
def test_a_large_clip_arrives_at_flat_memory(site, line, keys, by):
    with watched(site) as seen:
        status, _, body = send_form(line(), ASSETS, keys[by], 300)
    if by == "token":
        assert (status, json.loads(body)["code"]) == (422, "validation_failed"), "it was read to its end: it is no film"
    else:
        assert (status, json.loads(body)["code"]) == (403, "csrf_failed"), "a forged form is Django's to find"
    assert seen["grew"] < 100 and seen["slowest"] < SLOWEST


@pytest.mark.parametrize(
    ("path", "by", "kind", "megabytes", "code"),
    [
        (ASSETS, "nobody", FORM, 300, "authentication_required"),
        (ASSETS, "Authorization: Bearer cv_wrong", FORM, 300, "invalid_token"),
        (ASSETS, "Cookie: sessionid=wrong", FORM, 300, "authentication_required"),
        (ASSETS, "token", FORM, 401, "body_too_large"),
        (ASSETS, "token", "application/json", 3, "body_too_large"),
        (QUOTE, "token", "application/json", 3, "body_too_large"),
        (QUOTE, "token", FIELDS, 3, "body_too_large"),
        ("/api/v1/account/", "token", FORM, 3, "body_too_large"),
        ("/api/v1/nothing/", "token", FORM, 3, "body_too_large"),
        ("/home/tools/to-video", "nobody", FORM, 300, "authentication_required"),
        ("/home/tools/to-video", "session", FORM, 401, "body_too_large"),
        ("/home/tools/to-video", "session", FIELDS, 3, "body_too_large"),
        ("/accounts/profile", "session", FORM, 3, "body_too_large"),
        ("/start", "session", FORM, 3, "body_too_large"),
        ("/nowhere", "nobody", FORM, 3, "body_too_large"),
    ],
)
def test_the_headers_decide_before_anything_is_read(line, keys, path, by, kind, megabytes, code):
    line = line()
    line.head(path, f"Content-Type: {kind}", f"Content-Length: {megabytes * MB}", keys.get(by, by))
    status, headers, body = line.answer()
    assert status == (413 if code == "body_too_large" else 401)
    if path.startswith("/api/"):
        assert headers["content-type"] == "application/problem+json" and json.loads(body)["code"] == code
    else:
        assert code in body.decode() and "Traceback" not in body.decode()
    assert line.closed()


def test_a_client_that_asks_first_is_told_before_it_sends(line, keys):
    asked, told = line(), line()
    for each, by in ((asked, "token"), (told, "nobody")):
        each.head(ASSETS, f"Content-Type: {FORM}", f"Content-Length: {3 * MB}", keys[by], "Expect: 100-continue")
    assert asked.answer()[0] == 100
    assert told.answer()[0] == 401 and told.closed()
    asked.send(part("file", bytes(3 * MB - 65 - 9), "a.mp4").ljust(3 * MB - 7, b"-") + b"--b--\r\n")
    assert asked.answer()[0] == 422


def chunks(data, size=7):
    return b"".join(b"%x\r\n%s\r\n" % (len(data[i : i + size]), data[i : i + size]) for i in range(0, len(data), size))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("application/json", b'{"prompt": "a star", "num_frames": 21}'),
        (FORM, part("prompt", b"a star") + part("num_frames", b"21") + b"--b--\r\n"),
        (FIELDS, b"prompt=a+star&num_frames=21"),
    ],
)
def test_a_body_in_chunks_is_the_same_body(line, keys, kind, data):
    line = line()
    line.head(QUOTE, f"Content-Type: {kind}", f"Content-Length: {len(data)}", keys["token"])
    line.send(data)
    whole = line.answer()
    line.head(QUOTE, f"Content-Type: {kind}", "Transfer-Encoding: chunked", keys["token"])
    line.send(chunks(data) + b"0\r\n\r\n")
    in_chunks = line.answer()
    assert (whole[0], whole[2]) == (in_chunks[0], in_chunks[2]) and whole[0] == 200


def test_chunks_have_the_same_limits(site, line, keys):
    endless = line()
    endless.head(SIGN_IN, f"Content-Type: {FIELDS}", "Transfer-Encoding: chunked")
    with watched(site) as seen:
        for _ in range(3):
            endless.send(chunks(NOISE, 65536))
        status, _, body = endless.answer()
    assert status == 413 and b"This request is too large." in body and seen["grew"] < 60 and endless.closed()
    nobody = line()
    nobody.head(ASSETS, f"Content-Type: {FORM}", "Transfer-Encoding: chunked")
    assert nobody.answer()[0] == 401 and nobody.closed()


def test_a_body_in_crumbs_is_refused(site, line):
    crumbs = line()
    crumbs.head("/api/v1/account/", "Content-Type: application/json", "Transfer-Encoding: chunked")
    with watched(site) as seen:
        with suppress(OSError):  # it is cut while it sends
            crumbs.send(b"1\r\n \r\n" * 1_000_000)
        status, _, body = crumbs.answer()
    assert (status, json.loads(body)["code"]) == (400, "invalid_request") and seen["slowest"] < SLOWEST


@pytest.mark.parametrize("last", [[], ["X-Last: one"]])
@pytest.mark.parametrize("lengths", [["Content-Length: 3", "Content-Length: 4"], ["Content-Length: -1"], None])
def test_a_body_with_two_lengths_is_refused(line, lengths, last):
    line = line()
    line.head(QUOTE, *(lengths or ["Content-Length: 3", "Transfer-Encoding: chunked"]), *last)
    status, headers, body = line.answer()
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert json.loads(body)["code"] == "invalid_request" and line.closed()


@pytest.mark.parametrize(("path", "kind"), [("/api/v1/tools/", "application/problem+json"), ("/", "text/plain")])
@pytest.mark.parametrize(("query", "note"), [("?q=" + "%E6%98%9F" * 2000, "x"), ("", "x" * 17_000)])
def test_an_address_or_a_header_that_is_too_long_is_answered(line, path, kind, query, note):
    long = line()
    long.head(path + query, f"X-Note: {note}", method="GET")
    status, headers, _ = long.answer()
    assert (status, headers["content-type"].partition(";")[0]) == (400, kind)
    assert long.closed()


def test_what_was_refused_is_never_read_as_another_request(line):
    line = line()
    line.head(SIGN_IN, f"Content-Length: {3 * MB}")
    line.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert line.answer()[0] == 413 and line.closed()


def test_a_connection_serves_one_request_after_the_other(line, keys):
    line = line()
    data = b'{"prompt": "a star"}'
    for _ in range(2):  # both at once
        line.head(QUOTE, "Content-Type: application/json", f"Content-Length: {len(data)}", keys["token"])
        line.send(data)
    line.head("/healthz", method="GET")
    assert [line.answer()[0] for _ in range(3)] == [200, 200, 200]


def test_whoever_goes_on_sending_is_cut_off(line):
    line, start = line(), time.monotonic()
    line.head(SIGN_IN, f"Content-Length: {10**12}")
    with pytest.raises(OSError):
        while time.monotonic() - start < 30:
            line.send(bytes(65536))
            time.sleep(0.01)
    assert time.monotonic() - start < 20


def test_headers_that_trickle_in_are_not_waited_for(line):
    line, start = line(), time.monotonic()
    line.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    with pytest.raises(OSError):
        while time.monotonic() - start < 5 * IDLE:
            line.send(b"X-Slow: 1\r\n")
            time.sleep(0.3)
    assert time.monotonic() - start < 4 * IDLE


@pytest.mark.parametrize("every", [60, 0.3])
def test_a_body_that_stops_or_trickles_in_is_not_waited_for(line, every):
    line, start = line(), time.monotonic()
    line.head("/api/v1/account/", "Content-Type: application/json", "Content-Length: 1000")
    line.socket.settimeout(min(every, 3 * IDLE))
    while time.monotonic() - start < 4 * IDLE:
        line.send(b" ")
        try:
            line.rest = line.socket.recv(65536)
            break
        except TimeoutError:
            continue
    status, _, body = line.answer()
    assert (status, json.loads(body)["code"]) == (408, "request_timeout") and line.closed()


def test_one_account_sends_only_so_many_files_at_once(site, line, keys, wait_until):
    def upload():  # by an account of its own: what another test has sent may still count for a moment
        each = line()
        each.head(ASSETS, f"Content-Type: {FORM}", f"Content-Length: {300 * MB}", keys["other"], "Expect: 100-continue")
        return each, each.answer()

    def on_disk():
        process = Path(f"/proc/{site.processes['web'].pid}/fd")
        return [path for path in process.iterdir() if "/incoming/" in str(path.readlink())]

    (first, _), (_, invited), (_, refused) = upload(), upload(), upload()
    assert (invited[0], refused[0], json.loads(refused[2])["code"]) == (100, 429, "rate_limited")
    first.send(NOISE)
    wait_until(on_disk, message="what arrives is not on the disk")
    first.socket.close()
    wait_until(lambda: not on_disk(), message="what has left still has its bytes here")
    assert upload()[1][0] == 100, "one that has left makes room"


@pytest.mark.parametrize(
    ("kind", "data", "status", "code"),
    [
        (FORM, part("prompt", bytes(3 * MB)) + b"--b--\r\n", 413, "body_too_large"),
        (FORM, part("a", b"1") * 1500 + b"--b--\r\n", 400, "invalid_request"),
        (FORM, part("a", b"1", "a.png") * 150 + b"--b--\r\n", 400, "invalid_request"),
        (FIELDS, b"a=1&" * 1500, 400, "invalid_request"),
    ],
)
def test_what_is_read_into_memory_has_limits_of_its_own(line, keys, kind, data, status, code):
    line = line()
    line.head(QUOTE, f"Content-Type: {kind}", f"Content-Length: {len(data)}", keys["token"])
    line.send(data)
    answer = line.answer()
    assert (answer[0], json.loads(answer[2])["code"]) == (status, code)


def addresses(resolver, prefix=""):
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from addresses(each, f"{prefix}{each.pattern}")
        else:
            yield f"{prefix}{each.pattern}", each


def test_files_are_taken_at_these_addresses_and_no_others():
    class Match:
        def __init__(self, pattern):
            self.func = pattern.callback

    found = {path for path, pattern in addresses(get_resolver()) if to_take_files(Match(pattern))}
    assert found == {
        "api/v1/assets/",
        "api/v1/tools/<slug:slug>/",
        "api/v1/tools/<slug:slug>/quote/",
        "home/tools/<slug:slug>",
        "home/tools/<slug:slug>/preset",
        "home/tools/<slug:slug>/quote",
        "home/voices",
    }


def test_every_way_to_start_the_site_has_this_server():
    from cinevivid.management.commands.runserver import Command
    from cinevivid.server import Server

    assert (get_commands()["runserver"], Command.server_cls) == ("cinevivid", Server)
    root = Path(__file__).resolve().parents[2]
    for name in ("Dockerfile", "compose.yaml", "README.md"):
        assert not re.search(r'^(CMD \[")?daphne|command: \["daphne', (root / name).read_text(), re.MULTILINE), name
