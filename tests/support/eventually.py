"""Waiting for what a server does in its own time, with a deadline instead of a sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

DEADLINE_S = 60.0
"""Only a fault takes so long, however busy the machine is."""


def eventually(ask: Callable[[], Answer], deadline_s: float = DEADLINE_S) -> Answer:
    """Ask until the answer is true-ish, and return it; fail past the deadline."""
    began = time.monotonic()
    while True:
        answer = ask()
        if answer:
            return answer
        waited_s = time.monotonic() - began
        if waited_s > deadline_s:
            raise TimeoutError(f"still {answer!r} after {deadline_s} s")
        # What takes long is asked for less often: asking takes time from whoever is waited for.
        time.sleep(min(0.005 + waited_s / 20, 0.1))
