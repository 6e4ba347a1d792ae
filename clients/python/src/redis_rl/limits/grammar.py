"""Limits as they are written."""

from __future__ import annotations

import re
from typing import Any

from redis_rl.errors import ConfigurationError
from redis_rl.limits.ban import Ban
from redis_rl.limits.limit import ALGORITHMS, BUCKETS, Limit
from redis_rl.limits.period import NUMBER, Period, number
from redis_rl.limits.policy import ServerPolicy
from redis_rl.limits.trial import Shadow

GRAMMAR = (
    "[fixed|sliding|log|token|leaky] n (/|per) [k] unit [burst b], or policy NAME, or shadow and a "
    "limit, or ban TIME after n (/|per) [k] unit [up to TIME], several joined by ';', such as "
    "'5/minute' or 'token 10/second burst 20'"
)

Item = Limit | ServerPolicy | Shadow | Ban
"""What a limit set is made of."""
ITEMS = (Limit, ServerPolicy, Shadow, Ban)

_MOST_ITEMS = 16
_RATE = rf"(?P<n>{NUMBER}) \s* (?: / | per (?![a-z]) ) \s* (?P<period> (?:{NUMBER})? \s* [a-z]+ )"
_TIME = rf"(?:{NUMBER}) \s* [a-z]+"
_SHADOW = re.compile(r"\s*shadow(?![a-z])", re.IGNORECASE | re.ASCII)
_LIMIT = re.compile(
    rf"""\s* (?:(?P<algorithm>{"|".join(ALGORITHMS)}) (?![a-z]) \s*)? {_RATE}
    (?: \s+ burst \s* (?P<burst>{NUMBER}) )? \s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_BAN = re.compile(
    rf"""\s* ban \s* (?P<time>{_TIME}) \s+ after \s* {_RATE}
    (?: \s+ up \s+ to \s* (?P<most>{_TIME}) )? \s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def parse(spec: str) -> tuple[Item, ...]:
    """Read one or more items; errors quote the text and the grammar."""
    if not isinstance(spec, str):
        raise ConfigurationError(f"a limit must be text or a Limit, not {spec!r}")
    try:
        return tuple(_item(part, spec) for part in re.split("[;,|]", spec))
    except ConfigurationError as error:
        if repr(spec) in str(error):
            raise
        raise ConfigurationError(f"{error}, in {spec!r}; a limit is {GRAMMAR}") from None


def together(*limits: str | Item) -> tuple[Item, ...]:
    """Read the items of a limit set: 1 to 16, no two of the same limiter."""
    found = [
        one for limit in limits for one in ((limit,) if isinstance(limit, ITEMS) else parse(limit))
    ]
    if not 1 <= len(found) <= _MOST_ITEMS:
        raise ConfigurationError(
            f"limits must be 1 to {_MOST_ITEMS} in number, not {len(found)}, in {_shown(limits)}"
        )
    seen = set()
    for one in found:
        if one.limiter in seen:
            raise ConfigurationError(
                "limits must differ in their algorithm, period or policy, and have one ban, not "
                f"repeat that of {' '.join(one.clause)}, in {_shown(limits)}"
            )
        seen.add(one.limiter)
    if ("ban", None) in seen and all(isinstance(one, Ban | Shadow) for one in found):
        raise ConfigurationError(
            "a ban must come with a limit or a policy, whose refusals it counts, and there is "
            f"none in {_shown(limits)}"
        )
    return tuple(found)


def _item(part: str, spec: str) -> Item:
    policy = ServerPolicy.parse(part)
    if policy is not None:
        return policy
    shadow = _SHADOW.match(part)
    if shadow:
        return Shadow(_limit(part[shadow.end() :], spec))
    ban = _BAN.fullmatch(part)
    if ban:
        return Ban(ban["time"], number(ban["n"]), ban["period"], ban["most"])
    return _limit(part, spec)


def _limit(part: str, spec: str) -> Limit:
    found = _LIMIT.fullmatch(part)
    if found is None:
        raise ConfigurationError(f"a limit must be {GRAMMAR}, not {spec!r}")
    algorithm, n, period, burst = found.group("algorithm", "n", "period", "burst")
    name: Any = algorithm.lower() if algorithm else "token" if burst else "fixed"
    if name in BUCKETS:
        return Limit.bucket(name, number(n), period, number(burst) if burst else None)
    if burst:
        raise ConfigurationError(f"burst must be of token or leaky, not of {name}")
    return Limit(name, number(n), number(n), *Period.read(period))


def _shown(limits: tuple[object, ...]) -> str:
    return ", ".join(map(repr, limits))
