"""A primary, its replica, and what both hold."""

from __future__ import annotations

import time
from typing import Any

import redis

from support.server import Server

DEADLINE_S = 90.0


def attach(replica: Server, primary: Server) -> None:
    """Make one server the replica of another and wait until it has everything."""
    replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
    wait_in_sync(primary, replica)


def promote(replica: Server) -> None:
    """Make a replica a primary."""
    replica.client().execute_command("REPLICAOF", "NO", "ONE")


def wait_in_sync(primary: Server, replica: Server) -> None:
    """Wait until the replica has processed all that the primary sent.

    It compares offsets and sends nothing (WAIT would add to the stream that tests look at).
    """
    from_primary, from_replica = primary.client(), replica.client()
    deadline = time.monotonic() + DEADLINE_S
    while True:
        state = info(from_replica, "replication")
        linked = state["role"] == "slave" and state["master_link_status"] == "up"
        if linked and state["slave_repl_offset"] == offset(from_primary):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"no sync; replica: {state}\n{replica.log_tail()}")
        time.sleep(0.01)


def offset(client: redis.Redis) -> int:
    """How much has gone into the replication stream; equal before and after: nothing has."""
    return int(info(client, "replication")["master_repl_offset"])


def calls(client: redis.Redis) -> dict[str, int]:
    """How often each command ran on the server of `client`, by its lower-case name."""
    stats = info(client, "commandstats")
    return {name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()}


def digest(client: redis.Redis, *keys: bytes | str) -> list[str]:
    """The state of keys to the bit, as DEBUG DIGEST-VALUE tells it."""
    answer = client.execute_command("DEBUG", "DIGEST-VALUE", *keys)
    return [each.decode() if isinstance(each, bytes) else str(each) for each in answer]


def info(client: redis.Redis, section: str) -> dict[str, Any]:
    """One section of INFO."""
    answer: Any = client.info(section)
    return dict(answer)
