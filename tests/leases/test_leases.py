"""RL.LEASE, RL.RENEW, RL.RELEASE: so many at once, to the number and to the millisecond."""

from __future__ import annotations

import pytest

from support.clock import START_MS, Clock
from support.lines import run
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import integers

pytestmark = pytest.mark.all_servers

# Each line: when it is called, in ms from the start; the call; the answer; whether it writes.
Example = list[tuple[int, str, object, bool]]

EXAMPLES: dict[str, Example] = {
    "places end by themselves, at exactly their time": [
        (0, "RL.LEASE k 2 10s a", [1, 2, 1, 0, 10_000], True),
        (3_000, "RL.LEASE k 2 10s b", [1, 2, 0, 0, 10_000], True),
        (3_000, "RL.LEASE k 2 10s c", [0, 2, 0, 7_000, 10_000], False),
        (9_999, "RL.LEASE k 2 10s c", [0, 2, 0, 1, 3_001], False),
        (10_000, "RL.LEASE k 2 10s c COST 0", [1, 2, 1, 0, 3_000], False),
        (10_000, "RL.LEASE k 2 10s c", [1, 2, 0, 0, 10_000], True),
        (10_000, "RL.RENEW k 10s a", 0, False),
        (20_000, "RL.LEASE k 2 10s d COST 0", [1, 2, 2, 0, 0], False),
    ],
    "a wait ends when enough places are free": [
        (0, "RL.LEASE k 10 10s a COST 2", [1, 10, 8, 0, 10_000], True),
        (1_000, "RL.LEASE k 10 20s b COST 5", [1, 10, 3, 0, 20_000], True),
        (2_000, "RL.LEASE k 10 3s c COST 3", [1, 10, 0, 0, 19_000], True),
        (3_000, "RL.LEASE k 10 1s d COST 3", [0, 10, 0, 2_000, 18_000], False),
        (3_000, "RL.LEASE k 10 1s d COST 4", [0, 10, 0, 7_000, 18_000], False),
        (3_000, "RL.LEASE k 10 1s d COST 5", [0, 10, 0, 7_000, 18_000], False),
        (3_000, "RL.LEASE k 10 1s d COST 6", [0, 10, 0, 18_000, 18_000], False),
        (3_000, "RL.LEASE k 10 1s d COST 10", [0, 10, 0, 18_000, 18_000], False),
        (3_000, "RL.LEASE k 10 1s d COST 11", [0, 10, 0, -1, 18_000], False),
        (3_000, "RL.LEASE k 10 1s d COST 1000000000000", [0, 10, 0, -1, 18_000], False),
        (5_000, "RL.LEASE k 10 1s d COST 3", [1, 10, 0, 0, 16_000], True),
    ],
    "one id holds one lease": [
        (0, "RL.LEASE k 5 10s a COST 3", [1, 5, 2, 0, 10_000], True),
        (1_000, "RL.LEASE k 5 10s a COST 3", [1, 5, 2, 0, 10_000], True),
        (2_000, "RL.LEASE k 5 2s a COST 5", [1, 5, 0, 0, 2_000], True),
        (2_000, "RL.LEASE k 5 2s b", [0, 5, 0, 2_000, 2_000], False),
        (2_000, "RL.LEASE k 5 2s a COST 6", [0, 5, 0, -1, 2_000], False),
        (3_000, "RL.LEASE k 5 9s a", [1, 5, 4, 0, 9_000], True),
        (3_000, "RL.LEASE k 5 9s a COST 0", [1, 5, 4, 0, 9_000], False),
        (3_000, "RL.RELEASE k a", 1, True),
    ],
    "the wait of a call that would hold more leaves its own places out": [
        (0, "RL.LEASE k 5 4s a COST 2", [1, 5, 3, 0, 4_000], True),
        (0, "RL.LEASE k 5 6s b COST 3", [1, 5, 0, 0, 6_000], True),
        (0, "RL.LEASE k 5 9s a COST 3", [0, 5, 0, 6_000, 6_000], False),
        (0, "RL.LEASE k 5 9s b COST 4", [0, 5, 0, 4_000, 6_000], False),
    ],
    "a lowered limit takes no place away, and a raised one is there at once": [
        (0, "RL.LEASE k 5 10s a COST 2", [1, 5, 3, 0, 10_000], True),
        (1_000, "RL.LEASE k 5 10s b COST 2", [1, 5, 1, 0, 10_000], True),
        (2_000, "RL.LEASE k 1 10s c", [0, 1, 0, 9_000, 9_000], False),
        (2_000, "RL.LEASE k 1 10s c COST 0", [0, 1, 0, 9_000, 9_000], False),
        (2_000, "RL.LEASE k 3 10s c COST 0", [0, 3, 0, 8_000, 9_000], False),
        (2_000, "RL.LEASE k 1 10s a COST 0", [1, 1, 0, 0, 9_000], False),
        (2_000, "RL.LEASE k 0 10s c", [0, 0, 0, -1, 9_000], False),
        (2_000, "RL.LEASE k 1 10s a COST 3", [0, 1, 0, -1, 9_000], False),
        (2_000, "RL.LEASE k 1 10s a COST 2", [1, 1, 0, 0, 10_000], True),
        (2_000, "RL.LEASE k 0 10s b", [1, 0, 0, 0, 10_000], True),
        (2_000, "RL.LEASE k 6 10s c COST 3", [1, 6, 0, 0, 10_000], True),
    ],
    "renewed leases are held from then on": [
        (0, "RL.LEASE k 3 10s a", [1, 3, 2, 0, 10_000], True),
        (0, "RL.LEASE k 3 10s b COST 2", [1, 3, 0, 0, 10_000], True),
        (9_999, "RL.RENEW k 1m a x a", 1, True),
        (9_999, "RL.LEASE k 3 10s c", [0, 3, 0, 1, 60_000], False),
        (10_000, "RL.RENEW k 1m b x", 0, False),
        (10_000, "RL.LEASE k 3 10s c COST 2", [1, 3, 0, 0, 59_999], True),
        (10_000, "RL.RENEW k 1ms a c", 2, True),
        (10_001, "RL.RENEW k 1m a c", 0, False),
        (10_001, "RL.LEASE k 3 10s a COST 0", [1, 3, 3, 0, 0], False),
    ],
    "places that are given back are free at once": [
        (0, "RL.LEASE k 3 10s a COST 2", [1, 3, 1, 0, 10_000], True),
        (1_000, "RL.LEASE k 3 10s b", [1, 3, 0, 0, 10_000], True),
        (2_000, "RL.RELEASE k x a a", 1, True),
        (2_000, "RL.RELEASE k a x", 0, False),
        (2_000, "RL.RENEW k 10s a", 0, False),
        (2_000, "RL.LEASE k 3 10s c COST 2", [1, 3, 0, 0, 10_000], True),
        (11_000, "RL.RELEASE k b", 0, False),
        (11_000, "RL.RELEASE k b c", 1, True),
        (11_000, "RL.RELEASE k c", 0, False),
    ],
    "any spelling of the same duration, in any case": [
        (0, "rl.lease k 1 90 a", [1, 1, 0, 0, 90_000], True),
        (0, "RL.LEASE k 1 1500ms a cost 1", [1, 1, 0, 0, 1_500], True),
        (0, "RL.LEASE k 1 366d a Cost 1", [1, 1, 0, 0, 31_622_400_000], True),
        (0, "RL.LEASE k 1 1ms a", [1, 1, 0, 0, 1], True),
        (1, "rl.renew k 1 a", 0, False),
    ],
    # A clock that steps back moves what begins later to now, all of it at once.
    "leases that begin in the future": [
        (0, "RL.LEASE k 3 60s a", [1, 3, 2, 0, 60_000], True),
        (50_000, "RL.LEASE k 3 10s b", [1, 3, 1, 0, 10_000], True),
        (50_000, "RL.LEASE k 3 30s c", [1, 3, 0, 0, 30_000], True),
        (20_000, "RL.LEASE k 3 5s d", [0, 3, 0, 10_000, 40_000], True),
        (20_000, "RL.LEASE k 3 5s d", [0, 3, 0, 10_000, 40_000], False),
        (30_000, "RL.LEASE k 3 5s d", [1, 3, 0, 0, 30_000], True),
        (50_000, "RL.LEASE k 3 5s e COST 0", [1, 3, 2, 0, 10_000], False),
    ],
    "even a look records it, and a renewal and a release": [
        (50_000, "RL.LEASE k 3 10s a", [1, 3, 2, 0, 10_000], True),
        (20_000, "RL.LEASE k 3 10s x COST 0", [1, 3, 2, 0, 10_000], True),
        (20_000, "RL.LEASE k 3 10s b", [1, 3, 1, 0, 10_000], True),
        (10_000, "RL.RELEASE k x", 0, False),
        (10_000, "RL.RELEASE k b", 1, True),
        (10_000, "RL.LEASE k 3 10s x COST 0", [1, 3, 2, 0, 10_000], False),
        (5_000, "RL.RENEW k 20s a", 1, True),
        (5_000, "RL.LEASE k 3 10s x COST 0", [1, 3, 2, 0, 20_000], False),
    ],
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_to_the_number(server: Server, raw: RawConnection, clock: Clock, example: Example) -> None:
    for at_ms, line, expected, writes in example:
        clock.set_ms(START_MS + at_ms)
        if writes:
            before = effects_of(raw)
            assert run(raw, line) == expected, f"{line} at {at_ms}"
            assert effects_of(raw) == before + 1, f"{line} at {at_ms}"
        else:
            with nothing_written(server):
                assert run(raw, line) == expected, f"{line} at {at_ms}"


def effects_of(raw: RawConnection) -> int:
    """How many writes there have been of the module's, whoever was told of them."""
    told = raw("INFO", "ratelimit")
    assert isinstance(told, bytes)
    pairs = (line.split(":") for line in told.decode().split() if "effects_" in line)
    return sum(int(number) for _, number in pairs)


@pytest.mark.parametrize("places", [1, 2, 3, 5, 7, 8])
def test_the_wait_is_exact(raw: RawConnection, clock: Clock, places: int) -> None:
    ends_ms = (7_000, 9_000, 8_000, 4_000)
    for number, ms in enumerate(ends_ms):
        run(raw, f"RL.LEASE k 8 {ms}ms {number} COST 2")
    asked = f"RL.LEASE k 8 1s x COST {places}"
    wait_ms = integers(run(raw, asked))[3]
    assert wait_ms == sorted(ends_ms)[(places - 1) // 2]
    clock.advance(wait_ms - 1)
    assert integers(run(raw, asked))[3] == 1
    clock.advance(1)
    assert integers(run(raw, asked))[0] == 1


def test_what_rl_peek_shows(raw: RawConnection, clock: Clock) -> None:
    run(raw, "RL.LEASE k 3 10s a COST 2")
    run(raw, "RL.LEASE k 3 1m b")
    run(raw, "RL.RENEW k 2m b")
    assert run(raw, "RL.PEEK k") == [[b"lease", 3, 3, 60_000, 0, 10_000, 120_000]]
    clock.advance(10_000)
    assert run(raw, "RL.PEEK k") == [[b"lease", 3, 3, 60_000, 2, 0, 110_000]]
    run(raw, "RL.RELEASE k b")
    assert run(raw, "RL.PEEK k") == []


IDS = (b"\x00", b"\r\n", b" ", b"a", b"A", b"a\x00", b"COST", b"0" * 16, b"0" * 17, b"\xff" * 64)


def test_an_id_is_any_bytes_compared_exactly(raw: RawConnection) -> None:
    for number, name in enumerate(IDS, 1):
        for _ in range(2):
            assert integers(raw("RL.LEASE", "k", 99, "1m", name))[2] == 99 - number, name
    assert raw("RL.RENEW", "k", "1m", *IDS, *IDS, b"b") == len(IDS)
    assert raw("RL.RELEASE", "k", *IDS[1:], b"\x00\x00", b"") == too_short(0)
    assert raw("RL.RELEASE", "k", *IDS[1:], b"\x00\x00") == len(IDS) - 1
    assert integers(raw("RL.LEASE", "k", 99, "1m", "x", "COST", 0))[2] == 98


def test_a_lease_is_of_its_key(raw: RawConnection) -> None:
    for key in ("k", "other"):
        assert integers(raw("RL.LEASE", key, 1, "1m", "a"))[0] == 1
    assert run(raw, "RL.RELEASE k a") == 1
    assert integers(raw("RL.LEASE", "other", 1, "1m", "b"))[0] == 0


@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 3_000])
def test_any_number_of_ids(server: Server, raw: RawConnection, count: int) -> None:
    names: list[Argument] = [f"id-{number}" for number in range(count)]
    raw.pipeline([["RL.LEASE", "k", 10_000, "1m", name] for name in names])
    raw.pipeline([["RL.LEASE", "k", 10_000, "1m", f"kept-{n}"] for n in range(10)])
    server.clock.advance(30_000)
    assert raw("RL.RENEW", "k", "2m", *names, "unknown", *names[::-1]) == count
    assert integers(raw("RL.LEASE", "k", 10_000, "1m", "x", "COST", 0))[2:] == [
        *(10_000 - 10 - count, 0, 120_000)
    ]
    server.clock.advance(30_000)
    assert raw("RL.RENEW", "k", "2m", *(f"kept-{n}" for n in range(10))) == 0
    assert raw("RL.RELEASE", "k", *names[1:], *names[1:], "unknown", "kept-0") == count - 1
    assert raw("RL.RELEASE", "k", *names) == 1
    assert raw("EXISTS", "k") == 0


# Errors

LIMIT = "limit must be an integer from 0 to 10000, without sign or leading zero, not '{}'"
DURATION = (
    "duration must be an integer of seconds, or one with a suffix of ms, s, m, h, d or w in lower "
    "case, from 1ms to 366d, without sign or leading zero, not '{}'"
)
COST = "COST must be an integer from 0 to 1000000000000, without sign or leading zero, not '{}'"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


def too_short(length: int) -> Failure:
    return Failure(f"ERR id must be 1 to 64 bytes, not {length}")


ERRORS: dict[str, str] = {
    **{f"RL.LEASE k {n} 1m a": LIMIT.format(n) for n in ("x", "-1", "+1", "01", "1.0", "10001")},
    **{f"RL.LEASE k 1 {n} a": DURATION.format(n) for n in ("x", "0", "0ms", "1y", "367d", "1M")},
    **{f"RL.RENEW k {n} a": DURATION.format(n) for n in ("x", "0", "01s", "-1", "31622401")},
    **{f"RL.LEASE k 1 1m a COST {n}": COST.format(n) for n in ("x", "-1", "1000000000001")},
    "RL.LEASE k 1 1m a COST": "COST must be followed by an integer from 0 to 1000000000000",
    "RL.LEASE k 1 1m a 2": "unexpected argument '2', only COST n may follow the id",
    "RL.LEASE k 1 1m a ID b": "unexpected argument 'ID', only COST n may follow the id",
    "RL.LEASE k 1 1m a COST 1 x": "unexpected argument 'x', nothing may follow COST n",
    "RL.LEASE k 1 1m a COST 1 ID b": "unexpected argument 'ID', nothing may follow COST n",
    f"RL.LEASE k 1 1m {'a' * 65}": "id must be 1 to 64 bytes, not 65",
    f"RL.RENEW k 1m a {'a' * 65}": "id must be 1 to 64 bytes, not 65",
    f"RL.RELEASE k a {'a' * 100}": "id must be 1 to 64 bytes, not 100",
    "RL.LEASE": "wrong number of arguments for 'rl.lease' command",
    "RL.LEASE k 1 1m": "wrong number of arguments for 'rl.lease' command",
    "RL.RENEW k 1m": "wrong number of arguments for 'rl.renew' command",
    "RL.RELEASE k": "wrong number of arguments for 'rl.release' command",
    # What is asked for is read first, and only then what stands at the key.
    "RL.LEASE string x 1m a": LIMIT.format("x"),
    "RL.LIMIT k LEASE 1 1m": "LEASE must come with ID id at the end of the call",
    "RL.LIMIT k FIXED 1 1m LEASE 1 1m COST 2": "LEASE must come with ID id at the end of the call",
    "RL.LIMIT k LEASE 1 1m FIXED 1 1m LEASE 2 2m ID a": (
        "clause 3 is a second LEASE, a key may have one in a call"
    ),
    "RL.LIMIT k LEASE x 1m ID a": "clause 1: " + LIMIT.format("x"),
    "RL.LIMIT k FIXED 1 1m LEASE 10001 1m ID a": "clause 2: " + LIMIT.format(10_001),
    "RL.LIMIT k LEASE 1 1y ID a": "clause 1: " + DURATION.format("1y"),
    "RL.ALL k FIXED 1 1m AND j LEASE 1 1m": (
        "group 2: LEASE must come with ID id at the end of the call"
    ),
    "RL.ALL k LEASE 1 1m AND j LEASE 1 1m LEASE 1 2m ID a": (
        "clause 3 is a second LEASE, a key may have one in a call"
    ),
}


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_says_what_must_be_and_changes_nothing(
    server: Server, raw: RawConnection, line: str
) -> None:
    raw("SET", "string", "v")
    run(raw, "RL.LEASE k 1 1m z")
    with nothing_written(server):
        assert run(raw, line) == Failure(f"ERR {ERRORS[line]}")


@pytest.mark.parametrize(
    "line",
    [
        "RL.LEASE string 1 1m a",
        "RL.LEASE string 1 1m a COST 0",
        "RL.RENEW string 1m a",
        "RL.RELEASE string a",
        "RL.LIMIT string LEASE 1 1m ID a",
        "RL.ALL new FIXED 1 1m AND string LEASE 1 1m ID a",
    ],
)
def test_a_key_of_another_type(server: Server, raw: RawConnection, line: str) -> None:
    raw("SET", "string", "v")
    with nothing_written(server):
        assert run(raw, line) == Failure(WRONG_TYPE)


def test_an_empty_id(raw: RawConnection) -> None:
    assert raw("RL.LEASE", "k", 1, "1m", "") == too_short(0)
    assert raw("RL.RENEW", "k", "1m", "a", "") == too_short(0)
    assert raw("RL.RELEASE", "k", "") == too_short(0)


# The largest limit


def test_the_largest_limit(new_server: NewServer) -> None:
    server = new_server(module_args=["lease-max-limit", "10"])
    refused = LIMIT.format(11).replace("10000", "10")
    with server.raw() as raw:
        assert run(raw, "RL.LEASE k 10 1m a COST 10") == [1, 10, 0, 0, 60_000]
        with nothing_written(server):
            assert run(raw, "RL.LEASE k 11 1m b") == Failure(f"ERR {refused}")
            clause = Failure(f"ERR clause 1: {refused}")
            assert run(raw, "RL.LIMIT k LEASE 11 1m ID b") == clause
            assert run(raw, "RL.ALL k LEASE 11 1m ID b") == clause
            assert run(raw, "RL.POLICY SET p LEASE 11 1m") == clause
            told = raw("RL.POLICY", "LOAD", '{"p": ["LEASE 11 1m"]}')
            assert isinstance(told, Failure)
            assert refused in told.text
            assert run(raw, "RL.POLICY LIST") == []
        # What was asked for before is not asked again: policies, and leases that stand.
        raw("CONFIG", "SET", "ratelimit.lease-max-limit", 20)
        run(raw, "RL.POLICY SET p LEASE 20 1m")
        assert integers(run(raw, "RL.LEASE k 20 1m b COST 5"))[0] == 1
        raw("CONFIG", "SET", "ratelimit.lease-max-limit", 10)
        assert run(raw, "RL.LIMIT k POLICY p ID c") == [1, [1, 20, 4, 0, 60_000]]
        assert run(raw, "RL.RELEASE k c") == 1
        assert run(raw, "RL.LEASE k 10 1m c") == [0, 10, 0, 60_000, 60_000]
        assert run(raw, "RL.RENEW k 2m a b") == 2
        assert run(raw, "RL.LEASE k 10 3m b COST 5") == [1, 10, 0, 0, 180_000]
        raw("DEBUG", "RELOAD")
        assert run(raw, "RL.RELEASE k a b") == 2


def test_as_many_places_as_there_can_be(new_server: NewServer) -> None:
    with new_server(module_args=["lease-max-limit", "65536"]).raw() as raw:
        whole = run(raw, "RL.LEASE one 65536 1m a COST 65536")
        assert whole == [1, 65_536, 0, 0, 60_000]
        for start in range(0, 65_536, 1_024):
            numbers = range(start, start + 1_024)
            told = raw.pipeline([["RL.LEASE", "k", 65_536, "1m", f"id-{n}"] for n in numbers])
            assert [integers(each)[2] for each in told] == [65_535 - n for n in numbers]
        assert run(raw, "RL.LEASE k 65536 1m more") == [0, 65_536, 0, 60_000, 60_000]
        assert run(raw, "RL.LEASE k 65536 1m id-77") == [1, 65_536, 0, 0, 60_000]
        names: list[Argument] = [f"id-{n}" for n in range(60_000)]
        assert raw("RL.RENEW", "k", "2m", *names) == 60_000
        assert raw("RL.RELEASE", "k", *names) == 60_000
        assert integers(run(raw, "RL.LEASE k 65536 1m more"))[2] == 60_000 - 1
