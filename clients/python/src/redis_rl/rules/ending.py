"""What is left to do when a request's response is known, or has been sent.

Only requests that meet a rule with `count_if`, or one of places, have an `Ending`. An adapter that
knows their response tells it, once, and before it makes the rate headers; and it releases the
places when the response has been sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from redis_rl.charges.places import Place
from redis_rl.limiters.base import LimiterBase
from redis_rl.outcome import Outcome


class _Counted(NamedTuple):
    limiter: Any
    outcome: Outcome
    count_if: Callable[..., Any]


class Ending:
    """One request's."""

    __slots__ = ("__weakref__", "_counted", "_places")

    def __init__(self) -> None:
        self._counted: list[_Counted] = []
        self._places: list[Place] = []

    @property
    def holds(self) -> bool:
        """Whether a place is held until the response has been sent."""
        return bool(self._places)

    def hold(self, place: Place) -> None:
        """Give a place back when the response has been sent."""
        self._places.append(place)

    def release(self) -> None:
        """Give all places back: the response has been sent, or nobody waits for it any more."""
        while self._places:
            self._places.pop().release()

    def count(self, limiter: LimiterBase, outcome: Outcome, count_if: Callable[..., Any]) -> None:
        """Settle an outcome as 0 if its response does not count."""
        self._counted.append(_Counted(limiter, outcome, count_if))

    def refused(self) -> None:
        """Ask nobody: the response is a limiter's refusal, and what was charged stands."""
        self._counted.clear()

    def responded(self, response: object) -> None:
        """Ask the predicates about the response."""
        for one in self._responded():
            try:
                counts = one.count_if(response)
            except Exception as error:
                _stands(one, error)
            else:
                _settle(one, counts)

    async def responded_async(self, response: object) -> None:
        """`responded`, awaiting predicates that are coroutines."""
        for one in self._responded():
            try:
                counts = one.count_if(response)
                if inspect.isawaitable(counts):
                    counts = await counts
            except Exception as error:
                _stands(one, error)
            else:
                _settle(one, counts)

    def _responded(self) -> list[_Counted]:
        counted, self._counted = self._counted, []
        return counted


def _stands(one: _Counted, error: Exception) -> None:
    one.limiter.stands("A charge stands, because its count_if raised", error)


def _settle(one: _Counted, counts: object) -> None:
    if not counts:
        one.outcome.show_settled(0)
        for charged in one.outcome.each.values() or (one.outcome,):
            one.limiter.settle_later(charged, 0)
