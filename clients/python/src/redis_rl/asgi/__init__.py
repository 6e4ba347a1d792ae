"""Limits for any ASGI app, or any part of one: Starlette, Litestar and the rest."""

from redis_rl.asgi.middleware import (
    ConcurrencyMiddleware,
    RateLimitAllMiddleware,
    RateLimitMiddleware,
    client_ip,
)

__all__ = ["ConcurrencyMiddleware", "RateLimitAllMiddleware", "RateLimitMiddleware", "client_ip"]
