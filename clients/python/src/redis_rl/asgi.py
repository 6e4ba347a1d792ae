"""A middleware that limits any ASGI app, or any part of one: Starlette, Litestar and the rest."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from redis_rl.base import Limits, OnError, checked_cost, checked_mode
from redis_rl.callbacks import cost_of
from redis_rl.errors import CannotDecide, RateLimitExceeded
from redis_rl.keys import Subject
from redis_rl.limiter import RateLimiter
from redis_rl.limitset import LimitSet
from redis_rl.responses import OUTCOMES, ASGIApp, Receive, Scope, Send, refuse, with_headers

__all__ = ["RateLimitMiddleware", "client_ip"]


def client_ip(connection: Any) -> Subject:
    """The key of most limits: the client's address, of a request, a WebSocket or an ASGI scope.

    Whom X-Forwarded-For names counts only if the limiter trusts the proxies before it.
    """
    return Subject.of_scope(getattr(connection, "scope", connection))


class RateLimitMiddleware:
    """Limits every request and WebSocket that passes it; a refusal never reaches `app`.

    - `limits`: as in `"100/minute; 1000/hour"`, or Limits.
    - `key`: who is asking, told from the ASGI scope; sync or async.
    - `name`: what the policies and the keys are called; without one, keys say `app`. Two
      middlewares without a name share their budget.
    - `cost`: an integer, or a function of the scope.
    - `methods`: the only ones that are limited; without it all but OPTIONS are.
    - `exempt_paths`: paths that are not limited; `/static/*` is all below `/static/`.
    - `on_error`: `closed` or `open`, where it differs from the limiter's.
    - `wait`: hold requests as leaky limits ask.

    Errors of the functions go through. A malformed argument is a ConfigurationError.
    """

    def __init__(
        self,
        app: ASGIApp,
        limiter: RateLimiter,
        limits: Limits,
        *,
        key: Callable[[Scope], Subject | Awaitable[Subject]] = client_ip,
        name: str | None = None,
        cost: int | Callable[[Scope], int] = 1,
        methods: Collection[str] | None = None,
        exempt_paths: Collection[str] = (),
        on_error: OnError | None = None,
        wait: bool = False,
    ) -> None:
        self.app = app
        self._limiter = limiter
        self._limits = limits if isinstance(limits, LimitSet) else LimitSet(limits, name=name)
        self._key = key
        self._scope = name or "app"
        self._cost = cost
        self._methods = None if methods is None else {method.upper() for method in methods}
        self._paths = {path for path in exempt_paths if not path.endswith("/*")}
        self._folders = tuple(path[:-1] for path in exempt_paths if path.endswith("/*"))
        self._on_error = None if on_error is None else checked_mode(on_error)
        if not callable(cost):
            checked_cost(cost)
        self._wait = wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if self._exempts(scope):
            await self.app(scope, receive, send)
            return
        outcomes = scope.get(OUTCOMES)
        if outcomes is None:
            outcomes = scope[OUTCOMES] = {}
            send = with_headers(send, outcomes.values(), self._limiter.legacy)
        subject = self._key(scope)
        if inspect.isawaitable(subject):
            subject = await subject
        try:
            outcome = outcomes[self] = await self._limiter.check(
                subject,
                self._limits,
                scope=self._scope,
                cost=cost_of(self._cost(scope)) if callable(self._cost) else self._cost,
                on_error=self._on_error,
            )
        except CannotDecide as error:
            await refuse(error, scope, send)
            return
        if not outcome.allowed:
            await refuse(RateLimitExceeded(outcome), scope, send)
            return
        if self._wait and outcome.wait:
            await asyncio.sleep(outcome.wait)
        await self.app(scope, receive, send)

    def _exempts(self, scope: Scope) -> bool:
        if scope["type"] not in ("http", "websocket"):
            return True
        method = scope.get("method", "GET")
        if method == "OPTIONS" if self._methods is None else method not in self._methods:
            return True
        path = scope["path"]
        return path in self._paths or path.startswith(self._folders)
