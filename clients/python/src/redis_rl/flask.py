"""Limits of Flask's routes.

limits = RateLimits(app, SyncRateLimiter("redis://localhost:6379"))

@app.get("/items")
@limits.limit("5/minute")
def items(): ...
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, g, request
from werkzeug.datastructures import Headers

from redis_rl.base import Limits, OnError, checked_cost, checked_mode, limit_set
from redis_rl.callbacks import cost_of
from redis_rl.errors import CannotDecide, RateLimitExceeded
from redis_rl.headers import merge, rate_headers
from redis_rl.keys import Subject
from redis_rl.problem import CONTENT_TYPE
from redis_rl.responses import headers_of, refusal
from redis_rl.sync import SyncRateLimiter

View = TypeVar("View", bound=Callable[..., Any])


def client_ip() -> Subject:
    """The client of the request that is served, by its address."""
    return Subject.ip(request.remote_addr, forwarded_for=request.headers.getlist("X-Forwarded-For"))


class RateLimits:
    """Puts rate headers on an app's responses, and answers refusals with 429 and 503.

    A handler of the app's own for RateLimitExceeded or StoreUnavailable takes precedence if it
    is registered later.
    """

    def __init__(self, app: Flask, limiter: SyncRateLimiter) -> None:
        self._limiter = limiter
        app.register_error_handler(RateLimitExceeded, _answer)
        app.register_error_handler(CannotDecide, _answer)
        app.after_request(self._add_headers)

    def limit(
        self,
        *limits: Limits,
        key: Callable[[], Subject] = client_ip,
        name: str | None = None,
        scope: str | None = None,
        cost: int | Callable[[], int] = 1,
        on_error: OnError | None = None,
    ) -> Callable[[View], View]:
        """Answer a decorator, which stands below the route; all limits are one command.

        `key` and `cost` may be functions without arguments. Without `scope` or `name` the budget
        is the route's: its method and rule. Raises ConfigurationError for what cannot be meant.
        """
        asked = limit_set(limits, name)
        if on_error is not None:
            checked_mode(on_error)
        if not callable(cost):
            checked_cost(cost)

        def decorate(view: View) -> View:
            @wraps(view)
            def limited(*arguments: Any, **named: Any) -> Any:
                outcome = self._limiter.check(
                    key(),
                    asked,
                    scope=scope or asked.name or _route(),
                    cost=cost_of(cost()) if callable(cost) else cost,
                    on_error=on_error,
                )
                g.setdefault("redis_rl", []).append(outcome)
                if not outcome.allowed:
                    raise RateLimitExceeded(
                        outcome, dict(rate_headers(outcome, self._limiter.legacy))
                    )
                return view(*arguments, **named)

            return limited  # type: ignore[return-value]

        return decorate

    def _add_headers(self, response: Response) -> Response:
        outcomes = g.get("redis_rl")
        if outcomes:
            ours = headers_of(outcomes, self._limiter.legacy)
            response.headers = Headers(merge(list(response.headers.items()), ours))
        return response


def _route() -> str:
    method = "GET" if request.method == "HEAD" else request.method
    return f"{method} {request.url_rule}"


def _answer(error: RateLimitExceeded | CannotDecide) -> Response:
    status, headers, body = refusal(error)
    return Response(body, status, headers, content_type=CONTENT_TYPE)
