"""Both kinds of limiter behind one face, so that one test holds them to the same behaviour."""

from __future__ import annotations

import asyncio
from typing import Any

from redis_rl import Outcome, RateLimiter, SyncRateLimiter
from redis_rl.charges.reservation import Reservation

LONG: Any = {"timeout": 10, "connect_timeout": 10}
"""Options of a limiter whose checks succeed on a busy machine, too."""


def patient(url: str) -> str:
    """The arguments of such a limiter, as source."""
    return f'"{url}", timeout=10, connect_timeout=10'


class _Reserved:
    """A reservation that is settled in a thread."""

    def __init__(self, reservation: Reservation) -> None:
        self._reservation = reservation
        self.outcome = reservation.outcome

    async def settle(self, cost: int) -> bool:
        """As the reservation's."""
        return bool(await asyncio.to_thread(self._reservation.settle, cost))


class InThreads:
    """A SyncRateLimiter whose calls are made in threads, and awaited."""

    def __init__(self, redis: Any, **settings: Any) -> None:
        self.limiter = SyncRateLimiter(redis, **settings)

    @property
    def failed_open(self) -> int:
        """As the limiter's."""
        return self.limiter.failed_open

    async def check(self, *arguments: Any, **options: Any) -> Outcome:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.check, *arguments, **options)

    async def enforce(self, *arguments: Any, **options: Any) -> Outcome:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.enforce, *arguments, **options)

    async def check_many(self, *arguments: Any) -> list[Outcome]:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.check_many, *arguments)

    async def take(self, *arguments: Any, **options: Any) -> Any:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.take, *arguments, **options)

    async def check_all(self, *arguments: Any, **options: Any) -> Outcome:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.check_all, *arguments, **options)

    async def peek(self, *arguments: Any, **options: Any) -> Outcome:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.peek, *arguments, **options)

    async def reserve(self, *arguments: Any, **options: Any) -> Any:
        """As the limiter's, but that settling is awaited."""
        return _Reserved(await asyncio.to_thread(self.limiter.reserve, *arguments, **options))

    async def charge(self, *arguments: Any, **options: Any) -> Outcome:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.charge, *arguments, **options)

    async def settle(self, *arguments: Any) -> bool:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.settle, *arguments)

    async def reset(self, *arguments: Any, **options: Any) -> bool:
        """As the limiter's."""
        return await asyncio.to_thread(self.limiter.reset, *arguments, **options)

    async def probe(self) -> None:
        """As the limiter's."""
        await asyncio.to_thread(self.limiter.probe)

    async def aclose(self) -> None:
        """As the limiter's close."""
        self.limiter.close()


Limiter = RateLimiter | InThreads
KINDS: dict[str, Any] = {"async": RateLimiter, "sync": InThreads}
