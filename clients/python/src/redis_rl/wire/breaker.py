"""A breaker: while a store keeps failing, it is asked once a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from redis_rl.errors import CannotDecide


class Breaker:
    """Opens after `threshold` failures in a row; every `pause_s` one request asks again.

    Nothing has to be given back: who may ask and never tells how it ended delays the next one
    by a pause.
    """

    def __init__(
        self,
        threshold: int = 5,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._error: CannotDecide | None = None
        self._ask_at = 0.0

    def blocks(self) -> CannotDecide | None:
        """Answer the last failure where nobody may ask now; None where the caller may."""
        if self._error is None:
            return None
        with self._lock:
            error, now = self._error, self._clock()
            if error is None or now >= self._ask_at:
                self._ask_at = now + self._pause_s
                return None
            return type(error)(*error.args)

    def succeeded(self) -> None:
        """Tell that the store answered."""
        if self._failures:
            with self._lock:
                self._failures, self._error = 0, None

    def failed(self, error: CannotDecide) -> None:
        """Tell that it did not."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._threshold:
                self._error = error
                self._ask_at = self._clock() + self._pause_s
