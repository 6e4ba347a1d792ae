"""Periods and numbers, as limits have them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple

from redis_rl.errors import ConfigurationError

MOST = 10**12
NUMBER = "0|[1-9][0-9]*"
UNIT_WORDS = {
    "ms": "millisecond",
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
}

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LONGEST_MS = 366 * 86_400_000
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
_AS_SENT = re.compile(r"(?P<k>[1-9][0-9]*)(?P<unit>ms|[smhdw])", re.ASCII)
_WRITTEN = re.compile(rf"\s*(?P<k>{NUMBER})?\s*(?P<unit>[a-z]+)\s*", re.IGNORECASE | re.ASCII)


class Period(NamedTuple):
    """So many units, of s, m, h, d or w."""

    k: int
    unit: str

    def __str__(self) -> str:
        return f"{self.k}{self.unit}"

    @property
    def ms(self) -> int:
        """Its milliseconds."""
        return self.k * _UNITS[self.unit]

    def checked(self) -> Period:
        """Return it if it is valid; else raise ConfigurationError."""
        whole("k", self.k, 1, MOST)
        if self.unit not in _UNITS:
            raise ConfigurationError(f"unit must be s, m, h, d or w, not {self.unit!r}")
        if self.ms > _LONGEST_MS:
            raise ConfigurationError(f"period must be at most 366 days, not {str(self)!r}")
        return self

    @classmethod
    def read(cls, period: Time) -> Period:
        """Read `10m`, `10 minutes`, `minute` or a timedelta of whole seconds."""
        if isinstance(period, Period):
            return period
        if isinstance(period, timedelta):
            seconds = period // timedelta(seconds=1)
            if timedelta(seconds=seconds) == period:
                return cls(seconds, "s")
        elif isinstance(period, str) and (found := _WRITTEN.fullmatch(period)):
            unit = _SPELLINGS.get(found["unit"].lower())
            if unit:
                return cls(number(found["k"] or "1"), unit)
        raise ConfigurationError(
            f"period must be whole seconds, minutes, hours, days or weeks, not {period!r}"
        )

    @classmethod
    def sent(cls, period: str) -> Period:
        """Read one as RL.POLICY GET shows it: `10m`. Raises ValueError."""
        found = _AS_SENT.fullmatch(period)
        if found is None:
            raise ValueError(f"a period must be digits and a unit, not {period!r}")
        return cls(int(found["k"]), found["unit"])


Time = str | timedelta | Period
"""What is accepted as a period or a time."""


def time_of(option: str, time: Time) -> Period:
    """Read a time, which has a number: `15m`, `15 minutes` or a timedelta."""
    try:
        if isinstance(time, str) and not time.lstrip()[:1].isdecimal():
            raise ConfigurationError("a time has a number")
        return Period.read(time).checked()
    except ConfigurationError:
        raise ConfigurationError(
            f"{option} must be a time from 1s to 366d, such as '15m' or '15 minutes', not {time!r}"
        ) from None


def number(digits: str) -> int:
    """Read digits, but no more than any bound has."""
    return int(digits[:20])


def whole(what: str, value: int, least: int, most: int) -> None:
    """Raise ConfigurationError for anything but an integer within bounds."""
    if type(value) is not int or not least <= value <= most:
        shown = "10^12" if most == MOST else most
        raise ConfigurationError(
            f"{what} must be an integer from {least} to {shown}, not {value!r}"
        )
