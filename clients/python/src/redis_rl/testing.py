"""A store that answers as a test tells it, for applications' own tests.

    with faked(limiter) as store:
        store.deny(retry_after=12)
        assert client.get("/items").status_code == 429

Nothing is counted: each check is answered by what was said last, or by the script.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis_rl.errors import StoreUnavailable
from redis_rl.limiters.awaited import AsyncRateLimiter
from redis_rl.limiters.threaded import SyncRateLimiter
from redis_rl.limits.grammar import Item, together
from redis_rl.limits.known import KnownPolicies
from redis_rl.wire.breaker import Breaker

Answer = bool | float | None | Exception
"""True allows, False denies for 1 s, a number for that many, None for good; errors are raised."""


@dataclass(frozen=True)
class Asked:
    """What a check asked: the key, the clauses as they are sent, and the cost."""

    key: str
    clauses: tuple[tuple[str, ...], ...]
    cost: int


class FakeStore:
    """Answers checks without a server. `asked` has every check so far, in order."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.policies: dict[str, str] = {}
        """The limits of policies, such as `{"api": "100/minute"}`. Default: 1000/minute."""
        self._always: Answer = True
        self._script: deque[Answer] = deque()

    def allow(self) -> None:
        """Allow every check, as it does from the start."""
        self._always = True

    def deny(self, retry_after: float | None = 1.0) -> None:
        """Deny every check for that many seconds; None: for good."""
        self._always = retry_after

    def fail(self, error: Exception | None = None) -> None:
        """Answer no check: raise the error. Default: StoreUnavailable."""
        self._always = error or StoreUnavailable("the test says so")

    def script(self, *answers: Answer) -> None:
        """Give the next checks these answers, one after the other, before the answer for all."""
        self._script.extend(answers)

    def answer(self, command: bytes) -> Any:
        """Reply to a packed command as the module would."""
        words = command.decode("utf-8", "surrogatepass").split("\r\n")[2::2]
        if words[0] == "RL.POLICY":
            return [" ".join(item.clause).encode() for item in self._stands_for(words[2])]
        if words[0] == "RL.PEEK":
            return []
        if words[0] == "RL.LEASE":
            place = Asked(words[1], (("LEASE", words[2], words[3]),), 1)
            return _row(place.clauses[0], 1, self._answer([place]))
        if words[0] not in ("RL.LIMIT", "RL.ALL"):
            return 1
        groups = list(map(_read, _groups(words[1:])))
        answer = self._answer(groups)
        return [
            int(answer is True),
            *(
                _row(one, asked.cost, answer)
                for asked in groups
                for clause in asked.clauses
                for one in self._clauses(clause)
            ),
        ]

    def _answer(self, asked: list[Asked]) -> bool | float | None:
        self.asked += asked
        answer = self._script.popleft() if self._script else self._always
        if isinstance(answer, Exception):
            raise type(answer)(*answer.args)
        return answer

    def _stands_for(self, policy: str) -> tuple[Item, ...]:
        return together(self.policies.get(policy, "1000/minute"))

    def _clauses(self, clause: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The clauses that have a row in the reply."""
        if clause[0] == "SHADOW":
            return []
        if clause[0] != "POLICY":
            return [clause]
        return [row for one in self._stands_for(clause[1]) for row in self._clauses(one.clause)]


@contextmanager
def faked(limiter: AsyncRateLimiter | SyncRateLimiter) -> Iterator[FakeStore]:
    """Let a FakeStore answer a limiter's checks until the end of the `with`."""
    store = FakeStore()
    seam: dict[str, Any] = {"_breaker": Breaker(), "_policies": KnownPolicies(), "_denials": None}
    if isinstance(limiter, AsyncRateLimiter):
        seam |= {"_make": lambda: _Awaited(store), "_backends": {}}
    else:
        seam |= {"_store": _Called(store)}
    real = {name: getattr(limiter, name) for name in seam}
    vars(limiter).update(seam)
    try:
        yield store
    finally:
        vars(limiter).update(real)


class _Called:
    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def ask(self, key: str, command: bytes) -> Any:  # noqa: ARG002 - it is in the command
        return self._store.answer(command)

    def probe(self, command: bytes, timeout: float) -> None:
        """Find the module there."""

    def close(self) -> None:
        """Nothing is open."""

    def ask_all(self, key: str, *commands: bytes, again: bool = False) -> list[Any]:  # noqa: ARG002
        return [self._store.answer(command) for command in commands]


class _Awaited(_Called):
    async def submit(self, key: str, command: bytes) -> Any:
        return self.ask(key, command)

    submit_again = submit

    async def probe(self, command: bytes, timeout: float) -> None:  # type: ignore[override]
        """Find the module there."""

    async def aclose(self) -> None:
        """Nothing is open."""


def _groups(words: list[str]) -> Iterator[list[str]]:
    """Split what RL.LIMIT or RL.ALL asks into keys with their clauses and cost."""
    for named in (2, 4):
        if words[-named:][:1] == ["ID"]:
            words = words[:-named]
            break
    while "AND" in words[1:]:
        at = words.index("AND", 1)
        yield words[:at]
        words = words[at + 1 :]
    yield words


def _read(group: list[str]) -> Asked:
    key, *rest = group
    cost = 1
    if rest[-2] == "COST":
        cost, rest = int(rest[-1]), rest[:-2]
    clauses = []
    while rest:
        length = _length(rest)
        clauses.append(tuple(rest[:length]))
        rest = rest[length:]
    return Asked(key, tuple(clauses), cost)


def _length(rest: list[str]) -> int:
    """How many words the clause has that comes first."""
    if rest[0] == "SHADOW":
        return 1 + _length(rest[1:])
    if rest[0] == "BAN":
        return 5 if rest[4:5] and rest[4][0].isdecimal() else 4
    return {"TOKEN": 4, "LEAKY": 4, "POLICY": 2}.get(rest[0], 3)


def _row(clause: tuple[str, ...], cost: int, answer: bool | float | None) -> list[int]:
    limit = int(clause[1])
    if clause[0] == "BAN":
        return [1, limit, limit, 0, 0]
    if answer is True:
        return [1, limit, max(0, limit - cost), 0, 1000]
    wait_ms = -1 if answer is None else round(float(answer or 1) * 1000)
    return [0, limit, 0, wait_ms, max(0, wait_ms)]
