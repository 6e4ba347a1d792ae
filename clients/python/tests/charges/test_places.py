"""So many at once: places that are renewed, and given back once, by both kinds of limiter."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from redis_rl import ConfigurationError, RateLimiter, StoreUnavailable, SyncRateLimiter, WholeKey
from redis_rl.charges.background import Background
from redis_rl.limits.places import Places
from store.kinds import LONG, Limiter
from store.moments import until
from store.proxy import FaultProxy
from support.cluster import asked
from support.eventually import eventually
from support.paths import ROOT
from support.server import Server

Make = Callable[..., Limiter]
KEY = WholeKey("k")
TWO = Places(2, "30s")


def held(server: Server) -> int:
    """How many places are held at the key."""
    return 10 - int(asked(server, "RL.LEASE", "k", 10, "1m", "looks", "COST", 0)[2])


async def until_held(server: Server, count: int) -> None:
    """Wait until so many are held."""
    await until(lambda: held(server) == count)


async def test_places_are_taken_and_given_back(limiter: Limiter, server: Server) -> None:
    first, second, third = [await limiter.take(KEY, TWO, name="busy") for _ in "123"]
    assert [one.outcome.allowed for one in (first, second, third)] == [True, True, False]
    assert [one.outcome.remaining for one in (first, second, third)] == [1, 0, 0]
    assert third.outcome.retry_after == 30
    third.release()
    assert held(server) == 2
    first.release()
    first.release()
    await until_held(server, 1)
    assert (await limiter.take(KEY, TWO)).outcome.allowed


async def test_a_lost_reply_takes_one_place(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check("ann", "5/minute")
    proxy.cut_replies = 1
    place = await limiter.take(KEY, TWO)
    assert (place.outcome.allowed, held(server)) == (True, 1)
    proxy.cut_replies = 1
    place.release()
    await until_held(server, 0)


async def test_no_answer_leaves_no_place_behind(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url, on_error="open")
    await limiter.check("ann", "5/minute")
    proxy.cut_replies = 2
    place = await limiter.take(KEY, TWO)
    assert place.outcome.source == "failed_open"
    await until_held(server, 0)


async def test_an_outage_follows_the_mode(limiter_of: Make) -> None:
    gone = limiter_of("redis://127.0.0.1:1")
    with pytest.raises(StoreUnavailable):
        await gone.take(KEY, TWO)
    place = await gone.take(KEY, TWO, on_error="open")
    assert place.outcome.source == "failed_open"
    place.release()
    off = await limiter_of("redis://127.0.0.1:1", enabled=False).take(KEY, TWO)
    assert off.outcome.source == "exempt"


async def test_an_outage_at_release_is_logged_once_and_harmless(
    limiter_of: Make, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = limiter_of(proxy.url)
    places = [await limiter.take(KEY, TWO) for _ in "12"]
    proxy.refuse()
    for place in places:
        place.release()
    await limiter.aclose()
    assert caplog.text.count("A place is not given back before its lease ends") == 1


def calls(server: Server, command: str) -> int:
    for line in bytes(asked(server, "INFO", "commandstats")).decode().splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.partition("calls=")[2].partition(",")[0])
    return 0


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renew a lease of 30 s every 50 ms: the server's clock is the test's, the helper's is not."""
    monkeypatch.setattr("redis_rl.charges.places.RENEWALS", 600)


async def renewed(server: Server) -> None:
    """Wait for a renewal that began after this."""
    before = calls(server, "rl.renew")
    await until(lambda: calls(server, "rl.renew") >= before + 2)


async def test_it_is_renewed_every_third_of_its_lease(limiter: Limiter) -> None:
    place = await limiter.take(KEY, TWO)
    assert place._every_s == 10
    place.release()


@pytest.mark.usefixtures("often")
async def test_it_is_renewed_while_it_is_held(limiter: Limiter, server: Server) -> None:
    place = await limiter.take(KEY, TWO)
    for _ in range(4):
        server.clock.advance(20_000)
        await renewed(server)
        assert held(server) == 1
    place.release()
    await until_held(server, 0)
    renewals = calls(server, "rl.renew")
    await asyncio.sleep(0.3)
    assert calls(server, "rl.renew") == renewals


@pytest.mark.usefixtures("often")
async def test_a_place_that_is_gone_is_asked_for_again(limiter: Limiter, server: Server) -> None:
    place = await limiter.take(KEY, TWO)
    asked(server, "DEL", "k")
    await until_held(server, 1)
    place.release()
    await until_held(server, 0)


async def test_as_a_block_of_the_async_limiter(url: str, server: Server) -> None:
    async with RateLimiter(url, **LONG) as limiter:
        async with limiter.lease(KEY, 2, "30s") as place, limiter.lease(KEY, 2, "30s") as other:
            assert place.outcome.allowed
            assert other.outcome.allowed
            assert not (await limiter.lease(KEY, 2, "30s")).outcome.allowed
            assert held(server) == 2
        await until_held(server, 0)
        with pytest.raises(ZeroDivisionError):
            async with limiter.lease(KEY, 2, "30s"):
                raise ZeroDivisionError
        await until_held(server, 0)


def test_as_a_block_of_the_sync_limiter(url: str, server: Server) -> None:
    with SyncRateLimiter(url, **LONG) as limiter:
        with limiter.lease(KEY, 1, "30s") as place, limiter.lease(KEY, 1, "30s") as other:
            assert (place.outcome.allowed, other.outcome.allowed) == (True, False)
            assert held(server) == 1
        assert eventually(lambda: held(server) == 0)
        with pytest.raises(ZeroDivisionError), limiter.lease(KEY, 2, "30s"):
            raise ZeroDivisionError
    assert held(server) == 0


async def test_cancelled_while_it_asks_and_while_it_holds(
    server: Server, proxy: FaultProxy
) -> None:
    async with RateLimiter(proxy.url, **LONG) as limiter:

        async def work() -> None:
            async with limiter.lease(KEY, 9, "30s"):
                await asyncio.sleep(60)

        await limiter.check("ann", "5/minute")
        holding = asyncio.create_task(work())
        await until_held(server, 1)
        proxy.freeze()
        asking = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        asking.cancel()
        holding.cancel()
        proxy.thaw()
        results = await asyncio.gather(asking, holding, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in results)
    await until_held(server, 0)


HOLDS = """
import asyncio, sys, time
from redis_rl import RateLimiter, SyncRateLimiter, WholeKey
from redis_rl.charges import places
from redis_rl.limits.places import Places

places.RENEWALS = 600
url, which = sys.argv[1:]
given = {"timeout": 20, "connect_timeout": 20}

async def hold():
    place = await RateLimiter(url, **given).take(WholeKey("k"), Places(9, "30s"))
    await asyncio.sleep(600)

if which == "async":
    asyncio.run(hold())
place = SyncRateLimiter(url, **given).take(WholeKey("k"), Places(9, "30s"))
time.sleep(600)
"""


@pytest.mark.parametrize("which", ["async", "sync"])
async def test_a_process_that_is_killed_leaks_nothing_beyond_the_lease(
    server: Server, url: str, which: str
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients/python/src")}
    program = subprocess.Popen([sys.executable, "-c", HOLDS, url, which], env=environment)
    try:
        await until(lambda: held(server) == 1, 60)
        server.clock.advance(20_000)
        await renewed(server)
        assert held(server) == 1
    finally:
        program.kill()
        program.wait()
    assert held(server) == 1
    server.clock.advance(30_001)
    assert held(server) == 0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda one: one.lease("ann", -1, "30s"), "limit must be an integer from 0 to 65536"),
        (lambda one: one.lease("ann", "4", "30s"), "limit must be an integer"),
        (lambda one: one.lease("ann", 4, 30), "lease must be a time.*'30s'|lease must be a time"),
        (lambda one: one.lease("ann", 4, "minute"), "lease must be a time from 1s to 366d"),
        (lambda one: one.lease("ann", 4, "30s", name="a b"), "name must be"),
    ],
)
async def test_what_is_wrong_is_an_error(url: str, make: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        await make(RateLimiter(url))
    with pytest.raises(ConfigurationError, match=says), make(SyncRateLimiter(url)):
        pass


def test_what_is_forgotten_takes_no_room() -> None:
    background = Background()
    for _ in range(20_000):
        planned = background.later(lambda: None, 3600)
        assert planned is not None
        background.forget(planned)
    assert len(background._plan) < 1000
    done: list[int] = []
    background.later(lambda: done.append(1))
    background.later(lambda: done.remove(0))
    background.later(lambda: done.append(2))
    background.finish(20)
    assert done == [1, 2]


async def test_a_limiter_that_is_closed_gives_its_places_back(
    limiter_of: Make, server: Server, url: str
) -> None:
    limiter = limiter_of(url)
    places = [await limiter.take(KEY, TWO) for _ in "12"]
    assert held(server) == 2
    await limiter.aclose()
    assert held(server) == 0
    for place in places:
        place.release()
