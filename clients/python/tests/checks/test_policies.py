"""Policies that the server keeps, by both kinds of limiter, on one server and on a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redis_rl import ConfigurationError, RateLimiter, StoreMisconfigured, WholeKey
from redis_rl.http.headers import rate_headers
from redis_rl.limits.known import KnownPolicies
from store.kinds import LONG, Limiter
from support.cluster import asked
from support.pool import NewServer
from support.server import Server

Make = Callable[..., Limiter]


@pytest.fixture
def keeper(new_server: NewServer) -> Server:
    """A server that keeps a policy."""
    server = new_server()
    asked(server, "RL.POLICY", "SET", "api", "FIXED", 5, "1m")
    return server


def calls(server: Server, command: str) -> int:
    """How often a command was called."""
    for line in bytes(asked(server, "INFO", "commandstats")).decode().splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.partition("calls=")[2].partition(",")[0])
    return 0


def url_of(server: Server) -> str:
    return f"redis://127.0.0.1:{server.port}"


def headers(outcome: Any) -> dict[str, str]:
    return dict(rate_headers(outcome))


async def test_a_policy_is_a_limit_like_any_other(limiter_of: Make, keeper: Server) -> None:
    limiter = limiter_of(url_of(keeper))
    first = await limiter.check("ann", "policy api")
    assert headers(first) == {"RateLimit-Policy": '"api";q=5;w=60', "RateLimit": '"api";r=4;t=60'}
    for _ in range(4):
        assert (await limiter.check("ann", "POLICY api")).allowed
    denied = await limiter.check("ann", "policy api")
    assert (denied.allowed, denied.retry_after) == (False, 60.0)
    assert [one.policy for one in denied.decisions] == ["api"]
    assert (await limiter.check("bob", "policy api; 2/second", name="mix")).remaining == 1


async def test_a_change_counts_with_the_next_request_and_in_headers_within_a_second(
    limiter_of: Make, keeper: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = limiter_of(url_of(keeper))
    now = ticking(limiter, monkeypatch)
    await limiter.check("ann", "policy api")
    asked(keeper, "RL.POLICY", "SET", "api", "FIXED", 5, "1h", "TOKEN", 9, 3, "1s")
    changed = await limiter.check("ann", "policy api")
    assert headers(changed)["RateLimit-Policy"] == '"api-1";q=5, "api-2";q=9'
    now[0] += 1
    learned = await limiter.check("ann", "policy api")
    assert headers(learned)["RateLimit-Policy"] == '"api-hour";q=5;w=3600, "api-second";q=9;w=3'
    asked(keeper, "RL.POLICY", "SET", "api", "FIXED", 5, "1m", "TOKEN", 9, 3, "1s")
    now[0] += 1
    renamed = await limiter.check("ann", "policy api")
    assert headers(renamed)["RateLimit-Policy"] == '"api-minute";q=5;w=60, "api-second";q=9;w=3'


def ticking(limiter: Any, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give what a limiter learns of policies a clock that the test sets."""
    now = [0.0]
    known = KnownPolicies(lambda: now[0])
    monkeypatch.setattr(getattr(limiter, "limiter", limiter), "_policies", known)
    return now


async def test_it_is_asked_for_once_a_second_while_it_is_in_use(
    limiter_of: Make, keeper: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = limiter_of(url_of(keeper))
    now = ticking(limiter, monkeypatch)
    for second in range(3):
        now[0] = second
        for _ in range(4):
            await limiter.check("ann", "policy api")
        await asyncio.gather(*(limiter.check("ann", "policy api") for _ in range(4)))
        assert calls(keeper, "rl.policy|get") == second + 1
    assert calls(keeper, "rl.limit") == 24, "no check is repeated for that"


async def test_an_unknown_policy_is_an_error_in_every_mode_that_names_it(
    limiter_of: Make, keeper: Server, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = limiter_of(url_of(keeper), on_error="open")
    for _ in range(7):
        with pytest.raises(StoreMisconfigured, match=r"'nope'.*RL\.POLICY SET"):
            await limiter.check("ann", "policy nope")
    assert (await limiter.check("ann", "policy api")).allowed, "it concerns that policy alone"
    assert len([record for record in caplog.records if "'nope'" in record.message]) in (1, 2)
    asked(keeper, "RL.POLICY", "SET", "nope", "FIXED", 3, "1m")
    assert (await limiter.check("bob", "policy nope")).remaining == 2
    asked(keeper, "RL.POLICY", "DEL", "nope")
    with pytest.raises(StoreMisconfigured, match="'nope'"):
        await limiter.check("ann", "policy nope")


@pytest.mark.parametrize("mode", ["closed", "open"])
async def test_who_may_not_ask_for_a_policy_is_told_which_right_is_missing(
    limiter_of: Make, new_server: NewServer, mode: str
) -> None:
    server = new_server(config={"user": ["default on nopass ~* +@all", "app on >pw ~* +rl.limit"]})
    asked(server, "RL.POLICY", "SET", "api", "FIXED", 5, "1m")
    limiter = limiter_of(f"redis://app:pw@127.0.0.1:{server.port}", on_error=mode)
    assert (await limiter.check("ann", "5/hour")).remaining == 4
    for _ in range(3):
        with pytest.raises(StoreMisconfigured, match=r"rl\.policy\|get"):
            await limiter.check("ann", "policy api")


async def test_limits_and_policies_are_asked_in_one_command(
    limiter_of: Make, keeper: Server
) -> None:
    asked(keeper, "RL.POLICY", "SET", "b", "TOKEN", 20, 10, "1s", "FIXED", 100, "1h")
    limiter = limiter_of(url_of(keeper))
    outcome = await limiter.check("ann", "7/day; policy api; policy b", name="mix", cost=3)
    assert headers(outcome)["RateLimit-Policy"] == (
        '"mix-day";q=7;w=86400, "api";q=5;w=60, "b-second";q=20;w=2, "b-hour";q=100;w=3600'
    )
    assert [one.remaining for one in outcome.decisions] == [4, 2, 17, 97]
    assert calls(keeper, "rl.limit") == 1


@pytest.mark.parametrize("name", ["", "a b", "ä", "a" * 65, "a%b"])
async def test_a_wrong_policy_is_an_error_where_it_is_written(limiter: Limiter, name: str) -> None:
    with pytest.raises(ConfigurationError):
        await limiter.check("ann", f"policy {name}")


def test_a_policy_is_asked_for_again_where_the_answer_was_lost() -> None:
    from redis_rl.errors import NoAnswer

    known = KnownPolicies(lambda: 0.0)
    assert known.due(["a", "b"]) == ("a", "b")
    assert known.due(["a", "b"]) == ()
    known.learned("a", NoAnswer("lost"))
    assert known.due(["a", "b"]) == ("a",)
    known.learned("b", [b"FIXED 5 1m", b"NONSENSE"])
    error = known.error(["a", "b"])
    assert error is not None
    assert "RL.POLICY GET b" in str(error)
    known.learned("b", None)
    assert known.error(["a", "b"]) is None


async def test_a_peek_at_a_policy_waits_as_the_policy_does(keeper: Server) -> None:
    asked(keeper, "RL.POLICY", "SET", "one", "TOKEN", 2, 1, "10s")
    async with RateLimiter(url_of(keeper), **LONG) as limiter:
        await limiter.check(WholeKey("k"), "policy one", cost=2)
        looked = await limiter.peek(WholeKey("k"), "policy one")
        assert not looked.allowed
        assert looked.retry_after is not None
        assert 8 < looked.retry_after <= 10
