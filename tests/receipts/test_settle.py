"""RL.SETTLE: a charge becomes what it would have been, in the window where it was made."""

from __future__ import annotations

import pytest

from support.clock import START_MS, Clock
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import clauses, integers

pytestmark = pytest.mark.all_servers

MOST = 10**12


# Each line: when it is called, in ms from the start; the call; the answer.
Example = list[tuple[int, str, int | list[int]]]


def play(server: Server, raw: RawConnection, example: Example) -> None:
    """Make the calls of an example; those with COST 0 write nothing."""
    for at_ms, line, expected in example:
        server.clock.set_ms(START_MS + at_ms)
        if "COST 0" in line:
            with nothing_written(server):
                assert run(raw, line) == expected, f"{line} at {at_ms}"
        else:
            assert run(raw, line) == expected, f"{line} at {at_ms}"


LOOK_TOKEN = "RL.TOKEN k 10 1 1s COST 0"
LOOK_FIXED = "RL.FIXED k 10 10s COST 0"
LOOK_SLIDING = "RL.SLIDING k 10 1s COST 0"
LOOK_LOG = "RL.LOG k 10 1s COST 0"

EXAMPLES: dict[str, Example] = {
    "FIXED, less": [
        (1_000, "RL.FIXED k 10 10s COST 8 ID a", [1, 10, 2, 0, 10_000]),
        (3_000, "RL.FIXED k 10 10s COST 2 ID b", [1, 10, 0, 0, 8_000]),
        (4_000, "RL.SETTLE k a 3", 1),
        (4_000, LOOK_FIXED, [1, 10, 5, 0, 7_000]),
        (4_000, "RL.FIXED k 10 10s COST 6", [0, 10, 5, 7_000, 7_000]),
        (4_000, "RL.FIXED k 10 10s COST 5", [1, 10, 0, 0, 7_000]),
        (10_999, "RL.SETTLE k b 0", 1),
        (10_999, LOOK_FIXED, [1, 10, 2, 0, 1]),
    ],
    "FIXED, more, above the limit": [
        (0, "RL.FIXED k 10 10s COST 8 ID a", [1, 10, 2, 0, 10_000]),
        (1_000, "RL.SETTLE k a 25", 1),
        (1_000, LOOK_FIXED, [0, 10, 0, 9_000, 9_000]),
        (1_000, "RL.FIXED k 25 10s COST 0", [1, 25, 0, 0, 9_000]),
        (1_000, "RL.FIXED k 26 10s ID b", [1, 26, 0, 0, 9_000]),
        (1_000, "RL.SETTLE k a 0", 1),
        (1_000, LOOK_FIXED, [1, 10, 9, 0, 9_000]),
    ],
    "FIXED, of which all is given back, keeps its window": [
        (0, "RL.FIXED k 10 10s COST 8 ID a", [1, 10, 2, 0, 10_000]),
        (1_000, "RL.SETTLE k a 0", 1),
        (1_000, LOOK_FIXED, [1, 10, 10, 0, 0]),
        (2_000, "RL.FIXED k 10 10s COST 3", [1, 10, 7, 0, 8_000]),
        (3_000, "RL.SETTLE k a 4", 1),
        (3_000, LOOK_FIXED, [1, 10, 3, 0, 7_000]),
    ],
    "FIXED, of the past": [
        (0, "RL.FIXED k 10 10s COST 8 ID a", [1, 10, 2, 0, 10_000]),
        (10_000, "RL.FIXED k 10 10s COST 1", [1, 10, 9, 0, 10_000]),
        (10_000, "RL.SETTLE k a 0", 1),
        (10_000, "RL.SETTLE k a 9", 1),
        (10_000, LOOK_FIXED, [1, 10, 9, 0, 10_000]),
    ],
    "SLIDING": [
        (500, "RL.SLIDING k 10 1s COST 8 ID a", [1, 10, 2, 0, 1_500]),
        (1_500, "RL.SLIDING k 10 1s COST 4 ID b", [1, 10, 2, 0, 1_500]),
        # In the window before: 2 * 1/2, and 4.
        (1_500, "RL.SETTLE k a 2", 1),
        (1_500, LOOK_SLIDING, [1, 10, 5, 0, 1_500]),
        # In this one: only the window before is in use.
        (1_500, "RL.SETTLE k b 0", 1),
        (1_500, LOOK_SLIDING, [1, 10, 9, 0, 500]),
        (2_000, "RL.SETTLE k a 9", 1),
        (2_000, LOOK_SLIDING, [1, 10, 10, 0, 0]),
        # In the window before, though there was no call in this one: 6 * 1/2.
        (2_000, "RL.SETTLE k b 6", 1),
        (2_500, LOOK_SLIDING, [1, 10, 7, 0, 500]),
        (3_000, "RL.SETTLE k b 9", 1),
        (3_000, LOOK_SLIDING, [1, 10, 10, 0, 0]),
    ],
    "SLIDING, above the limit": [
        (0, "RL.SLIDING k 10 1s COST 4 ID a", [1, 10, 6, 0, 2_000]),
        (0, "RL.SETTLE k a 20", 1),
        # 20 * (1000 - e) falls to 10 * 1000 at the middle of the next window.
        (0, LOOK_SLIDING, [0, 10, 0, 1_500, 2_000]),
        (1_499, LOOK_SLIDING, [0, 10, 0, 1, 501]),
        (1_500, LOOK_SLIDING, [1, 10, 0, 0, 500]),
    ],
    "LOG": [
        (100, "RL.LOG k 10 1s COST 4 ID a", [1, 10, 6, 0, 1_000]),
        (100, "RL.LOG k 10 1s COST 2 ID b", [1, 10, 4, 0, 1_000]),
        (300, "RL.LOG k 10 1s COST 3 ID c", [1, 10, 1, 0, 1_000]),
        (400, "RL.SETTLE k a 1", 1),
        (400, LOOK_LOG, [1, 10, 4, 0, 900]),
        # The newest that is left is that of 100.
        (400, "RL.SETTLE k c 0", 1),
        (400, LOOK_LOG, [1, 10, 7, 0, 700]),
        (400, "RL.SETTLE k c 8", 1),
        (400, LOOK_LOG, [0, 10, 0, 700, 900]),
        (400, "RL.SETTLE k c 5", 1),
        (400, "RL.LOG k 10 1s COST 4", [0, 10, 2, 700, 900]),
        (1_099, LOOK_LOG, [1, 10, 2, 0, 201]),
        (1_100, LOOK_LOG, [1, 10, 5, 0, 200]),
        # Those of 100 no longer count.
        (1_100, "RL.SETTLE k a 0", 1),
        (1_100, "RL.SETTLE k b 9", 1),
        (1_100, LOOK_LOG, [1, 10, 5, 0, 200]),
        (1_299, "RL.SETTLE k c 0", 1),
        (1_299, LOOK_LOG, [1, 10, 10, 0, 0]),
    ],
    # The contract's own numbers: giving back all 8 that were too many would be wrong.
    "TOKEN that ran empty in between": [
        (0, "RL.TOKEN k 10 1 1s COST 10 ID a", [1, 10, 0, 0, 10_000]),
        (6_000, "RL.TOKEN k 10 1 1s COST 5 ID b", [1, 10, 1, 0, 9_000]),
        (7_000, LOOK_TOKEN, [1, 10, 2, 0, 8_000]),
        (7_000, "RL.SETTLE k a 2", 1),
        (7_000, LOOK_TOKEN, [1, 10, 6, 0, 4_000]),
        (7_000, "RL.SETTLE k a 2", 1),
        (7_000, LOOK_TOKEN, [1, 10, 6, 0, 4_000]),
        # What is left of it has leaked by 2 s.
        (7_000, "RL.SETTLE k a 0", 1),
        (7_000, LOOK_TOKEN, [1, 10, 6, 0, 4_000]),
    ],
    "TOKEN that never ran empty": [
        (0, "RL.TOKEN k 10 1 1s COST 4 ID a", [1, 10, 6, 0, 4_000]),
        (0, "RL.TOKEN k 10 1 1s COST 6 ID b", [1, 10, 0, 0, 10_000]),
        (3_000, "RL.SETTLE k a 1", 1),
        (3_000, LOOK_TOKEN, [1, 10, 6, 0, 4_000]),
        (3_000, "RL.SETTLE k b 2", 1),
        (3_000, LOOK_TOKEN, [1, 10, 10, 0, 0]),
    ],
    "TOKEN, more, above the capacity": [
        (0, "RL.TOKEN k 10 1 1s COST 4 ID a", [1, 10, 6, 0, 4_000]),
        # 2 are out still, and the rest is charged now.
        (2_000, "RL.SETTLE k a 15", 1),
        (2_000, LOOK_TOKEN, [0, 10, 0, 3_000, 13_000]),
        (4_999, LOOK_TOKEN, [0, 10, 0, 1, 10_001]),
        (5_000, LOOK_TOKEN, [1, 10, 0, 0, 10_000]),
        (5_000, "RL.SETTLE k a 14", 1),
        (5_000, LOOK_TOKEN, [1, 10, 1, 0, 9_000]),
        # First what was added is taken back: 10 of which 9 are out, then what is left of the 4.
        (5_000, "RL.SETTLE k a 0", 1),
        (5_000, LOOK_TOKEN, [1, 10, 10, 0, 0]),
    ],
    "LEAKY, whose places were promised": [
        (0, "RL.LEAKY k 10 1 1s COST 3 ID a", [1, 10, 7, 0, 3_000]),
        (0, "RL.LEAKY k 10 1 1s COST 2 ID b", [1, 10, 5, 3_000, 5_000]),
        (0, "RL.SETTLE k a 0", 1),
        (0, "RL.SETTLE k b 9", 1),
        (0, "RL.LEAKY k 10 1 1s COST 0", [1, 10, 5, 5_000, 5_000]),
        (0, "RL.LEAKY k 10 1 1s ID b", [1, 10, 5, 3_000, 5_000]),
    ],
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_a_settle_charges_what_it_would_have_been(
    server: Server, raw: RawConnection, example: Example
) -> None:
    play(server, raw, example)


def test_a_call_of_several_clauses_is_settled_at_each(raw: RawConnection, clock: Clock) -> None:
    asked = "RL.LIMIT k FIXED 9 10s SLIDING 9 10s LOG 9 10s TOKEN 9 1 1s LEAKY 9 1 1s"
    run(raw, f"{asked} COST 6 ID a")
    run(raw, "RL.LIMIT k FIXED 9 10s TOKEN 9 1 1s COST 1")
    clock.advance(1_000)
    assert run(raw, "RL.SETTLE k a 2") == 1
    assert run(raw, f"{asked} COST 0") == [
        1,
        [1, 9, 6, 0, 9_000],
        [1, 9, 7, 0, 19_000],
        [1, 9, 7, 0, 9_000],
        [1, 9, 7, 0, 2_000],
        [1, 9, 4, 5_000, 5_000],
    ]
    # One clause is of the past, one can be settled still.
    clock.advance(9_000)
    run(raw, "RL.SETTLE k a 8")
    assert run(raw, f"{asked} COST 0") == [
        1,
        [1, 9, 9, 0, 0],
        [1, 9, 1, 0, 10_000],
        [1, 9, 9, 0, 0],
        [1, 9, 3, 0, 6_000],
        [1, 9, 9, 0, 0],
    ]


CHARGES = {
    "FIXED": "RL.FIXED k 10 1h",
    "SLIDING": "RL.SLIDING k 10 1h",
    "LOG": "RL.LOG k 10 1h",
    "TOKEN": "RL.TOKEN k 10 1 1h",
}
every_settled = pytest.mark.parametrize("charge", CHARGES.values(), ids=CHARGES)


@every_settled
def test_settling_twice_is_settling_once_and_a_later_one_corrects(
    server: Server, raw: RawConnection, charge: str
) -> None:
    run(raw, f"{charge} COST 6 ID a")
    with nothing_written(server):
        assert run(raw, "RL.SETTLE k a 6") == 1, "what it cost already"
    for cost in (2, 9, 0, 7, 10, 10, 1):
        assert run(raw, f"RL.SETTLE k a {cost}") == 1
        assert integers(run(raw, f"{charge} COST 0"))[2] == 10 - cost
        with nothing_written(server):
            assert run(raw, f"RL.SETTLE k a {cost}") == 1
            assert integers(run(raw, f"{charge} COST 99 ID a"))[:3] == [1, 10, 10 - cost]


@every_settled
def test_an_id_that_is_not_known_changes_nothing(
    server: Server, raw: RawConnection, clock: Clock, charge: str
) -> None:
    with nothing_written(server):
        assert run(raw, "RL.SETTLE k a 0") == 0, "no key"
    run(raw, f"{charge} COST 6")
    with nothing_written(server):
        assert run(raw, "RL.SETTLE k a 0") == 0, "no receipt"
    run(raw, f"{charge} COST 2 ID a KEEP 10s")
    clock.advance(10_000)
    with nothing_written(server):
        for name in ("a", "A", "aa"):
            assert run(raw, f"RL.SETTLE k {name} 0") == 0, "forgotten, and others"
        assert integers(run(raw, f"{charge} COST 0"))[2] == 2


PAST = {
    "FIXED": ("RL.FIXED k 10 1s", 1_000),
    "SLIDING": ("RL.SLIDING k 10 1s", 2_000),
    "LOG": ("RL.LOG k 10 1s", 1_000),
}


@pytest.mark.parametrize(("charge", "past_ms"), PAST.values(), ids=PAST)
def test_what_is_of_the_past_is_not_changed(
    server: Server, raw: RawConnection, clock: Clock, charge: str, past_ms: int
) -> None:
    for again in (False, True):
        start_ms = clock.now_ms()
        assert integers(run(raw, f"{charge} COST 6 ID a KEEP 1h"))[0] == 1
        clock.set_ms(start_ms + past_ms - 1)
        assert run(raw, "RL.SETTLE k a 5") == 1
        clock.set_ms(start_ms + past_ms)
        if again:
            run(raw, charge)
        with nothing_written(server):
            for cost in (0, 5, 9):
                assert run(raw, f"RL.SETTLE k a {cost}") == 1
        assert integers(run(raw, f"{charge} COST 0"))[2] == 10 - again
        assert run(raw, "DEL k") == 1


@pytest.mark.parametrize("name", ["FIXED", "SLIDING", "TOKEN"])
def test_use_goes_up_to_10_to_the_12(raw: RawConnection, name: str) -> None:
    charge = f"RL.{name} k {MOST} " + ("1 30d" if name == "TOKEN" else "30d")
    run(raw, f"{charge} COST 5 ID a")
    run(raw, f"{charge} COST 7 ID b")
    assert run(raw, f"RL.SETTLE k a {MOST}") == 1
    assert integers(run(raw, f"{charge} COST 0"))[:3] == [1, MOST, 0]
    assert run(raw, "RL.SETTLE k b 0") == 1
    # It is remembered as what fitted, 10^12 - 7.
    assert integers(run(raw, f"{charge} COST 0"))[2] == 7
    assert run(raw, f"RL.SETTLE k a {MOST - 7}") == 1
    assert integers(run(raw, f"{charge} COST 0"))[2] == 7
    assert run(raw, f"RL.SETTLE k a {MOST}") == 1
    assert integers(run(raw, f"{charge} COST 0"))[2] == 0
    assert run(raw, "RL.SETTLE k a 1") == 1
    assert integers(run(raw, f"{charge} COST 0"))[2] == MOST - 1


def test_a_log_goes_up_to_10_to_the_7_in_all(new_server: NewServer) -> None:
    server = new_server(module_args=["log-max-limit", "10000000"])
    with server.raw() as raw:
        look = "RL.LOG k 10000000 30d COST 0"
        run(raw, "RL.LOG k 10 30d COST 3 ID a")
        server.clock.advance(1)
        run(raw, "RL.LOG k 10 30d COST 4 ID b")
        assert run(raw, f"RL.SETTLE k b {MOST}") == 1
        assert integers(run(raw, look))[:3] == [1, 10**7, 0]
        assert run(raw, "RL.SETTLE k a 0") == 1
        assert integers(run(raw, look))[2] == 3, "b is remembered as what fitted"
        assert run(raw, "RL.SETTLE k b 20000000") == 1
        assert integers(run(raw, look))[2] == 0
        assert run(raw, "RL.SETTLE k b 4") == 1
        assert integers(run(raw, "RL.LOG k 10 30d COST 0"))[:3] == [1, 10, 6]


def test_each_clause_remembers_what_fitted_there(raw: RawConnection) -> None:
    both = f"RL.LIMIT k FIXED {MOST} 1h TOKEN {MOST} 1 30d"
    run(raw, f"RL.FIXED k {MOST} 1h COST 9")
    run(raw, f"{both} COST 5 ID a")
    run(raw, f"RL.SETTLE k a {MOST}")
    _, verdicts = clauses(run(raw, f"{both} COST 0"))
    assert [verdict[2] for verdict in verdicts] == [0, 0]
    run(raw, "RL.SETTLE k a 0")
    _, verdicts = clauses(run(raw, f"{both} COST 0"))
    assert [verdict[2] for verdict in verdicts] == [MOST - 9, MOST]


def test_a_charge_settled_as_0_is_there_again_when_settled_as_more(
    raw: RawConnection, clock: Clock
) -> None:
    # Between the two, other limiters of the key come and push out what is unused.
    for number, charge in enumerate(CHARGES.values()):
        key = f"k{number}"
        charge = charge.replace(" k ", f" {key} ")
        run(raw, f"{charge} COST 4 ID a")
        run(raw, f"RL.SETTLE {key} a 0")
        assert run(raw, f"RL.PEEK {key}") == []
        for period in range(70):
            assert integers(raw("RL.FIXED", key, 9, f"{period + 1}ms"))[0] == 1
            clock.advance(period + 1)
        assert run(raw, f"RL.SETTLE {key} a 3") == 1
        assert integers(run(raw, f"{charge} COST 0"))[2] == 7


def test_a_settle_may_lengthen_the_life_of_a_key(raw: RawConnection, clock: Clock) -> None:
    run(raw, "RL.TOKEN k 10 1 1h ID a KEEP 1s")
    before = run(raw, "PEXPIRETIME k")
    run(raw, "RL.SETTLE k a 10")
    after = run(raw, "PEXPIRETIME k")
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after >= clock.now_ms() + 10 * 3_600_000 > before


def test_a_settle_records_the_clocks_step_back_of_what_it_changes_only(
    server: Server, raw: RawConnection, clock: Clock
) -> None:
    run(raw, "RL.LOG k 10 1h COST 4 ID a")
    clock.advance(10_000)
    run(raw, "RL.LIMIT k LOG 10 1h FIXED 10 1h COST 2 ID b")
    clock.advance(-5_000)
    with nothing_written(server):
        assert run(raw, "RL.SETTLE k b 0") == 0, "ahead of the clock"
    assert run(raw, "RL.SETTLE k a 1") == 1
    clock.advance(5_000)
    # The entry of 10 s was moved to 5 s; the window that opens at 10 s was not.
    assert run(raw, "RL.LOG k 10 1h COST 0") == [1, 10, 7, 0, 3_595_000]
    assert run(raw, "RL.FIXED k 10 1h COST 0") == [1, 10, 8, 0, 3_600_000]
    assert run(raw, "RL.SETTLE k b 0") == 0, "forgotten by the write"


def test_a_settle_at_another_type(raw: RawConnection) -> None:
    run(raw, "SET k v")
    wrong = "WRONGTYPE Operation against a key holding the wrong kind of value"
    assert run(raw, "RL.SETTLE k a 1") == Failure(wrong)
    assert run(raw, "GET k") == b"v"
