"""The rules that hold for all limiters: told apart, numbers at once, clocks, expiry."""

from __future__ import annotations

import pytest

from support.clock import START_MS, Clock
from support.expiry import CAP_MS, given_ms
from support.resp import RawConnection, Reply
from support.verdicts import integers, rows

pytestmark = pytest.mark.all_servers

DAY_MS = 86_400_000

ALL_FIVE = {
    "FIXED": "RL.FIXED k 5 10s",
    "SLIDING": "RL.SLIDING k 5 10s",
    "LOG": "RL.LOG k 5 10s",
    "TOKEN": "RL.TOKEN k 5 1 2s",
    "LEAKY": "RL.LEAKY k 5 1 2s",
}

every_algorithm = pytest.mark.parametrize("line", ALL_FIVE.values(), ids=ALL_FIVE)


def run(raw: RawConnection, line: str) -> Reply:
    return raw(*line.split())


def dump(raw: RawConnection) -> list[Reply]:
    return [raw("DUMP", "k"), raw("PTTL", "k")]


# A key is a set of limiters, told apart by algorithm and period.


def test_limiters_of_one_key_do_not_disturb_one_another(raw: RawConnection, clock: Clock) -> None:
    lines = [
        *ALL_FIVE.values(),
        *("RL.FIXED k 5 1m", "RL.SLIDING k 5 1m", "RL.LOG k 5 1m"),
        *("RL.TOKEN k 5 1 3s", "RL.LEAKY k 5 1 3s"),
    ]
    for step in range(60):
        line = lines[step * 7 % len(lines)]
        together = run(raw, line)
        alone = raw(*line.replace(" k ", f" alone:{step * 7 % len(lines)} ").split())
        assert together == alone, f"{line} at step {step}"
        clock.advance(331)


def test_a_limit_is_added_to_live_traffic(raw: RawConnection) -> None:
    for left in (4, 3):
        assert run(raw, "RL.FIXED k 5 10s") == [1, 5, left, 0, 10_000]
    assert run(raw, "RL.LOG k 2 1h") == [1, 2, 1, 0, 3_600_000]
    assert run(raw, "RL.FIXED k 5 10s") == [1, 5, 2, 0, 10_000]
    assert run(raw, "RL.LOG k 2 1h") == [1, 2, 0, 0, 3_600_000]


# Numbers apply at once.


@pytest.mark.parametrize(
    ("steps"),
    [
        [
            (0, "RL.TOKEN k 10 1 1s COST 10", [1, 10, 0, 0, 10_000]),
            (0, "RL.TOKEN k 20 1 1s COST 0", [1, 20, 10, 0, 10_000]),
            (0, "RL.TOKEN k 20 1 1s COST 10", [1, 20, 0, 0, 20_000]),
        ],
        [
            (0, "RL.TOKEN k 10 1 1s COST 10", [1, 10, 0, 0, 10_000]),
            (2_000, "RL.TOKEN k 10 2 1s COST 0", [1, 10, 4, 0, 3_000]),
            (2_000, "RL.TOKEN k 10 1 1s COST 0", [1, 10, 2, 0, 8_000]),
            (2_000, "RL.TOKEN k 10 2 1s", [1, 10, 3, 0, 3_500]),
        ],
        [
            (0, "RL.LEAKY k 10 1 1s COST 10", [1, 10, 0, 0, 10_000]),
            (2_000, "RL.LEAKY k 10 2 1s", [1, 10, 3, 3_000, 3_500]),
        ],
        [
            (0, "RL.FIXED k 10 10s COST 8", [1, 10, 2, 0, 10_000]),
            (0, "RL.FIXED k 5 10s", [0, 5, 0, 10_000, 10_000]),
            (0, "RL.FIXED k 5 10s COST 0", [0, 5, 0, 10_000, 10_000]),
            (0, "RL.FIXED k 8 10s COST 0", [1, 8, 0, 0, 10_000]),
            (0, "RL.FIXED k 0 10s COST 0", [0, 0, 0, 10_000, 10_000]),
            (0, "RL.FIXED k 0 10s", [0, 0, 0, -1, 10_000]),
            (1, "RL.FIXED k 12 10s COST 4", [1, 12, 0, 0, 9_999]),
        ],
        [
            (0, "RL.SLIDING k 10 10s COST 8", [1, 10, 2, 0, 20_000]),
            (0, "RL.SLIDING k 4 10s COST 0", [0, 4, 0, 15_000, 20_000]),
            (14_999, "RL.SLIDING k 4 10s COST 0", [0, 4, 0, 1, 5_001]),
            (15_000, "RL.SLIDING k 4 10s COST 0", [1, 4, 0, 0, 5_000]),
        ],
        [
            (0, "RL.LOG k 10 10s COST 3", [1, 10, 7, 0, 10_000]),
            (1_000, "RL.LOG k 10 10s COST 3", [1, 10, 4, 0, 10_000]),
            (2_000, "RL.LOG k 10 10s COST 2", [1, 10, 2, 0, 10_000]),
            (2_000, "RL.LOG k 5 10s COST 0", [0, 5, 0, 8_000, 10_000]),
            (2_000, "RL.LOG k 5 10s", [0, 5, 0, 9_000, 10_000]),
            (2_000, "RL.LOG k 9 10s", [1, 9, 0, 0, 10_000]),
        ],
        [
            (0, "RL.TOKEN k 10 1 1s COST 8", [1, 10, 2, 0, 8_000]),
            (0, "RL.TOKEN k 5 1 1s COST 0", [0, 5, 0, 3_000, 8_000]),
            (2_999, "RL.TOKEN k 5 1 1s COST 0", [0, 5, 0, 1, 5_001]),
            (3_000, "RL.TOKEN k 5 1 1s COST 0", [1, 5, 0, 0, 5_000]),
        ],
    ],
    ids=["capacity", "refill", "leak", "fixed", "sliding", "log", "lowered capacity"],
)
def test_numbers_apply_at_once(
    raw: RawConnection, clock: Clock, steps: list[tuple[int, str, list[int]]]
) -> None:
    for at_ms, line, expected in steps:
        clock.set_ms(START_MS + at_ms)
        assert run(raw, line) == expected, f"{line} at {at_ms} ms"


@pytest.mark.parametrize("name", ["TOKEN", "LEAKY"])
def test_a_lowered_refill_locks_nobody_longer_than_the_recorded_one(
    raw: RawConnection, clock: Clock, name: str
) -> None:
    run(raw, f"RL.{name} k 10 10 1s COST 10")
    clock.advance(500)
    slower = f"RL.{name} k 10 1 1s"
    looked = integers(run(raw, slower + " COST 0"))
    assert (looked[:3], looked[4]) == ([1, 10, 0], 500)
    assert run(raw, slower + " COST 5") == [0, 10, 0, 500, 500]
    clock.advance(499)
    assert run(raw, slower + " COST 5") == [0, 10, 0, 1, 1]
    clock.advance(1)
    assert run(raw, slower + " COST 5") == [1, 10, 5, 0, 5_000]


# A clock that steps back frees nobody, and locks nobody longer than the limiter would.

STEPS_BACK: dict[str, tuple[str, int, list[int], int]] = {
    "FIXED": ("RL.FIXED k 2 10s", 5_000, [0, 2, 0, 10_000, 10_000], 10_000),
    "SLIDING": ("RL.SLIDING k 2 10s", 15_000, [0, 2, 0, 15_000, 20_000], 20_000),
    "LOG": ("RL.LOG k 2 10s", 5_000, [0, 2, 0, 10_000, 10_000], 10_000),
    "TOKEN": ("RL.TOKEN k 2 1 10s", 5_000, [0, 2, 0, 10_000, 20_000], 20_000),
    "LEAKY": ("RL.LEAKY k 2 1 10s", 5_000, [0, 2, 0, 10_000, 20_000], 20_000),
}


@pytest.mark.parametrize(
    ("line", "from_ms", "told", "unused_ms"), STEPS_BACK.values(), ids=STEPS_BACK
)
def test_a_clock_that_steps_back(
    raw: RawConnection, clock: Clock, line: str, from_ms: int, told: list[int], unused_ms: int
) -> None:
    clock.set_ms(START_MS + from_ms)
    assert integers(run(raw, line + " COST 2"))[:3] == [1, 2, 0]
    before = dump(raw)
    clock.set_ms(START_MS)
    [peeked] = rows(raw("RL.PEEK", "k"))
    assert peeked[4:] == told[2:], "a look reads it as if"
    assert raw("DUMP", "k") == before[0], "and changes nothing"
    assert run(raw, line) == told
    assert raw("DUMP", "k") != before[0], "a denied call records the move"
    assert raw("PTTL", "k") == given_ms(unused_ms)
    moved = raw("DUMP", "k")
    clock.set_ms(START_MS + told[3] - 1)
    assert run(raw, line) == [0, 2, 0, 1, unused_ms - told[3] + 1]
    assert raw("DUMP", "k") == moved, "once"
    clock.set_ms(START_MS + told[3])
    assert integers(run(raw, line))[:2] == [1, 2]


@every_algorithm
def test_a_look_records_the_move_too(raw: RawConnection, clock: Clock, line: str) -> None:
    run(raw, line + " COST 5")
    raw("PERSIST", "k")
    before = raw("DUMP", "k")
    clock.advance(-DAY_MS)
    looked = integers(run(raw, line + " COST 0"))
    assert looked[:3] == [1, 5, 0]
    assert raw("DUMP", "k") != before
    assert raw("PTTL", "k") == given_ms(looked[4]), "what writes gives the key its expiry back"


def test_a_denied_limit_records_the_moves_of_all_its_clauses(
    raw: RawConnection, clock: Clock
) -> None:
    asked = "RL.LIMIT k FIXED 1 10s LOG 3 1m"
    run(raw, asked)
    run(raw, "RL.FIXED k 1 1h")
    clock.advance(-5_000)
    assert run(raw, asked) == [0, [0, 1, 0, 10_000, 10_000], [1, 3, 2, 0, 60_000]]
    clock.advance(4_999)
    # Moved by 5 s: both. The one that was not named: not.
    assert raw("RL.PEEK", "k") == [
        [b"fixed", 1, 1, 10_000, 0, 5_001, 5_001],
        [b"fixed", 1, 1, 3_600_000, 0, 3_600_000, 3_600_000],
        [b"log", 3, 3, 60_000, 2, 0, 55_001],
    ]


@pytest.mark.parametrize("year_ms", [0, 1, 4_102_444_800_000, 253_402_300_799_999])
def test_clocks_of_other_centuries(raw: RawConnection, clock: Clock, year_ms: int) -> None:
    for line in ALL_FIVE.values():
        clock.set_ms(START_MS)
        run(raw, line)
        clock.set_ms(year_ms)
        reply = integers(run(raw, line))
        assert reply[:2] == [1, 5]
        assert raw("PTTL", "k") != -1


# Expiry is only clean-up.


@every_algorithm
def test_a_key_lives_until_it_is_unused_and_a_little_longer(
    raw: RawConnection, clock: Clock, line: str
) -> None:
    for cost in (1, 2, 2):
        reply = integers(raw(*line.split(), "COST", cost))
        assert reply[0] == 1
        ttl_ms = raw("PTTL", "k")
        assert isinstance(ttl_ms, int)
        assert reply[4] <= ttl_ms <= given_ms(reply[4])
    clock.advance(reply[4] - 1)
    assert raw("RL.PEEK", "k") != []


def test_an_expiry_that_will_do_is_left_alone(raw: RawConnection, clock: Clock) -> None:
    line = "RL.TOKEN k 1000 1000 1s"
    for _ in range(4):
        assert integers(run(raw, line))[4] == 1
        assert raw("PTTL", "k") == 2_000
        clock.advance(1_999)
        run(raw, line)
        assert raw("PTTL", "k") == 1, "the key is in use until then, and no longer"
        run(raw, line)
        assert raw("PTTL", "k") == 2_000, "now it would be gone too early"
        raw("DEL", "k")


def test_a_key_lives_as_long_as_its_last_limiter(raw: RawConnection, clock: Clock) -> None:
    run(raw, "RL.FIXED k 9 1m")
    run(raw, "RL.TOKEN k 9 1 1s")
    assert raw("PTTL", "k") == 75_000
    clock.advance(30_000)
    run(raw, "RL.TOKEN k 50 1 1s COST 50")
    assert raw("PTTL", "k") == given_ms(50_000)
    run(raw, "RL.LIMIT k FIXED 9 1m TOKEN 99 2 1s")
    assert raw("PTTL", "k") == given_ms(50_000), "it does not come nearer"


@every_algorithm
@pytest.mark.parametrize("lost", ["persist", "restore"])
def test_the_next_allowed_call_gives_a_lost_expiry_back(
    raw: RawConnection, line: str, lost: str
) -> None:
    run(raw, line + " COST 4")
    if lost == "persist":
        assert raw("PERSIST", "k") == 1
    else:
        payload = raw("DUMP", "k")
        assert isinstance(payload, bytes)
        raw("RESTORE", "k", 0, payload, "REPLACE")
    assert raw("PTTL", "k") == -1
    run(raw, line + " COST 2")
    run(raw, line + " COST 0")
    raw("RL.PEEK", "k")
    assert raw("PTTL", "k") == -1, "what is denied or looks changes nothing at all"
    reply = integers(run(raw, line))
    assert raw("PTTL", "k") == given_ms(reply[4]) > 0


@every_algorithm
def test_a_deadline_of_the_user_lasts_until_the_next_allowed_call(
    raw: RawConnection, line: str
) -> None:
    run(raw, line + " COST 4")
    assert raw("PEXPIRE", "k", 77) == 1
    run(raw, line + " COST 2")
    assert raw("PTTL", "k") == 77
    reply = integers(run(raw, line))
    assert raw("PTTL", "k") == given_ms(reply[4])
    raw("PEXPIRE", "k", 10**9)
    run(raw, line + " COST 0")
    assert raw("PTTL", "k") == 10**9, "one that is late enough lasts"


def test_no_decision_depends_on_when_a_key_is_removed(raw: RawConnection, clock: Clock) -> None:
    for line in ALL_FIVE.values():
        run(raw, line + " COST 5")
    raw("PERSIST", "k")
    clock.advance(30_000)
    assert raw("EXISTS", "k") == 1
    assert raw("RL.PEEK", "k") == []
    for line in ALL_FIVE.values():
        kept, fresh = run(raw, line), raw(*line.replace(" k ", f" {line[3:6]} ").split())
        assert kept == fresh


@pytest.mark.parametrize("name", ["TOKEN", "LEAKY"])
def test_no_key_is_kept_longer_than_the_cap(raw: RawConnection, clock: Clock, name: str) -> None:
    periods = CAP_MS // (366 * DAY_MS)
    for level in (10**12, periods // 2, periods, periods + 1):
        raw("FLUSHALL")
        raw(f"RL.{name}", "k", 10**12, 1, "366d", "COST", level)
        assert raw("PTTL", "k") == given_ms(level * 366 * DAY_MS)
    clock.advance(1_000)
    raw(f"RL.{name}", "k", 10**12, 1, "366d")
    assert raw("PTTL", "k") == CAP_MS
