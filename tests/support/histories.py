"""Random histories: calls of every command, with changing numbers, under a clock that jumps."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from support import replication
from support.clock import Clock
from support.resp import Argument, Failure, RawConnection
from support.server import Server

HOUR_MS = 3_600_000

PERIODS = ("1ms", "700ms", "3", "1m", "90m", "5h", "2d")
LIMITS = (0, 1, 2, 5, 40, 1_000, 999_999)
REFILLS = (1, 3, 40, 10**12)
COSTS = (0, 1, 1, 1, 2, 7, 600)
STEPS_MS = (0, 0, 0, 1, 9, 350, 699, 1_000, 20_000, -1, -500, -70_000, 400_000, 2 * HOUR_MS)

WINDOWS = ("FIXED", "SLIDING", "LOG")
BUCKETS = ("TOKEN", "LEAKY")


class History:
    """The same history for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def play(self, connection: RawConnection, clocks: Sequence[Clock], calls: int) -> int:
        """Make `calls`, between which all clocks go on or back; answer how many recorded."""
        for _ in range(calls):
            step_ms = self._random.choice(STEPS_MS)
            for clock in clocks:
                clock.advance(step_ms)
            reply = connection(*self.call())
            assert not isinstance(reply, Failure), reply
        return calls

    def calls(self, count: int) -> Iterator[list[Argument]]:
        """Answer `count` calls."""
        return (self.call() for _ in range(count))

    def call(self) -> list[Argument]:
        """One call: on a key of the command's own, or on one that all commands share."""
        pick = self._random.choice
        name = pick([*WINDOWS, *BUCKETS, "LIMIT", "THROTTLE"])
        key = pick([f"{name.lower()}:{self._random.randrange(3)}", "shared"])
        match name:
            case "THROTTLE":
                numbers: list[Argument] = [pick(LIMITS), pick(REFILLS), pick(PERIODS)]
                return [f"{pick(['RL', 'CL'])}.{name}", key, *numbers, pick(COSTS)]
            case "LIMIT":
                wanted = {(pick([*WINDOWS, *BUCKETS]), pick(PERIODS)) for _ in range(4)}
                clauses = [[a, *self._numbers(a), period] for a, period in sorted(wanted)]
                words: list[Argument] = [word for clause in clauses for word in clause]
                return ["RL.LIMIT", key, *words, "COST", pick(COSTS)]
            case _:
                numbers = [*self._numbers(name), pick(PERIODS)]
                return [f"RL.{name}", key, *numbers, "COST", pick(COSTS)]

    def _numbers(self, algorithm: str) -> list[Argument]:
        pick = self._random.choice
        return [pick(LIMITS)] if algorithm in WINDOWS else [pick(LIMITS), pick(REFILLS)]


State = dict[bytes, tuple[str, int]]


def state(server: Server, keys: Sequence[bytes] | None = None) -> State:
    """Digest and expiry of `keys`, or of all that live by the server's clock."""
    with server.raw() as connection:
        if keys is None:
            # Looking for its expiry removes a key whose deadline is past.
            everything = connection("KEYS", "*")
            assert isinstance(everything, list)
            found = sorted(key for key in everything if isinstance(key, bytes))
            deadlines = connection.pipeline([["PEXPIRETIME", key] for key in found])
            keys = [key for key, at in zip(found, deadlines, strict=True) if at != -2]
        if not keys:
            return {}
        at_ms = [int(str(at)) for at in connection.pipeline([["PEXPIRETIME", k] for k in keys])]
        assert connection("EXISTS", *keys) == len(keys)
    digests = replication.digest(server.client(), *keys)
    assert "0" * 40 not in digests
    return dict(zip(keys, zip(digests, at_ms, strict=True), strict=True))


def assert_same(found: State, expected: State, where: str) -> None:
    """Fail, with what differs, unless both states are equal."""
    differs = {
        key: f"{found.get(key)}, not {expected.get(key)}"
        for key in sorted(found | expected)
        if found.get(key) != expected.get(key)
    }
    assert not differs, f"{where} holds other keys: {differs}"


def assert_same_on_replica(primary: Server, replica: Server) -> State:
    """Fail unless a replica holds what its primary does, whatever its clock; answer that."""
    state(primary)
    replication.wait_in_sync(primary, replica)
    told = replication.info(replica.client(), "replication")
    assert told["role"] == "slave", "this is not a replica"
    here_ms = replica.clock.now_ms()
    # A replica answers for keys that live by its own clock, but keeps those that do not.
    replica.clock.set_ms(primary.clock.now_ms())
    try:
        expected = state(primary)
        assert_same(state(replica), expected, "the replica")
        assert_same(state(replica, list(expected)), expected, "the replica, asked by name,")
    finally:
        replica.clock.set_ms(here_ms)
    return expected
