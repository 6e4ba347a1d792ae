"""Limits of Flask's routes.

limits = RateLimits(app, SyncRateLimiter("redis://localhost:6379"))

@app.get("/items")
@limits.limit("5/minute")
def items(): ...
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, Response, g, request
from werkzeug.datastructures import Headers

from redis_rl.errors import CannotDecide
from redis_rl.http.answers import headers_of, refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import merge, rate_headers
from redis_rl.http.problem import CONTENT_TYPE
from redis_rl.keys.subjects import Subject
from redis_rl.options import LimitOptions
from redis_rl.rules.asking import Asking, ask
from redis_rl.rules.met import Met
from redis_rl.rules.rule import Rule, RuleLimits
from redis_rl.sync import SyncRateLimiter

if TYPE_CHECKING:
    from typing_extensions import Unpack

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

    def limit(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> Callable[[View], View]:
        """Answer a decorator, which stands below the route; all limits are one command.

        The options are those of LimitOptions; functions take no arguments. Raises
        ConfigurationError for what makes no sense.
        """
        rule = Rule(limits, options, client_ip)

        def decorate(view: View) -> View:
            @wraps(view)
            def limited(*arguments: Any, **named: Any) -> Any:
                met = _met()
                outcome = ask(
                    Asking(
                        self._limiter,
                        rule,
                        met,
                        request.method,
                        _template,
                        lambda name: rule.functions[name](),
                    )
                )
                if not outcome.allowed:
                    raise RateLimitExceeded(
                        outcome, dict(rate_headers(outcome, self._limiter.legacy))
                    )
                return view(*arguments, **named)

            return limited  # type: ignore[return-value]

        return decorate

    def _add_headers(self, response: Response) -> Response:
        outcomes = _met().outcomes
        if outcomes:
            ours = headers_of(outcomes.values(), self._limiter.legacy)
            response.headers = Headers(merge(list(response.headers.items()), ours))
        return response


def _template() -> str | None:
    return str(request.url_rule) if request.url_rule else None


def _met() -> Met:
    met: Met = g.setdefault("redis_rl", Met())
    return met


def _answer(error: RateLimitExceeded | CannotDecide) -> Response:
    status, headers, body = refusal(error)
    return Response(body, status, headers, content_type=CONTENT_TYPE)
