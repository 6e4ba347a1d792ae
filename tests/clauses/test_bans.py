"""BAN: whoever does not wait is shut out. Sentence by sentence."""

from __future__ import annotations

import pytest

from support.clock import Clock
from support.full_memory import OOM, exhaust
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection
from support.told import told
from support.untouched import nothing_written
from support.verdicts import TOO_MANY_LIMITERS, clauses, rows

pytestmark = pytest.mark.all_servers

LIMIT = "FIXED 1 10s"
BAN = "BAN 3 1m 5m 1h"
CALL = f"RL.LIMIT k {LIMIT} {BAN}"
SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000


def ban(raw: RawConnection, line: str = CALL) -> list[int]:
    """The five integers of the BAN, which is the last clause of a call that is denied."""
    allowed, verdicts = clauses(run(raw, line))
    assert allowed == 0, line
    return verdicts[-1]


def use_up(raw: RawConnection) -> None:
    """Use up the limit."""
    assert clauses(run(raw, f"RL.LIMIT k {LIMIT}"))[0] == 1


def begin(raw: RawConnection, line: str = CALL) -> int:
    """Be refused until a ban begins; how long that lasts."""
    for _ in range(20):
        allowed, *_, wait_ms, _ = ban(raw, line)
        if not allowed:
            return wait_ms
    raise AssertionError("no ban began")


# What counts


def test_the_first_refusal_only_tells(raw: RawConnection, clock: Clock) -> None:
    begun = told(raw)["bans_started"]
    use_up(raw)
    assert ban(raw) == [1, 3, 3, 0, 10_000]
    clock.advance(10_000)
    for _ in range(20):
        use_up(raw)
        assert ban(raw) == [1, 3, 3, 0, 10_000], "it comes when the last one told it to"
        clock.advance(10_000)
    assert told(raw)["bans_started"] == begun


def test_each_that_comes_before_the_time_told_counts(raw: RawConnection, clock: Clock) -> None:
    use_up(raw)
    begun = told(raw)["bans_started"]
    assert ban(raw) == [1, 3, 3, 0, 10_000]
    clock.advance(9_999)
    assert ban(raw) == [1, 3, 2, 0, MINUTE_MS], "one ms too early"
    clock.advance(1)
    use_up(raw)
    # That told to wait for one ms, which is over: this one tells again.
    assert ban(raw) == [1, 3, 2, 0, MINUTE_MS - 1]
    assert ban(raw) == [1, 3, 1, 0, MINUTE_MS - 1], "in the same ms"
    assert told(raw)["bans_started"] == begun
    assert ban(raw) == [0, 3, 0, 5 * MINUTE_MS, 5 * MINUTE_MS + HOUR_MS]
    assert told(raw)["bans_started"] == begun + 1


def test_the_window_is_opened_by_the_first_that_counts(raw: RawConnection, clock: Clock) -> None:
    run(raw, "RL.LIMIT k LOG 1 1d")
    line = "RL.LIMIT k LOG 1 1d BAN 3 1m 5m"
    assert ban(raw, line)[2] == 3
    clock.advance(HOUR_MS)
    assert ban(raw, line)[2] == 2, "the last one told to wait for a day"
    clock.advance(MINUTE_MS - 1)
    assert ban(raw, line)[2] == 1, "within the window"
    clock.advance(1)
    assert ban(raw, line)[2] == 2, "the window is over, and this one opens another"
    clock.advance(MINUTE_MS)
    assert ban(raw, line)[2:] == [2, 0, 86_400_000 - HOUR_MS - 2 * MINUTE_MS]


def test_it_tells_the_longest_wait_of_those_that_refuse(raw: RawConnection, clock: Clock) -> None:
    run(raw, "RL.LIMIT k FIXED 1 10s LOG 1 30s LEAKY 1 1 1m TOKEN 9 1 1h")
    line = "RL.LIMIT k FIXED 1 10s LOG 1 30s TOKEN 9 1 1h BAN 1 1m 5m"
    assert ban(raw, line)[4] == 30_000
    clock.advance(29_999)
    assert ban(raw, line)[0] == 0, "FIXED would admit it, and LOG not yet"


@pytest.mark.parametrize("refusal", ["FIXED 0 1s", "LOG 3 1s COST 4", "TOKEN 0 9 1s"])
def test_a_refusal_for_ever_tells_to_wait_for_the_period(
    raw: RawConnection, clock: Clock, refusal: str
) -> None:
    clause, _, cost = refusal.partition(" COST ")
    line = f"RL.LIMIT k {clause} BAN 2 10s 5m{' COST ' + cost if cost else ''}"
    assert ban(raw, line) == [1, 2, 2, 0, 10_000]
    clock.advance(10_000)
    assert ban(raw, line) == [1, 2, 2, 0, 10_000]
    clock.advance(9_999)
    assert ban(raw, line) == [1, 2, 1, 0, 10_000]
    assert ban(raw, line)[0] == 0


def test_a_hold_tells_nothing(raw: RawConnection) -> None:
    """What LEAKY admits it holds; it is the FIXED that refuses."""
    run(raw, "RL.LIMIT k LEAKY 9 1 1m FIXED 1 10s COST 1")
    assert ban(raw, "RL.LIMIT k LEAKY 9 1 1m FIXED 1 10s BAN 3 1m 5m")[4] == 10_000


def test_what_costs_nothing_does_not_count(raw: RawConnection, clock: Clock) -> None:
    run(raw, "RL.LIMIT k FIXED 9 10s COST 9")
    for _ in range(9):
        assert ban(raw, f"RL.LIMIT k FIXED 5 10s {BAN} COST 0") == [1, 3, 3, 0, 0]
    assert ban(raw) == [1, 3, 3, 0, 10_000]
    for _ in range(9):
        assert ban(raw, f"RL.LIMIT k FIXED 5 10s {BAN} COST 0") == [1, 3, 3, 0, 10_000]
    clock.advance(1)
    assert ban(raw)[2] == 2


def test_errors_and_repeats_do_not_count(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        assert clauses(run(raw, f"{CALL} ID paid"))[0] == 1
        assert ban(raw) == [1, 3, 3, 0, 10_000]
        with nothing_written(server):
            for _ in range(9):
                for line in (
                    f"{CALL} COST x",
                    f"{CALL} FIXED 1 10s",
                    f"RL.LIMIT k {LIMIT} BAN 3 1m 5m 1m",
                    f"RL.LIMIT k LOG 0 1s {BAN} ID paid",
                ):
                    assert isinstance(run(raw, line), Failure)
                allowed, verdicts = clauses(run(raw, f"{CALL} ID paid"))
                assert (allowed, verdicts[1]) == (1, [1, 3, 3, 0, 10_000])
        assert ban(raw)[2] == 2
        assert begin(raw) == 5 * MINUTE_MS
        with nothing_written(server):
            allowed, verdicts = clauses(run(raw, f"{CALL} ID paid"))
            assert allowed == 1, "a repeat passes"
            assert verdicts == [[1, 1, 0, 0, 10_000], [1, 3, 0, 0, 5 * MINUTE_MS + HOUR_MS]]


def test_refusals_by_a_lease_neither_tell_nor_count(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        run(raw, "RL.LEASE k 1 1m other")
        line = f"RL.LIMIT k FIXED 1 10s LEASE 1 1m {BAN} ID mine"
        with nothing_written(server):
            for _ in range(9):
                assert ban(raw, line) == [1, 3, 3, 0, 0]
                assert ban(raw, f"RL.LIMIT k LEASE 0 1m {BAN} ID mine") == [1, 3, 3, 0, 0]
        use_up(raw)
        # By both: it counts by the limit, whose wait is told.
        assert ban(raw, line) == [1, 3, 3, 0, 10_000]
        assert ban(raw, line)[2] == 2
        run(raw, "RL.RELEASE k other")
        assert ban(raw, line)[2] == 1
        server.clock.advance(10_000)
        run(raw, "RL.LEASE k 1 1m other")
        for _ in range(9):
            assert ban(raw, line)[2] == 1


def test_rl_lease_knows_nothing_of_bans(raw: RawConnection) -> None:
    use_up(raw)
    assert begin(raw) == 5 * MINUTE_MS
    assert run(raw, "RL.LEASE k 1 1m a") == [1, 1, 0, 0, MINUTE_MS]


# While it lasts


def test_every_call_that_names_it_is_refused(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        use_up(raw)
        assert begin(raw) == 5 * MINUTE_MS
        server.clock.advance(MINUTE_MS)
        left = [0, 3, 0, 4 * MINUTE_MS, 4 * MINUTE_MS + HOUR_MS]
        with nothing_written(server):
            for _ in range(5):
                for line in (CALL, f"{CALL} COST 0", f"{CALL} COST 7", f"{CALL} ID new"):
                    assert ban(raw, line) == left
                # By whatever numbers and limits.
                assert ban(raw, "RL.LIMIT k LOG 9 1s BAN 7 1s 1s") == [0, 7, *left[2:]]
                assert ban(raw, f"RL.LIMIT k LEASE 5 1m {BAN} ID a") == left
        assert clauses(run(raw, CALL))[1][0] == [1, 1, 1, 0, 0], "the limit alone would admit it"
        # Those that do not name it are decided as ever.
        use_up(raw)
        assert run(raw, "RL.LOG k 1 1s") == [1, 1, 0, 0, SECOND_MS]
        server.clock.advance(4 * MINUTE_MS - 1)
        assert ban(raw) == [0, 3, 0, 1, 1 + HOUR_MS]
        server.clock.advance(1)
        assert clauses(run(raw, CALL)) == (1, [[1, 1, 0, 0, 10_000], [1, 3, 3, 0, HOUR_MS]])


def test_the_rates_of_a_banned_call_are_not_charged(raw: RawConnection) -> None:
    use_up(raw)
    assert begin(raw) == 5 * MINUTE_MS
    for _ in range(3):
        ban(raw, f"RL.LIMIT k LOG 9 1h SHADOW LOG 9 2h LEASE 5 1m {BAN} ID a")
    assert [row[0] for row in rows(raw("RL.PEEK", "k"))] == [b"fixed", b"ban"]


def test_del_ends_it(raw: RawConnection) -> None:
    use_up(raw)
    begin(raw)
    assert raw("DEL", "k") == 1
    assert clauses(run(raw, CALL)) == (1, [[1, 1, 0, 0, 10_000], [1, 3, 3, 0, 0]])
    assert begin(raw) == 5 * MINUTE_MS, "the first again"


# The next ban


def next_ban(raw: RawConnection, clock: Clock, after_ms: int, line: str = CALL) -> int:
    """How long the ban is that begins so long after the last one has ended."""
    left_ms = ban(raw, line)[3]
    clock.advance(left_ms + after_ms)
    allowed, *_ = clauses(run(raw, line))
    assert allowed
    return begin(raw, line)


def test_bans_double_up_to_the_longest(raw: RawConnection, clock: Clock) -> None:
    use_up(raw)
    minutes = [begin(raw) // MINUTE_MS]
    minutes += [next_ban(raw, clock, 0) // MINUTE_MS for _ in range(6)]
    assert minutes == [5, 10, 20, 40, 60, 60, 60]


@pytest.mark.parametrize(("after_ms", "minutes"), [(HOUR_MS - 1, 10), (HOUR_MS, 5)])
def test_one_that_begins_less_than_max_after_the_end_of_the_last_is_longer(
    raw: RawConnection, clock: Clock, after_ms: int, minutes: int
) -> None:
    # The key lives on.
    run(raw, "RL.FIXED k 9 1d")
    use_up(raw)
    assert begin(raw) == 5 * MINUTE_MS
    assert next_ban(raw, clock, after_ms) == minutes * MINUTE_MS


def test_without_max_all_are_as_long(raw: RawConnection, clock: Clock) -> None:
    line = f"RL.LIMIT k {LIMIT} BAN 1 1m 5m"
    use_up(raw)
    assert begin(raw, line) == 5 * MINUTE_MS
    for _ in range(3):
        assert next_ban(raw, clock, 0, line) == 5 * MINUTE_MS


def test_a_window_and_a_ban_go_by_the_numbers_with_which_they_began(
    raw: RawConnection, clock: Clock
) -> None:
    run(raw, "RL.LIMIT k LOG 1 1d")
    assert ban(raw, "RL.LIMIT k LOG 1 1d BAN 9 1m 1m") == [1, 9, 9, 0, 86_400_000]
    assert ban(raw, "RL.LIMIT k LOG 1 1d BAN 3 1m 1m")[:3] == [1, 3, 2]
    # It is open: three within a minute, whatever later calls say.
    assert ban(raw, "RL.LIMIT k LOG 1 1d BAN 1 1s 1m")[:3] == [1, 1, 1]
    assert ban(raw, "RL.LIMIT k LOG 1 1d BAN 99 1s 7m 8m")[:4] == [0, 99, 0, 7 * MINUTE_MS]
    clock.advance(MINUTE_MS)
    assert ban(raw, "RL.LIMIT k LOG 1 1d BAN 5 1s 1ms")[:4] == [0, 5, 0, 6 * MINUTE_MS]
    clock.advance(6 * MINUTE_MS)
    # The last one told to wait for a day, so this one counts.
    assert ban(raw, "RL.LIMIT k LOG 1 1d BAN 1 1m 1s 10m")[3] == 10 * MINUTE_MS, "twice 7, at most"


# Memory, and clocks


def test_where_memory_is_full_a_first_refusal_goes_unnoticed(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        use_up(raw)
        run(raw, f"RL.LIMIT old FIXED 0 1s {BAN}")
        exhaust(raw)
        with nothing_written(server):
            for _ in range(9):
                assert ban(raw) == [1, 3, 3, 0, 0]
                assert ban(raw, f"RL.LIMIT new FIXED 0 1s {BAN}") == [1, 3, 3, 0, 0]
            assert run(raw, f"RL.LIMIT new {LIMIT} {BAN}") == OOM
        assert raw("EXISTS", "new") == 0
        # What stands goes on: it counts, bans, and ends.
        old = f"RL.LIMIT old FIXED 0 1s {BAN}"
        assert [ban(raw, old)[2] for _ in range(3)] == [2, 1, 0]
        raw("CONFIG", "SET", "maxmemory", 0)
        assert ban(raw) == [1, 3, 3, 0, 10_000]


def test_at_a_key_that_is_full_a_first_refusal_goes_unnoticed(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        for number in range(1, 65):
            run(raw, f"RL.FIXED k 1 {number}m")
        full = f"RL.LIMIT k FIXED 1 64m {BAN}"
        with nothing_written(server):
            for _ in range(9):
                assert ban(raw, full) == [1, 3, 3, 0, 0]
        server.clock.advance(MINUTE_MS)
        assert ban(raw, full) == [1, 3, 3, 0, 63 * MINUTE_MS], "one of them is not in use any more"
        # It counts among the 64 itself.
        assert run(raw, "RL.LOG k 9 1m") == TOO_MANY_LIMITERS
        assert begin(raw, full) == 5 * MINUTE_MS


def test_a_clock_that_steps_back_moves_it_to_now(raw: RawConnection, clock: Clock) -> None:
    run(raw, "RL.LIMIT k LOG 1 1d")
    line = f"RL.LIMIT k LOG 1 1d {BAN}"
    assert ban(raw, line)[4] == 86_400_000
    assert ban(raw, line)[2] == 2
    clock.advance(-HOUR_MS)
    # A look records the move, and so does a refusal; the window is as long as it was.
    assert ban(raw, "RL.LIMIT k LOG 0 1d BAN 3 1m 5m 1h COST 0")[2] == 2
    clock.advance(MINUTE_MS - 1)
    assert ban(raw, line)[2] == 1
    assert begin(raw, line) == 5 * MINUTE_MS
    clock.advance(-2 * HOUR_MS)
    # It locks nobody longer than it would have.
    assert ban(raw, line)[3] == 5 * MINUTE_MS
    clock.advance(MINUTE_MS)
    assert ban(raw, line)[3] == 4 * MINUTE_MS
    clock.advance(-30 * SECOND_MS)
    # What the last refusal told, a minute after the limit was used up, moves along.
    told_ms = 86_400_000 - (MINUTE_MS - 1) - 30 * SECOND_MS
    assert ban(raw, line)[3:] == [4 * MINUTE_MS + 30 * SECOND_MS, told_ms]
    ttl = raw("PTTL", "k")
    assert isinstance(ttl, int)
    assert ttl >= told_ms
