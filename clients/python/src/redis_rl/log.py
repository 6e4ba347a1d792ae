"""Log lines about what has no verdict, each kind once a second at most."""

from __future__ import annotations

import logging
import threading
import time

from redis_rl.errors import CannotDecide, StoreMisconfigured

_EVERY_S = 1.0
_MOST_KINDS = 64


class Log:
    """Tells why requests are refused or served. A flood of requests is no flood of lines."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def tell(self, error: CannotDecide, what: str) -> None:
        """Log an error and what becomes of the requests, unless that was done this second.

        What has to be mended is told for each fault; of outages, and of clients that cannot be
        identified, one line stands for all.
        """
        kind = str(error) if isinstance(error, StoreMisconfigured) else str(error.always)
        with self._lock:
            now = time.monotonic()
            if now < self._next.get(kind, 0.0):
                return
            if len(self._next) >= _MOST_KINDS:
                self._next.clear()
            self._next[kind] = now + _EVERY_S
        level = logging.ERROR if error.always else logging.WARNING
        self._logger.log(level, "No verdict, requests are %s: %s", what, error)
