"""Scopes: in which budget a request counts, if in any."""

from __future__ import annotations

from collections.abc import Collection

from redis_rl.errors import ConfigurationError

APP = "app"
"""The scope where there is neither a name nor a route."""
OTHER = "*"
"""Stands for all methods that HTTP does not define, so that nobody can invent a fresh budget."""

_DEFINED = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)


def scope(
    method: str, template: str | None, name: str | None, methods: Collection[str] | None = None
) -> str | None:
    """Answer the budget that a request counts in; None where it is not limited.

    `template` is the route's (None where there is none), `name` the one given, `methods` what
    `checked_methods` made of the option. HEAD counts as GET. OPTIONS has a budget of its own,
    never that of the request that it announces.
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
    """Answer the methods to limit as they are counted; ConfigurationError if they are none."""
    if methods is None:
        return None
    names = checked_texts("methods", methods, 'methods=["POST"]')
    wrong = [name for name in names if name != OTHER and name.upper() not in _DEFINED]
    if wrong:
        raise ConfigurationError(
            f'methods must be names of HTTP methods, as in methods=["POST"], not {wrong[0]!r}; '
            f"'{OTHER}' stands for all that HTTP does not define"
        )
    if not names:
        raise ConfigurationError('methods must name at least one, as in methods=["POST"]')
    return frozenset(counted_method(name.upper()) for name in names)


def checked_texts(option: str, texts: Collection[str], example: str) -> list[str]:
    """Answer the texts of an option that is a list; ConfigurationError if it is none."""
    listed = list(texts) if isinstance(texts, Collection) else [texts]
    if isinstance(texts, str | bytes) or not all(isinstance(one, str) for one in listed):
        raise ConfigurationError(f"{option} must be a list of text, as in {example}, not {texts!r}")
    return listed
