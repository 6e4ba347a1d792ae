"""How many charges a key remembers: one more pushes out the one that is forgotten first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection, Status
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import TOO_MANY_LIMITERS, integers

pytestmark = pytest.mark.all_servers

MANY = 10**9
REFUSED = Failure("ERR ID must not be given while ratelimit.receipts-max is 0")


@pytest.fixture
def server(new_server: NewServer) -> Server:
    """A server whose settings are the test's own."""
    return new_server()


@pytest.fixture
def raw(server: Server) -> Iterator[RawConnection]:
    """A connection to it."""
    with server.raw() as connection:
        yield connection


def allow(raw: RawConnection, most: int) -> None:
    assert raw("CONFIG", "SET", "ratelimit.receipts-max", most) == Status("OK")


def known(raw: RawConnection, names: str) -> str:
    """Those of the names, a letter each, by which a charge of 1 at k is known."""
    return "".join(name for name in names if raw("RL.SETTLE", "k", name, 1) == 1)


def dropped(raw: RawConnection) -> int:
    told = raw("INFO", "ratelimit")
    assert isinstance(told, bytes)
    return int(told.split(b"ratelimit_receipts_dropped:")[1].split(b"\r\n")[0])


def charge(raw: RawConnection, name: object, keep: str = "1m") -> int:
    """Charge 1 by that id, and tell what has been used in all."""
    return MANY - integers(raw("RL.FIXED", "k", MANY, "30d", "ID", str(name), "KEEP", keep))[2]


def test_a_thousand_by_default(raw: RawConnection) -> None:
    for number in range(1_000):
        assert charge(raw, number) == number + 1
    assert charge(raw, 0) == 1_000
    assert dropped(raw) == 0
    assert charge(raw, 1_000) == 1_001
    assert dropped(raw) == 1
    # Of equals the oldest went, and no other.
    assert all(charge(raw, number) == 1_001 for number in range(1, 1_001))
    assert charge(raw, 0) == 1_002, "charged twice, and no free pass"
    assert dropped(raw) == 2


def test_the_one_that_is_forgotten_first_goes(server: Server, raw: RawConnection) -> None:
    allow(raw, 3)
    for step_ms, name, keep, left, went in (
        (0, "a", "9s", "a", 0),
        (1_000, "b", "5s", "ab", 0),
        (1_000, "c", "4s", "abc", 0),
        # b and c are forgotten at once, and b is the older.
        (0, "d", "100ms", "acd", 1),
        # Never the new one, though it would be forgotten first: only here d is even shorter.
        (0, "e", "7s", "ace", 2),
        (0, "f", "1ms", "aef", 3),
    ):
        server.clock.advance(step_ms)
        charge(raw, name, keep)
        assert known(raw, "abcdef") == left, name
        assert dropped(raw) == went, name


def test_what_is_forgotten_was_not_pushed_out(server: Server, raw: RawConnection) -> None:
    allow(raw, 2)
    for number in range(10):
        charge(raw, number, "1s")
        charge(raw, f"{number}!", "1s")
        server.clock.advance(1_000)
    assert dropped(raw) == 0


def test_a_repeat_pushes_nothing_out(server: Server, raw: RawConnection) -> None:
    allow(raw, 2)
    charge(raw, "a")
    charge(raw, "b")
    with nothing_written(server):
        for name in "abab":
            assert charge(raw, name, "1d") == 2
    assert known(raw, "ab") == "ab"
    assert dropped(raw) == 0


def test_a_lowered_maximum_trims_at_the_next_receipt(server: Server, raw: RawConnection) -> None:
    for name in "abcdef":
        charge(raw, name)
        server.clock.advance(1)
    allow(raw, 2)
    assert known(raw, "abcdef") == "abcdef", "nothing has happened at the key"
    run(raw, f"RL.FIXED k {MANY} 30d")
    assert known(raw, "abcdef") == "abcdef", "a call without an id leaves none"
    charge(raw, "g")
    assert known(raw, "abcdefg") == "fg"
    assert dropped(raw) == 5
    allow(raw, 1)
    charge(raw, "h")
    assert known(raw, "abcdefgh") == "h"
    assert dropped(raw) == 7


def test_at_0_an_id_is_refused_and_what_is_known_can_be_settled(
    server: Server, raw: RawConnection
) -> None:
    run(raw, "RL.FIXED k 9 1h COST 4 ID a")
    allow(raw, 0)
    with nothing_written(server):
        for line in (
            "RL.FIXED k 9 1h COST 4 ID a",
            "RL.FIXED k 9 1h ID b",
            "RL.FIXED k 9 1h COST 99 ID b",
            "RL.LOG k 9 1h ID a",
            "RL.LIMIT new FIXED 9 1h LOG 9 1h ID b KEEP 1d",
        ):
            assert run(raw, line) == REFUSED, line
        assert run(raw, "RL.FIXED k 9 1h COST 0 ID a") == [1, 9, 5, 0, 3_600_000]
        assert run(raw, "RL.LIMIT new FIXED 9 1h COST 0 ID a") == [1, [1, 9, 9, 0, 0]]
        assert run(raw, "RL.SETTLE k b 1") == 0
    assert run(raw, "RL.SETTLE k a 1") == 1
    assert run(raw, "RL.FIXED k 9 1h") == [1, 9, 7, 0, 3_600_000]
    allow(raw, 1)
    assert run(raw, "RL.FIXED k 9 1h COST 4 ID a") == [1, 9, 7, 0, 3_600_000]


def test_at_1_the_last_charge_is_known(raw: RawConnection) -> None:
    allow(raw, 1)
    for name in "abc":
        charge(raw, name)
        assert charge(raw, name) == ord(name) - ord("a") + 1
        assert known(raw, "abc") == name


def test_a_bucket_whose_receipt_was_pushed_out_is_not_settled(raw: RawConnection) -> None:
    allow(raw, 1)
    run(raw, "RL.TOKEN k 10 1 1h COST 4 ID a")
    run(raw, "RL.TOKEN k 10 1 1h COST 5 ID b")
    assert run(raw, "RL.SETTLE k a 0") == 0
    assert run(raw, "RL.SETTLE k b 0") == 1
    assert integers(run(raw, "RL.TOKEN k 10 1 1h COST 0"))[2] == 6, "the estimate stands"


def test_the_number_is_of_each_key(raw: RawConnection) -> None:
    allow(raw, 1)
    for key in ("k", "other"):
        run(raw, f"RL.FIXED {key} 9 1h ID a")
    assert [run(raw, f"RL.SETTLE {key} a 0") for key in ("k", "other")] == [1, 1]
    assert dropped(raw) == 0


def test_limiters_that_receipts_name_count_among_the_64(server: Server, raw: RawConnection) -> None:
    for number in range(1, 65):
        run(raw, f"RL.FIXED k 9 {number}ms ID {number} KEEP {number}s")
    server.clock.advance(999)
    assert run(raw, "RL.PEEK k") == [], "all windows are over, but known charges name them"
    with nothing_written(server):
        assert run(raw, "RL.FIXED k 9 1h") == TOO_MANY_LIMITERS
        assert run(raw, "RL.FIXED k 9 1h ID new") == TOO_MANY_LIMITERS
        assert run(raw, "RL.FIXED k 9 7ms ID 7") == [1, 9, 9, 0, 0], "a repeat"
        assert run(raw, "RL.SETTLE k 7 9") == 1
    server.clock.advance(1)
    assert run(raw, "RL.FIXED k 9 1h ID new") == [1, 9, 8, 0, 3_600_000]
    assert run(raw, "RL.FIXED k 9 2h") == TOO_MANY_LIMITERS


def test_a_hundred_thousand(raw: RawConnection) -> None:
    allow(raw, 100_000)
    for start in range(0, 100_001, 1_000):
        numbers = range(start, min(start + 1_000, 100_001))
        raw.pipeline([["RL.FIXED", "k", MANY, "30d", "ID", f"id:{n:09d}"] for n in numbers])
    assert dropped(raw) == 1
    assert run(raw, "RL.SETTLE k id:000000000 0") == 0
    for number in (1, 50_000, 100_000):
        assert run(raw, f"RL.SETTLE k id:{number:09d} 0") == 1
    assert integers(run(raw, f"RL.FIXED k {MANY} 30d COST 0"))[2] == MANY - 100_001 + 3
