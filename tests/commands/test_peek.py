"""RL.PEEK: what is in use at a key, seen without a trace."""

from __future__ import annotations

import pytest

from support.clock import START_MS, Clock
from support.pool import NewServer
from support.resp import Argument, RawConnection, Reply
from support.untouched import nothing_written
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


# Limits on trial, leases, bans


def test_all_else_comes_behind_the_limiters_in_one_order(
    new_server: NewServer,
) -> None:
    server = new_server()
    shadows = "SHADOW LEAKY 4 1 1m SHADOW FIXED 9 2h SHADOW TOKEN 5 2 1m SHADOW FIXED 8 1h"
    call = f"BAN 3 1m 5m 1h {shadows} SHADOW LOG 7 1m LEASE 2 10s SHADOW SLIDING 6 1m LEAKY 9 1 1s"
    with server.raw() as raw:
        raw("RL.LIMIT", "k", *call.split(), "FIXED", 1, "1h", "COST", 1, "ID", "me")
        for _ in range(2):
            raw("RL.LIMIT", "k", *call.split(), "FIXED", 1, "1h", "ID", "other")
        server.clock.advance(100)
        with nothing_written(server):
            told = rows(raw("RL.PEEK", "k"))
    minute, hour = 60_000, 3_600_000
    assert told == [
        [b"fixed", 1, 1, hour, 0, hour - 100, hour - 100],
        [b"leaky", 9, 1, 1_000, 8, 900, 900],
        [b"shadow-fixed", 8, 8, hour, 7, 0, hour - 100],
        [b"shadow-fixed", 9, 9, 2 * hour, 8, 0, 2 * hour - 100],
        [b"shadow-sliding", 6, 6, minute, 5, 0, 2 * minute - 100],
        [b"shadow-log", 7, 7, minute, 6, 0, minute - 100],
        [b"shadow-token", 5, 2, minute, 4, 0, 30_000 - 100],
        [b"shadow-leaky", 4, 1, minute, 3, minute - 100, minute - 100],
        [b"lease", 2, 2, 10_000, 1, 0, 10_000 - 100],
        [b"ban", 3, 3, minute, 2, 0, hour - 100],
    ]


def test_a_ban_is_shown_by_its_window_or_the_last_refusal(raw: RawConnection, clock: Clock) -> None:
    def ban() -> list[Reply]:
        return rows(raw("RL.PEEK", "k"))[-1]

    def refuse(*numbers: Argument) -> None:
        raw("RL.LIMIT", "k", "FIXED", 0, "1s", "BAN", *numbers)

    refuse(5, "1m", "1m")
    assert ban() == [b"ban", 5, 5, 60_000, 5, 0, 60_000], "the last refusal"
    refuse(3, "2m", "1m")
    assert ban() == [b"ban", 3, 3, 120_000, 2, 0, 120_000], "the window that it opened"
    refuse(9, "9m", "1m")
    # It tells to wait for the period of its own call.
    assert ban() == [b"ban", 3, 3, 120_000, 1, 0, 540_000]
    refuse(9, "3m", "1m", "2m")
    assert ban() == [b"ban", 3, 3, 120_000, 0, 60_000, 180_000], "banned"
    clock.advance(59_999)
    assert ban()[4:6] == [0, 1]
    clock.advance(1)
    assert ban() == [b"ban", 3, 3, 120_000, 3, 0, 120_000], "the ban is over, and remembered"
    clock.advance(119_999)
    assert ban() == [b"ban", 3, 3, 120_000, 3, 0, 1]
    clock.advance(1)
    assert raw("RL.PEEK", "k") == []


def test_what_is_on_trial_is_shown_by_the_last_call_that_it_admitted(raw: RawConnection) -> None:
    for limit in (5, 9, 2):
        raw("RL.LIMIT", "k", "SHADOW", "FIXED", limit, "1m", "COST", 3)
    raw("RL.LIMIT", "k", "SHADOW", "FIXED", 50, "1m", "COST", 0)
    assert raw("RL.PEEK", "k") == [[b"shadow-fixed", 9, 9, 60_000, 3, 0, 60_000]]
