"""What a check answers when the store is slow, hung, gone or wrong, by both kinds of limiter."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable

import pytest

from redis_rl import (
    CannotIdentify,
    ConfigurationError,
    ModuleNotLoaded,
    Outcome,
    StoreMisconfigured,
    StoreUnavailable,
    Subject,
    WholeKey,
)
from redis_rl.log import Log
from store.kinds import Limiter
from store.moments import breaker_clock, has_ended, never_late, of, set_timeout, until
from store.outages import AT_ONCE_S, recovered, refused
from store.proxy import FaultProxy
from support.cluster import asked
from support.paths import MODULE
from support.pool import NewServer
from support.ports import free_port
from support.server import Server

Make = Callable[..., Limiter]


def used(server: Server, key: str = "key") -> int:
    """How much of 100 a minute was used at a key."""
    rows = asked(server, "RL.PEEK", key)
    return 100 - int(rows[0][4]) if rows else 0


async def test_nobody_listens(limiter_of: Make) -> None:
    limiter = limiter_of(f"redis://127.0.0.1:{free_port()}", timeout=60, connect_timeout=60)
    assert await refused(limiter) < AT_ONCE_S
    with pytest.raises(StoreUnavailable) as raised:
        await limiter.probe()
    assert not isinstance(raised.value, StoreMisconfigured)


async def test_a_slow_reply_is_given_up_at_the_deadline_and_charged_once(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check(WholeKey("key"), "100/minute")
    writes = proxy.writes
    proxy.hold()
    set_timeout(limiter, 0.1)
    assert 0.08 < await refused(limiter) < AT_ONCE_S
    await until(lambda: used(server) > 1)
    proxy.pass_on()
    await limiter.aclose()  # nothing is sent any more
    assert (proxy.writes, used(server)) == (writes + 1, 2)


async def test_a_late_reply_is_nobody_elses(limiter_of: Make, proxy: FaultProxy) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check(WholeKey("warm"), "100/minute")
    proxy.freeze()
    set_timeout(limiter, 0.2)
    await refused(limiter, "late")
    set_timeout(limiter, 20)
    proxy.thaw()
    for n in range(1, 6):
        outcome = await limiter.check(WholeKey("other"), "7/hour")
        assert (outcome.decisions[0].limit, outcome.remaining) == (7, 7 - n)


@pytest.mark.parametrize("first_bytes", [1, 4, 20])
async def test_half_a_reply_is_no_reply(
    limiter_of: Make, proxy: FaultProxy, first_bytes: int
) -> None:
    limiter = limiter_of(proxy.url)
    await limiter.check(WholeKey("key"), "100/minute")
    proxy.reply_bytes = first_bytes
    set_timeout(limiter, 0.5)
    assert await refused(limiter) < AT_ONCE_S
    set_timeout(limiter, 20)
    proxy.reply_bytes = None
    outcome = await limiter.check(WholeKey("other"), "7/hour")
    assert outcome.decisions[0].limit == 7


async def test_a_broken_connection_fails_what_waits_and_the_next_check_works(
    limiter_of: Make, server: Server, proxy: FaultProxy
) -> None:
    limiter = limiter_of(proxy.url, timeout=60)
    await limiter.check(WholeKey("key"), "100/minute")
    proxy.hold()
    waiting = asyncio.ensure_future(refused(limiter))
    await until(lambda: used(server) == 2)
    proxy.kill()
    assert await waiting < AT_ONCE_S
    proxy.pass_on()
    await limiter.check(WholeKey("key"), "100/minute")
    assert used(server) == 3


async def test_a_connection_closed_while_idle_costs_no_verdict(
    limiter_of: Make, server: Server
) -> None:
    limiter = limiter_of(f"redis://127.0.0.1:{server.port}")
    for _ in range(3):
        await limiter.check(WholeKey("key"), "100/minute")
        asked(server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(lambda: has_ended(limiter))
    assert used(server) == 3


async def test_a_hung_server_is_asked_by_few_and_recovers(
    limiter_of: Make, new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_late(monkeypatch)
    server = new_server()
    limiter = limiter_of(f"redis://127.0.0.1:{server.port}")
    await limiter.check(WholeKey("key"), "100/minute")
    now = breaker_clock(limiter)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        set_timeout(limiter, 0.3)
        took = await asyncio.gather(*(refused(limiter) for _ in range(50)))
        assert max(took) < AT_ONCE_S
        set_timeout(limiter, 60)
        assert await refused(limiter) < AT_ONCE_S, "the breaker is open"
    finally:
        os.kill(server.pid, signal.SIGCONT)
    now[0] += 1
    assert (await limiter.check(WholeKey("key"), "100/minute")).allowed


async def test_a_server_that_comes_back_is_used_again(
    limiter_of: Make, new_server: NewServer
) -> None:
    server = new_server()
    limiter = limiter_of(f"redis://127.0.0.1:{server.port}")
    await limiter.check(WholeKey("key"), "100/minute")
    server.stop()
    for _ in range(7):
        await refused(limiter)
    server.start()
    await recovered(limiter)


async def test_open_serves_without_a_verdict_and_counts_it(
    limiter_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Outcome] = []
    limiter = limiter_of(
        f"redis://127.0.0.1:{free_port()}", on_error="open", on_decision=told.append
    )
    with caplog.at_level(logging.WARNING, "redis_rl"):
        outcomes = [await limiter.check(WholeKey("key"), "5/minute") for _ in range(20)]
    assert all(outcome.allowed for outcome in outcomes)
    assert {outcome.source for outcome in outcomes} == {"failed_open"}
    assert (outcomes[0].remaining, outcomes[0].decisions) == (None, ())
    assert limiter.failed_open == len(told) == 20
    assert len(caplog.records) == 1
    assert "served without a limit" in caplog.text


async def test_what_is_logged_is_logged_once_a_second(
    limiter_of: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redis_rl.log.EVERY_S", 1.0)
    limiter = limiter_of(f"redis://127.0.0.1:{free_port()}", on_error="open")
    now = [100.0]
    of(limiter)._log = Log(logging.getLogger("redis_rl"), lambda: now[0])
    for passed, lines in ((0, 1), (0.75, 1), (0.25, 2), (0, 2)):
        now[0] += passed
        await limiter.check(WholeKey("key"), "5/minute")
        assert len(caplog.records) == lines


async def test_the_mode_can_be_chosen_for_each_check(limiter_of: Make) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}"
    assert (await limiter_of(nowhere).check(WholeKey("key"), "5/minute", on_error="open")).allowed
    with pytest.raises(StoreUnavailable):
        await limiter_of(nowhere, on_error="open").check(
            WholeKey("key"), "5/minute", on_error="closed"
        )
    with pytest.raises(ConfigurationError, match="on_error must be 'closed' or 'open', not 'ajar'"):
        await limiter_of(nowhere).check(WholeKey("key"), "5/minute", on_error="ajar")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["closed", "open"])
async def test_a_missing_module_is_an_error_in_every_mode(
    limiter_of: Make, new_server: NewServer, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = new_server(module=None)
    limiter = limiter_of(f"redis://127.0.0.1:{server.port}", on_error=mode)
    with pytest.raises(ModuleNotLoaded, match="loadmodule"):
        await limiter.probe()
    for _ in range(8):
        with pytest.raises(ModuleNotLoaded):
            await limiter.check(WholeKey("key"), "5/minute")
    assert len([record for record in caplog.records if "loadmodule" in record.message]) == 1
    assert limiter.failed_open == 0


async def test_a_module_that_is_loaded_later_is_used_at_once(
    limiter_of: Make, new_server: NewServer
) -> None:
    server = new_server(module=None)
    limiter = limiter_of(f"redis://127.0.0.1:{server.port}")
    for _ in range(8):
        with pytest.raises(ModuleNotLoaded):
            await limiter.check(WholeKey("key"), "5/minute")
    asked(server, "MODULE", "LOAD", str(MODULE))
    assert (await limiter.check(WholeKey("key"), "5/minute")).allowed
    await limiter.probe()


@pytest.fixture
def guarded(new_server: NewServer) -> Server:
    """A server that asks for a password, with a user who may not call RL.LIMIT."""
    return new_server(
        config={
            "requirepass": "right",
            "user": ["weak on >weak ~* +get +client", "just on >enough ~rl:* +rl.limit"],
        }
    )


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("who", ["", "wrong:wrong@", ":wrong@", "weak:weak@"])
async def test_who_may_not_ask_is_told_in_every_mode(
    limiter_of: Make, guarded: Server, who: str, protocol: int
) -> None:
    url = f"redis://{who}127.0.0.1:{guarded.port}?protocol={protocol}"
    limiter = limiter_of(url, on_error="open")
    for _ in range(7):
        with pytest.raises(StoreMisconfigured):
            await limiter.check(WholeKey("rl:key"), "5/minute")


@pytest.mark.parametrize("who", [":right@", "just:enough@"])
async def test_the_right_to_rl_limit_is_enough(limiter_of: Make, guarded: Server, who: str) -> None:
    limiter = limiter_of(f"redis://{who}127.0.0.1:{guarded.port}")
    await limiter.probe()
    assert (await limiter.check(Subject.user("1"), "5/minute")).remaining == 4


async def test_something_else_that_listens_is_no_store(limiter_of: Make) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    other = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    with pytest.raises(StoreUnavailable):
        await limiter_of(f"redis://127.0.0.1:{port}").check(WholeKey("key"), "5/minute")
    other.close()


async def test_nobody_is_identified_by_nothing(limiter_of: Make, url: str) -> None:
    for nobody in (None, "", "unknown", "unix:", "testclient"):
        with pytest.raises(CannotIdentify):
            await limiter_of(url).check(Subject.ip(nobody), "5/minute")
        with pytest.raises(CannotIdentify):
            await limiter_of(url, on_error="open").check(Subject.ip(nobody), "5/minute")


async def test_a_memory_that_is_full_is_no_fault_of_the_configuration(
    limiter_of: Make, new_server: NewServer
) -> None:
    server = new_server(config={"maxmemory": 1, "maxmemory-policy": "noeviction"})
    limiter = limiter_of(f"redis://127.0.0.1:{server.port}", on_error="open")
    assert (await limiter.check(WholeKey("key"), "5/minute")).source == "failed_open"


async def test_an_application_error_goes_through(limiter_of: Make, url: str) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the application's")

    with pytest.raises(RuntimeError, match="the application's"):
        await limiter_of(url, on_decision=broken, on_error="open").check(
            WholeKey("key"), "5/minute"
        )
