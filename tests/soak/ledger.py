"""What a server must hold after all that happened, told from the replies of calls alone.

Digests tell whether two servers are equal. They do not tell whether both lost the same call, as
where a primary comes back without it and its replica copies that. So some keys are counted: every
call that was answered must be in there, and none that was not sent.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from support.policies import dump
from support.resp import Argument
from support.server import Server
from support.verdicts import rows

KEYS = tuple(f"counted:{number}" for number in range(4))

# Longer than all the time that the clocks are moved by, so that nothing ends or leaks.
PERIOD = "366d"
PLENTY = 10**6
WINDOWS = ("FIXED", "SLIDING", "LOG")
BUCKETS = ("TOKEN", "LEAKY")


class Lost(AssertionError):  # noqa: N818 - what happened, not a kind of error
    """A server does not hold what it must."""


def counted(key: str) -> tuple[Argument, ...]:
    """A call of cost 1 that all five algorithms allow."""
    words: list[Argument] = []
    for algorithm in WINDOWS:
        words += [algorithm, PLENTY, PERIOD]
    for algorithm in BUCKETS:
        words += [algorithm, PLENTY, 1, PERIOD]
    return ("RL.LIMIT", key, *words)


def counts(server: Server) -> dict[str, list[int]]:
    """How much each limiter of each key says to be used; nothing where there is no key."""
    with server.raw() as connection:
        told = connection.pipeline([["RL.PEEK", key] for key in KEYS])
    return {
        key: [PLENTY - int(str(row[4])) for row in rows(reply)]
        for key, reply in zip(KEYS, told, strict=True)
    }


@dataclass
class Ledger:
    """The least and the most that each counted key may hold, and the policies."""

    least: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    policies: object = field(default_factory=dict)

    def answered(self, key: str) -> None:
        """A call was allowed, so it must be there."""
        self.least[key] += 1
        self.most[key] += 1

    def unanswered(self, key: str) -> None:
        """A call was sent and its reply never came: it may be there."""
        self.most[key] += 1

    def flushed(self) -> None:
        """All keys are gone; policies are no keys."""
        self.least.clear()
        self.most.clear()

    def copy(self) -> Ledger:
        """What must be there as of now."""
        return Ledger(self.least.copy(), self.most.copy(), self.policies)

    def check(self, server: Server) -> None:
        """Fail unless the server holds that; from then on, it is what it holds."""
        for key, used in counts(server).items():
            least, most = self.least[key], self.most[key]
            told = set(used) or {0}
            if len(told) != 1 or not least <= min(told) <= most:
                raise Lost(f"{key} on port {server.port} tells {used}, not {least} to {most}")
        policies = dump(server)
        if policies != self.policies:
            raise Lost(f"port {server.port} has policies {policies}, not {self.policies}")
        self.adopt(server)

    def adopt(self, server: Server) -> None:
        """Begin again with what the server holds, since something may rightly be lost."""
        held = {key: max(used, default=0) for key, used in counts(server).items()}
        self.least, self.most = Counter(held), Counter(held)
        self.policies = dump(server)
