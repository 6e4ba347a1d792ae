"""The names of limits in headers, errors and metrics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from redis_rl.errors import ConfigurationError
from redis_rl.limits.ban import Ban
from redis_rl.limits.limit import BUCKETS, Limit
from redis_rl.limits.period import UNIT_WORDS

_NAME = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_LARGEST = 10**15 - 1  # the integers of structured fields have fifteen digits


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit as headers show it: its name, its quota `q` and its window `w` in seconds.

    `w` is None while it is not known.
    """

    name: str
    q: int
    w: int | None
    unit: str | None = None
    """What is counted, if not requests over time."""

    def __str__(self) -> str:
        window = "" if self.w is None else f";w={self.w}"
        unit = "" if self.unit is None else f';qu="{self.unit}"'
        return f'"{self.name}";q={self.q}{window}{unit}'


def policies(limits: Sequence[Limit], name: str | None, several: bool) -> tuple[Policy, ...]:
    """Name limits after `name`, or after their numbers; ConfigurationError if it is invalid.

    `several` is true if a single limit has others beside it.
    """
    if name is None:
        named = [_by_numbers(limit) for limit in limits]
    elif several:
        named = list(map(_checked, _by_unit(limits, name)))
    else:
        named = [_checked(name)] * len(limits)
    return tuple(_policy(one, limit) for one, limit in zip(named, limits, strict=True))


def of_clauses(name: str, clauses: Sequence[Limit]) -> tuple[Policy, ...]:
    """Name the clauses of a server's policy, however long the names get."""
    called = shown(name)
    named = [called] if len(clauses) == 1 else _by_unit(clauses, called)
    return tuple(_policy(one, limit) for one, limit in zip(named, clauses, strict=True))


def of_unknown(name: str, quotas: Sequence[int]) -> tuple[Policy, ...]:
    """Name clauses whose periods are unknown."""
    called = shown(name)
    if len(quotas) == 1:
        return (Policy(called, quotas[0], None),)
    return tuple(Policy(f"{called}-{at}", quota, None) for at, quota in enumerate(quotas, 1))


def of_ban(name: str, ban: Ban) -> Policy:
    """Name a ban after what it belongs to."""
    return Policy(f"{name}-ban", ban.quota, ban.window_s)


def check_name(name: str | None, banned: bool) -> None:
    """Raise ConfigurationError if it is invalid; `banned`: with a ban's ending, too."""
    if name is not None:
        _checked(name)
        if banned:
            _checked(f"{name}-ban")


def _policy(name: str, limit: Limit) -> Policy:
    return Policy(name, limit.quota, min(limit.window_s, _LARGEST))


def shown(policy: str) -> str:
    """A policy's name in the characters that headers allow."""
    return policy.replace(":", "_").replace("@", "_")


def _by_numbers(limit: Limit) -> str:
    kind = "" if limit.algorithm == "fixed" else f"{limit.algorithm}-"
    n = limit.rate if limit.algorithm in BUCKETS else limit.quota
    return f"{kind}{n}-per-{limit.period_ms // 1000}s"


def _by_unit(limits: Sequence[Limit], name: str) -> list[str]:
    shared = Counter(limit.period for limit in limits)
    return [
        f"{name}-{f'{limit.algorithm}-' if shared[limit.period] > 1 else ''}"
        f"{limit.k if limit.k != 1 else ''}{UNIT_WORDS[limit.unit]}"
        for limit in limits
    ]


def _checked(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            "name must be 1 to 64 characters of A-Z a-z 0-9 . _ / -, with the unit that several "
            f"limits add to it, or the -ban of a ban, not {name!r}"
        )
    return name
