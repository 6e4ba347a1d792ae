"""Waiting for a limit instead of being refused: first come, first served, in one process."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Hashable
from typing import Any

from redis_rl.errors import ConfigurationError
from redis_rl.limits.limit import Limit
from redis_rl.outcome import Outcome

MOST_WAIT_S = 3600
_MOST_SLEEPERS = 1000
_JITTER = 0.1
_MOST_JITTER_S = 0.02

Event = Any
"""Of asyncio or threading."""


def checked_wait(max_wait: float) -> float:
    """Return it if it is valid; else raise ConfigurationError."""
    if (
        isinstance(max_wait, bool)
        or not isinstance(max_wait, int | float)
        or not 0 < max_wait <= MOST_WAIT_S
    ):
        raise ConfigurationError(
            f"max_wait must be a number of seconds above 0 and at most {MOST_WAIT_S}, "
            f"not {max_wait!r}"
        )
    return max_wait


def extra_ms(limits: tuple[Limit | None, ...], cost: int) -> float:
    """How long the slowest limit takes to admit what those ahead cost."""
    return max((_extra_ms(limit, cost) for limit in limits if limit), default=0)


def _extra_ms(limit: Limit, cost: int) -> float:
    if limit.algorithm in ("fixed", "log"):
        return cost // limit.quota * limit.period_ms if limit.quota else float("inf")
    return cost * limit.period_ms // limit.rate if limit.rate else float("inf")


class _Line:
    """Those who wait for the same limits at the same key."""

    def __init__(self, refusal: Outcome) -> None:
        self.events: deque[Event] = deque()
        self.cost = 0
        """What all of them ask for."""
        self.note(refusal)

    def note(self, refusal: Outcome) -> None:
        """Remember what the first was told last."""
        self._refusal = refusal
        self._told_at = time.monotonic()

    def estimate_s(self, cost: int) -> float:
        """How long one waits who has so much ahead."""
        wait_s = self._told_at + (self._refusal.retry_after or 0) - time.monotonic()
        labels = self._refusal.labels
        extra = extra_ms(labels.limits, cost) if labels else 0
        return max(0.0, wait_s) + extra / 1000

    def refuse(self, wait_s: float) -> Outcome:
        """The last refusal, for one who would wait that long."""
        return self._refusal.refusing_for(round(min(wait_s, 10**9) * 1000))


class Lines:
    """The lines of one limiter."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, _Line] = {}
        self._lock = threading.Lock()
        self._sleepers = 0

    async def ask_async(
        self, where: Hashable, cost: int, max_wait: float, ask: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """Ask, and wait and ask again while it is refused, as long as that fits."""
        place = (asyncio.get_running_loop(), where)
        steps = self._steps(place, cost, max_wait, asyncio.Event)
        answer: Any = None
        try:
            while True:
                event, seconds = steps.send(answer)
                if seconds is None:
                    answer = await ask()
                elif event is None:
                    await asyncio.sleep(seconds)
                else:
                    answer = await _turn(event, seconds)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            steps.close()

    def ask(
        self, where: Hashable, cost: int, max_wait: float, ask: Callable[[], Outcome]
    ) -> Outcome:
        """`ask_async` without awaiting."""
        steps = self._steps(where, cost, max_wait, threading.Event)
        answer: Any = None
        try:
            while True:
                event, seconds = steps.send(answer)
                if seconds is None:
                    answer = ask()
                elif event is None:
                    time.sleep(seconds)
                else:
                    answer = event.wait(seconds)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            steps.close()

    def _steps(
        self, where: Hashable, cost: int, max_wait: float, make_event: Callable[[], Event]
    ) -> Generator[tuple[Event | None, float | None], Any, Outcome]:
        """Yield what to do: ask (no seconds), sleep (no event), or await one's turn."""
        deadline = time.monotonic() + max_wait
        outcome: Outcome | None = None
        if where not in self._lines:
            outcome = yield (None, None)
            if not _may_wait(outcome):
                return outcome
        event = make_event()
        with self._lock:
            line = self._lines.get(where)
            if line is None and outcome is not None:
                line = _Line(outcome)
            if line is not None:
                wait_s = line.estimate_s(line.cost)
                if time.monotonic() + wait_s > deadline or self._sleepers >= _MOST_SLEEPERS:
                    return line.refuse(wait_s)
                self._lines[where] = line
                self._sleepers += 1
                line.cost += cost
                line.events.append(event)
                if line.events[0] is event:
                    event.set()
                else:
                    outcome = None  # by the time of its turn it is of the past
        if line is None:  # the line has gone while it came
            outcome = yield (None, None)
            return outcome
        try:
            if not event.is_set() and not (yield (event, deadline - time.monotonic())):
                return line.refuse(line.estimate_s(0))
            while True:
                if outcome is not None:
                    wait_s = outcome.retry_after or 0
                    left_s = deadline - time.monotonic()
                    if wait_s > left_s:
                        return outcome
                    jitter_s = random.uniform(0, min(_MOST_JITTER_S, wait_s * _JITTER))
                    yield (None, min(left_s, wait_s + jitter_s))
                outcome = yield (None, None)
                if not _may_wait(outcome):
                    return outcome
                line.note(outcome)
        finally:
            self._leave(where, line, event, cost)

    def _leave(self, where: Hashable, line: _Line, event: Event, cost: int) -> None:
        with self._lock:
            self._sleepers -= 1
            line.cost -= cost
            line.events.remove(event)
            if line.events:
                line.events[0].set()
            else:
                del self._lines[where]


def _may_wait(outcome: Outcome) -> bool:
    """Whether it is refused, but not for good."""
    return not outcome.allowed and outcome.retry_after is not None


async def _turn(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return False
    return True
