"""Calls that change nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from support.keyspace import snapshot
from support.resp import Argument, RawConnection
from support.server import Server


@contextmanager
def untouched(server: Server, *watched: Argument) -> Iterator[RawConnection]:
    """Give a connection, and fail if what it does changes anything on the server.

    That is a key, an expiry, what a client would have watched, or what would have been written.
    """
    with server.raw() as raw, server.raw() as looking:
        before, written = snapshot(looking), changes(looking)
        looking("WATCH", *(watched or ("k",)))
        yield raw
        # An empty transaction, since nothing can be queued when memory is full.
        looking("MULTI")
        assert looking("EXEC") == [], "a watched key was changed"
        assert snapshot(looking) == before
        assert changes(looking) == written


def changes(raw: RawConnection) -> int:
    """How much the server has to save, and to tell replicas and the AOF."""
    told = raw("INFO", "persistence")
    assert isinstance(told, bytes)
    return int(told.split(b"rdb_changes_since_last_save:")[1].split(b"\r\n")[0])
