"""RateLimitMiddleware before Starlette, Litestar and plain ASGI apps."""

import asyncio
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from litestar import Litestar, get
from litestar.middleware import DefineMiddleware
from litestar.response import Stream
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route

from redis_rl import ConfigurationError, Subject
from redis_rl.asgi import RateLimitMiddleware
from redis_rl.fastapi import RateLimiter
from support.ports import free_port
from support.server import Server
from web.apps.asking import asking


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """An app without a framework, which sends a stream."""
    assert scope["type"] == "http"
    assert (await receive())["type"] == "http.request"
    await send({"type": "http.response.start", "status": 200, "headers": ((b"x-own", b"1"),)})
    for part in (b"a", b"b"):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


async def stream(_: Request) -> StreamingResponse:
    async def parts() -> Any:
        for part in "ab":
            yield part
            await asyncio.sleep(0)

    return StreamingResponse(parts(), headers={"x-own": "1"})


@get("/")
async def litestar_stream() -> Stream:
    async def parts() -> Any:
        for part in "ab":
            yield part

    return Stream(parts(), headers={"x-own": "1"})


def before_plain(limiter: RateLimiter, limits: str, **options: Any) -> Any:
    return RateLimitMiddleware(plain, limiter, limits, **options)


def in_starlette(limiter: RateLimiter, limits: str, **options: Any) -> Any:
    middleware = Middleware(RateLimitMiddleware, limiter=limiter, limits=limits, **options)
    return Starlette(
        routes=[Route("/", stream, methods=["GET", "POST", "OPTIONS"])], middleware=[middleware]
    )


def in_litestar(limiter: RateLimiter, limits: str, **options: Any) -> Any:
    middleware = DefineMiddleware(RateLimitMiddleware, limiter=limiter, limits=limits, **options)
    return Litestar([litestar_stream], middleware=[middleware])


PLACES = [before_plain, in_starlette, in_litestar]


@pytest.mark.parametrize("place", PLACES)
async def test_a_stream_is_limited(limiter: RateLimiter, place: Any, server: Server) -> None:
    async with asking(place(limiter, "1/minute; 9/hour", name="api")) as client:
        allowed, denied = await client.get("/"), await client.get("/")
    assert allowed.text == "ab"
    assert allowed.headers["x-own"] == "1"
    assert allowed.headers.get_list("ratelimit") == ['"api-minute";r=0;t=60, "api-hour";r=8;t=3600']
    assert denied.status_code == 429
    assert denied.headers.get_list("ratelimit") == ['"api-minute";r=0;t=60']
    assert denied.headers["retry-after"] == "60"
    assert denied.headers["content-type"] == "application/problem+json"
    assert denied.json()["violated-policies"] == ["api-minute"]
    with server.client(decode_responses=True) as client:
        assert client.keys("*") == ["rl:api:ip:192.0.2.1"]


@pytest.mark.parametrize("place", PLACES)
async def test_an_outage(place: Any) -> None:
    gone = RateLimiter(f"redis://127.0.0.1:{free_port()}")
    async with asking(place(gone, "1/minute")) as client:
        refused = await client.get("/")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["detail"] == "Rate limiter unavailable"
    async with asking(place(gone, "1/minute", on_error="open")) as client:
        served = await client.get("/")
        assert served.text == "ab"
        assert "ratelimit" not in served.headers


async def test_without_a_name_keys_say_app(limiter: RateLimiter, server: Server) -> None:
    async with asking(before_plain(limiter, "1/minute")) as client:
        assert (await client.get("/")).headers["ratelimit"] == '"1-per-60s";r=0;t=60'
    with server.client(decode_responses=True) as client:
        assert client.keys("*") == ["rl:app:ip:192.0.2.1"]


async def test_methods_and_paths_that_are_exempt(limiter: RateLimiter) -> None:
    app = before_plain(limiter, "1/hour", exempt_paths=["/health", "/static/*"])
    async with asking(app) as client:
        for method, path in [
            ("GET", "/health"),
            ("GET", "/static/a"),
            ("GET", "/static/a/b"),
        ]:
            assert "ratelimit" not in (await client.request(method, path)).headers, path
        statuses = [
            (await client.get(path)).status_code
            for path in ("/", "/health/", "/static", "/healthy", "/staticfile")
        ]
        assert statuses == [200, 429, 429, 429, 429]
    async with asking(before_plain(limiter, "1/day", methods={"post"})) as client:
        assert "ratelimit" not in (await client.get("/")).headers
        assert [(await client.post("/")).status_code for _ in "ab"] == [200, 429]


async def test_a_key_and_a_cost(limiter: RateLimiter) -> None:
    async def user(scope: Any) -> Subject:
        return Subject.user(dict(scope["headers"])[b"x-user"].decode())

    nothing: tuple[Any, Any] = (None, None)
    app = before_plain(limiter, "5/minute", key=user, cost=lambda scope: len(scope["path"]))
    async with asking(app) as client:
        ann, bob = {"x-user": "ann"}, {"x-user": "bob"}
        assert (
            (await client.get("/123", headers=ann))
            .headers["ratelimit"]
            .startswith('"5-per-60s";r=1')
        )
        assert (await client.get("/1", headers=ann)).status_code == 429
        assert (await client.get("/1", headers=bob)).status_code == 200
        never = await client.get("/12345", headers=bob)
        assert never.status_code == 429
        assert "retry-after" not in never.headers
        with pytest.raises(KeyError):
            await app({"type": "http", "method": "GET", "path": "/", "headers": []}, *nothing)


async def test_it_holds_leaky_requests_when_asked(limiter: RateLimiter) -> None:
    async with asking(before_plain(limiter, "leaky 20/second burst 9", wait=True)) as client:
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            assert (await client.get("/")).status_code == 200
        assert asyncio.get_running_loop().time() - began >= 0.15


async def test_each_on_a_part_of_an_app(limiter: RateLimiter) -> None:
    def limited(name: str, limits: str) -> list[Middleware]:
        return [Middleware(RateLimitMiddleware, limiter=limiter, limits=limits, name=name)]

    inner = [Route("/a", stream, middleware=limited("a", "1/minute")), Route("/b", stream)]
    app = Starlette(
        routes=[Mount("/api", routes=inner, middleware=limited("api", "3/minute"))],
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"])],
    )
    async with asking(app) as client:
        first = await client.get("/api/a")
        assert first.headers.get_list("ratelimit") == ['"api";r=2;t=60, "a";r=0;t=60']
        denied = await client.get("/api/a", headers={"origin": "https://ui.example"})
        assert denied.headers.get_list("ratelimit") == ['"a";r=0;t=60']
        assert denied.headers["access-control-allow-origin"] == "*"
        assert (await client.get("/api/b")).headers["ratelimit"] == '"api";r=0;t=60'
        assert (await client.get("/api/b")).status_code == 429


@pytest.mark.parametrize("outside", [True, False])
async def test_it_joins_the_limits_of_routes(limiter: RateLimiter, outside: bool) -> None:
    app: Any = FastAPI()
    limiter.install(app)
    route = Depends(limiter.limit("1/minute", name="route"))
    app.get("/", dependencies=[route])(lambda: None)
    site: dict[str, Any] = {"limiter": limiter, "limits": "9/minute", "name": "site"}
    if outside:
        app = RateLimitMiddleware(app, **site)
    else:
        app.add_middleware(RateLimitMiddleware, **site)
    async with asking(app) as client:
        allowed, denied = await client.get("/"), await client.get("/")
    assert allowed.headers.get_list("ratelimit") == ['"site";r=8;t=60, "route";r=0;t=60']
    assert denied.headers.get_list("ratelimit") == ['"route";r=0;t=60']
    assert denied.headers["ratelimit-policy"] == '"site";q=9;w=60, "route";q=1;w=60'


async def test_messages_that_an_app_reuses_are_not_changed(limiter: RateLimiter) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]}

    async def reusing(_: Any, __: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body"})

    async with asking(RateLimitMiddleware(reusing, limiter, "9/minute")) as client:
        for left in (8, 7):
            response = await client.get("/")
            assert response.headers.get_list("ratelimit") == [f'"9-per-60s";r={left};t=60']
    assert start["headers"] == [(b"x-own", b"1")]


async def test_lifespan_passes(limiter: RateLimiter) -> None:
    seen = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope["type"])

    nothing: tuple[Any, Any] = (None, None)
    await RateLimitMiddleware(app, limiter, "1/minute")({"type": "lifespan"}, *nothing)
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    "options", [{"limits": "1/minuet"}, {"name": "ü"}, {"on_error": "local"}, {"cost": -1}]
)
async def test_what_cannot_be_meant_is_an_error_at_once(
    limiter: RateLimiter, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        RateLimitMiddleware(plain, limiter, **{"limits": "1/minute", **options})
