"""What a limiter for threads does in the background: a thread that works at the right time."""

from __future__ import annotations

import atexit
import heapq
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("redis_rl")

Work = Callable[[], None]

_MOST = 10_000
_LAST_S = 1.0
"""How long the end of a program waits for what is left."""


class Background:
    """Does work in a thread of its own, which starts with the first; may be used after a fork.

    Work that raises is logged, and the others go on.
    """

    _thread: threading.Thread | None

    def __init__(self) -> None:
        self._begin()

    def later(self, work: Work, delay_s: float = 0.0) -> bool:
        """Do it after so many seconds; False if there is too much to do."""
        if self._pid != os.getpid():
            self._begin()  # the thread is the parent's
        with self._changed:
            if len(self._plan) >= _MOST:
                return False
            heapq.heappush(self._plan, (time.monotonic() + delay_s, next(self._order), work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
                atexit.register(self.finish, _LAST_S)
            self._changed.notify_all()
        return True

    def finish(self, within_s: float) -> None:
        """Wait until all is done that is due by now."""
        if self._pid != os.getpid():
            return
        due = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: not self._has_due(due), within_s)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._plan: list[tuple[float, int, Work]] = []
        self._order = itertools.count()
        self._busy = False
        self._thread = None

    def _has_due(self, now: float) -> bool:
        return self._busy or bool(self._plan and self._plan[0][0] <= now)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not self._has_due(time.monotonic()):
                    wait_s = self._plan[0][0] - time.monotonic() if self._plan else None
                    self._changed.wait(wait_s)
                _, _, work = heapq.heappop(self._plan)
                self._busy = True
            try:
                work()
            except Exception:
                logger.exception("What was to be done in the background failed")
