"""The synchronous limiter, for Flask, Django, scripts and threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.cluster import RedisCluster

from redis_rl.charges.background import Background
from redis_rl.charges.together import PreparedAll
from redis_rl.keys.subjects import Who
from redis_rl.limiters.base import (
    PROBE_S,
    delete_command,
    nothing_left,
    probe_command,
    waits_ms,
)
from redis_rl.limiters.checks import Check, Prepared
from redis_rl.limiters.threaded_charges import SyncCharging
from redis_rl.limits.limitset import Limits
from redis_rl.options import CheckOptions
from redis_rl.outcome import Outcome
from redis_rl.wire.cluster_exchange import ClusterExchange
from redis_rl.wire.command import peek, policy_get
from redis_rl.wire.connections import SYNC, Maker, pool_of
from redis_rl.wire.exchange import Exchange, raised
from redis_rl.wire.faults import FAILURES, classify

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(eq=False, repr=False)
class SyncRateLimiter(SyncCharging):
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

    @property
    def clustered(self) -> bool:
        """Whether keys are on several servers."""
        return isinstance(self.redis, RedisCluster)

    def check(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """As AsyncRateLimiter.check."""
        if "max_wait" in options and (line := self._line(key, limits, options)):
            return self._told(
                line, lambda: self._once(self._prepare(key, limits, **options), self._conclude)
            )
        asked = self._prepare(key, limits, **options)
        if isinstance(asked, Outcome):
            return self._announced(asked)
        try:
            reply = self._ask(asked)
        except FAILURES as error:
            reply = error
        return self._announced(self._conclude(asked, reply))

    def enforce(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """As AsyncRateLimiter.enforce."""
        return self._enforced(self.check(key, *limits, **options))

    def check_many(self, checks: Sequence[Check]) -> list[Outcome]:
        """Make several checks, one after the other; raises the first error."""
        return [self.check(one.key, *one.asks, **one.options) for one in checks]

    def send_again(self, key: str, command: bytes) -> Any:
        """Send a command about a key, once more if the connection breaks."""
        return raised(self._store.ask_all(key, command, again=True))

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
            return self._announced(asked)
        waits: dict[object, int] = {}
        try:
            reply = self._ask(asked)
            if nothing_left(reply):
                waits = self._waits_ms(asked.key)
        except FAILURES as error:
            reply = error
        return self._announced(self._conclude(asked._replace(waits_ms=waits), reply))

    def reset(self, key: Who, scope: str | None = None) -> bool:
        """As AsyncRateLimiter.reset."""
        if not self.enabled:
            return False
        redis_key = self.key(key, scope)
        try:
            return bool(self._store.ask(redis_key, delete_command(redis_key)))
        except FAILURES as error:
            raise classify(error) from None
        finally:
            self.forget_denials(redis_key)

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
        """Give back the places, and close the idle connections. A later check makes new ones."""
        for place in list(self.held):
            place.release()
        self._background.finish(max(self.timeout, PROBE_S))
        self._store.close()

    def _ask(self, asked: Prepared | PreparedAll) -> Any:
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
