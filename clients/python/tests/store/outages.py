"""How checks fail, and when they are answered again."""

from __future__ import annotations

import asyncio
import time

import pytest

from redis_rl import StoreUnavailable, WholeKey
from store.kinds import Limiter

AT_ONCE_S = 15.0
"""Within which a check ends that is not to wait: tests give it far longer in every other way."""


async def refused(limiter: Limiter, key: str = "key") -> float:
    """How long it took to be refused, in seconds."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await limiter.check(WholeKey(key), "100/minute")
    return time.monotonic() - began


async def recovered(limiter: Limiter, deadline_s: float = 30) -> None:
    """Check until that is answered again."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        try:
            await limiter.check(WholeKey("key"), "100/minute")
        except StoreUnavailable:
            await asyncio.sleep(0.02)
        else:
            return
    raise AssertionError(f"no verdict after {deadline_s} s")
