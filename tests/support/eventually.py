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
    deadline = time.monotonic() + deadline_s
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer!r} after {deadline_s} s")
        time.sleep(0.01)
