"""Log lines about checks without an answer, at most one a second of each kind."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from redis_rl.errors import CannotDecide, StoreMisconfigured

EVERY_S = 1.0
_MOST_KINDS = 64


class Log:
    """Says why requests are refused, or served without a limit, and does not flood the log."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def tell(self, error: CannotDecide, what: str) -> None:
        """Log an error and what becomes of the requests, unless that was done this second.

        Each misconfiguration has a line of its own; outages share one, and so do clients that
        cannot be identified.
        """
        kind = str(error) if isinstance(error, StoreMisconfigured) else str(error.always)
        if self._is_due(kind):
            level = logging.ERROR if error.always else logging.WARNING
            self._logger.log(level, "Requests are %s: %s", what, error)

    def warn(self, what: str, error: BaseException) -> None:
        """Log what became of something that no request waits for, at most once a second."""
        if self._is_due(what):
            self._logger.warning("%s: %r", what, error)

    def _is_due(self, kind: str) -> bool:
        with self._lock:
            now = self._clock()
            if now < self._next.get(kind, 0.0):
                return False
            if len(self._next) >= _MOST_KINDS:
                self._next.clear()
            self._next[kind] = now + EVERY_S
        return True
