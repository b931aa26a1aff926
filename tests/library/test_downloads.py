"""A download is whole, or the program that fetches it can tell that it is not."""

import http.client
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.site import Site

MB = 1_000_000


class Shop:
    """A running studio, and a token of somebody who has files in it."""

    def __init__(self, site):
        self.site = site
        script = (
            "from apps.accounts.models import ApiToken, User;"
            "print(ApiToken.objects.issue(User.objects.create_user('ada@example.org'), 'test')[1])"
        )
        self.header = f"Authorization: Bearer {self.manage(script)}"

    def manage(self, script):
        return self.site.shell(script)

    def file(self, size):
        """The address of a new file of this many bytes, and where it lies."""
        script = (
            "from django.core.files.base import ContentFile; from apps.accounts.models import User;"
            "from apps.library.models import Asset; import random;"
            f"made = ContentFile(random.Random(1).randbytes({size}), 'film.mp4');"
            "asset = Asset.objects.create(user=User.objects.get(email='ada@example.org'), kind='video', file=made);"
            "print(asset.file_url, asset.file.path)"
        )
        address, path = self.manage(script).split()
        return f"{self.site.url}{address}", Path(path)

    def ask(self, address, timeout=30, **headers):
        """A socket on which the file is asked for, whose reader takes little at a time."""
        place = urlsplit(address)
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        reader.settimeout(timeout)
        reader.connect((place.hostname, place.port))
        reader.sendall(f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n{self.header}\r\n\r\n".encode())
        return reader

    def memory(self):
        """Bytes that the studio's process holds."""
        status = Path(f"/proc/{self.site.processes['web'].pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        yield Shop(site.start())
    finally:
        site.stop()


@pytest.mark.parametrize(
    "command",
    [
        ("curl", "-sS", "-C", "-", "-H", "{header}", "-o", "{part}", "{address}"),
        ("wget", "-q", "-c", "--tries=1", "--header={header}", "-O", "{part}", "{address}"),
    ],
    ids=["curl", "wget"],
)
def test_a_download_that_broke_off_is_gone_on_with_to_its_end(shop, tmp_path, command):
    if not shutil.which(command[0]):
        pytest.skip(f"No {command[0]} on this machine.")
    address, path = shop.file(9 * MB)
    part = tmp_path / "part"
    part.write_bytes(path.read_bytes()[:1000])
    words = {"header": shop.header, "part": part, "address": address}
    assert subprocess.run([word.format(**words) for word in command], check=False).returncode == 0
    assert part.read_bytes() == path.read_bytes()


def test_a_slow_reader_costs_no_memory(shop):
    address, _ = shop.file(100 * MB)
    before = shop.memory()
    readers = [shop.ask(address) for _ in range(3)]
    try:
        for reader in readers:
            assert reader.recv(15) == b"HTTP/1.1 200 OK"
        time.sleep(3)
        assert shop.memory() - before < 30 * MB
    finally:
        for reader in readers:
            reader.close()


def test_a_file_that_ends_early_breaks_the_connection(shop):
    address, path = shop.file(60 * MB)
    reader = shop.ask(address)
    answer = http.client.HTTPResponse(reader)
    answer.begin()
    assert answer.headers["Content-Length"] == str(60 * MB)
    with path.open("rb+") as file:
        file.truncate(30 * MB)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    # It still looks after its other answers.
    address, path = shop.file(1000)
    again = shop.ask(address)
    answer = http.client.HTTPResponse(again)
    answer.begin()
    assert answer.read() == path.read_bytes()
