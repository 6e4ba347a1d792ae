"""What opens the breaker, and what is remembered of a store that has to be mended."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redis_rl import (
    ModuleNotLoaded,
    StoreMisconfigured,
    StoreUnavailable,
    WholeKey,
)
from redis_rl.errors import NoAnswer
from redis_rl.wire.breaker import Breaker
from store.kinds import Limiter
from store.moments import breaker_clock, never_late, set_timeout
from store.outages import recovered, refused
from store.proxy import FaultProxy
from support.cluster import asked
from support.paths import MODULE
from support.pool import NewServer
from support.ports import free_port
from support.server import Server

Make = Callable[..., Limiter]


async def test_the_breaker_asks_once_a_second(limiter_of: Make, proxy: FaultProxy) -> None:
    limiter = limiter_of(proxy.url)
    now = breaker_clock(limiter)
    proxy.refuse()
    for _ in range(5):
        await refused(limiter)
    proxy.accept()
    now[0] += 0.75
    await refused(limiter)
    assert proxy.connections == 0
    now[0] += 0.25
    assert (await limiter.check(WholeKey("key"), "100/minute")).allowed


async def test_a_refusal_of_one_key_opens_no_breaker(limiter: Limiter, server: Server) -> None:
    asked(server, "SET", "taken", "text")
    for _ in range(8):
        with pytest.raises(StoreMisconfigured, match=r"WRONGTYPE.*another prefix"):
            await limiter.check(WholeKey("taken"), "5/minute", on_error="open")
    assert (await limiter.check(WholeKey("free"), "5/minute")).allowed


@pytest.mark.parametrize("error", ["OOM", "NOREPLICAS", "READONLY"])
async def test_an_error_that_was_answered_opens_no_breaker(
    limiter_of: Make, new_server: NewServer, error: str
) -> None:
    server = new_server()
    limiter = limiter_of(f"redis://127.0.0.1:{server.port}", on_error="open")
    await limiter.check("known", "100/minute")
    cause, cure = {
        "OOM": (("CONFIG", "SET", "maxmemory", 1), ("CONFIG", "SET", "maxmemory", 0)),
        "NOREPLICAS": (
            ("CONFIG", "SET", "min-replicas-to-write", 1),
            ("CONFIG", "SET", "min-replicas-to-write", 0),
        ),
        "READONLY": (("REPLICAOF", "127.0.0.1", free_port()), ("REPLICAOF", "NO", "ONE")),
    }[error]
    asked(server, *cause)
    for n in range(8):
        outcome = await limiter.check(f"new{n}", "100/minute")
        assert outcome.source == "failed_open"
        with pytest.raises(StoreUnavailable, match=r"maxmemory|NOREPLICAS|read only"):
            await limiter.check(f"new{n}", "100/minute", on_error="closed")
    if error == "OOM":
        assert (await limiter.check("known", "100/minute")).source == "server", "it has its memory"
    asked(server, *cure)
    assert (await limiter.check("new", "100/minute")).source == "server", "nobody waits a second"


async def test_an_answered_error_ends_a_row_of_missing_answers(
    limiter_of: Make, server: Server, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_late(monkeypatch)
    limiter = limiter_of(proxy.url)
    await limiter.check("ann", "5/minute")
    for key in ("taken-1", "taken-2", "taken-3"):  # what is known of one says nothing of another
        asked(server, "SET", key, "text")
        proxy.freeze()
        set_timeout(limiter, 0.1)
        for _ in range(2):
            await refused(limiter)
        set_timeout(limiter, 20)
        proxy.thaw()
        with pytest.raises(StoreMisconfigured, match="WRONGTYPE"):
            await limiter.check(WholeKey(key), "5/minute")


@pytest.mark.parametrize("fault", ["silent", "gone"])
async def test_what_is_misconfigured_stays_refused_until_a_check_succeeds(
    limiter_of: Make, new_server: NewServer, fault: str
) -> None:
    server = new_server(module=None)
    with FaultProxy(server.port) as proxy:
        limiter = limiter_of(proxy.url, on_error="open")
        with pytest.raises(ModuleNotLoaded):
            await limiter.probe()
        set_timeout(limiter, 0.2)
        if fault == "silent":
            proxy.freeze()
        else:
            proxy.refuse()
        for _ in range(12):  # enough to open the breaker
            with pytest.raises(ModuleNotLoaded):
                await limiter.check("ann", "5/minute")
        assert limiter.failed_open == 0
        if fault == "silent":
            proxy.thaw()
        else:
            proxy.accept()
        set_timeout(limiter, 20)
        with pytest.raises(ModuleNotLoaded):
            await limiter.check("ann", "5/minute")
        asked(server, "MODULE", "LOAD", str(MODULE))
        await recovered(limiter)
        proxy.refuse()
        assert (await limiter.check("ann", "5/minute")).source == "failed_open", "now it is known"


async def test_what_concerns_one_key_closes_no_other(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url, on_error="open")
    await recovered(limiter)
    asked(server, "SET", "taken", "text")
    with pytest.raises(StoreMisconfigured, match="WRONGTYPE"):
        await limiter.check(WholeKey("taken"), "5/minute")
    proxy.refuse()
    for _ in range(7):
        assert (await limiter.check("ann", "5/minute")).source == "failed_open"
        with pytest.raises(StoreMisconfigured, match="WRONGTYPE"):
            await limiter.check(WholeKey("taken"), "5/minute")


def test_a_breaker_lets_one_ask_each_second() -> None:
    now = 0.0
    breaker = Breaker(threshold=3, pause_s=1, clock=lambda: now)
    for failures in (1, 2):
        breaker.missed(NoAnswer(str(failures)))
        assert breaker.blocks() is None
    breaker.answered()
    for _ in range(3):
        assert breaker.blocks() is None
        breaker.missed(NoAnswer("why"))
    error = breaker.blocks()
    assert isinstance(error, NoAnswer)
    assert str(error) == "why"
    now = 1.0
    assert breaker.blocks() is None
    assert breaker.blocks() is not None, "another may ask only a second later"
    now = 2.0
    assert breaker.blocks() is None
    breaker.answered()
    assert [breaker.blocks() for _ in range(3)] == [None] * 3
