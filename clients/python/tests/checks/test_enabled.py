"""A limiter that is switched off: nothing is asked, and nobody is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redis_rl import Check, ConfigurationError, RateLimiter, Subject, SyncRateLimiter
from store.kinds import Limiter
from support.ports import free_port


async def test_nothing_is_asked(limiter_of: Callable[..., Limiter]) -> None:
    told: list[object] = []
    limiter = limiter_of(f"redis://127.0.0.1:{free_port()}", enabled=False, on_decision=told.append)
    await limiter.probe()
    for outcome in (
        await limiter.check("ann", "0/minute"),
        await limiter.enforce(Subject.ip(None), "0/minute", cost=5),
        await limiter.peek("", "0/minute"),
        *await limiter.check_many([Check("ann", "0/minute")]),
    ):
        assert (outcome.allowed, outcome.source, outcome.remaining) == (True, "exempt", None)
    assert await limiter.reset("ann") is False
    assert told == []


async def test_what_makes_no_sense_is_an_error_all_the_same(
    limiter_of: Callable[..., Limiter], url: str
) -> None:
    limiter = limiter_of(url, enabled=False)
    with pytest.raises(ConfigurationError):
        await limiter.check("ann", "5/minuet")
    with pytest.raises(ConfigurationError):
        await limiter.check("ann", "5/minute", cost=-1)


@pytest.mark.parametrize("limiter", [RateLimiter, SyncRateLimiter])
@pytest.mark.parametrize("given", [0, 1, None, "no", "False"], ids=repr)
def test_it_is_true_or_false(limiter: type[object], given: object, url: str) -> None:
    with pytest.raises(ConfigurationError, match="enabled must be True or False"):
        limiter(url, enabled=given)  # type: ignore[call-arg]
