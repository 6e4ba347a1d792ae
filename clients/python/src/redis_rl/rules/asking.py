"""How a request is held to a rule: once for all frameworks, awaited or not.

An adapter makes an `Asking` and calls `ask` (with a SyncRateLimiter) or `ask_async` (with an
AsyncRateLimiter). Both return the Outcome; refusing what it denies is up to the adapter.
CannotDecide goes through, for `refusal` to answer, and so do errors of the application's
functions.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from redis_rl.charges.places import Place
from redis_rl.errors import CannotDecide, ConfigurationError
from redis_rl.keys.subjects import Subject, WholeKey, subject_of
from redis_rl.limiters.base import LimiterBase
from redis_rl.limiters.checks import Check
from redis_rl.limits.limitset import LimitSet
from redis_rl.limits.places import Places
from redis_rl.outcome import Outcome
from redis_rl.rules.all import RuleOfAll
from redis_rl.rules.ending import Ending
from redis_rl.rules.met import Met
from redis_rl.rules.places import RuleOfPlaces, check_not_places
from redis_rl.rules.rule import Rule, cost_of

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Asking:
    """One request before one rule."""

    limiter: Any
    """An AsyncRateLimiter or a SyncRateLimiter."""
    rule: Rule
    met: Met
    """What the request has met so far."""
    method: str | None
    """As the client wrote it; None for a WebSocket."""
    template: Callable[[], str | None]
    """Returns the route's, such as `/items/{id}`; None without a route."""
    value: Callable[[str], Any]
    """Calls one of the rule's functions for the request: `key`, `cost`, `exempt`, `limits`."""
    exempt: bool = False
    """Whether the adapter exempts it, for example by its path."""


class Budget(NamedTuple):
    """What a request counts in under a rule."""

    subject: Subject | WholeKey
    limits: LimitSet | None
    """None if a function says that there is no limit."""
    scope: str


async def ask_async(asking: Asking) -> Outcome:
    """Ask, awaiting the application's functions, and hold the request if the rule says so."""
    try:
        outcome = await run_async(_steps(asking))
    except CannotDecide:
        asking.met.refused()
        raise
    if asking.rule.wait and outcome.wait:
        await asyncio.sleep(outcome.wait)
    return outcome


def ask(asking: Asking) -> Outcome:
    """`ask_async` without awaiting."""
    try:
        outcome = run(_steps(asking))
    except CannotDecide:
        asking.met.refused()
        raise
    if asking.rule.wait and outcome.wait:
        time.sleep(outcome.wait)
    return outcome


async def run_async(steps: Generator[Any, Any, Answer]) -> Answer:
    """Go through steps, awaiting what is awaitable."""
    answer = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        answer = await step if hasattr(step, "__await__") else step


def run(steps: Generator[Any, Any, Answer]) -> Answer:
    """`run_async` without awaiting."""
    answer = None
    while True:
        try:
            answer = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError(
                "functions of a SyncRateLimiter's limits must return values, not coroutines"
            )


def refuse_coroutines(rule: Rule) -> None:
    """Raise ConfigurationError for functions that `ask` could not call."""
    for option, function in {**rule.functions, "count_if": rule.count_if}.items():
        if inspect.iscoroutinefunction(function):
            raise ConfigurationError(
                f"{option} must be a function that a SyncRateLimiter can call, not a coroutine"
            )


def budget(asking: Asking) -> Generator[Any, Any, Budget]:
    """The steps to the budget a request was charged in, or would be if it met the rule alone."""
    rule = asking.rule
    if not asking.limiter.enabled:
        return Budget(Subject("user", ""), None, "")
    if rule.of_all:
        raise ConfigurationError(
            "peek and reset must be of one subject, as in limiter.peek(key, limits, scope=name), "
            "not of limit_all"
        )
    check_not_places(rule)
    charged = asking.met.budgets.get(rule)
    if charged is not None:
        return charged  # type: ignore[no-any-return]
    subject = subject_of((yield asking.value("key")), "a key function must return")
    limits = rule.limits_for(subject, rule.limits and (yield asking.value("limits")))
    return Budget(subject, limits, rule.scope_of(asking.method, asking.template, limits))


def _steps(asking: Asking) -> Generator[Any, Any, Outcome]:
    """What to find out, step by step; the result is the outcome."""
    rule, met = asking.rule, asking.met
    if not asking.limiter.enabled:
        return Outcome.exempt()
    known = met.outcomes.get(rule)
    if known is not None:
        return known
    if asking.exempt or (rule.methods is not None and not rule.is_for(asking.method)):
        return _passed(asking)
    if rule.exempt is not None and (yield asking.value("exempt")):
        return _passed(asking)
    outcome: Outcome | None = None
    if rule.of_all:
        outcome = yield from _steps_of_all(asking)
    elif rule.of_places:
        outcome = yield from _steps_of_places(asking)
    else:  # here, so that a plain request has no generator more
        subject = subject_of((yield asking.value("key")), "a key function must return")
        limits = rule.limits_for(subject, rule.limits and (yield asking.value("limits")))
        if limits is None:
            return _passed(asking)
        cost = cost_of((yield asking.value("cost"))) if callable(rule.cost) else rule.cost
        scope = _scope(asking, rule, limits, subject)
        met.budgets[rule] = Budget(subject, limits, scope)
        if rule.plain:
            outcome = yield asking.limiter.check(
                subject, limits, scope=scope, cost=cost, on_error=rule.on_error
            )
        else:
            ask = asking.limiter.charge if rule.settles else asking.limiter.check
            outcome = yield ask(
                subject,
                limits,
                scope=scope,
                cost=cost,
                on_error=rule.on_error,
                retry=rule.retry,
                max_wait=rule.max_wait,
            )
            _await_response(asking, outcome)
    if outcome is None:
        return _passed(asking)
    met.outcomes[rule] = outcome
    if not outcome.allowed:
        met.refused()
    return outcome


def _steps_of_all(asking: Asking) -> Generator[Any, Any, Outcome | None]:
    """Ask for several subjects; None if none of them is limited."""
    rule = asking.rule
    assert isinstance(rule, RuleOfAll)
    slot = (yield asking.value("slot")) if callable(rule.slot) else rule.slot
    checks: dict[str, Check] = {}
    for at, (name, one) in enumerate(rule.rules.items()):
        subject = subject_of((yield asking.value(f"key_{at}")), "a key function must return")
        limits = one.limits_for(subject, one.limits and (yield asking.value(f"limits_{at}")))
        if limits is not None:
            cost = cost_of((yield asking.value(f"cost_{at}"))) if callable(one.cost) else one.cost
            scope = _scope(asking, one, limits, subject, slot)
            checks[name] = Check(subject, limits, scope=scope, cost=cost)
    if not checks:
        return None
    outcome: Outcome = yield asking.limiter.check_all(
        checks,
        slot=slot,
        on_error=rule.on_error,
        retry=rule.retry,
        reserve=rule.settles,
        max_wait=rule.max_wait,
    )
    _await_response(asking, outcome)
    return outcome


def _steps_of_places(asking: Asking) -> Generator[Any, Any, Outcome]:
    """Take a place, and give it back when the response has been sent."""
    met, rule = asking.met, asking.rule
    assert isinstance(rule, RuleOfPlaces)
    subject = subject_of((yield asking.value("key")), "a key function must return")
    scope = _scope(asking, rule, rule.places, subject)
    place: Place = yield asking.limiter.take(
        subject, rule.places, scope=scope, on_error=rule.on_error
    )
    if met.ending is None:
        met.ending = Ending()
    met.ending.hold(place)
    if met.watch is not None:
        met.watch()
    return place.outcome


def _await_response(asking: Asking, outcome: Outcome) -> None:
    """Settle a charge by the response, if the rule says so."""
    if asking.rule.count_if is None or outcome.charge is None or outcome.charge.id is None:
        return
    if asking.met.ending is None:
        asking.met.ending = Ending()
    asking.met.ending.count(asking.limiter, outcome, asking.rule.count_if)


def _passed(asking: Asking) -> Outcome:
    """Do not ask the server."""
    rule = asking.rule
    for one in rule.rules.values() if isinstance(rule, RuleOfAll) else (rule,):
        scope = one.scope_of(asking.method, asking.template, one.first)
        asking.met.passed(one, scope, asking.limiter.known_policies)
    outcome = asking.met.outcomes[rule] = Outcome.exempt()
    return outcome


def _scope(
    asking: Asking,
    rule: Rule,
    limits: LimitSet | Places,
    subject: Subject | WholeKey,
    slot: str | None = None,
) -> str:
    """The scope in which nothing is charged twice."""
    limiter: LimiterBase = asking.limiter
    scope = rule.scope_of(asking.method, asking.template, limits)
    try:
        return asking.met.charged(
            rule,
            scope,
            limits,
            lambda scope: limiter.key(subject, scope, slot),
            limiter.known_policies,
        )
    except CannotDecide as error:
        limiter.refuse(error)
        raise
