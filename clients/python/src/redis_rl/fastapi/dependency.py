"""The limit of a route as FastAPI has it: a dependency that answers the outcome."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from redis_rl.asgi.middleware import client_ip
from redis_rl.asgi.responses import MET
from redis_rl.errors import CannotDecide
from redis_rl.fastapi.callbacks import takes_connection
from redis_rl.fastapi.refused import TooManyRequests, Unavailable
from redis_rl.fastapi.routes import route_template
from redis_rl.limiter import AsyncRateLimiter
from redis_rl.options import LimitOptions
from redis_rl.outcome import Outcome
from redis_rl.rules.asking import Asking, ask_async
from redis_rl.rules.met import Met
from redis_rl.rules.rule import Rule, RuleLimits


class RouteLimit:
    """A dependency for a route, a router or an app; `RateLimiter.limit` makes it.

    However often it stands in one request, it checks once. It answers the Outcome, or raises
    what becomes a 429 or 503.
    """

    def __init__(
        self, limiter: AsyncRateLimiter, limits: tuple[RuleLimits, ...], options: LimitOptions
    ) -> None:
        self._limiter = limiter
        self._rule = Rule(limits, options, client_ip)
        functions = self._rule.functions
        self._direct = {name: one for name, one in functions.items() if takes_connection(one)}
        self.__signature__ = _signature(
            {name: one for name, one in functions.items() if name not in self._direct}
        )

    async def __call__(self, connection: HTTPConnection, **resolved: Any) -> Outcome:
        """Check once; `resolved` has what FastAPI found out as dependencies."""
        request = connection.scope
        met = request.get(MET)
        if met is None:
            met = request[MET] = Met()

        def value(name: str) -> Any:
            """What the application's function says: asked now, or resolved by FastAPI already."""
            function = self._direct.get(name)
            if function is not None:
                return function(connection)
            if name not in resolved:
                raise TypeError(f"{name} is a dependency, which FastAPI alone can resolve")
            return resolved[name]

        asking = Asking(
            self._limiter,
            self._rule,
            met,
            request.get("method"),
            lambda: route_template(request),
            value,
        )
        try:
            outcome = await ask_async(asking)
        except CannotDecide as error:
            raise Unavailable(error) from error
        if not outcome.allowed:
            raise TooManyRequests(outcome, self._limiter.legacy)
        return outcome


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
