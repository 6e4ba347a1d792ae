"""What an AsyncRateLimiter does beside checks: settles, takes places, asks for several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from redis_rl.charges.ids import new_id
from redis_rl.charges.places import AsyncPlace, Leasing, NoPlace, Place, may_be_taken
from redis_rl.charges.reservation import Reservation, Reserving
from redis_rl.charges.together import PreparedAll
from redis_rl.errors import ConnectionBroken
from redis_rl.keys.subjects import Who
from redis_rl.limiters.charging import ChargingBase
from redis_rl.limiters.checks import Checks, Prepared
from redis_rl.limits.limitset import Limits
from redis_rl.limits.period import Time
from redis_rl.limits.places import Places
from redis_rl.options import (
    CheckOptions,
    NamedOptions,
    OnError,
    ReserveOptions,
    checked_estimate,
    checked_flag,
)
from redis_rl.outcome import Outcome
from redis_rl.wire.faults import FAILURES, classify

if TYPE_CHECKING:
    from typing_extensions import Unpack

_Asked = TypeVar("_Asked", Prepared, PreparedAll)


class AsyncCharging(ChargingBase):
    """The part of AsyncRateLimiter that is not everybody's."""

    def reserve(
        self,
        key: Who,
        *limits: Limits,
        cost: int,
        refund_on_error: bool = False,
        **options: Unpack[ReserveOptions],
    ) -> Reserving:
        """Charge an estimate now, and settle it when the cost is known.

            async with limiter.reserve("ann", "token 100000/minute", cost=estimate) as reserved:
                if reserved.outcome.allowed:
                    await reserved.settle(actual)

        It may be awaited as well. `cost` is at least 1; an estimate that is never settled stands.
        With `refund_on_error`, an error within the block gives it back. `max_wait` is as in
        `check`.
        """
        checked_estimate(cost)
        checked_flag("refund_on_error", refund_on_error)

        async def reserved() -> Reservation:
            return Reservation(
                await self.charge(key, *limits, cost=cost, **options), refund_on_error
            )

        return Reserving(reserved)

    async def charge(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """`check` whose outcome can be settled: `await outcome.settle(cost)`."""
        line = self._line(key, limits, options)

        def ask() -> Awaitable[Outcome]:
            asked = self._prepare(key, limits, settles=True, **options)
            return self._once(asked, self._conclude_charge)

        outcome = await self._told(line, ask)
        return outcome if outcome.charge else self._reservable(outcome)

    async def settle(self, outcome: Outcome, cost: int) -> bool:
        """Settle what `charge` or a reservation has charged; `outcome.settle` calls it.

        Returns whether the charge was still known. If there is no answer, it stands.
        """
        command = self._settlement(outcome, cost)
        if command is None:
            return False
        try:
            reply: Any = await self.send_again(outcome.key, command)
        except FAILURES as error:
            reply = error
        return self._settled(outcome, cost, reply)

    def settle_later(self, outcome: Outcome, cost: int) -> None:
        """`settle` without waiting for it; `aclose` does."""
        command = self._settlement(outcome, cost)
        if command is None:
            return

        def told(reply: asyncio.Future[Any]) -> None:
            error = reply.exception()
            if isinstance(error, ConnectionBroken):
                self.in_background(self.settle(outcome, cost))
            else:
                self._settled(outcome, cost, error or reply.result())

        self.in_background(self.send(outcome.key, command), told)

    async def check_all(
        self,
        checks: Checks,
        *,
        slot: str | None = None,
        on_error: OnError | None = None,
        retry: bool = False,
        reserve: bool = False,
        max_wait: float | None = None,
    ) -> Outcome:
        """Charge several subjects at once, all or nothing: one RL.ALL.

            await limiter.check_all(
                {"user": Check("ann", "10/minute"), "team": Check("red", "15/minute")}, slot="acme"
            )

        The outcome has the verdicts of all, and each one's own: `outcome.each["user"]`, or by
        place, `outcome.each[0]`, if the checks are a list. Each Check has its own scope or name.

        - `slot`: the hash tag of the keys, without which they are on several servers of a cluster.
        - `reserve`: whether each can be settled: `await outcome.each["user"].settle(cost)`.
        - `on_error`, `retry`, `max_wait`: as in `check`.
        """

        def ask() -> Awaitable[Outcome]:
            asked = self._prepare_all(checks, slot, on_error, retry, reserve)
            return self._once(asked, self._conclude_all)

        outcome = await self._told(self._line_of_all(checks, slot, max_wait), ask)
        return self._each_reservable(outcome) if reserve else outcome

    def lease(self, key: Who, limit: int, lease: Time, **options: Unpack[NamedOptions]) -> Leasing:
        """Take one of `limit` places, renewed until the block ends, or until `release`.

            async with limiter.lease("ann", 4, "30s") as place:
                if place.outcome.allowed: ...

        It may be awaited as well. `lease` is how long the place is kept if the process dies. The
        options are those of `check`, but for `cost` and `retry`.
        """
        places = Places(limit, lease, options.get("name"))
        return Leasing(lambda: self.take(key, places, **options))

    async def take(
        self,
        key: Who,
        places: Places,
        name: str | None = None,
        scope: str | None = None,
        on_error: OnError | None = None,
    ) -> Place:
        """Take a place that `release` gives back; adapters call it."""
        ready = self._ready_place(key, places, name, scope, on_error)
        if isinstance(ready, Outcome):
            return NoPlace(self._announced(ready))
        redis_key, mode, asked_at = ready
        place = AsyncPlace(self, places, redis_key, new_id())
        try:
            reply: Any = await self.send_again(redis_key, place.take)
        except FAILURES as error:
            reply = error
            if may_be_taken(classify(error)):
                place.give_up()
        except asyncio.CancelledError:
            place.give_up()
            raise
        outcome = self._conclude_place(places, redis_key, mode, asked_at, reply)
        place.outcome = self._announced(outcome)
        if place.outcome.allowed and place.outcome.source == "server":
            place.hold()
        return place

    async def _once(
        self,
        asked: _Asked | Outcome,
        conclude: Callable[[_Asked, object], Outcome],
    ) -> Outcome:
        """Ask what was prepared, and tell nobody."""
        if isinstance(asked, Outcome):
            return asked
        try:
            reply: Any = await self._ask(asked)
        except FAILURES as error:
            reply = error
        return conclude(asked, reply)

    async def _told(
        self, line: tuple[Hashable, int, float] | None, ask: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """Ask, in line if there is one, and tell the outcome."""
        outcome = await (ask() if line is None else self._lines.ask_async(*line, ask))
        return self._announced(outcome)

    async def _ask(self, asked: Prepared | PreparedAll) -> Any:
        raise NotImplementedError

    def send(self, key: str, command: bytes) -> Awaitable[Any]:
        """Send a command about a key; its reply, or an error, comes before the deadline."""
        raise NotImplementedError

    def send_again(self, key: str, command: bytes) -> Awaitable[Any]:
        """`send`, once more if the connection breaks: for commands that may be run twice."""
        raise NotImplementedError

    def in_background(
        self, work: Awaitable[Any], then: Callable[[asyncio.Future[Any]], None] | None = None
    ) -> None:
        """Let it go on; a command was written by now, even if the loop turns no more."""
        raise NotImplementedError
