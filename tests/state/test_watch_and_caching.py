"""WATCH and client-side caching: told of what changed, undisturbed by what did not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.clock import Clock
from support.resp import Failure, RawConnection, Status
from support.server import Server

pytestmark = pytest.mark.all_servers

# At the key stand one of each algorithm, with 1 of 2 in use.
SETUP = (
    "RL.FIXED k 2 10",
    "RL.SLIDING k 2 10",
    "RL.LOG k 2 10",
    "RL.TOKEN k 2 1 10",
    "RL.LEAKY k 2 1 10",
)
# And a charge that has an id.
CHARGE = "RL.FIXED k 2 20 ID a"

UNDISTURBED = (
    *(f"{line} COST 2" for line in SETUP),
    *(f"{line} COST 3" for line in SETUP),
    *(f"{line} COST 0" for line in SETUP),
    "RL.LIMIT k FIXED 2 10 LOG 1 10",
    "RL.LIMIT k FIXED 2 10 LOG 2 10 COST 0",
    "RL.LIMIT k FIXED 0 5",
    "RL.THROTTLE k 1 1 10 2",
    "RL.THROTTLE k 1 1 10 0",
    "CL.THROTTLE k 1 1 10 5",
    "RL.PEEK k",
    "RL.FIXED k x 10",
    "RL.FIXED other 2 10",
    "RL.FIXED k 1 20 ID a",
    "RL.LIMIT k FIXED 2 20 COST 9 ID a KEEP 1d",
    "RL.FIXED k 2 10 COST 2 ID b",
    "RL.FIXED k 2 10 COST 0 ID b",
    "RL.LOG k 2 10 ID a",
    "RL.SETTLE k a 1",
    "RL.SETTLE k b 0",
    "RL.SETTLE other a 0",
)

CHANGES = (
    *SETUP,
    "RL.LIMIT k FIXED 2 10 LOG 2 10",
    "RL.LIMIT k FIXED 5 99",
    "RL.THROTTLE k 1 1 10",
    "CL.THROTTLE k 1 1 10",
    "RL.FIXED k 2 10 ID b",
    "RL.LIMIT k FIXED 2 10 LOG 2 10 ID b",
    "RL.SETTLE k a 0",
    "RL.SETTLE k a 7",
)


@pytest.fixture
def other(server: Server) -> Iterator[RawConnection]:
    """The connection that calls while `raw` watches."""
    with server.raw() as connection:
        for line in (*SETUP, CHARGE):
            connection(*line.split())
        yield connection


def survives(raw: RawConnection, other: RawConnection, line: str) -> bool:
    """Whether a transaction that watches k goes through, though `line` is called meanwhile."""
    raw("WATCH", "k")
    other(*line.split())
    raw("MULTI")
    raw("PING")
    return raw("EXEC") == [Status("PONG")]


@pytest.mark.parametrize("line", UNDISTURBED)
def test_watch_is_undisturbed(raw: RawConnection, other: RawConnection, line: str) -> None:
    assert survives(raw, other, line)


@pytest.mark.parametrize("line", CHANGES)
def test_watch_is_broken(raw: RawConnection, other: RawConnection, line: str) -> None:
    assert not survives(raw, other, line)


def test_watch_of_a_missing_key(raw: RawConnection, server: Server) -> None:
    with server.raw() as other:
        assert survives(raw, other, "RL.FIXED k 0 10")
        assert survives(raw, other, "RL.FIXED k 1 10 COST 2")
        assert survives(raw, other, "RL.PEEK k")
        assert not survives(raw, other, "RL.FIXED k 1 10")


@pytest.mark.parametrize("line", [line + " COST 2" for line in SETUP])
def test_watch_is_broken_by_a_recorded_move(
    raw: RawConnection, other: RawConnection, clock: Clock, line: str
) -> None:
    clock.advance(-15_000)
    assert survives(raw, other, "RL.PEEK k")
    assert not survives(raw, other, line), "denied, but the clock's step back is recorded"
    assert survives(raw, other, line)


@pytest.fixture(params=[["ON"], ["ON", "BCAST"]], ids=["tracking", "broadcast"])
def tracking(server: Server, request: pytest.FixtureRequest) -> Iterator[RawConnection]:
    """A RESP3 connection that is told when a key that it read is no longer so."""
    with server.raw() as connection:
        connection("HELLO", 3)
        connection("CLIENT", "TRACKING", *request.param)
        yield connection


def told(tracking: RawConnection) -> list[object]:
    """What was pushed since; the server pushes before it answers what comes later."""
    tracking.send(b"PING\r\n")
    pushed: list[object] = []
    while (reply := tracking.read()) != Status("PONG"):
        pushed.append(reply)
    return pushed


def test_a_cache_is_undisturbed(tracking: RawConnection, other: RawConnection) -> None:
    told(tracking)
    for line in UNDISTURBED:
        tracking("RL.PEEK", "k")
        other(*line.split())
        assert told(tracking) in ([], [[b"invalidate", [b"other"]]]), line


def test_a_cache_is_told(tracking: RawConnection, other: RawConnection) -> None:
    for line in CHANGES:
        other("DEL", "k")
        other(*CHARGE.split())
        told(tracking)
        tracking("RL.PEEK", "k")
        assert not isinstance(other(*line.split()), Failure)
        assert told(tracking) == [[b"invalidate", [b"k"]]], line


def test_a_cache_is_told_of_a_recorded_move(
    tracking: RawConnection, other: RawConnection, clock: Clock
) -> None:
    told(tracking)
    clock.advance(-15_000)
    for pushed in ([[b"invalidate", [b"k"]]], []):
        tracking("RL.PEEK", "k")
        assert other("RL.FIXED", "k", 2, 10, "COST", 0) == [1, 2, 1, 0, 10_000]
        assert told(tracking) == pushed
