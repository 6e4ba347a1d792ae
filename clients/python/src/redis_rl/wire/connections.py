"""Connections of a limiter's own, made as a client's are, in a time of their own.

A client's retries and socket timeouts are for its own commands. A charge must not be sent twice,
and must not outlive its request, so a limiter takes from a client only how to reach its server.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from redis.backoff import NoBackoff

from redis_rl.errors import ConfigurationError

logger = logging.getLogger("redis_rl")


def maker(source: Any, retry_class: Any, connect_timeout: float, **place: Any) -> Callable[[], Any]:
    """Answer what makes a connection as a pool or node does, sync or async, that never retries.

    `place` is its host and port, where they are not those of the source.
    """
    connection_class = source.connection_class
    given = source.connection_kwargs.items()
    settings = {
        # A pool is told of maintenance by its own connections, over RESP3.
        **{name: value for name, value in given if "maint_notifications" not in name},
        **place,
        "protocol": 2,  # in which a server says nothing unasked
        "retry": retry_class(NoBackoff(), 0),
        "retry_on_timeout": False,
        "retry_on_error": [],
        "socket_timeout": connect_timeout,
        "socket_connect_timeout": connect_timeout,
        "health_check_interval": 0,
    }
    return lambda: connection_class(**settings)


def pool_of(redis: Any, pool_class: Any) -> Any:
    """Answer the pool of a URL, a client or a pool; ConfigurationError if it is none."""
    if isinstance(redis, str):
        try:
            return pool_class.from_url(redis)
        except ValueError as error:
            raise ConfigurationError(
                f"redis must be a URL, not {_without_password(redis)!r}: {error}"
            ) from None
    pool = getattr(redis, "connection_pool", redis)
    if not (hasattr(pool, "connection_class") and hasattr(pool, "connection_kwargs")):
        raise ConfigurationError(
            f"redis must be a URL, or a client or cluster client of redis-py's, not {redis!r}"
        )
    warn_of_retries(pool.connection_kwargs.get("retry"))
    return pool


_warned = False


def warn_of_retries(retry: Any) -> None:
    """Say once that a client's retries are not used."""
    global _warned
    retries: Any = getattr(retry, "_retries", 0)
    if not _warned and retries:
        _warned = True
        logger.warning(
            "The client given to the rate limiter retries commands. The limiter does not: "
            "a charge that is sent twice counts twice."
        )


def _without_password(url: str) -> str:
    scheme, separator, rest = url.rpartition("@")
    return f"{scheme.partition('://')[0]}://...@{rest}" if separator else url
