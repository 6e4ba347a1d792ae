"""ID and RL.SETTLE inside transactions, scripts, RESP3 and replicas; events; and full memory."""

from __future__ import annotations

import pytest

from support import replication
from support.events import heard
from support.full_memory import OOM, exhaust
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import integers

pytestmark = pytest.mark.all_servers

CALL = ("RL.FIXED", "k", 9, "1h", "COST", 4, "ID", "a")
CHARGED = [1, 9, 5, 0, 3_600_000]


# Transactions, scripts, protocols, roles


def test_in_a_transaction(raw: RawConnection) -> None:
    raw("MULTI")
    for _ in range(2):
        raw(*CALL)
    for cost in (1, 1, 6):
        raw("RL.SETTLE", "k", "a", cost)
    raw("RL.SETTLE", "k", "b", 1)
    raw("RL.LOG", "k", 9, "1h", "ID", "a")
    raw(*CALL)
    another = Failure("ERR id 'a' names another call")
    left = [1, 9, 3, 0, 3_600_000]
    assert raw("EXEC") == [CHARGED, CHARGED, 1, 1, 1, 0, another, left]


def test_in_a_script_and_a_function(raw: RawConnection) -> None:
    body = """
        redis.call('RL.FIXED', keys[1], 9, '1h', 'COST', 4, 'ID', args[1])
        redis.call('RL.SETTLE', keys[1], args[1], 6)
        return redis.call('RL.FIXED', keys[1], 9, '1h', 'COST', 4, 'ID', args[1], 'KEEP', '1d')
    """
    script = f"local keys, args = KEYS, ARGV {body}"
    left = [1, 9, 3, 0, 3_600_000]
    for _ in range(2):
        assert raw("EVAL", script, 1, "k", b"\xff\x00 any bytes") == left
    raw(
        "FUNCTION",
        "LOAD",
        f"#!lua name=l\nredis.register_function('f', function(keys, args) {body} end)",
    )
    assert raw("FCALL", "f", 1, "f", "a") == left
    raw("FUNCTION", "DELETE", "l")
    refused = raw(
        "EVAL", "return redis.pcall('RL.LOG', KEYS[1], 9, '1h', 'ID', ARGV[1])", 1, "f", "a"
    )
    assert isinstance(refused, Failure)
    assert refused.text.startswith("ERR id 'a' names another call")


def test_the_same_answers_in_resp3(server: Server, raw: RawConnection) -> None:
    with server.raw() as resp3:
        resp3("HELLO", 3)
        assert resp3(*CALL) == CHARGED == raw(*CALL) == resp3(*CALL)
        for name, known in (("a", 1), ("b", 0)):
            told = [connection("RL.SETTLE", "k", name, 2) for connection in (raw, resp3)]
            assert told == [known, known]
            assert [type(each) for each in told] == [int, int]


def test_on_a_replica(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server()
    replication.attach(replica, primary)
    with primary.raw() as raw, replica.raw() as reading:
        raw(*CALL)
        replication.wait_in_sync(primary, replica)
        for line in ("RL.SETTLE k a 0", "RL.SETTLE k a 4", "RL.SETTLE k b 0"):
            refused = run(reading, line)
            assert isinstance(refused, Failure)
            assert refused.text.startswith("READONLY "), line
        assert isinstance(reading(*CALL), Failure), "even a repeat"
        [peeked] = [reading("RL.PEEK", "k")]
        assert peeked == raw("RL.PEEK", "k")


# Events


def events_of(server: Server, *lines: str) -> list[str]:
    """The events at the key k that these calls make."""
    return [said for channel, said in heard(server, *lines) if channel == "keyspace@0:k"]


def test_a_charge_and_a_settle_are_events(new_server: NewServer) -> None:
    server = new_server(config={"notify-keyspace-events": "KEd"})
    call = " ".join(str(word) for word in CALL)
    assert events_of(server, call) == ["rl.fixed"]
    assert events_of(server, call, call) == [], "repeats"
    assert heard(server, "RL.SETTLE k a 2") == [
        ("keyspace@0:k", "rl.settle"),
        ("keyevent@0:rl.settle", "k"),
    ]
    assert events_of(server, "RL.SETTLE k a 2", "RL.SETTLE k b 2", "RL.SETTLE n a 2") == []
    assert events_of(server, "RL.SETTLE k a 9", "RL.SETTLE k a 0") == ["rl.settle"] * 2
    limit = "RL.LIMIT k LOG 9 1h TOKEN 9 1 1h ID b"
    assert events_of(server, limit, limit) == ["rl.limit"]
    assert events_of(server, "RL.LEAKY k 9 1 1h ID c", "RL.SETTLE k c 3") == ["rl.leaky"]


# Full memory

SMALL = {
    "FIXED": "RL.FIXED k 9 1h",
    "SLIDING": "RL.SLIDING k 9 1h",
    "TOKEN": "RL.TOKEN k 9 1 1h",
    "LEAKY": "RL.LEAKY k 9 1 1h",
}


@pytest.mark.parametrize("charge", SMALL.values(), ids=SMALL)
def test_repeats_and_settles_go_on_when_memory_is_full(new_server: NewServer, charge: str) -> None:
    server = new_server()
    with server.raw() as raw:
        first = run(raw, f"{charge} COST 4 ID a")
        exhaust(raw)
        # A receipt is growth, though the limiter is there.
        with nothing_written(server):
            assert run(raw, f"{charge} ID b") == OOM
            assert run(raw, f"{charge.replace(' k ', ' new ')} ID a") == OOM
            assert run(raw, f"{charge} COST 4 ID a") == first
        for cost in (1, 6, 9, 0, 3):
            assert run(raw, f"RL.SETTLE k a {cost}") == 1
            left = 5 if "LEAKY" in charge else 9 - cost
            assert integers(run(raw, f"{charge} COST 0"))[2] == left
        assert run(raw, "RL.SETTLE k b 1") == 0
        assert run(raw, "RL.SETTLE new b 1") == 0
        assert integers(run(raw, charge))[0] == 1, "and so does a call without an id"
        assert integers(run(raw, f"{charge} COST 8 ID b"))[0] == 0, "a denied one needs none"


def test_a_settle_that_lengthens_a_log_needs_memory(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        both = "RL.LIMIT k LOG 9 1h FIXED 9 1h"
        run(raw, f"{both} COST 4 ID a")
        server.clock.advance(1)
        run(raw, f"{both} COST 1 ID b")
        exhaust(raw)
        # The entry is there.
        assert run(raw, "RL.SETTLE k b 5") == 1
        assert run(raw, "RL.SETTLE k b 2") == 1
        assert run(raw, "RL.SETTLE k b 0") == 1
        with nothing_written(server):
            # It is gone, and would be there again.
            assert run(raw, "RL.SETTLE k b 1") == OOM
            assert run(raw, "RL.SETTLE k b 0") == 1
        assert run(raw, "RL.SETTLE k a 0") == 1
        raw("CONFIG", "SET", "maxmemory", 0)
        assert run(raw, "RL.SETTLE k b 1") == 1
        assert run(raw, "RL.LOG k 9 1h COST 0") == [1, 9, 8, 0, 3_600_000]
        assert run(raw, "RL.FIXED k 9 1h COST 0") == [1, 9, 8, 0, 3_599_999]


def test_an_id_finds_room_where_keys_are_evicted(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        run(raw, "RL.FIXED k 1000000 1h")
        exhaust(raw, "allkeys-lru")
        raw("CONFIG", "SET", "maxmemory", 2**30)
        assert integers(run(raw, "RL.FIXED k 1000000 1h ID a"))[0] == 1
        raw("CONFIG", "SET", "maxmemory", 1_000)
        assert run(raw, "RL.FIXED k 1000000 1h ID a") == OOM, "nothing is left that could go"
        assert raw("DBSIZE") == 0
