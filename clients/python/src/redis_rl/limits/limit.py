"""Limits, made by a constructor or from text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from redis_rl.errors import ConfigurationError
from redis_rl.limits.period import MOST, Period, whole

Algorithm = Literal["fixed", "sliding", "log", "token", "leaky"]

ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
BUCKETS = ("token", "leaky")

_MOST_OF_A_LOG = 10**6


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, made by `per_minute`, `fixed`, `token` and the like.

    `quota` is the limit of a window or the capacity of a bucket, `rate` what a bucket gets back
    each period (windows: the quota); the period is `k` units, a unit one of s, m, h, d, w.
    """

    algorithm: Algorithm
    quota: int
    rate: int
    k: int
    unit: str

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ConfigurationError(
                f"algorithm must be one of {', '.join(ALGORITHMS)}, not {self.algorithm!r}"
            )
        bucket = self.algorithm in BUCKETS
        most = _MOST_OF_A_LOG if self.algorithm == "log" else MOST
        whole("burst" if bucket else "n", self.quota, 0, most)
        whole("n", self.rate, 1 if bucket else 0, most)
        Period(self.k, self.unit).checked()

    @property
    def period(self) -> str:
        """The period as it is sent: `1m`."""
        return f"{self.k}{self.unit}"

    @property
    def period_ms(self) -> int:
        """The period in milliseconds."""
        return Period(self.k, self.unit).ms

    @property
    def window_s(self) -> int:
        """The period, or the time to refill a whole bucket, in seconds rounded up; at least 1."""
        whole_ms = self.period_ms
        if self.algorithm in BUCKETS:
            whole_ms = -(-self.quota * whole_ms // self.rate)
        return max(1, -(-whole_ms // 1000))

    @property
    def limiter(self) -> tuple[str, object]:
        """What it counts in at a key. Limits with the same limiter share a count."""
        return (self.algorithm, self.period_ms)

    @property
    def clause(self) -> tuple[str, ...]:
        """The words of RL.LIMIT."""
        numbers = (self.quota, self.rate) if self.algorithm in BUCKETS else (self.quota,)
        return (self.algorithm.upper(), *map(str, numbers), self.period)

    @classmethod
    def of_clause(cls, words: list[str]) -> Limit:
        """Read a clause as RL.POLICY GET shows it: `TOKEN 20 10 1s`. Raises ValueError."""
        algorithm, *numbers, period = words
        name: Any = algorithm.lower()
        quota, *rate = map(int, numbers)
        if len(rate) != (name in BUCKETS):
            raise ValueError(f"a clause must be ALGORITHM n [n] period, not {' '.join(words)!r}")
        return cls(name, quota, rate[0] if rate else quota, *Period.sent(period))

    @classmethod
    def per_second(cls, n: int, every: int = 1) -> Limit:
        """`n` in a fixed window of `every` seconds."""
        return cls("fixed", n, n, every, "s")

    @classmethod
    def per_minute(cls, n: int, every: int = 1) -> Limit:
        """`n` in a fixed window of `every` minutes."""
        return cls("fixed", n, n, every, "m")

    @classmethod
    def per_hour(cls, n: int, every: int = 1) -> Limit:
        """`n` in a fixed window of `every` hours."""
        return cls("fixed", n, n, every, "h")

    @classmethod
    def per_day(cls, n: int, every: int = 1) -> Limit:
        """`n` in a fixed window of `every` days."""
        return cls("fixed", n, n, every, "d")

    @classmethod
    def fixed(cls, n: int, period: str | timedelta) -> Limit:
        """`n` in a fixed window, opened by its first request; a period is `10m`, `10 minutes`."""
        return cls._window("fixed", n, period)

    @classmethod
    def sliding(cls, n: int, period: str | timedelta) -> Limit:
        """`n` in the last period, estimated from two counters."""
        return cls._window("sliding", n, period)

    @classmethod
    def log(cls, n: int, period: str | timedelta) -> Limit:
        """Never more than `n` in any period, exactly; at most 1,000,000."""
        return cls._window("log", n, period)

    @classmethod
    def token(cls, n: int, period: str | timedelta, burst: int | None = None) -> Limit:
        """A token bucket that refills by `n` each period and holds `burst` (default: `n`)."""
        return cls.bucket("token", n, period, burst)

    @classmethod
    def leaky(cls, n: int, period: str | timedelta, burst: int | None = None) -> Limit:
        """A queue that releases `n` each period and holds `burst` (default: `n`)."""
        return cls.bucket("leaky", n, period, burst)

    @classmethod
    def bucket(
        cls, algorithm: Algorithm, n: int, period: str | timedelta, burst: int | None
    ) -> Limit:
        """`token` or `leaky`."""
        return cls(algorithm, n if burst is None else burst, n, *Period.read(period))

    @classmethod
    def _window(cls, algorithm: Algorithm, n: int, period: str | timedelta) -> Limit:
        return cls(algorithm, n, n, *Period.read(period))
