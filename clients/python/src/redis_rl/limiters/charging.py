"""What both limiters share of charges that are settled, of several subjects, and of places."""

from __future__ import annotations

from collections.abc import Iterable

from redis_rl.charges.denials import SHORT_S
from redis_rl.charges.ids import new_id
from redis_rl.charges.together import (
    Part,
    PreparedAll,
    check_parts,
    check_sets,
    check_slot,
    command_of,
    joined,
    outcome_of,
)
from redis_rl.errors import (
    CannotDecide,
)
from redis_rl.keys.keys import checked_slot
from redis_rl.keys.subjects import Who
from redis_rl.limiters.base import LimiterBase
from redis_rl.limiters.checks import Checks, named_checks
from redis_rl.limits.limitset import limit_set
from redis_rl.limits.places import Places
from redis_rl.options import (
    OnError,
    checked_cost,
    checked_mode,
)
from redis_rl.outcome import Charge, Outcome
from redis_rl.wire.command import settle
from redis_rl.wire.faults import classify


class ChargingBase(LimiterBase):
    """Prepares what is asked, and reads what is answered."""

    def _prepare_all(
        self,
        checks: Checks,
        slot: str | None = None,
        on_error: OnError | None = None,
        retry: bool = False,
        reserve: bool = False,
    ) -> PreparedAll | Outcome:
        """Make several checks ready to be sent as one, or answer without asking."""
        mode = self.on_error if on_error is None else checked_mode(on_error)
        named = named_checks(checks)
        sets = [limit_set(one.asks, one.name) for one in named.values()]
        check_sets(sets, "check_all")
        cost = sum(checked_cost(one.cost) for one in named.values())
        if slot is not None:
            checked_slot(slot)
        if not self.enabled:
            return joined(dict.fromkeys(named, Outcome.exempt()), "", 0)
        keys = ""
        try:
            parts = tuple(
                Part(name, self.key(one.key, one.scope or limits.name, slot), limits, one.cost)
                for (name, one), limits in zip(named.items(), sets, strict=True)
            )
            check_parts(parts)
            if self.clustered:
                check_slot(parts)
            keys = ", ".join(part.key for part in parts)
            blocked = self._breaker.blocks()
            if blocked is not None:
                raise blocked
        except CannotDecide as error:
            return self._open_for_all(self._unanswered(error, mode, keys, cost), named)
        asked_at = 0.0
        if self._denials is not None and cost and not reserve:
            denied = self._denials.get(parts)
            if denied is not None:
                return self._announced(denied)
            asked_at = self._denials.now()
        policies = [name for limits in sets for name in limits.named]
        due = self._policies.due(dict.fromkeys(policies)) if policies else ()
        id = new_id() if (retry or reserve) and cost else None
        return PreparedAll(parts, command_of(parts, id, reserve), mode, due, id, asked_at)

    def _conclude_all(self, asked: PreparedAll, reply: object, reserve: bool) -> Outcome:
        """Answer by RL.ALL's reply, or by the error that came in its place."""
        try:
            if isinstance(reply, Exception):
                raise classify(reply)
            if asked.named and (unlearned := self._policies.error(asked.named)):
                raise type(unlearned)(*unlearned.args)
            outcome = outcome_of(asked, reply, self._policies.clauses)
        except CannotDecide as error:
            self._learn(error, asked.keys)
            names = [part.name for part in asked.parts]
            opened = self._unanswered(error, asked.mode, asked.keys, asked.cost)
            return self._open_for_all(opened, names)
        self._breaker.answered()
        self._misconfigured.succeeded(asked.keys)
        if asked.asked_at and not outcome.allowed and self._denials is not None:
            keys = tuple(part.key for part in asked.parts)
            longest = (SHORT_S,) if asked.named else ()
            self._denials.put(asked.parts, keys, outcome, asked.asked_at, *longest)
        if reserve:
            charged = asked.id if outcome.allowed else None
            for part in outcome.each.values():
                part.charge = Charge(self, charged if part.cost else None, outcome)
            outcome.charge = Charge(self, charged)
        return self._announced(outcome)

    def _open_for_all(self, outcome: Outcome, names: Iterable[str | int]) -> Outcome:
        """Let an outcome that failed open have an outcome for each subject."""
        each = {name: Outcome.failed_open(outcome.key) for name in names}
        for part in each.values():
            part.charge = Charge(self, None)
        outcome.each = each
        return outcome

    def _ready_place(
        self,
        key: Who,
        places: Places,
        name: str | None,
        scope: str | None,
        on_error: OnError | None,
    ) -> tuple[str, OnError, float] | Outcome:
        """The key of places, the mode and the time; or an answer without asking."""
        mode = self.on_error if on_error is None else checked_mode(on_error)
        if not self.enabled:
            return Outcome.exempt()
        redis_key = ""
        try:
            redis_key = self.key(key, scope or name)
            blocked = self._breaker.blocks()
            if blocked is not None:
                raise blocked
        except CannotDecide as error:
            return self._unanswered(error, mode, redis_key, 1)
        if self._denials is None:
            return redis_key, mode, 0.0
        denied = self._denials.get((redis_key, "lease", places.limit))
        return self._announced(denied) if denied else (redis_key, mode, self._denials.now())

    def _conclude_place(
        self, places: Places, key: str, mode: OnError, asked_at: float, reply: object
    ) -> Outcome:
        """Answer by RL.LEASE's reply, or by the error that came in its place."""
        try:
            if isinstance(reply, Exception):
                raise classify(reply)
            outcome = Outcome.of_place(reply, places, key)
        except CannotDecide as error:
            self._learn(error, key)
            return self._unanswered(error, mode, key, 1)
        self._breaker.answered()
        self._misconfigured.succeeded(key)
        if not outcome.allowed and self._denials is not None:
            where = (key, "lease", places.limit)
            self._denials.put(where, (key,), outcome, asked_at, SHORT_S)
        return self._announced(outcome)

    def _reservable(self, outcome: Outcome, id: str | None = None) -> Outcome:
        """Let an outcome be settled, if it has charged anything under this id."""
        charged = id if outcome.allowed and outcome.source == "server" else None
        outcome.charge = Charge(self, charged)
        return outcome

    def _settlement(self, outcome: Outcome, cost: int) -> bytes | None:
        """The command that settles a charge; None if there is nothing to settle, or no answer."""
        checked_cost(cost)
        charge = outcome.charge
        if charge is None or charge.id is None:
            return None
        self._forget_denials(outcome.key)
        blocked = self._breaker.blocks()
        if blocked is not None:
            self._unsettled(blocked)
            return None
        return settle(outcome.key, charge.id, cost)

    def _settled(self, outcome: Outcome, cost: int, reply: object) -> bool:
        """Whether a charge was still known, by the reply or the error in its place."""
        if isinstance(reply, Exception):
            error = classify(reply)
            self._learn(error, outcome.key)
            self._unsettled(error)
            return False
        if reply == 1:
            outcome.show_settled(cost)
        return reply == 1
