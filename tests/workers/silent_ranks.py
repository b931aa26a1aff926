"""Stands in for torchrun and its ranks where they say little, without the seconds that torch takes to be imported.

Each argument after the address is what one rank says once it is connected, as hexadecimal bytes; "gone" ends the rank.
Then the process stops itself, so that only SIGKILL ends it.
"""

import os
import signal
import socket
import sys

if __name__ == "__main__":
    address, *speeches = sys.argv[1:]
    sys.stderr.write("the last words\n")
    ranks = []
    for speech in speeches:
        rank = socket.socket(socket.AF_UNIX)
        rank.connect(address)
        if speech == "gone":
            rank.close()
        else:
            rank.sendall(bytes.fromhex(speech))
        ranks.append(rank)
    os.kill(os.getpid(), signal.SIGSTOP)
