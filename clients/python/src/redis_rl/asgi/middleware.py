"""A middleware that limits any ASGI app, or any part of one."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from redis_rl.asgi.responses import (
    MET,
    ended,
    failed,
    refuse,
    with_headers,
)
from redis_rl.asgi.types import ASGIApp, Receive, Scope, Send
from redis_rl.asgi.watched import Watched
from redis_rl.errors import CannotDecide, ConfigurationError
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.keys.subjects import Subject
from redis_rl.limiters.awaited import AsyncRateLimiter
from redis_rl.limits.period import Time
from redis_rl.options import AllOptions, LimitOptions, PlaceOptions
from redis_rl.rules.all import RuleOfAll, Subjects
from redis_rl.rules.asking import Asking, ask_async
from redis_rl.rules.met import Met
from redis_rl.rules.places import RuleOfPlaces
from redis_rl.rules.rule import Rule, RuleLimits
from redis_rl.rules.scope import texts

if TYPE_CHECKING:
    from typing_extensions import Unpack


def client_ip(connection: Any) -> Subject:
    """The default key: the address of the client of a request, a WebSocket or an ASGI scope.

    X-Forwarded-For counts only as far as the limiter trusts the proxies.
    """
    return Subject.of_scope(getattr(connection, "scope", connection))


def checked_limiter(limiter: AsyncRateLimiter) -> AsyncRateLimiter:
    """Return it if it is an AsyncRateLimiter; else raise ConfigurationError."""
    if not isinstance(limiter, AsyncRateLimiter):
        raise ConfigurationError(f"limiter must be an AsyncRateLimiter(url), not {limiter!r}")
    return limiter


class RateLimitMiddleware:
    """Limits every request and WebSocket that passes through it; refusals never reach `app`.

    - `limits`: such as `"100/minute; 1000/hour"`, Limit objects or a LimitSet.
    - `exempt_paths`: paths that are not limited; `/static/*` means everything below `/static/`.
    - the others are those of LimitOptions; functions get the ASGI scope, and may be async.

    Without a name the scope is `app`. Errors of the functions go through. Invalid arguments
    raise ConfigurationError.
    """

    def __init__(
        self,
        app: ASGIApp,
        limiter: AsyncRateLimiter,
        limits: RuleLimits,
        *,
        exempt_paths: Collection[str] = (),
        **options: Unpack[LimitOptions],
    ) -> None:
        self._begin(app, limiter, Rule((limits,), options, client_ip), exempt_paths)

    def _begin(
        self, app: ASGIApp, limiter: AsyncRateLimiter, rule: Rule, exempt_paths: Collection[str]
    ) -> None:
        self.app = app
        self._limiter = checked_limiter(limiter)
        self._rule = rule
        paths = _checked_paths(exempt_paths)
        self._paths = {path for path in paths if not path.endswith("/*")}
        self._folders = tuple(path[:-1] for path in paths if path.endswith("/*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        met = scope.get(MET)
        outermost = met is None
        if met is None:
            met = scope[MET] = Met()
            send = with_headers(send, met, self._limiter.legacy)
            if self._rule.of_places:
                receive = Watched(receive, met)
        asking = Asking(
            self._limiter,
            self._rule,
            met,
            scope.get("method"),
            lambda: None,
            lambda name: self._rule.functions[name](scope),
            self._exempts(scope["path"]),
        )
        try:
            outcome = await ask_async(asking)
            if not outcome.allowed:
                raise RateLimitExceeded(outcome)
        except (CannotDecide, RateLimitExceeded) as error:
            await refuse(error, scope, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception:
            if outermost:
                await failed(met)
            raise
        finally:
            if outermost and met.ending is not None:
                ended(met, receive)

    def _exempts(self, path: str) -> bool:
        return path in self._paths or path.startswith(self._folders)


class RateLimitAllMiddleware(RateLimitMiddleware):
    """RateLimitMiddleware for several subjects at once: one command, all or nothing.

    - `subjects`: `{"user": ("10/minute", user_key), "team": ("15/minute", team_key)}`.
    - the others are those of AllOptions.
    """

    def __init__(
        self,
        app: ASGIApp,
        limiter: AsyncRateLimiter,
        subjects: Subjects,
        *,
        exempt_paths: Collection[str] = (),
        **options: Unpack[AllOptions],
    ) -> None:
        rule = RuleOfAll(subjects, options, client_ip)
        self._begin(app, limiter, rule, exempt_paths)
        rule.check_cluster(self._limiter.clustered)


class ConcurrencyMiddleware(RateLimitMiddleware):
    """RateLimitMiddleware that lets so many requests of a subject be served at once.

    - `lease`: how long a place is kept if the process dies, such as `"30s"`.
    - the others are those of PlaceOptions.
    """

    def __init__(
        self,
        app: ASGIApp,
        limiter: AsyncRateLimiter,
        limit: int,
        lease: Time | None = None,
        *,
        exempt_paths: Collection[str] = (),
        **options: Unpack[PlaceOptions],
    ) -> None:
        self._begin(app, limiter, RuleOfPlaces(limit, lease, options, client_ip), exempt_paths)


def _checked_paths(paths: Collection[str]) -> list[str]:
    listed = texts(paths)
    if listed is None or not all(path.startswith("/") for path in listed):
        raise ConfigurationError(
            "exempt_paths must be a list of paths that begin with a slash, "
            f'as in exempt_paths=["/health", "/static/*"], not {paths!r}'
        )
    return listed
