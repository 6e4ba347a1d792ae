"""SHADOW: a limit on trial judges by a limiter of its own, and shows in no reply."""

from __future__ import annotations

import random

import pytest

from support.clock import Clock
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply
from support.told import told
from support.untouched import nothing_written
from support.verdicts import clauses, rows

pytestmark = pytest.mark.all_servers

WINDOWS = ("FIXED", "SLIDING", "LOG")
ALGORITHMS = (*WINDOWS, "TOKEN", "LEAKY")
PERIODS = ("400ms", "3s", "1m")
STEPS_MS = (0, 0, 1, 30, 250, 900, 7_000, -1, -200, -5_000)


def limit(rng: random.Random, name: str, period: str) -> list[Argument]:
    """A clause of that algorithm and period, and any numbers."""
    refill: list[Argument] = [] if name in WINDOWS else [rng.choice((1, 3, 20))]
    return [name, rng.choice((0, 1, 4, 4, 9, 30)), *refill, period]


def some(rng: random.Random, most: int, shadow: bool = False) -> list[list[Argument]]:
    """Up to so many clauses, none of them the same limiter."""
    count = rng.randint(0, most)
    pairs = rng.sample([(name, period) for name in ALGORITHMS for period in PERIODS], count)
    return [[*(["SHADOW"] if shadow else []), *limit(rng, *pair)] for pair in pairs]


def mixed(
    rng: random.Random, real: list[list[Argument]], shadows: list[list[Argument]]
) -> list[Argument]:
    """The real clauses in their order, with the others anywhere among them."""
    all_of_them = list(real)
    for shadow in shadows:
        all_of_them.insert(rng.randint(0, len(all_of_them)), shadow)
    return [word for clause in all_of_them for word in clause]


def is_on_trial(row: list[Reply]) -> bool:
    """Whether a row of RL.PEEK is of a limit on trial."""
    assert isinstance(row[0], bytes)
    return row[0].startswith(b"shadow-")


def real_ones(raw: RawConnection, key: str) -> list[list[Reply]]:
    """RL.PEEK's rows of what is real."""
    return [row for row in rows(raw("RL.PEEK", key)) if not is_on_trial(row)]


def on_trial(raw: RawConnection, key: str) -> list[list[Reply]]:
    """RL.PEEK's rows of what is on trial."""
    return [row for row in rows(raw("RL.PEEK", key)) if is_on_trial(row)]


def as_on_trial(raw: RawConnection, key: str) -> list[list[Reply]]:
    """RL.PEEK's rows of real ones, as if they were on trial."""
    return [
        [b"shadow-" + bytes(str(row[0])[2:-1], "ascii"), *row[1:]]
        for row in rows(raw("RL.PEEK", key))
    ]


@pytest.mark.parametrize("seed", range(3))
def test_replies_are_the_same_with_and_without(raw: RawConnection, clock: Clock, seed: int) -> None:
    rng = random.Random(seed)
    kinds = {"allowed": 0, "denied": 0, "error": 0}
    asked = 0
    # No key expires: then its limiters would be gone, should the clock step back.
    for key in "abcd":
        raw("RL.FIXED", key, 9, "1d")
    for step in range(3_000):
        clock.advance(rng.choice(STEPS_MS))
        real, trials = some(rng, 3) or [limit(rng, "FIXED", "3s")], some(rng, 3, shadow=True)
        if rng.random() < 0.3:
            real.insert(rng.randint(0, len(real)), ["LEASE", rng.choice((0, 1, 3)), "2s"])
        if rng.random() < 0.4 and len(real) > 0:
            real.insert(rng.randint(0, len(real)), ["BAN", rng.choice((1, 3)), "5s", "2s", "9s"])
        ending: list[Argument] = ["COST", rng.choice((0, 1, 1, 2, 6))] if step % 2 else []
        if any(clause[0] == "LEASE" for clause in real) or rng.random() < 0.2:
            ending += ["ID", rng.choice("abcd"), "KEEP", "1500ms"]
        plain, tried = mixed(rng, real, []), mixed(rng, real, trials)
        if rng.random() < 0.3:
            more, others = some(rng, 2) or [limit(rng, "LOG", "3s")], some(rng, 2, shadow=True)
            one: list[Argument] = ["RL.ALL", "a", *plain, "AND", "b", *mixed(rng, more, [])]
            two: list[Argument] = ["RL.ALL", "c", *tried, "AND", "d", *mixed(rng, more, others)]
        else:
            one, two = ["RL.LIMIT", "a", *plain], ["RL.LIMIT", "c", *tried]
        asked += len(trials)
        expected, found = raw.pipeline([[*one, *ending], [*two, *ending]])
        assert found == expected, f"step {step}: {two} {ending}"
        if isinstance(expected, Failure):
            kinds["error"] += 1
        else:
            kinds["allowed" if clauses(expected)[0] else "denied"] += 1
        if step % 50 == 0:
            assert real_ones(raw, "c") == rows(raw("RL.PEEK", "a"))
            assert real_ones(raw, "d") == rows(raw("RL.PEEK", "b"))
    assert asked > 3_000
    assert min(kinds["allowed"], kinds["denied"]) > 500, kinds
    assert kinds["error"] > 5, "ids that name another call"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_counts_as_a_real_one_that_sees_the_same_calls(
    new_server: NewServer, algorithm: str
) -> None:
    """A call that is denied or repeated is not seen; COST 0 is, and counts in neither."""
    server = new_server()
    rng = random.Random(algorithm)
    counted = {"shadow_allowed": 0, "shadow_denied": 0}
    with server.raw() as raw:
        # Neither key expires, nor are limits on trial ever all unused: the clock steps back.
        raw("RL.LIMIT", "k", "SHADOW", "FIXED", 9, "1d")
        counted["shadow_allowed"] += 1
        raw("RL.FIXED", "real", 9, "1d")
        for step in range(2_000):
            server.clock.advance(rng.choice(STEPS_MS))
            trial, cost = limit(rng, algorithm, "3s"), rng.choice((0, 1, 1, 2, 6))
            # The real limit at the key is of the same algorithm and period, or is none.
            real = limit(rng, algorithm, "3s") if rng.random() < 0.5 else []
            ending: list[Argument] = ["COST", cost]
            if rng.random() < 0.3:
                ending += ["ID", rng.choice("xy"), "KEEP", "1s"]
            repeats = told(raw)["repeats"]
            reply = raw("RL.LIMIT", "k", *real, "SHADOW", *trial, *ending)
            if isinstance(reply, Failure):
                assert "names another call" in reply.text
                continue
            if clauses(reply)[0] == 0 or told(raw)["repeats"] > repeats:
                continue
            verdict = raw(f"RL.{algorithm}", "real", *trial[1:], "COST", cost)
            assert isinstance(verdict, list)
            if cost > 0:
                counted["shadow_allowed" if verdict[0] else "shadow_denied"] += 1
            assert on_trial(raw, "k") == as_on_trial(raw, "real"), f"step {step}: {trial} {ending}"
        found = told(raw)
    assert {name: found[name] for name in counted} == counted
    assert min(counted.values()) > 200, counted
    assert found["shadow_skipped"] == 0


def peeked(raw: RawConnection, key: str = "k") -> list[list[Reply]]:
    """Name, limit and remaining of what stands at a key."""
    return [[row[0], row[1], row[4]] for row in rows(raw("RL.PEEK", key))]


def test_its_limiter_is_its_own(raw: RawConnection) -> None:
    for left in (4, 3):
        reply = raw("RL.LIMIT", "k", "FIXED", 5, "1m", "SHADOW", "FIXED", 9, "1m", "COST", 1)
        assert reply == [1, [1, 5, left, 0, 60_000]]
    assert raw("RL.FIXED", "k", 5, "1m") == [1, 5, 2, 0, 60_000]
    assert peeked(raw) == [[b"fixed", 5, 2], [b"shadow-fixed", 9, 7]]


DENIED = (
    "FIXED 0 1m SHADOW LOG 9 1m",
    "SHADOW LOG 9 1m FIXED 5 1m TOKEN 0 1 1m",
    "SHADOW LOG 0 1m LEASE 0 1m ID x",
    # A repeat was judged before.
    "FIXED 5 1m SHADOW LOG 9 1m SHADOW TOKEN 0 1 1m ID y",
)


def test_it_is_judged_only_if_all_real_clauses_admit(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.LIMIT", "k", "FIXED", 5, "1m", "SHADOW", "LOG", 9, "1m", "ID", "y")
        for line in DENIED:
            with nothing_written(server):
                allowed, _ = clauses(raw("RL.LIMIT", "k", *line.split()))
                assert allowed == line.endswith("y")
        # With several keys, it is all of them that must admit.
        with nothing_written(server):
            line = "k SHADOW LOG 9 1m SHADOW TOKEN 0 1 1m AND j FIXED 0 1m"
            assert clauses(raw("RL.ALL", *line.split()))[0] == 0
        found = told(raw)
        assert (found["shadow_allowed"], found["shadow_denied"]) == (1, 0)
        assert raw("RL.TOP", "SHADOW") == []
        assert peeked(raw) == [[b"fixed", 5, 4], [b"shadow-log", 9, 8]]


def test_each_is_judged_by_itself(raw: RawConnection) -> None:
    line = "SHADOW FIXED 1 1m SHADOW LOG 2 1m SHADOW TOKEN 3 1 1m SHADOW LEAKY 0 1 1m"
    for _ in range(4):
        assert raw("RL.LIMIT", "k", *line.split()) == [1]
    # What was refused is not charged: it is whatever came first.
    assert peeked(raw) == [
        [b"shadow-fixed", 1, 0],
        [b"shadow-log", 2, 0],
        [b"shadow-token", 3, 0],
    ]


def test_alone_they_answer_no_more_than_that_it_is_allowed(raw: RawConnection) -> None:
    for line in (
        "SHADOW FIXED 0 1m",
        "SHADOW FIXED 5 1m COST 0",
        "SHADOW FIXED 5 1m SHADOW FIXED 5 2m COST 1000",
        "SHADOW TOKEN 5 1 1m ID x KEEP 1m",
        "SHADOW LOG 5 1m ID x",
    ):
        assert raw("RL.LIMIT", "k", *line.split()) == [1], line
        assert raw("RL.ALL", "j", *line.split()) == [1], line
    for line in (
        "SHADOW LOG 0 1m AND b SHADOW FIXED 5 1m COST 9",
        "SHADOW LOG 0 1m AND b FIXED 5 1m",
    ):
        verdicts = [[1, 5, 4, 0, 60_000]] if line.endswith("AND b FIXED 5 1m") else []
        assert raw("RL.ALL", "a", *line.split()) == [1, *verdicts]


def test_they_leave_no_receipt(raw: RawConnection) -> None:
    assert raw("RL.LIMIT", "k", "SHADOW", "FIXED", 5, "1m", "ID", "x") == [1]
    assert raw("RL.SETTLE", "k", "x", 0) == 0
    assert raw("RL.LIMIT", "k", "SHADOW", "FIXED", 5, "1m", "ID", "x") == [1]
    assert peeked(raw) == [[b"shadow-fixed", 5, 3]], "each is a call of its own"
    # A settle corrects what is real; what is on trial keeps what it was charged.
    raw("RL.LIMIT", "k", "FIXED", 9, "1m", "SHADOW", "FIXED", 5, "1m", "COST", 3, "ID", "y")
    assert raw("RL.SETTLE", "k", "y", 1) == 1
    assert peeked(raw) == [[b"fixed", 9, 8], [b"shadow-fixed", 5, 0]]


def test_numbers_apply_at_once(raw: RawConnection, clock: Clock) -> None:
    for limit_, denied in ((2, 0), (2, 0), (2, 1), (4, 1), (4, 1), (4, 2), (1, 3)):
        raw("RL.LIMIT", "k", "SHADOW", "FIXED", limit_, "1m")
        assert sum(int(str(row[1])) for row in rows(raw("RL.TOP", "SHADOW"))) == denied
    clock.advance(60_000)
    raw("RL.LIMIT", "k", "SHADOW", "FIXED", 1, "1m")
    assert raw("RL.TOP", "SHADOW", "RESET") == [[b"k", 3]]


def test_a_clock_that_steps_back_moves_it_as_a_real_one(raw: RawConnection, clock: Clock) -> None:
    for name in ALGORITHMS:
        refill = "" if name in WINDOWS else "1 "
        raw("RL.LIMIT", "k", *f"SHADOW {name} 5 {refill}1m COST 5".split())
        raw(f"RL.{name}", "real", *f"5 {refill}1m COST 5".split())
    clock.advance(-3_600_000)
    for cost in (0, 1):
        for name in ALGORITHMS:
            refill = "" if name in WINDOWS else "1 "
            raw("RL.LIMIT", "k", *f"SHADOW {name} 5 {refill}1m COST {cost}".split())
            raw(f"RL.{name}", "real", *f"5 {refill}1m COST {cost}".split())
        expected = as_on_trial(raw, "real")
        assert rows(raw("RL.PEEK", "k")) == expected
        assert len(expected) == 5
        assert raw("PTTL", "k") == raw("PTTL", "real")
        clock.advance(-1_000)


def test_del_forgets_it(raw: RawConnection) -> None:
    raw("RL.LIMIT", "k", "SHADOW", "FIXED", 1, "1m")
    assert raw("DEL", "k") == 1
    raw("RL.LIMIT", "k", "SHADOW", "FIXED", 1, "1m")
    assert raw("RL.TOP", "SHADOW") == []


def test_it_goes_when_it_is_unused(raw: RawConnection, clock: Clock) -> None:
    raw("RL.LIMIT", "k", "FIXED", 5, "1h", "SHADOW", "FIXED", 5, "1s", "SHADOW", "LOG", 5, "2s")
    clock.advance(1_000)
    assert peeked(raw) == [[b"fixed", 5, 4], [b"shadow-log", 5, 4]]
    clock.advance(1_000)
    assert peeked(raw) == [[b"fixed", 5, 4]]
    raw("RL.FIXED", "k", 5, "1h")
    raw("RL.FIXED", "m", 5, "1h")
    assert raw("MEMORY", "USAGE", "k") == raw("MEMORY", "USAGE", "m"), "a key as any other"
    raw("RL.LIMIT", "alone", "SHADOW", "LOG", 5, "1s")
    clock.advance(60_000)
    assert raw("EXISTS", "alone") == 0
