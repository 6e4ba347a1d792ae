"""Subjects: who is limited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from redis_rl.errors import WrongArgument

GONE = "gone"
"""In place of an address: a connection that has ended no longer has one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is limited: a kind, and an id within it. `tier` picks the limits, where there are tiers.

    Checking an empty id, or a client without an address, raises CannotIdentify.
    """

    kind: str
    id: str
    tier: str | None = None
    forwarded_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise WrongArgument for anything but text."""
        if not (isinstance(self.kind, str) and self.kind and isinstance(self.id, str)):
            raise WrongArgument(
                f"a Subject must be of a kind and an id that are text, not {self!r}"
            )

    @classmethod
    def user(cls, id: str | int, tier: str | None = None) -> Subject:
        """An account, by an id that the client cannot choose."""
        if isinstance(id, bool) or not isinstance(id, str | int):
            raise WrongArgument(f"a user's id must be text or an integer, not {id!r}")
        return cls("user", str(id), tier)

    @classmethod
    def api_key(cls, key: str, tier: str | None = None) -> Subject:
        """The holder of an API key or token, of which only a hash is sent."""
        if not isinstance(key, str):
            raise WrongArgument(f"an API key must be text, not of type {type(key).__name__}")
        return cls("key", key, tier)

    @classmethod
    def ip(cls, source: Any, tier: str | None = None, forwarded_for: Sequence[str] = ()) -> Subject:
        """A client by its address.

        `source` is the peer's address (None on a Unix socket), or a request or WebSocket of
        Starlette or FastAPI. `forwarded_for` has the lines of X-Forwarded-For, which a limiter
        without `trusted_proxies` ignores.
        """
        scope = getattr(source, "scope", None)
        if isinstance(scope, dict):
            return cls.of_scope(scope, tier)
        if source is not None and not isinstance(source, str | IPv4Address | IPv6Address):
            raise WrongArgument(
                f"a client must be an address, or a request of Starlette, not {source!r}"
            )
        return cls("ip", "" if source is None else str(source), tier, tuple(forwarded_for))

    @classmethod
    def of_scope(cls, scope: Any, tier: str | None = None) -> Subject:
        """The client of an ASGI scope, by its address."""
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        forwarded_for = tuple(line.decode("latin-1") for line in lines)
        client = scope.get("client") or (_no_address(scope.get("server")),)
        return cls("ip", client[0], tier, forwarded_for)

    def __repr__(self) -> str:
        shown = "..." if self.kind == "key" else self.id
        return f"Subject({self.kind!r}, {shown!r}, tier={self.tier!r})"


def _no_address(server: Any) -> str:
    """What replaces a missing address: a server on a Unix socket has no port."""
    return GONE if server and server[1] is not None else ""


@dataclass(frozen=True, slots=True)
class WholeKey:
    """A Redis key as it is. Never build one from what a client sent: it could name any key."""

    key: str

    def __post_init__(self) -> None:
        """Raise WrongArgument for anything but text that is not empty."""
        if not isinstance(self.key, str) or not self.key:
            raise WrongArgument(f"a WholeKey must be text that is not empty, not {self.key!r}")


Who = Subject | WholeKey | str
"""What is accepted wherever a subject is given; text is a user's id."""


def subject_of(who: object, what: str = "key must be") -> Subject | WholeKey:
    """Read it; WrongArgument for anything else."""
    if isinstance(who, Subject | WholeKey):
        return who
    if isinstance(who, str):
        return Subject("user", who)
    raise WrongArgument(f"{what} a Subject, a WholeKey or a user's id as text, not {who!r}")
