"""Limit sets: limits that are asked in one command, named and ready to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from redis_rl.errors import ConfigurationError
from redis_rl.limits.limit import Limit, together
from redis_rl.limits.names import Policy, checked_name, of_clauses, of_unknown, policies
from redis_rl.limits.policy import ServerPolicy
from redis_rl.wire.command import words

Known = Mapping[str, tuple[Limit, ...]]
"""The clauses of the server's policies by name, as far as they are known."""


class Labels:
    """The limits of a reply as headers name them, in its order."""

    __slots__ = ("field", "limits", "policies")

    def __init__(self, policies: Sequence[Policy], limits: Sequence[Limit | None]) -> None:
        self.policies = tuple(policies)
        self.limits = tuple(limits)
        """None for a limit that is not known."""
        self.field = ", ".join(map(str, self.policies))


class LimitSet:
    """One or more limits that are asked together, and their names in headers.

    A limiter's methods take one wherever they take limits. Made once, it saves parsing the text
    at each request. Raises ConfigurationError for invalid limits and names.
    """

    __slots__ = ("_labels", "_own", "clauses", "count", "limiters", "limits", "name", "named")

    def __init__(self, *limits: str | Limit | ServerPolicy, name: str | None = None) -> None:
        self.limits = together(*limits)
        self.name = name
        own = [limit for limit in self.limits if isinstance(limit, Limit)]
        self.named = tuple(one.name for one in self.limits if isinstance(one, ServerPolicy))
        """The server's policies among them."""
        checked_name(name if self.named else None)
        self._own = policies(own, name, several=len(self.limits) > 1)
        self._labels = Labels(self._own, own)
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
        if quotas is None:
            quotas = self._expected(known)
        sizes = self._sizes(known, quotas)
        shown: list[Policy] = []
        limits: list[Limit | None] = []
        own = iter(self._own)
        for limit, size in zip(self.limits, sizes, strict=True):
            here = quotas[len(shown) : len(shown) + size]
            if isinstance(limit, Limit):
                shown.append(next(own))
                limits.append(limit)
            elif _fits(known.get(limit.name), here):
                shown += of_clauses(limit.name, known[limit.name])
                limits += known[limit.name]
            else:
                shown += of_unknown(limit.name, here)
                limits += [None] * size
        return Labels(shown, limits)

    def _expected(self, known: Known) -> list[int]:
        """The quotas of a reply that fits the known clauses."""
        return [
            clause.quota
            for limit in self.limits
            for clause in ((limit,) if isinstance(limit, Limit) else known[limit.name])
        ]

    def _sizes(self, known: Known, quotas: Sequence[int]) -> list[int]:
        """How many verdicts of a reply each limit has; one policy may have changed its number."""
        sizes = [
            1 if isinstance(limit, Limit) else len(known.get(limit.name, ())) or 1
            for limit in self.limits
        ]
        changed = len(quotas) - sum(sizes)
        if changed:
            places = [at for at, one in enumerate(self.limits) if isinstance(one, ServerPolicy)]
            unknown = [at for at in places if self.limits[at].clause[1] not in known]
            able = [at for at in unknown or places if sizes[at] + changed >= 1]
            sizes[(able or places)[0]] += changed
        return sizes


def _fits(clauses: tuple[Limit, ...] | None, quotas: Sequence[int]) -> bool:
    return clauses is not None and [clause.quota for clause in clauses] == list(quotas)


Limits = str | Limit | ServerPolicy | LimitSet
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
def _limit_set(limits: tuple[str | Limit | ServerPolicy, ...], name: str | None) -> LimitSet:
    return LimitSet(*limits, name=name)
