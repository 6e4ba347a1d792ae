"""Limits of Django's views.

limits = RateLimits(SyncRateLimiter("redis://localhost:6379"))

@limits.limit("5/minute")
def items(request): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpRequest, HttpResponse

from redis_rl.errors import CannotDecide, ConfigurationError
from redis_rl.http.answers import headers_of, refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import merge
from redis_rl.http.problem import CONTENT_TYPE
from redis_rl.keys.subjects import Subject
from redis_rl.options import LimitOptions
from redis_rl.outcome import Outcome
from redis_rl.rules.asking import Asking, ask
from redis_rl.rules.met import Met
from redis_rl.rules.rule import Rule, RuleLimits
from redis_rl.sync import SyncRateLimiter

if TYPE_CHECKING:
    from typing_extensions import Unpack

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

    def limit(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> Callable[[View], View]:
        """Answer a decorator of a view; all limits are one command.

        The options are those of LimitOptions; functions get the request, which has the outcome
        as `rate_limit`. Raises ConfigurationError for what makes no sense, a coroutine included:
        this limiter would block its loop.
        """
        rule = Rule(limits, options, client_ip)

        def decorate(view: View) -> View:
            if inspect.iscoroutinefunction(view):
                raise ConfigurationError(
                    f"view must not be a coroutine function, as {view!r} is: there, await an "
                    "AsyncRateLimiter"
                )

            @wraps(view)
            def limited(request: HttpRequest, *arguments: Any, **named: Any) -> Any:
                met = _met(request)
                try:
                    outcome = ask(
                        Asking(
                            self._limiter,
                            rule,
                            met,
                            request.method or "GET",
                            lambda: _template(request),
                            lambda name: rule.functions[name](request),
                        )
                    )
                except CannotDecide as outage:
                    return _answer(outage)
                if not outcome.allowed:
                    return self._told(_answer(RateLimitExceeded(outcome)), outcome)
                request.rate_limit = outcome
                return self._told(view(request, *arguments, **named), outcome)

            return limited  # type: ignore[return-value]

        return decorate

    def _told(self, response: Any, outcome: Outcome) -> Any:
        ours = headers_of([outcome], self._limiter.legacy)
        for name, value in merge(list(response.items()), ours):
            response[name] = value
        return response


def _met(request: HttpRequest) -> Met:
    if not hasattr(request, "redis_rl"):
        request.redis_rl = Met()
    met: Met = request.redis_rl
    return met


def _template(request: HttpRequest) -> str | None:
    match = request.resolver_match
    return f"/{match.route}" if match else None


def _answer(error: RateLimitExceeded | CannotDecide) -> HttpResponse:
    status, headers, body = refusal(error)
    return HttpResponse(body, status=status, headers=dict(headers), content_type=CONTENT_TYPE)
