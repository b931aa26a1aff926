"""Ends an engine whose worker is gone: `python -m workers.engines.external.guard <session> <mark>`.

Its standard input is a pipe from the worker. The kernel closes it when the worker dies, however it dies.
"""

from __future__ import annotations

import sys

from workers.engines.external import members


def main() -> None:
    """Wait for the worker's end, or for the end of its job."""
    leader, mark = int(sys.argv[1]), sys.argv[2]
    sys.stdin.buffer.read()
    members.end(leader, mark)


if __name__ == "__main__":
    main()
