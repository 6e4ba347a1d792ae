"""The limiter for FastAPI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from redis_rl.asgi.middleware import client_ip
from redis_rl.asgi.responses import RateLimitHeaders
from redis_rl.errors import CannotDecide
from redis_rl.fastapi.decorated import Limited
from redis_rl.fastapi.dependency import RouteLimit
from redis_rl.fastapi.refused import answer_refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.limiters.awaited import AsyncRateLimiter
from redis_rl.limits.period import Time
from redis_rl.options import AllOptions, LimitOptions, PlaceOptions
from redis_rl.rules.all import RuleOfAll, Subjects
from redis_rl.rules.places import RuleOfPlaces
from redis_rl.rules.rule import Rule, RuleLimits

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(eq=False, repr=False)
class RateLimiter(AsyncRateLimiter):
    """AsyncRateLimiter for FastAPI, with limits as dependencies and as decorators."""

    def limit(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> RouteLimit:
        """Return a dependency for a route, a router or an app.

        Its value is the Outcome. All limits are asked in one command, all or nothing:
        `"5/minute"`, `"2/second; 100/hour"`, Limit objects, a LimitSet, or a mapping of tiers to
        any of these. The options are those of LimitOptions.

        A function takes the request alone (`lambda request: ...`; it must not block), or
        whatever a dependency of FastAPI may take. Its errors go through. Raises
        ConfigurationError for invalid arguments.
        """
        return RouteLimit(self, Rule(limits, options, client_ip))

    def limit_all(self, subjects: Subjects, **options: Unpack[AllOptions]) -> RouteLimit:
        """`limit` for several subjects at once: one command, all or nothing.

            limiter.limit_all(
                {"user": ("10/minute", user_key), "team": ("15/minute", team_key)},
                slot=lambda request: request.path_params["tenant"],
            )

        Each name is that of its limits; a cost may follow the key function. The value's
        `each["user"]` has that subject's own outcome. In a cluster `slot` is needed.
        """
        rule = RuleOfAll(subjects, options, client_ip)
        rule.check_cluster(self.clustered)
        return RouteLimit(self, rule)

    def limited(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> Limited:
        """`limit` as a decorator for an endpoint, which needs no `request`.

        It goes below the route, next to the function: a registered endpoint can no longer be
        changed, so any other order is a ConfigurationError.
        """
        return Limited(self.limit(*limits, **options))

    def limited_all(self, subjects: Subjects, **options: Unpack[AllOptions]) -> Limited:
        """`limit_all` as a decorator."""
        return Limited(self.limit_all(subjects, **options))

    def concurrency(
        self, limit: int, lease: Time | None = None, **options: Unpack[PlaceOptions]
    ) -> RouteLimit:
        """Return a dependency that lets so many requests of a subject be served at once.

        `lease`, such as `"30s"`, is how long a place is kept if the process dies. A place is given
        back when the body has been sent, on an exception, or when the client goes away.
        """
        rule = RuleOfPlaces(limit, lease, options, client_ip)
        self.holds_places = True
        return RouteLimit(self, rule)

    def limited_concurrency(
        self, limit: int, lease: Time | None = None, **options: Unpack[PlaceOptions]
    ) -> Limited:
        """`concurrency` as a decorator."""
        return Limited(self.concurrency(limit, lease, **options))

    def install(self, app: Starlette) -> None:
        """Answer refusals of `app` with problem documents, and put rate headers on its responses.

        That includes streams and errors, even an unexpected 500. The app's own handlers for
        RateLimitExceeded or StoreUnavailable stay, and a second call changes nothing. Raises
        RuntimeError once the app has served.
        """
        if isinstance(getattr(app.state, "redis_rl", None), RateLimiter):
            return
        if app.middleware_stack is not None:
            raise RuntimeError("install() must be called before the app's first request, not after")
        app.state.redis_rl = self
        for error in (RateLimitExceeded, CannotDecide):
            app.exception_handlers.setdefault(error, answer_refusal)
        _wrap_stack(app, self)


def _wrap_stack(app: Starlette, limiter: RateLimiter) -> None:
    """Put the headers around all middleware, even the one that answers a 500."""
    build = app.build_middleware_stack

    def build_with_headers() -> RateLimitHeaders:
        return RateLimitHeaders(build(), limiter.legacy, limiter)

    app.build_middleware_stack = build_with_headers  # type: ignore[method-assign]
