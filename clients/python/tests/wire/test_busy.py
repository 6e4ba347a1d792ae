"""A process that is too busy to look in time does not blame the store."""

from __future__ import annotations

import asyncio
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from redis_rl import Outcome, RateLimiter, StoreUnavailable, SyncRateLimiter
from redis_rl.errors import NoAnswer
from redis_rl.wire.deadline import Deadline
from store.kinds import LONG
from store.moments import LoopClock, set_timeout
from store.proxy import FaultProxy

TIMEOUT_S = 10.0


@contextmanager
def computing(threads: int, turn_s: float) -> Iterator[None]:
    """Keep so many threads busy with Python, which one at a time can run, for so long."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(turn_s)
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            sum(range(1000))

    every = [threading.Thread(target=compute, daemon=True) for _ in range(threads)]
    for one in every:
        one.start()
    try:
        yield
    finally:
        done.set()
        sys.setswitchinterval(usual_s)
        for one in every:
            one.join(10)


def test_threads_that_compute_fail_no_check_of_another(url: str) -> None:
    limiter = SyncRateLimiter(url, **LONG, on_error="open")
    limiter.probe()
    set_timeout(limiter, 0.5)  # for the server; a turn of all threads takes longer
    with computing(8, 0.08):
        outcomes = [limiter.check("ann", "1000/minute") for _ in range(4)]
    limiter.close()
    assert [outcome.source for outcome in outcomes].count("server") >= 2


def test_a_reply_that_is_there_is_taken_however_late_it_is(url: str) -> None:
    limiter = SyncRateLimiter(url, **LONG)
    limiter.probe()
    set_timeout(limiter, 0.1)
    with slowed(limiter, 0.3):
        assert limiter.check("ann", "5/minute").remaining == 4
    limiter.close()


@contextmanager
def slowed(limiter: SyncRateLimiter, seconds: float) -> Iterator[None]:
    """Keep the thread from running after each write, until the reply is there."""
    pool = limiter._store._pool  # type: ignore[union-attr]
    connection = pool._idle[-1]
    real = connection._sock

    class Slow:
        """A socket of a thread that is kept from running."""

        def sendall(self, data: bytes) -> None:
            real.sendall(data)
            time.sleep(seconds)
            assert select.select([real], [], [], 20)[0]

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    connection._sock = Slow()
    try:
        yield
    finally:
        connection._sock = real


async def burst(limiter: RateLimiter, count: int = 20) -> list[Outcome | BaseException]:
    checks = [asyncio.ensure_future(limiter.check("ann", "1000/minute")) for _ in range(count)]
    return await asyncio.gather(*checks, return_exceptions=True)


@pytest.mark.parametrize("turns", range(6))
async def test_a_loop_that_is_kept_busy_fails_no_check_of_a_burst(url: str, turns: int) -> None:
    async with RateLimiter(url, **LONG) as limiter:
        await limiter.probe()
        clock = LoopClock()
        checks = asyncio.ensure_future(burst(limiter))
        for _ in range(turns):
            await asyncio.sleep(0)
        clock.advance(3 * TIMEOUT_S)
        assert [one for one in await checks if not isinstance(one, Outcome)] == []
        assert len({one.remaining for one in await checks if isinstance(one, Outcome)}) == 20


async def test_a_burst_between_blocking_turns_fails_none(url: str) -> None:
    """As an app whose handlers compute: every turn of the loop takes longer than the timeout."""
    async with RateLimiter(url, **LONG) as limiter:
        await limiter.probe()
        clock = LoopClock()

        async def handler() -> Outcome:
            outcome = await limiter.check("ann", "1000/minute")
            clock.advance(0.3 * TIMEOUT_S)
            return outcome

        outcomes = await asyncio.gather(*(handler() for _ in range(20)), return_exceptions=True)
        assert [one for one in outcomes if not isinstance(one, Outcome)] == []


async def test_who_is_late_twice_blames_himself_and_opens_no_breaker(proxy: FaultProxy) -> None:
    async with RateLimiter(proxy.url, **LONG) as limiter:
        await limiter.probe()
        clock = LoopClock()
        proxy.freeze()
        checks = asyncio.ensure_future(burst(limiter))
        while not checks.done():
            await asyncio.sleep(0)
            clock.advance(1.5 * TIMEOUT_S)
        answers = await checks
        proxy.thaw()
        assert {type(one) for one in answers} == {StoreUnavailable}
        assert "and was too busy" in str(answers[0])
        assert (await limiter.check("bob", "5/minute")).remaining == 4, "no breaker is open"


async def test_a_busy_loop_and_a_hung_server_are_left_in_time(proxy: FaultProxy) -> None:
    async with RateLimiter(proxy.url, **LONG) as limiter:
        await limiter.probe()
        clock = LoopClock()
        proxy.freeze()
        began = clock.now()
        checks = asyncio.ensure_future(burst(limiter))
        await asyncio.sleep(0)
        clock.advance(1.5 * TIMEOUT_S)
        while not checks.done():
            await asyncio.sleep(0)
            clock.advance(TIMEOUT_S / 1000)
        assert {type(one) for one in await checks} <= {NoAnswer, StoreUnavailable}
        assert clock.now() - began < 4 * TIMEOUT_S


def test_a_deadline_is_renewed_once_for_who_is_late_himself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def at(seconds: float) -> Callable[[], None]:
        nonlocal now
        now = 100.0 + seconds
        return deadline.passed

    deadline = Deadline(1)
    at(0.9)()
    with pytest.raises(NoAnswer, match="Redis must answer within 1000 ms"):
        at(1.005)()
    at(1.5)()
    assert deadline.left == 1.0
    at(2.4)()
    with pytest.raises(NoAnswer):
        at(2.5)()
    with pytest.raises(StoreUnavailable, match="too busy") as raised:
        at(2.6)()
    assert not isinstance(raised.value, NoAnswer)


def test_what_a_thread_waits_for_is_no_lateness_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    deadline = Deadline(1)
    now = 100.9
    deadline.waited(0.9)
    deadline.ran()
    assert deadline.left == pytest.approx(0.1)
    now = 100.95  # and now it was kept from running
    deadline.ran()
    assert deadline.left == 1.0


def test_a_store_has_its_whole_time_from_the_last_step_that_was_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread kept from running before it writes and while it writes blamed a store just asked."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    deadline = Deadline(1)
    for seconds in (0.7, 1.6, 7.0):
        now += seconds
        deadline.ran()
        assert deadline.left == 1.0
    now += 1.1  # and it may still be late to look, once
    deadline.passed()
    assert deadline.left == 1.0
