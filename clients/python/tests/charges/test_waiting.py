"""Waiting for a limit instead of being refused, by both kinds of limiter."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

import pytest

from redis_rl import Check, ConfigurationError, Outcome, RateLimiter, StoreUnavailable, WholeKey
from store.kinds import LONG, Limiter
from store.moments import breaker_clock, of, until
from store.outages import AT_ONCE_S
from store.proxy import FaultProxy
from support.cluster import asked
from support.server import Server

Make = Callable[..., Limiter]
KEY = WholeKey("k")
FIVE = "token 5/second burst 1"
PATIENT = 100
"""Longer than any test waits."""


def calls(server: Server, command: str = "rl.limit") -> int:
    for line in bytes(asked(server, "INFO", "commandstats")).decode().splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.partition("calls=")[2].partition(",")[0])
    return 0


def waiting(limiter: Limiter) -> int:
    """How many wait."""
    return int(of(limiter)._lines._sleepers)


async def lined_up(
    limiter: Limiter, count: int, limits: str = FIVE
) -> list[asyncio.Future[Outcome]]:
    """So many checks that wait, in this order."""
    tasks: list[asyncio.Future[Outcome]] = []
    for number in range(count):
        tasks.append(asyncio.ensure_future(limiter.check(KEY, limits, max_wait=PATIENT)))
        await until(lambda: waiting(limiter) == number + 1)  # noqa: B023
    return tasks


async def test_a_refused_check_waits_and_asks_again(
    limiter_of: Make, url: str, server: Server
) -> None:
    told: list[Outcome] = []
    limiter = limiter_of(url, on_decision=told.append)
    await limiter.check(KEY, FIVE)
    began, before = time.monotonic(), calls(server)
    check = asyncio.ensure_future(limiter.check(KEY, FIVE, max_wait=PATIENT))
    await until(lambda: calls(server) >= before + 2)
    assert time.monotonic() - began > 0.19
    assert not check.done()
    server.clock.advance(200)
    assert (await check).allowed
    assert [one.allowed for one in told] == [True, True], "only how it ends is told"


async def test_what_does_not_fit_is_refused_at_once(limiter: Limiter, server: Server) -> None:
    await limiter.check(KEY, "1/hour")
    began = time.monotonic()
    outcome = await limiter.check(KEY, "1/hour", max_wait=PATIENT)
    assert (outcome.allowed, outcome.retry_after, outcome.source) == (False, 3600.0, "server")
    never = await limiter.check(KEY, "5/minute", cost=6, max_wait=PATIENT)
    assert (never.allowed, never.retry_after) == (False, None)
    assert time.monotonic() - began < AT_ONCE_S
    assert calls(server) == 3


async def test_first_come_first_served(limiter: Limiter, server: Server) -> None:
    await limiter.check(KEY, FIVE)
    tasks = await lined_up(limiter, 4)
    for number in range(1, 5):
        server.clock.advance(200)
        await until(lambda: waiting(limiter) == 4 - number)  # noqa: B023
        await asyncio.gather(*tasks[:number])
        assert not any(task.done() for task in tasks[number:])
    assert all(task.result().allowed for task in tasks)


async def test_a_place_that_means_too_long_is_refused_at_once(
    limiter_of: Make, url: str, server: Server
) -> None:
    told: list[Outcome] = []
    limiter = limiter_of(url, on_decision=told.append)
    slow = "token 30/minute burst 4"  # the first waits for 2 s at most, and each before it adds 2 s
    await limiter.check(KEY, slow, cost=4)
    tasks = await lined_up(limiter, 3, slow)
    refused = await limiter.check(KEY, slow, max_wait=5)
    assert not refused.allowed
    assert refused.retry_after is not None
    assert 6 <= refused.retry_after <= 8, "nobody but the line can say so"
    assert told[-1] is refused
    server.clock.advance(6_000)
    assert all(one.allowed for one in await asyncio.gather(*tasks))


async def test_those_ahead_count_by_their_cost(limiter: Limiter, server: Server) -> None:
    slow = "token 30/minute burst 40"
    await limiter.check(KEY, slow)
    first = asyncio.ensure_future(limiter.check(KEY, slow, cost=40, max_wait=PATIENT))
    await until(lambda: waiting(limiter) == 1)
    refused = await limiter.check(KEY, slow, max_wait=5)
    assert refused.retry_after is not None
    assert 80 <= refused.retry_after <= 82
    server.clock.advance(2_000)
    assert (await first).allowed


async def test_other_keys_and_limits_do_not_wait(limiter: Limiter, server: Server) -> None:
    await limiter.check(KEY, "1/second")
    tasks = await lined_up(limiter, 1, "1/second")
    assert (await limiter.check("ann", "1/second", max_wait=PATIENT)).allowed
    assert (await limiter.check(KEY, "5/hour", max_wait=PATIENT)).allowed
    assert not tasks[0].done()
    server.clock.advance(1_000)
    assert (await tasks[0]).allowed


async def test_no_more_than_a_thousand_wait(
    url: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redis_rl.charges.waiting._MOST_SLEEPERS", 10)
    async with RateLimiter(url, **LONG) as limiter:
        await limiter.check(KEY, FIVE)
        tasks = await lined_up(limiter, 10)
        assert not (await limiter.check(KEY, FIVE, max_wait=PATIENT)).allowed
        await limiter.check("ann", FIVE)
        assert not (await limiter.check("ann", FIVE, max_wait=PATIENT)).allowed
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter._lines._sleepers == 0
        assert limiter._lines._lines == {}
        server.clock.advance(200)
        assert (await limiter.check(KEY, FIVE, max_wait=PATIENT)).allowed


async def test_who_is_cancelled_leaves_its_place(url: str, server: Server) -> None:
    async with RateLimiter(url, **LONG) as limiter:
        await limiter.check(KEY, "1/second")
        first, second = await lined_up(limiter, 2, "1/second")
        first.cancel()
        server.clock.advance(1_000)
        assert (await second).allowed


async def test_a_store_that_goes_away_ends_the_waiting(limiter_of: Make, proxy: FaultProxy) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check(KEY, FIVE)
    tasks = await lined_up(limiter, 2)
    proxy.refuse()
    for one in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(one, StoreUnavailable)


async def test_several_subjects_wait_as_well(limiter_of: Make, url: str, server: Server) -> None:
    told: list[Outcome] = []
    limiter = limiter_of(url, on_decision=told.append)
    both = [Check("ann", "9/minute"), Check("red", FIVE)]
    assert (await limiter.check_all(both)).allowed
    assert not (await limiter.check_all(both)).allowed
    check = asyncio.ensure_future(limiter.check_all(both, max_wait=PATIENT))
    await until(lambda: waiting(limiter) == 1)
    refused = await limiter.check_all(both, max_wait=0.01)
    assert not refused.allowed
    assert refused.each[1].retry_after == refused.retry_after
    server.clock.advance(200)
    assert (await check).allowed
    assert [one.allowed for one in told] == [True, False, False, True]


async def test_a_store_that_comes_back_is_asked_by_those_who_would_wait(
    limiter_of: Make, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url)
    now = breaker_clock(limiter)
    both = [Check("ann", "9/minute"), Check("red", FIVE)]
    proxy.refuse()
    for _ in range(6):
        with pytest.raises(StoreUnavailable):
            await limiter.check_all(both, max_wait=PATIENT)
    proxy.accept()
    now[0] += 1
    assert (await limiter.check_all(both, max_wait=PATIENT)).allowed


async def test_policies_of_those_who_would_wait_are_known(limiter: Limiter, server: Server) -> None:
    asked(server, "RL.POLICY", "SET", "p", "FIXED", 5, "1m")
    try:
        outcome = await limiter.check_all([Check("ann", "policy p")], max_wait=PATIENT)
    finally:
        asked(server, "RL.POLICY", "DEL", "p")
    assert [one.w for one in outcome.policies] == [60]


async def test_what_a_line_refuses_has_nothing_to_settle(limiter: Limiter, server: Server) -> None:
    await limiter.check(KEY, FIVE)
    tasks = await lined_up(limiter, 1)
    refused = await limiter.reserve(KEY, FIVE, cost=1, max_wait=0.01)
    assert not refused.outcome.allowed
    assert await refused.settle(0) is False
    both = [Check("ann", "9/minute"), Check("red", FIVE)]
    await limiter.check_all(both)
    tasks.append(asyncio.ensure_future(limiter.check_all(both, max_wait=PATIENT)))
    await until(lambda: waiting(limiter) == 2)
    denied = await limiter.check_all(both, reserve=True, max_wait=0.01)
    settled = denied.each[1].settle(0)
    assert (await settled if inspect.isawaitable(settled) else settled) is False
    server.clock.advance(200)
    assert all(one.allowed for one in await asyncio.gather(*tasks))


async def test_a_limiter_that_is_switched_off_does_not_wait(limiter_of: Make) -> None:
    limiter = limiter_of("redis://127.0.0.1:1", enabled=False)
    assert (await limiter.check(KEY, "0/minute", max_wait=5)).source == "exempt"


@pytest.mark.parametrize("wrong", [0, -1, 3601, float("nan"), float("inf"), True, "2"])
async def test_a_wrong_time_is_an_error(limiter: Limiter, wrong: Any) -> None:
    says = "max_wait must be a number of seconds"
    with pytest.raises(ConfigurationError, match=says):
        await limiter.check(KEY, FIVE, max_wait=wrong)
    with pytest.raises(ConfigurationError, match=says):
        await limiter.check_all([Check(KEY, FIVE)], max_wait=wrong)
