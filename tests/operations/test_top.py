"""RL.TOP: who is denied most, in bounded memory."""

from __future__ import annotations

import pytest

from support import replication
from support.kinds import FLOOR, Kind
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply, Status
from support.server import Server
from support.verdicts import rows

pytestmark = pytest.mark.all_servers

DEFAULT_SIZE = 128
OK = Status("OK")


def top(raw: RawConnection, *words: Argument) -> list[tuple[bytes, int]]:
    """What RL.TOP answers."""
    told = []
    for row in rows(raw("RL.TOP", *words)):
        key, count = row
        assert isinstance(key, bytes)
        assert isinstance(count, int)
        told.append((key, count))
    return told


def deny(raw: RawConnection, key: Argument, times: int = 1) -> None:
    """Let calls of a key be denied."""
    call: list[Argument] = ["RL.FIXED", key, 0, "1m"]
    denied: Reply = [0, 0, 0, -1, 0]
    assert raw.pipeline([call] * times) == [denied] * times


# What is counted


def test_few_keys_are_counted_exactly(raw: RawConnection) -> None:
    assert top(raw) == []
    for turn in range(30):
        deny(raw, "a", 3)
        deny(raw, "b", 2)
        deny(raw, f"c{turn % 3}")
    assert top(raw) == [(b"a", 90), (b"b", 60), (b"c0", 10), (b"c1", 10), (b"c2", 10)]


def test_as_many_as_fit_are_counted_exactly(raw: RawConnection) -> None:
    for number in range(DEFAULT_SIZE):
        deny(raw, f"{number:03}", number + 1)
    expected = [(b"%03d" % number, number + 1) for number in reversed(range(DEFAULT_SIZE))]
    assert top(raw) == expected


DENIED = {
    "RL.FIXED": "RL.FIXED ? 0 1m",
    "RL.SLIDING": "RL.SLIDING ? 5 1m COST 6",
    "RL.LOG": "RL.LOG ? 0 1m",
    "RL.TOKEN": "RL.TOKEN ? 0 1 1m COST 1000",
    "RL.LEAKY": "RL.LEAKY ? 0 1 1m",
    "RL.LIMIT": "RL.LIMIT ? FIXED 0 1m LOG 0 1m TOKEN 5 1 1m",
    "RL.THROTTLE": "RL.THROTTLE ? 0 1 1m 2",
    "CL.THROTTLE": "CL.THROTTLE ? 0 1 1m 2",
}


def test_each_denied_call_counts_one(raw: RawConnection) -> None:
    for name, line in DENIED.items():
        raw(*line.replace("?", name).split())
    assert top(raw) == [(name.encode(), 1) for name in sorted(DENIED)]


def test_what_is_not_denied_does_not_count(raw: RawConnection) -> None:
    raw("SET", "s", "v")
    for line in (
        "RL.FIXED k 5 1m",
        "RL.LIMIT k FIXED 5 1m LOG 5 1m",
        "RL.THROTTLE k 0 1 1m",
        "RL.FIXED k 5 1m COST 0",
        "RL.PEEK k",
        "RL.FIXED s 0 1m",
        "RL.FIXED k x 1m",
        "RL.FIXED k 0",
    ):
        raw(*line.split())
    assert top(raw) == []


def test_a_refused_look_counts(raw: RawConnection) -> None:
    raw("RL.FIXED", "k", 5, "1m", "COST", 5)
    raw("RL.FIXED", "k", 4, "1m", "COST", 0)
    assert top(raw) == [(b"k", 1)]


def test_within_transactions_and_scripts(raw: RawConnection) -> None:
    raw("MULTI")
    raw("RL.FIXED", "k", 0, "1m")
    raw("RL.TOP")
    assert raw("EXEC") == [[0, 0, 0, -1, 0], [[b"k", 1]]]
    raw("EVAL", "redis.call('RL.FIXED', KEYS[1], 0, '1m')", 1, "k")
    assert raw("EVAL", "return redis.call('RL.TOP', 'COUNT', 1)", 0) == [[b"k", 2]]


def test_databases_are_not_told_apart(raw: RawConnection) -> None:
    deny(raw, "k")
    raw("SELECT", 1)
    deny(raw, "k")
    raw("FLUSHALL")
    assert top(raw) == [(b"k", 2)]


def test_a_key_is_any_bytes(raw: RawConnection) -> None:
    keys = [b"", b"\x00", b"\r\n$1\r\n", b"\xff\xfe", "\u00e9".encode(), b" "]
    for key in keys:
        deny(raw, key)
    assert top(raw) == [(key, 1) for key in sorted(keys)]


def test_long_keys_are_cut(raw: RawConnection) -> None:
    deny(raw, b"x" * 1_024)
    deny(raw, b"x" * 5_000)
    deny(raw, b"x" * 1_025 + b"y")
    deny(raw, b"x" * 1_023)
    assert top(raw) == [(b"x" * 1_024, 3), (b"x" * 1_023, 1)]


# Words


def test_count(raw: RawConnection) -> None:
    for key, times in (("a", 3), ("b", 2), ("c", 1)):
        deny(raw, key, times)
    everything = [(b"a", 3), (b"b", 2), (b"c", 1)]
    for n, shown in ((0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (10**12, 3)):
        assert top(raw, "COUNT", n) == everything[:shown]
    assert top(raw, "count", "1") == everything[:1]


def test_reset(raw: RawConnection) -> None:
    deny(raw, "a", 3)
    deny(raw, "b", 2)
    assert top(raw, "COUNT", 1, "RESET") == [(b"a", 3)]
    assert top(raw) == []
    deny(raw, "b")
    assert top(raw, "reset") == [(b"b", 1)]
    assert top(raw, "COUNT", 0, "RESET") == []


def test_what_is_refused_resets_nothing(raw: RawConnection) -> None:
    deny(raw, "a")
    for line in ("RESET 1", "RESET COUNT 1", "COUNT x RESET", "COUNT -1", "10", "COUNT", "\x00"):
        refused = raw("RL.TOP", *line.split(" "))
        assert isinstance(refused, Failure), line
        assert refused.text.startswith("ERR ")
    assert top(raw) == [(b"a", 1)]


def test_the_reply_in_resp3(raw: RawConnection) -> None:
    deny(raw, "a", 2)
    raw("HELLO", 3)
    assert raw("RL.TOP") == [[b"a", 2]]


# Many keys, and the size


def test_a_table_is_bounded(new_server: NewServer) -> None:
    with new_server(module_args=["top-size", "3"]).raw() as raw:
        deny(raw, "often", 50)
        for number in range(500):
            deny(raw, f"once:{number}")
        told = top(raw)
        assert len(told) == 3
        assert told[0] == (b"often", 50)
        assert sum(count for _, count in told) <= 550


def test_memory_is_bounded(new_server: NewServer) -> None:
    script = """
        for i = 1, 20000 do
            redis.call('RL.FIXED', string.rep('x', 1000) .. i, 0, '1m')
        end
    """
    with new_server().raw() as raw:
        deny(raw, "k")
        raw("EVAL", script, 0)
        raw("RL.TOP", "COUNT", 0)
        before = used_memory(raw)
        raw("RL.TOP", "COUNT", 0, "RESET")
        assert 100_000 < before - used_memory(raw) < 500_000, "about 128 keys of 1,000 bytes"


def used_memory(raw: RawConnection) -> int:
    """What the server uses."""
    reply = raw("INFO", "memory")
    assert isinstance(reply, bytes)
    return int(reply.split(b"\r\nused_memory:")[1].split(b"\r\n")[0])


def test_a_changed_size_keeps_the_highest(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        for number in range(1, 10):
            deny(raw, f"k{number}", number)
        assert raw("CONFIG", "SET", "ratelimit.top-size", 4) == OK
        highest = [(b"k9", 9), (b"k8", 8), (b"k7", 7), (b"k6", 6)]
        assert top(raw) == highest
        assert raw("CONFIG", "SET", "ratelimit.top-size", 65_536) == OK
        assert top(raw) == highest
        deny(raw, "k6", 4)
        deny(raw, "new", 20)
        assert top(raw, "COUNT", 3) == [(b"new", 20), (b"k6", 10), (b"k9", 9)]


def test_size_0_switches_it_off(new_server: NewServer) -> None:
    with new_server(module_args=["top-size", "0"]).raw() as raw:
        deny(raw, "a", 3)
        assert top(raw) == []
        assert top(raw, "RESET") == []
        raw("CONFIG", "SET", "ratelimit.top-size", 2)
        deny(raw, "a", 3)
        assert top(raw) == [(b"a", 3)]
        raw("CONFIG", "SET", "ratelimit.top-size", 0)
        deny(raw, "a", 3)
        assert top(raw) == []
        raw("CONFIG", "SET", "ratelimit.top-size", 2)
        assert top(raw) == []


# Servers and users


def test_each_server_counts_for_itself(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server()
    with primary.raw() as raw, replica.raw() as reading:
        deny(raw, "k")
        replication.attach(replica, primary)
        before = replication.offset(primary.client())
        deny(raw, "k")
        assert top(reading) == []
        assert isinstance(reading("RL.FIXED", "k", 0, "1m"), Failure)
        assert top(reading, "RESET") == []
        assert top(raw, "RESET") == [(b"k", 2)]
        assert replication.offset(primary.client()) == before
        reading("CONFIG", "SET", "replica-read-only", "no")
        deny(reading, "k", 5)
        assert top(reading, "COUNT", 5) == [(b"k", 5)]
        assert top(raw) == []


def test_it_begins_anew(new_server: NewServer) -> None:
    server = new_server(config={"save": "3600 1"})
    with server.raw() as raw:
        deny(raw, "k")
        raw("DEBUG", "RELOAD")
        assert top(raw) == [(b"k", 1)]
    server.restart()
    with server.raw() as raw:
        assert top(raw) == []


def allowed(server: Server, *rules: str) -> bool:
    """Whether a user of these rules may run RL.TOP."""
    with server.raw() as admin, server.raw() as user:
        assert admin("ACL", "SETUSER", "u", "reset", "on", "nopass", "~*", *rules) == OK
        assert user("AUTH", "u", "any") == OK
        reply = user("RL.TOP", "RESET")
        assert admin("ACL", "DELUSER", "u") == 1
    return not (isinstance(reply, Failure) and reply.text.startswith("NOPERM"))


def test_who_may(new_server: NewServer, kind: Kind) -> None:
    server = new_server()
    assert allowed(server, "+@all")
    assert not allowed(server, "+rl.top")
    assert allowed(server, "+rl.top", "+slowlog|reset", "+slowlog|get")
    assert not allowed(server, "+@all", "-rl.top")
    if kind.name != FLOOR:
        for category in ("admin", "slow", "dangerous"):
            assert allowed(server, f"+@{category}")
            assert not allowed(server, "+@all", f"-@{category}")
        assert not allowed(server, "+@ratelimit", "+@read", "+@write", "+@fast")
