"""Limits that are asked in one command, named and ready to be sent."""

from __future__ import annotations

from functools import lru_cache

from redis_rl.errors import ConfigurationError
from redis_rl.limits.limit import Limit, together
from redis_rl.limits.names import policies
from redis_rl.wire.command import words


class LimitSet:
    """One or more limits and the names they go by; ConfigurationError where they are none.

    A limiter's methods take one wherever they take limits. Made once, it saves reading the text
    at each request.
    """

    __slots__ = ("clauses", "count", "limiters", "limits", "name", "policies", "policy_field")

    def __init__(self, *limits: str | Limit, name: str | None = None) -> None:
        self.limits = together(*limits)
        self.name = name
        self.policies = policies(self.limits, name)
        self.clauses = words(*(word for limit in self.limits for word in limit.clause))
        self.count = sum(len(limit.clause) for limit in self.limits)
        self.limiters = frozenset((limit.algorithm, limit.period_ms) for limit in self.limits)
        self.policy_field = ", ".join(
            f'"{policy.name}";q={policy.q};w={policy.w}' for policy in self.policies
        )

    def __repr__(self) -> str:
        return f"LimitSet({self.policy_field})"


Limits = str | Limit | LimitSet
"""What may be given wherever limits are."""


def limit_set(limits: tuple[Limits, ...], name: str | None = None) -> LimitSet:
    """Make the set that several arguments mean; the same arguments give the same set."""
    if len(limits) == 1 and isinstance(limits[0], LimitSet):
        if name is not None and name != limits[0].name:
            raise ConfigurationError(
                f"name must be {limits[0].name!r}, as the LimitSet's, not {name!r}"
            )
        return limits[0]
    return _limit_set(limits, name)


@lru_cache(maxsize=1024)
def _limit_set(limits: tuple[str | Limit, ...], name: str | None) -> LimitSet:
    return LimitSet(*limits, name=name)
