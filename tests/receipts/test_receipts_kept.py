"""Receipts outlive the server: files, dumps, copies, replicas. Keys without them are as before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from support import payload, replication
from support.aof import rewrite_aof
from support.clock import START_MS
from support.effects import effects
from support.eventually import eventually
from support.full_memory import used_memory
from support.histories import HOUR_MS, assert_same_on_replica, state
from support.lines import run
from support.payload import Dump
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Status
from support.server import Server, ServerFailed
from support.untouched import nothing_written
from support.verdicts import clauses, integers
from support.ways import AOF, WAYS

pytestmark = pytest.mark.all_servers

PLAIN = {"rdbcompression": "no", "rdbchecksum": "no"}

ALL = "FIXED 90 1h SLIDING 90 1h LOG 90 1h TOKEN 90 30 1h LEAKY 90 1 1s"
FIRST = f"RL.LIMIT k {ALL} COST 8 ID first KEEP 2h"
SECOND = f"RL.LIMIT k {ALL} COST 5 ID {'second' * 10} KEEP 1h"
THIRD = "RL.TOKEN k 90 30 1h COST 3 ID third"


def charge(server: Server, key: str = "k") -> None:
    """Charge a key by three ids, and settle two of them."""
    with server.raw() as raw:
        for line in (
            FIRST,
            SECOND,
            THIRD,
            "RL.SETTLE k first 4",
            "RL.SETTLE k third 9",
            "RL.SETTLE k third 7",
        ):
            assert not isinstance(run(raw, line.replace(" k ", f" {key} ")), Failure), line
            server.clock.advance(1_000)


def check(server: Server, key: str = "k") -> None:
    """Fail unless the three are known at the key, and can be settled as they would be."""
    with server.raw() as raw:
        with nothing_written(server):
            for line in (FIRST, SECOND):
                allowed, verdicts = clauses(run(raw, line.replace(" k ", f" {key} ")))
                assert allowed == 1
                assert [verdict[2] for verdict in verdicts] == [81, 81, 81, 74, 83]
            # The second was told to hold for 8 s less the second since; 5 have passed since it.
            assert verdicts[4][3] == 7_000 - 5_000
            third = integers(run(raw, THIRD.replace(" k ", f" {key} ")))
            assert third[:4] == [1, 90, 74, 0]
            another = Failure("ERR id 'third' names another call")
            assert raw("RL.LOG", key, 9, "1h", "ID", "third") == another
            assert raw("RL.SETTLE", key, "third", 7) == 1
            assert raw("RL.SETTLE", key, "first", 4) == 1
            assert raw("RL.SETTLE", key, "fourth", 7) == 0
        assert raw("RL.SETTLE", key, "first", 0) == 1
        assert raw("RL.SETTLE", key, "third", 0) == 1
        _, verdicts = clauses(raw("RL.LIMIT", key, *ALL.split(), "COST", 0))
        assert [verdict[2] for verdict in verdicts] == [85, 85, 85, 85, 83]


# Whatever a server goes through


@pytest.mark.parametrize(("config", "goes_through"), WAYS.values(), ids=WAYS)
def test_a_restart_forgets_nothing(
    new_server: NewServer, config: dict[str, str], goes_through: Callable[[Server], None]
) -> None:
    server = new_server(config=config)
    charge(server)
    kept = state(server)
    goes_through(server)
    assert state(server) == kept
    check(server)


def test_an_aof_goes_on_after_its_rewriting(new_server: NewServer) -> None:
    server = new_server(config={**AOF, "aof-use-rdb-preamble": "no"})
    with server.raw() as raw:
        run(raw, FIRST)
        server.clock.advance(1_000)
        rewrite_aof(server)
        for line in (SECOND, THIRD, "RL.SETTLE k first 4", "RL.SETTLE k third 9"):
            run(raw, line)
            server.clock.advance(1_000)
        run(raw, "RL.SETTLE k third 7")
        server.clock.advance(1_000)
    kept = state(server)
    server.kill9()
    server.start()
    assert state(server) == kept
    check(server)


def dumped(raw: RawConnection, key: str = "k") -> bytes:
    answer = raw("DUMP", key)
    assert isinstance(answer, bytes)
    return answer


def test_dump_and_restore_here_and_elsewhere(new_server: NewServer) -> None:
    server, other = new_server(), new_server()
    charge(server)
    other.clock.set_ms(server.clock.now_ms())
    with server.raw() as raw, other.raw() as there:
        dump = dumped(raw)
        at_ms = raw("PEXPIRETIME", "k")
        assert isinstance(at_ms, int)
        for connection in (raw, there):
            assert connection("RESTORE", "to", at_ms, dump, "ABSTTL") == Status("OK")
            assert dumped(connection, "to") == dump
        digest = replication.digest(server.client(), "k")
        assert replication.digest(server.client(), "to") == digest
        assert replication.digest(other.client(), "to") == digest
    for one, key in ((server, "k"), (server, "to"), (other, "to")):
        check(one, key)


def test_a_copy_is_equal_and_its_own(new_server: NewServer) -> None:
    server = new_server()
    charge(server)
    with server.raw() as raw:
        assert run(raw, "COPY k to") == 1
        digests = replication.digest(server.client(), "k", "to")
        assert digests[0] == digests[1]
        check(server)
        assert replication.digest(server.client(), "to") == digests[1:]
    check(server, "to")


def test_rename_and_move(new_server: NewServer) -> None:
    server = new_server()
    charge(server)
    with server.raw() as raw:
        assert run(raw, "RENAME k to") == Status("OK")
        assert run(raw, "MOVE to 1") == 1
        assert run(raw, "SELECT 1") == Status("OK")
        assert run(raw, "MOVE to 0") == 1
    check(server, "to")


def test_migrate(new_server: NewServer) -> None:
    server, other = new_server(), new_server()
    charge(server)
    other.clock.set_ms(server.clock.now_ms())
    with server.raw() as raw:
        digest = replication.digest(server.client(), "k")
        assert raw("MIGRATE", "127.0.0.1", other.port, "k", 0, 20_000) == Status("OK")
        assert raw("EXISTS", "k") == 0
    assert replication.digest(other.client(), "k") == digest
    check(other)


@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, 0, HOUR_MS])
def test_a_replica_knows_them_whatever_its_clock(new_server: NewServer, ahead_ms: int) -> None:
    primary, replica = new_server(), new_server()
    replica.clock.advance(ahead_ms)
    with primary.raw() as raw:
        run(raw, "RL.LIMIT before LOG 9 1h TOKEN 9 1 1h COST 4 ID a")
        replication.attach(replica, primary)
        charge(primary)
        run(raw, "RL.SETTLE before a 2")
    assert_same_on_replica(primary, replica)
    replica.clock.set_ms(primary.clock.now_ms())
    replication.promote(replica)
    check(replica)
    with replica.raw() as raw:
        again = run(raw, "RL.LIMIT before LOG 9 1h TOKEN 9 1 1h COST 4 ID a")
        assert [verdict[2] for verdict in clauses(again)[1]] == [7, 7]
        assert run(raw, "RL.SETTLE before a 0") == 1


def test_what_is_pushed_out_is_so_on_a_replica_with_other_settings(new_server: NewServer) -> None:
    primary = new_server(module_args=["receipts-max", "3"])
    replica = new_server(module_args=["receipts-max", "0"])
    replication.attach(replica, primary)
    with primary.raw() as raw:
        for number in range(20):
            run(raw, f"RL.LIMIT k FIXED 999 1h TOKEN 999 1 1m COST 7 ID {number}")
            run(raw, f"RL.SETTLE k {number - 1} 3")
            primary.clock.advance(900)
    assert_same_on_replica(primary, replica)
    replication.promote(replica)
    replica.clock.set_ms(primary.clock.now_ms())
    with replica.raw() as raw:
        told = [raw("RL.SETTLE", "k", number, 1) for number in range(20)]
    assert told == [0] * 17 + [1] * 3


# Keys without them, and other versions

# Each call, what it leaves, and the digest that the first release told of it.
BEFORE: dict[str, tuple[bytes, str]] = {
    "RL.FIXED k 9 1h COST 2": (
        payload.fixed(HOUR_MS, 9, START_MS, 2),
        "d255d79924f9ab6ab4e92425b04fbeb5581553ca",
    ),
    "RL.SLIDING k 9 1h COST 2": (
        payload.sliding(HOUR_MS, 9, START_MS // HOUR_MS, 2, 0),
        "32b1f58c934163fc922fffd31ab1f255b2094558",
    ),
    "RL.LOG k 9 1h COST 2": (
        payload.log(HOUR_MS, 9, [(START_MS, 2)]),
        "6c2a4d079b1b63f50c6e9b237459ecec16ffe2a1",
    ),
    "RL.TOKEN k 9 3 1h COST 2": (
        payload.bucket(3, HOUR_MS, 9, 3, 2 * HOUR_MS, START_MS),
        "e620616f781a8bea24ae857ac192fed774ab9aa7",
    ),
    "RL.LEAKY k 9 3 1h COST 2": (
        payload.bucket(4, HOUR_MS, 9, 3, 2 * HOUR_MS, START_MS),
        "1a3c098c2c2d0d4248f564390179ad1f3c113970",
    ),
}
every_kind_of_key = pytest.mark.parametrize(
    ("line", "limiter", "digest"), [(line, *made) for line, made in BEFORE.items()], ids=[*BEFORE]
)


@every_kind_of_key
def test_a_key_without_receipts_is_the_same_to_the_byte(
    new_server: NewServer, line: str, limiter: bytes, digest: str
) -> None:
    server = new_server(config={**PLAIN, **AOF})
    with server.raw() as raw:
        run(raw, line)
        assert Dump.parse(dumped(raw)).value == payload.state([limiter])
        assert replication.digest(server.client(), "k") == [digest]
        change = payload.append(HOUR_MS, 9, 2) if "LOG" in line else limiter
        at_ms = raw("PEXPIRETIME", "k")
        assert isinstance(at_ms, int)
        assert effects(server) == [payload.effect_of_changes([change], START_MS, at_ms)]


@every_kind_of_key
def test_a_key_that_had_receipts_is_as_any_other_once_they_are_forgotten(
    new_server: NewServer, line: str, limiter: bytes, digest: str
) -> None:
    server = new_server(config=PLAIN)
    with server.raw() as raw:
        run(raw, line)
        size = usage(raw)
        run(raw, "DEL k")
        run(raw, f"{line} ID a KEEP 1ms")
        value = Dump.parse(dumped(raw)).value
        assert (value[0], value[2 : 2 + len(limiter)]) == (2, limiter)
        assert replication.digest(server.client(), "k") != [digest]
        assert usage(raw) > size
        server.clock.advance(1)
        assert Dump.parse(dumped(raw)).value == value, "nothing was written"
        assert integers(run(raw, f"{line.rpartition(' ')[0]} 1"))[:3] == [1, 9, 6]
        assert Dump.parse(dumped(raw)).value[0] == 1
        assert usage(raw) == size


def test_an_unknown_version_is_refused_with_a_sentence(new_server: NewServer) -> None:
    server = new_server(config=PLAIN)
    line = "a ratelimit value is of a version that this module does not know"
    with server.raw() as raw:
        run(raw, "RL.FIXED k 9 1h ID a")
        dump = Dump.parse(dumped(raw))
        for version in (0, 3, 255):
            forged = dump.with_value(bytes([version]) + dump.value[1:])
            refused = raw("RESTORE", "to", 0, forged)
            assert isinstance(refused, Failure)
            assert raw("EXISTS", "to") == 0
        eventually(lambda: server.log().count(line) == 3)
        raw("SAVE")
    server.stop()
    file = server.folder / "dump.rdb"
    saved = file.read_bytes()
    assert saved.count(dump.value) == 1
    file.write_bytes(saved.replace(dump.value, b"\x03" + dump.value[1:]))
    with pytest.raises(ServerFailed, match=line):
        server.start()
    file.write_bytes(saved)
    server.start()
    with server.raw() as raw:
        assert run(raw, "RL.SETTLE k a 1") == 1


# Memory


def usage(raw: RawConnection) -> int:
    told = run(raw, "MEMORY USAGE k SAMPLES 0")
    assert isinstance(told, int)
    return told


def fill(raw: RawConnection, first: int, end: int, name: str = "order") -> None:
    """Charge k by ids of ten bytes and a name, a thousand at a time."""
    for start in range(first, end, 1_000):
        numbers = range(start, min(start + 1_000, end))
        calls: list[list[Argument]] = [
            ["RL.FIXED", "k", 10**9, "1d", "ID", f"{name}-{n:010d}"] for n in numbers
        ]
        assert not any(isinstance(reply, Failure) for reply in raw.pipeline(calls))


@pytest.mark.parametrize("count", [1_000, 100_000])
def test_a_receipt_costs_at_most_64_bytes(new_server: NewServer, count: int) -> None:
    with new_server(module_args=["receipts-max", "100000"]).raw() as raw:
        fill(raw, 0, 1)
        one = usage(raw)
        fill(raw, 1, count)
        each = (usage(raw) - one) / (count - 1)
        assert 40 <= each <= 64


def test_a_receipt_costs_the_server_at_most_64_bytes(new_server: NewServer) -> None:
    count = 50_000
    with new_server(module_args=["receipts-max", "100000"]).raw() as raw:
        fill(raw, 0, 1)
        script = """
            for n = 1, ARGV[1] do
                local id = string.format('order-%010d', n)
                redis.call('RL.FIXED', KEYS[1], 1000000000, '1d', 'ID', id)
            end
        """
        before = used_memory(raw)
        raw("EVAL", script, 1, "k", count)
        assert 40 <= (used_memory(raw) - before) / count <= 64


def lazily_freed(server: Server) -> int:
    return int(replication.info(server.client(), "memory")["lazyfreed_objects"])


@pytest.mark.parametrize(("name", "is_work"), [("order", False), ("o" * 53, True)])
def test_many_receipts_are_freed(new_server: NewServer, name: str, is_work: bool) -> None:
    server = new_server(module_args=["receipts-max", "100000"])
    with server.raw() as raw:
        fill(raw, 0, 100_000, name)
        before = used_memory(raw)
        assert run(raw, "UNLINK k") == 1
        if is_work:
            # Each is in memory of its own, so another thread frees them.
            eventually(partial(lazily_freed, server))
        eventually(lambda: before - used_memory(raw) > 100_000 * 40)
        assert lazily_freed(server) == is_work
