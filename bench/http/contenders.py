"""What is compared: one app a row, grouped by the server that it runs in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["bare", "incr", "ours", "peer"]
Language = Literal["python"]

BARE, INCR, OURS = "no limiter", "one INCR", "redis-rl"


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
    libraries: Sequence[str] = ()
    """Whose versions are told."""
    quick: bool = False
    """Whether a quick run includes it."""
    asks_redis: bool = True
    """Whether every request comes to Redis; where it does not, something else was measured."""

    @property
    def title(self) -> str:
        """The group and the name, to choose rows by."""
        return f"{self.group}: {self.name}"


def _fastapi() -> Sequence[Contender]:
    group = "FastAPI"

    def row(name: str, kind: Kind, app: str, *libraries: str) -> Contender:
        return Contender(group, name, kind, "python", app, libraries)

    return [
        replace(row(BARE, "bare", "bare", "fastapi", "uvicorn"), quick=True, asks_redis=False),
        row(INCR, "incr", "incr", "redis"),
        replace(row(OURS, "ours", "ours", "redis"), quick=True),
        row("slowapi", "peer", "with_slowapi", "slowapi", "limits", "redis"),
        row("fastapi-redis-sdk", "peer", "with_redis_fastapi", "fastapi-redis-sdk", "redis"),
        row("limits, asynchronous", "peer", "with_limits", "limits", "redis"),
    ]


CONTENDERS: Sequence[Contender] = [*_fastapi()]
