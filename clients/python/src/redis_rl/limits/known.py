"""What a limiter knows of its server's policies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from redis_rl.errors import CannotDecide, KeyMisconfigured, StoreMisconfigured
from redis_rl.limits.ban import Ban
from redis_rl.limits.limit import Limit
from redis_rl.limits.trial import Shadow

_EVERY_S = 1.0

Clause = Limit | Shadow | Ban
"""What a policy is made of."""


class KnownPolicies:
    """Remembers clauses by the name of their policy, and when to ask for them again.

    A change of a period shows in no reply, so each policy is asked for once a second while it is
    in use.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clauses: dict[str, tuple[Clause, ...]] = {}
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._errors: dict[str, StoreMisconfigured] = {}

    def due(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those that the caller has to ask for; no other caller gets them this second."""
        with self._lock:
            now = self._clock()
            due = tuple(name for name in names if now >= self._next.get(name, now))
            self._next.update(dict.fromkeys(due, now + _EVERY_S))
        return due

    def learned(self, name: str, reply: object) -> None:
        """Take what RL.POLICY GET answered, or the error in its place."""
        if isinstance(reply, StoreMisconfigured):
            self._errors[name] = reply
        elif isinstance(reply, CannotDecide):
            self._next.pop(name, None)  # nothing was learned: the next check asks
        else:
            self._errors.pop(name, None)
            self.clauses.pop(name, None)
            if reply is not None:  # else there is no such policy, and the check says so
                self._read(name, reply)

    def error(self, names: Iterable[str]) -> StoreMisconfigured | None:
        """Why one of them cannot be read, if somebody has to fix that."""
        return next((self._errors[name] for name in names if name in self._errors), None)

    def _read(self, name: str, reply: object) -> None:
        try:
            clauses: list[str] = [one.decode() for one in reply]  # type: ignore[attr-defined]
            if any(clause.startswith("LEASE ") for clause in clauses):
                self._errors[name] = KeyMisconfigured(
                    f"policy {name} must not hold LEASE, whose places are renewed and given back: "
                    "use limiter.concurrency() for them"
                )
                return
            self.clauses[name] = tuple(map(clause_of, clauses))
        except (AttributeError, TypeError, ValueError):
            self._errors[name] = StoreMisconfigured(
                f"RL.POLICY GET {name} must answer clauses, not {reply!r}"
            )


def clause_of(clause: str) -> Clause:
    """Read a clause as RL.POLICY GET shows it. Raises ValueError."""
    words = clause.split()
    if words[0] == "BAN":
        return Ban.of_clause(words)
    if words[0] == "SHADOW":
        return Shadow(Limit.of_clause(words[1:]))
    return Limit.of_clause(words)
