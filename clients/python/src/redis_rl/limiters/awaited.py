"""The asynchronous limiter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from redis.asyncio import Redis, RedisCluster

from redis_rl.charges.together import PreparedAll
from redis_rl.keys.subjects import Who
from redis_rl.limiters.awaited_charges import AsyncCharging
from redis_rl.limiters.base import (
    PROBE_S,
    delete_command,
    nothing_left,
    probe_command,
    waits_ms,
)
from redis_rl.limiters.checks import Check, Prepared
from redis_rl.limits.limitset import Limits
from redis_rl.options import CheckOptions
from redis_rl.outcome import Outcome
from redis_rl.wire.cluster import ClusterRoutes
from redis_rl.wire.command import peek, policy_get
from redis_rl.wire.connections import ASYNC, Maker, pool_of
from redis_rl.wire.faults import FAILURES, classify
from redis_rl.wire.pipeline import OneServer, Pipeline

if TYPE_CHECKING:
    from typing_extensions import Unpack

CAPACITY = 4096
"""How many checks may wait on one connection; one more fails at once."""

_Limiter = TypeVar("_Limiter", bound="AsyncRateLimiter")


class _Backend(Protocol):
    def submit(self, key: str, command: bytes) -> Awaitable[Any]: ...
    def submit_again(self, key: str, command: bytes) -> Awaitable[Any]: ...
    async def probe(self, command: bytes, timeout: float) -> None: ...
    async def aclose(self) -> None: ...


@dataclass(eq=False, repr=False)
class AsyncRateLimiter(AsyncCharging):
    """Checks limits in Redis or Valkey with redis-rl's module, one command a check.

    `redis` is a URL, or a client or cluster client of redis-py; nothing is connected before the
    first check. The limiter keeps a connection of its own to each server (a client's own
    connections, retries and timeouts are not used), and one limiter serves any number of event
    loops. For the options see LimiterOptions. Raises ConfigurationError for invalid arguments.
    """

    redis: Redis | RedisCluster | str
    holds_places = False
    """Whether an app has a limit of so many at once; then its requests are watched."""

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
            self._make = lambda: OneServer(Pipeline(connect, self.timeout, CAPACITY))
        self._backends: dict[asyncio.AbstractEventLoop, _Backend] = {}
        self._unfinished: set[asyncio.Future[Any]] = set()
        """What goes on in the background."""

    @property
    def clustered(self) -> bool:
        """Whether keys are on several servers."""
        return isinstance(self.redis, RedisCluster)

    async def check(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """Ask whether something may happen, and charge it if so, in one command.

        - `key`: a Subject, a user's id as text, or a WholeKey.
        - `limits`: `"5/minute"`, `"2/second; 100/hour"`, Limit objects or a LimitSet; charged all
          or nothing.
        - `name`: the limits' name in headers, and the scope if there is none.
        - `scope`: the second field of the key. Default: `app`.
        - `cost`: how much to charge, from 0. Default: 1.
        - `on_error`: `closed` or `open`; overrides the limiter's.
        - `retry`: whether to ask once more, and charge once, if the connection breaks.
        - `max_wait`: seconds to wait instead of being refused, if that is enough.

        Raises ConfigurationError for invalid arguments; StoreUnavailable if the server gives no
        answer and the mode is `closed`; StoreMisconfigured in every mode; CannotIdentify for an
        empty id or a subject without an address.
        """
        if "max_wait" in options and (line := self._line(key, limits, options)):
            return await self._told(
                line, lambda: self._once(self._prepare(key, limits, **options), self._conclude)
            )
        asked = self._prepare(key, limits, **options)
        if isinstance(asked, Outcome):
            return self._announced(asked)
        try:
            reply = await self._ask(asked)
        except FAILURES as error:
            reply = error
        return self._announced(self._conclude(asked, reply))

    async def enforce(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """`check`, but a denial raises RateLimitExceeded with its headers."""
        return self._enforced(await self.check(key, *limits, **options))

    async def check_many(self, checks: Sequence[Check]) -> list[Outcome]:
        """Make several checks in one round trip, each on its own: a denial undoes no other charge.

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

    def send(self, key: str, command: bytes) -> Awaitable[Any]:
        """Send a command about a key; its reply, or an error, comes before the deadline."""
        return self._backend().submit(key, command)

    def send_again(self, key: str, command: bytes) -> Awaitable[Any]:
        """`send`, once more if the connection breaks: for commands that may be run twice."""
        return self._backend().submit_again(key, command)

    async def peek(
        self,
        key: Who,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
    ) -> Outcome:
        """Look at limits without charging them.

        The outcome is that of a call of cost 1: if nothing is left it denies, and `retry_after`
        says how long the call would have to wait.
        """
        asked = self._prepare(key, limits, name, scope, cost=0)
        if isinstance(asked, Outcome):
            return self._announced(asked)
        waits: dict[object, int] = {}
        try:
            reply = await self._ask(asked)
            if nothing_left(reply):
                waits = await self._waits_ms(asked.key)
        except FAILURES as error:
            reply = error
        return self._announced(self._conclude(asked._replace(waits_ms=waits), reply))

    async def reset(self, key: Who, scope: str | None = None) -> bool:
        """Forget everything used at a key; return whether there was anything.

        Raises StoreUnavailable in every mode.
        """
        if not self.enabled:
            return False
        redis_key = self.key(key, scope)
        try:
            reply = await self._backend().submit(redis_key, delete_command(redis_key))
        except FAILURES as error:
            raise classify(error) from None
        finally:
            self.forget_denials(redis_key)
        return bool(reply)

    async def probe(self) -> None:
        """Ask the server, or every primary of a cluster, whether checks can work.

        It waits a second, or `timeout` if that is longer: a server that is busy when a program
        starts is not down. Later checks use the connection that it makes. Raises ModuleNotLoaded
        if the RL commands are unknown, StoreMisconfigured if they are refused, StoreUnavailable
        if there is no answer in time.
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
        """Give back this event loop's places, and close its connections.

        A later check makes new ones.
        """
        loop = asyncio.get_running_loop()
        for place in [one for one in list(self.held) if one.loop is loop]:
            place.release()
        while ours := [one for one in self._unfinished if one.get_loop() is loop]:
            await asyncio.wait(ours)
        backend = self._backends.pop(loop, None)
        if backend is not None:
            await backend.aclose()

    async def __aenter__(self: _Limiter) -> _Limiter:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _ask(self, asked: Prepared | PreparedAll) -> Any:
        """Send a check, preceded by the questions about its policies."""
        backend = self._backend()
        submit = backend.submit if asked.id is None else backend.submit_again
        if not asked.policies:
            return await submit(asked.key, asked.command)
        *told, reply = await asyncio.gather(
            *(backend.submit(asked.key, policy_get(name)) for name in asked.policies),
            submit(asked.key, asked.command),
            return_exceptions=True,
        )
        self._learn_policies(asked.policies, told)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    async def _waits_ms(self, key: str) -> dict[object, int]:
        """How long calls of cost 1 would have to wait; nothing if RL.PEEK is not permitted."""
        try:
            return waits_ms(await self._backend().submit(key, peek(key)))
        except FAILURES:
            return {}

    def in_background(
        self, work: Awaitable[Any], then: Callable[[asyncio.Future[Any]], None] | None = None
    ) -> None:
        """Let it go on; a command was written by now, even if the loop turns no more."""
        future = asyncio.ensure_future(work)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        if then is not None:
            future.add_done_callback(then)

    def _backend(self) -> _Backend:
        loop = asyncio.get_running_loop()
        backend = self._backends.get(loop)
        if backend is None:
            for old in [old for old in self._backends if old.is_closed()]:
                self._backends.pop(old, None)
            for dead in [one for one in self._unfinished if one.get_loop().is_closed()]:
                self._unfinished.discard(dead)
            backend = self._backends[loop] = self._make()
        return backend
