"""ID and KEEP: a call that is made again is the same call, for as long as its id is known."""

from __future__ import annotations

import pytest

from support import replication
from support.clock import START_MS, Clock
from support.lines import run
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import integers

pytestmark = pytest.mark.all_servers

DAY_MS = 86_400_000


# Each line: when it is called, in ms from the start; the call; the answer; whether it is a repeat.
Example = list[tuple[int, str, list[int], bool]]

EXAMPLES: dict[str, Example] = {
    "FIXED": [
        (0, "RL.FIXED k 10 10s COST 3 ID a", [1, 10, 7, 0, 10_000], False),
        (4_000, "RL.FIXED k 10 10s COST 2", [1, 10, 5, 0, 6_000], False),
        (5_000, "RL.FIXED k 10 10s COST 3 ID a", [1, 10, 5, 0, 5_000], True),
        (5_000, "RL.FIXED k 10 10s COST 1000000000000 ID a", [1, 10, 5, 0, 5_000], True),
        (5_000, "RL.FIXED k 25 10s ID a", [1, 25, 20, 0, 5_000], True),
        (5_000, "RL.FIXED k 4 10s ID a", [1, 4, 0, 0, 5_000], True),
        (5_000, "RL.FIXED k 0 10s ID a", [1, 0, 0, 0, 5_000], True),
        (9_999, "RL.FIXED k 10 10s COST 3 ID a", [1, 10, 5, 0, 1], True),
        (10_000, "RL.FIXED k 10 10s COST 3 ID a", [1, 10, 10, 0, 0], True),
        (10_000, "RL.FIXED k 10 10s COST 3 ID b", [1, 10, 7, 0, 10_000], False),
        (10_000, "RL.FIXED k 10 10s COST 3 ID a", [1, 10, 7, 0, 10_000], True),
    ],
    "SLIDING": [
        (0, "RL.SLIDING k 10 10s COST 3 ID a", [1, 10, 7, 0, 20_000], False),
        (4_000, "RL.SLIDING k 10 10s COST 2", [1, 10, 5, 0, 16_000], False),
        (5_000, "RL.SLIDING k 10 10s COST 3 ID a", [1, 10, 5, 0, 15_000], True),
        (5_000, "RL.SLIDING k 4 10s COST 99 ID a", [1, 4, 0, 0, 15_000], True),
        (12_000, "RL.SLIDING k 10 10s COST 3 ID a", [1, 10, 6, 0, 8_000], True),
        (20_000, "RL.SLIDING k 10 10s COST 3 ID a", [1, 10, 10, 0, 0], True),
    ],
    "LOG": [
        (0, "RL.LOG k 10 10s COST 3 ID a", [1, 10, 7, 0, 10_000], False),
        (4_000, "RL.LOG k 10 10s COST 2", [1, 10, 5, 0, 10_000], False),
        (5_000, "RL.LOG k 10 10s COST 3 ID a", [1, 10, 5, 0, 9_000], True),
        (5_000, "RL.LOG k 4 10s COST 99 ID a", [1, 4, 0, 0, 9_000], True),
        (11_000, "RL.LOG k 10 10s COST 3 ID a", [1, 10, 8, 0, 3_000], True),
        (14_000, "RL.LOG k 10 10s COST 3 ID a", [1, 10, 10, 0, 0], True),
    ],
    "TOKEN": [
        (0, "RL.TOKEN k 10 1 1s COST 8 ID a", [1, 10, 2, 0, 8_000], False),
        (1_500, "RL.TOKEN k 10 1 1s COST 8 ID a", [1, 10, 3, 0, 6_500], True),
        (1_500, "RL.TOKEN k 5 1 1s COST 99 ID a", [1, 5, 0, 0, 6_500], True),
        # Twice the refill also for the time since the charge, as in any call: 8 - 3 are out.
        (1_500, "RL.TOKEN k 10 2 1s ID a", [1, 10, 5, 0, 2_500], True),
        (8_000, "RL.TOKEN k 10 1 1s COST 8 ID a", [1, 10, 10, 0, 0], True),
    ],
    "TOKEN that refills slower": [
        (0, "RL.TOKEN k 10 2 1s COST 8 ID a", [1, 10, 2, 0, 4_000], False),
        # It is as new when it would be by the numbers recorded with it, as in any call.
        (1_000, "RL.TOKEN k 10 1 1s COST 8 ID a", [1, 10, 3, 0, 3_000], True),
    ],
    "LEAKY": [
        (0, "RL.LEAKY k 10 1 1s COST 4", [1, 10, 6, 0, 4_000], False),
        (0, "RL.LEAKY k 10 1 1s COST 3 ID a", [1, 10, 3, 4_000, 7_000], False),
        (0, "RL.LEAKY k 10 1 1s COST 3 ID a", [1, 10, 3, 4_000, 7_000], True),
        (0, "RL.LEAKY k 10 1 1s COST 2 ID b", [1, 10, 1, 7_000, 9_000], False),
        (1_000, "RL.LEAKY k 10 1 1s COST 3 ID a", [1, 10, 2, 3_000, 8_000], True),
        # What it was told, whatever the leak is now.
        (1_000, "RL.LEAKY k 10 9 1s COST 9 ID a", [1, 10, 10, 3_000, 0], True),
        (3_999, "RL.LEAKY k 3 1 1s COST 3 ID a", [1, 3, 0, 1, 5_001], True),
        (4_000, "RL.LEAKY k 10 1 1s COST 3 ID a", [1, 10, 5, 0, 5_000], True),
        (4_500, "RL.LEAKY k 10 1 1s COST 3 ID a", [1, 10, 5, 0, 4_500], True),
        (4_500, "RL.LEAKY k 10 1 1s COST 2 ID b", [1, 10, 5, 2_500, 4_500], True),
    ],
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_a_repeat_charges_nothing_and_writes_nothing(
    server: Server, raw: RawConnection, clock: Clock, example: Example
) -> None:
    for at_ms, line, expected, is_repeat in example:
        clock.set_ms(START_MS + at_ms)
        if is_repeat:
            with nothing_written(server):
                assert run(raw, line) == expected, f"{line} at {at_ms}"
        else:
            assert run(raw, line) == expected, f"{line} at {at_ms}"


def test_a_repeat_of_several_clauses(server: Server, raw: RawConnection, clock: Clock) -> None:
    asked = "FIXED 9 10s SLIDING 9 10s LOG 9 10s TOKEN 9 1 1s LEAKY 9 1 1s"
    first = "RL.LIMIT k " + asked + " COST 3"
    run(raw, first)
    assert run(raw, f"{first} ID a") == [
        1,
        [1, 9, 3, 0, 10_000],
        [1, 9, 3, 0, 20_000],
        [1, 9, 3, 0, 10_000],
        [1, 9, 3, 0, 6_000],
        [1, 9, 3, 3_000, 6_000],
    ]
    clock.advance(1_000)
    again = [
        [1, 9, 3, 0, 9_000],
        [1, 9, 3, 0, 19_000],
        [1, 9, 3, 0, 9_000],
        [1, 9, 4, 0, 5_000],
        [1, 9, 4, 2_000, 5_000],
    ]
    other_order = "LEAKY 9 1 1s TOKEN 9 1 1s LOG 9 10s SLIDING 9 10s FIXED 9 10s"
    with nothing_written(server):
        assert run(raw, f"{first} ID a") == [1, *again]
        assert run(raw, f"RL.LIMIT k {other_order} COST 7 ID a") == [1, *reversed(again)]
    # A single command is the same call as RL.LIMIT with its clause.
    run(raw, "RL.FIXED other 9 10s COST 2 ID a")
    assert run(raw, "RL.LIMIT other FIXED 9 10s COST 2 ID a") == [1, [1, 9, 7, 0, 10_000]]
    assert run(raw, "RL.FIXED other 9 10000ms id a") == [1, 9, 7, 0, 10_000]


def test_a_repeat_through_a_policy(server: Server, raw: RawConnection) -> None:
    run(raw, "RL.POLICY SET api FIXED 5 10s LOG 9 1m")
    charged = [1, [1, 5, 3, 0, 10_000], [1, 9, 7, 0, 60_000]]
    assert run(raw, "RL.LIMIT k POLICY api COST 2 ID a") == charged
    with nothing_written(server):
        assert run(raw, "RL.LIMIT k POLICY api COST 2 ID a") == charged
        assert run(raw, "RL.LIMIT k FIXED 5 10s LOG 9 1m ID a") == charged
    run(raw, "RL.POLICY SET api FIXED 6 10s")
    assert run(raw, "RL.LIMIT k POLICY api ID a") == Failure("ERR id 'a' names another call")
    run(raw, "RL.POLICY DEL api")


@pytest.mark.parametrize(
    ("keep", "known_ms"),
    [
        ("", 60_000),
        (" KEEP 1ms", 1),
        (" KEEP 5", 5_000),
        (" keep 90m", 5_400_000),
        (" Keep 1d", DAY_MS),
        (" KEEP 86400", DAY_MS),
    ],
)
def test_how_long_an_id_is_known(
    raw: RawConnection, clock: Clock, keep: str, known_ms: int
) -> None:
    call = f"RL.FIXED k 10 30d ID a{keep}"
    assert integers(run(raw, call))[2] == 9
    clock.advance(known_ms - 1)
    assert integers(run(raw, "RL.FIXED k 10 30d ID a KEEP 1d"))[2] == 9
    assert integers(run(raw, call))[2] == 9
    clock.advance(1)
    assert integers(run(raw, call))[2] == 8, "a repeat has not prolonged it"
    assert integers(run(raw, call))[2] == 8


def test_a_key_lives_as_long_as_its_receipts(raw: RawConnection, clock: Clock) -> None:
    run(raw, "RL.FIXED k 10 1s ID a KEEP 1h")
    clock.advance(3_599_999)
    assert run(raw, "RL.PEEK k") == []
    assert run(raw, "EXISTS k") == 1
    assert run(raw, "RL.FIXED k 10 1s ID a") == [1, 10, 10, 0, 0]
    assert run(raw, "RL.SETTLE k a 5") == 1
    clock.advance(1)
    assert run(raw, "RL.FIXED k 10 1s ID a") == [1, 10, 9, 0, 1_000]
    clock.advance(2 * DAY_MS)
    assert run(raw, "EXISTS k") == 0


def test_cost_0_does_not_look_at_the_id_and_leaves_none(server: Server, raw: RawConnection) -> None:
    with nothing_written(server):
        assert run(raw, "RL.FIXED k 5 10s COST 0 ID a") == [1, 5, 5, 0, 0]
    assert run(raw, "RL.FIXED k 5 10s COST 2 ID a") == [1, 5, 3, 0, 10_000]
    with nothing_written(server):
        assert run(raw, "RL.FIXED k 5 10s COST 0 ID a") == [1, 5, 3, 0, 10_000]
        assert run(raw, "RL.FIXED k 1 10s COST 0 ID a") == [0, 1, 0, 10_000, 10_000]
        # No clause of that call, and yet no error.
        assert run(raw, "RL.LOG k 5 10s COST 0 ID a") == [1, 5, 5, 0, 0]
        assert run(raw, "RL.LIMIT k LOG 5 10s COST 0 ID b KEEP 1d") == [1, [1, 5, 5, 0, 0]]
        assert run(raw, "RL.SETTLE k b 1") == 0


def test_a_denied_call_leaves_no_receipt(server: Server, raw: RawConnection, clock: Clock) -> None:
    with nothing_written(server):
        assert run(raw, "RL.FIXED k 5 10s COST 6 ID a") == [0, 5, 5, -1, 0]
    run(raw, "RL.FIXED k 5 10s COST 4")
    with nothing_written(server):
        assert run(raw, "RL.FIXED k 5 10s COST 2 ID a") == [0, 5, 1, 10_000, 10_000]
        denied = run(raw, "RL.LIMIT k LOG 5 1m FIXED 5 10s COST 2 ID a")
        assert denied == [0, [1, 5, 5, 0, 0], [0, 5, 1, 10_000, 10_000]]
        assert run(raw, "RL.SETTLE k a 0") == 0
    clock.advance(10_000)
    # So the retry, of whatever clauses, is decided as a call of its own.
    assert run(raw, "RL.LOG k 5 10s COST 2 ID a") == [1, 5, 3, 0, 10_000]


OTHER_CALLS = (
    "RL.FIXED k 9 10s ID a",
    "RL.LIMIT k FIXED 9 10s ID a",
    "RL.LIMIT k FIXED 9 10s LOG 9 20s ID a",
    "RL.LIMIT k FIXED 9 11s LOG 9 10s ID a",
    "RL.LIMIT k FIXED 9 10s TOKEN 9 9 10s ID a",
    "RL.LIMIT k FIXED 9 10s LOG 9 10s SLIDING 9 10s ID a",
    # Whatever its limits say: it is not decided at all.
    "RL.LIMIT k FIXED 0 10s ID a",
)


@pytest.mark.parametrize("line", OTHER_CALLS)
def test_the_id_of_another_call(server: Server, raw: RawConnection, line: str) -> None:
    run(raw, "RL.LIMIT k FIXED 9 10s LOG 9 10s ID a")
    with nothing_written(server):
        assert run(raw, line) == Failure("ERR id 'a' names another call")


def test_an_id_is_of_its_key(raw: RawConnection) -> None:
    for key in ("k", "other"):
        assert integers(raw("RL.FIXED", key, 9, "10s", "ID", "a"))[2] == 8
    assert integers(raw("RL.LOG", "third", 9, "10s", "ID", "a"))[2] == 8


IDS = (
    b"\x00",
    b"\r\n",
    b" ",
    b"a",
    b"A",
    b"aa",
    b"a\x00",
    b"\xff" * 64,
    b"\xff" * 63,
    b"COST",
    b"ID",
)
IDS_OF_17 = (b"0123456789abcdef", b"0123456789abcdefg", b"0123456789abcdefh")


def test_an_id_is_any_bytes_compared_exactly(raw: RawConnection) -> None:
    left = 100
    for name in (*IDS, *IDS_OF_17):
        call: list[Argument] = ["RL.FIXED", "k", 100, "10s", "ID", name]
        left -= 1
        for _ in range(2):
            assert integers(raw(*call))[2] == left, name
    for name in (*IDS, *IDS_OF_17):
        assert integers(raw("RL.FIXED", "k", 100, "10s", "ID", name))[2] == left, name
        assert raw("RL.SETTLE", "k", name, 1) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"it's\r\n\x00\xff", r"it\'s\r\n\x00\xff"),
        (b"\\", r"\\"),
        (b"\xc3\xa9" * 32, r"\xc3\xa9" * 32),
        (b"x" * 64, "x" * 64),
    ],
)
def test_an_error_shows_the_id_escaped(raw: RawConnection, name: bytes, shown: str) -> None:
    raw("RL.FIXED", "k", 9, "10s", "ID", name)
    refused = raw("RL.LOG", "k", 9, "10s", "ID", name)
    assert refused == Failure(f"ERR id '{shown}' names another call")


def test_a_receipt_ahead_of_the_clock_is_unknown_until_then(
    server: Server, raw: RawConnection, clock: Clock
) -> None:
    run(raw, "RL.FIXED k 9 1h COST 2")
    clock.advance(10_000)
    run(raw, "RL.FIXED k 9 1h COST 3 ID a")
    clock.advance(-1)
    with nothing_written(server):
        assert run(raw, "RL.SETTLE k a 0") == 0
        assert integers(run(raw, "RL.FIXED k 9 1h COST 5 ID a"))[0] == 0, "decided, and denied"
    clock.advance(1)
    with nothing_written(server):
        assert run(raw, "RL.FIXED k 9 1h COST 5 ID a") == [1, 9, 4, 0, 3_590_000], "known again"
    clock.advance(-1)
    run(raw, "RL.FIXED k 9 1h")
    clock.advance(1)
    assert run(raw, "RL.SETTLE k a 0") == 0, "forgotten by the write at its key"
    assert integers(run(raw, "RL.FIXED k 9 1h ID a"))[2] == 2


def test_an_id_that_is_charged_while_unknown_replaces_its_receipt(
    raw: RawConnection, clock: Clock
) -> None:
    clock.advance(10_000)
    run(raw, "RL.FIXED k 9 1h COST 3 ID a KEEP 20s")
    clock.advance(-5_000)
    # The window is moved back with the clock, what was used stays used.
    assert run(raw, "RL.FIXED k 9 1h COST 2 ID a KEEP 20s") == [1, 9, 4, 0, 3_600_000]
    for at_ms in (5_000, 10_000, 24_999):
        clock.set_ms(START_MS + at_ms)
        assert integers(run(raw, "RL.FIXED k 9 1h COST 2 ID a"))[2] == 4
    # It settles the second charge: the first is forgotten.
    assert run(raw, "RL.SETTLE k a 0") == 1
    assert integers(run(raw, "RL.FIXED k 9 1h COST 0"))[2] == 6
    clock.set_ms(START_MS + 25_000)
    assert integers(run(raw, "RL.FIXED k 9 1h ID a"))[2] == 5


def test_a_repeat_does_not_record_that_the_clock_stepped_back(
    server: Server, raw: RawConnection, clock: Clock
) -> None:
    run(raw, "RL.LOG k 9 1h COST 3 ID a")
    clock.advance(10_000)
    run(raw, "RL.LOG k 9 1h COST 2")
    clock.advance(-5_000)
    with nothing_written(server):
        assert run(raw, "RL.LOG k 9 1h ID a") == [1, 9, 4, 0, 3_600_000], "as if it were moved"
    assert run(raw, "RL.LOG k 9 1h COST 0") == [1, 9, 4, 0, 3_600_000], "which this one records"
    clock.advance(5_000)
    assert run(raw, "RL.LOG k 9 1h ID a") == [1, 9, 4, 0, 3_595_000]


def test_a_repeat_is_not_sent_to_replicas(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server()
    replication.attach(replica, primary)
    with primary.raw() as raw:
        run(raw, "RL.LIMIT k LOG 9 1h TOKEN 9 1 1h COST 3 ID a")
        replication.wait_in_sync(primary, replica)
        offset = replication.offset(primary.client())
        primary.clock.advance(1_000)
        for line in ("COST 3 ID a", "COST 99 ID a", "ID a KEEP 1d", "COST 0 ID a", "COST 7 ID b"):
            assert not isinstance(run(raw, f"RL.LIMIT k LOG 9 1h TOKEN 9 1 1h {line}"), Failure)
        assert isinstance(run(raw, "RL.LOG k 9 1h ID a"), Failure)
        assert run(raw, "RL.SETTLE k b 1") == 0
        assert run(raw, "RL.SETTLE k a 3") == 1
        assert replication.offset(primary.client()) == offset
        run(raw, "RL.LIMIT k LOG 9 1h TOKEN 9 1 1h COST 3 ID b")
        assert replication.offset(primary.client()) > offset
