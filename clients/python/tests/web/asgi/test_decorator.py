"""`@limiter.limited(...)` on endpoints."""

import inspect
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI, Query
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from redis_rl.fastapi import RateLimiter, Subject
from web.apps.asking import asking

if TYPE_CHECKING:
    from support.server import Server


async def statuses(app: Any, path: str, count: int) -> list[int]:
    async with asking(app) as client:
        return [(await client.get(path)).status_code for _ in range(count)]


async def test_endpoints_of_all_kinds(limiter: RateLimiter) -> None:
    app = FastAPI()
    limiter.install(app)

    @app.get("/async/{id}")
    @limiter.limited("2/minute")
    async def asynchronous(id: int, q: str = "q") -> dict[str, Any]:
        """Say what it was given."""
        return {"id": id, "q": q}

    @app.get("/sync/{id}")
    @limiter.limited("2/minute")
    def synchronous(id: int, request: Request, **_: Any) -> dict[str, Any]:
        return {"id": id, "path": request.url.path}

    async with asking(app) as client:
        assert (await client.get("/async/7?q=a")).json() == {"id": 7, "q": "a"}
        assert (await client.get("/async/x")).status_code == 422
        denied = await client.get("/async/7")
        assert denied.status_code == 429
        assert denied.headers["ratelimit"] == '"2-per-60s";r=0;t=60'
        # FastAPI takes **_ for a query parameter, with or without a limit.
        assert (await client.get("/sync/7?_=1")).json() == {"id": 7, "path": "/sync/7"}
    assert asynchronous.__name__ == "asynchronous"
    assert asynchronous.__doc__ == "Say what it was given."
    [first, *_] = inspect.signature(asynchronous).parameters
    assert first == "id"


async def test_the_schema_is_that_of_the_endpoint(limiter: RateLimiter) -> None:
    async def endpoint(id: int, q: str = Query("q", max_length=5)) -> dict[str, str]:
        """Do nothing."""
        return {"q": q * id}

    plain, limited = FastAPI(), FastAPI()
    plain.get("/{id}")(endpoint)
    limited.get("/{id}")(limiter.limited("1/minute")(endpoint))
    assert limited.openapi() == plain.openapi()


async def test_annotations_that_are_text_are_known_elsewhere(limiter: RateLimiter) -> None:
    @limiter.limited("1/minute")
    async def endpoint(id: "int", q: "Subject") -> None: ...

    parameters = inspect.signature(endpoint).parameters
    assert parameters["id"].annotation is int
    assert parameters["q"].annotation is Subject


async def test_decorators_stack_and_take_all_options(limiter: RateLimiter) -> None:
    app = FastAPI()
    limiter.install(app)

    async def user(name: str = "ann") -> Subject:
        return Subject.user(name)

    @app.get("/")
    @limiter.limited("5/minute", name="many")
    @limiter.limited({"free": "2/minute"}, key=lambda _: Subject.user("x", tier="free"), name="x")
    @limiter.limited("1/minute", "9/hour", key=user, name="user")
    async def root(rate_limit: str = "mine") -> str:
        return rate_limit

    async with asking(app) as client:
        first = await client.get("/?name=ann&rate_limit=yours")
        assert first.json() == "yours"
        assert first.headers["ratelimit"].count('";r=') == 4
        assert (await client.get("/?name=bob")).status_code == 200
        assert (await client.get("/?name=eve")).json()["violated-policies"] == ["x"]


async def test_a_streaming_endpoint(limiter: RateLimiter) -> None:
    app = FastAPI()
    limiter.install(app)

    @app.get("/", response_class=PlainTextResponse)
    @limiter.limited("1/minute")
    async def root() -> str:
        return "a"

    @app.get("/lines")
    @limiter.limited("1/minute")
    async def lines() -> AsyncIterator[dict[str, int]]:
        for n in range(3):
            yield {"n": n}

    async with asking(app) as client:
        assert (await client.get("/")).text == "a"
        streamed = await client.get("/lines")
        assert streamed.text.split() == ['{"n":0}', '{"n":1}', '{"n":2}']
        assert streamed.headers["ratelimit"] == '"1-per-60s";r=0;t=60'
        assert (await client.get("/lines")).status_code == 429


async def test_starlette_endpoints(limiter: RateLimiter, server: "Server") -> None:
    @limiter.limited("1/minute")
    async def limited(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.path)

    @limiter.limited("1/minute")
    def blocking(_: Request) -> PlainTextResponse:
        return PlainTextResponse("served without its limit")

    async def who() -> Subject:
        return Subject.user("nobody: Starlette resolves no dependencies")

    @limiter.limited("1/minute", key=who)
    async def dependent(_: Request) -> PlainTextResponse:
        return PlainTextResponse("served without its limit")

    endpoints = {"/limited": limited, "/blocking": blocking, "/dependent": dependent}
    app = Starlette(routes=[Route(path, endpoint) for path, endpoint in endpoints.items()])
    limiter.install(app)
    assert await statuses(app, "/limited", 2) == [200, 429]
    assert await statuses(app, "/blocking", 1) == [500]
    assert await statuses(app, "/dependent", 1) == [500]
    with server.client(decode_responses=True) as client:
        [key] = client.keys("*")
    assert key == "rl:GET%20%2Flimited:ip:192.0.2.1"


async def test_an_endpoint_can_be_called_as_a_function(limiter: RateLimiter) -> None:
    @limiter.limited("1/minute")
    async def endpoint(n: int) -> int:
        return n

    @limiter.limited("1/minute")
    def blocking(n: int) -> int:
        return n

    assert [await endpoint(3), await endpoint(n=4), blocking(5)] == [3, 4, 5]


async def test_an_endpoint_may_be_served_both_ways(limiter: RateLimiter) -> None:
    app = FastAPI(dependencies=[Depends(lambda: None)])

    async def root() -> None: ...

    app.get("/free")(root)
    app.get("/limited")(limiter.limited("1/minute")(root))
    limiter.install(app)
    assert await statuses(app, "/free", 3) == [200] * 3
    assert await statuses(app, "/limited", 2) == [200, 429]
