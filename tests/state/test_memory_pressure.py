"""Memory: what keys and log entries cost, and what goes on when there is no more of it."""

from __future__ import annotations

import pytest

from support.clock import Clock
from support.full_memory import OOM, exhaust, info, used_memory
from support.keyspace import snapshot
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Status
from support.verdicts import clauses, integers

MEGABYTE = 2**20

LIMITERS = {
    "FIXED": "RL.FIXED ? 1000 1h",
    "SLIDING": "RL.SLIDING ? 1000 1h",
    "TOKEN": "RL.TOKEN ? 1000 7 1h",
    "LEAKY": "RL.LEAKY ? 1000 7 1h",
}
every_small_limiter = pytest.mark.parametrize("line", LIMITERS.values(), ids=LIMITERS)


def words_of(line: str, key: str) -> list[Argument]:
    return [key if word == "?" else word for word in line.split()]


# What it costs


@every_small_limiter
def test_a_key_costs_at_most_165_bytes(new_server: NewServer, line: str) -> None:
    count = 100_000
    call = ", ".join(f"'{word}'" for word in line.split()).replace("'?'", "key")
    script = f"""
        for i = 0, ARGV[1] - 1 do
            local key = string.format('user:%07d', i)
            redis.call({call})
        end
    """
    with new_server().raw() as raw:
        before = used_memory(raw)
        raw("EVAL", script, 0, count)
        each = (used_memory(raw) - before) / count
        assert raw("DBSIZE") == count
        assert integers(raw(*words_of(line, "user:0099999"), "COST", 0))[2] == 999
        assert raw("TTL", "user:0099999") != -1
    # In all: the server's tables (about 2 x 2^17 x 8 bytes here), the key, its TTL, the value.
    # Redis 8.0 takes 0.7 more than 7.0.
    assert 100 < each < 166


def test_a_log_entry_costs_at_most_9_bytes(new_server: NewServer) -> None:
    count = 20_000
    server = new_server()
    with server.raw() as raw:
        raw("RL.LOG", "k", 10**6, "1d")
        before = used_memory(raw)
        for _ in range(count):
            server.clock.advance(1)
            raw("RL.LOG", "k", 10**6, "1d")
        each = (used_memory(raw) - before) / count
        assert integers(raw("RL.LOG", "k", 10**6, "1d", "COST", 0))[2] == 10**6 - count - 1
    assert 7.5 < each <= 9


def test_a_log_gives_its_memory_back(raw: RawConnection, clock: Clock) -> None:
    raw("RL.LOG", "k", 10**6, "10s")
    small = raw("MEMORY", "USAGE", "k")
    for _ in range(5_000):
        clock.advance(1)
        raw("RL.LOG", "k", 10**6, "10s")
    large = raw("MEMORY", "USAGE", "k")
    assert isinstance(large, int)
    assert large > 5_000 * 8
    clock.advance(10_000)
    raw("RL.LOG", "k", 10**6, "10s")
    assert raw("MEMORY", "USAGE", "k") == small


# When there is no more


@pytest.mark.all_servers
@every_small_limiter
def test_a_small_limiter_goes_on(new_server: NewServer, line: str) -> None:
    with new_server().raw() as raw:
        raw(*words_of(line, "k"), "COST", 10)
        exhaust(raw)
        assert raw("SET", "k2", "v") == OOM
        for left in range(989, 0, -1):
            assert integers(raw(*words_of(line, "k")))[:3] == [1, 1_000, left]
        assert integers(raw(*words_of(line, "k"), "COST", 2))[0] == 0
        assert integers(raw(*words_of(line, "k"), "COST", 0))[0] == 1
        assert isinstance(raw("RL.PEEK", "k"), list)


@pytest.mark.all_servers
def test_what_needs_memory_answers_oom_and_changes_nothing(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.FIXED", "k", 5, "1h", "COST", 2)
        raw("RL.LOG", "log", 5, "1h", "COST", 2)
        server.clock.advance(1)
        exhaust(raw)
        before = snapshot(raw)
        for line in (
            *(f"{line} COST 1".replace("?", "new") for line in LIMITERS.values()),
            "RL.LOG new 5 1h",
            "RL.LIMIT new FIXED 5 1h LOG 5 1h",
            "RL.THROTTLE new 5 1 1h",
            "CL.THROTTLE new 5 1 1h",
            # A new limiter of an old key, alone and beside an old one.
            "RL.FIXED k 5 2h",
            "RL.TOKEN k 5 1 1h",
            "RL.LOG k 5 1h",
            "RL.LIMIT k FIXED 5 1h SLIDING 5 1h",
            # A longer log.
            "RL.LOG log 5 1h",
            "RL.LIMIT log LOG 5 1h",
        ):
            assert raw(*line.split()) == OOM, line
            assert snapshot(raw) == before, line


@pytest.mark.all_servers
def test_a_denied_call_is_a_verdict(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.LOG", "log", 5, "1h", "COST", 5)
        raw("RL.FIXED", "k", 5, "1h", "COST", 5)
        server.clock.advance(1)
        exhaust(raw)
        before = snapshot(raw)
        assert raw("RL.FIXED", "new", 0, "1h") == [0, 0, 0, -1, 0]
        assert raw("RL.LOG", "new", 5, "1h", "COST", 6) == [0, 5, 5, -1, 0]
        assert raw("RL.TOKEN", "new", 5, 1, "1h", "COST", 0) == [1, 5, 5, 0, 0]
        assert raw("RL.THROTTLE", "new", 5, 1, "1h", 7) == [1, 6, 6, -1, 0]
        assert raw("RL.LOG", "log", 5, "1h") == [0, 5, 0, 3_599_999, 3_599_999]
        assert clauses(raw("RL.LIMIT", "k", "FIXED", 5, "1h", "TOKEN", 5, 1, "1h"))[0] == 0
        assert raw("RL.PEEK", "new") == []
        assert snapshot(raw) == before


def test_a_recorded_move_needs_no_memory(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        for line in LIMITERS.values():
            raw(*words_of(line, "k"), "COST", 1_000)
        raw("RL.LOG", "k", 5, "1h", "COST", 5)
        server.clock.advance(-3_600_000)
        exhaust(raw)
        for line in (*LIMITERS.values(), "RL.LOG ? 5 1h"):
            assert integers(raw(*words_of(line, "k")))[0] == 0
        assert raw("RL.LOG", "k", 5, "1h") == [0, 5, 0, 3_600_000, 3_600_000]


@pytest.mark.all_servers
def test_within_a_transaction(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw, server.raw() as admin:
        raw("RL.FIXED", "k", 5, "1h")
        raw("MULTI")
        raw("RL.FIXED", "k", 5, "1h")
        raw("RL.FIXED", "new", 5, "1h")
        raw("RL.FIXED", "new", 0, "1h")
        exhaust(admin)
        assert raw("EXEC") == [[1, 5, 3, 0, 3_600_000], OOM, [0, 0, 0, -1, 0]]
        assert raw("DBSIZE") == 1


@pytest.mark.all_servers
def test_within_a_script(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        raw("RL.FIXED", "k", 5, "1h")
        exhaust(raw)
        script = "return redis.pcall('RL.FIXED', KEYS[1], 5, '1h')"
        assert raw("EVAL", script, 1, "k") == [1, 5, 3, 0, 3_600_000]
        refused = raw("EVAL", script, 1, "new")
        assert isinstance(refused, Failure)
        assert refused.text.startswith("OOM command not allowed when used memory > 'maxmemory'")
        assert raw("DBSIZE") == 1


@pytest.mark.all_servers
def test_the_answer_hangs_on_no_command_that_can_be_renamed(new_server: NewServer) -> None:
    names = ("SET", "SETRANGE", "APPEND", "GETSET", "INCR", "RESTORE", "COMMAND", "ACL", "EVAL")
    server = new_server(config={"rename-command": [f'{name} ""' for name in names]})
    with server.raw() as raw:
        raw("RL.FIXED", "k", 5, "1h")
        exhaust(raw)
        for line in (*LIMITERS.values(), "RL.LOG ? 5 1h", "RL.LIMIT ? FIXED 5 1h"):
            assert raw(*words_of(line, "new")) == OOM
        assert raw("RL.FIXED", "k", 5, "1h") == [1, 5, 3, 0, 3_600_000]
        assert raw("DBSIZE") == 1
        exhaust(raw, "allkeys-lru")
        raw("CONFIG", "SET", "maxmemory", used_memory(raw) + MEGABYTE)
        assert raw("RL.FIXED", "new", 5, "1h") == [1, 5, 4, 0, 3_600_000]


@pytest.mark.all_servers
def test_the_question_leaves_no_trace(new_server: NewServer) -> None:
    server = new_server(config={"appendonly": "yes", "appendfsync": "always"})
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "api", "FIXED", 5, "1h")
        exhaust(raw)
        errors, changes = (
            info(raw, "ratelimit", "ratelimit_errors"),
            info(raw, "persistence", "rdb_changes_since_last_save"),
        )
        size = info(raw, "persistence", "aof_current_size")
        assert raw("RL.FIXED", "new", 5, "1h") == OOM
        assert info(raw, "ratelimit", "ratelimit_errors") == errors + 1
        assert info(raw, "persistence", "rdb_changes_since_last_save") == changes
        assert info(raw, "persistence", "aof_current_size") == size
        assert raw("RL.POLICY", "LIST") == [b"api"]


@pytest.mark.all_servers
def test_it_takes_memory_again_when_there_is_some(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        exhaust(raw)
        assert raw("RL.FIXED", "new", 5, "1h") == OOM
        raw("CONFIG", "SET", "maxmemory", 0)
        assert raw("RL.FIXED", "new", 5, "1h") == [1, 5, 4, 0, 3_600_000]


@pytest.mark.all_servers
@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "volatile-lru"])
def test_where_keys_are_evicted_new_ones_find_room(new_server: NewServer, policy: str) -> None:
    server = new_server()
    with server.raw() as raw:
        exhaust(raw, policy)
        raw("CONFIG", "SET", "maxmemory", used_memory(raw) + MEGABYTE)
        for start in range(0, 20_000, 100):
            users = range(start, start + 100)
            replies = raw.pipeline([["RL.FIXED", f"user:{n:07d}", 5, "1h"] for n in users])
            assert replies == [[1, 5, 4, 0, 3_600_000]] * 100
        raw("CONFIG", "SET", "maxmemory", 0)
        left = raw("DBSIZE")
        assert isinstance(left, int)
        assert 1_000 < left < 20_000
        assert info(raw, "stats", "evicted_keys") == 20_000 - left


@pytest.mark.all_servers
def test_a_denied_call_is_a_use_to_the_policy(new_server: NewServer) -> None:
    # With this factor each use counts, not only some by chance.
    server = new_server(config={"maxmemory-policy": "allkeys-lfu", "lfu-log-factor": 0})
    with server.raw() as raw:
        raw("RL.FIXED", "k", 5, "1h", "COST", 5)
        before = raw("OBJECT", "FREQ", "k")
        assert isinstance(before, int)
        for _ in range(10):
            assert integers(raw("RL.FIXED", "k", 5, "1h"))[0] == 0
        assert raw("OBJECT", "FREQ", "k") == before + 10


@pytest.mark.all_servers
@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru"])
def test_where_nothing_can_be_evicted_it_answers_as_set_does(
    new_server: NewServer, policy: str
) -> None:
    with new_server().raw() as raw:
        exhaust(raw, policy)
        raw("CONFIG", "SET", "maxmemory", 1_000)
        assert raw("SET", "k", "v") == OOM
        assert raw("RL.FIXED", "k", 5, "1h") == OOM
        assert raw("RL.FIXED", "k", 0, "1h") == [0, 0, 0, -1, 0]
        assert raw("DBSIZE") == 0
        raw("CONFIG", "SET", "maxmemory", 0)
        assert raw("SET", "k", "v") == Status("OK")
