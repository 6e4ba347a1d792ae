"""Waiting for a limit instead of being refused, by both kinds of limiter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from redis_rl import Check, ConfigurationError, RateLimiter, StoreUnavailable, WholeKey
from store.kinds import Limiter
from store.proxy import FaultProxy
from support.cluster import asked
from support.pool import NewServer
from support.server import Server

Make = Callable[..., Limiter]
KEY = WholeKey("k")
FIVE = "token 5/second burst 1"


@pytest.fixture
def on_time(new_server: NewServer) -> Server:
    """A server whose clock runs."""
    server = new_server()
    server.clock.offset_ms(0)
    return server


def url_of(server: Server) -> str:
    return f"redis://127.0.0.1:{server.port}"


async def test_a_refused_check_waits_and_asks_again(limiter_of: Make, on_time: Server) -> None:
    limiter = limiter_of(url_of(on_time))
    await limiter.check(KEY, FIVE)
    began = time.monotonic()
    outcome = await limiter.check(KEY, FIVE, max_wait=2)
    assert outcome.allowed
    assert 0.15 < time.monotonic() - began < 1.5


async def test_what_does_not_fit_is_refused_at_once(limiter: Limiter, server: Server) -> None:
    await limiter.check(KEY, "1/minute")
    began = time.monotonic()
    outcome = await limiter.check(KEY, "1/minute", max_wait=5)
    assert (outcome.allowed, outcome.retry_after, outcome.source) == (False, 60.0, "server")
    never = await limiter.check(KEY, "5/minute", cost=6, max_wait=5)
    assert (never.allowed, never.retry_after) == (False, None)
    assert time.monotonic() - began < 2
    assert calls(server) == 3


def calls(server: Server, command: str = "rl.limit") -> int:
    for line in bytes(asked(server, "INFO", "commandstats")).decode().splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.partition("calls=")[2].partition(",")[0])
    return 0


async def test_first_come_first_served(limiter_of: Make, on_time: Server) -> None:
    limiter = limiter_of(url_of(on_time))
    await limiter.check(KEY, FIVE)
    served: list[int] = []

    async def wait(number: int) -> None:
        outcome = await limiter.check(KEY, FIVE, max_wait=10)
        assert outcome.allowed
        served.append(number)

    waiting = []
    for number in range(6):
        waiting.append(asyncio.create_task(wait(number)))
        await asyncio.sleep(0.03)
    await asyncio.gather(*waiting)
    assert served == list(range(6))


async def test_a_place_that_means_too_long_is_refused_at_once(
    limiter_of: Make, on_time: Server
) -> None:
    limiter = limiter_of(url_of(on_time))
    await limiter.check(KEY, FIVE)
    began = time.monotonic()
    waiting = []
    for _ in range(3):  # the third waits for 0.6 s
        waiting.append(asyncio.create_task(limiter.check(KEY, FIVE, max_wait=10)))
        await asyncio.sleep(0.01)
    asked_before = calls(on_time)
    refused = await limiter.check(KEY, FIVE, max_wait=0.5)
    assert time.monotonic() - began < 0.5
    assert calls(on_time) == asked_before
    assert not refused.allowed
    assert refused.retry_after is not None
    assert 0.5 < refused.retry_after < 0.85
    assert all(one.allowed for one in await asyncio.gather(*waiting))


async def test_other_keys_and_limits_do_not_wait(limiter_of: Make, on_time: Server) -> None:
    limiter = limiter_of(url_of(on_time))
    await limiter.check(KEY, "1/second")
    waiting = asyncio.create_task(limiter.check(KEY, "1/second", max_wait=5))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    assert (await limiter.check("ann", "1/second", max_wait=5)).allowed
    assert (await limiter.check(KEY, "5/hour", max_wait=5)).allowed
    assert time.monotonic() - began < 0.5
    assert (await waiting).allowed


async def test_no_more_than_a_thousand_wait(
    on_time: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redis_rl.charges.waiting._MOST_SLEEPERS", 10)
    async with RateLimiter(url_of(on_time), timeout=5) as limiter:
        await limiter.check(KEY, FIVE)
        waiting = [asyncio.create_task(limiter.check(KEY, FIVE, max_wait=60)) for _ in range(15)]
        done, going_on = await asyncio.wait(waiting, timeout=0.15)
        assert len(going_on) == 10
        assert not any(task.result().allowed for task in done)
        for task in going_on:
            task.cancel()
        await asyncio.gather(*going_on, return_exceptions=True)
        assert limiter._lines._sleepers == 0
        assert limiter._lines._lines == {}
        assert (await limiter.check(KEY, FIVE, max_wait=5)).allowed


async def test_who_is_cancelled_leaves_its_place(on_time: Server) -> None:
    async with RateLimiter(url_of(on_time), timeout=5) as limiter:
        await limiter.check(KEY, "1/second")
        first, second = [
            asyncio.create_task(limiter.check(KEY, "1/second", max_wait=5)) for _ in "12"
        ]
        await asyncio.sleep(0.1)
        first.cancel()
        assert (await second).allowed


async def test_a_store_that_goes_away_ends_the_waiting(limiter_of: Make, on_time: Server) -> None:
    with FaultProxy(on_time.port) as proxy:
        limiter = limiter_of(proxy.url, timeout=0.5)
        await limiter.check(KEY, "1/second")
        waiting = [asyncio.create_task(limiter.check(KEY, "1/second", max_wait=9)) for _ in "12"]
        await asyncio.sleep(0.2)
        proxy.refuse()
        for one in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(one, StoreUnavailable)


async def test_several_subjects_wait_as_well(limiter_of: Make, on_time: Server) -> None:
    limiter = limiter_of(url_of(on_time))
    both = [Check("ann", "9/minute"), Check("red", FIVE)]
    assert (await limiter.check_all(both)).allowed
    assert not (await limiter.check_all(both)).allowed
    assert (await limiter.check_all(both, max_wait=3)).allowed
    assert not (await limiter.check_all(both, max_wait=0.01)).allowed


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
