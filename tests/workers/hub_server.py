"""A hub for tests: what huggingface_hub asks of huggingface.co, from a folder on this machine.

Small files are answered in place; large ones (LFS) with a redirect to a store under another host name, as the hub does.
Every byte that leaves is counted by path.
"""

import hashlib
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from workers.base import EngineError
from workers.engines.skyreels import cards

ID, OTHER = "SkyReels-V2-DF-1.3B-540P", "SkyReels-V2-T2V-14B-540P"
WEIGHTS = "vae/diffusion_pytorch_model.safetensors"
SIZE = (cards.NANO / WEIGHTS).stat().st_size
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BLOCK = 64 * 1024


def refused(action, *arguments, **options):
    """Return the error that an action ends with."""
    with pytest.raises(EngineError) as caught:
        action(*arguments, **options)
    return caught.value


class Hub:
    """`repos` maps a repository to its folder. The other attributes are troubles to make."""

    def __init__(self):
        self.repos = {}
        self.commit = COMMIT
        self.past = {}  # older commits, of which the hub still lists the files: a folder each
        self.token = ""  # when set, only whoever sends it gets anything
        self.gated = False  # the repository is seen, its files are for those who accepted the terms
        self.break_after = {}  # path: after so many bytes of an answer the connection is cut, every time
        self.corrupt = set()  # paths of which one byte is wrong
        self.endless = set()  # paths that go on for 200 MB behind their end
        self.no_ranges = False
        self.status = 0  # every answer has this status
        self.seconds_a_block = 0.0
        self.served = Counter()
        self.requests = []
        self.leaked = []  # tokens that the store under the other name was sent
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *arguments: _Answer(self, *arguments))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://localhost:{self.port}"
        self.store = f"http://127.0.0.1:{self.port}/store"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def files(self, repo, revision="main"):
        folder = self.past.get(revision, self.repos[repo])
        return {place.relative_to(folder).as_posix(): place for place in folder.rglob("*") if place.is_file()}


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub, *arguments):
        self.hub = hub
        super().__init__(*arguments)

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range", "")))
        if self.hub.status:
            self.say(self.hub.status, b"{}")
        elif path.startswith("/store/"):
            if self.headers.get("Authorization"):
                self.hub.leaked.append(path)
            _, _, owner, name, file = path.split("/", 4)
            self.bytes_of(f"{owner}/{name}", file, {})
        elif path.startswith("/api/models/"):
            _, _, _, owner, name, _, revision = path.split("/")
            self.listing(f"{owner}/{name}", revision)
        elif path.count("/") < 5:
            self.say(404, b"{}")
        else:
            _, owner, name, _, revision, file = path.split("/", 5)
            if self.known(f"{owner}/{name}", revision, api=False):
                self.resolve(f"{owner}/{name}", file)

    def known(self, repo, revision, api):
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.hub.token and given != self.hub.token:
            self.say(401, b'{"error":"Invalid username or password."}', {"X-Error-Code": "RepoNotFound"})
        elif repo not in self.hub.repos:
            status = 404 if given else 401
            self.say(status, b'{"error":"Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        elif self.hub.gated and not api:
            self.say(403, b'{"error":"Access is restricted"}', {"X-Error-Code": "GatedRepo"})
        elif revision not in ("main", self.hub.commit, *self.hub.past):
            self.say(404, b'{"error":"Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
        else:
            return True
        return False

    def listing(self, repo, revision):
        if not self.known(repo, revision, api=True):
            return
        siblings = []
        for path, place in sorted(self.hub.files(repo, revision).items()):
            content = place.read_bytes()
            entry = {"rfilename": path, "size": len(content), "blobId": git_name(content)}
            if path.endswith(".safetensors"):
                sha256 = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        sha = revision if revision in self.hub.past else self.hub.commit
        body = {"id": repo, "modelId": repo, "sha": sha, "siblings": siblings, "tags": [], "private": False}
        self.say(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def resolve(self, repo, file):
        place = self.hub.files(repo).get(file)
        if place is None:
            self.say(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        content = place.read_bytes()
        headers = {"X-Repo-Commit": self.hub.commit}
        if file.endswith(".safetensors"):
            headers |= {
                "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Linked-Size": str(len(content)),
                "Location": f"{self.hub.store}/{repo}/{file}",
            }
            self.say(302, b"", headers)
        else:
            self.bytes_of(repo, file, headers | {"ETag": f'"{git_name(content)}"'})

    def bytes_of(self, repo, file, headers):
        content = self.hub.files(repo)[file].read_bytes()
        if file in self.hub.corrupt:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = 0
        asked = self.headers.get("Range", "")
        if asked and not self.hub.no_ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            headers = headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self.send_response(206 if asked and not self.hub.no_ranges else 200)
        length = {} if file in self.hub.endless else {"Content-Length": str(len(content) - start)}
        self.close_connection = not length
        for name, value in (headers | length | {"Accept-Ranges": "bytes"}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if file in self.hub.endless:
            content += bytes(200_000_000)
        end = len(content)
        if file in self.hub.break_after:
            end = min(end, start + self.hub.break_after[file])
        try:
            for at in range(start, end, BLOCK):
                block = content[at : min(at + BLOCK, end)]
                self.wfile.write(block)
                self.hub.served[file] += len(block)
                time.sleep(self.hub.seconds_a_block)
        except OSError:
            pass
        if end < len(content):
            self.close_connection = True
            self.wfile.flush()

    def say(self, status, body, headers=None):
        self.send_response(status)
        for name, value in ((headers or {}) | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def git_name(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
