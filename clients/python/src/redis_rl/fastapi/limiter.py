"""The limiter as FastAPI uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from redis_rl.asgi.responses import RateLimitHeaders
from redis_rl.errors import CannotDecide
from redis_rl.fastapi.decorated import Limited
from redis_rl.fastapi.dependency import RouteLimit
from redis_rl.fastapi.refused import answer_refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.limiter import AsyncRateLimiter
from redis_rl.options import LimitOptions
from redis_rl.rules.rule import RuleLimits

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(eq=False, repr=False)
class RateLimiter(AsyncRateLimiter):
    """AsyncRateLimiter for FastAPI: limits as dependencies and decorators, and their answers."""

    def limit(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> RouteLimit:
        """Answer a dependency for a route, a router or an app.

        Its value is the Outcome. All limits are asked in one command, all or nothing: as in
        `"5/minute"`, `"2/second; 100/hour"`, Limits, or a mapping of tiers to these. The options
        are those of LimitOptions.

        A function takes the request alone (`lambda request: ...`; it must not block), or
        whatever a dependency of FastAPI may take. Its errors go through. Raises
        ConfigurationError for what makes no sense.
        """
        return RouteLimit(self, limits, options)

    def limited(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> Limited:
        """`limit` as a decorator of an endpoint, which needs no `request`.

        It stands below the route, next to the function: what a route has registered cannot be
        changed any more, so anything else is a ConfigurationError.
        """
        return Limited(self.limit(*limits, **options))

    def install(self, app: Starlette) -> None:
        """Answer refusals of `app` with problem documents, and put rate headers on its responses.

        These are streams and errors, too, the 500 of an unforeseen one included. A handler of the
        app's own for RateLimitExceeded or StoreUnavailable stays; so does what it is
        installed in already. Raises RuntimeError once the app has served.
        """
        if isinstance(getattr(app.state, "redis_rl", None), RateLimiter):
            return
        if app.middleware_stack is not None:
            raise RuntimeError("install() comes before the app's first request")
        app.state.redis_rl = self
        for error in (RateLimitExceeded, CannotDecide):
            app.exception_handlers.setdefault(error, answer_refusal)
        _wrap_stack(app, self.legacy)


def _wrap_stack(app: Starlette, legacy: str | None) -> None:
    """Put the headers around all middlewares, even the one that answers a 500."""
    build = app.build_middleware_stack

    def build_with_headers() -> RateLimitHeaders:
        return RateLimitHeaders(build(), legacy)

    app.build_middleware_stack = build_with_headers  # type: ignore[method-assign]
