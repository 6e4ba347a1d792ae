"""Limits on trial and bans, by both kinds of limiter."""

from __future__ import annotations

from typing import Any

import pytest

from redis_rl import Ban, ConfigurationError, Limit, LimitSet, Shadow, StoreMisconfigured, WholeKey
from redis_rl.http.headers import rate_headers
from redis_rl.http.problem import denial
from store.kinds import Limiter
from support.cluster import asked
from support.server import Server

KEY = WholeKey("k")
ANY_SHADOW: Any = Shadow
ANY_BAN: Any = Ban
GUARDED = "2/10 seconds; ban 1m after 2/minute up to 10m"


async def test_a_shadow_counts_and_neither_refuses_nor_shows(
    limiter: Limiter, server: Server
) -> None:
    outcomes = [await limiter.check(KEY, "9/minute; shadow 2/minute") for _ in range(4)]
    assert [(one.allowed, one.remaining, len(one.decisions)) for one in outcomes] == [
        (True, left, 1) for left in (8, 7, 6, 5)
    ]
    assert all(one.ban is None for one in outcomes)
    assert asked(server, "RL.TOP", "SHADOW") == [[b"k", 2]]


async def test_shadows_alone_allow_and_have_nothing_to_tell(limiter: Limiter) -> None:
    for _ in range(3):
        outcome = await limiter.check(KEY, "shadow 1/minute", name="trial")
        assert (outcome.allowed, outcome.source, outcome.remaining) == (True, "server", None)
        assert (outcome.decisions, outcome.tightest, outcome.reset_after) == ((), None, None)
        assert rate_headers(outcome, "delta") == []


async def test_who_does_not_wait_is_banned(limiter: Limiter, server: Server) -> None:
    async def ask() -> tuple[bool, float | None, int | None]:
        outcome = await limiter.check(KEY, GUARDED, name="login")
        assert outcome.ban is not None
        return outcome.allowed, outcome.retry_after, outcome.ban.remaining

    assert [await ask() for _ in range(4)] == [
        (True, 0.0, 2),
        (True, 0.0, 2),
        (False, 10.0, 2),
        (False, 10.0, 1),
    ]
    began = await limiter.check(KEY, GUARDED, name="login")
    assert began.ban is not None
    assert (began.retry_after, began.remaining, began.requests_left) == (60.0, 0, 0)
    assert [one.policy for one in began.decisions] == ["login"]
    assert (began.ban.policy, began.ban.allowed, began.ban.limit) == ("login-ban", False, 2)
    server.clock.advance(20_001)
    banned = await limiter.check(KEY, GUARDED, name="login")
    # The limit itself would allow it again, and its remaining is no concern of the ban.
    assert (banned.allowed, banned.remaining, banned.retry_after) == (False, 2, 39.999)
    assert dict(rate_headers(banned)) == {
        "RateLimit-Policy": '"login";q=2;w=10, "login-ban";q=2;w=60',
        "RateLimit": '"login-ban";r=0;t=40',
        "Retry-After": "40",
        "Cache-Control": "no-store",
    }
    assert denial(banned)["violated-policies"] == ["login-ban"]
    looked = await limiter.peek(KEY, GUARDED, name="login")
    assert (looked.allowed, looked.retry_after) == (False, 39.999)
    server.clock.advance(39_999)
    assert (await limiter.check(KEY, GUARDED, name="login")).allowed


async def test_who_waits_is_not(limiter: Limiter, server: Server) -> None:
    for _ in range(5):
        assert [(await limiter.check(KEY, GUARDED)).allowed for _ in "123"] == [True, True, False]
        server.clock.advance(10_000)


async def test_a_policy_may_hold_them(limiter: Limiter, server: Server) -> None:
    clauses = ("SHADOW", "FIXED", 1, "1m", "BAN", 1, "1m", "1m", "1h", "FIXED", 2, "10s")
    asked(server, "RL.POLICY", "SET", "login", *clauses)
    try:
        outcomes = [await limiter.check(KEY, "policy login") for _ in range(4)]
    finally:
        asked(server, "RL.POLICY", "DEL", "login")
    assert [one.remaining for one in outcomes] == [1, 0, 0, 0]
    assert [one.ban and one.ban.allowed for one in outcomes] == [True, True, True, False]
    assert dict(rate_headers(outcomes[0]))["RateLimit-Policy"] == '"login";q=2;w=10'
    shown = dict(rate_headers(outcomes[3]))
    assert shown["RateLimit-Policy"] == '"login";q=2;w=10, "login-ban";q=1;w=60'
    assert shown["RateLimit"] == '"login";r=0;t=10, "login-ban";r=0;t=60'
    assert asked(server, "RL.TOP", "SHADOW") == [[b"k", 1]]


@pytest.mark.parametrize(
    ("clauses", "limits", "says"),
    [
        (("FIXED", 5, "1m", "LEASE", 2, "1m"), "policy p", r"concurrency\(\)"),
        (("BAN", 5, "1m", "1m"), "policy p", "RL.POLICY GET"),
        (("FIXED", 5, "1m"), "policy p; 9/minute", "RL.POLICY GET"),
        (("FIXED", 5, "1m", "BAN", 5, "1m", "1m"), f"policy p; {GUARDED}", "RL.POLICY GET"),
    ],
    ids=["a place", "a ban alone", "a limit of the call's", "a second ban"],
)
async def test_a_policy_that_does_not_suit_the_call_is_refused_and_concerns_its_key_alone(
    limiter: Limiter, server: Server, clauses: tuple[object, ...], limits: str, says: str
) -> None:
    asked(server, "RL.POLICY", "SET", "p", *clauses)  # type: ignore[arg-type]
    try:
        for _ in range(2):
            with pytest.raises(StoreMisconfigured, match=says):
                await limiter.check(KEY, limits, on_error="open")
        assert (await limiter.check("ann", "5/minute")).allowed
    finally:
        asked(server, "RL.POLICY", "DEL", "p")


def test_objects_are_the_same_as_text() -> None:
    made = LimitSet(
        Limit.per_minute(100),
        Shadow(Limit.token(20, "1s", burst=40)),
        Ban("15m", after=20, per="minute", up_to="1 day"),
    )
    text = LimitSet("100/minute; shadow token 20/second burst 40; ban 15m after 20/minute up to 1d")
    assert (made.clauses, made.limiters) == (text.clauses, text.limiters)
    assert made.limits == text.limits


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ANY_SHADOW("5/minute"), r"Shadow\(Limit.per_minute\(2\)\), or text"),
        (lambda: ANY_SHADOW(Ban("1m", 2, "1m")), "must be of a Limit"),
        (lambda: Ban("minute", 2, "1m"), "a ban must be a time from 1s to 366d.*not 'minute'"),
        (lambda: ANY_BAN(60, 2, "1m"), "a ban must be a time.*not 60"),
        (lambda: Ban("1m", 0, "1m"), "refusals must be an integer from 1 to 1000000, not 0"),
        (lambda: Ban("1m", 2, "1y"), "period must be .*not '1y'"),
        (lambda: Ban("1m", 2, "1m", up_to="30s"), "at least the ban, 1m, not 30s"),
        (lambda: LimitSet(Ban("1m", 2, "1m")), "must come with a limit or a policy"),
        (lambda: LimitSet("5/minute; ban 15 minutes"), "ban TIME after n"),
    ],
)
def test_what_is_wrong_is_an_error_where_it_is_made(make: object, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make()  # type: ignore[operator]
