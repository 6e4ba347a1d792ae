"""Policy names: what a limit is called in headers, errors and metrics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from redis_rl.errors import ConfigurationError
from redis_rl.limits.limit import BUCKETS, UNIT_WORDS, Limit

_NAME = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_LARGEST = 10**15 - 1  # the integers of structured fields have fifteen digits


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit as headers show it: its name, `q` its quota, `w` its window in seconds."""

    name: str
    q: int
    w: int


def policies(limits: Sequence[Limit], name: str | None) -> tuple[Policy, ...]:
    """Name limits after `name`, or after their numbers; ConfigurationError if it is no name."""
    named = [_by_numbers(limit) for limit in limits] if name is None else _by_name(limits, name)
    return tuple(
        Policy(one, limit.quota, min(limit.window_s, _LARGEST))
        for one, limit in zip(named, limits, strict=True)
    )


def _by_numbers(limit: Limit) -> str:
    kind = "" if limit.algorithm == "fixed" else f"{limit.algorithm}-"
    n = limit.rate if limit.algorithm in BUCKETS else limit.quota
    return f"{kind}{n}-per-{limit.period_ms // 1000}s"


def _by_name(limits: Sequence[Limit], name: str) -> list[str]:
    if len(limits) == 1:
        return [_checked(name)]
    shared = Counter(limit.period for limit in limits)
    return [
        _checked(
            f"{name}-{f'{limit.algorithm}-' if shared[limit.period] > 1 else ''}"
            f"{limit.k if limit.k != 1 else ''}{UNIT_WORDS[limit.unit]}"
        )
        for limit in limits
    ]


def _checked(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"name must be 1 to 64 of A-Z a-z 0-9 . _ / - (a unit is added to it where there are "
            f"several limits), not {name!r}"
        )
    return name
