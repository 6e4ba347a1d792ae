"""A server's wall clock in the hands of a test.

The server reads it through clock_shim.c, preloaded. Its timers (cron, timeouts of the event
loop) run on the monotonic clock, which stays real. What a server derives from the wall clock
stands still with it: client timeouts, WAIT's timeout, replication timeouts, appendfsync
everysec. Server's configuration allows for that; where a test needs such a thing to pass on
its own (cluster failover, WAIT, everysec), it uses `offset_ms`, by which the clock runs.
"""

from __future__ import annotations

import ctypes
import mmap
import time
from pathlib import Path

from support.preload import build

START_MS = 1_700_697_600_000
"""Where a test's clock begins: a midnight, at which a minute, hour, day and week begin too."""


class _Shared(ctypes.Structure):
    """The layout that clock_shim.c reads; each field is stored in one aligned write."""

    _fields_ = (
        ("mode", ctypes.c_int64),
        ("offset_us", ctypes.c_int64),
        ("frozen_us", ctypes.c_int64),
    )


_OFFSET, _FROZEN = 0, 1


class Clock:
    """A wall clock that stands at START_MS until it is told otherwise."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(bytes(ctypes.sizeof(_Shared)))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 0)
        self._shared = _Shared.from_buffer(self._memory)
        self.set_ms(START_MS)

    def set_ms(self, ms: int) -> None:
        """Stand still at `ms` since 1970."""
        self.set_us(ms * 1000)

    def set_us(self, us: int) -> None:
        """Stand still at `us` microseconds since 1970."""
        self._shared.frozen_us = us
        self._shared.mode = _FROZEN

    def advance(self, ms: int) -> None:
        """Go `ms` on, or back where it is negative; a running clock goes on running."""
        if self._shared.mode == _FROZEN:
            self._shared.frozen_us += ms * 1000
        else:
            self._shared.offset_us += ms * 1000

    def offset_ms(self, ms: int) -> None:
        """Run as the real time does, `ms` off it."""
        self._shared.offset_us = ms * 1000
        self._shared.mode = _OFFSET

    def run(self) -> None:
        """Run on from where it stands.

        So servers whose clocks stand and run stay close: one that is put forward by more than
        `repl-timeout` gives up its link.
        """
        if self._shared.mode == _FROZEN:
            self._shared.offset_us = self._shared.frozen_us - time.time_ns() // 1000
            self._shared.mode = _OFFSET

    def now_ms(self) -> int:
        """What the server sees now, in whole milliseconds."""
        if self._shared.mode == _FROZEN:
            return int(self._shared.frozen_us // 1000)
        return (time.time_ns() // 1000 + int(self._shared.offset_us)) // 1000

    def environment(self) -> dict[str, str]:
        """What puts a program under this clock."""
        return {"LD_PRELOAD": str(build("clock_shim")), "RL_TEST_CLOCK": str(self.file)}
