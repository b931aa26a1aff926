"""A network that is late: what a site sends reaches its pages after a moment that nobody can foresee.

Opt-in, by E2E_JITTER=<seed> (0 chooses one). The browser speaks to a relay in front of the site, which holds every
answer, and every message of a socket, for a random time; those of one connection stay in order, and connections
overtake one another. Pages run on a slower processor as well. A test that passes only on a quick network fails here.
"""

import asyncio
import os
import random
import socket
import threading

ASKED = os.environ.get("E2E_JITTER", "")
SEED = (int(ASKED) or random.randrange(1, 10_000)) if ASKED else 0
if ASKED:
    os.environ["E2E_JITTER"] = str(SEED)  # for the processes of pytest -n
LONGEST = 1.5  # seconds that an answer or a message is held
LONGEST_FILE = 0.15  # a page has dozens of scripts, styles and pictures
ALLOWANCE = 4 * LONGEST if ASKED else 0.0  # seconds that a measured time may be longer: a few hops
CPU_RATE = 4  # times slower
REST = 0.05  # seconds after which what comes is something new
FILES = (b"javascript", b"text/css", b"image/", b"font/", b"video/", b"audio/")


class Relay:
    """An address of its own in front of the port of a site, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.random = random.Random(SEED)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="jitter", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.loop.run_until_complete(asyncio.start_server(self._serve, sock=self.listener))
        self.loop.run_forever()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a browser; while the site is away, it is refused by being closed."""
        try:
            to_site = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.close()
            return
        ways = [self._pass(reader, to_site[1], late=False), self._pass(to_site[0], writer, late=True)]
        tasks = [asyncio.ensure_future(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for each in (writer, to_site[1]):
            each.close()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, late: bool) -> None:
        try:
            before = float("-inf")
            while data := await source.read(1 << 16):
                if late and self.loop.time() - before > REST:
                    await asyncio.sleep(self.random.uniform(0, self._longest(data)))
                target.write(data)
                await target.drain()
                before = self.loop.time()
        except OSError:
            pass  # either end is gone: so is the other, now

    @staticmethod
    def _longest(data: bytes) -> float:
        head = data.partition(b"\r\n\r\n")[0].lower() if data.startswith(b"HTTP/") else b""
        kind = head.partition(b"content-type:")[2].partition(b"\r\n")[0]
        return LONGEST_FILE if any(name in kind for name in FILES) else LONGEST
