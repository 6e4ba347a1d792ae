"""Random histories: calls of every command, numbers that change, clocks that jump.

Some calls are settled; some take places, have limits on trial, or ban who does not wait.
"""

from __future__ import annotations

import random
from collections import deque
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
KEEPS = ("1ms", "10m", "6h", "1d")
STEPS_MS = (0, 0, 0, 1, 9, 350, 699, 1_000, 20_000, -1, -500, -70_000, 400_000, 2 * HOUR_MS)

PLACES = (0, 1, 5, 5)
DURATIONS = ("1ms", "5m", "5h", "9d", "30d")
TRIED = ("700ms", "1m", "5h")
BANS = ("BAN 1 1m 700ms", "BAN 1 1h 1ms 1h", "BAN 5 2h 1m 5m", "BAN 1000000 1d 1ms 2d")
HOLDERS = ("a", "b" * 17, "c" * 64)

WINDOWS = ("FIXED", "SLIDING", "LOG")
BUCKETS = ("TOKEN", "LEAKY")
REMEMBERED = 8


class History:
    """The same history for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._charges: deque[list[Argument]] = deque(maxlen=REMEMBERED)
        self._takers: deque[tuple[Argument, str]] = deque(maxlen=REMEMBERED)

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
        if self._charges and self._random.random() < 0.4:
            charge = pick(self._charges)
            settle: list[Argument] = ["RL.SETTLE", charge[1], charge[-1], pick(COSTS)]
            return pick([charge, settle])
        if self._random.random() < 0.1:
            return self._place()
        name = pick([*WINDOWS, *BUCKETS, "LIMIT", "ALL", "THROTTLE"])
        key: Argument = pick([f"{name.lower()}:{self._random.randrange(3)}", "shared"])
        match name:
            case "THROTTLE":
                numbers: list[Argument] = [pick(LIMITS), pick(REFILLS), pick(PERIODS)]
                return [f"{pick(['RL', 'CL'])}.{name}", key, *numbers, pick(COSTS)]
            case "LIMIT":
                wanted, holds = self._wanted(), pick([True, False])
                words = self._group(key, wanted, holds)
                return self._charged(["RL.LIMIT", *words], wanted, holds)
            case "ALL":
                wanted, holds = self._wanted(), pick([True, False])
                others = self._random.sample(["all:3", "all:4", "all:5"], pick([0, 1, 3]))
                # Of sixteen clauses, four keys leave no room for more than limits.
                groups = [
                    self._group(one, wanted, holds, len(others) < 3) for one in [key, *others]
                ]
                words = [word for group in groups for word in ["AND", *group]][1:]
                return self._charged(["RL.ALL", *words], wanted, holds)
            case _:
                period = pick(PERIODS)
                call = [f"RL.{name}", key, *self._numbers(name), period, "COST", pick(COSTS)]
                return self._charged(call, [(name, period)])

    def _wanted(self) -> list[tuple[str, str]]:
        """Some limiters, by algorithm and period."""
        pick = self._random.choice
        return sorted({(pick([*WINDOWS, *BUCKETS]), pick(PERIODS)) for _ in range(4)})

    def _place(self) -> list[Argument]:
        """A call about places, and nothing else."""
        pick = self._random.choice
        if not self._takers or pick([True, False]):
            key: Argument = pick(["lease:0", "limit:0", "all:3", "shared"])
            holder = pick(HOLDERS)
            self._takers.append((key, holder))
            numbers: list[Argument] = [pick(PLACES), pick(DURATIONS), holder]
            return ["RL.LEASE", key, *numbers, "COST", pick([0, 1, 1, 2])]
        key, holder = pick(self._takers)
        holders = [holder, *self._random.sample(HOLDERS, pick([0, 2]))]
        if pick([True, False]):
            return ["RL.RELEASE", key, *holders]
        return ["RL.RENEW", key, pick(DURATIONS), *holders]

    def _group(
        self, key: Argument, limiters: Sequence[tuple[str, str]], holds: bool, more: bool = True
    ) -> list[Argument]:
        """A key, a clause for each of its limiters, others among these, and their cost."""
        pick = self._random.choice
        clauses = [[name, *self._numbers(name), period] for name, period in limiters]
        if more:
            clauses += self._others(holds)
            self._random.shuffle(clauses)
        words: list[Argument] = [word for clause in clauses for word in clause]
        return [key, *words, "COST", pick(COSTS)]

    def _others(self, holds: bool) -> list[list[Argument]]:
        """Clauses that are no limits: at most four."""
        pick = self._random.choice
        clauses: list[list[Argument]] = []
        for name, period in {
            (pick([*WINDOWS, *BUCKETS]), pick(TRIED)) for _ in range(pick([0, 2]))
        }:
            clauses.append(["SHADOW", name, *self._numbers(name), period])
        if holds:
            clauses.append(["LEASE", pick(PLACES), pick(DURATIONS)])
        if pick([True, False]):
            clauses.append([*pick(BANS).split()])
        return clauses

    def _charged(
        self, call: list[Argument], limiters: Sequence[tuple[str, str]], holds: bool = False
    ) -> list[Argument]:
        """The call as it is or with an id, which is of calls on these limiters only."""
        pick = self._random.choice
        if not holds and pick([True, False]):
            return call
        names = "".join(f"{algorithm[:2]}{period}" for algorithm, period in limiters)
        charge = [*call, "ID", f"{self._random.randrange(9)}{names}"]
        self._charges.append(charge)
        return [*charge, *pick([[], ["KEEP", pick(KEEPS)]])]

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
