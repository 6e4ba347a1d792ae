"""Limits that are asked in one command, named and ready to be sent."""

from __future__ import annotations

from redis_rl.command import words
from redis_rl.limits import Limit, together
from redis_rl.names import policies


class LimitSet:
    """One or more limits and the names they go by; ConfigurationError where they are none.

    A limiter's methods take one wherever they take limits. Made once, it saves reading the text
    at each request.
    """

    __slots__ = ("clauses", "count", "limits", "name", "policies", "policy_field")

    def __init__(self, *limits: str | Limit, name: str | None = None) -> None:
        self.limits = together(*limits)
        self.name = name
        self.policies = policies(self.limits, name)
        self.clauses = words(*(word for limit in self.limits for word in limit.clause))
        self.count = sum(len(limit.clause) for limit in self.limits)
        self.policy_field = ", ".join(
            f'"{policy.name}";q={policy.q};w={policy.w}' for policy in self.policies
        )

    def __repr__(self) -> str:
        return f"LimitSet({self.policy_field})"
