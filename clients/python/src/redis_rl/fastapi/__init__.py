"""Rate limits for FastAPI: as a dependency, as a decorator, and for a whole app.

limiter = RateLimiter("redis://localhost:6379")
app = FastAPI()
limiter.install(app)

@app.get("/items", dependencies=[Depends(limiter.limit("5/minute"))])
async def items(): ...
"""

from redis_rl.asgi import RateLimitMiddleware, client_ip
from redis_rl.errors import (
    CannotIdentify,
    ConfigurationError,
    ModuleNotLoaded,
    StoreUnavailable,
)
from redis_rl.fastapi.limiter import RateLimiter
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.keys.subjects import Subject
from redis_rl.limits.ban import Ban
from redis_rl.limits.limit import Limit
from redis_rl.limits.trial import Shadow
from redis_rl.outcome import Decision, Outcome, Verdict

__all__ = [
    "Ban",
    "CannotIdentify",
    "ConfigurationError",
    "Decision",
    "Limit",
    "ModuleNotLoaded",
    "Outcome",
    "RateLimitExceeded",
    "RateLimitMiddleware",
    "RateLimiter",
    "Shadow",
    "StoreUnavailable",
    "Subject",
    "Verdict",
    "client_ip",
]
