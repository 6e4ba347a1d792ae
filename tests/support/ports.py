"""Ports of the loopback interface for servers of a test's own.

They lie below those that the system gives to outgoing connections by itself: one of those may be
given away while a server that is to come back on it is down. For the same reason a port that was
answered here stays its process's own until it is given back: tests run beside one another.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

LOWEST, END = 10_000, 32_768

_claimed: set[int] = set()
"""What this process has claimed: its locks do not keep it from its own."""


def free_port() -> int:
    """A port that nobody uses now; it is claimed."""
    for _ in range(100):
        port = random.randrange(LOWEST, END)
        if claim(port):
            return port
    raise OSError(f"a hundred ports from {LOWEST} to {END - 1} were taken")


def claim(port: int) -> bool:
    """Claim a port; False where somebody uses or has claimed it."""
    if port in _claimed:
        return False
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    if not is_free(port):
        fcntl.lockf(_claims(), fcntl.LOCK_UN, 1, port)
        return False
    _claimed.add(port)
    return True


def give_back(*ports: int) -> None:
    """Let others have ports that were claimed."""
    for port in ports:
        _claimed.remove(port)
        fcntl.lockf(_claims(), fcntl.LOCK_UN, 1, port)


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@cache
def _claims() -> int:
    """A file, a byte of which is locked for each port; the system unlocks what an end left."""
    file = Path(tempfile.gettempdir()) / f"redis-rl-ports-{os.getuid()}"
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
