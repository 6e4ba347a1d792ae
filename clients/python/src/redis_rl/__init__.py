"""Rate limits in Redis or Valkey with the redis-rl module: each check is one command.

`AsyncRateLimiter` is awaited, and `SyncRateLimiter` is its twin for threads. `redis_rl.fastapi`,
`redis_rl.asgi`, `redis_rl.flask` and `redis_rl.django` put them in front of handlers.
"""

from redis_rl.errors import (
    CannotDecide,
    CannotIdentify,
    ConfigurationError,
    ModuleNotLoaded,
    StoreMisconfigured,
    StoreUnavailable,
)
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.keys.addresses import ip_key
from redis_rl.keys.subjects import Subject, WholeKey
from redis_rl.limiters.awaited import AsyncRateLimiter
from redis_rl.limiters.checks import Check
from redis_rl.limiters.threaded import SyncRateLimiter
from redis_rl.limits.ban import Ban
from redis_rl.limits.limit import Limit
from redis_rl.limits.limitset import LimitSet
from redis_rl.limits.trial import Shadow
from redis_rl.outcome import Decision, Outcome, Verdict

RateLimiter = AsyncRateLimiter
"""AsyncRateLimiter's short name, for programs without FastAPI."""

__all__ = [
    "AsyncRateLimiter",
    "Ban",
    "CannotDecide",
    "CannotIdentify",
    "Check",
    "ConfigurationError",
    "Decision",
    "Limit",
    "LimitSet",
    "ModuleNotLoaded",
    "Outcome",
    "RateLimitExceeded",
    "RateLimiter",
    "Shadow",
    "StoreMisconfigured",
    "StoreUnavailable",
    "Subject",
    "SyncRateLimiter",
    "Verdict",
    "WholeKey",
    "ip_key",
]
