"""The synchronous limiter, for Flask, Django, scripts and threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.cluster import RedisCluster

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
from redis_rl.charges.background import Background
from redis_rl.charges.reservation import Reservation
from redis_rl.keys.subjects import Who
from redis_rl.limits.limitset import Limits
from redis_rl.options import CheckOptions, NamedOptions, checked_estimate, checked_flag
from redis_rl.outcome import Outcome
from redis_rl.wire.cluster_exchange import ClusterExchange
from redis_rl.wire.command import peek, policy_get
from redis_rl.wire.connections import SYNC, Maker, pool_of
from redis_rl.wire.exchange import Exchange, raised
from redis_rl.wire.faults import FAILURES, classify

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(eq=False, repr=False)
class SyncRateLimiter(LimiterBase):
    """AsyncRateLimiter without `await`: the same arguments, methods, keys and errors.

    It may be shared by threads, and made before a fork.
    """

    redis: Redis | RedisCluster | str

    def __post_init__(self) -> None:
        """Prepare to connect."""
        super().__post_init__()
        self._background = Background()
        redis = self.redis
        if isinstance(redis, RedisCluster):
            self._store: Exchange | ClusterExchange = ClusterExchange(
                redis, self.timeout, self.connect_timeout
            )
        else:
            connect = Maker(pool_of(redis, SYNC), SYNC, self.connect_timeout)
            self._store = Exchange(connect, self.timeout)

    def check(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """As AsyncRateLimiter.check."""
        asked = self._prepare(key, limits, **options)
        if isinstance(asked, Outcome):
            return asked
        try:
            reply = self._ask(asked)
        except FAILURES as error:
            reply = error
        return self._conclude(asked, reply)

    def enforce(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """As AsyncRateLimiter.enforce."""
        return self._enforced(self.check(key, *limits, **options))

    def check_many(self, checks: Sequence[Check]) -> list[Outcome]:
        """Make several checks, one after the other; raises the first error."""
        return [self.check(one.key, *one.asks, **one.options) for one in checks]

    def reserve(
        self,
        key: Who,
        *limits: Limits,
        cost: int,
        refund_on_error: bool = False,
        **options: Unpack[NamedOptions],
    ) -> Reservation:
        """As AsyncRateLimiter.reserve, for `with`."""
        checked_estimate(cost)
        checked_flag("refund_on_error", refund_on_error)
        return Reservation(self.charge(key, *limits, cost=cost, **options), refund_on_error)

    def charge(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """As AsyncRateLimiter.charge."""
        asked = self._prepare(key, limits, settles=True, **options)
        if isinstance(asked, Outcome):
            return self._reservable(asked)
        try:
            reply = self._ask(asked)
        except FAILURES as error:
            reply = error
        return self._reservable(self._conclude(asked, reply), asked.id)

    def settle(self, outcome: Outcome, cost: int) -> bool:
        """As AsyncRateLimiter.settle."""
        command = self._settlement(outcome, cost)
        if command is None:
            return False
        try:
            reply = raised(self._store.ask_all(outcome.key, command, again=True))
        except FAILURES as error:
            reply = error
        return self._settled(outcome, cost, reply)

    def settle_later(self, outcome: Outcome, cost: int) -> None:
        """`settle` in a thread of its own; `close` waits for it."""

        def settle() -> None:
            self.settle(outcome, cost)

        self._later(settle)

    def peek(
        self,
        key: Who,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
    ) -> Outcome:
        """As AsyncRateLimiter.peek."""
        asked = self._prepare(key, limits, name, scope, cost=0)
        if isinstance(asked, Outcome):
            return asked
        waits: dict[object, int] = {}
        try:
            reply = self._ask(asked)
            if nothing_left(reply):
                waits = self._waits_ms(asked.key)
        except FAILURES as error:
            reply = error
        return self._conclude(asked._replace(waits_ms=waits), reply)

    def reset(self, key: Who, scope: str | None = None) -> bool:
        """As AsyncRateLimiter.reset."""
        if not self.enabled:
            return False
        redis_key = self.key(key, scope)
        try:
            return bool(self._store.ask(redis_key, delete_command(redis_key)))
        except FAILURES as error:
            raise classify(error) from None

    def probe(self) -> None:
        """As AsyncRateLimiter.probe."""
        if not self.enabled:
            return
        command = probe_command(self.key("probe", "probe"))
        failure: Exception | None = None
        try:
            self._store.probe(command, max(self.timeout, PROBE_S))
        except FAILURES as error:
            failure = error
        self._probed(failure)

    def close(self) -> None:
        """Close the idle connections. A later check makes new ones."""
        self._background.finish(max(self.timeout, PROBE_S))
        self._store.close()

    def _ask(self, asked: Prepared) -> Any:
        """Send a check, preceded by the questions about its policies."""
        *told, reply = self._store.ask_all(
            asked.key,
            *map(policy_get, asked.policies),
            asked.command,
            again=asked.id is not None,
        )
        if told:
            self._learn_policies(asked.policies, told)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _later(self, work: Callable[[], None], delay_s: float = 0.0) -> None:
        """Do it in the background."""
        if not self._background.later(work, delay_s):
            self._log.warn("Something was not settled", RuntimeError("too much waits for it"))

    def _waits_ms(self, key: str) -> dict[object, int]:
        """How long calls of cost 1 would have to wait; nothing if RL.PEEK is not permitted."""
        try:
            return waits_ms(self._store.ask(key, peek(key)))
        except FAILURES:
            return {}

    def __enter__(self) -> SyncRateLimiter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
