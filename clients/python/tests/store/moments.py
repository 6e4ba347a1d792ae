"""When things happen: conditions that are awaited, and clocks in a test's hands."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from redis_rl.wire.breaker import Breaker

Answer = TypeVar("Answer")


async def until(ask: Callable[[], Answer], deadline_s: float = 20.0) -> Answer:
    """Ask until the answer is true-ish, and return it, while the loop goes on."""
    deadline = time.monotonic() + deadline_s
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer!r} after {deadline_s} s")
        await asyncio.sleep(0.01)
    return answer


class LoopClock:
    """The running loop's clock, which can be put ahead: as if the loop had been kept busy."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._real = loop.time
        self._ahead_s = 0.0
        vars(loop)["time"] = self.now

    def now(self) -> float:
        """The time that the loop sees."""
        return self._real() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass in this turn of the loop."""
        self._ahead_s += seconds


def of(limiter: Any) -> Any:
    """The limiter itself, if its calls are made in threads."""
    return getattr(limiter, "limiter", limiter)


def set_timeout(limiter: Any, seconds: float) -> None:
    """Give checks so long from now on; nothing may be under way."""
    limiter = of(limiter)
    limiter.timeout = seconds
    stores = [limiter._store] if hasattr(limiter, "_store") else [*limiter._backends.values()]
    for store in stores:
        nodes = getattr(store, "_pipelines", None) or getattr(store, "_exchanges", None) or {}
        for one in (store, getattr(store, "_pipeline", store), *nodes.values()):
            if not hasattr(one, "_timeout"):
                continue
            one._timeout = seconds
            if getattr(one, "_timer", None) is not None:
                one._timer.cancel()
                one._timer = None
                one._deadlines.clear()


def never_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blame the store for what is late on a busy machine."""
    for module in ("deadline", "link", "pipeline"):
        monkeypatch.setattr(f"redis_rl.wire.{module}.LATE_S", 3600)


def breaker_clock(limiter: Any) -> list[float]:
    """Put a limiter's breaker under a clock that the test sets."""
    now = [100.0]
    of(limiter)._breaker = Breaker(clock=lambda: now[0])
    return now


def has_ended(limiter: Any) -> bool:
    """Whether a limiter knows, or would see, that its only connection has ended."""
    limiter = of(limiter)
    if not hasattr(limiter, "_store"):
        [backend] = limiter._backends.values()
        return bool(backend._pipeline._link.ended)
    [connection] = limiter._store._pool._idle
    return bool(select.select([connection._sock], [], [], 0)[0])
