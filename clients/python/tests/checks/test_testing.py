"""The fake store that applications test with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redis_rl import RateLimiter, StoreUnavailable, SyncRateLimiter, WholeKey
from redis_rl.testing import Asked, FakeStore, faked
from store.kinds import InThreads, Limiter


def real(limiter: Limiter) -> RateLimiter | SyncRateLimiter:
    return limiter.limiter if isinstance(limiter, InThreads) else limiter


async def test_a_fake_answers_as_it_is_told_and_counts_nothing(limiter: Limiter) -> None:
    with faked(real(limiter)) as store:
        assert [(await limiter.check(WholeKey("key"), "1/minute")).allowed for _ in range(3)] == [
            True
        ] * 3
        store.deny(retry_after=12)
        denied = await limiter.check(WholeKey("key"), "5/minute", "leaky 2/second burst 9")
        assert (denied.allowed, denied.retry_after) == (False, 12.0)
        assert [one.limit for one in denied.decisions] == [5, 9]
        store.deny(retry_after=None)
        assert (await limiter.check(WholeKey("key"), "1/minute")).retry_after is None
        store.allow()
        assert (await limiter.check(WholeKey("key"), "5/minute")).remaining == 4
    assert (await limiter.check(WholeKey("key"), "1/minute")).remaining == 0, (
        "the server was never asked"
    )


async def test_a_script_comes_first(limiter: Limiter) -> None:
    with faked(real(limiter)) as store:
        store.script(True, False, 3, StoreUnavailable("gone"))
        assert (await limiter.check(WholeKey("key"), "1/minute")).allowed
        assert (await limiter.check(WholeKey("key"), "1/minute")).retry_after == 1.0
        assert (await limiter.check(WholeKey("key"), "1/minute")).retry_after == 3.0
        with pytest.raises(StoreUnavailable, match="gone"):
            await limiter.check(WholeKey("key"), "1/minute")
        assert (await limiter.check(WholeKey("key"), "1/minute")).allowed


async def test_a_failure_of_a_test_does_not_outlive_it(limiter: Limiter) -> None:
    with faked(real(limiter)) as store:
        store.fail()
        for _ in range(10):
            assert (
                await limiter.check(WholeKey("key"), "1/minute", on_error="open")
            ).source == "failed_open"
    assert (await limiter.check(WholeKey("key"), "5/minute")).source == "server"


async def test_it_tells_what_was_asked(limiter_of: Callable[..., Limiter]) -> None:
    limiter = limiter_of("redis://127.0.0.1:1")  # where nobody listens
    with faked(real(limiter)) as store:
        await limiter.probe()
        await limiter.check(WholeKey("a"), "5/minute; token 10/second burst 20", cost=3)
        await limiter.reset(WholeKey("a"))
        await limiter.peek(WholeKey("b"), "log 2/day")
    assert store.asked == [
        Asked("a", (("FIXED", "5", "1m"), ("TOKEN", "20", "10", "1s")), 3),
        Asked("b", (("LOG", "2", "1d"),), 0),
    ]
    assert isinstance(store, FakeStore)
