"""Leases inside transactions, scripts, functions and RESP3, and when memory is full."""

from __future__ import annotations

import pytest

from support.full_memory import OOM, exhaust
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection, Status
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import clauses, integers

pytestmark = pytest.mark.all_servers

MINUTE_MS = 60_000


def test_in_a_transaction(raw: RawConnection) -> None:
    raw("MULTI")
    for line in (
        *("RL.LEASE k 2 1m a", "RL.LEASE k 2 1m b", "RL.LEASE k 2 1m c", "RL.LEASE k x 1m c"),
        *("RL.RENEW k 2m a b c", "RL.RELEASE k a", "RL.LEASE k 2 1m c", "RL.RELEASE k b c"),
    ):
        assert run(raw, line) == Status("QUEUED")
    told = raw("EXEC")
    assert isinstance(told, list)
    assert told[:3] == [
        [1, 2, 1, 0, MINUTE_MS],
        [1, 2, 0, 0, MINUTE_MS],
        [0, 2, 0, MINUTE_MS, MINUTE_MS],
    ]
    assert isinstance(told[3], Failure)
    assert told[4:] == [2, 1, [1, 2, 0, 0, 2 * MINUTE_MS], 2]
    assert raw("EXISTS", "k") == 0


BODY = """
    local taken = redis.call('RL.LEASE', keys[1], 2, '1m', args[1])
    redis.call('RL.LIMIT', keys[1], 'LEASE', 2, '1m', 'FIXED', 9, '1h', 'ID', args[2])
    local renewed = redis.call('RL.RENEW', keys[1], '2m', args[1], args[2])
    local refused = redis.call('RL.LEASE', keys[1], 2, '1m', 'third')
    local released = redis.call('RL.RELEASE', keys[1], args[1], args[2], 'third')
    return {taken[1], renewed, refused[1], refused[4], released}
"""
TOLD = [1, 2, 0, 2 * MINUTE_MS, 2]


def test_in_a_script_and_a_function(raw: RawConnection) -> None:
    for _ in range(2):
        script = f"local keys, args = KEYS, ARGV {BODY}"
        assert raw("EVAL", script, 1, "k", b"\xff\x00 any bytes", "b") == TOLD
    body = f"redis.register_function('f', function(keys, args) {BODY} end)"
    raw("FUNCTION", "LOAD", f"#!lua name=leases\n{body}")
    assert raw("FCALL", "f", 1, "f", "a", "b") == TOLD
    raw("FUNCTION", "DELETE", "leases")
    refused = raw("EVAL", "return redis.pcall('RL.LEASE', KEYS[1], 'x', 1, 'a')", 1, "k")
    assert isinstance(refused, Failure)
    assert "limit must be an integer" in refused.text


def test_the_same_answers_in_resp3(server: Server, raw: RawConnection) -> None:
    with server.raw() as resp3:
        resp3("HELLO", 3)
        for line in (
            *("RL.LEASE k 2 1m a", "RL.LEASE k 2 1m b COST 2", "RL.LIMIT k LEASE 2 1m ID a"),
            *("RL.RENEW k 1m a b", "RL.RELEASE k b", "RL.PEEK k"),
        ):
            assert run(resp3, line) == run(raw, line), line


# Full memory


def test_a_new_lease_needs_memory_and_nothing_else_does(new_server: NewServer) -> None:
    server = new_server()
    both = "RL.LIMIT both LEASE 3 1m FIXED 9 1h"
    with server.raw() as raw:
        for line in ("RL.LEASE k 3 1m a", "RL.LEASE k 3 1m b", f"{both} ID a"):
            run(raw, line)
        exhaust(raw)
        with nothing_written(server):
            for line in (
                *("RL.LEASE k 3 1m c", "RL.LEASE new 3 1m a", "RL.LIMIT k LEASE 3 1m ID c"),
                *(f"{both} ID c", "RL.LIMIT new LEASE 3 1m ID a"),
                "RL.ALL k LEASE 3 1m AND new LEASE 3 1m ID a",
            ):
                assert run(raw, line) == OOM, line
            assert integers(run(raw, "RL.LEASE k 2 1m c"))[0] == 0, "a denied one needs none"
            assert run(raw, "RL.LEASE k 3 1m c COST 0") == [1, 3, 1, 0, MINUTE_MS]
            assert run(raw, "RL.RENEW new 1m a") == 0
            assert run(raw, "RL.RELEASE k c") == 0
        # Its own place again, in more ways than one.
        assert integers(run(raw, "RL.LEASE k 3 2m a COST 2"))[:3] == [1, 3, 0]
        assert clauses(run(raw, f"{both} ID a"))[0] == 1, "a repeat"
        assert clauses(run(raw, "RL.LIMIT k LEASE 3 1m ID b"))[0] == 1
        assert run(raw, "RL.RENEW k 3m a b") == 2
        assert run(raw, "RL.RELEASE k a") == 1
        assert run(raw, "RL.RELEASE k b") == 1
        assert run(raw, "EXISTS k") == 0
        with nothing_written(server):
            assert run(raw, "RL.LEASE k 3 1m a") == OOM
        raw("CONFIG", "SET", "maxmemory", 0)
        assert integers(run(raw, "RL.LEASE k 3 1m a"))[0] == 1


def test_a_move_needs_no_memory(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        for number in range(20):
            run(raw, f"RL.LEASE k 20 1m {number}")
            server.clock.advance(1_000)
        server.clock.advance(-30_000)
        exhaust(raw)
        assert run(raw, "RL.LEASE k 20 1m x") == [0, 20, 0, MINUTE_MS, MINUTE_MS]


def test_where_keys_are_evicted_a_lease_finds_room(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        exhaust(raw, "allkeys-lru")
        raw("CONFIG", "SET", "maxmemory", 2**30)
        assert integers(run(raw, "RL.LEASE k 3 1m a"))[0] == 1


def test_memory_is_full_within_a_script(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        run(raw, "RL.LEASE k 3 1m a")
        exhaust(raw)
        script = "return redis.pcall('RL.LEASE', KEYS[1], 3, '1m', ARGV[1])"
        assert raw("EVAL", script, 1, "k", "a") == [1, 3, 2, 0, MINUTE_MS]
        refused = raw("EVAL", script, 1, "k", "b")
        assert isinstance(refused, Failure)
        assert refused.text.startswith("OOM command not allowed when used memory > 'maxmemory'")
