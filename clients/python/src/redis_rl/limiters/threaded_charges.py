"""What a SyncRateLimiter does beside checks: AsyncCharging without `await`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from redis_rl.charges.background import Background
from redis_rl.charges.ids import new_id
from redis_rl.charges.places import NoPlace, Place, SyncPlace, may_be_taken
from redis_rl.charges.reservation import Reservation
from redis_rl.charges.together import PreparedAll
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


class SyncCharging(ChargingBase):
    """The part of SyncRateLimiter that is not everybody's."""

    _background: Background

    def reserve(
        self,
        key: Who,
        *limits: Limits,
        cost: int,
        refund_on_error: bool = False,
        **options: Unpack[ReserveOptions],
    ) -> Reservation:
        """As AsyncRateLimiter.reserve, for `with`."""
        checked_estimate(cost)
        checked_flag("refund_on_error", refund_on_error)
        return Reservation(self.charge(key, *limits, cost=cost, **options), refund_on_error)

    def charge(self, key: Who, *limits: Limits, **options: Unpack[CheckOptions]) -> Outcome:
        """As AsyncRateLimiter.charge."""
        line = self._line(key, limits, options)

        def ask() -> Outcome:
            asked = self._prepare(key, limits, settles=True, **options)
            return self._once(asked, self._conclude_charge)

        outcome = self._told(line, ask)
        return outcome if outcome.charge else self._reservable(outcome)

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

        def ask() -> Outcome:
            asked = self._prepare_all(checks, slot, on_error, retry, reserve)
            return self._once(asked, self._conclude_all)

        outcome = self._told(self._line_of_all(checks, slot, max_wait), ask)
        return self._each_reservable(outcome) if reserve else outcome

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
            return NoPlace(self._announced(ready))
        redis_key, mode, asked_at = ready
        place = SyncPlace(self, places, redis_key, new_id(), self._background)
        try:
            reply: Any = self.send_again(redis_key, place.take)
        except FAILURES as error:
            reply = error
            if may_be_taken(classify(error)):
                place.give_up()
        outcome = self._conclude_place(places, redis_key, mode, asked_at, reply)
        place.outcome = self._announced(outcome)
        if place.outcome.allowed and place.outcome.source == "server":
            place.hold()
        return place

    def _once(
        self,
        asked: _Asked | Outcome,
        conclude: Callable[[_Asked, object], Outcome],
    ) -> Outcome:
        """Ask what was prepared, and tell nobody."""
        if isinstance(asked, Outcome):
            return asked
        try:
            reply: Any = self._ask(asked)
        except FAILURES as error:
            reply = error
        return conclude(asked, reply)

    def _told(
        self, line: tuple[Hashable, int, float] | None, ask: Callable[[], Outcome]
    ) -> Outcome:
        """Ask, in line if there is one, and tell the outcome."""
        outcome = ask() if line is None else self._lines.ask(*line, ask)
        return self._announced(outcome)

    def _ask(self, asked: Prepared | PreparedAll) -> Any:
        raise NotImplementedError

    def send_again(self, key: str, command: bytes) -> Any:
        """Send a command about a key, once more if the connection breaks."""
        raise NotImplementedError
