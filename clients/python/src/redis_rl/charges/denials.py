"""The deny cache: refusals that are repeated without asking, until they end."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from redis_rl.errors import ConfigurationError
from redis_rl.outcome import Outcome

LONGEST_S = 60.0
SHORT_S = 1.0
"""Where a policy or a lease is involved: it may change, or a place may come back."""

_MOST = 1_000_000


class _Denial(NamedTuple):
    outcome: Outcome
    asked_at: float
    until: float
    keys: tuple[str, ...]


class Denials:
    """Refusals by what was asked; those that were used least recently are forgotten first."""

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._size = size
        self._lock = threading.Lock()
        self._denials: OrderedDict[Hashable, _Denial] = OrderedDict()
        self._by_key: dict[str, set[Hashable]] = {}
        self._forgotten: OrderedDict[str, float] = OrderedDict()
        """When what was known of a key was forgotten: a refusal may be on its way."""

    def get(self, asked: Hashable) -> Outcome | None:
        """The refusal of the same question, if it has not ended."""
        with self._lock:
            denial = self._denials.get(asked)
            if denial is None:
                return None
            now = self.now()
            if now >= denial.until:
                self._drop(asked)
                return None
            self._denials.move_to_end(asked)
        return denial.outcome.aged(int((now - denial.asked_at) * 1000))

    def put(
        self,
        asked: Hashable,
        keys: tuple[str, ...],
        outcome: Outcome,
        asked_at: float,
        longest_s: float = LONGEST_S,
    ) -> None:
        """Keep a refusal until it ends, counted from when it was asked for."""
        wait_s = outcome.retry_after
        if wait_s is None or outcome.source != "server":
            return
        if outcome.bans:
            bans = [row[3] / 1000 for row in outcome.bans if not row[0]]
            if not bans:
                return  # the ban has to count what is refused
            wait_s = min(wait_s, *bans)
        with self._lock:
            if any(self._forgotten.get(key, asked_at) > asked_at for key in keys):
                return
            if asked in self._denials:
                self._drop(asked)
            until = asked_at + min(wait_s, longest_s)
            self._denials[asked] = _Denial(outcome, asked_at, until, keys)
            for key in keys:
                self._by_key.setdefault(key, set()).add(asked)
            if len(self._denials) > self._size:
                self._drop(next(iter(self._denials)))

    def forget(self, keys: Iterable[str]) -> None:
        """Forget the refusals at some keys, those of questions under way included."""
        with self._lock:
            for key in keys:
                for asked in list(self._by_key.get(key, ())):
                    self._drop(asked)
                self._forgotten[key] = self.now()
                self._forgotten.move_to_end(key)
            while len(self._forgotten) > self._size:
                self._forgotten.popitem(last=False)

    def _drop(self, asked: Hashable) -> None:
        denial = self._denials.pop(asked, None)
        for key in denial.keys if denial else ():
            found = self._by_key[key]
            found.discard(asked)
            if not found:
                del self._by_key[key]


def denials_of(size: int) -> Denials | None:
    """A cache of this size; None for 0. Raises ConfigurationError for an invalid one."""
    if type(size) is not int or not 0 <= size <= _MOST:
        raise ConfigurationError(f"deny_cache must be an integer from 0 to {_MOST}, not {size!r}")
    return Denials(size) if size else None
