"""Limit sets: limits that are asked in one command, named and ready to be sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from redis_rl.errors import ConfigurationError
from redis_rl.limits.ban import Ban
from redis_rl.limits.grammar import Item, together
from redis_rl.limits.labels import Known, Labels, labels_of
from redis_rl.limits.limit import Limit
from redis_rl.limits.names import check_name, policies
from redis_rl.limits.policy import ServerPolicy
from redis_rl.wire.command import words


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

    def labels(self, known: Known, quotas: Sequence[int] | None = None) -> Labels:
        """Its limits as headers name them; `quotas` are the limits of a reply.

        A policy whose known clauses do not fit the reply is shown by its name, without a window.
        """
        if not self.named:
            return self._labels
        return labels_of(self.limits, self._own, self.name, known, quotas)


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
