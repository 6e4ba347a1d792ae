"""Which limits a request has met so far, so that no limiter is charged twice.

A limiter is a Redis key with an algorithm and a period. A rule without a name or scope that would
charge a limiter that another rule has charged moves to a scope of its own: `GET /items#2`, then
`#3`. An adapter keeps one `Met` for each request, and tells it of every rule that the request
meets, in order, including those that do not ask the server.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any, NamedTuple

from redis_rl.errors import StoreMisconfigured
from redis_rl.limits.labels import Known
from redis_rl.limits.limitset import LimitSet
from redis_rl.limits.places import Places
from redis_rl.outcome import Outcome
from redis_rl.rules.ending import Ending
from redis_rl.rules.rule import Rule

KeyIn = Callable[[str], str]
"""Builds a subject's whole Redis key in a scope."""


class _Place(NamedTuple):
    rule: Rule
    scope: str
    key_in: KeyIn | None
    """None if the server was not asked: it stands for every subject of the scope."""
    limiters: Set[object] | None
    """None if a function would have chosen them."""


class Met:
    """One request's limits."""

    __slots__ = ("_places", "budgets", "ending", "outcomes", "watch")

    def __init__(self) -> None:
        self.outcomes: dict[object, Outcome] = {}
        """By rule, in order. A rule that is here is not asked again."""
        self.budgets: dict[object, Any] = {}
        """What each rule was charged in."""
        self.ending: Ending | None = None
        """What is left to do at the end, if there is anything."""
        self.watch: Callable[[], None] | None = None
        """Begins to watch for a client that goes away, where an adapter can."""
        self._places: list[_Place] = []

    def refused(self) -> None:
        """Note that a limiter refuses the request."""
        if self.ending is not None:
            self.ending.refused()

    def passed(self, rule: Rule, scope: str, known: Known) -> None:
        """Note a rule that does not ask the server this time; it keeps its place all the same.

        `known` has the clauses of the server's policies.
        """
        sets = tuple(rule.tiers.values())
        every = [one.limiters_with(known) for one in sets]
        limiters = frozenset().union(*every) if sets else None
        if rule.given(rule.first) is None:
            scope = self._free(scope, None, limiters)
        self._places.append(_Place(rule, scope, None, limiters))

    def charged(
        self, rule: Rule, scope: str, limits: LimitSet | Places, key_in: KeyIn, known: Known
    ) -> str:
        """Return the scope to charge in.

        Raises StoreMisconfigured for two rules of one name that share a limiter.
        """
        limiters = limits.limiters_with(known)
        if rule.given(limits) is None:
            scope = self._free(scope, key_in, limiters)
        if other := self._taken(scope, key_in, limiters, named=True):
            raise StoreMisconfigured(
                "two limits of one request must not charge the same limiter, as "
                f"{other.rule!r} and {rule!r} do at {key_in(scope)!r}: give each a name of its "
                "own, or use one limit object for both"
            )
        self._places.append(_Place(rule, scope, key_in, limiters))
        return scope

    def _free(self, scope: str, key_in: KeyIn | None, limiters: Set[object] | None) -> str:
        """The first scope in which none of the limiters is taken."""
        if not self._places or (key_in is not None and key_in(scope) == key_in(f"{scope}#2")):
            return scope  # there is nobody, or it is a WholeKey, which no scope moves
        candidate, number = scope, 1
        while self._taken(candidate, key_in, limiters):
            number += 1
            candidate = f"{scope}#{number}"
        return candidate

    def _taken(
        self,
        scope: str,
        key_in: KeyIn | None,
        limiters: Set[object] | None,
        named: bool = False,
    ) -> _Place | None:
        """The place that has one of the limiters; of named rules only charged ones count."""
        for other in self._places:
            if not _shared(other.limiters, limiters):
                continue
            if key_in is not None and other.key_in is not None:
                if other.key_in(other.scope) == key_in(scope):
                    return other
            elif other.scope == scope and not named:
                return other
        return None


def _shared(one: Set[object] | None, other: Set[object] | None) -> bool:
    return one is None or other is None or not one.isdisjoint(other)
