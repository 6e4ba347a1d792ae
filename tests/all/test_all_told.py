"""RL.ALL: who is told of it. RL.TOP, INFO and events name the keys that it is about."""

from __future__ import annotations

import pytest

from support import replication
from support.events import Listener, heard
from support.pool import NewServer
from support.resp import Failure, RawConnection, Reply, Status
from support.server import Server
from support.verdicts import clauses

pytestmark = pytest.mark.all_servers


def ask(raw: RawConnection, line: str) -> Reply:
    return raw("RL.ALL", *line.split())


# RL.TOP


def test_the_keys_that_refused_are_counted_and_no_others(raw: RawConnection) -> None:
    assert clauses(ask(raw, "a FIXED 1 1m AND b FIXED 9 1m AND c LOG 9 1m TOKEN 1 1 1m"))[0] == 1
    ask(raw, "a FIXED 1 1m AND b FIXED 9 1m AND c LOG 9 1m TOKEN 1 1 1m")
    ask(raw, "b FIXED 9 1m AND c LOG 9 1m TOKEN 1 1 1m")
    ask(raw, "b FIXED 9 1m AND d FIXED 9 1m COST 10")
    ask(raw, "b FIXED 9 1m AND a FIXED 0 1m COST 0 AND d FIXED 9 1m")
    assert raw("RL.TOP") == [[b"a", 2], [b"c", 2], [b"d", 1]]


def test_a_key_of_several_clauses_that_refuse_counts_once(raw: RawConnection) -> None:
    ask(raw, "a FIXED 0 1m LOG 0 1m TOKEN 0 1 1m AND b FIXED 5 1m")
    assert raw("RL.TOP") == [[b"a", 1]]


def test_errors_and_allowed_calls_count_nowhere(raw: RawConnection) -> None:
    raw("SET", "string", "v")
    ask(raw, "a FIXED 5 1m AND b FIXED 5 1m COST 0")
    ask(raw, "a FIXED 0 1m AND string FIXED 5 1m")
    ask(raw, "a FIXED 0 1m AND b NOPE")
    assert raw("RL.TOP") == []


# INFO


def counted(raw: RawConnection) -> dict[str, int]:
    """The counts that are not 0."""
    told = raw("INFO", "ratelimit")
    assert isinstance(told, bytes)
    lines = [line.split(":") for line in told.decode().split() if line.startswith("ratelimit_")]
    found = {name.removeprefix("ratelimit_"): int(number) for name, number in lines}
    ignored = ("effects_sent", "effects_unheard", "fast_replies")
    return {name: count for name, count in found.items() if count and name not in ignored}


def test_a_call_is_one_decision_and_one_for_each_clause(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        ask(raw, "a FIXED 1 1m AND b FIXED 9 1m TOKEN 9 1 1m AND c LEAKY 9 1 1m COST 0")
        assert counted(raw) == {
            "decisions_allowed": 1,
            "fixed_allowed": 2,
            "token_allowed": 1,
            "leaky_allowed": 1,
        }
        ask(raw, "a FIXED 1 1m AND b FIXED 9 1m LOG 0 1m AND c SLIDING 9 1m")
        assert counted(raw) == {
            "decisions_allowed": 1,
            "decisions_denied": 1,
            "fixed_allowed": 3,
            "fixed_denied": 1,
            "log_denied": 1,
            "sliding_allowed": 1,
            "token_allowed": 1,
            "leaky_allowed": 1,
        }


def test_repeats_count_for_each_key(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        ask(raw, "a FIXED 5 1m AND b FIXED 5 1m ID x")
        ask(raw, "a FIXED 5 1m AND b FIXED 5 1m AND c FIXED 5 1m ID x")
        # A repeat that another key denies is one still, and nothing of it is denied.
        ask(raw, "a FIXED 5 1m AND d FIXED 0 1m ID x")
        assert counted(raw) == {
            "decisions_allowed": 2,
            "decisions_denied": 1,
            "fixed_allowed": 6,
            "fixed_denied": 1,
            "repeats": 3,
        }
        assert raw("RL.TOP") == [[b"d", 1]]


def test_receipts_that_are_pushed_out_count(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        raw("CONFIG", "SET", "ratelimit.receipts-max", 2)
        for name in ("x", "y", "z"):
            ask(raw, f"a FIXED 5 1m AND b FIXED 5 1m COST 0 AND c LOG 5 1m ID {name}")
        assert counted(raw)["receipts_dropped"] == 2


# Events


def told_of(server: Server, *lines: str) -> list[tuple[str, str]]:
    """What befell which key, by the events of these calls."""
    events = heard(server, *(f"RL.ALL {line}" for line in lines))
    return [(channel.removeprefix("keyspace@0:"), said) for channel, said in events]


def test_each_changed_key_tells(new_server: NewServer) -> None:
    server = new_server(config={"notify-keyspace-events": "Kd"})
    both = [("b", "rl.all"), ("a", "rl.all")]
    told = told_of(
        server,
        "b FIXED 5 1m AND a LOG 5 1m AND c FIXED 5 1m COST 0",
        "b FIXED 0 1m AND a LOG 5 1m",
    )
    assert told == both
    told = told_of(server, "b FIXED 5 1m AND a LOG 5 1m ID x", "a LOG 5 1m AND d FIXED 5 1m ID x")
    assert told == [*both, ("d", "rl.all")]
    server.clock.advance(-1_000)
    assert told_of(server, "b FIXED 0 1m AND a LOG 5 1m") == both, "moved, though denied"


def test_each_key_that_refused_tells_where_that_is_asked_for(new_server: NewServer) -> None:
    lines = {"notify-keyspace-events": "Kd", "ratelimit.notify-denied": "yes"}
    told = told_of(
        new_server(config=lines),
        "a FIXED 1 1m AND b FIXED 5 1m",
        "a FIXED 1 1m AND b FIXED 5 1m AND c LOG 0 1m TOKEN 0 1 1m",
        "b FIXED 5 1m AND c LOG 5 1m COST 6",
    )
    allowed = [("a", "rl.all"), ("b", "rl.all")]
    assert told == [*allowed, *((key, "rl.denied") for key in ("a", "c", "c"))]


def test_an_error_tells_nothing(new_server: NewServer) -> None:
    server = new_server(config={"notify-keyspace-events": "Kd", "ratelimit.notify-denied": "yes"})
    listener = iter(Listener(server))
    with server.raw() as raw:
        raw("SET", "string", "v")
        for line in ("a FIXED 0 1m AND string FIXED 5 1m", "a FIXED 0 1m AND b NOPE 5 1m"):
            assert isinstance(ask(raw, line), Failure)
        raw("RL.FIXED", "b", 0, "1m")
    assert next(listener) == ("keyspace@0:b", "rl.denied")


# Watches and caches


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_a_watch_of_a_key_is_broken_where_that_key_changes(raw: RawConnection, key: str) -> None:
    for line, changed in (
        ("a FIXED 5 1m AND b LOG 5 1m AND c TOKEN 5 1 1m COST 0", {"a", "b"}),
        ("a FIXED 5 1m AND b LOG 5 1m ID x", {"a", "b"}),
        ("a FIXED 5 1m AND c LOG 5 1m ID x", {"c"}),
        ("a FIXED 5 1m AND b FIXED 0 1m", set[str]()),
    ):
        raw("WATCH", key)
        ask(raw, line)
        raw("MULTI")
        raw("PING")
        assert raw("EXEC") == (None if key in changed else [Status("PONG")]), line


def told(tracking: RawConnection) -> list[Reply]:
    """The keys that were pushed since; the server pushes before it answers what comes later."""
    tracking.send(b"PING\r\n")
    keys: list[Reply] = []
    while (reply := tracking.read()) != Status("PONG"):
        assert isinstance(reply, list)
        assert reply[0] == b"invalidate"
        assert isinstance(reply[1], list)
        keys += reply[1]
    return keys


@pytest.mark.parametrize("mode", [["ON"], ["ON", "BCAST"]], ids=["tracking", "broadcast"])
def test_a_cache_is_told_of_each_key_that_changes(
    server: Server, raw: RawConnection, mode: list[str]
) -> None:
    with server.raw() as tracking:
        tracking("HELLO", 3)
        tracking("CLIENT", "TRACKING", *mode)

        def invalidated(line: str) -> list[Reply]:
            told(tracking)
            for key in "abcd":
                tracking("RL.PEEK", key)
            assert not isinstance(ask(raw, line), Failure)
            return told(tracking)

        group = "{} FIXED 5 1m"
        three = " AND ".join(group.format(key) for key in "abc")
        assert sorted(invalidated(three), key=str) == [b"a", b"b", b"c"]
        assert invalidated(f"{three} AND d FIXED 0 1m") == []
        assert invalidated(three.replace("1m AND b", "1m COST 0 AND b")) in (
            [b"b", b"c"],
            [b"c", b"b"],
        )


def test_statistics_are_of_one_command(server: Server, raw: RawConnection) -> None:
    raw("CONFIG", "RESETSTAT")
    ask(raw, "a FIXED 5 1m AND b FIXED 5 1m")
    calls = replication.calls(server.client())
    assert {name: count for name, count in calls.items() if "rl." in name} == {"rl.all": 1}
