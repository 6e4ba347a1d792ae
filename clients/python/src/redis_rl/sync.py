"""The synchronous limiter, for Flask, Django, scripts and threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from redis import ConnectionPool, Redis
from redis.cluster import RedisCluster
from redis.retry import Retry

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
from redis_rl.errors import CannotDecide, classify
from redis_rl.exchange import ClusterExchange, Exchange
from redis_rl.keys import Subject
from redis_rl.outcome import Outcome


class SyncRateLimiter(LimiterBase):
    """The twin of RateLimiter: the same arguments, methods, keys and errors, without `await`.

    It may be shared by threads, and made before a fork.
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
            self._make: Callable[[float], Exchange | ClusterExchange] = lambda timeout: (
                ClusterExchange(cluster, timeout)
            )
        else:
            pool = connections.pool_of(redis, ConnectionPool)
            self._make = lambda timeout: Exchange(connections.maker(pool, Retry, timeout), timeout)
        self._store = self._make(self.timeout)

    def check(
        self,
        key: str | Subject,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
        cost: int = 1,
        on_error: OnError | None = None,
    ) -> Outcome:
        """As RateLimiter.check."""
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
            reply = self._store.ask(redis_key, command)
            outcome = Outcome.from_reply(reply, asked, redis_key, cost)
        except connections.FAILURES as error:
            return self._undecided(self._failure(error), mode, asked, redis_key, cost)
        self._breaker.succeeded()
        return self._decided(outcome)

    def enforce(
        self,
        key: str | Subject,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
        cost: int = 1,
        on_error: OnError | None = None,
    ) -> Outcome:
        """As RateLimiter.enforce."""
        outcome = self.check(key, *limits, name=name, scope=scope, cost=cost, on_error=on_error)
        return self._enforced(outcome)

    def check_many(self, checks: Sequence[Check]) -> list[Outcome]:
        """Make several checks, one after the other; raises the first error."""
        return [
            self.check(
                check.key,
                *(check.limits if isinstance(check.limits, tuple) else (check.limits,)),
                name=check.name,
                scope=check.scope,
                cost=check.cost,
                on_error=check.on_error,
            )
            for check in checks
        ]

    def peek(
        self,
        key: str | Subject,
        *limits: Limits,
        name: str | None = None,
        scope: str | None = None,
    ) -> Outcome:
        """As RateLimiter.peek."""
        return self.check(key, *limits, name=name, scope=scope, cost=0)

    def reset(self, key: str | Subject, scope: str | None = None) -> bool:
        """As RateLimiter.reset."""
        redis_key = self.key(key, scope)
        try:
            return bool(self._store.ask(redis_key, delete_command(redis_key)))
        except connections.FAILURES as error:
            raise classify(error) from error

    def probe(self) -> None:
        """As RateLimiter.probe."""
        store = self._make(max(self.timeout, PROBE_S))
        try:
            store.probe(probe_command(self.key(Subject("ip", "127.0.0.1"), "probe")))
        except connections.FAILURES as error:
            raise classify(error) from error
        finally:
            store.close()

    def close(self) -> None:
        """Close the idle connections. A later check makes new ones."""
        self._store.close()

    def __enter__(self) -> SyncRateLimiter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
