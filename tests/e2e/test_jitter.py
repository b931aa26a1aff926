"""The relay of `make test-jitter` changes when things come, and nothing else."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e import jitter


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture
def relay(monkeypatch):
    monkeypatch.setattr(jitter, "LONGEST", 0.1)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    relay = jitter.Relay(server.server_address[1])
    relay.server = server
    yield relay
    relay.stop()
    server.server_close()


def test_every_answer_comes_whole_and_in_its_turn(relay):
    line = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=60)
    for size in (10, 1_000_000, 0, 100):
        body = bytes([size % 251]) * size
        line.request("POST", "/", body)
        assert line.getresponse().read() == body
    line.close()


def test_a_site_that_is_away_is_away(relay):
    relay.server.shutdown()
    relay.server.server_close()
    line = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=60)
    with pytest.raises(OSError):
        line.request("POST", "/", b"anybody?")
        line.getresponse()
