"""slowapi: a decorator, over the synchronous strategies of limits."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address

from bench.http.python.items import LIMIT, PATH, REDIS_URL
from bench.http.python.items import items as answer

limiter = Limiter(key_func=get_remote_address, storage_uri=REDIS_URL, headers_enabled=True)


async def items(request: Request, response: Response) -> list[dict[str, str]]:
    """The handler, with the arguments that slowapi looks for."""
    del request, response
    return await answer()


app = FastAPI()
app.state.limiter = limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
app.add_api_route(PATH, limiter.limit(LIMIT)(items))
