"""What both limiters share of charges that are settled, of several subjects, and of places."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

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
from redis_rl.charges.waiting import checked_wait
from redis_rl.errors import CannotDecide
from redis_rl.keys.keys import checked_slot
from redis_rl.keys.subjects import Who
from redis_rl.limiters.base import LimiterBase
from redis_rl.limiters.checks import Check, Checks, Prepared, named_checks
from redis_rl.limits.limitset import LimitSet, limit_set
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

    def _conclude_charge(self, asked: Prepared, reply: object) -> Outcome:
        """`_conclude` of a charge that may be settled."""
        return self._reservable(self._conclude(asked, reply), asked.id)

    def _sets(self, named: Mapping[str | int, Check], slot: str | None) -> list[LimitSet]:
        """The limits of several checks. Raises ConfigurationError if something is wrong."""
        sets = [limit_set(one.asks, one.name) for one in named.values()]
        check_sets(sets, "check_all")
        for one in named.values():
            checked_cost(one.cost)
        if slot is not None:
            checked_slot(slot)
        return sets

    def _parts(
        self, named: Mapping[str | int, Check], sets: Sequence[LimitSet], slot: str | None
    ) -> tuple[Part, ...]:
        """What each subject is asked. Raises CannotIdentify if there is nobody."""
        parts = tuple(
            Part(name, self.key(one.key, one.scope or limits.name, slot), limits, one.cost)
            for (name, one), limits in zip(named.items(), sets, strict=True)
        )
        check_parts(parts)
        if self.clustered:
            check_slot(parts)
        return parts

    def _line_of_all(
        self, checks: Checks, slot: str | None, max_wait: float | None
    ) -> tuple[Hashable, int, float] | None:
        """`_line` of several checks."""
        if max_wait is None:
            return None
        checked_wait(max_wait)
        if not self.enabled:
            return None
        named = named_checks(checks)
        try:
            parts = self._parts(named, self._sets(named, slot), slot)
        except CannotDecide:
            return None  # the check says so
        where = tuple((part.key, part.limits.clauses) for part in parts)
        return where, max(part.cost for part in parts), max_wait

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
        sets = self._sets(named, slot)
        cost = sum(one.cost for one in named.values())
        if not self.enabled:
            return joined(dict.fromkeys(named, Outcome.exempt()), "", 0)
        keys = ""
        try:
            parts = self._parts(named, sets, slot)
            keys = ", ".join(part.key for part in parts)
            kept = self._kept(parts if cost and not reserve else None)
        except CannotDecide as error:
            return self._open_for_all(self._unanswered(error, mode, keys, cost), named)
        if isinstance(kept, Outcome):
            return kept
        policies = [name for limits in sets for name in limits.named]
        due = self._policies.due(dict.fromkeys(policies)) if policies else ()
        id = new_id() if (retry or reserve) and cost else None
        command = command_of(parts, id, reserve)
        return PreparedAll(parts, command, mode, due, id, reserve, kept)

    def _conclude_all(self, asked: PreparedAll, reply: object) -> Outcome:
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
        if asked.settles:
            charged = asked.id if outcome.allowed else None
            for part in outcome.each.values():
                part.charge = Charge(self, charged if part.cost else None, outcome)
            outcome.charge = Charge(self, charged)
        return outcome

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
            kept = self._kept((redis_key, "lease", places.limit, places.name))
        except CannotDecide as error:
            return self._unanswered(error, mode, redis_key, 1)
        return kept if isinstance(kept, Outcome) else (redis_key, mode, kept)

    def _kept(self, asked: Hashable | None) -> Outcome | float:
        """A refusal that is kept, or when it is asked if that may be kept; None may not.

        Raises NoAnswer if nobody may ask now.
        """
        asked_at = 0.0
        if self._denials is not None and asked is not None:
            denied = self._denials.get(asked)
            if denied is not None:
                return denied
            asked_at = self._denials.now()
        blocked = self._breaker.blocks()
        if blocked is not None:
            raise blocked
        return asked_at

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
            where = (key, "lease", places.limit, places.name)
            self._denials.put(where, (key,), outcome, asked_at, SHORT_S)
        return outcome

    def _reservable(self, outcome: Outcome, id: str | None = None) -> Outcome:
        """Let an outcome be settled, if it has charged anything under this id."""
        charged = id if outcome.allowed and outcome.source == "server" else None
        outcome.charge = Charge(self, charged)
        return outcome

    def _each_reservable(self, outcome: Outcome) -> Outcome:
        """Let each be settled; what a line has refused was asked by another."""
        for part in outcome.each.values():
            part.charge = part.charge or Charge(self, None)
        return outcome

    def _settlement(self, outcome: Outcome, cost: int) -> bytes | None:
        """The command that settles a charge; None if there is nothing to settle, or no answer."""
        checked_cost(cost)
        charge = outcome.charge
        if charge is None or charge.id is None:
            return None
        self.forget_denials(outcome.key)
        blocked = self._breaker.blocks()
        if blocked is not None:
            self._unsettled(blocked)
            return None
        return settle(outcome.key, charge.id, cost)

    def _settled(self, outcome: Outcome, cost: int, reply: object) -> bool:
        """Whether a charge was still known, by the reply or the error in its place."""
        self.forget_denials(outcome.key)  # what was refused in the meantime
        if isinstance(reply, Exception):
            error = classify(reply)
            self._learn(error, outcome.key)
            self._unsettled(error)
            return False
        if reply == 1:
            outcome.show_settled(cost)
        return reply == 1
