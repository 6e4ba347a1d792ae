"""Refusals that are repeated without asking, by both kinds of limiter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redis_rl import (
    Check,
    ConfigurationError,
    Outcome,
    RateLimiter,
    StoreUnavailable,
    SyncRateLimiter,
    WholeKey,
)
from redis_rl.charges.denials import Denials
from redis_rl.http.headers import rate_headers
from redis_rl.limits.places import Places
from redis_rl.testing import faked
from store.kinds import InThreads, Limiter
from store.moments import until
from store.proxy import FaultProxy
from support.cluster import asked
from support.server import Server

Make = Callable[..., Limiter]
KEY = WholeKey("k")
ONE = "1/minute"


@pytest.fixture
def limiter(limiter_of: Make, url: str) -> Limiter:
    """One that keeps refusals."""
    return limiter_of(url, deny_cache=10)


@pytest.fixture
def now(limiter: Limiter, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The cache's clock."""
    now = [100.0]
    cache = Denials(10, lambda: now[0])
    monkeypatch.setattr(getattr(limiter, "limiter", limiter), "_denials", cache)
    return now


def calls(server: Server) -> int:
    """How many decisions the server was asked for."""
    count = 0
    for line in bytes(asked(server, "INFO", "commandstats")).decode().splitlines():
        if line.startswith(("cmdstat_rl.limit:", "cmdstat_rl.all:", "cmdstat_rl.lease:")):
            count += int(line.partition("calls=")[2].partition(",")[0])
    return count


async def source(limiter: Limiter, *limits: str, **options: Any) -> str:
    return (await limiter.check(KEY, *(limits or (ONE,)), **options)).source


async def test_a_refusal_is_repeated_until_it_ends(
    limiter: Limiter, server: Server, now: list[float]
) -> None:
    assert [await source(limiter, name="login") for _ in range(4)] == ["server"] * 2 + [
        "deny_cache"
    ] * 2
    assert calls(server) == 2
    now[0] += 12.5
    outcome = await limiter.check(KEY, ONE, name="login")
    assert (outcome.allowed, outcome.retry_after, outcome.reset_after) == (False, 47.5, 47.5)
    assert dict(rate_headers(outcome))["RateLimit"] == '"login";r=0;t=48'
    server.clock.advance(60_000)
    now[0] += 47.25
    assert await source(limiter, name="login") == "deny_cache"
    now[0] += 0.25
    assert await source(limiter, name="login") == "server"
    assert calls(server) == 3


async def test_for_a_minute_at_most(limiter: Limiter, now: list[float]) -> None:
    for _ in "12":
        await limiter.check(KEY, "1/day")
    now[0] += 59.999
    assert await source(limiter, "1/day") == "deny_cache"
    now[0] += 0.001
    assert await source(limiter, "1/day") == "server"


async def test_only_the_same_question(limiter: Limiter, now: list[float]) -> None:
    assert now
    await limiter.check(KEY, "5/minute", cost=4)
    await limiter.check(KEY, "5/minute", cost=3)
    assert await source(limiter, "5/minute", cost=3) == "deny_cache"
    assert await source(limiter, "5/minute", cost=2) == "server"
    assert await source(limiter, "6/minute", cost=3) == "server"
    assert (await limiter.check("ann", "5/minute", cost=3)).source == "server"
    renamed = await limiter.check(KEY, "5/minute", cost=3, name="login")
    assert [one.policy for one in renamed.decisions] == ["login"]
    assert (await limiter.peek(KEY, "5/minute")).source == "server"


async def test_what_is_never_kept(limiter: Limiter, now: list[float]) -> None:
    assert now
    for _ in range(3):
        assert await source(limiter, "5/minute", cost=6) == "server"  # refused for good
        assert (await limiter.charge("bob", "0/minute; 1/hour")).source == "server"
        assert (await limiter.reserve("bob", "0/minute", cost=1)).outcome.source == "server"
        assert await source(limiter, "1/minute; ban 1h after 9/minute") == "server"


async def test_a_ban_is_kept_when_it_has_begun(limiter: Limiter, now: list[float]) -> None:
    assert now
    limits = "1/minute; ban 30s after 1/minute"
    assert [await source(limiter, limits) for _ in range(4)] == ["server"] * 3 + ["deny_cache"]
    now[0] += 30  # when the ban has ended, refusals count again
    assert await source(limiter, limits) == "server"


async def test_for_a_second_where_a_policy_or_a_place_is_involved(
    limiter: Limiter, server: Server, now: list[float]
) -> None:
    asked(server, "RL.POLICY", "SET", "p", "FIXED", 1, "1m")
    try:
        assert [await source(limiter, "policy p") for _ in "123"] == ["server"] * 2 + ["deny_cache"]
        now[0] += 0.999
        assert await source(limiter, "policy p") == "deny_cache"
        now[0] += 0.001
        assert await source(limiter, "policy p") == "server"
    finally:
        asked(server, "RL.POLICY", "DEL", "p")
    places = [(await limiter.take("ann", Places(1, "30s"))).outcome for _ in "123"]
    assert [one.source for one in places] == ["server", "server", "deny_cache"]
    now[0] += 1
    assert (await limiter.take("ann", Places(1, "30s"))).outcome.source == "server"


async def test_reset_and_settling_forget(limiter: Limiter, now: list[float]) -> None:
    assert now
    for _ in "12":
        await limiter.check("ann", ONE)
    assert (await limiter.check("ann", ONE)).source == "deny_cache"
    await limiter.reset("ann")
    assert (await limiter.check("ann", ONE)).source == "server"
    reserved = await limiter.reserve(KEY, "9/minute", cost=9)
    assert [await source(limiter, "9/minute") for _ in "12"] == ["server", "deny_cache"]
    assert await reserved.settle(0)
    assert (await limiter.check(KEY, "9/minute")).allowed


async def test_a_place_that_was_given_back_is_there(limiter: Limiter, now: list[float]) -> None:
    assert now
    one = Places(1, "30s")
    first = await limiter.take("ann", one)
    sources = [(await limiter.take("ann", one)).outcome.source for _ in "12"]
    assert sources == ["server", "deny_cache"]
    first.release()
    if isinstance(limiter, InThreads):
        limiter.limiter._background.finish(20)
    assert (await limiter.take("ann", one)).outcome.allowed


@pytest.mark.parametrize("how", ["settled", "reset"])
async def test_what_is_refused_while_more_is_given_back_is_not_kept(
    limiter_of: Make, server: Server, proxy: FaultProxy, how: str
) -> None:
    limiter = limiter_of(proxy.url, deny_cache=10)
    reserved = await limiter.reserve(KEY, "9/minute", cost=9)
    proxy.hold()
    refused = asyncio.ensure_future(limiter.check(KEY, "9/minute"))
    await until(lambda: calls(server) == 2)
    given = asyncio.ensure_future(reserved.settle(0) if how == "settled" else limiter.reset(KEY))
    await until(lambda: asked(server, "EXISTS", "k") == 0 or left(server) == 9)
    proxy.pass_on()
    assert await given
    assert not (await refused).allowed
    assert (await limiter.check(KEY, "9/minute")).allowed


def left(server: Server) -> int:
    return int(asked(server, "RL.FIXED", "k", 9, "1m", "COST", 0)[2])


async def test_a_refusal_is_known_though_the_store_is_gone(
    limiter_of: Make, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url, deny_cache=10)
    both = [Check("bob", "5/minute"), Check(KEY, ONE)]
    for _ in "12":
        await limiter.check_all(both)
        await limiter.check(KEY, ONE)
    proxy.refuse()
    for _ in range(7):  # more than open the breaker
        with pytest.raises(StoreUnavailable):
            await limiter.check("ann", ONE)
    assert (await limiter.check(KEY, ONE)).source == "deny_cache"
    assert (await limiter.check_all(both)).source == "deny_cache"


async def test_several_subjects(limiter: Limiter, server: Server, now: list[float]) -> None:
    both = {"a": Check("ann", ONE, name="a"), "b": Check("red", "5/minute", name="b")}
    outcomes = [await limiter.check_all(both) for _ in "123"]
    assert [one.source for one in outcomes] == ["server", "server", "deny_cache"]
    assert calls(server) == 2
    now[0] += 10
    aged = await limiter.check_all(both)
    assert (aged.retry_after, aged.each["a"].retry_after, aged.each["b"].allowed) == (50, 50, True)
    await limiter.reset("red", "b")
    assert (await limiter.check_all(both)).source == "server"


async def test_it_is_counted(limiter_of: Make, url: str) -> None:
    seen: list[Outcome] = []
    limiter = limiter_of(url, deny_cache=10, on_decision=seen.append)
    for _ in "123":
        await limiter.check(KEY, ONE)
    assert [one.source for one in seen] == ["server", "server", "deny_cache"]


async def test_off_by_default(limiter_of: Make, url: str, server: Server) -> None:
    limiter = limiter_of(url)
    for _ in "123":
        await limiter.check(KEY, ONE)
    assert calls(server) == 3


def test_no_more_than_so_many_are_kept_and_the_least_used_go_first() -> None:
    cache = Denials(3)
    refusal = Outcome(False, [[0, 1, 0, 60_000, 60_000]], None, "k")
    for name in "abc":
        cache.put(name, (name,), refusal, cache.now())
    assert cache.get("a")
    cache.put("d", ("d",), refusal, cache.now())
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]
    cache.forget("acd")
    assert (cache._denials, cache._by_key) == ({}, {})


def test_what_was_asked_before_it_was_forgotten_is_not_kept() -> None:
    now = [100.0]
    cache = Denials(3, lambda: now[0])
    refusal = Outcome(False, [[0, 1, 0, 60_000, 60_000]], None, "k")
    now[0] += 1
    cache.forget(["k"])
    for asked_at, kept in ((100.0, False), (101.0, True)):
        cache.put("question", ("k", "l"), refusal, asked_at)
        assert (cache.get("question") is not None) == kept


def test_a_fake_store_is_asked_all_the_same(url: str) -> None:
    limiter = SyncRateLimiter(url, deny_cache=10)
    with faked(limiter) as store:
        store.deny(5)
        assert not limiter.check("ann", ONE).allowed
        store.allow()
        assert limiter.check("ann", ONE).allowed


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "10", 1_000_001])
def test_a_wrong_size_is_an_error(url: str, wrong: Any) -> None:
    for kind in (RateLimiter, SyncRateLimiter):
        with pytest.raises(ConfigurationError, match="deny_cache must be an integer from 0 to"):
            kind(url, deny_cache=wrong)
