"""Ports of the loopback interface for servers of a test's own.

They lie below those that the system gives to outgoing connections by itself: one of those may be
given away while a server that is to come back on it is down.
"""

from __future__ import annotations

import random
import socket

LOWEST, END = 10_000, 32_768


def free_port() -> int:
    """A port that nobody uses now."""
    for _ in range(100):
        port = random.randrange(LOWEST, END)
        if is_free(port):
            return port
    raise OSError(f"a hundred ports from {LOWEST} to {END - 1} were taken")


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
