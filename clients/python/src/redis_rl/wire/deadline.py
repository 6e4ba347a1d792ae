"""The deadline of a check in a thread: the socket is read before the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from redis_rl.errors import NoAnswer, StoreUnavailable

LATE_S = 0.01
"""Waking later than this means that the process was kept from running: no fault of the store."""


def no_answer(timeout: float) -> str:
    """The text for a store that kept silent."""
    return f"Redis must answer within {timeout * 1000:.0f} ms, and did not"


class Deadline:
    """The time by which an answer must be there.

    It begins again at each step that the caller took late, for the store has not been asked yet,
    and once more if the caller was late to look.
    """

    __slots__ = ("_at", "_mark", "_renewed", "_timeout")

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._mark = time.monotonic()
        self._at = self._mark + timeout
        self._renewed = False

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._at - time.monotonic())

    def passed(self, missing: Callable[[float], str] = no_answer) -> None:
        """Return if there is time left, once it is clear that no answer is there yet.

        `missing` makes the text of the error from the timeout.
        """
        late = time.monotonic() - self._at
        if late >= LATE_S and self._renewed:
            raise StoreUnavailable(too_busy(self._timeout))
        if late >= LATE_S:
            self._renewed = True
            self._at = time.monotonic() + self._timeout
        elif late >= 0:
            raise NoAnswer(missing(self._timeout))

    def waited(self, seconds: float) -> None:
        """Note a wait that was no fault of the caller."""
        self._mark += seconds

    def ran(self) -> None:
        """Note a step that takes no time, unless the thread was kept from running."""
        now = time.monotonic()
        if now - self._mark >= LATE_S:
            self._at = now + self._timeout
        self._mark = now


def too_busy(timeout: float) -> str:
    """The text for a process that could not look in time, twice."""
    return f"this process must look for answers within {timeout * 1000:.0f} ms, and was too busy"
