"""Calls of every kind in bursts over several connections, and what their replies say."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from soak.ledger import KEYS, Ledger, counted
from support.eventually import DEADLINE_S, eventually
from support.histories import History
from support.resp import Argument, Failure, RawConnection, Reply, encode
from support.server import Server

CONNECTIONS = 4
CALLS = 25
"""How many calls each connection makes in one burst."""

CALLS_CUT_OFF = 1_500
"""How many it makes in a burst amid which the server is killed: more than it can do before."""

POLICIES = ("one", "two", "three")

# What a call may be told where memory is short (within MULTI, too) or its policy is gone.
ALLOWED_ERRORS = re.compile(r"\bOOM\b|^EXECABORT|there is no policy")

SCRIPT = "return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))"

Sent = tuple[RawConnection, list[str | None]]
"""A connection, and for each reply that is due on it the counted key of its call, if it has one."""


class Load:
    """Bursts of calls to one server at a time; the same calls for the same seed."""

    def __init__(self, seed: int, ledger: Ledger) -> None:
        self.figures: Counter[str] = Counter()
        self.ledger = ledger
        self._random = random.Random(seed)
        self._histories = [History(seed * CONNECTIONS + n) for n in range(CONNECTIONS)]
        self._connections: list[RawConnection] = []

    def turn_to(self, server: Server) -> None:
        """Call that server from now on."""
        self.hang_up()
        self._connections = [server.raw() for _ in range(CONNECTIONS)]

    def hang_up(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()
        self._connections = []

    def burst(self, times: int = 1) -> None:
        """Make calls over all connections at once and account for their replies."""
        for _ in range(times):
            for connection, due in self._send(CALLS):
                for key in due:
                    self._account(connection.read(), key)

    def until(self, reached: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
        """Make calls until something is reached."""

        def made() -> object:
            self.burst()
            return reached()

        eventually(made, deadline_s)

    def burst_that_is_cut_off(self, kill: Callable[[], None]) -> None:
        """Make calls, kill their server amid them, and account for the replies that came."""
        sent = self._send(CALLS_CUT_OFF)
        kill()
        for connection, due in sent:
            waiting = iter(due)
            # What follows the last reply that came is all that is not answered.
            with suppress(OSError):
                for key in waiting:
                    try:
                        self._account(connection.read(), key)
                    except OSError:
                        self._lost(key)
                        raise
            for key in waiting:
                self._lost(key)
        self.hang_up()

    # Within

    def _send(self, calls: int) -> list[Sent]:
        sent: list[Sent] = []
        written: list[bytes] = []
        for connection, history in zip(self._connections, self._histories, strict=True):
            commands: list[tuple[Argument, ...]] = []
            due: list[str | None] = []
            for _ in range(calls):
                more, key = self._next(history)
                commands += more
                due += [None] * (len(more) - 1) + [key]
            written.append(b"".join(map(encode, commands)))
            sent.append((connection, due))
        # All at once, so that the server does not begin while others are made.
        for (connection, _), data in zip(sent, written, strict=True):
            connection.send(data)
        return sent

    def _next(self, history: History) -> tuple[list[tuple[Argument, ...]], str | None]:
        """The commands of one call, and the counted key of the last one, if it has one."""
        pick = self._random.choice
        way = self._random.randrange(20)
        if way < 4:
            key = pick(KEYS)
            return [counted(key)], key
        if way < 6:
            name = pick(POLICIES)
            # A policy may ask for a place, which takes an id.
            ending = ("COST", pick((1, 2)), "ID", f"{self._random.randrange(9)}", "KEEP", "1ms")
            return [("RL.LIMIT", f"policy:{name}", "POLICY", name, *ending)], None
        if way < 7:
            return [self._other()], None
        call = tuple(history.call())
        if way < 8:
            return [("MULTI",), call, tuple(history.call()), ("EXEC",)], None
        if way < 9:
            return [("EVAL", SCRIPT, 1, call[1], call[0], *call[2:])], None
        return [call], None

    def _other(self) -> tuple[Argument, ...]:
        """A command of the server's own, on keys of ours."""
        one, other = (f"{self._random.choice('ab')}:{n}" for n in range(2))
        own: tuple[tuple[Argument, ...], ...] = (
            ("RL.LIMIT", one, "LOG", 10**6, "1d", "SLIDING", 10**6, "1h", "COST", 3),
            ("COPY", one, other, "REPLACE"),
            ("PEXPIRE", one, self._random.randrange(1, 60_000)),
            ("PERSIST", other),
            ("UNLINK", other),
            ("DEL", "shared"),
            ("SET", f"text:{one}", self._random.randrange(10**6), "PX", 60_000),
        )
        return self._random.choice(own)

    def _account(self, reply: Reply, key: str | None) -> None:
        self.figures["replies"] += 1
        for failure in _failures(reply):
            if not ALLOWED_ERRORS.search(failure.text):
                raise AssertionError(f"a call was answered: {failure.text}")
            self.figures["refused"] += 1
        if key is None or isinstance(reply, Failure):
            return
        assert isinstance(reply, list), reply
        assert reply[0] == 1, reply
        self.figures["counted"] += 1
        self.ledger.answered(key)

    def _lost(self, key: str | None) -> None:
        self.figures["unanswered"] += 1
        if key is not None:
            self.ledger.unanswered(key)


def _failures(reply: Reply) -> list[Failure]:
    if isinstance(reply, list):
        return [failure for each in reply for failure in _failures(each)]
    return [reply] if isinstance(reply, Failure) else []
