"""fastapi-redis-sdk: a dependency over a script; it reads REDIS_URL itself."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from redis_fastapi import FastAPIRedis, rate_limit

from bench.http.python.items import LIMIT, PATH, items

app = FastAPI()
FastAPIRedis(app).lifespan().rate_limiting()
app.add_api_route(PATH, items, dependencies=[Depends(rate_limit(LIMIT))])
