"""The limiter that FastAPI uses, on the shared server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from redis_rl.fastapi import RateLimiter


@pytest.fixture
async def limiter(url: str) -> AsyncIterator[RateLimiter]:
    """Long enough in its deadline for a busy machine; tests of deadlines make their own."""
    limiter = RateLimiter(url, timeout=5)
    yield limiter
    await limiter.aclose()
