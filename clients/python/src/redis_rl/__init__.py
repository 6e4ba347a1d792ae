"""Rate limits in Redis or Valkey, one command a check, with redis-rl's module.

`RateLimiter` is asynchronous, `SyncRateLimiter` its twin for threads; `redis_rl.fastapi` and
`redis_rl.asgi` put them in front of handlers.
"""

from redis_rl.addresses import ip_key
from redis_rl.base import Check
from redis_rl.errors import (
    CannotDecide,
    CannotIdentify,
    ConfigurationError,
    ModuleNotLoaded,
    RateLimitExceeded,
    StoreMisconfigured,
    StoreUnavailable,
)
from redis_rl.keys import Subject
from redis_rl.limiter import RateLimiter
from redis_rl.limits import Limit
from redis_rl.limitset import LimitSet
from redis_rl.outcome import Decision, Outcome
from redis_rl.sync import SyncRateLimiter

__all__ = [
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
    "StoreMisconfigured",
    "StoreUnavailable",
    "Subject",
    "SyncRateLimiter",
    "ip_key",
]
