"""RL.ALL with an id: a receipt at each key, which makes the same call again a repeat there."""

from __future__ import annotations

import pytest

from support.clock import START_MS, Clock
from support.full_memory import OOM, exhaust
from support.pool import NewServer
from support.resp import Failure, RawConnection, Reply
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import clauses

pytestmark = pytest.mark.all_servers

BOTH = "a FIXED 5 1m COST 3 AND b TOKEN 9 1 1s LOG 9 1m ID order-1"
MINUTE_MS = 60_000


def ask(raw: RawConnection, line: str) -> Reply:
    return raw("RL.ALL", *line.split())


def untouched_by(server: Server, line: str) -> Reply:
    """What a call answers that changes nothing."""
    with server.raw() as raw, nothing_written(server):
        return ask(raw, line)


def remaining(raw: RawConnection, key: str) -> list[Reply]:
    """What is left of each limiter at a key, by RL.PEEK."""
    peeked = raw("RL.PEEK", key)
    assert isinstance(peeked, list)
    return [row[4] for row in peeked if isinstance(row, list)]


def test_the_same_call_again_is_charged_once(server: Server, raw: RawConnection) -> None:
    verdicts = [[1, 5, 2, 0, MINUTE_MS], [1, 9, 8, 0, 1_000], [1, 9, 8, 0, MINUTE_MS]]
    assert ask(raw, BOTH) == [1, *verdicts]
    assert untouched_by(server, BOTH) == [1, *verdicts]
    # Whatever its costs, and in whatever order its keys and clauses come.
    again = "b LOG 9 1m TOKEN 9 1 1s COST 9 AND a FIXED 5 1m COST 999 ID order-1"
    assert untouched_by(server, again) == [1, verdicts[2], verdicts[1], verdicts[0]]
    # By other limits too, which are shown as asked.
    lower = "a FIXED 2 1m AND b TOKEN 1 1 1s LOG 1 1m ID order-1"
    reply = untouched_by(server, lower)
    assert reply == [1, [1, 2, 0, 0, MINUTE_MS], [1, 1, 0, 0, 1_000], [1, 1, 0, 0, MINUTE_MS]]
    assert clauses(ask(raw, BOTH.replace("order-1", "order-2")))[0] == 0


def test_what_one_call_charged_another_command_knows(server: Server, raw: RawConnection) -> None:
    ask(raw, BOTH)
    for line in ("RL.FIXED a 5 1m", "RL.LIMIT b LOG 9 1m TOKEN 9 1 1s", "RL.LIMIT a FIXED 5 1m"):
        with nothing_written(server):
            reply = raw(*line.split(), "ID", "order-1")
        assert isinstance(reply, list)
        assert reply[0] == 1
    raw("RL.FIXED", "c", 5, "1m", "COST", 5, "ID", "order-1")
    reply = untouched_by(server, "a FIXED 5 1m AND c FIXED 5 1m ID order-1")
    assert reply == [1, [1, 5, 2, 0, MINUTE_MS], [1, 5, 0, 0, MINUTE_MS]]


def test_a_key_that_knows_the_id_repeats_and_the_others_are_decided(
    server: Server, raw: RawConnection
) -> None:
    raw("RL.FIXED", "a", 5, "1m", "COST", 5, "ID", "x")
    dump = raw("DUMP", "a")
    assert ask(raw, "a FIXED 5 1m AND b FIXED 5 1m COST 4 ID x") == [
        1,
        [1, 5, 0, 0, MINUTE_MS],
        [1, 5, 1, 0, MINUTE_MS],
    ]
    assert raw("DUMP", "a") == dump
    # Now both know it, and a third is refused: those who know it say so, and it gets no receipt.
    denied = "a FIXED 5 1m AND b FIXED 5 1m AND c FIXED 0 1m ID x"
    assert untouched_by(server, denied) == [
        0,
        [1, 5, 0, 0, MINUTE_MS],
        [1, 5, 1, 0, MINUTE_MS],
        [0, 0, 0, -1, 0],
    ]
    # A key that would have passed and was not charged has none either.
    denied = "b FIXED 5 1m AND c FIXED 5 1m AND d FIXED 0 1m ID x"
    assert clauses(untouched_by(server, denied))[0] == 0
    assert raw("RL.SETTLE", "c", "x", 0) == 0
    assert ask(raw, "c FIXED 5 1m COST 2 ID x") == [1, [1, 5, 3, 0, MINUTE_MS]]


def test_a_denied_call_leaves_no_receipt(server: Server, raw: RawConnection) -> None:
    assert clauses(untouched_by(server, "a FIXED 5 1m AND b FIXED 0 1m ID x"))[0] == 0
    assert ask(raw, "a FIXED 5 1m AND b FIXED 1 1m ID x") == [
        1,
        [1, 5, 4, 0, MINUTE_MS],
        [1, 1, 0, 0, MINUTE_MS],
    ]


def test_a_key_whose_cost_is_0_looks_at_no_id(server: Server, raw: RawConnection) -> None:
    assert clauses(ask(raw, "a FIXED 5 1m COST 0 AND b FIXED 5 1m ID x"))[0] == 1
    assert raw("EXISTS", "a", "b") == 1
    assert raw("RL.SETTLE", "a", "x", 0) == 0
    assert clauses(ask(raw, "a FIXED 5 1m COST 2 AND b FIXED 5 1m ID x"))[0] == 1
    assert remaining(raw, "a") == [3]
    assert remaining(raw, "b") == [4]
    # Nor does it matter there that the id is that of another call.
    reply = untouched_by(server, "a LOG 5 1m COST 0 AND b FIXED 5 1m ID x")
    assert reply == [1, [1, 5, 5, 0, 0], [1, 5, 4, 0, MINUTE_MS]]


@pytest.mark.parametrize("others", ["c FIXED 5 1m", "c FIXED 0 1m", "b FIXED 5 1m"])
@pytest.mark.parametrize("wrong", ["a LOG 5 1m", "a FIXED 5 1h", "a FIXED 5 1m LOG 5 1m"])
@pytest.mark.parametrize("first", [True, False])
def test_an_id_of_another_call_at_one_key_stops_all(
    server: Server, raw: RawConnection, others: str, wrong: str, first: bool
) -> None:
    raw("RL.FIXED", "a", 5, "1m", "ID", b"x\xff")
    groups = [wrong, others] if first else [others, wrong]
    words = " AND ".join(groups).split()
    with nothing_written(server):
        reply = raw("RL.ALL", *words, "ID", b"x\xff")
    assert reply == Failure(r"ERR id 'x\xff' names another call")


def test_receipts_are_kept_for_as_long_as_told(raw: RawConnection, clock: Clock) -> None:
    line = "a FIXED 9 1h AND b LOG 9 1h COST 2 ID x KEEP 10s"
    ask(raw, line)
    clock.set_ms(START_MS + 9_999)
    ask(raw, line)
    assert [remaining(raw, key) for key in "ab"] == [[8], [7]]
    clock.set_ms(START_MS + 10_000)
    ask(raw, line)
    assert [remaining(raw, key) for key in "ab"] == [[7], [5]]


def test_a_repeat_tells_what_is_left_of_the_hold(raw: RawConnection, clock: Clock) -> None:
    raw("RL.LEAKY", "a", 9, 1, "1s", "COST", 2)
    line = "a LEAKY 9 1 1s AND b LEAKY 9 1 1s COST 3 ID x"
    assert ask(raw, line) == [1, [1, 9, 6, 2_000, 3_000], [1, 9, 6, 0, 3_000]]
    clock.advance(1_500)
    assert ask(raw, line) == [1, [1, 9, 7, 500, 1_500], [1, 9, 7, 0, 1_500]]
    # Another key that is new is told a hold of its own.
    raw("RL.LEAKY", "c", 9, 1, "1s", "COST", 4)
    reply = ask(raw, line.replace("ID x", "AND c LEAKY 9 1 1s ID x"))
    assert reply == [1, [1, 9, 7, 500, 1_500], [1, 9, 7, 0, 1_500], [1, 9, 4, 4_000, 5_000]]


def test_a_settle_at_one_key_corrects_that_key_alone(raw: RawConnection) -> None:
    ask(raw, "tokens TOKEN 1000 1 1h COST 500 AND requests FIXED 5 1m AND day LOG 9 1d ID x")
    others = raw("DUMP", "requests"), raw("DUMP", "day")
    assert raw("RL.SETTLE", "tokens", "x", 123) == 1
    assert remaining(raw, "tokens") == [877]
    assert (raw("DUMP", "requests"), raw("DUMP", "day")) == others
    assert raw("RL.SETTLE", "requests", "x", 0) == 1
    assert raw("RL.SETTLE", "day", "x", 4) == 1
    assert remaining(raw, "day") == [5]
    assert raw("RL.FIXED", "requests", 5, "1m", "COST", 0) == [1, 5, 5, 0, 0]
    # What was given back is a repeat still.
    line = "requests FIXED 5 1m AND day LOG 9 1d ID x"
    assert [verdict[2] for verdict in clauses(ask(raw, line))[1]] == [5, 5]


def test_a_setting_of_0_refuses_ids_with_a_cost(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        ask(raw, "a FIXED 5 1m AND b FIXED 5 1m ID x")
        raw("CONFIG", "SET", "ratelimit.receipts-max", 0)
        error = Failure("ERR ID must not be given while ratelimit.receipts-max is 0")
        assert untouched_by(server, "a FIXED 5 1m COST 0 AND b FIXED 5 1m ID x") == error
        assert untouched_by(server, "a FIXED 0 1m AND c FIXED 5 1m ID x") == error
        looked = "a FIXED 5 1m COST 0 AND b FIXED 5 1m COST 0 ID x"
        assert clauses(untouched_by(server, looked))[0] == 1
        assert raw("RL.SETTLE", "a", "x", 0) == 1


def test_a_clock_that_steps_back_makes_an_id_unknown_at_each_key(
    raw: RawConnection, clock: Clock
) -> None:
    raw("RL.FIXED", "a", 9, "1h", "ID", "x", "KEEP", "1h")
    clock.advance(1_000)
    raw("RL.FIXED", "b", 9, "1h", "ID", "x", "KEEP", "1h")
    clock.advance(-500)
    ask(raw, "a FIXED 9 1h AND b FIXED 9 1h ID x KEEP 1h")
    assert [remaining(raw, key) for key in "ab"] == [[8], [7]]


def test_a_repeat_at_one_key_goes_on_when_memory_is_full(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        ask(raw, "a FIXED 5 1m AND b LOG 5 1m ID x")
        raw("RL.FIXED", "c", 5, "1m")
        exhaust(raw)
        assert clauses(untouched_by(server, "a FIXED 5 1m AND b LOG 5 1m ID x"))[0] == 1
        assert untouched_by(server, "a FIXED 5 1m AND c FIXED 5 1m ID x") == OOM
        # A key that is not charged an id for needs no room for a receipt.
        assert clauses(ask(raw, "a FIXED 5 1m ID x"))[0] == 1
