"""A middleware that limits any ASGI app, or any part of one."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from redis_rl.asgi.responses import MET, ASGIApp, Receive, Scope, Send, refuse, with_headers
from redis_rl.errors import CannotDecide, ConfigurationError
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.keys.subjects import Subject
from redis_rl.limiter import AsyncRateLimiter
from redis_rl.options import LimitOptions
from redis_rl.rules.asking import Asking, ask_async
from redis_rl.rules.met import Met
from redis_rl.rules.rule import Rule, RuleLimits
from redis_rl.rules.scope import checked_texts

if TYPE_CHECKING:
    from typing_extensions import Unpack


def client_ip(connection: Any) -> Subject:
    """The key of most limits: the client's address, of a request, a WebSocket or an ASGI scope.

    Whom X-Forwarded-For names counts only if the limiter trusts the proxies before it.
    """
    return Subject.of_scope(getattr(connection, "scope", connection))


def checked_limiter(limiter: AsyncRateLimiter) -> AsyncRateLimiter:
    """Answer it if it is one that awaits; else ConfigurationError."""
    if not isinstance(limiter, AsyncRateLimiter):
        raise ConfigurationError(f"limiter must be an AsyncRateLimiter(url), not {limiter!r}")
    return limiter


class RateLimitMiddleware:
    """Limits every request and WebSocket that passes it; a refusal never reaches `app`.

    - `limits`: as in `"100/minute; 1000/hour"`, or Limits.
    - `exempt_paths`: paths that are not limited; `/static/*` is all below `/static/`.
    - the others are those of LimitOptions; functions get the ASGI scope, and may be async.

    Without a name, keys say `app`. Errors of the functions go through. A malformed argument is a
    ConfigurationError.
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
        self.app = app
        self._limiter = checked_limiter(limiter)
        self._rule = Rule((limits,), options, client_ip)
        paths = _checked_paths(exempt_paths)
        self._paths = {path for path in paths if not path.endswith("/*")}
        self._folders = tuple(path[:-1] for path in paths if path.endswith("/*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        met = scope.get(MET)
        if met is None:
            met = scope[MET] = Met()
            send = with_headers(send, met.outcomes.values(), self._limiter.legacy)
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
        except CannotDecide as error:
            await refuse(error, scope, send)
            return
        if outcome.allowed:
            await self.app(scope, receive, send)
        else:
            await refuse(RateLimitExceeded(outcome), scope, send)

    def _exempts(self, path: str) -> bool:
        return path in self._paths or path.startswith(self._folders)


def _checked_paths(paths: Collection[str]) -> list[str]:
    example = 'exempt_paths=["/health", "/static/*"]'
    listed = checked_texts("exempt_paths", paths, example)
    for path in listed:
        if not path.startswith("/"):
            raise ConfigurationError(
                f"exempt_paths must begin with a slash, as in {example}, not {path!r}"
            )
    return listed
