"""Connecting has a time of its own: one does it while the others wait, and it is never undone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from redis_rl import Outcome, RateLimiter, SyncRateLimiter
from store.kinds import LONG, Limiter
from store.moments import set_timeout, until
from store.outages import AT_ONCE_S, recovered, refused
from store.proxy import FaultProxy
from support.cluster import asked
from support.eventually import eventually
from support.pool import NewServer
from support.server import Server

Make = Callable[..., Limiter]


def test_a_hundred_threads_may_begin_at_once(url: str) -> None:
    limiter = SyncRateLimiter(url, timeout=20, connect_timeout=20)
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
        thread.join(30)
    limiter.close()
    assert [answer for answer in answers if not isinstance(answer, Outcome)] == []
    assert len(answers) == 100


async def test_a_hundred_tasks_may_begin_at_once(proxy: FaultProxy) -> None:
    async with RateLimiter(proxy.url, **LONG) as limiter:
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
        proxy.freeze()
        url = f"redis://:secret@127.0.0.1:{proxy.port}/3?client_name=app"
        limiter = limiter_of(url, timeout=0.1, connect_timeout=60)
        assert await refused(limiter) < AT_ONCE_S, "a check ends at its own deadline"
        await until(lambda: proxy.writes)  # the attempt goes on
        set_timeout(limiter, 20)
        proxy.thaw()
        assert (await limiter.check("ann", "1000/minute")).source == "server"
        assert proxy.connections == 1, "what was begun is not begun again"


async def test_a_probe_warms_the_connection_that_checks_use(
    limiter_of: Make, guarded: Server
) -> None:
    with FaultProxy(guarded.port) as proxy:
        url = f"redis://:secret@127.0.0.1:{proxy.port}/3?client_name=app"
        limiter = limiter_of(url)
        await limiter.probe()
        for _ in range(3):
            assert (await limiter.check("ann", "1000/minute")).source == "server"
        assert proxy.connections == 1


async def test_one_connects_while_the_others_wait(limiter_of: Make, proxy: FaultProxy) -> None:
    limiter = limiter_of(proxy.url, timeout=20, connect_timeout=20)
    proxy.freeze()
    waiting = [asyncio.ensure_future(limiter.check("ann", "1000/minute")) for _ in range(5)]
    await until(lambda: proxy.connections)
    await asyncio.sleep(0.1)
    assert proxy.connections == 1
    proxy.thaw()
    assert all(outcome.allowed for outcome in await asyncio.gather(*waiting))


async def test_the_time_to_connect_is_an_option(limiter_of: Make, proxy: FaultProxy) -> None:
    proxy.freeze()
    limiter = limiter_of(proxy.url, timeout=60, connect_timeout=0.2)
    assert 0.15 < await refused(limiter) < AT_ONCE_S
    proxy.thaw()
    await recovered(limiter)


async def test_an_attempt_that_hangs_does_not_hold_up_the_next(
    limiter_of: Make, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url, timeout=0.1, connect_timeout=0.4)
    proxy.freeze()
    await refused(limiter)
    await asyncio.sleep(0.5)  # the attempt's time is over
    proxy.kill()
    proxy.thaw()
    set_timeout(limiter, 20)
    await recovered(limiter)


async def test_a_closed_limiter_leaves_no_connection(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    # Tests before this one may have left some to the same server.
    before = connections(server)
    limiter = limiter_of(proxy.url, timeout=0.05)
    proxy.freeze()
    await refused(limiter)
    await limiter.aclose()  # while it connects
    proxy.thaw()
    await asyncio.to_thread(eventually, lambda: connections(server) <= before, 20)


def connections(server: Server) -> set[bytes]:
    """The ids of clients that are connected, but for the one that asks."""
    lines = bytes(asked(server, "CLIENT", "LIST", "TYPE", "normal")).splitlines()
    return {line.split()[0] for line in lines if b"cmd=client|list" not in line}
