"""Subjects: who is limited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis_rl.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is limited: a kind and an id within it. `tier` picks the limits where they differ."""

    kind: str
    id: str
    tier: str | None = None
    forwarded_for: tuple[str, ...] = ()

    @classmethod
    def user(cls, id: str | int, tier: str | None = None) -> Subject:
        """An account, by an id that it cannot choose."""
        return cls("user", _text("a user's id", id), tier)

    @classmethod
    def api_key(cls, key: str, tier: str | None = None) -> Subject:
        """Who holds an API key or token, of which only a hash is sent."""
        return cls("key", _text("an API key", key), tier)

    @classmethod
    def ip(cls, source: Any, tier: str | None = None, forwarded_for: Sequence[str] = ()) -> Subject:
        """A client by its address.

        `source` is the peer's address, or a request or WebSocket of Starlette's or FastAPI's.
        `forwarded_for` are the lines of X-Forwarded-For, of which a limiter without
        `trusted_proxies` takes no notice. A check of a subject without an address raises
        CannotIdentify, or answers as it does in an outage.
        """
        scope = getattr(source, "scope", None)
        if isinstance(scope, dict):
            return cls.of_scope(scope, tier)
        return cls("ip", "" if source is None else str(source), tier, tuple(forwarded_for))

    @classmethod
    def of_scope(cls, scope: Any, tier: str | None = None) -> Subject:
        """The client of an ASGI scope, by its address, which it lacks over a Unix socket."""
        client = scope.get("client")
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        forwarded_for = tuple(line.decode("latin-1") for line in lines)
        return cls("ip", client[0] if client else "", tier, forwarded_for)


def _text(what: str, value: str | int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ConfigurationError(f"{what} must be an integer, or text and not empty, not {value!r}")
    return str(value)
