"""Several subjects charged together, all or nothing, by both kinds of limiter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from redis_rl import Check, ConfigurationError, StoreMisconfigured, StoreUnavailable, WholeKey
from redis_rl.http.headers import rate_headers
from store.kinds import Limiter
from store.nodes import Nodes, limiter_on
from store.proxy import FaultProxy
from support.cluster import asked
from support.kinds import Kind
from support.pool import NewServer
from support.server import Server

Make = Callable[..., Limiter]
ANN = Check("ann", "3/minute", name="user")
TEAM = Check("red", "4/minute", name="team", cost=2)
BOTH = {"user": ANN, "team": TEAM}


def left(server: Server, key: str) -> int:
    rows = asked(server, "RL.PEEK", key)
    return int(rows[0][4]) if rows else -1


async def test_all_or_nothing(limiter: Limiter, server: Server) -> None:
    first = await limiter.check_all(BOTH)
    assert (first.allowed, first.remaining, first.cost) == (True, 2, 3)
    assert [one.policy for one in first.decisions] == ["user", "team"]
    await limiter.check_all(BOTH)
    denied = await limiter.check_all(BOTH)
    assert not denied.allowed
    assert [denied.each[name].allowed for name in BOTH] == [True, False]
    assert (denied.each["user"].remaining, denied.each["team"].retry_after) == (1, 60.0)
    assert denied.each["team"].key == "rl:team:user:red"
    assert (left(server, "rl:user:user:ann"), left(server, "rl:team:user:red")) == (1, 0)
    assert dict(rate_headers(denied)) == {
        "RateLimit-Policy": '"user";q=3;w=60, "team";q=4;w=60',
        "RateLimit": '"team";r=0;t=60',
        "Retry-After": "60",
        "Cache-Control": "no-store",
    }


async def test_by_place(limiter: Limiter) -> None:
    outcome = await limiter.check_all([Check("ann", "5/minute"), Check("bob", "7/minute")])
    assert [outcome.each[at].remaining for at in (0, 1)] == [4, 6]


async def test_it_is_one_command(limiter: Limiter, server: Server) -> None:
    asked(server, "CONFIG", "RESETSTAT")
    await limiter.check_all(BOTH)
    stats = bytes(asked(server, "INFO", "commandstats")).decode()
    assert "cmdstat_rl.all:calls=1," in stats
    assert "cmdstat_rl.limit:calls" not in stats


async def test_a_slot(limiter: Limiter, server: Server) -> None:
    outcome = await limiter.check_all(BOTH, slot="acme:1")
    assert outcome.each["user"].key == "rl{acme%3A1}:user:user:ann"
    assert left(server, "rl{acme%3A1}:team:user:red") == 2


async def test_each_is_settled_for_itself(limiter: Limiter, server: Server) -> None:
    outcome = await limiter.check_all(BOTH, reserve=True)
    assert await settled(limiter, outcome.each["team"], 1) is True
    assert (left(server, "rl:team:user:red"), left(server, "rl:user:user:ann")) == (3, 2)
    assert dict(rate_headers(outcome))["RateLimit"] == '"user";r=2;t=60, "team";r=3;t=60'
    with pytest.raises(ConfigurationError, match=r"outcome.each\['user'\].settle"):
        outcome.settle(1)


async def settled(limiter: Limiter, outcome: Any, cost: int) -> bool:
    """Settle by the limiter, which a thread may have to do."""
    return await limiter.settle(outcome, cost)


async def test_a_lost_reply_is_asked_for_once_more(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check("bob", "5/minute")
    proxy.cut_replies = 1
    assert (await limiter.check_all(BOTH, retry=True)).allowed
    assert left(server, "rl:user:user:ann") == 2
    proxy.cut_replies = 1
    with pytest.raises(StoreUnavailable):
        await limiter.check_all(BOTH)


async def test_policies_shadows_and_bans(limiter: Limiter, server: Server) -> None:
    asked(server, "RL.POLICY", "SET", "p", "FIXED", 2, "1m", "BAN", 1, "1m", "1m")
    checks = {
        "user": Check("ann", "shadow 1/hour; policy p", name="user"),
        "team": Check("red", "9/minute; ban 1h after 3/minute", name="team"),
    }
    try:
        outcomes = [await limiter.check_all(checks) for _ in range(4)]
    finally:
        asked(server, "RL.POLICY", "DEL", "p")
    assert [one.allowed for one in outcomes] == [True, True, False, False]
    assert [one.remaining for one in outcomes[0].each.values()] == [1, 8]
    banned = outcomes[3].each["user"].ban
    assert (banned and banned.policy, banned and banned.allowed) == ("p-ban", False)
    kept = outcomes[3].each["team"].ban
    assert kept is not None
    assert (kept.allowed, kept.remaining) == (True, 3)
    assert dict(rate_headers(outcomes[3]))["RateLimit-Policy"] == (
        '"p";q=2;w=60, "team";q=9;w=60, "p-ban";q=1;w=60'
    )


@pytest.mark.parametrize("mode", ["open", "closed"])
async def test_a_store_that_is_gone(limiter_of: Make, mode: Any) -> None:
    limiter = limiter_of("redis://127.0.0.1:1", on_error=mode)
    if mode == "closed":
        with pytest.raises(StoreUnavailable):
            await limiter.check_all(BOTH)
        return
    outcome = await limiter.check_all(BOTH)
    assert (outcome.allowed, outcome.source) == (True, "failed_open")
    assert outcome.each["user"].source == "failed_open"
    assert limiter.failed_open == 1


async def test_a_limiter_that_is_switched_off(limiter_of: Make) -> None:
    outcome = await limiter_of("redis://127.0.0.1:1", enabled=False).check_all(BOTH)
    assert (outcome.source, outcome.each["team"].source) == ("exempt", "exempt")


async def test_an_error_at_one_key_charges_nothing(limiter: Limiter, server: Server) -> None:
    asked(server, "SET", "k", "text")
    with pytest.raises(StoreMisconfigured, match="WRONGTYPE"):
        await limiter.check_all([ANN, Check(WholeKey("k"), "5/minute")], on_error="open")
    assert left(server, "rl:user:user:ann") == -1


@pytest.mark.parametrize(
    ("checks", "options", "says"),
    [
        ([], {}, "1 to 8 subjects, not 0"),
        ([Check(str(at), "5/minute") for at in range(9)], {}, "1 to 8 subjects, not 9"),
        ([Check(who, "1/s; 2/m; 3/h; 4/d; 5/w; 6/2h") for who in "abc"], {}, "at most 16.*not 18"),
        ([ANN, ANN], {}, "must differ in their keys"),
        ([("ann", "5/minute")], {}, r'\[Check\("ann", "5/minute"\)\]'),
        ([Check("ann", "5/minute", retry=True)], {}, "given to check_all"),
        ([Check("ann", "5/minute", on_error="open")], {}, "given to check_all"),
        ([ANN], {"slot": ""}, "slot must be text that is not empty"),
        ([ANN], {"slot": 5}, "slot must be text that is not empty, not 5"),
        ([ANN], {"on_error": "no"}, "on_error must be"),
    ],
)
async def test_what_is_wrong_is_an_error(
    limiter: Limiter, checks: Any, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        await limiter.check_all(checks, **options)


@pytest.fixture(scope="module")
def nodes(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster."""
    factory = NewServer(kind, tmp_path_factory.mktemp("cluster"), [])
    yield Nodes(factory, tmp_path_factory.mktemp("clock"))
    factory.close()


@pytest.fixture(params=["async", "sync"])
async def clustered(request: pytest.FixtureRequest, nodes: Nodes) -> AsyncIterator[Limiter]:
    """A limiter on the cluster."""
    for node in nodes.nodes:
        asked(node, "FLUSHALL")
    async with limiter_on(request.param, nodes.nodes[0].port) as limiter:
        yield limiter


async def test_a_cluster_needs_a_slot(clustered: Limiter) -> None:
    with pytest.raises(ConfigurationError, match='slot="acme"'):
        await clustered.check_all(BOTH)
    for slot in ("acme", "umbrella", "initech"):
        assert (await clustered.check_all(BOTH, slot=slot)).each["team"].remaining == 2
        assert (await clustered.check_all(BOTH, slot=slot)).each["team"].remaining == 0
        assert not (await clustered.check_all(BOTH, slot=slot)).allowed
    tagged = [Check(WholeKey(f"{{t}}{at}"), "5/minute") for at in range(3)]
    assert (await clustered.check_all(tagged)).allowed


async def test_a_node_of_a_cluster_says_so_as_well(limiter_of: Make, nodes: Nodes) -> None:
    limiter = limiter_of(f"redis://127.0.0.1:{nodes.nodes[0].port}")
    with pytest.raises(StoreMisconfigured, match="a slot"):
        await limiter.check_all([Check(str(at), "5/minute") for at in range(8)], on_error="open")
