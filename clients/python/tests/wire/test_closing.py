"""Limiters end when they are closed, and loops end, whatever is under way in that turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio.connection import Connection

from redis_rl import Outcome, RateLimiter, StoreUnavailable
from store.kinds import LONG

DEADLINE_S = 20
TURNS = range(8)
"""Turns of the loop after that in which the connection was made."""


def ends(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a thread of its own, as a loop that hangs cannot be left."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    assert not thread.is_alive(), "the loop does not end"
    if failed:
        raise failed[0]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What is called in the turn in which a connection is made."""
    calls: list[Callable[[], None]] = []
    connect = Connection.connect

    async def told(self: Connection) -> None:
        await connect(self)  # type: ignore[no-untyped-call]
        for call in calls:
            call()

    monkeypatch.setattr(Connection, "connect", told)
    return calls


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def connecting(
    url: str, connected: list[Callable[[], None]], after: int
) -> tuple[RateLimiter, asyncio.Future[Outcome]]:
    """A limiter and its check, so many turns after that in which its connection was made."""
    limiter = RateLimiter(url, **LONG)
    made = asyncio.Event()
    connected.append(made.set)
    check = asyncio.ensure_future(limiter.check("ann", "5/minute"))
    await made.wait()
    await turns(after)
    return limiter, check


@pytest.mark.parametrize("after", TURNS)
def test_a_limiter_may_be_closed_in_the_turn_in_which_it_connects(
    url: str, connected: list[Callable[[], None]], after: int
) -> None:
    async def main() -> None:
        limiter, check = await connecting(url, connected, after)
        await limiter.aclose()
        with suppress(StoreUnavailable):
            await check
        assert len(asyncio.all_tasks()) == 1, "nothing goes on"

    ends(main)


@pytest.mark.parametrize("after", TURNS)
def test_a_loop_may_end_in_the_turn_in_which_it_connects(
    url: str, connected: list[Callable[[], None]], after: int
) -> None:
    async def main() -> None:
        _limiter, check = await connecting(url, connected, after)
        check.cancel()

    ends(main)


@pytest.mark.parametrize("after", TURNS)
@pytest.mark.parametrize("close", [True, False], ids=["closed", "not closed"])
def test_a_loop_may_end_before_it_is_connected(url: str, after: int, close: bool) -> None:
    async def main() -> None:
        limiter = RateLimiter(url, **LONG)
        check = asyncio.ensure_future(limiter.check("ann", "5/minute"))
        await turns(after)
        if close:
            await limiter.aclose()
        check.cancel()

    ends(main)


def test_a_loop_may_end_while_a_probe_is_under_way(silent: str) -> None:
    async def main() -> None:
        limiter = RateLimiter(silent, timeout=30, connect_timeout=30)
        probe = asyncio.ensure_future(limiter.probe())
        await asyncio.sleep(0.1)
        await limiter.aclose()
        with pytest.raises(StoreUnavailable, match="closed"):
            await probe

    ends(main)


def test_a_loop_may_end_while_its_connection_hangs(silent: str) -> None:
    async def main() -> None:
        limiter = RateLimiter(silent, timeout=0.1, connect_timeout=30)
        with suppress(StoreUnavailable):
            await limiter.check("ann", "5/minute")

    ends(main)


@pytest.fixture
def silent() -> Any:
    """The URL of something that accepts connections and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
