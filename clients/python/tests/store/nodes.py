"""A real cluster of three primaries, and limiters on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis.asyncio
import redis.cluster

from redis_rl import RateLimiter
from store.kinds import LONG, InThreads, Limiter
from support.clock import Clock
from support.cluster import SLOTS, ask, asked
from support.eventually import eventually
from support.pool import NewServer
from support.server import Server

SIZE = 3


class Nodes:
    """Three primaries, among which slots can be moved."""

    def __init__(self, new_server: NewServer, folder: Path, **options: Any) -> None:
        clock = Clock(folder / "cluster-clock")
        clock.offset_ms(0)  # it runs, as gossip needs it to
        config = {"cluster-enabled": "yes", "cluster-node-timeout": 3000}
        self.nodes = [new_server(config=config, clock=clock, **options) for _ in range(SIZE)]
        for number, node in enumerate(self.nodes):
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            first, last = SLOTS * number // SIZE, SLOTS * (number + 1) // SIZE - 1
            ask(node, "CLUSTER", "ADDSLOTSRANGE", first, last)
            for other in self.nodes[:number]:
                ask(node, "CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        eventually(lambda: all(map(self._whole, self.nodes)), 30)

    def _whole(self, node: Server) -> bool:
        info = bytes(asked(node, "CLUSTER", "INFO"))
        return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info

    def move(self, slot: int, source: Server, target: Server, *, done: bool) -> None:
        """Move a slot without keys, or begin to."""
        names = {node.port: ask(node, "CLUSTER", "MYID") for node in (source, target)}
        ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[source.port])
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[target.port])
        if done:
            for node in (target, source):
                ask(node, "CLUSTER", "SETSLOT", slot, "NODE", names[target.port])


class limiter_on:  # noqa: N801 - reads as a function
    """A limiter of a kind, and its cluster client."""

    def __init__(
        self, kind: str, port: int, of_client: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        settings = {**LONG, **settings}
        of_client = {"host": "127.0.0.1", "port": port, **(of_client or {})}
        self._client: Any
        self._limiter: Limiter
        if kind == "async":
            self._client = redis.asyncio.RedisCluster(**of_client)
            self._limiter = RateLimiter(self._client, **settings)
        else:
            self._client = redis.cluster.RedisCluster(**of_client)
            self._limiter = InThreads(self._client, **settings)

    async def __aenter__(self) -> Limiter:
        """Answer the limiter."""
        return self._limiter

    async def __aexit__(self, *_: object) -> None:
        """Close both."""
        await self._limiter.aclose()
        closed = self._client.aclose() if hasattr(self._client, "aclose") else self._client.close()
        if closed is not None:
            await closed
