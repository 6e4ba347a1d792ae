"""What the asynchronous and the synchronous limiter share: everything but the waiting."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from redis_rl.charges.denials import SHORT_S, denials_of
from redis_rl.charges.ids import new_id
from redis_rl.charges.waiting import Lines, checked_wait
from redis_rl.errors import (
    CannotDecide,
    CannotNow,
    NoAnswer,
    StoreMisconfigured,
)
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import checked_legacy, rate_headers
from redis_rl.keys.addresses import AddressRules
from redis_rl.keys.keys import Keys
from redis_rl.keys.subjects import Who
from redis_rl.limiters.checks import Prepared
from redis_rl.limits.known import KnownPolicies
from redis_rl.limits.labels import Known
from redis_rl.limits.limitset import Limits, limit_set
from redis_rl.log import Log
from redis_rl.options import (
    LimiterOptions,
    OnError,
    checked_cost,
    checked_mode,
)
from redis_rl.outcome import Outcome
from redis_rl.wire.breaker import Breaker, Misconfigured
from redis_rl.wire.command import command, named_charge, rl_limit, rl_limit_named
from redis_rl.wire.faults import classify

logger = logging.getLogger("redis_rl")

DEFAULT_SCOPE = "app"
PROBE_S = 1.0
"""How long a probe waits at least."""


@dataclass(eq=False, repr=False)
class LimiterBase(LimiterOptions):
    """Options, keys, the breaker, and what to do when there is no answer."""

    def __post_init__(self) -> None:
        """Make what the options describe."""
        super().__post_init__()
        checked_legacy(self.legacy)
        self.addresses = AddressRules(self.trusted_proxies, self.ipv6_prefix)
        self.keys = Keys(self.prefix, self.addresses)
        self._denials = denials_of(self.deny_cache)
        self._lines = Lines()
        self.held: set[Any] = set()
        """The places that are held."""
        self.failed_open = 0
        """How many requests were served without an answer."""
        self._breaker = Breaker()
        self._misconfigured = Misconfigured()
        self._policies = KnownPolicies()
        self._log = Log(logger)

    @property
    def known_policies(self) -> Known:
        """The clauses of the server's policies, as far as they are known."""
        return self._policies.clauses

    @property
    def clustered(self) -> bool:
        """Whether keys are on several servers."""
        raise NotImplementedError

    def key(self, key: Who, scope: str | None = None, slot: str | None = None) -> str:
        """The Redis key of somebody in a scope, `app` if it is left out.

        Raises CannotIdentify if there is no id or address.
        """
        return self.keys.key(scope or DEFAULT_SCOPE, key, slot)

    def refuse(self, error: CannotDecide) -> None:
        """Log why a request is refused, at most once a second."""
        self._log.tell(error, "refused")

    def _prepare(
        self,
        key: Who,
        limits: tuple[Limits, ...],
        name: str | None = None,
        scope: str | None = None,
        cost: int = 1,
        on_error: OnError | None = None,
        retry: bool = False,
        settles: bool = False,
        max_wait: float | None = None,  # noqa: ARG002 - the caller waits
    ) -> Prepared | Outcome:
        """Make a check ready to be sent, or answer without asking."""
        asked = limit_set(limits, name)
        mode = self.on_error if on_error is None else checked_mode(on_error)
        checked_cost(cost)
        if not self.enabled:
            return Outcome.exempt()
        redis_key, asked_at = "", 0.0
        try:
            redis_key = self.key(key, scope or asked.name)
            if self._denials is not None and cost and not settles:
                denied = self._denials.get((redis_key, asked.clauses, asked.name, cost))
                if denied is not None:
                    return denied
                asked_at = self._denials.now()
            blocked = self._breaker.blocks()
            if blocked is not None:
                raise blocked
        except CannotDecide as error:
            return self._unanswered(error, mode, redis_key, cost)
        due = self._policies.due(asked.named) if asked.named else ()
        if (retry or settles) and cost:
            id = new_id()
            end = named_charge(id, asked.keep_s if settles else None)
            sent = rl_limit_named(redis_key, asked.clauses, asked.count, cost, end)
            return Prepared(redis_key, sent, asked, cost, mode, due, id, settles, asked_at)
        raw = redis_key.encode("utf-8", "surrogatepass")
        sent = rl_limit(raw, asked.clauses, asked.count, cost)
        return Prepared(redis_key, sent, asked, cost, mode, due, asked_at=asked_at)

    def _line(
        self, key: Who, limits: tuple[Limits, ...], options: Any
    ) -> tuple[Hashable, int, float] | None:
        """Where those wait who ask this, how much they ask, and for how long; None: nowhere."""
        max_wait = options.pop("max_wait", None)
        if max_wait is None:
            return None
        checked_wait(max_wait)
        if not self.enabled:
            return None
        cost = checked_cost(options.get("cost", 1))
        asked = limit_set(limits, options.get("name"))
        try:
            where = self.key(key, options.get("scope") or asked.name)
        except CannotDecide:
            return None  # the check says so
        return (where, asked.clauses), cost, max_wait

    def _conclude(self, asked: Prepared, reply: object) -> Outcome:
        """Answer by the reply, or by the error that came in its place."""
        limits, cost, mode = asked.limits, asked.cost, asked.mode
        try:
            if isinstance(reply, Exception):
                raise classify(reply)
            if limits.named and (unlearned := self._policies.error(limits.named)):
                raise type(unlearned)(*unlearned.args)
            known = self._policies.clauses
            outcome = Outcome.from_reply(reply, limits, asked.key, cost, known)
        except CannotDecide as error:
            self._learn(error, asked.key)
            return self._unanswered(error, mode, asked.key, cost)
        self._breaker.answered()
        self._misconfigured.succeeded(asked.key)
        if asked.waits_ms is not None:
            outcome = outcome.standing(asked.waits_ms)
        if asked.asked_at and not outcome.allowed and self._denials is not None:
            where = (asked.key, limits.clauses, limits.name, cost)
            longest = (SHORT_S,) if limits.named else ()
            self._denials.put(where, (asked.key,), outcome, asked.asked_at, *longest)
        return outcome

    def stands(self, what: str, error: Exception) -> None:
        """Log why a charge was not settled, at most once a second."""
        self._log.warn(what, error)

    def forget_denials(self, *keys: str) -> None:
        """Ask again about keys: what was refused there may not be now."""
        if self._denials is not None:
            self._denials.forget(keys)

    def _unsettled(self, error: CannotDecide) -> None:
        self.stands("A charge stands that should be settled", error)

    def _learn_policies(self, names: Sequence[str], replies: Sequence[object]) -> None:
        """Remember what RL.POLICY GET answered for each name."""
        for name, reply in zip(names, replies, strict=True):
            self._policies.learned(name, classify(reply) if isinstance(reply, Exception) else reply)

    def _probed(self, error: Exception | None) -> None:
        """Raise a probe's error, and remember it if somebody has to fix it."""
        if error is None:
            self._misconfigured.succeeded("")
            return
        ours = classify(error)
        if isinstance(ours, StoreMisconfigured):
            self._misconfigured.learned("", ours)
        raise ours from None

    def _announced(self, outcome: Outcome) -> Outcome:
        """Tell an outcome, once, before it is returned."""
        if self.on_decision is not None and outcome.source != "exempt":
            self.on_decision(outcome)
        return outcome

    def _enforced(self, outcome: Outcome) -> Outcome:
        if not outcome.allowed:
            raise RateLimitExceeded(outcome, dict(rate_headers(outcome, self.legacy)))
        return outcome

    def _learn(self, error: CannotDecide, key: str) -> None:
        """Remember what a failure says about the store."""
        if isinstance(error, NoAnswer):
            self._breaker.missed(error)
        elif isinstance(error, StoreMisconfigured):
            self._breaker.answered()
            self._misconfigured.learned(key, error)
        elif isinstance(error, CannotNow):
            self._breaker.answered()

    def _unanswered(self, error: CannotDecide, mode: OnError, key: str, cost: int) -> Outcome:
        """Follow the mode: raise the error, or serve the request all the same."""
        if not error.always:
            error = self._misconfigured.at(key) or error
        if error.always or mode == "closed":
            self.refuse(error)
            raise error from None
        self.failed_open += 1
        self._log.tell(error, "served without a limit")
        return Outcome.failed_open(key, cost)


def probe_command(key: str) -> bytes:
    """A command that changes nothing, and needs all that a check needs of the server."""
    return command("RL.LIMIT", key, "FIXED", "1", "1s", "COST", "0")


def nothing_left(reply: object) -> bool:
    """Whether a verdict in a reply to RL.LIMIT has nothing remaining."""
    rows = reply[1:] if isinstance(reply, list) else []
    return any(isinstance(row, list) and row[2:3] == [0] for row in rows)


def waits_ms(peeked: object) -> dict[object, int]:
    """Read from RL.PEEK's reply how long a call of cost 1 would have to wait."""
    rows = peeked if isinstance(peeked, list) else []
    return {(row[0].decode(), row[3]): row[5] for row in rows}


def delete_command(key: str) -> bytes:
    """The command that forgets what was used at a key."""
    return command("DEL", key)
