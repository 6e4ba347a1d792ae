"""SHADOW: what operators are told of limits on trial, and what becomes of them in full memory."""

from __future__ import annotations

import pytest

from support.events import heard
from support.full_memory import OOM, exhaust
from support.keyspace import snapshot
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection, Reply
from support.told import told
from support.untouched import nothing_written
from support.verdicts import TOO_MANY_LIMITERS, clauses, rows

pytestmark = pytest.mark.all_servers

COUNTS = ("shadow_allowed", "shadow_denied", "shadow_skipped")


def counted(raw: RawConnection) -> tuple[int, ...]:
    """How many clauses on trial allowed, would have denied, and were skipped."""
    found = told(raw)
    return tuple(found[name] for name in COUNTS)


def top(raw: RawConnection, *words: str) -> list[Reply]:
    """What RL.TOP SHADOW answers."""
    reply = raw("RL.TOP", "SHADOW", *words)
    assert isinstance(reply, list)
    return reply


# INFO and RL.TOP


def test_info_counts_clauses_and_top_counts_calls(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        for line, clauses_of_it in (
            ("RL.LIMIT k FIXED 9 1m SHADOW FIXED 1 1m SHADOW LOG 1 1m SHADOW LOG 9 2m", (3, 0, 0)),
            ("RL.LIMIT k FIXED 9 1m SHADOW FIXED 1 1m SHADOW LOG 1 1m SHADOW LOG 9 2m", (1, 2, 0)),
            ("RL.LIMIT k SHADOW FIXED 1 1m", (0, 1, 0)),
            # A cost counts once; none counts in neither.
            ("RL.LIMIT k SHADOW FIXED 1 1m COST 1000", (0, 1, 0)),
            ("RL.LIMIT k SHADOW FIXED 1 1m SHADOW LOG 9 2m COST 0", (0, 0, 0)),
            ("RL.LIMIT k SHADOW FIXED 0 1m COST 0", (0, 0, 0)),
            # Denied calls do not ask them.
            ("RL.LIMIT k FIXED 0 1m SHADOW FIXED 1 1m", (0, 0, 0)),
        ):
            before = counted(raw)
            assert not isinstance(raw(*line.split()), Failure)
            after = counted(raw)
            added = tuple(n - m for n, m in zip(after, before, strict=True))
            assert added == clauses_of_it, line
        assert top(raw) == [[b"k", 3]]
        assert raw("RL.TOP") == [[b"k", 1]], "the call that was denied, and no other"
        assert told(raw)["decisions_allowed"] == 6
        assert told(raw)["fixed_allowed"] == 2, "verdicts of real clauses only"


def test_several_keys(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        line = "a FIXED 9 1m SHADOW LOG 1 1m AND b SHADOW FIXED 2 1m SHADOW LOG 2 1m AND c LOG 9 1m"
        for _ in range(3):
            assert clauses(raw("RL.ALL", *line.split()))[0] == 1
        assert counted(raw) == (1 + 2 * 2, 2 + 2, 0)
        assert top(raw) == [[b"a", 2], [b"b", 1]]
        # The cost is of each group.
        run(raw, "RL.ALL a SHADOW LOG 1 1m COST 0 AND b SHADOW FIXED 2 1m COST 3")
        assert top(raw) == [[b"a", 2], [b"b", 2]]


def test_top_takes_a_count_and_a_reset_and_leaves_denied_calls_alone(
    new_server: NewServer,
) -> None:
    with new_server().raw() as raw:
        for key, times in (("a", 3), ("b", 2), ("c", 1)):
            for _ in range(times):
                raw("RL.LIMIT", key, "FIXED", 99, "1m", "SHADOW", "FIXED", 0, "1m")
            raw("RL.FIXED", key, 0, "1m")
        denied = [[b"a", 1], [b"b", 1], [b"c", 1]]
        assert top(raw, "COUNT", "2") == [[b"a", 3], [b"b", 2]]
        assert top(raw, "count", "0") == []
        assert raw("rl.top", "shadow") == [[b"a", 3], [b"b", 2], [b"c", 1]]
        assert raw("RL.TOP") == denied
        assert raw("RL.TOP", "RESET") == denied
        assert top(raw, "COUNT", "1", "RESET") == [[b"a", 3]]
        assert raw("RL.TOP") == []
        assert top(raw) == []
        assert counted(raw) == (0, 6, 0), "INFO goes on counting"


def test_top_is_bounded_by_the_setting(new_server: NewServer) -> None:
    with new_server(module_args=["top-size", "3"]).raw() as raw:
        for times, key in enumerate("abcd", start=1):
            for _ in range(times * 50):
                raw("RL.LIMIT", key, "SHADOW", "FIXED", 0, "1m")
        assert len(top(raw)) == 3
        raw("CONFIG", "SET", "ratelimit.top-size", 0)
        assert top(raw) == []
        raw("RL.LIMIT", "a", "SHADOW", "FIXED", 0, "1m")
        assert top(raw) == []
        raw("CONFIG", "SET", "ratelimit.top-size", 9)
        raw("RL.LIMIT", "a", "SHADOW", "FIXED", 0, "1m")
        assert top(raw) == [[b"a", 1]]


def test_a_key_of_another_type_counts_nothing(raw: RawConnection) -> None:
    raw("SET", "k", "v")
    before = counted(raw)
    raw("RL.LIMIT", "k", "SHADOW", "FIXED", 0, "1m")
    raw("RL.LIMIT", "j", "SHADOW", "FIXED", 0, "1x")
    assert counted(raw) == before
    assert top(raw) == []


def test_within_transactions_and_scripts(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        raw("MULTI")
        raw("RL.LIMIT", "k", "SHADOW", "FIXED", 0, "1m")
        raw("RL.TOP", "SHADOW")
        assert raw("EXEC") == [[1], [[b"k", 1]]]
        script = "return redis.call('RL.LIMIT', KEYS[1], 'SHADOW', 'FIXED', 1, '1m')"
        for _ in range(2):
            assert raw("EVAL", script, 1, "k") == [1]
        assert top(raw) == [[b"k", 2]]
        assert counted(raw) == (1, 2, 0)


# Policies


def test_each_policy_counts_its_own(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        run(raw, "RL.POLICY SET api FIXED 9 1m SHADOW FIXED 1 1m SHADOW LOG 0 1m")
        run(raw, "RL.POLICY SET b:c SHADOW TOKEN 1 1 1m")
        line = "POLICY api SHADOW LEAKY 0 1 1m POLICY b:c"
        for _ in range(3):
            assert clauses(raw("RL.LIMIT", "k", *line.split()))[0] == 1
        found = told(raw)
        assert found["policy_api_shadow_denied"] == 2 + 3
        assert found["policy_b|c_shadow_denied"] == 2
        # Those that were written out are in the totals only.
        assert counted(raw) == (1 + 1, 2 + 3 + 2 + 3, 0)
        assert (found["policy_api_allowed"], found["policy_api_denied"]) == (3, 0)
        raw("RL.ALL", "x", "POLICY", "api", "AND", "y", "POLICY", "api", "COST", 2)
        assert told(raw)["policy_api_shadow_denied"] == 5 + 1 + 2
        raw("RL.ALL", "x", "POLICY", "api", "AND", "y", "FIXED", 0, "1m")
        raw("RL.LIMIT", "x", "POLICY", "api", "COST", 0)
        assert told(raw)["policy_api_shadow_denied"] == 8, "denied, and a look"
        raw("RL.POLICY", "SET", "api", "SHADOW", "FIXED", 1, "1m")
        assert told(raw)["policy_api_shadow_denied"] == 0, "since it was last set"


# Events


def test_one_event_for_a_call_that_would_have_been_denied(new_server: NewServer) -> None:
    server = new_server(config={"notify-keyspace-events": "Kd", "ratelimit.notify-denied": "yes"})
    lines = (
        "RL.LIMIT k FIXED 9 1m SHADOW FIXED 1 1m",
        "RL.LIMIT k FIXED 9 1m SHADOW FIXED 1 1m SHADOW LOG 0 1m",
        "RL.LIMIT k SHADOW FIXED 1 1m",
        "RL.LIMIT k SHADOW FIXED 1 1m COST 0",
        "RL.LIMIT k FIXED 0 1m SHADOW FIXED 1 1m",
        "RL.ALL k SHADOW FIXED 1 1m AND j SHADOW FIXED 1 1m AND i SHADOW FIXED 0 1m",
    )
    assert heard(server, *lines) == [
        ("keyspace@0:k", "rl.limit"),
        ("keyspace@0:k", "rl.limit"),
        ("keyspace@0:k", "rl.shadow"),
        ("keyspace@0:k", "rl.shadow"),
        ("keyspace@0:k", "rl.denied"),
        ("keyspace@0:j", "rl.all"),
        ("keyspace@0:k", "rl.shadow"),
        ("keyspace@0:i", "rl.shadow"),
    ]
    off = "CONFIG SET ratelimit.notify-denied no"
    assert heard(server, off, "RL.LIMIT k SHADOW FIXED 1 1m") == []


# Memory


@pytest.mark.parametrize(
    "shadow",
    ["FIXED 5 2m", "SLIDING 5 1m", "LOG 5 1m", "TOKEN 5 1 1m", "LEAKY 5 1 1m"],
)
def test_where_memory_is_full_one_that_would_grow_is_skipped(
    new_server: NewServer, shadow: str
) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.FIXED", "k", 9, "1m")
        exhaust(raw)
        assert raw("RL.LIMIT", "k", "FIXED", 9, "1m", "SHADOW", *shadow.split()) == [
            1,
            [1, 9, 7, 0, 60_000],
        ]
        assert counted(raw) == (0, 0, 1)
        assert rows(raw("RL.PEEK", "k")) == [[b"fixed", 9, 9, 60_000, 7, 0, 60_000]]
        with nothing_written(server):
            assert raw("RL.LIMIT", "new", "SHADOW", *shadow.split()) == [1]
            # Nothing is skipped that would not have been charged.
            assert raw("RL.LIMIT", "new", "SHADOW", *shadow.replace("5", "0").split()) == [1]
            assert raw("RL.LIMIT", "new", "SHADOW", *shadow.split(), "COST", 0) == [1]
        assert counted(raw) == (0, 1, 2)
        assert raw("EXISTS", "new") == 0
        raw("CONFIG", "SET", "maxmemory", 0)
        assert raw("RL.LIMIT", "new", "SHADOW", *shadow.split()) == [1]
        assert counted(raw) == (1, 1, 2)


def test_where_memory_is_full_what_stands_goes_on(new_server: NewServer) -> None:
    server = new_server()
    shadows = "SHADOW FIXED 3 1m SHADOW SLIDING 3 1m SHADOW TOKEN 3 1 1m SHADOW LEAKY 3 1 1m"
    with server.raw() as raw:
        raw("RL.LIMIT", "k", *shadows.split(), "SHADOW", "LOG", 3, "1m")
        server.clock.advance(1)
        exhaust(raw)
        for _ in range(3):
            assert raw("RL.LIMIT", "k", *shadows.split(), "SHADOW", "LOG", 3, "1m") == [1]
        # A longer log is growth, and the log of one is not charged more.
        assert counted(raw) == (5 + 2 * 4, 4, 3)
        # What a real clause lacks is an error all the same, and tries nothing.
        before = [counted(raw), snapshot(raw)]
        assert raw("RL.LIMIT", "k", "LOG", 9, "1m", *shadows.split()) == OOM
        assert raw("RL.LIMIT", "k", *shadows.split(), "LEASE", 9, "1m", "ID", "x") == OOM
        assert [counted(raw), snapshot(raw)] == before


def test_one_that_would_be_the_65th_is_skipped(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        for number in range(1, 63):
            raw("RL.FIXED", "k", 9, f"{number}h")
        line = "FIXED 9 1h SHADOW LOG 9 1m SHADOW LOG 9 2m SHADOW LOG 9 3m"
        for left in (7, 6):
            reply = raw("RL.LIMIT", "k", *line.split())
            assert reply == [1, [1, 9, left, 0, 3_600_000]]
        assert counted(raw) == (4, 0, 2)
        assert len(rows(raw("RL.PEEK", "k"))) == 64
        # It counts among the 64 for real ones, too.
        assert raw("RL.FIXED", "k", 9, "90m") == TOO_MANY_LIMITERS
        server.clock.advance(60_000)
        raw("RL.LIMIT", "k", *line.replace("LOG 9 1m", "LOG 9 9m").split())
        assert counted(raw) == (6, 0, 3)
