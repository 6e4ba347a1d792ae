"""Limits of Django's views.

limits = RateLimits(SyncRateLimiter("redis://localhost:6379"))

@limits.limit("5/minute")
def items(request): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse

from redis_rl.base import Limits, OnError, checked_cost, checked_mode, limit_set
from redis_rl.callbacks import cost_of
from redis_rl.errors import CannotDecide, ConfigurationError, RateLimitExceeded
from redis_rl.headers import merge
from redis_rl.keys import Subject
from redis_rl.outcome import Outcome
from redis_rl.problem import CONTENT_TYPE
from redis_rl.responses import headers_of, refusal
from redis_rl.sync import SyncRateLimiter

View = TypeVar("View", bound=Callable[..., Any])


def client_ip(request: HttpRequest) -> Subject:
    """The client of a request, by its address."""
    forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR")
    return Subject.ip(
        request.META.get("REMOTE_ADDR"), forwarded_for=(forwarded_for,) if forwarded_for else ()
    )


class RateLimits:
    """Limits views: refuses with 429 or 503, and puts rate headers on what a view answers.

    What Django answers for a view that raised has no rate headers.
    """

    def __init__(self, limiter: SyncRateLimiter) -> None:
        self._limiter = limiter

    def limit(
        self,
        *limits: Limits,
        key: Callable[[HttpRequest], Subject] = client_ip,
        name: str | None = None,
        scope: str | None = None,
        cost: int | Callable[[HttpRequest], int] = 1,
        on_error: OnError | None = None,
    ) -> Callable[[View], View]:
        """Answer a decorator of a view; all limits are one command.

        `key` and `cost` may be functions of the request. Without `scope` or `name` the budget is
        the route's: its method and pattern. The request has the outcome as `rate_limit`. Raises
        ConfigurationError for what cannot be meant, a coroutine included: this limiter would
        block its loop.
        """
        asked = limit_set(limits, name)
        if on_error is not None:
            checked_mode(on_error)
        if not callable(cost):
            checked_cost(cost)

        def decorate(view: View) -> View:
            if inspect.iscoroutinefunction(view):
                raise ConfigurationError(
                    f"view is {view!r}, and may be any but a coroutine: there, await a RateLimiter"
                )

            @wraps(view)
            def limited(request: HttpRequest, *arguments: Any, **named: Any) -> Any:
                try:
                    outcome = self._limiter.enforce(
                        key(request),
                        asked,
                        scope=scope or asked.name or _route(request),
                        cost=cost_of(cost(request)) if callable(cost) else cost,
                        on_error=on_error,
                    )
                except RateLimitExceeded as denial:
                    return self._told(_answer(denial), denial.outcome)
                except CannotDecide as outage:
                    return _answer(outage)
                request.rate_limit = outcome
                return self._told(view(request, *arguments, **named), outcome)

            return limited  # type: ignore[return-value]

        return decorate

    def _told(self, response: Any, outcome: Outcome) -> Any:
        ours = headers_of([outcome], self._limiter.legacy)
        for name, value in merge(list(response.items()), ours):
            response[name] = value
        return response


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    method = "GET" if request.method == "HEAD" else request.method
    return f"{method} /{match.route if match else ''}"


def _answer(error: RateLimitExceeded | CannotDecide) -> HttpResponse:
    status, headers, body = refusal(error)
    return HttpResponse(body, status=status, headers=dict(headers), content_type=CONTENT_TYPE)
