"""Reservations: an estimate is charged now, and settled when the cost is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any

from redis_rl.outcome import Outcome


class Reservation:
    """An estimate that was charged: `outcome` says whether it was allowed.

    As a block, `with limiter.reserve(...) as reservation`, an error inside settles it as 0 if
    `refund_on_error` was given; otherwise the estimate stands.
    """

    def __init__(self, outcome: Outcome, refund_on_error: bool) -> None:
        self.outcome = outcome
        self._refunds = refund_on_error

    def settle(self, cost: int) -> Any:
        """Make the charge what it really cost; 0 gives it back. May be called again.

        Returns whether the charge was still known; awaited with an AsyncRateLimiter.
        """
        return self.outcome.settle(cost)

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._refunds:
            self.settle(0)

    async def __aenter__(self) -> Reservation:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._refunds:
            await self.settle(0)


class Reserving:
    """A reservation under way: to be awaited, or entered with `async with`."""

    def __init__(self, reserve: Callable[[], Awaitable[Reservation]]) -> None:
        self._reserve = reserve
        self._reservation: Reservation | None = None

    def __await__(self) -> Generator[Any, Any, Reservation]:
        return self._reserve().__await__()

    async def __aenter__(self) -> Reservation:
        self._reservation = await self._reserve()
        return self._reservation

    async def __aexit__(self, *error: Any) -> None:
        assert self._reservation is not None
        await self._reservation.__aexit__(*error)
