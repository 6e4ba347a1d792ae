"""RL.LIMIT: several limits on one key, all or nothing."""

from __future__ import annotations

import pytest

from support.clock import START_MS, Clock
from support.resp import Failure, RawConnection, Reply
from support.verdicts import TOO_MANY_LIMITERS, clauses, rows

pytestmark = pytest.mark.all_servers


def limit(raw: RawConnection, clauses: str) -> Reply:
    return raw("RL.LIMIT", "k", *clauses.split())


def state(raw: RawConnection) -> list[Reply]:
    """What stands at the key, to the bit, and when it expires."""
    return [raw("DUMP", "k"), raw("PTTL", "k"), raw("RL.PEEK", "k")]


def test_each_clause_answers_in_the_order_asked(raw: RawConnection) -> None:
    asked = "TOKEN 5 1 1s FIXED 3 10s LEAKY 4 2 1s LOG 2 1m SLIDING 9 1h"
    assert limit(raw, asked) == [
        1,
        [1, 5, 4, 0, 1_000],
        [1, 3, 2, 0, 10_000],
        [1, 4, 3, 0, 500],
        [1, 2, 1, 0, 60_000],
        [1, 9, 8, 0, 7_200_000],
    ]
    assert limit(raw, asked) == [
        1,
        [1, 5, 3, 0, 2_000],
        [1, 3, 1, 0, 10_000],
        [1, 4, 2, 500, 1_000],
        [1, 2, 0, 0, 60_000],
        [1, 9, 7, 0, 7_200_000],
    ]


def test_one_denied_clause_denies_all_and_consumes_nothing(
    raw: RawConnection, clock: Clock
) -> None:
    asked = "FIXED 1 10s LOG 5 1m LEAKY 4 1 1s"
    limit(raw, asked)
    clock.advance(250)
    before = state(raw)
    assert limit(raw, asked) == [
        0,
        [0, 1, 0, 9_750, 9_750],
        [1, 5, 4, 0, 59_750],
        [1, 4, 3, 750, 750],
    ]
    assert state(raw) == before
    clock.set_ms(START_MS + 9_999)
    assert limit(raw, asked) == [0, [0, 1, 0, 1, 1], [1, 5, 4, 0, 50_001], [1, 4, 4, 0, 0]]
    assert state(raw)[:1] == before[:1]
    clock.set_ms(START_MS + 10_000)
    assert limit(raw, asked) == [
        1,
        [1, 1, 0, 0, 10_000],
        [1, 5, 3, 0, 60_000],
        [1, 4, 3, 0, 1_000],
    ]


def test_the_last_clause_denies_as_well_as_the_first(raw: RawConnection) -> None:
    for asked in ("FIXED 0 10s TOKEN 5 1 1s", "TOKEN 5 1 1s FIXED 0 10s"):
        expected = [[0, 0, 0, -1, 0], [1, 5, 5, 0, 0]]
        assert limit(raw, asked) == [0, *(expected if asked.startswith("F") else expected[::-1])]
        assert raw("DBSIZE") == 0


def test_cost_counts_against_each_clause(raw: RawConnection) -> None:
    assert limit(raw, "FIXED 10 10s TOKEN 20 1 1s COST 7") == [
        1,
        [1, 10, 3, 0, 10_000],
        [1, 20, 13, 0, 7_000],
    ]
    before = state(raw)
    assert limit(raw, "FIXED 10 10s TOKEN 20 1 1s COST 7") == [
        0,
        [0, 10, 3, 10_000, 10_000],
        [1, 20, 13, 0, 7_000],
    ]
    assert limit(raw, "FIXED 10 10s TOKEN 20 1 1s COST 11") == [
        0,
        [0, 10, 3, -1, 10_000],
        [1, 20, 13, 0, 7_000],
    ]
    assert limit(raw, "FIXED 10 10s TOKEN 20 1 1s cost 0") == [
        1,
        [1, 10, 3, 0, 10_000],
        [1, 20, 13, 0, 7_000],
    ]
    assert state(raw) == before


def test_clause_words_are_case_insensitive(raw: RawConnection) -> None:
    limit(raw, "fixed 9 1s Sliding 9 1s lOG 9 1s token 9 9 1s Leaky 9 9 1s cOST 2")
    peeked = rows(raw("RL.PEEK", "k"))
    names = [b"fixed", b"sliding", b"log", b"token", b"leaky"]
    assert [row[0] for row in peeked] == names
    assert [row[4] for row in peeked] == [7] * 5


def test_it_shares_its_limiters_with_the_single_commands(raw: RawConnection) -> None:
    raw("RL.FIXED", "k", 3, "10s")
    raw("RL.LOG", "k", 3, "10s", "COST", 2)
    assert limit(raw, "LOG 3 10s FIXED 3 10s") == [
        1,
        [1, 3, 0, 0, 10_000],
        [1, 3, 1, 0, 10_000],
    ]
    assert raw("RL.LOG", "k", 3, "10s") == [0, 3, 0, 10_000, 10_000]
    assert raw("RL.FIXED", "k", 3, "10s") == [1, 3, 0, 0, 10_000]


def test_periods_written_differently_are_the_same(raw: RawConnection) -> None:
    assert limit(raw, "FIXED 3 60") == [1, [1, 3, 2, 0, 60_000]]
    assert limit(raw, "FIXED 3 1m") == [1, [1, 3, 1, 0, 60_000]]
    assert limit(raw, "FIXED 3 60000ms") == [1, [1, 3, 0, 0, 60_000]]


def test_sixteen_clauses(raw: RawConnection) -> None:
    asked = " ".join(f"FIXED {n} {n}s" for n in range(1, 17))
    verdicts = [[1, n, n - 1, 0, n * 1_000] for n in range(1, 17)]
    assert limit(raw, asked) == [1, *verdicts]
    assert raw("PTTL", "k") == 20_000
    before = state(raw)
    still = [[1, n, n - 1, 0, n * 1_000] for n in range(2, 17)]
    assert limit(raw, asked) == [0, [0, 1, 0, 1_000, 1_000], *still]
    assert state(raw) == before


def fill(raw: RawConnection, first: int, last: int) -> list[Reply]:
    """Put the limiters FIXED 2 `first`s to FIXED 2 `last`s in use, sixteen at a time."""
    replies = []
    for start in range(first, last + 1, 16):
        periods = range(start, min(start + 15, last) + 1)
        replies.append(limit(raw, " ".join(f"FIXED 2 {n}s" for n in periods)))
    return replies


def test_a_key_holds_64_limiters_in_use(raw: RawConnection, clock: Clock) -> None:
    for reply in fill(raw, 101, 164):
        assert clauses(reply)[0] == 1
    peeked = raw("RL.PEEK", "k")
    assert peeked == [[b"fixed", 2, 2, n * 1_000, 1, 0, n * 1_000] for n in range(101, 165)]
    before = state(raw)
    assert raw("RL.FIXED", "k", 2, "165s") == TOO_MANY_LIMITERS
    assert raw("RL.LOG", "k", 2, "101s") == TOO_MANY_LIMITERS
    assert raw("RL.THROTTLE", "k", 2, 2, 101) == TOO_MANY_LIMITERS
    assert limit(raw, "FIXED 2 101s FIXED 2 165s") == TOO_MANY_LIMITERS
    assert state(raw) == before
    # What does not put one more in use is no error: what is there, what is denied, a look.
    assert raw("RL.FIXED", "k", 0, "165s") == [0, 0, 0, -1, 0]
    assert raw("RL.FIXED", "k", 2, "165s", "COST", 0) == [1, 2, 2, 0, 0]
    assert state(raw) == before
    assert raw("RL.FIXED", "k", 2, "164s") == [1, 2, 0, 0, 164_000]
    clock.advance(100_999)
    assert raw("RL.FIXED", "k", 2, "165s") == TOO_MANY_LIMITERS
    clock.advance(1)
    assert raw("RL.FIXED", "k", 2, "165s") == [1, 2, 1, 0, 165_000]
    assert raw("RL.FIXED", "k", 2, "101s") == TOO_MANY_LIMITERS
    assert len(rows(raw("RL.PEEK", "k"))) == 64


def test_sixteen_new_limiters_need_room_for_sixteen(raw: RawConnection) -> None:
    fill(raw, 1, 49)
    before = state(raw)
    sixteen = " ".join(f"LOG 2 {n}s" for n in range(1, 17))
    assert isinstance(limit(raw, sixteen), Failure)
    assert state(raw) == before
    fifteen = " ".join(f"LOG 2 {n}s" for n in range(1, 16))
    assert clauses(limit(raw, fifteen + " FIXED 2 7s"))[0] == 1


def test_the_longest_wait_is_when_all_pass(raw: RawConnection, clock: Clock) -> None:
    asked = "TOKEN 4 1 1s FIXED 5 10s SLIDING 7 7s LOG 6 3s"
    for _ in range(40):
        allowed, verdicts = clauses(limit(raw, asked))
        if allowed:
            clock.advance(170)
            continue
        clock.advance(max(verdict[3] for verdict in verdicts if verdict[0] == 0) - 1)
        assert clauses(limit(raw, asked))[0] == 0
        clock.advance(1)
        assert clauses(limit(raw, asked))[0] == 1
