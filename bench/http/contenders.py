"""What is compared: one app a row, grouped by the server that it runs in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["bare", "incr", "ours", "peer"]
Language = Literal["python", "rust", "node"]


@dataclass(frozen=True)
class Contender:
    """One app, that answers GET /items."""

    group: str
    """The server that it runs in: only rows of one group are compared."""
    name: str
    kind: Kind
    language: Language
    app: str
    """Its file in the language's folder, without the ending."""
    libraries: Sequence[str]
    """Whose versions are told."""
    asks_redis: bool = True
    """Whether every request comes to Redis; where it does not, something else was measured."""
    quick: bool = False
    """Whether a quick run includes it."""

    @property
    def title(self) -> str:
        """The group and the name, to choose rows by."""
        return f"{self.group}: {self.name}"


@dataclass(frozen=True)
class _Group:
    """A server, in whose language all its apps are; `app` begins the names of their files."""

    name: str
    language: Language
    app: str = ""

    def bases(self, *server: str, client: str) -> list[Contender]:
        """The rows that every group has: its libraries, and those of the client of Redis."""
        bare = self._row("no limiter", "bare", f"{self.app}bare", server)
        return [
            replace(bare, asks_redis=False),
            self._row("one INCR", "incr", f"{self.app}incr", (client,)),
            self._row("redis-rl", "ours", f"{self.app}ours", (client,)),
        ]

    def peer(self, name: str, app: str, *libraries: str) -> Contender:
        """What people use instead."""
        return self._row(name, "peer", app, libraries)

    def _row(self, name: str, kind: Kind, app: str, libraries: Sequence[str]) -> Contender:
        return Contender(self.name, name, kind, self.language, app, libraries)


def _fastapi() -> list[Contender]:
    group = _Group("FastAPI", "python")
    bare, incr, ours = group.bases("fastapi", "uvicorn", client="redis")
    return [
        replace(bare, quick=True),
        incr,
        replace(ours, quick=True),
        group.peer("slowapi", "with_slowapi", "slowapi", "limits", "redis"),
        group.peer("fastapi-redis-sdk", "with_redis_fastapi", "fastapi-redis-sdk", "redis"),
        group.peer("limits, asynchronous", "with_limits", "limits", "redis"),
    ]


def _axum() -> list[Contender]:
    group = _Group("axum", "rust")
    cell = "tower-redis-cell over CL.THROTTLE"
    governor = group.peer(
        "tower_governor, in memory", "with_tower_governor", "tower_governor", "governor"
    )
    return [
        *group.bases("axum", "tokio", client="redis"),
        group.peer(cell, "with_tower_redis_cell", "tower-redis-cell", "redis"),
        replace(governor, asks_redis=False),
    ]


def _express() -> list[Contender]:
    group = _Group("Express", "node", "express-")
    peer = "express-rate-limit"
    return [
        *group.bases("express", client="redis"),
        group.peer(peer, peer, peer, "rate-limit-redis", "redis"),
    ]


def _fastify() -> list[Contender]:
    group = _Group("Fastify", "node", "fastify-")
    peer = "@fastify/rate-limit"
    return [
        *group.bases("fastify", client="ioredis"),
        group.peer(peer, "fastify-rate-limit", peer, "ioredis"),
    ]


CONTENDERS: Sequence[Contender] = [*_fastapi(), *_axum(), *_express(), *_fastify()]
