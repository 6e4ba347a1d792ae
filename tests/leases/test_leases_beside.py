"""LEASE as a clause: a place and rates in one call, of which one refuses for all."""

from __future__ import annotations

import pytest

from support.clock import START_MS, Clock
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import TOO_MANY_LIMITERS, clauses, integers, rows

pytestmark = pytest.mark.all_servers

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
BOTH = "LEASE 2 1m FIXED 3 1h"


def left(raw: RawConnection, key: str = "k") -> list[int]:
    """How many places are free there of 2, and how much remains of 3 an hour."""
    told = clauses(run(raw, f"RL.LIMIT {key} {BOTH} COST 0 ID look"))[1]
    return [verdict[2] for verdict in told]


# Refused by one, charged by none


def test_refused_by_the_place_and_charged_by_no_rate(server: Server, raw: RawConnection) -> None:
    for name, free in (("a", 1), ("b", 0)):
        told = run(raw, f"RL.LIMIT k {BOTH} ID {name}")
        assert told == [1, [1, 2, free, 0, MINUTE_MS], [1, 3, free + 1, 0, HOUR_MS]]
    with nothing_written(server):
        refused = [0, [0, 2, 0, MINUTE_MS, MINUTE_MS], [1, 3, 1, 0, HOUR_MS]]
        assert run(raw, f"RL.LIMIT k {BOTH} ID c") == refused
        assert run(raw, "RL.SETTLE k c 0") == 0, "nor does it leave a receipt"
    assert left(raw) == [0, 1]


def test_refused_by_a_rate_and_no_place_taken(server: Server, raw: RawConnection) -> None:
    run(raw, "RL.FIXED k 3 1h COST 3")
    with nothing_written(server):
        refused = [0, [1, 2, 2, 0, 0], [0, 3, 0, HOUR_MS, HOUR_MS]]
        assert run(raw, f"RL.LIMIT k {BOTH} ID a") == refused
        assert run(raw, "RL.RELEASE k a") == 0
    # Whoever holds a place keeps it as it is.
    run(raw, "RL.LEASE k 2 30s a")
    with nothing_written(server):
        refused = [0, [1, 2, 1, 0, 30_000], [0, 3, 0, HOUR_MS, HOUR_MS]]
        assert run(raw, f"RL.LIMIT k {BOTH} ID a") == refused


def test_refused_by_both(server: Server, raw: RawConnection) -> None:
    run(raw, f"RL.LIMIT k {BOTH} COST 3 ID a")
    run(raw, "RL.LEASE k 2 10s b")
    with nothing_written(server):
        told = run(raw, f"RL.LIMIT k {BOTH} ID c")
        assert told == [0, [0, 2, 0, 10_000, MINUTE_MS], [0, 3, 0, HOUR_MS, HOUR_MS]]


RATES = ("FIXED 9 1h", "SLIDING 9 1h", "LOG 9 1h", "TOKEN 9 1 1h", "LEAKY 9 1 1h")


@pytest.mark.parametrize("rate", RATES)
def test_beside_each_algorithm_in_any_order(server: Server, raw: RawConnection, rate: str) -> None:
    alone = integers(run(raw, f"RL.{rate.split()[0]} other {rate.partition(' ')[2]} COST 4"))
    place = [1, 1, 0, 0, MINUTE_MS]
    assert run(raw, f"RL.LIMIT k {rate} LEASE 1 1m COST 4 ID a") == [1, alone, place]
    with nothing_written(server):
        told = clauses(run(raw, f"RL.LIMIT k LEASE 1 1m {rate} COST 4 ID b"))
        assert (told[0], told[1][0]) == (0, [0, 1, 0, MINUTE_MS, MINUTE_MS])
        assert told[1][1][:3] == [1, 9, 5], "it alone would pass"
    run(raw, "RL.RELEASE k a")
    with nothing_written(server):
        told = clauses(run(raw, f"RL.LIMIT k LEASE 1 1m {rate} COST 6 ID b"))
        assert (told[0], told[1][0]) == (0, [1, 1, 1, 0, 0])
        assert told[1][1][:3] == [0, 9, 5]


def test_a_clause_takes_one_place_whatever_the_cost(server: Server, raw: RawConnection) -> None:
    told = run(raw, "RL.LIMIT k LEASE 2 1m FIXED 100 1h COST 40 ID a")
    assert told == [1, [1, 2, 1, 0, MINUTE_MS], [1, 100, 60, 0, HOUR_MS]]
    with nothing_written(server):
        told = run(raw, "RL.LIMIT k LEASE 2 1m FIXED 100 1h COST 0 ID b")
        assert told == [1, [1, 2, 1, 0, MINUTE_MS], [1, 100, 60, 0, HOUR_MS]]
        told = run(raw, "RL.LIMIT k LEASE 0 1m FIXED 100 1h COST 0 ID b")
        assert told == [0, [0, 0, 0, MINUTE_MS, MINUTE_MS], [1, 100, 60, 0, HOUR_MS]]
    # Of one that holds more, it keeps all: who holds enough is let in, and then holds one.
    run(raw, "RL.LEASE k 2 1m a COST 2")
    told = run(raw, "RL.LIMIT k LEASE 2 1m FIXED 100 1h ID c")
    assert clauses(told)[0] == 0
    told = run(raw, "RL.LIMIT k LEASE 2 1m FIXED 100 1h ID a")
    assert told == [1, [1, 2, 1, 0, MINUTE_MS], [1, 100, 60, 0, HOUR_MS]]


def test_it_shares_its_places_with_rl_lease(raw: RawConnection) -> None:
    run(raw, "RL.LEASE k 3 10s a COST 2")
    assert run(raw, "RL.LIMIT k LEASE 3 1m ID b") == [1, [1, 3, 0, 0, MINUTE_MS]]
    assert run(raw, "RL.LEASE k 3 1m c") == [0, 3, 0, 10_000, MINUTE_MS]
    assert run(raw, "RL.RENEW k 2m a b") == 2
    assert run(raw, "RL.RELEASE k b a") == 2


# Ids, repeats and receipts


def test_a_repeat_is_not_charged_and_its_place_is_asked_for_again(
    server: Server, raw: RawConnection, clock: Clock
) -> None:
    line = "RL.LIMIT k LEASE 1 10s FIXED 5 1h COST 2 ID {} KEEP 1h"
    assert run(raw, line.format("a")) == [1, [1, 1, 0, 0, 10_000], [1, 5, 3, 0, HOUR_MS]]
    clock.advance(4_000)
    # Its lease begins again; nothing is charged.
    assert run(raw, line.format("a")) == [1, [1, 1, 0, 0, 10_000], [1, 5, 3, 0, HOUR_MS - 4_000]]
    clock.advance(9_999)
    assert integers(run(raw, "RL.LEASE k 1 1m x"))[0] == 0
    clock.advance(1)
    assert clauses(run(raw, line.format("b")))[0] == 1
    with nothing_written(server):
        told = run(raw, line.format("a"))
        assert told == [0, [0, 1, 0, 10_000, 10_000], [1, 5, 1, 0, HOUR_MS - 14_000]]
    run(raw, "RL.RELEASE k b")
    told = run(raw, line.format("a"))
    assert told == [1, [1, 1, 0, 0, 10_000], [1, 5, 1, 0, HOUR_MS - 14_000]], "as never charged"
    assert run(raw, "RL.SETTLE k a 0") == 1
    assert clauses(run(raw, line.format("a")))[1][1][2] == 3


def test_a_repeat_of_an_exhausted_rate_gets_its_place(raw: RawConnection) -> None:
    assert clauses(run(raw, "RL.LIMIT k LEASE 1 10s FIXED 1 1h ID a"))[0] == 1
    run(raw, "RL.RELEASE k a")
    told = run(raw, "RL.LIMIT k LEASE 1 10s FIXED 1 1h ID a")
    assert told == [1, [1, 1, 0, 0, 10_000], [1, 1, 0, 0, HOUR_MS]]


def test_what_a_repeat_must_name_does_not_include_the_place(raw: RawConnection) -> None:
    run(raw, "RL.LIMIT k LEASE 2 10s FIXED 5 1h ID a")
    assert run(raw, "RL.FIXED k 5 1h ID a") == [1, 5, 4, 0, HOUR_MS]
    told = run(raw, "RL.LIMIT k FIXED 5 1h LEASE 3 20s ID a")
    assert told == [1, [1, 5, 4, 0, HOUR_MS], [1, 3, 2, 0, 20_000]]
    another = Failure("ERR id 'a' names another call")
    assert run(raw, "RL.LIMIT k LEASE 2 10s LOG 5 1h ID a") == another
    assert run(raw, "RL.LIMIT k LEASE 2 10s ID a") == another


def test_places_alone_leave_no_receipt(new_server: NewServer) -> None:
    server = new_server(module_args=["receipts-max", "0"])
    with server.raw() as raw:
        assert run(raw, "RL.LIMIT k LEASE 2 10s ID a KEEP 1h") == [1, [1, 2, 1, 0, 10_000]]
        assert run(raw, "RL.SETTLE k a 0") == 0
        refused = run(raw, "RL.LIMIT k LEASE 2 10s FIXED 5 1h ID a")
        assert refused == Failure("ERR ID must not be given while ratelimit.receipts-max is 0")
        raw("CONFIG", "SET", "ratelimit.receipts-max", 10)
        # The id is new to the rate, and holds the place that it has.
        told = run(raw, "RL.LIMIT k LEASE 2 10s FIXED 5 1h ID a")
        assert told == [1, [1, 2, 1, 0, 10_000], [1, 5, 4, 0, HOUR_MS]]
        server.clock.advance(10_000)
        assert run(raw, "RL.RELEASE k a") == 0
        assert run(raw, "RL.SETTLE k a 3") == 1


def test_a_policy_may_hold_one(raw: RawConnection) -> None:
    run(raw, "RL.POLICY SET upload LEASE 1 10s FIXED 5 1h")
    assert run(raw, "RL.LIMIT k POLICY upload ID a") == [
        1,
        [1, 1, 0, 0, 10_000],
        [1, 5, 4, 0, HOUR_MS],
    ]
    assert clauses(run(raw, "RL.LIMIT k POLICY upload ID b"))[0] == 0
    needs = "ERR LEASE must come with ID id at the end of the call"
    assert run(raw, "RL.LIMIT k POLICY upload") == Failure(needs)
    second = "ERR clause 3 is a second LEASE, a key may have one in a call"
    assert run(raw, "RL.LIMIT k POLICY upload LEASE 3 1m ID a") == Failure(second)
    run(raw, "RL.POLICY DEL upload")


# Clocks that step back


def test_a_refused_call_records_the_move_of_both(
    server: Server, raw: RawConnection, clock: Clock
) -> None:
    clock.advance(20_000)
    run(raw, "RL.LIMIT k LEASE 1 1m LOG 9 1h COST 3 ID a")
    clock.set_ms(START_MS)
    before = raw("DEBUG", "DIGEST-VALUE", "k")
    told = run(raw, "RL.LIMIT k LEASE 1 1m LOG 9 1h COST 3 ID b")
    assert told == [0, [0, 1, 0, MINUTE_MS, MINUTE_MS], [1, 9, 6, 0, HOUR_MS]]
    assert raw("DEBUG", "DIGEST-VALUE", "k") != before
    with nothing_written(server):
        assert run(raw, "RL.LIMIT k LEASE 1 1m LOG 9 1h COST 3 ID b") == told


# Several keys

ALL = "RL.ALL user LEASE 2 1m FIXED 9 1h AND tenant LEASE 3 2m COST 0 AND other LOG 9 1h ID {}"


def test_each_key_can_have_places_of_its_own(server: Server, raw: RawConnection) -> None:
    line = "RL.ALL user LEASE 1 1m FIXED 9 1h AND tenant LEASE 2 2m COST 7 ID {}"
    assert run(raw, line.format("a")) == [
        *(1, [1, 1, 0, 0, MINUTE_MS], [1, 9, 8, 0, HOUR_MS]),
        [1, 2, 1, 0, 2 * MINUTE_MS],
    ]
    with nothing_written(server):
        refused = [
            *(0, [0, 1, 0, MINUTE_MS, MINUTE_MS], [1, 9, 8, 0, HOUR_MS]),
            [1, 2, 1, 0, 2 * MINUTE_MS],
        ]
        assert run(raw, line.format("b")) == refused
        assert run(raw, "RL.RENEW tenant 1m b") == 0
    run(raw, "RL.LEASE tenant 2 1m x")
    run(raw, "RL.RELEASE user a")
    with nothing_written(server):
        told = clauses(run(raw, line.format("b")))
        assert [told[0], *(verdict[0] for verdict in told[1])] == [0, 1, 1, 0]
        assert run(raw, "RL.RENEW user 1m b") == 0, "no place where the other key refuses"
    # A repeat that holds its place at one key, and gets it back at the other.
    told = clauses(run(raw, line.format("a")))
    assert told == (
        1,
        [[1, 1, 0, 0, MINUTE_MS], [1, 9, 8, 0, HOUR_MS], [1, 2, 0, 0, 2 * MINUTE_MS]],
    )


def test_a_group_of_cost_0_only_looks(server: Server, raw: RawConnection) -> None:
    told = clauses(run(raw, ALL.format("a")))
    assert told[0] == 1
    assert [verdict[2] for verdict in told[1]] == [1, 8, 3, 8]
    assert run(raw, "RL.RELEASE tenant a") == 0
    run(raw, "RL.LEASE tenant 9 1m x COST 4")
    with nothing_written(server):
        told = clauses(run(raw, ALL.format("b")))
        assert [told[0], *(verdict[0] for verdict in told[1])] == [0, 1, 1, 0, 1]


# So many limiters at a key


def test_the_set_counts_among_the_limiters_of_its_key(
    server: Server, raw: RawConnection, clock: Clock
) -> None:
    for number in range(1, 64):
        run(raw, f"RL.FIXED k 9 {number + 100}s")
    assert integers(run(raw, "RL.LEASE k 9 1m a"))[0] == 1
    assert len(rows(run(raw, "RL.PEEK k"))) == 64
    with nothing_written(server):
        assert run(raw, "RL.FIXED k 9 1h") == TOO_MANY_LIMITERS
        # Denied, or without a cost: it would make none.
        assert integers(run(raw, "RL.FIXED k 0 1h"))[0] == 0
    assert integers(run(raw, "RL.LEASE k 9 1m b"))[0] == 1
    run(raw, "RL.RELEASE k a b")
    run(raw, "RL.FIXED k 9 1h")
    with nothing_written(server):
        assert run(raw, "RL.LEASE k 9 1m a") == TOO_MANY_LIMITERS
        assert run(raw, "RL.LIMIT k FIXED 9 1h LEASE 9 1m ID a") == TOO_MANY_LIMITERS
        assert integers(run(raw, "RL.LEASE k 9 1m a COST 0"))[0] == 1
        assert integers(run(raw, "RL.LEASE k 0 1m a"))[0] == 0
        assert run(raw, "RL.RENEW k 1m a") == 0
    clock.advance(101_000)
    assert integers(run(raw, "RL.LEASE k 9 1m a"))[0] == 1, "one is over"
