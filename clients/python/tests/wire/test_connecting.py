"""Connecting has a time of its own: one does it while the others wait, and it is never undone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from redis_rl import Outcome, RateLimiter, StoreUnavailable, SyncRateLimiter
from store.kinds import Limiter
from store.proxy import FaultProxy
from support.cluster import asked
from support.eventually import eventually
from support.pool import NewServer
from support.server import Server

Make = Callable[..., Limiter]


def test_a_hundred_threads_may_begin_at_once(url: str) -> None:
    limiter = SyncRateLimiter(url, timeout=2)
    barrier = threading.Barrier(100)
    answers: list[object] = []

    def ask() -> None:
        barrier.wait()
        try:
            answers.append(limiter.check("ann", "1000/minute"))
        except Exception as error:
            answers.append(error)

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    limiter.close()
    assert [answer for answer in answers if not isinstance(answer, Outcome)] == []
    assert len(answers) == 100


async def test_a_hundred_tasks_may_begin_at_once(proxy: FaultProxy) -> None:
    async with RateLimiter(proxy.url, timeout=2) as limiter:
        outcomes = await asyncio.gather(*(limiter.check("ann", "1000/minute") for _ in range(100)))
        assert len({outcome.remaining for outcome in outcomes}) == 100
        assert proxy.connections == 1


@pytest.fixture
def guarded(new_server: NewServer) -> Server:
    """A server that takes many words to connect to."""
    return new_server(config={"requirepass": "secret"})


async def test_a_connection_that_takes_longer_than_a_check_serves_those_after_it(
    limiter_of: Make, guarded: Server
) -> None:
    with FaultProxy(guarded.port) as proxy:
        proxy.delay = 0.06
        url = f"redis://:secret@127.0.0.1:{proxy.port}/3?client_name=app"
        limiter = limiter_of(url, timeout=0.1, connect_timeout=5)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="no connection"):
            await limiter.check("ann", "1000/minute")
        assert time.monotonic() - began < 3 * 0.1 + 0.5, "a check ends at its own deadline"
        await asyncio.sleep(1)  # meanwhile the attempt goes on
        proxy.delay = 0
        while (await limiter.check("ann", "1000/minute", on_error="open")).source != "server":
            assert time.monotonic() - began < 5
            await asyncio.sleep(0.05)
        assert proxy.connections == 1, "what was begun is not begun again"


async def test_a_probe_warms_the_connection_that_checks_use(
    limiter_of: Make, guarded: Server
) -> None:
    with FaultProxy(guarded.port) as proxy:
        proxy.delay = 0.05
        url = f"redis://:secret@127.0.0.1:{proxy.port}/3?client_name=app"
        limiter = limiter_of(url, timeout=0.2, connect_timeout=5)
        await limiter.probe()
        proxy.delay = 0
        for _ in range(3):
            assert (await limiter.check("ann", "1000/minute")).source == "server"
        assert proxy.connections == 1


async def test_one_connects_while_the_others_wait(limiter_of: Make, proxy: FaultProxy) -> None:
    limiter = limiter_of(proxy.url, timeout=5, connect_timeout=5)
    proxy.delay = 0.3
    waiting = [asyncio.ensure_future(limiter.check("ann", "1000/minute")) for _ in range(5)]
    while not proxy.connections:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert proxy.connections == 1
    proxy.delay = 0
    assert all(outcome.allowed for outcome in await asyncio.gather(*waiting))


async def test_the_time_to_connect_is_an_option(limiter_of: Make, proxy: FaultProxy) -> None:
    proxy.freeze()
    limiter = limiter_of(proxy.url, timeout=3, connect_timeout=0.2)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await limiter.check("ann", "5/minute")
    assert 0.15 < time.monotonic() - began < 2
    proxy.thaw()
    assert (await limiter.check("ann", "5/minute")).allowed


async def test_an_attempt_that_hangs_does_not_hold_up_the_next(
    limiter_of: Make, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url, timeout=0.1, connect_timeout=0.4)
    proxy.freeze()
    with pytest.raises(StoreUnavailable):
        await limiter.check("ann", "5/minute")
    await asyncio.sleep(0.5)
    proxy.kill()
    proxy.thaw()
    for _ in range(20):
        try:
            assert (await limiter.check("ann", "5/minute")).allowed
            break
        except StoreUnavailable:
            await asyncio.sleep(0.05)
    else:
        raise AssertionError("it never connects")


async def test_a_closed_limiter_leaves_no_connection(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    # Tests before this one may have left some to the same server.
    before = connections(server)
    limiter = limiter_of(proxy.url, timeout=0.05)
    proxy.delay = 0.1
    with pytest.raises(StoreUnavailable):
        await limiter.check("ann", "5/minute")
    await limiter.aclose()  # while it connects
    proxy.delay = 0
    await asyncio.to_thread(eventually, lambda: connections(server) <= before, 10)


def connections(server: Server) -> set[bytes]:
    """The ids of clients that are connected, but for the one that asks."""
    lines = bytes(asked(server, "CLIENT", "LIST", "TYPE", "normal")).splitlines()
    return {line.split()[0] for line in lines if b"cmd=client|list" not in line}
