"""Holding a replica back, so that a test sees a cluster while its primary is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from support.cluster import asked
from support.server import Server


@contextmanager
def no_takeover(replica: Server) -> Iterator[None]:
    """Let a replica take over only afterwards, however long that was."""
    hold = "cluster-replica-no-failover"
    assert asked(replica, "CONFIG", "SET", hold, "yes", "cluster-replica-validity-factor", 0)
    yield
    assert asked(replica, "CONFIG", "SET", hold, "no")
