"""Limits, written as text or made by a constructor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from redis_rl.errors import ConfigurationError
from redis_rl.limits.policy import ServerPolicy

Algorithm = Literal["fixed", "sliding", "log", "token", "leaky"]

ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
BUCKETS = ("token", "leaky")
GRAMMAR = (
    "[fixed|sliding|log|token|leaky] n (/|per) [k] unit [burst b], or policy NAME, several joined "
    "by ';', such as '5/minute' or 'token 10/second burst 20'"
)

_MOST = 10**12
_MOST_OF_A_LOG = 10**6
_MOST_LIMITS = 16
_LONGEST_MS = 366 * 86_400_000

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
UNIT_WORDS = {
    "ms": "millisecond",
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
}
_SPELLINGS = {
    spelling: unit
    for unit, word in UNIT_WORDS.items()
    if unit != "ms"  # which only the server's policies have
    for spelling in (
        unit,
        word,
        word + "s",
        *{"s": ["sec"], "m": ["min"], "h": ["hr"]}.get(unit, []),
    )
}

_NUMBER = "0|[1-9][0-9]*"
_ONE = re.compile(
    rf"""\s* (?:(?P<algorithm>{"|".join(ALGORITHMS)}) (?![a-z]) \s*)? (?P<n>{_NUMBER}) \s*
    (?: / | per (?![a-z]) ) \s* (?P<period> (?:{_NUMBER})? \s* [a-z]+ )
    (?: \s+ burst \s* (?P<burst>{_NUMBER}) )? \s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_CLAUSE_PERIOD = re.compile(r"(?P<k>[1-9][0-9]*)(?P<unit>ms|[smhdw])", re.ASCII)
_PERIOD = re.compile(rf"\s*(?P<k>{_NUMBER})?\s*(?P<unit>[a-z]+)\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, made by `Limit.parse`, `per_minute`, `fixed`, `token` and the like.

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
        most = _MOST_OF_A_LOG if self.algorithm == "log" else _MOST
        _whole("burst" if bucket else "n", self.quota, 0, most)
        _whole("n", self.rate, 1 if bucket else 0, most)
        _whole("k", self.k, 1, _MOST)
        if self.unit not in _UNITS:
            raise ConfigurationError(f"unit must be s, m, h, d or w, not {self.unit!r}")
        if self.period_ms > _LONGEST_MS:
            raise ConfigurationError(f"period must be at most 366 days, not {self.period!r}")

    @property
    def period(self) -> str:
        """The period as it is sent: `1m`."""
        return f"{self.k}{self.unit}"

    @property
    def period_ms(self) -> int:
        """The period in milliseconds."""
        return self.k * _UNITS[self.unit]

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
    def parse(cls, spec: str) -> tuple[Limit | ServerPolicy, ...]:
        """Read one or more limits; errors quote the text and the grammar."""
        if not isinstance(spec, str):
            raise ConfigurationError(f"a limit must be text or a Limit, not {spec!r}")
        try:
            return tuple(
                ServerPolicy.parse(part) or cls._parse_one(part, spec)
                for part in re.split("[;,|]", spec)
            )
        except ConfigurationError as error:
            if repr(spec) in str(error):
                raise
            raise ConfigurationError(f"{error}, in {spec!r}; a limit is {GRAMMAR}") from None

    @classmethod
    def of_clause(cls, clause: str) -> Limit:
        """Read a clause as RL.POLICY GET shows it: `TOKEN 20 10 1s`. Raises ValueError."""
        algorithm, *numbers, period = clause.split()
        name: Any = algorithm.lower()
        found = _CLAUSE_PERIOD.fullmatch(period)
        quota, *rate = map(int, numbers)
        if found is None or len(rate) != (name in BUCKETS):
            raise ValueError(f"a clause must be ALGORITHM n [n] period, not {clause!r}")
        return cls(name, quota, rate[0] if rate else quota, int(found["k"]), found["unit"])

    @classmethod
    def _parse_one(cls, part: str, spec: str) -> Limit:
        found = _ONE.fullmatch(part)
        if found is None:
            raise ConfigurationError(f"a limit must be {GRAMMAR}, not {spec!r}")
        algorithm, n, period, burst = found.group("algorithm", "n", "period", "burst")
        name: Any = algorithm.lower() if algorithm else "token" if burst else "fixed"
        if name in BUCKETS:
            return cls._bucket(name, _number(n), period, _number(burst) if burst else None)
        if burst:
            raise ConfigurationError(f"burst must be of token or leaky, not of {name}")
        return cls._window(name, _number(n), period)

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
        return cls._bucket("token", n, period, burst)

    @classmethod
    def leaky(cls, n: int, period: str | timedelta, burst: int | None = None) -> Limit:
        """A queue that releases `n` each period and holds `burst` (default: `n`)."""
        return cls._bucket("leaky", n, period, burst)

    @classmethod
    def _window(cls, algorithm: Algorithm, n: int, period: str | timedelta) -> Limit:
        return cls(algorithm, n, n, *_period(period))

    @classmethod
    def _bucket(
        cls, algorithm: Algorithm, n: int, period: str | timedelta, burst: int | None
    ) -> Limit:
        return cls(algorithm, n if burst is None else burst, n, *_period(period))


def together(*limits: str | Limit | ServerPolicy) -> tuple[Limit | ServerPolicy, ...]:
    """Read the limits of a limit set: 1 to 16, no two of the same limiter."""
    found = [
        one
        for limit in limits
        for one in ((limit,) if isinstance(limit, Limit | ServerPolicy) else Limit.parse(limit))
    ]
    if not 1 <= len(found) <= _MOST_LIMITS:
        raise ConfigurationError(
            f"limits must be 1 to {_MOST_LIMITS} in number, not {len(found)}, in {_shown(limits)}"
        )
    seen = set()
    for limit in found:
        if limit.limiter in seen:
            raise ConfigurationError(
                "limits must differ in their algorithm, period or policy, not repeat that of "
                f"{' '.join(limit.clause)}, in {_shown(limits)}"
            )
        seen.add(limit.limiter)
    return tuple(found)


def _shown(limits: tuple[object, ...]) -> str:
    return ", ".join(map(repr, limits))


def _period(period: str | timedelta) -> tuple[int, str]:
    """Read a period as a count and a unit."""
    if isinstance(period, timedelta):
        seconds = period // timedelta(seconds=1)
        if timedelta(seconds=seconds) == period:
            return seconds, "s"
    elif isinstance(period, str) and (found := _PERIOD.fullmatch(period)):
        unit = _SPELLINGS.get(found["unit"].lower())
        if unit:
            return _number(found["k"] or "1"), unit
    raise ConfigurationError(
        f"period must be whole seconds, minutes, hours, days or weeks, not {period!r}"
    )


def _number(digits: str) -> int:
    """Read digits, but no more than any bound has."""
    return int(digits[:20])


def _whole(what: str, value: int, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        shown = "10^12" if most == _MOST else most
        raise ConfigurationError(
            f"{what} must be an integer from {least} to {shown}, not {value!r}"
        )
