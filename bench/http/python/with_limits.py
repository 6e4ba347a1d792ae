"""limits: its asynchronous fixed window, called as its documentation shows; it sets no headers."""

from __future__ import annotations

from fastapi import Depends, FastAPI, HTTPException, Request
from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

from bench.http.python.items import LIMIT, PATH, REDIS_URL, items

limiter = FixedWindowRateLimiter(RedisStorage(f"async+{REDIS_URL}", implementation="redispy"))
limit = parse(LIMIT)


async def check(request: Request) -> None:
    """Refuse what is above the limit."""
    assert request.client is not None
    if not await limiter.hit(limit, request.client.host):
        raise HTTPException(429)


app = FastAPI()
app.add_api_route(PATH, items, dependencies=[Depends(check)])
