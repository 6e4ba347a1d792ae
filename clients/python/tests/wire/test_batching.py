"""Checks of one event loop that wait at the same moment share a connection and a write."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from redis_rl import Outcome, RateLimiter, StoreMisconfigured, StoreUnavailable, WholeKey
from redis_rl.limiters import awaited as limiter_module
from store.kinds import LONG
from store.moments import LoopClock, never_late, set_timeout, until
from store.proxy import FaultProxy
from support.cluster import asked
from support.pool import NewServer
from support.ports import free_port
from support.server import Server


@pytest.fixture
async def limiter(proxy: FaultProxy) -> AsyncIterator[RateLimiter]:
    """A limiter whose writes and connections the proxy counts."""
    async with RateLimiter(proxy.url, **LONG) as limiter:
        await limiter.check(WholeKey("warm"), "5/minute")
        yield limiter


async def test_concurrent_checks_share_writes_of_one_connection(
    limiter: RateLimiter, proxy: FaultProxy
) -> None:
    before = proxy.writes
    outcomes = await asyncio.gather(
        *(limiter.check(WholeKey(f"k{n}"), f"{n}/hour") for n in range(1, 65))
    )
    assert [outcome.decisions[0].limit for outcome in outcomes] == list(range(1, 65))
    assert proxy.writes - before <= 2, "the first does not wait for the others, which go together"
    assert proxy.connections == 1


async def test_checks_do_not_wait_for_one_anothers_replies(
    limiter: RateLimiter, proxy: FaultProxy
) -> None:
    proxy.hold()
    before = proxy.writes
    first = asyncio.ensure_future(limiter.check(WholeKey("a"), "5/minute"))
    await until(lambda: proxy.writes == before + 1)
    second = asyncio.ensure_future(limiter.check(WholeKey("b"), "5/minute"))
    await until(lambda: proxy.writes == before + 2)
    assert not first.done()
    proxy.pass_on()
    assert all(outcome.remaining == 4 for outcome in await asyncio.gather(first, second))


async def test_an_error_reply_touches_only_its_caller(limiter: RateLimiter, server: Server) -> None:
    for n in range(0, 40, 2):
        asked(server, "SET", f"k{n}", "text")
    answers = await asyncio.gather(
        *(limiter.check(WholeKey(f"k{n}"), "5/minute") for n in range(40)), return_exceptions=True
    )
    assert all(isinstance(answer, StoreMisconfigured) for answer in answers[::2])
    assert all(isinstance(answer, Outcome) and answer.remaining == 4 for answer in answers[1::2])


@pytest.mark.parametrize(
    "written", [False, True], ids=["before it is written", "after it was written"]
)
async def test_a_caller_that_gives_up_harms_no_other(
    limiter: RateLimiter, server: Server, proxy: FaultProxy, written: bool
) -> None:
    proxy.hold()
    tasks = [
        asyncio.ensure_future(limiter.check(WholeKey(f"k{n}"), f"{n}/hour")) for n in range(1, 31)
    ]
    for _ in range(5 if written else 1):  # turns of the loop
        await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    proxy.pass_on()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    limits = [a.decisions[0].limit for a in answers[1::2] if isinstance(a, Outcome)]
    assert limits == list(range(2, 31, 2))
    charged = sum(bool(asked(server, "EXISTS", f"k{n}")) for n in range(1, 31, 2))
    assert charged == (15 if written else 1), "only what was written is charged: at once, the first"
    assert proxy.connections == 1


async def test_each_caller_has_its_own_deadline(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_late(monkeypatch)
    async with RateLimiter(proxy.url, timeout=40, connect_timeout=40) as limiter:
        await limiter.check(WholeKey("warm"), "5/minute")
        clock = LoopClock()
        proxy.hold()
        before = proxy.writes
        first = asyncio.ensure_future(limiter.check(WholeKey("a"), "5/minute"))
        await until(lambda: proxy.writes == before + 1)
        clock.advance(20)
        second = asyncio.ensure_future(limiter.check(WholeKey("b"), "7/minute"))
        await until(lambda: proxy.writes == before + 2)
        clock.advance(20)
        with pytest.raises(StoreUnavailable, match="Redis must answer within 40000 ms"):
            await first
        assert not second.done()
        proxy.pass_on()
        assert (await second).decisions[0].limit == 7


async def test_a_connection_that_keeps_silent_is_left_and_closed(proxy: FaultProxy) -> None:
    async with RateLimiter(proxy.url, **LONG) as limiter:
        await limiter.check(WholeKey("warm"), "5/minute")
        assert proxy.connections == 1
        proxy.hold()
        set_timeout(limiter, 0.2)
        with pytest.raises(StoreUnavailable):
            await limiter.check(WholeKey("a"), "5/minute")
        set_timeout(limiter, 20)
        proxy.pass_on()
        assert (await limiter.check(WholeKey("b"), "5/minute")).remaining == 4
        assert proxy.connections == 2
        await until(lambda: open_links() == 1)


def open_links() -> int:
    """How many tasks there are for connections."""
    tasks = [task for task in asyncio.all_tasks() if "Link._run" in repr(task.get_coro())]
    return len(tasks)


async def test_too_many_that_wait_are_refused_at_once(
    new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter_module, "CAPACITY", 10)
    server = new_server()
    async with RateLimiter(f"redis://127.0.0.1:{server.port}", **LONG) as limiter:
        await limiter.check(WholeKey("warm"), "5/minute")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            waiting = [
                asyncio.ensure_future(limiter.check(WholeKey("a"), "50/minute")) for _ in range(10)
            ]
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable, match="at most 10 checks can wait"):
                await limiter.check(WholeKey("b"), "5/minute")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert all(outcome.allowed for outcome in await asyncio.gather(*waiting))


def test_one_limiter_serves_one_event_loop_after_another(url: str) -> None:
    limiter = RateLimiter(url, **LONG)

    async def left() -> int | None:
        return (await limiter.check(WholeKey("key"), "5/minute")).remaining

    assert [asyncio.run(left()) for _ in range(3)] == [4, 3, 2]
    assert len(limiter._backends) == 1, "closed loops are forgotten"


async def test_a_limiter_that_was_closed_begins_anew(limiter: RateLimiter) -> None:
    await limiter.aclose()
    assert (await limiter.check(WholeKey("key"), "5/minute")).remaining == 4


async def test_closing_fails_what_waits(limiter: RateLimiter, proxy: FaultProxy) -> None:
    proxy.freeze()
    waiting = asyncio.ensure_future(limiter.check(WholeKey("key"), "5/minute"))
    await asyncio.sleep(0.05)
    await limiter.aclose()
    with pytest.raises(StoreUnavailable, match="closed"):
        await waiting


async def test_a_loop_that_was_kept_busy_still_takes_the_replies(proxy: FaultProxy) -> None:
    async with RateLimiter(proxy.url, **LONG) as limiter:
        await limiter.check(WholeKey("key"), "5/minute")
        set_timeout(limiter, 0.3)
        before = proxy.replies
        check = asyncio.ensure_future(limiter.check(WholeKey("key"), "5/minute"))
        for _ in range(4):
            await asyncio.sleep(0)  # the command is written
        time.sleep(0.6)  # as an application that does not await; meanwhile the deadline passes
        while proxy.replies == before:
            time.sleep(0.01)
        assert (await check).remaining == 3


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decode", [False, True])
async def test_a_ready_client_says_how_to_connect(
    server: Server, protocol: int, decode: bool
) -> None:
    client = redis.asyncio.Redis(port=server.port, protocol=protocol, decode_responses=decode)
    async with RateLimiter(client, **LONG) as limiter:
        assert (await limiter.check(WholeKey("key"), "5/minute", "7/hour")).remaining == 4
        await limiter.probe()
    await client.set("still", "works")
    await client.aclose()


@pytest.mark.parametrize("parser", ["hiredis", "python"])
async def test_every_parser_of_redis_py_will_do(url: str, parser: str) -> None:
    from redis import _parsers

    if parser == "hiredis":
        pytest.importorskip("hiredis")
    choice: dict[str, Any] = {
        "hiredis": _parsers._AsyncHiredisParser,
        "python": _parsers._AsyncRESP2Parser,
    }
    pool = redis.asyncio.ConnectionPool.from_url(url, parser_class=choice[parser], protocol=2)
    client = redis.asyncio.Redis(connection_pool=pool)
    async with RateLimiter(client, **LONG) as limiter:
        outcomes = await asyncio.gather(
            *(limiter.check(WholeKey("key"), "40/minute") for _ in range(50))
        )
    assert sum(outcome.allowed for outcome in outcomes) == 40


async def test_a_unix_socket_will_do(new_server: NewServer, tmp_path: Path) -> None:
    path = tmp_path / "s"
    new_server(config={"unixsocket": str(path)})
    async with RateLimiter(f"unix://{path}", **LONG) as limiter:
        assert (await limiter.check(WholeKey("key"), "5/minute")).remaining == 4


async def test_a_database_of_a_url_is_used(server: Server) -> None:
    async with RateLimiter(f"redis://127.0.0.1:{server.port}/3", **LONG) as limiter:
        await limiter.check(WholeKey("key"), "5/minute")
    assert b"db3:keys=1" in asked(server, "INFO", "keyspace")


async def test_a_clients_retries_are_not_used_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    connect = Connection._connect

    async def counted(self: Connection) -> None:
        nonlocal attempts
        attempts += 1
        await connect(self)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(Connection, "_connect", counted)
    retry = Retry(NoBackoff(), 5)
    client = redis.asyncio.Redis(port=free_port(), protocol=3, retry=retry)  # nobody listens
    async with RateLimiter(client, **LONG) as limiter:
        with pytest.raises(StoreUnavailable):
            await limiter.check(WholeKey("key"), "100/minute")
    await client.aclose()
    assert attempts == 1


async def test_a_clients_retries_are_not_used_and_told_of_once(
    server: Server,
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("redis_rl.wire.connections._warned", False)
    retry = Retry(NoBackoff(), 3)
    client = redis.asyncio.Redis(port=proxy.port, retry=retry, socket_timeout=0.1)

    def left() -> int:
        return int(asked(server, "RL.PEEK", "key")[0][4])

    for before in (100, 98):
        async with RateLimiter(client, **LONG) as limiter:
            await limiter.check(WholeKey("key"), "100/minute")
            proxy.hold()
            set_timeout(limiter, 0.2)
            with pytest.raises(StoreUnavailable):
                await limiter.check(WholeKey("key"), "100/minute")
            await until(lambda: left() <= before - 2)  # noqa: B023
            proxy.pass_on()
        assert left() == before - 2
    assert caplog.text.count("retries") == 1
    await client.aclose()
