"""Subjects: who is limited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from redis_rl.errors import WrongArgument

GONE = "gone"
"""In the place of an address: a connection that has ended has none any more."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is limited: a kind and an id within it. `tier` picks the limits where they differ.

    A check of an empty id, or of a client without an address, is refused: CannotIdentify.
    """

    kind: str
    id: str
    tier: str | None = None
    forwarded_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise WrongArgument for what is not text."""
        if not (isinstance(self.kind, str) and self.kind and isinstance(self.id, str)):
            raise WrongArgument(f"a Subject must have a kind and an id that are text, not {self!r}")

    @classmethod
    def user(cls, id: str | int, tier: str | None = None) -> Subject:
        """An account, by an id that it cannot choose."""
        if isinstance(id, bool) or not isinstance(id, str | int):
            raise WrongArgument(f"a user's id must be text or an integer, not {id!r}")
        return cls("user", str(id), tier)

    @classmethod
    def api_key(cls, key: str, tier: str | None = None) -> Subject:
        """Who holds an API key or token, of which only a hash is sent."""
        if not isinstance(key, str):
            raise WrongArgument(f"an API key must be text, not a value of {type(key).__name__}")
        return cls("key", key, tier)

    @classmethod
    def ip(cls, source: Any, tier: str | None = None, forwarded_for: Sequence[str] = ()) -> Subject:
        """A client by its address.

        `source` is the peer's address (None on a Unix socket), or a request or WebSocket of
        Starlette's or FastAPI's. `forwarded_for` are the lines of X-Forwarded-For, of which a
        limiter without `trusted_proxies` takes no notice.
        """
        scope = getattr(source, "scope", None)
        if isinstance(scope, dict):
            return cls.of_scope(scope, tier)
        if source is not None and not isinstance(source, str | IPv4Address | IPv6Address):
            raise WrongArgument(
                f"a client must be an address, or a request of Starlette's, not {source!r}"
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
    """What stands for a missing address: a server on a Unix socket has no port."""
    return GONE if server and server[1] is not None else ""


@dataclass(frozen=True, slots=True)
class WholeKey:
    """A key in Redis as it is. Never build one of what a client sent: it may be another's."""

    key: str

    def __post_init__(self) -> None:
        """Raise WrongArgument for what is not text, or empty."""
        if not isinstance(self.key, str) or not self.key:
            raise WrongArgument(f"a WholeKey must be text, and not empty, not {self.key!r}")


Who = Subject | WholeKey | str
"""What may be given wherever somebody is limited; text is a user's id."""


def subject_of(who: object, what: str = "a key must be") -> Subject | WholeKey:
    """Read it; WrongArgument for anything else."""
    if isinstance(who, Subject | WholeKey):
        return who
    if isinstance(who, str):
        return Subject("user", who)
    raise WrongArgument(f"{what} a Subject or a user's id as text, not {who!r}")
