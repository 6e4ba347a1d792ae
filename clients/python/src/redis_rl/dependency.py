"""The limit of a route as FastAPI has it: a dependency that answers the outcome."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from redis_rl.asgi import client_ip
from redis_rl.base import Limits, OnError, checked_cost, checked_mode
from redis_rl.callbacks import cost_of, takes_connection
from redis_rl.errors import CannotDecide, ConfigurationError
from redis_rl.keys import Subject
from redis_rl.limiter import RateLimiter
from redis_rl.limitset import LimitSet
from redis_rl.outcome import Outcome
from redis_rl.refused import TooManyRequests, Unavailable
from redis_rl.responses import OUTCOMES
from redis_rl.routes import route_scope


class RouteLimit:
    """A dependency for a route, a router or an app; `RateLimiter.limit` makes it.

    However often it stands in one request, it checks once. It answers the Outcome, or raises
    what becomes a 429 or 503.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        limits: Mapping[str, Limits] | tuple[Limits, ...],
        *,
        key: Callable[..., Any] = client_ip,
        name: str | None = None,
        scope: str | None = None,
        cost: int | Callable[..., Any] = 1,
        methods: Collection[str] | None = None,
        exempt: Callable[..., Any] | None = None,
        on_error: OnError | None = None,
        wait: bool = False,
    ) -> None:
        self._limiter = limiter
        self._tiers = _tiers(limits, name)
        self._limits = next(iter(self._tiers.values()))
        self._tiered = isinstance(limits, Mapping)
        self._scope = scope or name
        self._methods = None if methods is None else {method.upper() for method in methods}
        self._on_error = None if on_error is None else checked_mode(on_error)
        self._wait = wait
        if not callable(cost):
            checked_cost(cost)
        self._cost = None if callable(cost) else cost
        functions = {"key": key, "cost": cost, "exempt": exempt}
        given = {name: one for name, one in functions.items() if callable(one)}
        self._by_address = given["key"] is client_ip
        self._exempts = "exempt" in given
        self._direct = {name: one for name, one in given.items() if takes_connection(one)}
        self.__signature__ = _signature(
            {name: one for name, one in given.items() if name not in self._direct}
        )

    async def __call__(self, connection: HTTPConnection, **resolved: Any) -> Outcome:
        """Check once; `resolved` has what FastAPI found out as dependencies."""
        request = connection.scope
        outcomes = request.get(OUTCOMES)
        if outcomes is None:
            outcomes = request[OUTCOMES] = {}
        elif self in outcomes:
            return outcomes[self]  # type: ignore[no-any-return]
        outcome = outcomes[self] = await self._check(connection, request, resolved)
        if not outcome.allowed:
            raise TooManyRequests(outcome, self._limiter.legacy)
        if self._wait and outcome.wait:
            await asyncio.sleep(outcome.wait)
        return outcome

    async def _check(
        self, connection: HTTPConnection, request: Any, resolved: dict[str, Any]
    ) -> Outcome:
        method = request.get("method", "GET")
        if method == "OPTIONS" if self._methods is None else method not in self._methods:
            return Outcome.exempt(self._limits)
        if self._exempts and await self._value("exempt", connection, resolved):
            return Outcome.exempt(self._limits)
        subject = (
            client_ip(connection)
            if self._by_address
            else _subject(await self._value("key", connection, resolved))
        )
        limits = self._tier(subject) if self._tiered else self._limits
        cost = self._cost
        if cost is None:
            cost = cost_of(await self._value("cost", connection, resolved))
        try:
            return await self._limiter.check(
                subject,
                limits,
                scope=self._scope or route_scope(request),
                cost=cost,
                on_error=self._on_error,
            )
        except CannotDecide as error:
            raise Unavailable(error) from error

    async def _value(self, name: str, connection: HTTPConnection, resolved: dict[str, Any]) -> Any:
        """What the application's function says: asked now, or resolved by FastAPI already."""
        function = self._direct.get(name)
        if function is None:
            if name not in resolved:
                raise TypeError(f"{name} is a dependency, which FastAPI alone can resolve")
            return resolved[name]
        value = function(connection)
        return await value if inspect.isawaitable(value) else value

    def _tier(self, subject: Subject) -> LimitSet:
        limits = self._tiers.get(subject.tier)
        if limits is None:
            known = ", ".join(map(repr, self._tiers))
            raise LookupError(f"the tier of {subject!r} is none of {known}")
        return limits


def _signature(functions: dict[str, Callable[..., Any]]) -> inspect.Signature:
    """The parameters that FastAPI sees: the connection, and functions that it resolves."""
    connection = inspect.Parameter(
        "connection", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=HTTPConnection
    )
    resolved = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=Depends(function))
        for name, function in functions.items()
    ]
    return inspect.Signature([connection, *resolved])


def _tiers(
    limits: Mapping[str, Limits] | tuple[Limits, ...], name: str | None
) -> dict[str | None, LimitSet]:
    if not isinstance(limits, Mapping):
        return {None: _limit_set(limits, name)}
    if not limits:
        raise ConfigurationError("there are no tiers in the mapping of tiers to limits")
    return {tier: _limit_set((one,), name) for tier, one in limits.items()}


def _limit_set(limits: tuple[Limits, ...], name: str | None) -> LimitSet:
    [first, *more] = limits
    if isinstance(first, LimitSet) and not more:
        return first
    return LimitSet(*limits, name=name)  # type: ignore[arg-type]


def _subject(answer: object) -> Subject:
    if isinstance(answer, Subject):
        return answer
    if isinstance(answer, str) and answer:
        return Subject.user(answer)
    raise TypeError(f"a key function answered {answer!r}, and may answer a Subject or an id")
