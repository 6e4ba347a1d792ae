"""A place that was taken and answered is taken still: files, copies, replicas, kill -9."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support import replication
from support.aof import rewrite_aof
from support.full_memory import used_memory
from support.histories import HOUR_MS, assert_same_on_replica, state
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection, Status
from support.server import Server
from support.verdicts import clauses, integers
from support.ways import AOF, WAYS

pytestmark = pytest.mark.all_servers

LONG = "l" * 64
TAKEN = (
    "RL.LEASE k 9 1m a COST 2",
    f"RL.LEASE k 9 40s {LONG} COST 3",
    "RL.LIMIT k LEASE 9 30s FIXED 9 1h TOKEN 9 1 1m ID b KEEP 1h",
    "RL.LEASE k 9 30s gone",
    "RL.RENEW k 50s b",
    "RL.RELEASE k gone",
    "RL.LEASE only 2 1m a",
    "RL.LEASE only 2 1m b",
    "RL.RELEASE only a",
    "RL.LEASE empty 2 1m a",
    "RL.RELEASE empty a",
)


def take(server: Server) -> None:
    """Take, renew and release places, a second each."""
    with server.raw() as raw:
        for line in TAKEN:
            assert not isinstance(run(raw, line), Failure), line
            server.clock.advance(1_000)


# When each of them ends, in ms after `take` has ended; its last call came so long before.
ENDS = {"a": 60_000 - 11_000, LONG: 40_000 - 10_000, "b": 50_000 - 7_000}


def check(server: Server, key: str = "k") -> None:
    """Fail unless each lease at the key is there, and ends at exactly its time."""
    start = server.clock.now_ms()
    with server.raw() as raw:
        look = ("RL.LEASE", key, 9, "1m", "x", "COST", 0)
        assert integers(raw(*look)) == [1, 9, 3, 0, ENDS["a"]]
        # Whoever holds a place takes no second.
        assert integers(raw("RL.LEASE", key, 1, "30s", LONG, "COST", 3))[0] == 1
        for places, name in ((3, LONG), (1, "b"), (2, "a")):
            before = integers(raw(*look))[2]
            server.clock.set_ms(start + ENDS[name] - 1)
            assert integers(raw(*look))[2] == before, name
            server.clock.advance(1)
            assert integers(raw(*look))[2] == before + places, name
        assert raw("RL.RENEW", key, "1m", "a", "b", LONG) == 0
    server.clock.set_ms(start)


@pytest.mark.parametrize(("config", "goes_through"), WAYS.values(), ids=WAYS)
def test_a_restart_frees_no_place(
    new_server: NewServer, config: dict[str, str], goes_through: Callable[[Server], None]
) -> None:
    server = new_server(config=config)
    take(server)
    kept = state(server)
    assert set(kept) == {b"k", b"only"}
    goes_through(server)
    assert state(server) == kept
    check(server)
    with server.raw() as raw:
        assert run(raw, "RL.RELEASE only b") == 1
        assert run(raw, "EXISTS only empty") == 0


def test_an_aof_goes_on_after_its_rewriting(new_server: NewServer) -> None:
    server = new_server(config={**AOF, "aof-use-rdb-preamble": "no"})
    with server.raw() as raw:
        run(raw, "RL.LEASE k 9 1m early")
        rewrite_aof(server)
        run(raw, "RL.RELEASE k early")
    take(server)
    kept = state(server)
    server.kill9()
    server.start()
    assert state(server) == kept
    check(server)


def test_a_lease_that_ends_while_the_server_is_down(new_server: NewServer) -> None:
    server = new_server(config=AOF)
    with server.raw() as raw:
        run(raw, "RL.LEASE k 2 10s a")
        run(raw, "RL.LEASE k 2 1m b")
    server.kill9()
    server.clock.advance(10_000)
    server.start()
    with server.raw() as raw:
        assert run(raw, "RL.RENEW k 1m a") == 0
        assert run(raw, "RL.LEASE k 2 10s c") == [1, 2, 0, 0, 50_000]


def test_dump_copy_rename_move_and_migrate(new_server: NewServer) -> None:
    server, other = new_server(), new_server()
    take(server)
    other.clock.set_ms(server.clock.now_ms())
    with server.raw() as raw, other.raw() as there:
        digest = replication.digest(server.client(), "k")
        dump = raw("DUMP", "k")
        assert isinstance(dump, bytes)
        for connection in (raw, there):
            assert connection("RESTORE", "restored", HOUR_MS, dump) == Status("OK")
        assert run(raw, "COPY k copy") == 1
        assert run(raw, "COPY k moved") == 1
        assert run(raw, "RENAME copy renamed") == Status("OK")
        assert run(raw, "MOVE moved 1") == 1
        raw("SELECT", 1)
        assert run(raw, "MOVE moved 0") == 1
        raw("SELECT", 0)
        assert run(raw, "COPY k migrated") == 1
        migrated = raw("MIGRATE", "127.0.0.1", other.port, "migrated", 0, 20_000)
        assert migrated == Status("OK")
        for key in ("restored", "renamed", "moved"):
            assert replication.digest(server.client(), key) == digest
        for key in ("restored", "migrated"):
            assert replication.digest(other.client(), key) == digest
        # Each is its own.
        run(raw, "RL.RELEASE restored a b")
    for one, key in ((server, "k"), (server, "renamed"), (server, "moved"), (other, "migrated")):
        check(one, key)


@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, 0, HOUR_MS])
def test_a_replica_holds_them_whatever_its_clock(new_server: NewServer, ahead_ms: int) -> None:
    primary, replica = new_server(), new_server()
    replica.clock.advance(ahead_ms)
    with primary.raw() as raw:
        run(raw, "RL.LEASE before 2 1m a")
        replication.attach(replica, primary)
        take(primary)
        run(raw, "RL.LEASE before 2 1m b")
    kept = assert_same_on_replica(primary, replica)
    assert set(kept) == {b"before", b"k", b"only"}
    with replica.raw() as reading:
        for line in ("RL.LEASE k 9 1m x", "RL.LEASE k 9 1m x COST 0", "RL.RENEW k 1m a"):
            refused = run(reading, line)
            assert isinstance(refused, Failure)
            assert refused.text.startswith("READONLY "), line
        replica.clock.set_ms(primary.clock.now_ms())
        assert run(reading, "RL.PEEK k") == run(primary.raw(), "RL.PEEK k")
    primary.kill9()
    replication.promote(replica)
    check(replica)


def test_what_moves_ends_or_comes_to_nothing_is_so_on_a_replica(new_server: NewServer) -> None:
    primary, replica = new_server(config=AOF), new_server()
    replica.clock.advance(HOUR_MS)
    replication.attach(replica, primary)
    with primary.raw() as raw:
        for number in range(40):
            run(raw, f"RL.LEASE k 30 {10 + number}s {number}")
            primary.clock.advance(700)
        names = [str(number) for number in range(40)]
        primary.clock.advance(-15_000)
        run(raw, "RL.LEASE k 1 1m x COST 0")
        assert_same_on_replica(primary, replica)
        raw("RL.RENEW", "k", "1m", *names[::2])
        raw("RL.RELEASE", "k", *names[5:25])
        assert_same_on_replica(primary, replica)
        primary.clock.advance(30_000)
        run(raw, "RL.LEASE k 99 1ms more")
        kept = assert_same_on_replica(primary, replica)
        assert set(kept) == {b"k"}
        raw("RL.RELEASE", "k", "more", *names)
        assert assert_same_on_replica(primary, replica) == {}
    primary.kill9()
    primary.start()
    assert state(primary) == {}


def test_a_place_that_was_answered_survives_kill_9(new_server: NewServer) -> None:
    server = new_server(config=AOF)
    for number in range(5):
        with server.raw() as raw:
            told = integers(run(raw, f"RL.LEASE k 5 1m {number}"))
            assert told[:3] == [1, 5, 4 - number]
        server.kill9()
        server.start()
    with server.raw() as raw:
        assert integers(run(raw, "RL.LEASE k 5 1m x"))[0] == 0
        assert run(raw, "RL.RENEW k 1m 0 1 2 3 4") == 5


def test_places_of_several_keys_are_kept_together(new_server: NewServer) -> None:
    primary, replica = new_server(config=AOF), new_server()
    replication.attach(replica, primary)
    line = "RL.ALL user LEASE 1 1m FIXED 9 1h AND tenant LEASE 5 1m ID a"
    with primary.raw() as raw:
        assert clauses(run(raw, line))[0] == 1
    assert set(assert_same_on_replica(primary, replica)) == {b"user", b"tenant"}
    primary.kill9()
    primary.start()
    replication.promote(replica)
    for server in (primary, replica):
        with server.raw() as raw:
            assert clauses(run(raw, line.replace(" ID a", " ID b")))[0] == 0
            assert clauses(run(raw, line))[0] == 1
            assert [run(raw, f"RL.RELEASE {key} a") for key in ("user", "tenant")] == [1, 1]


# What they cost


def usage(raw: RawConnection) -> int:
    told = run(raw, "MEMORY USAGE k SAMPLES 0")
    assert isinstance(told, int)
    return told


def fill(raw: RawConnection, first: int, end: int, width: int = 16) -> None:
    """Take a place for each id of so many bytes."""
    numbers = range(first, end)
    calls = [["RL.LEASE", "k", 10_000, "1d", f"{n:0{width}d}"] for n in numbers]
    for start in range(0, len(calls), 1_000):
        told = raw.pipeline(calls[start : start + 1_000])  # type: ignore[arg-type]
        assert all(integers(each)[0] == 1 for each in told)


@pytest.mark.parametrize(("width", "most"), [(1, 64), (16, 64), (64, 128)])
def test_a_lease_costs_at_most_64_bytes(new_server: NewServer, width: int, most: int) -> None:
    if width == 1:
        ids = [bytes([n]) for n in range(256)]
        with new_server().raw() as raw:
            raw("RL.LEASE", "k", 10_000, "1d", ids[0])
            one = usage(raw)
            raw.pipeline([["RL.LEASE", "k", 10_000, "1d", name] for name in ids])
            assert 40 <= (usage(raw) - one) / 255 <= most
        return
    with new_server().raw() as raw:
        fill(raw, 0, 1, width)
        one = usage(raw)
        fill(raw, 1, 1_000, width)
        assert 40 <= (usage(raw) - one) / 999 <= most


def test_a_lease_costs_the_server_at_most_64_bytes(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        fill(raw, 0, 1)
        before = used_memory(raw)
        script = """
            for n = 1, ARGV[1] do
                redis.call('RL.LEASE', KEYS[1], 10000, '1d', string.format('%016d', n))
            end
        """
        raw("EVAL", script, 1, "k", 9_000)
        assert 40 <= (used_memory(raw) - before) / 9_000 <= 64


def test_it_is_given_back(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        fill(raw, 0, 1)
        one = usage(raw)
        fill(raw, 1, 10_000)
        raw("RL.RELEASE", "k", *(f"{n:016d}" for n in range(1, 10_000)))
        assert usage(raw) - one <= 64 * 64
        fill(raw, 1, 10_000)
        server.clock.advance(24 * HOUR_MS)
        fill(raw, 0, 1)
        assert usage(raw) - one <= 64 * 64
