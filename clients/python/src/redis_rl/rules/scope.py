"""Scopes: in which budget a request counts, if it is limited."""

from __future__ import annotations

from collections.abc import Collection

from redis_rl.errors import ConfigurationError

APP = "app"
"""The scope where there is neither a name nor a route."""
OTHER = "*"
"""Stands for all methods that HTTP does not define, so that clients cannot invent budgets."""

_DEFINED = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)


def scope(
    method: str, template: str | None, name: str | None, methods: Collection[str] | None = None
) -> str | None:
    """Return the budget that a request counts in; None if it is not limited.

    `template` is the route's (None without a route), `name` the one given, `methods` the option
    as `checked_methods` returns it. HEAD counts as GET. OPTIONS has a budget of its own,
    never that of the request it announces.
    """
    counted = counted_method(method)
    if methods is not None and counted not in methods:
        return None
    if name is None and template is not None:
        return f"{counted} {template}"
    base = name or APP
    return f"OPTIONS {base}" if counted == "OPTIONS" else base


def websocket_scope(template: str | None, name: str | None) -> str:
    """The budget of a WebSocket: one of its own, as in `WS /feed`."""
    return f"WS {template}" if name is None and template is not None else name or APP


def counted_method(method: str) -> str:
    """The method that a request counts as."""
    if method not in _DEFINED:
        return OTHER
    return "GET" if method == "HEAD" else method


def checked_methods(methods: Collection[str] | None) -> frozenset[str] | None:
    """Return the methods to limit, as they are counted; ConfigurationError if one is invalid."""
    if methods is None:
        return None
    names = texts(methods)
    if not names or any(name != OTHER and name.upper() not in _DEFINED for name in names):
        raise ConfigurationError(
            "methods must be a list of HTTP methods, or '*' for all that HTTP does not define, "
            f'as in methods=["POST"], not {methods!r}'
        )
    return frozenset(counted_method(name.upper()) for name in names)


def texts(option: object) -> list[str] | None:
    """Return the texts of an option that is a list of text; None for any other."""
    if isinstance(option, str | bytes) or not isinstance(option, Collection):
        return None
    listed = list(option)
    return listed if all(isinstance(one, str) for one in listed) else None
