"""RL.PEEK: what is in use at a key, seen without a trace."""

from __future__ import annotations

import pytest

from support.clock import START_MS, Clock
from support.resp import RawConnection
from support.verdicts import rows

pytestmark = pytest.mark.all_servers


def test_a_missing_key_has_nothing_in_use(raw: RawConnection) -> None:
    assert raw("RL.PEEK", "k") == []
    assert raw("DBSIZE") == 0


def test_it_orders_by_algorithm_and_then_by_period(raw: RawConnection) -> None:
    for line in (
        "RL.LEAKY k 3 1 1s",
        "RL.TOKEN k 6 2 10s COST 3",
        "RL.LOG k 9 1h",
        "RL.LOG k 9 1ms",
        "RL.SLIDING k 8 10s COST 2",
        "RL.FIXED k 5 1m",
        "RL.TOKEN k 5 1 2s",
        "RL.FIXED k 2 1s",
    ):
        raw(*line.split())
    assert raw("RL.PEEK", "k") == [
        [b"fixed", 2, 2, 1_000, 1, 0, 1_000],
        [b"fixed", 5, 5, 60_000, 4, 0, 60_000],
        [b"sliding", 8, 8, 10_000, 6, 0, 20_000],
        [b"log", 9, 9, 1, 8, 0, 1],
        [b"log", 9, 9, 3_600_000, 8, 0, 3_600_000],
        [b"token", 5, 1, 2_000, 4, 0, 2_000],
        [b"token", 6, 2, 10_000, 3, 0, 15_000],
        [b"leaky", 3, 1, 1_000, 2, 1_000, 1_000],
    ]


def test_wait_is_that_of_a_cost_of_1(raw: RawConnection, clock: Clock) -> None:
    for line in (
        "RL.FIXED k 2 10s COST 2",
        "RL.SLIDING k 2 10s COST 2",
        "RL.LOG k 2 10s COST 2",
        "RL.TOKEN k 2 1 10s COST 2",
        "RL.LEAKY k 2 1 10s COST 2",
    ):
        raw(*line.split())
    clock.advance(1_000)
    assert raw("RL.PEEK", "k") == [
        [b"fixed", 2, 2, 10_000, 0, 9_000, 9_000],
        [b"sliding", 2, 2, 10_000, 0, 14_000, 19_000],
        [b"log", 2, 2, 10_000, 0, 9_000, 9_000],
        [b"token", 2, 1, 10_000, 0, 9_000, 19_000],
        [b"leaky", 2, 1, 10_000, 0, 9_000, 19_000],
    ]
    clock.set_ms(START_MS + 10_500)
    # A bucket as a queue would let one pass by now, and hold it for what is before it.
    assert raw("RL.PEEK", "k") == [
        [b"sliding", 2, 2, 10_000, 0, 4_500, 9_500],
        [b"token", 2, 1, 10_000, 1, 0, 9_500],
        [b"leaky", 2, 1, 10_000, 1, 9_500, 9_500],
    ]


def test_what_is_unused_is_not_there(raw: RawConnection, clock: Clock) -> None:
    raw("RL.FIXED", "k", 2, "10s")
    raw("RL.TOKEN", "k", 2, 1, "3s")
    clock.set_ms(START_MS + 2_999)
    assert raw("RL.PEEK", "k") == [
        [b"fixed", 2, 2, 10_000, 1, 0, 7_001],
        [b"token", 2, 1, 3_000, 1, 0, 1],
    ]
    clock.set_ms(START_MS + 3_000)
    assert raw("RL.PEEK", "k") == [[b"fixed", 2, 2, 10_000, 1, 0, 7_000]]
    clock.set_ms(START_MS + 10_000)
    assert raw("EXISTS", "k") == 1, "the server keeps it for one more millisecond"
    assert raw("RL.PEEK", "k") == []


def test_its_numbers_are_those_of_the_last_allowed_call_with_a_cost(
    raw: RawConnection,
) -> None:
    raw("RL.TOKEN", "k", 10, 2, "1s", "COST", 4)
    row = [b"token", 10, 2, 1_000, 6, 0, 2_000]
    assert raw("RL.PEEK", "k") == [row]
    raw("RL.TOKEN", "k", 3, 1, "1s")
    raw("RL.TOKEN", "k", 20, 5, "1s", "COST", 0)
    raw("RL.TOKEN", "k", 20, 5, "1s", "COST", 21)
    assert raw("RL.PEEK", "k") == [row]
    raw("RL.TOKEN", "k", 20, 4, "1s")
    assert raw("RL.PEEK", "k") == [[b"token", 20, 4, 1_000, 15, 0, 1_250]]


def test_it_leaves_no_trace(raw: RawConnection, clock: Clock) -> None:
    raw("RL.LIMIT", "k", "FIXED", 2, "10s", "LOG", 5, "1m")
    before = raw("DUMP", "k"), raw("PTTL", "k")
    for ahead_ms in (0, -60_000):
        clock.set_ms(START_MS + ahead_ms)
        assert len(rows(raw("RL.PEEK", "k"))) == 2
    clock.set_ms(START_MS)
    assert (raw("DUMP", "k"), raw("PTTL", "k")) == before


def test_a_clock_that_stepped_back_is_read_as_if(raw: RawConnection, clock: Clock) -> None:
    raw("RL.FIXED", "k", 2, "10s")
    raw("RL.LOG", "k", 2, "10s", "COST", 2)
    clock.advance(-3_600_000)
    assert raw("RL.PEEK", "k") == [
        [b"fixed", 2, 2, 10_000, 1, 0, 10_000],
        [b"log", 2, 2, 10_000, 0, 10_000, 10_000],
    ]
