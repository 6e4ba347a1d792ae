"""RL.ALL: limits on several keys, all or nothing."""

from __future__ import annotations

import pytest

from support.clock import Clock
from support.resp import Argument, Failure, RawConnection, Reply, Status
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import TOO_MANY_LIMITERS, clauses

pytestmark = pytest.mark.all_servers

KEYS = ("a", "b", "c")


def ask(raw: RawConnection, line: str) -> Reply:
    return raw("RL.ALL", *line.split())


def undisturbed(server: Server, line: str) -> Reply:
    """What a call answers that changes nothing: no key, no expiry, no watch."""
    with server.raw() as raw, nothing_written(server):
        return ask(raw, line)


# Replies


def test_each_clause_answers_in_the_order_asked_over_all_keys(raw: RawConnection) -> None:
    asked = "a TOKEN 5 1 1s FIXED 3 10s AND b LEAKY 4 2 1s AND c LOG 2 1m SLIDING 9 1h"
    assert ask(raw, asked) == [
        1,
        [1, 5, 4, 0, 1_000],
        [1, 3, 2, 0, 10_000],
        [1, 4, 3, 0, 500],
        [1, 2, 1, 0, 60_000],
        [1, 9, 8, 0, 7_200_000],
    ]
    assert raw("RL.PEEK", "a") == [
        [b"fixed", 3, 3, 10_000, 2, 0, 10_000],
        [b"token", 5, 1, 1_000, 4, 0, 1_000],
    ]
    assert raw("RL.PEEK", "b") == [[b"leaky", 4, 2, 1_000, 3, 500, 500]]
    assert ask(raw, asked) == [
        1,
        [1, 5, 3, 0, 2_000],
        [1, 3, 1, 0, 10_000],
        [1, 4, 2, 500, 1_000],
        [1, 2, 0, 0, 60_000],
        [1, 9, 7, 0, 7_200_000],
    ]


def test_one_key_is_as_rl_limit(raw: RawConnection) -> None:
    asked = "FIXED 3 10s TOKEN 9 1 1s COST 2"
    for _ in range(3):
        assert ask(raw, f"a {asked}") == raw("RL.LIMIT", "b", *asked.split())
    digests = raw("DEBUG", "DIGEST-VALUE", "a", "b")
    assert isinstance(digests, list)
    assert digests[0] == digests[1]


def test_each_key_has_its_own_cost(raw: RawConnection) -> None:
    assert ask(raw, "a FIXED 9 1m COST 5 and b FIXED 9 1m AND c FIXED 9 1m LOG 9 1m cost 3") == [
        1,
        [1, 9, 4, 0, 60_000],
        [1, 9, 8, 0, 60_000],
        [1, 9, 6, 0, 60_000],
        [1, 9, 6, 0, 60_000],
    ]


def test_a_key_whose_cost_is_0_is_looked_at(raw: RawConnection, server: Server) -> None:
    raw("RL.FIXED", "b", 9, "1m", "COST", 4)
    before = [raw("DUMP", "b"), raw("PEXPIRETIME", "b")]
    assert ask(raw, "a FIXED 2 1m AND b FIXED 9 1m COST 0 AND c FIXED 9 1m COST 0") == [
        1,
        [1, 2, 1, 0, 60_000],
        [1, 9, 5, 0, 60_000],
        [1, 9, 9, 0, 0],
    ]
    assert [raw("DUMP", "b"), raw("PEXPIRETIME", "b")] == before
    assert raw("EXISTS", *KEYS) == 2
    # A look is refused where a lowered limit is exceeded already, and then refuses all.
    reply = undisturbed(server, "a FIXED 2 1m AND b FIXED 3 1m COST 0")
    assert reply == [0, [1, 2, 1, 0, 60_000], [0, 3, 0, 60_000, 60_000]]


def test_the_reply_is_the_same_in_resp3(raw: RawConnection) -> None:
    raw("HELLO", 3)
    reply = ask(raw, "a FIXED 1 1m AND b TOKEN 5 1 1s")
    assert reply == [1, [1, 1, 0, 0, 60_000], [1, 5, 4, 0, 1_000]]
    reply = ask(raw, "a FIXED 1 1m AND b TOKEN 5 1 1s")
    assert reply == [0, [0, 1, 0, 60_000, 60_000], [1, 5, 4, 0, 1_000]]


def test_eight_keys_and_sixteen_clauses(raw: RawConnection, server: Server) -> None:
    groups = [f"k{n} FIXED {n} {n}s LOG 99 1h" for n in range(1, 9)]
    asked = " AND ".join(groups)
    verdicts: list[Reply] = []
    for n in range(1, 9):
        verdicts += [[1, n, n - 1, 0, n * 1_000], [1, 99, 98, 0, 3_600_000]]
    assert ask(raw, asked) == [1, *verdicts]
    assert raw("DBSIZE") == 8
    reply = clauses(undisturbed(server, asked))
    assert reply[0] == 0
    assert [verdict[0] for verdict in reply[1]] == [0] + [1] * 15
    sixteen_and_one = [" ".join(f"FIXED 9 {n}s" for n in range(1, 16)), "FIXED 9 1s"]
    assert clauses(ask(raw, f"x {sixteen_and_one[0]} AND y {sixteen_and_one[1]}"))[0] == 1


def test_the_same_limiter_at_two_keys_is_two(raw: RawConnection) -> None:
    assert ask(raw, "a FIXED 5 1m AND b FIXED 3 1m") == [
        1,
        [1, 5, 4, 0, 60_000],
        [1, 3, 2, 0, 60_000],
    ]


def test_words_of_the_command_may_be_keys(raw: RawConnection) -> None:
    names = ["AND", "COST", "ID", "POLICY", "FIXED", "and", "5", ""]
    words: list[Argument] = []
    for name in names:
        words += ["AND", name, "FIXED", 5, "1m"]
    assert raw("RL.ALL", *words[1:]) == [1, *[[1, 5, 4, 0, 60_000]] * 8]
    keys = raw("KEYS", "*")
    assert isinstance(keys, list)
    assert {str(key, "ascii") for key in keys if isinstance(key, bytes)} == set(names)


# All or nothing


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    ("clause", "denied"),
    [
        ("FIXED 2 1m", [0, 2, 0, 60_000, 60_000]),
        ("SLIDING 2 1m", [0, 2, 0, 90_000, 120_000]),
        ("LOG 2 1m", [0, 2, 0, 60_000, 60_000]),
        ("TOKEN 2 1 1m", [0, 2, 0, 60_000, 120_000]),
        ("LEAKY 2 1 1m", [0, 2, 0, 60_000, 120_000]),
        ("FIXED 0 1m", [0, 0, 0, -1, 0]),
    ],
)
def test_one_key_that_refuses_stops_all(
    raw: RawConnection, server: Server, place: int, clause: str, denied: list[int]
) -> None:
    groups = [f"{key} FIXED 9 1h LEAKY 9 1 1s" for key in KEYS]
    admitted = [[1, 9, 8, 0, 3_600_000], [1, 9, 8, 1_000, 1_000]]
    assert clauses(ask(raw, " AND ".join(groups)))[0] == 1
    if denied[3] > 0:
        raw("RL.LIMIT", KEYS[place], *clause.split(), "COST", 2)
    groups[place] += f" {clause}"
    verdicts = [list(admitted) for _ in KEYS]
    verdicts[place].append(denied)
    expected = [0, *(each for group in verdicts for each in group)]
    assert undisturbed(server, " AND ".join(groups)) == expected


def test_no_key_is_made_by_a_denied_call(raw: RawConnection, server: Server) -> None:
    reply = undisturbed(server, "a FIXED 5 1m AND b LOG 0 1m AND c TOKEN 3 1 1s COST 2")
    assert reply == [0, [1, 5, 5, 0, 0], [0, 0, 0, -1, 0], [1, 3, 3, 0, 0]]
    assert raw("DBSIZE") == 0


def test_a_cost_is_its_keys_alone(raw: RawConnection, server: Server) -> None:
    reply = undisturbed(server, "a FIXED 5 1m COST 6 AND b FIXED 5 1m COST 5")
    assert reply == [0, [0, 5, 5, -1, 0], [1, 5, 5, 0, 0]]
    assert clauses(ask(raw, "a FIXED 5 1m COST 5 AND b FIXED 5 1m COST 5"))[0] == 1


def test_several_keys_refuse_and_each_tells_its_wait(raw: RawConnection, clock: Clock) -> None:
    asked = "a FIXED 1 10s AND b TOKEN 3 1 1s COST 3 AND c LOG 9 1m"
    ask(raw, asked)
    clock.advance(500)
    assert ask(raw, asked) == [
        0,
        [0, 1, 0, 9_500, 9_500],
        [0, 3, 0, 2_500, 2_500],
        [1, 9, 8, 0, 59_500],
    ]
    clock.advance(9_499)
    assert clauses(ask(raw, asked))[0] == 0
    clock.advance(1)
    assert ask(raw, asked) == [
        1,
        [1, 1, 0, 0, 10_000],
        [1, 3, 0, 0, 3_000],
        [1, 9, 7, 0, 60_000],
    ]


def test_the_longest_wait_is_when_all_pass(raw: RawConnection, clock: Clock) -> None:
    asked = "a TOKEN 4 1 1s FIXED 5 10s AND b SLIDING 7 7s COST 2 AND c LOG 6 3s"
    waits = 0
    for _ in range(40):
        allowed, verdicts = clauses(ask(raw, asked))
        if allowed:
            clock.advance(170)
            continue
        waits += 1
        clock.advance(max(verdict[3] for verdict in verdicts if verdict[0] == 0) - 1)
        assert clauses(ask(raw, asked))[0] == 0
        clock.advance(1)
        assert clauses(ask(raw, asked))[0] == 1
    assert waits > 5


def test_expired_keys_are_as_missing_ones(raw: RawConnection, clock: Clock) -> None:
    asked = "a FIXED 2 1s COST 2 AND b FIXED 9 1h AND c TOKEN 5 5 1s COST 5"
    full = [1, [1, 2, 0, 0, 1_000], [1, 9, 8, 0, 3_600_000], [1, 5, 0, 0, 1_000]]
    assert ask(raw, asked) == full
    raw("PEXPIRE", "b", 10)
    clock.advance(86_400_000)
    assert ask(raw, asked) == full
    raw("DEL", "a", "c")
    assert clauses(ask(raw, asked))[0] == 1
    assert raw("EXISTS", *KEYS) == 3
    assert all(isinstance(raw("PTTL", key), int) and raw("PTTL", key) != -1 for key in KEYS)


def test_a_key_that_lost_its_expiry_gets_it_back(raw: RawConnection) -> None:
    ask(raw, "a FIXED 5 1m AND b FIXED 5 1h")
    ttls = [raw("PTTL", key) for key in "ab"]
    for key in "ab":
        raw("PERSIST", key)
    ask(raw, "a FIXED 5 1m AND b FIXED 5 1h")
    assert [raw("PTTL", key) for key in "ab"] == ttls


# The clock


def test_a_denied_call_records_the_clocks_step_back_at_all_keys(
    raw: RawConnection, clock: Clock, server: Server
) -> None:
    asked = "a FIXED 2 1h AND b TOKEN 9 1 1h AND c LOG 1 1h"
    assert clauses(ask(raw, asked))[0] == 1
    before = {key: (raw("DUMP", key), raw("PEXPIRETIME", key)) for key in KEYS}
    clock.advance(-1_800_000)
    denied = [0, [1, 2, 1, 0, 3_600_000], [1, 9, 8, 0, 3_600_000], [0, 1, 0, 3_600_000, 3_600_000]]
    assert ask(raw, asked) == denied
    for key, (dump, expires_at) in before.items():
        assert raw("DUMP", key) != dump
        moved = raw("PEXPIRETIME", key)
        assert isinstance(moved, int)
        assert isinstance(expires_at, int)
        assert moved < expires_at
    # Once: there is nothing more to record.
    assert undisturbed(server, asked) == denied


def test_one_key_alone_is_ahead_of_the_clock(raw: RawConnection, clock: Clock) -> None:
    ask(raw, "a FIXED 5 1h")
    clock.advance(-60_000)
    raw("RL.FIXED", "b", 1, "1h")
    before = raw("DUMP", "a"), raw("DUMP", "b")
    assert clauses(ask(raw, "a FIXED 5 1h AND b FIXED 1 1h"))[0] == 0
    assert raw("DUMP", "a") != before[0], "moved to now"
    assert raw("DUMP", "b") == before[1]


# Limits of a key


def test_the_65th_limiter_at_one_key_stops_all(raw: RawConnection, server: Server) -> None:
    for first in range(101, 165, 16):
        raw("RL.LIMIT", "b", *" ".join(f"FIXED 2 {n}s" for n in range(first, first + 16)).split())
    raw("RL.FIXED", "a", 5, "1m")
    asked = "a FIXED 5 1m AND b FIXED 5 200s AND c FIXED 5 1m"
    assert undisturbed(server, asked) == TOO_MANY_LIMITERS
    # It matters to an allowed call only.
    reply = undisturbed(server, "a FIXED 0 1m AND b FIXED 5 200s AND c FIXED 5 1m")
    assert reply == [0, [0, 0, 0, -1, 60_000], [1, 5, 5, 0, 0], [1, 5, 5, 0, 0]]
    assert clauses(ask(raw, "a FIXED 5 1m AND b FIXED 5 200s COST 0"))[0] == 1
    assert clauses(ask(raw, "a FIXED 5 1m AND b FIXED 2 101s"))[0] == 1


# Within


def test_within_a_transaction(raw: RawConnection) -> None:
    raw("MULTI")
    for _ in range(2):
        assert ask(raw, "a FIXED 1 1m AND b FIXED 5 1m") == Status("QUEUED")
    raw("RL.FIXED", "b", 5, "1m")
    assert raw("EXEC") == [
        [1, [1, 1, 0, 0, 60_000], [1, 5, 4, 0, 60_000]],
        [0, [0, 1, 0, 60_000, 60_000], [1, 5, 4, 0, 60_000]],
        [1, 5, 3, 0, 60_000],
    ]


def test_within_scripts_and_functions(raw: RawConnection) -> None:
    call = "redis.call('RL.ALL', {0}, 'FIXED', 2, '1m', 'AND', {1}, 'LOG', 9, '1m', 'COST', 3)"
    script = "return " + call.format("KEYS[1]", "KEYS[2]")
    assert raw("EVAL", script, 2, "a", "b") == [1, [1, 2, 1, 0, 60_000], [1, 9, 6, 0, 60_000]]
    code = f"""#!lua name=all
        redis.register_function('both', function(keys)
            return {call.format("keys[1]", "keys[2]")}
        end)
    """
    raw("FUNCTION", "LOAD", "REPLACE", code)
    reply = raw("FCALL", "both", 2, "a", "b")
    raw("FUNCTION", "FLUSH")
    assert reply == [1, [1, 2, 0, 0, 60_000], [1, 9, 3, 0, 60_000]]
    denied = raw("EVAL", script, 2, "a", "b")
    assert denied == [0, [0, 2, 0, 60_000, 60_000], [1, 9, 3, 0, 60_000]]
    read_only = raw("EVAL_RO", script, 2, "a", "b")
    assert isinstance(read_only, Failure)
    assert "Write commands are not allowed from read-only scripts" in read_only.text
