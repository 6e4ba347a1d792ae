"""redis-rl's helper."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from redis_rl.fastapi import RateLimiter

from bench.http.python.items import LIMIT, PATH, REDIS_URL, items

limiter = RateLimiter(REDIS_URL, timeout=5)  # as long as the others wait, however busy the machine
app = FastAPI()
limiter.install(app)
app.add_api_route(PATH, items, dependencies=[Depends(limiter.limit(LIMIT))])
