"""A check's deadline in a thread of its own: first what lies in the socket, then the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from redis_rl.errors import NoAnswer, StoreUnavailable

LATE_S = 0.01
"""Who wakes so much later than asked to was kept from running, and has no store to blame."""


def no_answer(timeout: float) -> str:
    """What is said of a store that kept silent."""
    return f"no answer within {timeout * 1000:.0f} ms"


class Deadline:
    """The time by which an answer must be there. Who is late himself gets the time again, once."""

    __slots__ = ("_at", "_mark", "_renewed", "_timeout")

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._mark = time.monotonic()
        self._at = self._mark + timeout
        self._renewed = False

    @property
    def left(self) -> float:
        """Seconds that are left, 0 when there are none."""
        return max(0.0, self._at - time.monotonic())

    def passed(self, missing: Callable[[float], str] = no_answer) -> None:
        """Return where there is time left, after it was seen that no answer is there.

        `missing` says what is, of a timeout.
        """
        late = time.monotonic() - self._at
        if late >= LATE_S:
            self._renew()
        elif late >= 0:
            raise NoAnswer(missing(self._timeout))

    def waited(self, seconds: float) -> None:
        """Tell of a wait of so long, which is no fault of the caller's."""
        self._mark += seconds

    def ran(self) -> None:
        """Tell that a step was done which takes no time, unless the thread is kept from running."""
        now = time.monotonic()
        if now - self._mark >= LATE_S and not self._renewed:
            self._renew()
        self._mark = now

    def _renew(self) -> None:
        if self._renewed:
            raise StoreUnavailable(too_busy(self._timeout))
        self._renewed = True
        self._at = time.monotonic() + self._timeout


def too_busy(timeout: float) -> str:
    """What is said of a process that could not look in time, twice."""
    return f"this process was too busy to take an answer within {timeout * 1000:.0f} ms"
