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
_MOST_FORGOTTEN = 64
_LAST_S = 1.0
"""How long the end of a program waits for what is left."""


class Planned:
    """Work, and when to do it."""

    __slots__ = ("at", "order", "work")

    def __init__(self, at: float, order: int, work: Work) -> None:
        self.at = at
        self.order = order
        self.work: Work | None = work

    def __lt__(self, other: Planned) -> bool:
        return (self.at, self.order) < (other.at, other.order)


class Background:
    """Does work in a thread of its own, which starts with the first; may be used after a fork.

    Work that raises is logged, and the others go on.
    """

    _thread: threading.Thread | None
    _plan: list[Planned]
    _forgotten: int

    def __init__(self) -> None:
        self._begin()

    def later(self, work: Work, delay_s: float = 0.0) -> Planned | None:
        """Do it after so many seconds; None if there is too much to do."""
        if self._pid != os.getpid():
            self._begin()  # the thread is the parent's
        with self._changed:
            if len(self._plan) - self._forgotten >= _MOST:
                logger.warning("What was to be done in the background is not: too much is")
                return None
            planned = Planned(time.monotonic() + delay_s, next(self._order), work)
            heapq.heappush(self._plan, planned)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
                atexit.register(self.finish, _LAST_S)
            self._changed.notify_all()
        return planned

    def forget(self, planned: Planned) -> None:
        """Do not do it, unless it is under way."""
        with self._changed:
            if planned.work is None:
                return
            planned.work = None
            self._forgotten += 1
            if self._forgotten > _MOST_FORGOTTEN and self._forgotten > len(self._plan) // 2:
                self._plan = [one for one in self._plan if one.work is not None]
                heapq.heapify(self._plan)
                self._forgotten = 0

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
        self._plan = []
        self._forgotten = 0
        self._order = itertools.count()
        self._busy = False
        self._thread = None

    def _has_due(self, now: float) -> bool:
        return self._busy or bool(self._plan and self._plan[0].at <= now)

    def _run(self) -> None:
        while True:
            work = self._next()
            if work is None:
                continue
            try:
                work()
            except Exception:
                logger.exception("What was to be done in the background failed")

    def _next(self) -> Work | None:
        """Wait for the work that is due next; None if it was forgotten."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            while not self._has_due(time.monotonic()):
                wait_s = self._plan[0].at - time.monotonic() if self._plan else None
                self._changed.wait(wait_s and min(wait_s, threading.TIMEOUT_MAX))
            planned = heapq.heappop(self._plan)
            work, planned.work = planned.work, None
            if work is None:
                self._forgotten -= 1
            else:
                self._busy = True
        return work
