"""Whether anything was written: to a key, to its expiry, or to anybody who is told of writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from support.keyspace import snapshot
from support.resp import RawConnection, Reply
from support.server import Server

COUNTED = ("rdb_changes_since_last_save", "ratelimit_effects_sent", "ratelimit_effects_unheard")


@contextmanager
def nothing_written(server: Server) -> Iterator[None]:
    """Fail if what is done within writes to one of the keys that there are, or makes another."""
    with server.raw() as watching:
        before = _all(watching)
        names = watching("KEYS", "*")
        assert isinstance(names, list)
        watched = [name for name in names if isinstance(name, bytes)]
        if watched:
            watching("WATCH", *watched)
        yield
        watching("MULTI")
        assert watching("EXEC") == [], "a key that was watched"
        assert _all(watching) == before


def _all(raw: RawConnection) -> list[Reply]:
    """What every key holds, when it expires, and how many writes there have been."""
    told = raw("INFO", "everything")
    assert isinstance(told, bytes)
    lines = told.decode().splitlines()
    counts: list[Reply] = [line.encode() for line in lines if line.partition(":")[0] in COUNTED]
    assert len(counts) == len(COUNTED)
    return [*snapshot(raw), *counts]
