"""How checks fail, and when they are answered again."""

from __future__ import annotations

import asyncio
import time

import pytest

from redis_rl import StoreUnavailable, WholeKey
from store.kinds import Limiter

BREAKER_S = 1.0
"""How long an open breaker answers by itself."""


async def refused(limiter: Limiter, key: str = "key") -> float:
    """How long it took to be refused, in seconds."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await limiter.check(WholeKey(key), "100/minute")
    return time.monotonic() - began


async def recovered(limiter: Limiter, deadline_s: float = 5) -> float:
    """How long it takes until checks are answered again, in seconds."""
    began = time.monotonic()
    while time.monotonic() - began < deadline_s:
        try:
            await limiter.check(WholeKey("key"), "100/minute")
        except StoreUnavailable:
            await asyncio.sleep(0.02)
        else:
            return time.monotonic() - began
    raise AssertionError(f"no verdict after {deadline_s} s")
