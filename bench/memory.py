"""What a key takes: all that the server allocates for it, its entry in the key table included."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bench import load
from bench.rows import Row
from support import replication
from support.server import Server

_KEYS = 100_000


def bytes_per_key(server: Server, row: Row) -> float:
    """Make many keys of twelve bytes with one call each."""
    return grown_by(server, (load.encoded(row.call, number) for number in range(_KEYS))) / _KEYS


def grown_by(server: Server, calls: Iterable[bytes]) -> int:
    """How much more memory an empty server uses after these calls."""
    with server.raw() as connection:
        connection("FLUSHALL")
    before = settled(server)
    load.fill(server, calls)
    return settled(server) - before


def settled(server: Server) -> int:
    """Answer used_memory when tables have grown, and connections that are gone were freed."""
    with server.client() as client:
        seen = -1
        while (used := int(replication.info(client, "memory")["used_memory"])) != seen:
            seen = used
            time.sleep(0.25)
    return seen
