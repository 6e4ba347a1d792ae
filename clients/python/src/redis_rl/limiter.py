"""The asynchronous limiter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from redis.asyncio import Redis, RedisCluster

from redis_rl.base import (
    PROBE_S,
    Check,
    LimiterBase,
    Prepared,
    delete_command,
    nothing_left,
    probe_command,
    waits_ms,
)
from redis_rl.keys.subjects import Who
from redis_rl.limits.limitset import Limits
from redis_rl.options import CheckOptions
from redis_rl.outcome import Outcome
from redis_rl.wire.cluster import ClusterRoutes
from redis_rl.wire.command import peek, policy_get
from redis_rl.wire.connections import ASYNC, Maker, pool_of
from redis_rl.wire.faults import FAILURES, classify
from redis_rl.wire.link import Reply
from redis_rl.wire.pipeline import Pipeline

if TYPE_CHECKING:
    from typing_extensions import Unpack

CAPACITY = 4096
"""How many checks may wait on one connection; one more fails at once."""

_Limiter = TypeVar("_Limiter", bound="AsyncRateLimiter")


class _Backend(Protocol):
    def submit(self, key: str, command: bytes) -> Awaitable[Any]: ...
    async def probe(self, command: bytes, timeout: float) -> None: ...
    async def aclose(self) -> None: ...


@dataclass(eq=False, repr=False)
class AsyncRateLimiter(LimiterBase):
    """Checks limits in Redis or Valkey with redis-rl's module, one command a check.

    `redis` is a URL, or a client or cluster client of redis-py's; nothing is connected before the
    first check. The limiter keeps one connection of its own to each server (a client's own
    connections, retries and timeouts are not used), and one limiter serves any number of event
    loops. LimiterOptions says what the options are. Raises ConfigurationError for arguments that
    make no sense.
    """

    redis: Redis | RedisCluster | str

    def __post_init__(self) -> None:
        """Prepare to connect."""
        super().__post_init__()
        redis = self.redis
        if isinstance(redis, RedisCluster):
            cluster = redis
            self._make: Callable[[], _Backend] = lambda: ClusterRoutes(
                cluster, self.timeout, self.connect_timeout, CAPACITY
            )
        else:
            connect = Maker(pool_of(redis, ASYNC), ASYNC, self.connect_timeout)
            self._make = lambda: _OneServer(Pipeline(connect, self.timeout, CAPACITY))
        self._backends: dict[asyncio.AbstractEventLoop, _Backend] = {}

    async def check(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """Ask whether something may happen, and charge it where it may: one command.

        - `key`: a Subject, or text, a user's id; or a WholeKey.
        - `limits`: `"5/minute"`, `"2/second; 100/hour"`, or Limits: all or nothing.
        - `name`: what the policies are called, and the scope, if there is none.
        - `scope`: the keys' second field; `app` if left out.
        - `cost`: how much it takes, from 0.
        - `on_error`: `closed` or `open`, where it differs from the limiter's.

        Raises ConfigurationError for arguments that make no sense; StoreUnavailable where there
        is no verdict and the mode is `closed`; StoreMisconfigured in any mode, CannotIdentify for
        a subject without an address.
        """
        asked = self._prepare(key, limits, **options)
        if isinstance(asked, Outcome):
            return asked
        try:
            reply = await self._ask(asked)
        except FAILURES as error:
            reply = error
        return self._conclude(asked, reply)

    async def enforce(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """`check` that raises RateLimitExceeded, with its headers, where the outcome denies."""
        return self._enforced(await self.check(key, *limits, **options))

    async def check_many(self, checks: Sequence[Check]) -> list[Outcome]:
        """Make several checks in one round trip, each on its own: one denial undoes no other.

        Raises the first error, after all have ended.
        """
        outcomes = await asyncio.gather(
            *(self.check(one.key, *one.asks, **one.options) for one in checks),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return outcomes  # type: ignore[return-value]

    async def peek(
        self,
        key: Who,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
    ) -> Outcome:
        """Look at limits and consume nothing.

        The verdict is that of a call that costs 1: where nothing is left, it is denied, and
        `retry_after` says how long it would have to wait.
        """
        asked = self._prepare(key, limits, name, scope, cost=0)
        if isinstance(asked, Outcome):
            return asked
        waits: dict[object, int] = {}
        try:
            reply = await self._ask(asked)
            if nothing_left(reply):
                waits = await self._waits_ms(asked.key)
        except FAILURES as error:
            reply = error
        return self._conclude(asked._replace(waits_ms=waits), reply)

    async def reset(self, key: Who, scope: str | None = None) -> bool:
        """Forget all that was used at a key; answer whether there was anything.

        Raises StoreUnavailable in every mode.
        """
        if not self.enabled:
            return False
        redis_key = self.key(key, scope)
        try:
            reply = await self._backend().submit(redis_key, delete_command(redis_key))
        except FAILURES as error:
            raise classify(error) from None
        return bool(reply)

    async def probe(self) -> None:
        """Ask whether checks can work; in a cluster, of every primary.

        It waits a second, or `timeout` if that is longer: a server that is busy when a program
        starts is not gone. The checks that follow use the connection that it makes. Raises
        ModuleNotLoaded where the RL commands are unknown, StoreMisconfigured where they are
        refused, StoreUnavailable where nobody answers in time.
        """
        if not self.enabled:
            return
        command = probe_command(self.key("probe", "probe"))
        failure: Exception | None = None
        try:
            await self._backend().probe(command, max(self.timeout, PROBE_S))
        except FAILURES as error:
            failure = error
        self._probed(failure)

    async def aclose(self) -> None:
        """Close this event loop's connections. A later check makes new ones."""
        backend = self._backends.pop(asyncio.get_running_loop(), None)
        if backend is not None:
            await backend.aclose()

    async def __aenter__(self: _Limiter) -> _Limiter:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _ask(self, asked: Prepared) -> Any:
        """Send a check, and ahead of it what is to be asked of policies."""
        backend = self._backend()
        if not asked.policies:
            return await backend.submit(asked.key, asked.command)
        commands = [*map(policy_get, asked.policies), asked.command]
        *told, reply = await asyncio.gather(
            *(backend.submit(asked.key, command) for command in commands), return_exceptions=True
        )
        self._learn_policies(asked.policies, told)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    async def _waits_ms(self, key: str) -> dict[object, int]:
        """How long calls that cost 1 would wait; nothing for who may not ask that."""
        try:
            return waits_ms(await self._backend().submit(key, peek(key)))
        except FAILURES:
            return {}

    def _backend(self) -> _Backend:
        loop = asyncio.get_running_loop()
        backend = self._backends.get(loop)
        if backend is None:
            for old in [old for old in self._backends if old.is_closed()]:
                self._backends.pop(old, None)
            backend = self._backends[loop] = self._make()
        return backend


class _OneServer:
    """All keys are on one server."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.aclose = pipeline.aclose

    def submit(self, key: str, command: bytes) -> Reply:  # noqa: ARG002 - there is one place
        return self._pipeline.submit(command)

    async def probe(self, command: bytes, timeout: float) -> None:
        await self._pipeline.submit_within(timeout, command)
