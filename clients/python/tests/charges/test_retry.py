"""A reply that is lost: a charge with an id is made once, and others are not sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from redis_rl import StoreUnavailable, WholeKey
from store.kinds import Limiter
from store.moments import set_timeout, until
from store.nodes import Nodes, limiter_on
from store.proxy import FaultProxy
from support.cluster import asked, keys_in, slot_of
from support.kinds import Kind
from support.pool import NewServer
from support.server import Server

Make = Callable[..., Limiter]
Charge = Callable[[Limiter, str], Awaitable[Any]]
KEYS = keys_in(range(0, 16384, 1700))


async def retried(limiter: Limiter, key: str) -> Any:
    return await limiter.check(WholeKey(key), "9/minute", cost=2, retry=True)


async def reserved(limiter: Limiter, key: str) -> Any:
    return (await limiter.reserve(WholeKey(key), "9/minute", cost=2)).outcome


async def with_a_policy(limiter: Limiter, key: str) -> Any:
    return await limiter.check(WholeKey(key), "policy p", cost=2, retry=True)


CHARGES = pytest.mark.parametrize("charge", [retried, reserved, with_a_policy])


def set_policy(server: Server) -> None:
    asked(server, "RL.POLICY", "SET", "p", "FIXED", 9, "1m")


def left(server: Server, key: str) -> int:
    return int(asked(server, "RL.PEEK", key)[0][4])


@CHARGES
async def test_a_lost_reply_is_asked_for_once_more_and_charged_once(
    limiter_of: Make, new_server: NewServer, charge: Charge
) -> None:
    server = new_server()
    set_policy(server)
    with FaultProxy(server.port) as proxy:
        limiter = limiter_of(proxy.url)
        await limiter.check("ann", "policy p; 5/hour")
        for number, key in enumerate(KEYS):
            proxy.cut_replies = 1
            outcome = await charge(limiter, key)
            assert (outcome.allowed, outcome.source, outcome.remaining) == (True, "server", 7)
            assert left(server, key) == 7
            assert proxy.cut_replies == 0
            assert proxy.connections == 2 + number


async def test_a_plain_check_is_not(limiter_of: Make, server: Server, proxy: FaultProxy) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check("ann", "9/minute")
    proxy.cut_replies = 1
    with pytest.raises(StoreUnavailable):
        await limiter.check(WholeKey("k"), "9/minute", cost=2)
    assert left(server, "k") == 7
    assert (await limiter.check(WholeKey("k"), "9/minute", cost=2)).remaining == 5


async def test_it_is_one_retry(limiter_of: Make, server: Server, proxy: FaultProxy) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check("ann", "9/minute")
    proxy.cut_replies = 2
    with pytest.raises(StoreUnavailable):
        await retried(limiter, "k")
    assert proxy.connections == 2
    assert left(server, "k") == 7


async def test_a_timeout_is_not_retried(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check("ann", "9/minute")
    writes = proxy.writes
    proxy.hold()
    set_timeout(limiter, 0.5)
    with pytest.raises(StoreUnavailable):
        await retried(limiter, "k")
    await until(lambda: asked(server, "EXISTS", "k"))
    proxy.pass_on()
    await limiter.aclose()  # nothing is sent any more
    assert proxy.writes == writes + 1
    assert left(server, "k") == 7


async def test_an_error_that_redis_answers_is_not_retried(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url)
    asked(server, "SET", "k", "text")
    await limiter.check("ann", "9/minute")
    writes = proxy.writes
    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        await retried(limiter, "k")
    assert proxy.writes == writes + 1


async def test_a_lost_reply_to_a_settling_is_asked_for_once_more(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url)
    made = await limiter.reserve(WholeKey("k"), "9/minute", cost=5)
    proxy.cut_replies = 1
    assert await made.settle(2) is True
    assert left(server, "k") == 7


async def test_no_two_charges_share_an_id(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url)
    for count in (1, 2, 3):
        await retried(limiter, "k")
        assert left(server, "k") == 9 - 2 * count


@pytest.fixture(scope="module")
def nodes(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster."""
    factory = NewServer(kind, tmp_path_factory.mktemp("cluster"), [])
    yield Nodes(factory, tmp_path_factory.mktemp("clock"))
    factory.close()


@pytest.fixture
def proxies(nodes: Nodes) -> Iterator[dict[int, FaultProxy]]:
    """A proxy before each node, by the node's port."""
    with ExitStack() as stack:
        yield {node.port: stack.enter_context(FaultProxy(node.port)) for node in nodes.nodes}


@pytest.fixture(params=["async", "sync"])
async def clustered(
    request: pytest.FixtureRequest, nodes: Nodes, proxies: dict[int, FaultProxy]
) -> AsyncIterator[Limiter]:
    """A limiter whose cluster client goes through the proxies."""
    for node in nodes.nodes:
        asked(node, "FLUSHALL")
        set_policy(node)

    def remap(address: tuple[str, int]) -> tuple[str, int]:
        proxy = proxies.get(address[1])
        return ("127.0.0.1", proxy.port) if proxy else address

    port = next(iter(proxies.values())).port
    async with limiter_on(request.param, port, {"address_remap": remap}) as limiter:
        yield limiter


@CHARGES
async def test_in_a_cluster(
    clustered: Limiter, nodes: Nodes, proxies: dict[int, FaultProxy], charge: Charge
) -> None:
    for key in KEYS:
        await clustered.check(WholeKey(f"{{{key}}}warm"), "policy p; 5/hour")
    for key in KEYS:
        (owner,) = [node for node in nodes.nodes if not moved(node, key)]
        proxies[owner.port].cut_replies = 1
        outcome = await charge(clustered, key)
        assert (outcome.allowed, outcome.remaining) == (True, 7)
        assert proxies[owner.port].cut_replies == 0
        assert left(owner, key) == 7


def moved(node: Server, key: str) -> bool:
    """Whether another node has the key."""
    slot = slot_of(key)
    return not any(
        first <= slot <= last and owner[1] == node.port
        for first, last, owner, *_ in asked(node, "CLUSTER", "SLOTS")
    )
