"""One INCR per request: the least that a counter in Redis can cost."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from redis.asyncio import Redis

from bench.http.python.items import PATH, REDIS_URL, items

redis = Redis.from_url(REDIS_URL)


async def count(request: Request) -> None:
    """Count this client's requests, and let all of them pass."""
    assert request.client is not None
    await redis.incr(f"count:{request.client.host}")


app = FastAPI()
app.add_api_route(PATH, items, dependencies=[Depends(count)])
