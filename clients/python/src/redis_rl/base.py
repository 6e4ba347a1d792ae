"""What the asynchronous and the synchronous limiter share: all but the waiting."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from redis.exceptions import ResponseError

from redis_rl.addresses import AddressRules
from redis_rl.breaker import Breaker
from redis_rl.command import command, rl_limit
from redis_rl.errors import (
    CannotDecide,
    ConfigurationError,
    RateLimitExceeded,
    classify,
)
from redis_rl.headers import checked_legacy, rate_headers
from redis_rl.keys import Keys, Subject
from redis_rl.limits import Limit
from redis_rl.limitset import LimitSet
from redis_rl.outcome import Outcome

OnError = Literal["closed", "open"]
Limits = str | Limit | LimitSet

logger = logging.getLogger("redis_rl")

DEFAULT_SCOPE = "app"
MOST_COST = 10**12
PROBE_S = 1.0
"""How long a probe waits at least."""
_LOG_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One of several checks: what `check` takes, as one value."""

    key: str | Subject
    limits: Limits | tuple[str | Limit, ...]
    name: str | None = None
    scope: str | None = None
    cost: int = 1
    on_error: OnError | None = None


class LimiterBase:
    """Settings, keys, the breaker, and what to do without a verdict."""

    failed_open: int
    """How many requests were served without a verdict."""

    def __init__(
        self,
        *,
        prefix: str,
        timeout: float,
        on_error: OnError,
        legacy: str | None,
        ipv6_prefix: int,
        trusted_proxies: Iterable[str],
        on_decision: Callable[[Outcome], None] | None,
    ) -> None:
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
            raise ConfigurationError(f"timeout is {timeout!r}, and may be seconds above 0")
        self.timeout = float(timeout)
        self.on_error = checked_mode(on_error)
        self.legacy = checked_legacy(legacy)
        self.addresses = AddressRules(trusted_proxies, ipv6_prefix)
        self.keys = Keys(prefix, self.addresses)
        self.failed_open = 0
        self._on_decision = on_decision
        self._breaker = Breaker()
        self._log_lock = threading.Lock()
        self._log_at = 0.0

    # Before a command

    def key(self, key: str | Subject, scope: str | None = None) -> str:
        """The Redis key: text is a key already, of a subject it is built.

        Raises CannotIdentify where the subject has no address.
        """
        return self.keys.key(scope or DEFAULT_SCOPE, key) if isinstance(key, Subject) else key

    def _command(self, key: str, limits: LimitSet, cost: int) -> bytes:
        if cost != 1 or cost is True:
            checked_cost(cost)
        return rl_limit(key.encode("utf-8", "surrogatepass"), limits, cost)

    # After it

    def _decided(self, outcome: Outcome) -> Outcome:
        if self._on_decision is not None:
            self._on_decision(outcome)
        return outcome

    def _enforced(self, outcome: Outcome) -> Outcome:
        if not outcome.allowed:
            raise RateLimitExceeded(outcome, dict(rate_headers(outcome, self.legacy)))
        return outcome

    def _failure(self, error: Exception) -> CannotDecide:
        """Say what an error is, and tell the breaker; a refusal is an answer, too."""
        ours = classify(error)
        if ours.always and isinstance(error, ResponseError):
            self._breaker.succeeded()
        else:
            self._breaker.failed(ours)
        return ours

    def _undecided(
        self, error: CannotDecide, mode: OnError, limits: LimitSet, key: str, cost: int
    ) -> Outcome:
        """Answer by the mode: raise the error, or serve the request all the same."""
        if error.always or mode == "closed":
            self._log(error, "refused")
            raise error
        self.failed_open += 1
        self._log(error, "served without a limit")
        return self._decided(Outcome.failed_open(limits, key, cost))

    def _log(self, error: CannotDecide, what: str) -> None:
        with self._log_lock:
            now = time.monotonic()
            if now < self._log_at:
                return
            self._log_at = now + _LOG_EVERY_S
        level = logging.ERROR if error.always else logging.WARNING
        logger.log(level, "No verdict, requests are %s: %s", what, error)


def limit_set(limits: tuple[Limits, ...], name: str | None = None) -> LimitSet:
    """Make the set that several arguments mean; the same arguments give the same set."""
    if len(limits) == 1 and isinstance(limits[0], LimitSet):
        if name is not None and name != limits[0].name:
            raise ConfigurationError(
                f"name is {name!r}, and the LimitSet has {limits[0].name!r} already"
            )
        return limits[0]
    return _limit_set(limits, name)


@lru_cache(maxsize=1024)
def _limit_set(limits: tuple[str | Limit, ...], name: str | None) -> LimitSet:
    return LimitSet(*limits, name=name)


def checked_mode(mode: OnError) -> OnError:
    """Answer it if it is one; else ConfigurationError."""
    if mode not in ("closed", "open"):
        raise ConfigurationError(f"on_error is {mode!r}, and may be 'closed' or 'open'")
    return mode


def checked_cost(cost: int) -> None:
    """Raise ConfigurationError if it is none."""
    if type(cost) is not int or not 0 <= cost <= MOST_COST:
        raise ConfigurationError(f"cost is {cost!r}, and may be 0 to {MOST_COST}")


def probe_command(key: str) -> bytes:
    """A command that changes nothing, and asks all that a check asks of the server."""
    return command("RL.LIMIT", key, "FIXED", "1", "1s", "COST", "0")


def delete_command(key: str) -> bytes:
    """Forget what was used at a key."""
    return command("DEL", key)
