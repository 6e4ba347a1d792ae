"""Keys: who is limited in what, as Redis holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from redis_rl.addresses import AddressRules
from redis_rl.errors import ConfigurationError

_LONGEST = 128


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


class Keys:
    """Builds the keys of one limiter: `{prefix}:{scope}:{kind}:{subject}`."""

    def __init__(self, prefix: str, rules: AddressRules) -> None:
        if not isinstance(prefix, str) or not prefix:
            raise ConfigurationError(f"prefix is {prefix!r}, and may be any text but none")
        self._prefix = _field(prefix)
        self._rules = rules

    def key(self, scope: str, subject: Subject) -> str:
        """The key of a subject in a scope; CannotIdentify where its address is none."""
        kind, who = subject.kind, subject.id
        if kind == "ip":
            who = self._rules.client(who, subject.forwarded_for)
        return f"{self._prefix}:{_field(scope)}:{_field(kind)}:{_identity(kind, who)}"


@lru_cache(maxsize=1024)
def _field(text: str) -> str:
    return _encoded(text)


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _identity(kind: str, who: str) -> str:
    raw = who.encode("utf-8", "surrogatepass")
    if kind == "key" or len(raw) > _LONGEST:
        return f"sha256={sha256(raw).hexdigest()}"
    return _encoded(who)


def _text(what: str, value: str | int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ConfigurationError(f"{what} is {value!r}, and may be an integer, or text but none")
    return str(value)
