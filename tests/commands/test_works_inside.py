"""The commands and their keys inside everything that a server does with commands and keys."""

from __future__ import annotations

import pytest

from support import replication
from support.clock import START_MS, Clock
from support.eventually import eventually
from support.pool import NewServer
from support.resp import Failure, RawConnection, Reply, Status
from support.server import Server
from support.verdicts import clauses, integers

OK = Status("OK")
QUEUED = Status("QUEUED")

FIVE = (
    "RL.FIXED k 5 10 COST 2",
    "RL.SLIDING k 5 10 COST 2",
    "RL.LOG k 5 10 COST 2",
    "RL.TOKEN k 5 1 10 COST 2",
    "RL.LEAKY k 5 1 10 COST 2",
)


def fill(raw: RawConnection) -> list[Reply]:
    """Put one limiter of each algorithm at k; what RL.PEEK says of them."""
    for line in FIVE:
        assert integers(raw(*line.split()))[0] == 1
    peeked = raw("RL.PEEK", "k")
    assert isinstance(peeked, list)
    assert len(peeked) == 5
    return peeked


def digest(raw: RawConnection, key: str) -> Reply:
    """What is at the key, to the bit, and whether it expires."""
    values = raw("DEBUG", "DIGEST-VALUE", key)
    assert isinstance(values, list)
    assert values != [Status("0" * 40)]
    return values[0]


# Transactions, scripts, pipelines


def test_a_transaction(raw: RawConnection) -> None:
    assert raw("MULTI") == OK
    for line in ("RL.FIXED k 1 10", "RL.FIXED k 1 10", "RL.FIXED k x 10", "RL.PEEK k"):
        assert raw(*line.split()) == QUEUED
    replies = raw("EXEC")
    assert isinstance(replies, list)
    assert replies[:2] == [[1, 1, 0, 0, 10_000], [0, 1, 0, 10_000, 10_000]]
    assert isinstance(replies[2], Failure)
    assert replies[3] == [[b"fixed", 1, 1, 10_000, 0, 10_000, 10_000]]
    raw("MULTI")
    assert isinstance(raw("RL.FIXED", "k"), Failure)
    assert raw("EXEC") == Failure("EXECABORT Transaction discarded because of previous errors.")
    raw("MULTI")
    raw("RL.LIMIT", "k", "FIXED", 5, 10, "LOG", 5, 10)
    assert raw("DISCARD") == OK
    assert raw("RL.PEEK", "k") == [[b"fixed", 1, 1, 10_000, 0, 10_000, 10_000]]


@pytest.mark.all_servers
def test_a_script(raw: RawConnection) -> None:
    script = "return redis.call('RL.FIXED', KEYS[1], ARGV[1], ARGV[2], 'COST', ARGV[3])"
    assert raw("EVAL", script, 1, "k", 5, 10, 2) == [1, 5, 3, 0, 10_000]
    assert raw("EVAL", script, 1, "k", 5, 10, 4) == [0, 5, 3, 10_000, 10_000]
    sums = """
        local allowed = 0
        for i = 1, 10 do allowed = allowed + redis.call('RL.LIMIT', KEYS[1],
            'TOKEN', 7, 1, '1s', 'LOG', 6, '1s')[1] end
        return allowed
    """
    assert raw("EVAL", sums, 1, "sums") == 6
    failing = "return redis.pcall('RL.FIXED', KEYS[1], 'x', 10)['err']"
    text = raw("EVAL", failing, 1, "k")
    assert isinstance(text, bytes)
    assert text.startswith(b"ERR limit must be an integer from 0 to 1000000000000, ")
    failed = raw("EVAL", "return redis.call('RL.FIXED', KEYS[1], 'x', 10)", 1, "k")
    assert isinstance(failed, Failure)
    assert failed.text.startswith("ERR limit must be an integer from 0 to 1000000000000, ")
    looks = "return redis.call('RL.PEEK', KEYS[1])"
    assert raw("EVAL_RO", looks, 1, "k") == [[b"fixed", 5, 5, 10_000, 3, 0, 10_000]]
    refused = raw("EVAL_RO", script, 1, "k", 5, 10, 1)
    assert isinstance(refused, Failure)
    assert "Write commands are not allowed from read-only scripts" in refused.text


@pytest.mark.all_servers
def test_a_function(raw: RawConnection) -> None:
    code = """#!lua name=limits
        redis.register_function('pass', function(keys, args)
            return redis.call('RL.LEAKY', keys[1], args[1], 1, '1s')
        end)
        redis.register_function{function_name='look', callback=function(keys)
            return redis.call('RL.PEEK', keys[1])
        end, flags={'no-writes'}}
    """
    raw("FUNCTION", "LOAD", "REPLACE", code)
    assert raw("FCALL", "pass", 1, "k", 2) == [1, 2, 1, 0, 1_000]
    assert raw("FCALL", "pass", 1, "k", 2) == [1, 2, 0, 1_000, 2_000]
    assert raw("FCALL", "pass", 1, "k", 2) == [0, 2, 0, 1_000, 2_000]
    assert raw("FCALL_RO", "look", 1, "k") == [[b"leaky", 2, 1, 1_000, 0, 1_000, 2_000]]
    raw("FUNCTION", "FLUSH")


def test_a_pipeline(raw: RawConnection) -> None:
    replies = raw.pipeline([["RL.LOG", "k", 500, 10]] * 1_000)
    assert replies[499] == [1, 500, 0, 0, 10_000]
    assert [integers(reply)[0] for reply in replies] == [1] * 500 + [0] * 500


# Keys: moved, copied, sent, looked at, forgotten


def test_copy(raw: RawConnection) -> None:
    peeked = fill(raw)
    assert raw("COPY", "k", "copy") == 1
    assert raw("RL.PEEK", "copy") == peeked
    assert digest(raw, "copy") == digest(raw, "k")
    assert raw("PTTL", "copy") == raw("PTTL", "k") == 25_000
    for line in FIVE:
        assert integers(raw(*line.split()))[2] == 1
    assert raw("RL.PEEK", "copy") == peeked, "the copy is no part of it"
    assert raw("COPY", "k", "copy", "DB", 1) == 1
    raw("SELECT", 1)
    assert raw("RL.PEEK", "copy") != peeked, "it is as its original is by now"
    assert raw("PTTL", "copy") == 50_000


def test_rename_move_and_other_databases(raw: RawConnection) -> None:
    peeked = fill(raw)
    assert raw("RENAME", "k", "renamed") == OK
    assert raw("RL.PEEK", "k") == []
    assert raw("RL.PEEK", "renamed") == peeked
    assert raw("PTTL", "renamed") == 25_000
    assert raw("MOVE", "renamed", 3) == 1
    assert raw("RL.PEEK", "renamed") == []
    raw("SELECT", 3)
    assert raw("RL.PEEK", "renamed") == peeked
    assert raw("RL.FIXED", "renamed", 5, 10) == [1, 5, 2, 0, 10_000]
    assert raw("SWAPDB", 0, 3) == OK
    assert raw("RL.PEEK", "renamed") == []
    raw("SELECT", 0)
    assert raw("RL.FIXED", "renamed", 5, 10) == [1, 5, 1, 0, 10_000]
    assert raw("PTTL", "renamed") == 25_000


@pytest.mark.all_servers
@pytest.mark.parametrize(
    ("ttl", "options", "left_ms"),
    [(0, [], -1), (777, [], 777), (START_MS + 4_000, ["ABSTTL"], 4_000)],
    ids=["none", "some", "absolute"],
)
def test_dump_and_restore(raw: RawConnection, ttl: int, options: list[str], left_ms: int) -> None:
    peeked = fill(raw)
    payload = raw("DUMP", "k")
    assert isinstance(payload, bytes)
    assert raw("RESTORE", "restored", ttl, payload, *options) == OK
    assert raw("RL.PEEK", "restored") == peeked
    assert raw("PTTL", "restored") == left_ms
    raw("PEXPIRE", "restored", 20_000)
    assert digest(raw, "restored") == digest(raw, "k")
    assert isinstance(raw("RESTORE", "k", 0, payload), Failure)
    raw("RL.FIXED", "k", 5, 10)
    assert raw("RESTORE", "k", ttl, payload, "REPLACE", *options) == OK
    assert raw("RL.PEEK", "k") == peeked
    assert raw("RL.LIMIT", "k", "FIXED", 5, 10) == [1, [1, 5, 2, 0, 10_000]]
    assert raw("PTTL", "k") == 25_000


def test_migrate(new_server: NewServer) -> None:
    here, there = new_server(), new_server()
    with here.raw() as raw, there.raw() as far:
        peeked = fill(raw)
        same = digest(raw, "k")
        assert raw("MIGRATE", "127.0.0.1", there.port, "k", 0, 60_000, "COPY") == OK
        assert digest(far, "k") == same
        far("DEL", "k")
        assert raw("MIGRATE", "127.0.0.1", there.port, "k", 0, 60_000) == OK
        assert raw("EXISTS", "k") == 0
        assert far("RL.PEEK", "k") == peeked
        assert digest(far, "k") == same
        assert far("PTTL", "k") == 25_000


@pytest.mark.all_servers
def test_what_the_server_tells_of_a_key(raw: RawConnection) -> None:
    raw("SET", "string", "v")
    fill(raw)
    assert raw("TYPE", "k") == Status("ratelimit")
    assert raw("SCAN", 0, "TYPE", "ratelimit", "COUNT", 1_000) == [b"0", [b"k"]]
    assert raw("OBJECT", "REFCOUNT", "k") == 1
    assert raw("OBJECT", "ENCODING", "k") == b"raw"
    assert raw("OBJECT", "IDLETIME", "k") == 0
    assert raw("OBJECT", "FREQ", "k") != 0
    assert raw("TOUCH", "k") == 1
    assert raw("RANDOMKEY") in (b"string", b"k")


def test_memory_usage_tells_of_the_whole_value(raw: RawConnection) -> None:
    usage = []
    for count in (1, 16, 64):
        for first in range(1, count + 1, 16):
            periods = range(first, min(first + 15, count) + 1)
            raw("RL.LIMIT", "k", *(word for n in periods for word in ("FIXED", 1, n)))
        usage.append(raw("MEMORY", "USAGE", "k"))
        raw("DEL", "k")
    one, sixteen, all_64 = integers(usage)
    # A Valkey 8.1 counts the value alone.
    assert 32 <= one < 165
    assert 16 * 24 <= sixteen - one <= 16 * 32 + 64
    assert 48 * 24 <= all_64 - sixteen <= 48 * 32 + 64


def test_memory_usage_grows_with_a_log(raw: RawConnection, clock: Clock) -> None:
    raw("RL.LOG", "k", 10**6, "1h")
    before = raw("MEMORY", "USAGE", "k")
    for _ in range(2_000):
        clock.advance(1)
        raw("RL.LOG", "k", 10**6, "1h")
    after = raw("MEMORY", "USAGE", "k")
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert 2_000 * 8 <= after - before <= 2_000 * 9


@pytest.mark.parametrize(
    "line", ["DEL k", "UNLINK k", "FLUSHALL", "FLUSHALL ASYNC", "FLUSHDB", "EXPIRE k 0"]
)
def test_to_forget_a_key(raw: RawConnection, line: str) -> None:
    peeked = fill(raw)
    raw(*line.split())
    assert raw("EXISTS", "k") == 0
    assert raw("RL.PEEK", "k") == []
    assert fill(raw) == peeked


def test_a_deadline_of_the_user_forgets(raw: RawConnection, clock: Clock) -> None:
    fill(raw)
    raw("PEXPIRE", "k", 100)
    clock.advance(100)
    assert raw("RL.FIXED", "k", 5, 10, "COST", 0) == [1, 5, 3, 0, 9_900]
    clock.advance(1)
    assert raw("RL.FIXED", "k", 5, 10, "COST", 0) == [1, 5, 5, 0, 0]
    assert raw("EXISTS", "k") == 0


# Around the key space


@pytest.mark.all_servers
def test_notifications(new_server: NewServer) -> None:
    server = new_server(config={"notify-keyspace-events": "KEd"})
    with server.raw() as listening, server.raw() as raw:
        listening("PSUBSCRIBE", "__key*@0__:*")
        raw("CL.THROTTLE", "k", 0, 1, 10)
        raw("CL.THROTTLE", "k", 0, 1, 10)
        raw("RL.TOKEN", "k", 1, 1, 10)
        raw("RL.TOKEN", "k", 1, 1, 10, "COST", 0)
        raw("RL.PEEK", "k")
        raw("RL.FIXED", "k", "x", 10)
        raw("RL.FIXED", "k", 1, 10)
        raw("RL.LIMIT", "j", "FIXED", 1, 10, "LOG", 1, 10)
        for key, event in (("k", "cl.throttle"), ("k", "rl.fixed"), ("j", "rl.limit")):
            for channel, message in (
                (f"keyspace@0__:{key}", event),
                (f"keyevent@0__:{event}", key),
            ):
                assert listening.read() == [
                    b"pmessage",
                    b"__key*@0__:*",
                    f"__{channel}".encode(),
                    message.encode(),
                ]
        listening.send(b"PING\r\n")
        assert listening.read() == [b"pong", b""]


@pytest.mark.all_servers
def test_a_replica_looks_and_does_not_consume(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server()
    with primary.raw() as raw, replica.raw() as reading:
        peeked = fill(raw)
        replication.attach(replica, primary)
        assert reading("RL.PEEK", "k") == peeked
        assert reading("RL.PEEK", "none") == []
        for line in (
            *FIVE,
            "RL.LIMIT k FIXED 5 10",
            "RL.THROTTLE k 5 1 10",
            "RL.FIXED k 5 10 COST 0",
        ):
            assert reading(*line.split()) == Failure(
                "READONLY You can't write against a read only replica."
            )
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 2, 0, 10_000]
        replication.wait_in_sync(primary, replica)
        assert reading("RL.PEEK", "k") == raw("RL.PEEK", "k")
        # Past its time a key is gone here too, before the primary says so.
        replica.clock.advance(20_001)
        assert reading("RL.PEEK", "k") == []


def test_a_key_within_a_cluster(new_server: NewServer) -> None:
    server = new_server(config={"cluster-enabled": "yes"})
    server.clock.run()
    with server.raw() as raw:
        raw("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        wait_for_cluster(server)
        assert integers(raw("RL.FIXED", "{b}k", 5, 10))[:3] == [1, 5, 4]
        assert clauses(raw("RL.LIMIT", "{b}k", "FIXED", 5, 10, "LOG", 5, 10))[0] == 1
        slot = raw("CLUSTER", "KEYSLOT", "{a}k")
        assert slot == 15495
        for line in ("RL.FIXED {a}k 5 10", "RL.PEEK {a}k", "CL.THROTTLE {a}k 5 1 10"):
            refused = raw(*line.split())
            assert isinstance(refused, Failure)
            assert refused.text.startswith("CLUSTERDOWN Hash slot not served")


def wait_for_cluster(server: Server) -> None:
    """Until the node serves what slots it has."""
    with server.raw() as raw:
        raw("CONFIG", "SET", "cluster-require-full-coverage", "no")
        eventually(lambda: not isinstance(raw("GET", "{b}"), Failure))
