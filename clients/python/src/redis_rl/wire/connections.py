"""The limiter's own connections, made like the client's, with a timeout of their own.

A client's retries and socket timeouts are for its own commands. A charge must not be sent twice,
and must not outlive its request, so a limiter takes from a client only how to reach its server.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.connection
import redis.asyncio.retry
import redis.cluster
import redis.connection
import redis.retry
from redis.backoff import NoBackoff

from redis_rl.errors import CannotDecide, ConfigurationError, NoAnswer, WrongArgument
from redis_rl.wire.faults import classify

logger = logging.getLogger("redis_rl")


@dataclass(frozen=True)
class Family:
    """redis-py's classes that belong together."""

    limiter: str
    """The limiter that uses them."""
    clients: str
    pool: Any
    cluster: Any
    connection: Any
    retry: Any


SYNC = Family(
    "SyncRateLimiter",
    "redis.Redis or a redis.RedisCluster",
    redis.ConnectionPool,
    redis.cluster.RedisCluster,
    redis.connection.AbstractConnection,
    redis.retry.Retry,
)
ASYNC = Family(
    "AsyncRateLimiter",
    "redis.asyncio.Redis or a redis.asyncio.RedisCluster",
    redis.asyncio.ConnectionPool,
    redis.asyncio.RedisCluster,
    redis.asyncio.connection.AbstractConnection,
    redis.asyncio.retry.Retry,
)


class Maker:
    """Makes connections like a pool or node of redis-py does, but ones that never retry.

    `place` is their host and port, if they differ from the source's.
    """

    def __init__(self, source: Any, family: Family, connect_timeout: float, **place: Any) -> None:
        self.connect_timeout = connect_timeout
        self._class = source.connection_class
        given = source.connection_kwargs.items()
        self._settings = {
            # A pool is told of maintenance by its own connections, over RESP3.
            **{name: value for name, value in given if "maint_notifications" not in name},
            **place,
            "protocol": 2,  # in which a server says nothing unasked
            "retry": family.retry(NoBackoff(), 0),
            "retry_on_timeout": False,
            "retry_on_error": [],
            "socket_timeout": connect_timeout,
            "socket_connect_timeout": connect_timeout,
            "health_check_interval": 0,
        }

    def __call__(self) -> Any:
        """Return one that is not connected yet."""
        return self._class(**self._settings)

    def failure(self, error: Exception) -> CannotDecide:
        """Classify what connecting raised."""
        if isinstance(error, TimeoutError | redis.TimeoutError | asyncio.TimeoutError):
            return NoAnswer(self.no_connection(self.connect_timeout))
        return classify(error)

    def no_connection(self, seconds: float) -> str:
        """The text for a connection that could not be made in time."""
        settings = self._settings
        where = settings.get("path") or "{}:{}".format(
            settings.get("host", "localhost"), settings.get("port", 6379)
        )
        told = f"no connection to {where} within {seconds * 1000:.0f} ms"
        if "SSL" in self._class.__name__:
            return f"{told}: if the port does not speak TLS, use redis:// instead of rediss://"
        return told


def pool_of(client: Any, family: Family) -> Any:
    """Return the pool of a URL, a client or a pool; ConfigurationError for anything else."""
    if isinstance(client, str):
        return _from_url(client, family)
    pool = getattr(client, "connection_pool", client)
    made = getattr(pool, "connection_class", None)
    if not (isinstance(made, type) and issubclass(made, family.connection)):
        raise WrongArgument(_refusal(client, made, family))
    warn_of_retries(pool.connection_kwargs.get("retry"))
    return pool


def _refusal(client: Any, made: Any, family: Family) -> str:
    """Say what is wrong with a client, showing nothing but its type."""
    given = type(client)
    told = (
        f"redis must be a URL, as in 'redis://localhost:6379', a {family.clients}, "
        f"not {'None' if client is None else f'a {given.__module__}.{given.__qualname__}'}"
    )
    other = SYNC if family is ASYNC else ASYNC
    if isinstance(client, other.cluster) or (
        isinstance(made, type) and issubclass(made, other.connection)
    ):
        return f"{told}, which is for {other.limiter}"
    if given.__module__.partition(".")[0] == "valkey":
        return f"{told}: redis-py works with Valkey, too"
    return told


_SCHEME = re.compile(r"(\w+)://")
_SCHEMES = {"redis": "redis", "rediss": "rediss", "unix": "unix"} | {
    "valkey": "redis",
    "valkeys": "rediss",
}
_OPTION = re.compile(r"Invalid value for '\w+'")


def _from_url(url: str, family: Family) -> Any:
    found = _SCHEME.match(url)
    scheme = _SCHEMES.get(found[1].lower()) if found else None
    if found is None or scheme is None:
        begins = f" {found[1]}://" if found else "out a scheme"
        raise ConfigurationError(
            f"redis must be a URL that begins with redis://, rediss:// or unix://, not with{begins}"
        )
    try:
        return family.pool.from_url(f"{scheme}://{url[found.end() :]}")
    except ValueError as error:
        option = _OPTION.match(str(error))  # the rest of the text may have the password in it
        why = option[0] if option else "host or port is invalid (is the password percent-encoded?)"
        raise ConfigurationError(
            f"redis must be a URL such as {scheme}://:password@host:6379/0: {why}"
        ) from None


_warned = False


def warn_of_retries(retry: Any) -> None:
    """Log once that a client's retries are not used."""
    global _warned
    retries: Any = getattr(retry, "_retries", 0)
    if not _warned and retries:
        _warned = True
        logger.warning(
            "redis should be a client without retries, and this one has some: the limiter never "
            "uses them, because a charge that is sent twice counts twice"
        )
