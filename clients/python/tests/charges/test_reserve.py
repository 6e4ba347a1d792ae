"""An estimate is charged, and settled when the cost is known, by both kinds of limiter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redis_rl import (
    ConfigurationError,
    RateLimiter,
    StoreUnavailable,
    SyncRateLimiter,
    WholeKey,
)
from redis_rl.http.headers import rate_headers
from store.kinds import LONG, Limiter
from store.moments import breaker_clock
from store.proxy import FaultProxy
from support.cluster import asked
from support.server import Server

Make = Callable[..., Limiter]
KEY = WholeKey("k")


def left(server: Server, limit: int = 10) -> int:
    """What remains at the key, by the server."""
    return int(asked(server, "RL.FIXED", "k", limit, "1m", "COST", 0)[2])


async def test_less_more_and_nothing(limiter: Limiter, server: Server) -> None:
    reserved = await limiter.reserve(KEY, "fixed 1000/minute", cost=600)
    assert (reserved.outcome.allowed, reserved.outcome.remaining) == (True, 400)
    for cost, remains in ((250, 750), (900, 100), (250, 750), (250, 750), (0, 1000), (600, 400)):
        assert await reserved.settle(cost) is True
        assert (left(server, 1000), reserved.outcome.remaining) == (remains, remains)
    assert dict(rate_headers(reserved.outcome))["RateLimit"] == '"1000-per-60s";r=400;t=60'


async def test_a_denied_one_has_nothing_to_settle(limiter: Limiter, server: Server) -> None:
    reserved = await limiter.reserve(KEY, "fixed 100/minute", cost=101)
    assert not reserved.outcome.allowed
    assert await reserved.settle(5) is False
    assert asked(server, "EXISTS", "k") == 0
    assert b"rl.settle" not in bytes(asked(server, "INFO", "commandstats"))


async def test_one_that_is_forgotten_is_not_settled(limiter: Limiter, server: Server) -> None:
    reserved = await limiter.reserve(KEY, "fixed 100/day", cost=60)
    server.clock.advance(3_599_999)
    assert await reserved.settle(50) is True
    server.clock.advance(1)
    assert await reserved.settle(40) is False
    assert asked(server, "RL.PEEK", "k")[0][4] == reserved.outcome.remaining == 50


async def test_an_outage_leaves_the_estimate_and_raises_nothing(
    limiter_of: Make, server: Server, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = limiter_of(proxy.url)
    now = breaker_clock(limiter)
    reserved = await limiter.reserve(KEY, "fixed 100/minute", cost=60)
    proxy.refuse()
    for _ in range(7):
        assert await reserved.settle(10) is False
    assert left(server, 100) == 40
    assert caplog.text.count("A charge stands") == 1
    proxy.accept()
    now[0] += 1  # for which the breaker stays open
    assert await reserved.settle(10) is True
    assert left(server, 100) == 90


@pytest.mark.parametrize("mode", ["open", "closed"])
async def test_a_store_that_is_gone(limiter_of: Make, mode: Any) -> None:
    limiter = limiter_of("redis://127.0.0.1:1", on_error=mode)
    if mode == "closed":
        with pytest.raises(StoreUnavailable):
            await limiter.reserve(KEY, "5/minute", cost=1)
        return
    reserved = await limiter.reserve(KEY, "5/minute", cost=1)
    assert reserved.outcome.source == "failed_open"
    assert await reserved.settle(3) is False


async def test_a_limiter_that_is_switched_off(limiter_of: Make) -> None:
    limiter = limiter_of("redis://127.0.0.1:1", enabled=False)
    reserved = await limiter.reserve(KEY, "5/minute", cost=1)
    assert reserved.outcome.source == "exempt"
    assert await reserved.settle(3) is False


@pytest.mark.parametrize("wrong", [-1, 1.5, True, None, "5", 10**12 + 1])
async def test_a_wrong_cost(limiter: Limiter, wrong: Any) -> None:
    reserved = await limiter.reserve(KEY, "5/minute", cost=2)
    with pytest.raises(ConfigurationError, match="cost must be an integer from 0 to"):
        await reserved.settle(wrong)
    with pytest.raises(ConfigurationError, match="cost must be an integer from 1 to"):
        await limiter.reserve(KEY, "5/minute", cost=wrong)


async def test_what_was_not_reserved_cannot_be_settled(limiter: Limiter) -> None:
    outcome = await limiter.check(KEY, "5/minute")
    with pytest.raises(ConfigurationError, match="reserve=True"):
        outcome.settle(1)


class Broken(Exception):
    pass


@pytest.mark.parametrize(("refund", "remains"), [(True, 10), (False, 4)])
async def test_as_a_block_of_the_async_limiter(
    url: str, server: Server, refund: bool, remains: int
) -> None:
    async with RateLimiter(url, **LONG) as limiter:
        with pytest.raises(Broken):
            async with limiter.reserve(KEY, "fixed 10/minute", cost=6, refund_on_error=refund):
                raise Broken
        assert left(server) == remains
        async with await limiter.reserve("ann", "fixed 10/minute", cost=6) as reserved:
            assert await reserved.settle(1)


@pytest.mark.parametrize(("refund", "remains"), [(True, 10), (False, 4)])
def test_as_a_block_of_the_sync_limiter(
    url: str, server: Server, refund: bool, remains: int
) -> None:
    with SyncRateLimiter(url, **LONG) as limiter:
        with (
            pytest.raises(Broken),
            limiter.reserve(KEY, "fixed 10/minute", cost=6, refund_on_error=refund),
        ):
            raise Broken
        assert left(server) == remains
        with limiter.reserve("ann", "fixed 10/minute", cost=6) as reserved:
            assert reserved.settle(1)


async def test_a_block_that_is_cancelled_gives_it_back(url: str, server: Server) -> None:
    async with RateLimiter(url, **LONG) as limiter:
        entered = asyncio.Event()

        async def work() -> None:
            async with limiter.reserve(KEY, "9/minute", cost=5, refund_on_error=True):
                entered.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left(server, 9) == 9
