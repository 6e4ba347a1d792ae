"""What a check charges and answers, on a real server, by both kinds of limiter."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from redis_rl import (
    CannotIdentify,
    Check,
    ConfigurationError,
    Limit,
    LimitSet,
    Outcome,
    RateLimitExceeded,
    Subject,
    WholeKey,
)
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


@pytest.mark.parametrize(
    ("limit", "cost", "waits"),
    [
        ("2/minute", 2, 60.0),
        ("sliding 2/minute", 2, 90.0),
        ("log 2/minute", 2, 60.0),
        ("token 2/10 seconds burst 4", 4, 5.0),
        ("leaky 2/10 seconds burst 4", 4, 5.0),
        ("0/minute", 0, None),
        ("5/hour; 2/minute", 2, 60.0),
    ],
)
async def test_peek_denies_where_nothing_is_left_and_says_how_long(
    limiter: Limiter, limit: str, cost: int, waits: float | None
) -> None:
    if cost:
        assert (await limiter.check("ann", limit, cost=cost)).allowed
    looked = await limiter.peek("ann", limit)
    asked_for = await limiter.check("ann", limit)
    assert (looked.allowed, looked.retry_after) == (False, waits)
    assert (asked_for.allowed, asked_for.retry_after) == (False, waits), "as the call itself"
    assert looked.remaining == 0
    assert looked.wait == 0


async def test_peek_allows_what_is_left_and_counts_nothing(limiter: Limiter) -> None:
    for _ in range(3):
        looked = await limiter.peek("ann", "2/minute", "leaky 2/second burst 4")
        assert (looked.allowed, looked.remaining, looked.retry_after) == (True, 2, 0.0)


async def test_peek_with_other_numbers_than_were_used_still_says_how_long(limiter: Limiter) -> None:
    await limiter.check("ann", "100/minute", cost=50)
    looked = await limiter.peek("ann", "20/minute")
    assert (looked.allowed, looked.retry_after) == (False, 60.0)


async def test_every_peek_is_told_with_its_verdict(
    limiter_of: Callable[..., Limiter], url: str
) -> None:
    told: list[Outcome] = []
    limiter = limiter_of(url, on_decision=told.append)
    await limiter.check("ann", "1/minute")
    await limiter.peek("ann", "1/minute")
    assert [outcome.allowed for outcome in told] == [True, False]


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
    a, b = WholeKey("a"), WholeKey("b")
    checks = [Check(a, "1/minute"), Check(a, "1/minute"), Check(b, ("1/minute", "5/hour"))]
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


async def test_text_as_a_key_is_a_user_everywhere(limiter: Limiter, server: Server) -> None:
    victim = "rl:login:ip:192.0.2.1"
    outcomes = [
        await limiter.check(victim, "5/minute", name="login"),
        await limiter.enforce(victim, "5/minute", name="login"),
        *await limiter.check_many([Check(victim, "5/minute", name="login")]),
        await limiter.peek(victim, "5/minute", name="login"),
    ]
    encoded = victim.replace(":", "%3A")
    assert {outcome.key for outcome in outcomes} == {f"rl:login:user:{encoded}"}
    assert [outcome.remaining for outcome in outcomes] == [4, 3, 2, 2]
    assert asked(server, "KEYS", "*") == [f"rl:login:user:{encoded}".encode()]
    assert await limiter.reset(victim, scope="login")
    assert asked(server, "DBSIZE") == 0


async def test_a_whole_key_is_given_by_its_own_type(limiter: Limiter, server: Server) -> None:
    key = WholeKey("mail:ann")
    assert (await limiter.check(key, "5/minute", name="login")).key == "mail:ann"
    assert (await limiter.check_many([Check(key, "5/minute")]))[0].remaining == 3
    assert (await limiter.peek(key, "5/minute")).remaining == 3
    assert asked(server, "KEYS", "*") == [b"mail:ann"]
    assert await limiter.reset(key)


@pytest.mark.parametrize("who", [None, 42, 1.5, True, b"ann", ["ann"], {"id": "ann"}])
async def test_what_is_nobody_is_an_error_that_names_it(limiter: Limiter, who: Any) -> None:
    says = f"a Subject, a WholeKey or a user's id as text, not {re.escape(repr(who))}"
    for ask in (limiter.check, limiter.enforce, limiter.peek):
        with pytest.raises(ConfigurationError, match=says):
            await ask(who, "5/minute")
    with pytest.raises(ConfigurationError, match=says):
        await limiter.check_many([Check(who, "5/minute")])
    with pytest.raises(ConfigurationError, match=says):
        await limiter.reset(who)


@pytest.mark.parametrize("who", [None, {}, [], float("nan"), 1.5, True, b"ann"], ids=repr)
def test_a_subject_of_no_text_is_an_error_where_it_is_made(who: Any) -> None:
    for make in (Subject.user, Subject.api_key, lambda who: Subject("team", who), WholeKey):
        with pytest.raises(ConfigurationError):
            make(who)
        with pytest.raises(TypeError):
            make(who)
    if who is not None:
        with pytest.raises(TypeError):
            Subject.ip(who)


@pytest.mark.parametrize("mode", ["closed", "open"])
@pytest.mark.parametrize(
    "who", ["", Subject.user(""), Subject.api_key(""), Subject("team", ""), Subject.ip(None)]
)
async def test_an_empty_id_is_no_identity_in_any_mode(
    limiter_of: Callable[..., Limiter], url: str, server: Server, who: Any, mode: str
) -> None:
    limiter = limiter_of(url, on_error=mode)
    for _ in range(7):  # more than open the breaker
        with pytest.raises(CannotIdentify):
            await limiter.check(who, "5/minute")
    assert limiter.failed_open == 0
    assert asked(server, "DBSIZE") == 0
    assert (await limiter.check("ann", "5/minute")).remaining == 4


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
    with pytest.raises(
        ConfigurationError, match=r"not 'minuet', in '1/minuet'; a limit is .*k\] unit"
    ):
        await limiter.check("key", "1/minuet")


async def test_a_set_has_one_name(limiter: Limiter) -> None:
    limits = LimitSet("5/minute", name="login")
    assert (await limiter.check(Subject.user("1"), limits)).key == "rl:login:user:1"
    with pytest.raises(
        ConfigurationError, match=r"name must be that of the LimitSet, 'login', not 'other'"
    ):
        await limiter.check("key", limits, name="other")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"timeout": 0}, "timeout must be .*not 0"),
        ({"timeout": "1"}, "timeout must be .*not '1'"),
        ({"on_error": "local"}, "on_error must be 'closed' or 'open', not 'local'"),
        ({"legacy": "draft3"}, "legacy must be .*not 'draft3'"),
        ({"ipv6_prefix": 31}, "ipv6_prefix must be an integer from 32 to 128, not 31"),
        ({"ipv6_prefix": 129}, "ipv6_prefix must be an integer from 32 to 128, not 129"),
        ({"trusted_proxies": ["*"]}, r"trusted_proxies must hold CIDRs.*not '\*'"),
        ({"trusted_proxies": "10.0.0.0/8"}, "trusted_proxies must be a list.*not '10.0.0.0/8'"),
        ({"prefix": ""}, "prefix must be text that is not empty, not ''"),
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
