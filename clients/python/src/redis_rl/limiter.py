"""The asynchronous limiter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry

from redis_rl import connections
from redis_rl.base import (
    PROBE_S,
    Check,
    LimiterBase,
    Limits,
    OnError,
    checked_mode,
    delete_command,
    limit_set,
    probe_command,
)
from redis_rl.cluster import ClusterRoutes
from redis_rl.errors import CannotDecide, classify
from redis_rl.keys import Subject
from redis_rl.link import Reply
from redis_rl.outcome import Outcome
from redis_rl.pipeline import Pipeline

CAPACITY = 4096
"""How many checks may wait on one connection; one more fails at once."""

_Limiter = TypeVar("_Limiter", bound="RateLimiter")


class _Backend(Protocol):
    def submit(self, key: str, command: bytes) -> Awaitable[Any]: ...
    async def probe(self, command: bytes) -> None: ...
    async def aclose(self) -> None: ...


class RateLimiter(LimiterBase):
    """Checks limits in Redis or Valkey with redis-rl's module, one command a check.

    `redis` is a URL, or a client or cluster client of redis-py's; nothing is connected before the
    first check. The limiter keeps one connection of its own to each server (a client's own
    connections, retries and timeouts are not used), and one limiter serves any number of event
    loops.

    - `prefix`: the first field of every key.
    - `timeout`: seconds that a check may take in all, waiting and connecting included.
    - `on_error`: `closed` raises StoreUnavailable where there is no verdict, `open` answers an
      outcome that allows, with `source` `failed_open`.
    - `legacy`: older headers as well: `delta`, `epoch` or `draft6`.
    - `ipv6_prefix`: how many bits of an IPv6 address are one client, 32 to 128.
    - `trusted_proxies`: CIDRs whose X-Forwarded-For is believed.
    - `on_decision`: called with every outcome.

    Raises ConfigurationError for arguments that cannot be meant.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster | str,
        *,
        prefix: str = "rl",
        timeout: float = 0.1,
        on_error: OnError = "closed",
        legacy: str | None = None,
        ipv6_prefix: int = 64,
        trusted_proxies: Iterable[str] = (),
        on_decision: Callable[[Outcome], None] | None = None,
    ) -> None:
        super().__init__(
            prefix=prefix,
            timeout=timeout,
            on_error=on_error,
            legacy=legacy,
            ipv6_prefix=ipv6_prefix,
            trusted_proxies=trusted_proxies,
            on_decision=on_decision,
        )
        if isinstance(redis, RedisCluster):
            cluster = redis
            self._make: Callable[[float], _Backend] = lambda timeout: ClusterRoutes(
                cluster, timeout, CAPACITY
            )
        else:
            pool = connections.pool_of(redis, BlockingConnectionPool)
            self._make = lambda timeout: _OneServer(
                connections.maker(pool, Retry, timeout), timeout
            )
        self._backends: dict[asyncio.AbstractEventLoop, _Backend] = {}

    async def check(
        self,
        key: str | Subject,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
        cost: int = 1,
        on_error: OnError | None = None,
    ) -> Outcome:
        """Charge `cost` (0 to 10^12) to every limit, or to none where one denies.

        `key` is a Subject, whose key is `{prefix}:{scope}:{kind}:{id}` (`scope` is `name` or
        `app` if left out), or text, which is the Redis key itself. A denial is an outcome, not an
        error. Raises ConfigurationError for limits, name or cost that are none, StoreUnavailable
        where there is no verdict and the mode is `closed`, StoreMisconfigured or ModuleNotLoaded
        in any mode, CannotIdentify for a subject without an address.
        """
        asked = limit_set(limits, name)
        mode = self.on_error if on_error is None else checked_mode(on_error)
        redis_key = ""
        try:
            redis_key = self.key(key, scope or asked.name)
            blocked = self._breaker.blocks()
            if blocked is not None:
                raise blocked
            command = self._command(redis_key, asked, cost)
        except CannotDecide as error:
            return self._undecided(error, mode, asked, redis_key, cost)
        try:
            reply = await self._backend().submit(redis_key, command)
            outcome = Outcome.from_reply(reply, asked, redis_key, cost)
        except connections.FAILURES as error:
            return self._undecided(self._failure(error), mode, asked, redis_key, cost)
        self._breaker.succeeded()
        return self._decided(outcome)

    async def enforce(
        self,
        key: str | Subject,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
        cost: int = 1,
        on_error: OnError | None = None,
    ) -> Outcome:
        """`check` that raises RateLimitExceeded, with its headers, where the outcome denies."""
        outcome = await self.check(
            key, *limits, name=name, scope=scope, cost=cost, on_error=on_error
        )
        return self._enforced(outcome)

    async def check_many(self, checks: Sequence[Check]) -> list[Outcome]:
        """Make several checks in one round trip, each on its own: one denial undoes no other.

        Raises the first error, after all have ended.
        """
        outcomes = await asyncio.gather(*map(self._check_one, checks), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return outcomes  # type: ignore[return-value]

    async def peek(
        self,
        key: str | Subject,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
    ) -> Outcome:
        """Look at limits and consume nothing: `check` with a cost of 0."""
        return await self.check(key, *limits, name=name, scope=scope, cost=0)

    async def reset(self, key: str | Subject, scope: str | None = None) -> bool:
        """Forget all that was used at a key; answer whether there was anything.

        Raises StoreUnavailable in every mode.
        """
        redis_key = self.key(key, scope)
        try:
            reply = await self._backend().submit(redis_key, delete_command(redis_key))
        except connections.FAILURES as error:
            raise classify(error) from error
        return bool(reply)

    async def probe(self) -> None:
        """Ask whether checks can work; in a cluster, of every primary.

        It waits a second, or `timeout` if that is longer: a server that is busy when a program
        starts is not gone. Raises ModuleNotLoaded where the RL commands are unknown,
        StoreMisconfigured where they are refused, StoreUnavailable where nobody answers in time.
        """
        backend = self._make(max(self.timeout, PROBE_S))
        try:
            await backend.probe(probe_command(self.key(Subject("ip", "127.0.0.1"), "probe")))
        except connections.FAILURES as error:
            raise classify(error) from error
        finally:
            await backend.aclose()

    async def aclose(self) -> None:
        """Close this event loop's connections. A later check makes new ones."""
        backend = self._backends.pop(asyncio.get_running_loop(), None)
        if backend is not None:
            await backend.aclose()

    async def __aenter__(self: _Limiter) -> _Limiter:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _backend(self) -> _Backend:
        loop = asyncio.get_running_loop()
        backend = self._backends.get(loop)
        if backend is None:
            for old in [old for old in self._backends if old.is_closed()]:
                self._backends.pop(old, None)
            backend = self._backends[loop] = self._make(self.timeout)
        return backend

    async def _check_one(self, check: Check) -> Outcome:
        limits = check.limits if isinstance(check.limits, tuple) else (check.limits,)
        return await self.check(
            check.key,
            *limits,
            name=check.name,
            scope=check.scope,
            cost=check.cost,
            on_error=check.on_error,
        )


class _OneServer:
    """All keys are on one server."""

    def __init__(self, connect: Callable[[], Any], timeout: float) -> None:
        self._pipeline = Pipeline(connect, timeout, CAPACITY)
        self.aclose = self._pipeline.aclose

    def submit(self, key: str, command: bytes) -> Reply:  # noqa: ARG002 - there is one place
        return self._pipeline.submit(command)

    async def probe(self, command: bytes) -> None:
        await self._pipeline.submit(command)
