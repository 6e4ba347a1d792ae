"""Limit sets: limits that are asked in one command, named and ready to be sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from redis_rl.errors import ConfigurationError
from redis_rl.limits.ban import Ban
from redis_rl.limits.grammar import Item, together
from redis_rl.limits.labels import Known, Labels, has_row, labels_of
from redis_rl.limits.limit import Limit
from redis_rl.limits.names import check_name, policies
from redis_rl.limits.policy import ServerPolicy
from redis_rl.limits.trial import Shadow
from redis_rl.wire.command import words

_SHORTEST_KEEP_S = 60
_LONGEST_KEEP_S = 3600


class LimitSet:
    """One or more limits that are asked together, and their names in headers.

    A limiter's methods take one wherever they take limits. Made once, it saves parsing the text
    at each request. Raises ConfigurationError for invalid limits and names.
    """

    __slots__ = (
        "_labels",
        "_own",
        "clauses",
        "count",
        "has_ban",
        "least",
        "limiters",
        "limits",
        "name",
        "named",
    )

    def __init__(self, *limits: str | Item, name: str | None = None) -> None:
        self.limits = together(*limits)
        self.name = name
        own = [limit for limit in self.limits if isinstance(limit, Limit)]
        self.named = tuple(one.name for one in self.limits if isinstance(one, ServerPolicy))
        """The server's policies among them."""
        self.has_ban = any(isinstance(one, Ban) for one in self.limits)
        check_name(name, self.has_ban)
        self._own = policies(own, name, several=len(own) + len(self.named) > 1)
        self.least = len(own) + self.has_ban
        """How many rows a reply has, without those of policies."""
        self._labels = labels_of(self.limits, self._own, name, {}, None)
        self.clauses = words(*(word for limit in self.limits for word in limit.clause))
        self.count = sum(len(limit.clause) for limit in self.limits)
        self.limiters = frozenset(limit.limiter for limit in self.limits)

    def __repr__(self) -> str:
        return f"LimitSet({self.written})"

    @property
    def written(self) -> str:
        """Its limits as they are sent, and its name."""
        clauses = "; ".join(" ".join(limit.clause) for limit in self.limits)
        return f"{self.name!r} ({clauses})" if self.name else clauses

    def limiters_with(self, known: Known) -> frozenset[object]:
        """Its limiters, those of its policies' clauses included as far as they are known."""
        clauses = (limit for name in self.named for limit in known.get(name, ()))
        return self.limiters.union(limit.limiter for limit in clauses)

    def rows_with(self, known: Known) -> int:
        """How many rows a reply has, as far as its policies are known."""
        clauses = [clause for name in self.named for clause in known.get(name, ())]
        unknown = sum(name not in known for name in self.named)
        return self.least + sum(map(has_row, clauses)) + unknown

    @property
    def keep_s(self) -> int:
        """How long a charge can still be corrected, in seconds: a minute to an hour."""
        if self.named:
            return _LONGEST_KEEP_S
        reaches = (_reach_ms(item) for item in self.limits)
        return min(max(_SHORTEST_KEEP_S, -(-max(reaches) // 1000)), _LONGEST_KEEP_S)

    def labels(self, known: Known, quotas: Sequence[int] | None = None) -> Labels:
        """Its limits as headers name them; `quotas` are the limits of a reply.

        A policy whose known clauses do not fit the reply is shown by its name, without a window.
        """
        if not self.named:
            return self._labels
        return labels_of(self.limits, self._own, self.name, known, quotas)


def _reach_ms(item: Item) -> int:
    """How long what an item has charged can be settled; a bucket's level may never be 0."""
    if isinstance(item, Shadow):
        return _reach_ms(item.limit)
    if not isinstance(item, Limit):
        return 0
    if item.algorithm == "token":
        return _LONGEST_KEEP_S * 1000
    return item.period_ms * (2 if item.algorithm == "sliding" else 1)


Limits = str | Item | LimitSet
"""What is accepted wherever limits are given."""


def limit_set(limits: tuple[Limits, ...], name: str | None = None) -> LimitSet:
    """Make a limit set of several arguments; the same arguments give the same set."""
    if len(limits) == 1 and isinstance(limits[0], LimitSet):
        if name is not None and name != limits[0].name:
            raise ConfigurationError(
                f"name must be that of the LimitSet, {limits[0].name!r}, not {name!r}"
            )
        return limits[0]
    return _limit_set(limits, name)


@lru_cache(maxsize=1024)
def _limit_set(limits: tuple[str | Item, ...], name: str | None) -> LimitSet:
    return LimitSet(*limits, name=name)
