"""The limit of a route in FastAPI: a dependency whose value is the outcome."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from fastapi import Depends
from starlette.requests import HTTPConnection

from redis_rl.asgi.responses import MET
from redis_rl.errors import CannotDecide, ConfigurationError
from redis_rl.fastapi.callbacks import takes_connection
from redis_rl.fastapi.refused import TooManyRequests, unanswered
from redis_rl.fastapi.routes import route_template
from redis_rl.limiters.awaited import AsyncRateLimiter
from redis_rl.outcome import Outcome
from redis_rl.rules.asking import Asking, ask_async, budget, run_async
from redis_rl.rules.met import Met
from redis_rl.rules.rule import Rule

_RESOLVED = "redis_rl.resolved"
"""The key in a scope of what FastAPI resolved, by limit."""


class RouteLimit:
    """A dependency for a route, a router or an app, made by `RateLimiter.limit`.

    However often a request depends on it, it checks once. Its value is the Outcome; a refusal is
    an exception that becomes a 429, 400 or 503.
    """

    def __init__(self, limiter: AsyncRateLimiter, rule: Rule) -> None:
        self._limiter = limiter
        self._rule = rule
        functions = self._rule.functions
        self._direct = {name: one for name, one in functions.items() if takes_connection(one)}
        self.__signature__ = _signature(
            {name: one for name, one in functions.items() if name not in self._direct}
        )
        # What FastAPI looks at to learn that this is a coroutine. The class's own is called.
        vars(self)["__call__"] = self._check

    def __call__(self, connection: HTTPConnection, **resolved: Any) -> Awaitable[Outcome]:
        """Check once; `resolved` has the functions that FastAPI resolved as dependencies."""
        if not isinstance(connection, HTTPConnection):
            raise ConfigurationError(
                'a decorator must be written @limiter.limited("5/minute") below @app.get(...), and '
                'a dependency Depends(limiter.limit("5/minute"))'
            )
        return self._check(connection, **resolved)

    @property
    def dependency(self) -> NoReturn:
        """FastAPI reads this of listed dependencies, and a limit needs Depends around it."""
        raise ConfigurationError(
            'a dependency must be written Depends(limiter.limit("5/minute")), not without Depends'
        )

    async def peek(self, connection: HTTPConnection) -> Outcome:
        """Look at the budget of a request without charging it."""
        found = await run_async(budget(self._asking(connection)))
        if found.limits is None:
            return Outcome.exempt()
        return await self._limiter.peek(found.subject, found.limits, scope=found.scope)

    async def reset(self, connection: HTTPConnection) -> bool:
        """Forget what was used of that budget; return whether there was anything."""
        found = await run_async(budget(self._asking(connection)))
        return await self._limiter.reset(found.subject, found.scope)

    async def _check(self, connection: HTTPConnection, **resolved: Any) -> Outcome:
        if resolved:
            connection.scope.setdefault(_RESOLVED, {})[self] = resolved
        try:
            outcome = await ask_async(self._asking(connection))
        except CannotDecide as error:
            raise unanswered(error) from error
        if not outcome.allowed:
            raise TooManyRequests(outcome, self._limiter.legacy)
        return outcome

    def _asking(self, connection: HTTPConnection) -> Asking:
        request = connection.scope
        resolved = request.get(_RESOLVED, {}).get(self, {})
        met = request.get(MET)
        if met is None:
            if self._rule.ends:
                raise ConfigurationError(
                    "count_if and concurrency must see the response: call limiter.install(app) "
                    "before the app's first request"
                )
            met = request[MET] = Met()

        def value(name: str) -> Any:
            """What the application's function returns now, or what FastAPI has resolved."""
            function = self._direct.get(name)
            if function is not None:
                return function(connection)
            if name not in resolved:
                raise TypeError(
                    f"{name} must take the request alone, not be a dependency of FastAPI, to be "
                    "used outside the dependency"
                )
            return resolved[name]

        return Asking(
            self._limiter,
            self._rule,
            met,
            request.get("method"),
            lambda: route_template(request),
            value,
        )


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
