"""What a SyncRateLimiter does beside checks: AsyncCharging without `await`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from redis_rl.charges.background import Background
from redis_rl.charges.ids import new_id
from redis_rl.charges.places import NoPlace, Place, SyncPlace, may_be_taken
from redis_rl.charges.reservation import Reservation
from redis_rl.charges.together import PreparedAll
from redis_rl.charges.waiting import checked_wait
from redis_rl.keys.subjects import Who
from redis_rl.limiters.charging import ChargingBase
from redis_rl.limiters.checks import Checks, Prepared
from redis_rl.limits.limitset import Limits
from redis_rl.limits.period import Time
from redis_rl.limits.places import Places
from redis_rl.options import CheckOptions, NamedOptions, OnError, checked_estimate, checked_flag
from redis_rl.outcome import Outcome
from redis_rl.wire.faults import FAILURES, classify

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SyncCharging(ChargingBase):
    """The part of SyncRateLimiter that is not everybody's."""

    _background: Background

    def reserve(
        self,
        key: Who,
        *limits: Limits,
        cost: int,
        refund_on_error: bool = False,
        **options: Unpack[NamedOptions],
    ) -> Reservation:
        """As AsyncRateLimiter.reserve, for `with`."""
        checked_estimate(cost)
        checked_flag("refund_on_error", refund_on_error)
        return Reservation(self.charge(key, *limits, cost=cost, **options), refund_on_error)

    def charge(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """As AsyncRateLimiter.charge."""
        if "max_wait" in options and (line := self._line(key, limits, options)):
            return self._lines.ask(*line, lambda: self.charge(key, *limits, **options))
        asked = self._prepare(key, limits, settles=True, **options)
        if isinstance(asked, Outcome):
            return self._reservable(asked)
        try:
            reply = self._ask(asked)
        except FAILURES as error:
            reply = error
        return self._reservable(self._conclude(asked, reply), asked.id)

    def settle(self, outcome: Outcome, cost: int) -> bool:
        """As AsyncRateLimiter.settle."""
        command = self._settlement(outcome, cost)
        if command is None:
            return False
        try:
            reply = self.send_again(outcome.key, command)
        except FAILURES as error:
            reply = error
        return self._settled(outcome, cost, reply)

    def settle_later(self, outcome: Outcome, cost: int) -> None:
        """`settle` in a thread of its own; `close` waits for it."""

        def settle() -> None:
            self.settle(outcome, cost)

        self._background.later(settle)

    def check_all(
        self,
        checks: Checks,
        *,
        slot: str | None = None,
        on_error: OnError | None = None,
        retry: bool = False,
        reserve: bool = False,
        max_wait: float | None = None,
    ) -> Outcome:
        """As AsyncRateLimiter.check_all."""
        asked = self._prepare_all(checks, slot, on_error, retry, reserve)
        if isinstance(asked, Outcome):
            return asked
        if max_wait is not None:
            where = asked.keys, tuple(part.limits.clauses for part in asked.parts)
            cost = max(part.cost for part in asked.parts)
            return self._lines.ask(
                where,
                cost,
                checked_wait(max_wait),
                lambda: self.check_all(
                    checks, slot=slot, on_error=on_error, retry=retry, reserve=reserve
                ),
            )
        try:
            reply = self._ask(asked)
        except FAILURES as error:
            reply = error
        return self._conclude_all(asked, reply, reserve)

    @contextmanager
    def lease(
        self, key: Who, limit: int, lease: Time, **options: Unpack[NamedOptions]
    ) -> Iterator[Place]:
        """As AsyncRateLimiter.lease, for `with`."""
        place = self.take(key, Places(limit, lease, options.get("name")), **options)
        try:
            yield place
        finally:
            place.release()

    def take(
        self,
        key: Who,
        places: Places,
        name: str | None = None,
        scope: str | None = None,
        on_error: OnError | None = None,
    ) -> Place:
        """As AsyncRateLimiter.take."""
        ready = self._ready_place(key, places, name, scope, on_error)
        if isinstance(ready, Outcome):
            return NoPlace(ready)
        redis_key, mode, asked_at = ready
        place = SyncPlace(self, places, redis_key, new_id(), self._background)
        try:
            reply: Any = self.send_again(redis_key, place.take)
        except FAILURES as error:
            reply = error
            if may_be_taken(classify(error)):
                place.give_up()
        place.outcome = self._conclude_place(places, redis_key, mode, asked_at, reply)
        if place.outcome.allowed and place.outcome.source == "server":
            place.hold()
        return place

    def _ask(self, asked: Prepared | PreparedAll) -> Any:
        raise NotImplementedError

    def send_again(self, key: str, command: bytes) -> Any:
        """Send a command about a key, once more if the connection breaks."""
        raise NotImplementedError
