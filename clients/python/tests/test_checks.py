"""What a check charges and answers, on a real server, by both kinds of limiter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redis_rl import Check, ConfigurationError, Limit, LimitSet, Outcome, RateLimitExceeded, Subject
from store.kinds import Limiter
from support.clock import START_MS, Clock
from support.cluster import asked
from support.server import Server

MINUTE_MS = 60_000


async def test_a_window_allows_its_limit_and_denies_until_it_is_over(
    limiter: Limiter, clock: Clock
) -> None:
    who = Subject.ip("192.0.2.1")
    left = [(await limiter.check(who, "5/minute", name="login")).remaining for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    clock.set_ms(START_MS + 48_000)
    denied = await limiter.check(who, "5/minute", name="login")
    assert not denied.allowed
    assert denied.retry_after == 12.0
    assert denied.key == "rl:login:ip:192.0.2.1"
    clock.set_ms(START_MS + MINUTE_MS)
    assert (await limiter.check(who, "5/minute", name="login")).allowed


async def test_a_denied_limit_charges_none_of_them(limiter: Limiter) -> None:
    who = Subject.user("42")
    limits = ("2/minute", "100/hour")
    outcomes = [await limiter.check(who, *limits, name="report") for _ in range(4)]
    assert [outcome.allowed for outcome in outcomes] == [True, True, False, False]
    assert [one.remaining for one in outcomes[-1].decisions] == [0, 98]
    assert [one.policy for one in outcomes[-1].decisions] == ["report-minute", "report-hour"]


async def test_a_check_is_one_command_however_many_limits(limiter: Limiter, server: Server) -> None:
    await limiter.check("key", "5/second", "10/minute", "20/hour", "token 5/second burst 9")
    assert "cmdstat_rl.limit:calls=1," in asked(server, "INFO", "commandstats").decode()


async def test_cost_is_charged_and_peek_charges_nothing(limiter: Limiter) -> None:
    assert (await limiter.check("key", "10/minute", cost=7)).remaining == 3
    assert (await limiter.peek("key", "10/minute")).remaining == 3
    above = await limiter.check("key", "10/minute", cost=11)
    assert (above.allowed, above.retry_after) == (False, None)
    assert (await limiter.peek("key", "10/minute")).remaining == 3


async def test_enforce_raises_a_denial_with_its_headers(limiter: Limiter) -> None:
    assert (await limiter.enforce("key", "1/minute", name="login")).remaining == 0
    with pytest.raises(RateLimitExceeded, match="retry in 60 s") as raised:
        await limiter.enforce("key", "1/minute", name="login")
    assert raised.value.retry_after == 60.0
    assert raised.value.headers["RateLimit"] == '"login";r=0;t=60'
    assert raised.value.headers["Retry-After"] == "60"


async def test_a_leaky_bucket_says_how_long_to_wait(limiter: Limiter) -> None:
    waits = [(await limiter.check("key", "leaky 5/second burst 10")).wait for _ in range(3)]
    assert waits == [0.0, 0.2, 0.4]


async def test_typed_limits_are_those_that_are_written(limiter: Limiter) -> None:
    await limiter.check("key", Limit.per_minute(5), Limit.token(10, "1s", burst=20))
    outcome = await limiter.check("key", "5/minute; token 10/second burst 20")
    assert [one.remaining for one in outcome.decisions] == [3, 18]


async def test_reset_forgets(limiter: Limiter) -> None:
    who = Subject.user("42")
    await limiter.check(who, "1/minute", name="login")
    assert await limiter.reset(who, scope="login")
    assert not await limiter.reset(who, scope="login")
    assert (await limiter.check(who, "1/minute", name="login")).allowed


async def test_several_checks_each_have_their_own_verdict(limiter: Limiter) -> None:
    checks = [Check("a", "1/minute"), Check("a", "1/minute"), Check("b", ("1/minute", "5/hour"))]
    outcomes = await limiter.check_many(checks)
    assert [outcome.allowed for outcome in outcomes] == [True, False, True]
    assert [outcome.key for outcome in outcomes] == ["a", "a", "b"]


async def test_never_more_than_the_limit_pass_at_once(limiter: Limiter) -> None:
    outcomes = await asyncio.gather(*(limiter.check("key", "50/minute") for _ in range(300)))
    assert sum(outcome.allowed for outcome in outcomes) == 50
    assert sorted(one.remaining or 0 for one in outcomes if one.allowed) == list(range(50))


async def test_clients_of_one_ipv6_network_share_a_budget(limiter: Limiter) -> None:
    for host, allowed in (("2001:db8::1", True), ("2001:db8::2", False), ("2001:db9::1", True)):
        outcome = await limiter.check(Subject.ip(host), "1/minute")
        assert outcome.allowed is allowed


async def test_an_account_cannot_take_the_budget_of_an_address(limiter: Limiter) -> None:
    assert (await limiter.check(Subject.ip("192.0.2.1"), "1/minute")).allowed
    assert (await limiter.check(Subject.user("192.0.2.1"), "1/minute")).allowed


async def test_a_token_is_never_sent(limiter: Limiter) -> None:
    outcome = await limiter.check(Subject.api_key("secret-token"), "1/minute")
    assert "secret" not in outcome.key


async def test_every_outcome_is_told(limiter_of: Callable[..., Limiter], url: str) -> None:
    told: list[Outcome] = []
    limiter = limiter_of(url, on_decision=told.append)
    await limiter.check("key", "1/minute")
    await limiter.check("key", "1/minute")
    assert [outcome.allowed for outcome in told] == [True, False]


async def test_a_limiter_of_another_prefix_counts_on_its_own(
    limiter_of: Callable[..., Limiter], url: str
) -> None:
    who = Subject.ip("192.0.2.1")
    for prefix in ("a", "b"):
        assert (await limiter_of(url, prefix=prefix).check(who, "1/minute")).allowed


@pytest.mark.parametrize("cost", [-1, 10**12 + 1, True, 1.5, "1"])
async def test_a_wrong_cost_is_an_error_that_names_it(limiter: Limiter, cost: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"cost must be .*not {cost!r}"):
        await limiter.check("key", "5/minute", cost=cost)


async def test_a_wrong_limit_is_an_error_that_names_it(limiter: Limiter) -> None:
    with pytest.raises(ConfigurationError, match=r"a limit must be .*unit is s, m.*not '1/minuet'"):
        await limiter.check("key", "1/minuet")


async def test_a_set_has_one_name(limiter: Limiter) -> None:
    limits = LimitSet("5/minute", name="login")
    assert (await limiter.check(Subject.user("1"), limits)).key == "rl:login:user:1"
    with pytest.raises(ConfigurationError, match="name must be 'login'.*not 'other'"):
        await limiter.check("key", limits, name="other")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"timeout": 0}, "timeout must be .*not 0"),
        ({"timeout": "1"}, "timeout must be .*not '1'"),
        ({"on_error": "local"}, "on_error must be 'closed' or 'open', not 'local'"),
        ({"legacy": "draft3"}, "legacy must be .*not 'draft3'"),
        ({"ipv6_prefix": 31}, "ipv6_prefix must be 32 to 128, not 31"),
        ({"ipv6_prefix": 129}, "ipv6_prefix must be 32 to 128, not 129"),
        ({"trusted_proxies": ["*"]}, r"trusted_proxies must have CIDRs.*not '\*'"),
        ({"trusted_proxies": "10.0.0.0/8"}, "trusted_proxies must be a list.*not '10.0.0.0/8'"),
        ({"prefix": ""}, "prefix must be text.*not ''"),
    ],
)
async def test_a_wrong_setting_is_an_error_that_names_it(
    limiter_of: Callable[..., Limiter], url: str, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        limiter_of(url, **settings)


@pytest.mark.parametrize("redis", ["http://localhost", "localhost:6379", 6379, None])
async def test_what_is_no_store_is_an_error(
    limiter_of: Callable[..., Limiter], redis: object
) -> None:
    with pytest.raises(ConfigurationError, match="redis must be"):
        limiter_of(redis)


async def test_a_password_in_a_wrong_url_is_not_shown(limiter_of: Callable[..., Limiter]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        limiter_of("http://user:secret@localhost")
    assert "secret" not in str(raised.value)
