"""Rate limits for FastAPI: as a dependency, a decorator, and on a whole app.

limiter = RateLimiter("redis://localhost:6379")
app = FastAPI()
limiter.install(app)

@app.get("/items", dependencies=[Depends(limiter.limit("5/minute"))])
async def items(): ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, TypeVar

from starlette.applications import Starlette

from redis_rl import limiter as core
from redis_rl.asgi import RateLimitMiddleware, client_ip
from redis_rl.base import Limits, OnError
from redis_rl.decorated import check_order, limited_endpoint
from redis_rl.dependency import RouteLimit
from redis_rl.errors import (
    CannotDecide,
    CannotIdentify,
    ConfigurationError,
    ModuleNotLoaded,
    RateLimitExceeded,
    StoreUnavailable,
)
from redis_rl.keys import Subject
from redis_rl.limits import Limit
from redis_rl.outcome import Decision, Outcome
from redis_rl.refused import answer_refusal
from redis_rl.responses import RateLimitHeaders

__all__ = [
    "CannotIdentify",
    "ConfigurationError",
    "Decision",
    "Limit",
    "ModuleNotLoaded",
    "Outcome",
    "RateLimitExceeded",
    "RateLimitMiddleware",
    "RateLimiter",
    "StoreUnavailable",
    "Subject",
    "client_ip",
]

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class RateLimiter(core.RateLimiter):
    """The limiter, as FastAPI uses it; its arguments are those of `redis_rl.RateLimiter`."""

    def limit(
        self,
        limits: Limits | Mapping[str, Limits],
        *more: Limits,
        key: Callable[..., Any] = client_ip,
        name: str | None = None,
        scope: str | None = None,
        cost: int | Callable[..., Any] = 1,
        methods: Collection[str] | None = None,
        exempt: Callable[..., Any] | None = None,
        on_error: OnError | None = None,
        wait: bool = False,
    ) -> RouteLimit:
        """Answer a dependency for a route, a router or an app.

        Its value is the Outcome. All limits are asked in one command, all or nothing.

        - `limits`: `"5/minute"`, `"2/second; 100/hour"`, Limits, or a mapping of tiers to these.
        - `key`: who is asking, a Subject (whose `tier` picks from a mapping) or an account's id.
        - `name`: what the policies and the keys are called, as in `login`.
        - `scope`: what the keys are called if not `name`; without either, method and route
          template. Routes with the same one share a budget.
        - `cost`: an integer from 0, or a function.
        - `methods`: the only ones that are limited; without it all but OPTIONS are.
        - `exempt`: a function; where it answers true, nothing is asked.
        - `on_error`: `closed` or `open`, where it differs from the limiter's.
        - `wait`: hold requests as leaky limits ask.

        A function takes the request alone (`lambda request: ...`; it must not block), or
        whatever a dependency of FastAPI may take. Its errors go through. Raises
        ConfigurationError for what cannot be meant.
        """
        if isinstance(limits, Mapping) and more:
            raise ConfigurationError("a mapping of tiers stands alone: join its limits with ';'")
        return RouteLimit(
            self,
            limits if isinstance(limits, Mapping) else (limits, *more),
            key=key,
            name=name,
            scope=scope,
            cost=cost,
            methods=methods,
            exempt=exempt,
            on_error=on_error,
            wait=wait,
        )

    def limited(
        self, limits: Limits | Mapping[str, Limits], *more: Limits, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """`limit` as a decorator of an endpoint, which needs no `request`.

        It stands below the route, next to the function: what a route has registered cannot be
        changed any more. Starting an installed app with a wrong order is a ConfigurationError.
        """
        limit = self.limit(limits, *more, **options)

        def decorate(endpoint: Endpoint) -> Endpoint:
            wrapper = limited_endpoint(endpoint, limit)
            self._limited.append((endpoint, wrapper))
            return wrapper

        return decorate

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
        _check_order_at_start(app, self._limited)

    @cached_property
    def _limited(self) -> list[tuple[Any, Any]]:
        """The endpoints that were decorated, and what was made of them."""
        return []


def _wrap_stack(app: Starlette, legacy: str | None) -> None:
    """Put the headers around all middlewares, even the one that answers a 500."""
    build = app.build_middleware_stack

    def build_with_headers() -> RateLimitHeaders:
        return RateLimitHeaders(build(), legacy)

    app.build_middleware_stack = build_with_headers  # type: ignore[method-assign]


def _check_order_at_start(app: Starlette, limited: list[tuple[Any, Any]]) -> None:
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def checked(started: Any) -> AsyncIterator[Any]:
        check_order(app.routes, limited)
        async with lifespan(started) as state:
            yield state

    app.router.lifespan_context = checked
