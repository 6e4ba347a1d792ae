"""Limiters on a real cluster of three primaries, by both kinds of limiter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio
import redis.cluster

from redis_rl import ModuleNotLoaded, RateLimiter, StoreMisconfigured, StoreUnavailable, WholeKey
from store.kinds import Limiter
from store.moments import set_timeout
from store.nodes import Nodes, limiter_on
from store.outages import AT_ONCE_S
from support.cluster import SLOTS, asked, keys_in
from support.eventually import eventually
from support.kinds import Kind
from support.pool import NewServer
from support.ports import free_port
from support.server import Server

SPREAD = keys_in(range(0, SLOTS, SLOTS // 30))
"""Keys on all primaries."""


@pytest.fixture(scope="module")
def nodes(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster that the tests share; each uses slots of its own where it moves some."""
    folder = tmp_path_factory.mktemp("cluster")
    factory = NewServer(kind, folder, [])
    yield Nodes(factory, folder)
    factory.close()


@pytest.fixture(params=["async", "sync"])
async def limiter(request: pytest.FixtureRequest, nodes: Nodes) -> AsyncIterator[Limiter]:
    """A limiter on the cluster, with a cluster client of redis-py's."""
    port = nodes.nodes[0].port
    for node in nodes.nodes:
        asked(node, "FLUSHALL")
    async with limiter_on(request.param, port) as limiter:
        yield limiter


async def test_every_key_is_asked_for_where_it_is(limiter: Limiter) -> None:
    for left in (1, 0):
        outcomes = await asyncio.gather(
            *(limiter.check(WholeKey(key), "2/minute") for key in SPREAD)
        )
        assert [outcome.remaining for outcome in outcomes] == [left] * len(SPREAD)
    denied = await asyncio.gather(*(limiter.check(WholeKey(key), "2/minute") for key in SPREAD))
    assert not any(outcome.allowed for outcome in denied)
    assert await limiter.reset(WholeKey(SPREAD[0]))


async def test_never_more_than_the_limit_pass_at_once(limiter: Limiter) -> None:
    outcomes = await asyncio.gather(
        *(limiter.check(WholeKey(SPREAD[7]), "20/minute") for _ in range(100))
    )
    assert sum(outcome.allowed for outcome in outcomes) == 20


@pytest.mark.parametrize("done", [True, False], ids=["moved", "moving"])
async def test_a_redirection_is_followed_and_charges_once(
    limiter: Limiter, nodes: Nodes, request: pytest.FixtureRequest, done: bool
) -> None:
    await limiter.probe()
    slot = 100 + 2 * done + ("[sync" in request.node.name)
    (key,) = keys_in([slot])
    nodes.move(slot, nodes.nodes[0], nodes.nodes[2], done=done)
    outcomes = await asyncio.gather(*(limiter.check(WholeKey(key), "10/minute") for _ in range(8)))
    assert sorted(outcome.remaining or 0 for outcome in outcomes) == list(range(2, 10))
    assert (await limiter.check(WholeKey(key), "10/minute")).remaining == 1


@pytest.mark.parametrize("done", [True, False], ids=["moved", "moving"])
async def test_a_policy_is_asked_for_where_the_key_is(
    limiter: Limiter, nodes: Nodes, request: pytest.FixtureRequest, done: bool
) -> None:
    for node in nodes.nodes:
        asked(node, "RL.POLICY", "SET", "api", "FIXED", 5, "1m", "TOKEN", 9, 3, "1s")
    for key in SPREAD:
        outcome = await limiter.check(WholeKey(key), "policy api")
        assert [one.policy for one in outcome.decisions] == ["api-minute", "api-second"]
        assert outcome.remaining == 4
    slot = 200 + 2 * done + ("[sync" in request.node.name)
    (key,) = keys_in([slot])
    nodes.move(slot, nodes.nodes[0], nodes.nodes[1], done=done)
    await asyncio.sleep(1)  # so that the policy is asked for again
    assert (await limiter.check(WholeKey(key), "policy api")).remaining == 4
    with pytest.raises(StoreMisconfigured, match="'nope'"):
        await limiter.check(WholeKey(SPREAD[1]), "policy nope")


async def test_a_peek_looks_where_the_key_is(limiter: Limiter) -> None:
    for key in SPREAD[::7]:
        await limiter.check(WholeKey(key), "token 2/10 seconds burst 4", cost=4)
        looked = await limiter.peek(WholeKey(key), "token 2/10 seconds burst 4")
        assert not looked.allowed
        assert 0 < (looked.retry_after or 0) <= 5


async def test_checks_on_one_node_share_a_connection(nodes: Nodes) -> None:
    async with limiter_on("async", nodes.nodes[0].port) as limiter:
        await asyncio.gather(*(limiter.check(WholeKey(key), "99/minute") for key in SPREAD))
        before = [clients(node) for node in nodes.nodes]
        await asyncio.gather(*(limiter.check(WholeKey(key), "99/minute") for key in SPREAD * 5))
        after = [clients(node) for node in nodes.nodes]
        assert all(now <= then for now, then in zip(after, before, strict=True))


def clients(node: Server) -> int:
    """How many connections a node has, this one included."""
    return len(bytes(asked(node, "CLIENT", "LIST", "TYPE", "normal")).splitlines())


@pytest.mark.parametrize("kind_of_limiter", ["async", "sync"])
async def test_a_module_that_one_primary_lacks_is_told_at_the_probe(
    new_server: NewServer, kind_of_limiter: str, tmp_path: Path
) -> None:
    nodes = Nodes(new_server, tmp_path, module=None)
    async with limiter_on(kind_of_limiter, nodes.nodes[0].port) as limiter:
        with pytest.raises(ModuleNotLoaded):
            await limiter.probe()
        for _ in range(7):
            with pytest.raises(ModuleNotLoaded):
                await limiter.check(WholeKey(SPREAD[0]), "5/minute", on_error="open")


async def test_a_cluster_that_is_gone_is_an_outage_within_the_deadline(
    new_server: NewServer, tmp_path: Path
) -> None:
    nodes = Nodes(new_server, tmp_path)
    for kind_of_limiter in ("async", "sync"):
        async with limiter_on(kind_of_limiter, nodes.nodes[0].port) as limiter:
            await limiter.check(WholeKey(SPREAD[0]), "50/minute")
            for node in nodes.nodes:
                node.kill9()
            set_timeout(limiter, 0.5)
            for _ in range(8):
                began = time.monotonic()
                with pytest.raises(StoreUnavailable):
                    await limiter.check(WholeKey(SPREAD[0]), "50/minute")
                assert time.monotonic() - began < AT_ONCE_S
            set_timeout(limiter, 10)
            for node in nodes.nodes:
                node.start()
            eventually(lambda: all(map(nodes._whole, nodes.nodes)), 30)
            began = time.monotonic()
            while time.monotonic() - began < 60:
                try:
                    await limiter.check(WholeKey(SPREAD[0]), "50/minute")
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
            else:
                raise AssertionError("no verdict after 60 s")


async def test_a_cluster_that_was_never_there_is_an_outage() -> None:
    client = redis.asyncio.RedisCluster(host="127.0.0.1", port=free_port())
    async with RateLimiter(client, timeout=0.3) as limiter:
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await limiter.check(WholeKey("key"), "5/minute")
            assert time.monotonic() - began < AT_ONCE_S
    await client.aclose()
