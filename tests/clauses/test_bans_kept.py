"""Limits on trial and bans outlive the server: files, dumps, copies, replicas, kill -9."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support import replication
from support.full_memory import used_memory
from support.histories import HOUR_MS, assert_same_on_replica, state
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection, Reply, Status
from support.server import Server
from support.verdicts import clauses, rows
from support.ways import AOF, WAYS

pytestmark = pytest.mark.all_servers

MINUTE_MS = 60_000
SHADOWS = "SHADOW FIXED 2 1h SHADOW SLIDING 3 1h SHADOW LOG 3 1h SHADOW TOKEN 3 1 1h"
TRIED = f"RL.LIMIT k FIXED 90 1h {SHADOWS} SHADOW LEAKY 3 1 1m"
ONE_OF_THREE = "RL.LIMIT counted FIXED 1 1h BAN 3 1h 5m 1d"
BANNED = "RL.LIMIT banned FIXED 1 1h BAN 1 1h 5m 1d"
LINES = (
    *(TRIED, TRIED, TRIED),
    *("RL.LIMIT alone SHADOW LOG 5 1h", "RL.LIMIT alone SHADOW LOG 5 1h COST 3"),
    *(ONE_OF_THREE, ONE_OF_THREE, ONE_OF_THREE),
    *(BANNED, BANNED, BANNED),
    "RL.LIMIT told FIXED 0 1s BAN 3 1h 5m",
)


def play(server: Server) -> None:
    """Try, refuse, and ban, a call a second."""
    with server.raw() as raw:
        for line in LINES:
            assert not isinstance(run(raw, line), Failure), line
            server.clock.advance(1_000)


def seen(raw: RawConnection) -> list[Reply]:
    """What stands at the keys."""
    return raw.pipeline([["RL.PEEK", key] for key in ("k", "alone", "counted", "banned", "told")])


def check(server: Server) -> None:
    """Fail unless each goes on where it was: 12 s after the first call."""
    with server.raw() as raw:
        remaining = {row[0]: row[4] for row in rows(run(raw, "RL.PEEK k"))}
        assert remaining == {b"fixed": 87} | dict.fromkeys(
            (b"shadow-fixed", b"shadow-sliding", b"shadow-log", b"shadow-token", b"shadow-leaky"), 0
        )
        assert clauses(run(raw, BANNED))[1][1] == [0, 1, 0, 298_000, 298_000 + 24 * HOUR_MS]
        assert clauses(run(raw, f"{ONE_OF_THREE} COST 0"))[0] == 1, "a look is not too much"
        assert clauses(run(raw, ONE_OF_THREE))[1][1][:4] == [1, 3, 1, 0]
        assert clauses(run(raw, ONE_OF_THREE))[1][1][:4] == [0, 3, 0, 5 * MINUTE_MS]
        assert clauses(run(raw, "RL.LIMIT told FIXED 0 1s BAN 3 1h 5m"))[1][1][2] == 2
        server.clock.advance(298_000)
        # The next one is twice as long.
        assert clauses(run(raw, BANNED))[1][1] == [0, 1, 0, 600_000, 600_000 + 24 * HOUR_MS]


@pytest.mark.parametrize(("config", "goes_through"), WAYS.values(), ids=WAYS)
def test_a_restart_forgets_nothing(
    new_server: NewServer, config: dict[str, str], goes_through: Callable[[Server], None]
) -> None:
    server = new_server(config=config)
    play(server)
    kept = state(server)
    assert set(kept) == {b"k", b"alone", b"counted", b"banned", b"told"}
    with server.raw() as raw:
        before = seen(raw)
    goes_through(server)
    assert state(server) == kept
    with server.raw() as raw:
        assert seen(raw) == before
    check(server)


def test_an_aof_goes_on_after_its_rewriting(new_server: NewServer) -> None:
    server = new_server(config={**AOF, "aof-use-rdb-preamble": "no"})
    with server.raw() as raw:
        for line in LINES[:7]:
            run(raw, line)
            server.clock.advance(1_000)
        WAYS["a rewritten AOF"][1](server)
    with server.raw() as raw:
        for line in LINES[7:]:
            run(raw, line)
            server.clock.advance(1_000)
    kept = state(server)
    server.kill9()
    server.start()
    assert state(server) == kept
    check(server)


def test_dump_restore_copy_and_rename(new_server: NewServer) -> None:
    server, other = new_server(), new_server()
    play(server)
    other.clock.set_ms(server.clock.now_ms())
    kept = state(server)
    with server.raw() as raw, other.raw() as there:
        for key in kept:
            at_ms = raw("PEXPIRETIME", key)
            dumped = raw("DUMP", key)
            assert isinstance(at_ms, int)
            assert isinstance(dumped, bytes)
            assert there("RESTORE", key, at_ms, dumped, "ABSTTL") == Status("OK")
            assert raw("COPY", key, b"copy of " + key) == 1
            assert raw("RENAME", b"copy of " + key, key) == Status("OK")
        assert state(server) == kept
        assert state(other) == kept
        # A copy is its own.
        raw("COPY", "banned", "to")
        raw("DEL", "banned")
        assert clauses(run(raw, BANNED.replace("banned", "to")))[0] == 0
        assert raw("COPY", "to", "banned") == 1
        raw("DEL", "to")
    check(server)
    check(other)


@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, 0, HOUR_MS])
def test_a_replica_has_them_whatever_its_clock(new_server: NewServer, ahead_ms: int) -> None:
    primary, replica = new_server(), new_server()
    replica.clock.advance(ahead_ms)
    with primary.raw() as raw:
        run(raw, TRIED.replace(" k ", " before "))
        run(raw, BANNED.replace("banned", "before"))
        replication.attach(replica, primary)
    play(primary)
    assert_same_on_replica(primary, replica)
    with replica.raw() as there:
        refused = run(there, BANNED)
        assert isinstance(refused, Failure)
        assert refused.text.startswith("READONLY ")
    replica.clock.set_ms(primary.clock.now_ms())
    replication.promote(replica)
    check(replica)


def test_a_move_of_the_clock_reaches_a_replica(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server()
    replication.attach(replica, primary)
    play(primary)
    with primary.raw() as raw:
        for step_ms in (-5_000, -HOUR_MS, 9_000, -24 * HOUR_MS):
            primary.clock.advance(step_ms)
            for line in (TRIED, BANNED, ONE_OF_THREE):
                run(raw, f"{line} COST 0")
            assert_same_on_replica(primary, replica)
            for line in LINES:
                run(raw, line)
            assert_same_on_replica(primary, replica)


# Memory


def usage(raw: RawConnection, key: str) -> int:
    """What MEMORY USAGE tells of a key."""
    told = run(raw, f"MEMORY USAGE {key} SAMPLES 0")
    assert isinstance(told, int)
    return told


def test_memory_usage_knows_them(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        run(raw, "RL.FIXED plain 9 1h")
        run(raw, "RL.LIMIT shadow FIXED 9 1h SHADOW FIXED 9 1h")
        run(raw, "RL.LIMIT banned FIXED 0 1h BAN 1 1h 1h")
        run(raw, "RL.LIMIT shadows FIXED 9 1h SHADOW LOG 99999 1h COST 9")
        plain, shadow = usage(raw, "plain"), usage(raw, "shadow")
        assert plain < shadow < plain + 300
        assert plain < usage(raw, "banned") < plain + 300
        assert usage(raw, "shadows") > shadow


def test_what_usage_tells_is_what_they_take(new_server: NewServer) -> None:
    count = 20_000
    taken, told = {}, {}
    for name, clause in (
        ("plain", "FIXED 9 1h"),
        ("trial", "FIXED 9 1h SHADOW FIXED 9 1h"),
        ("bans!", "FIXED 0 1h BAN 9 1h 1h"),
    ):
        with new_server().raw() as raw:
            before = used_memory(raw)
            for start in range(0, count, 1_000):
                numbers = range(start, start + 1_000)
                calls = [["RL.LIMIT", f"{name}:{n:05d}", *clause.split()] for n in numbers]
                assert not any(isinstance(reply, Failure) for reply in raw.pipeline(calls))
            taken[name] = (used_memory(raw) - before) / count
            told[name] = usage(raw, f"{name}:00000")
    for name in ("trial", "bans!"):
        # What is left out are the server's tables, the same for all keys.
        assert abs(taken[name] - taken["plain"] - (told[name] - told["plain"])) < 40, name
