"""Rate headers are on every limited response, whoever made it; the app's own stay."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware

from redis_rl.fastapi import CannotIdentify, RateLimiter, RateLimitExceeded, StoreUnavailable
from store.kinds import LONG
from support.ports import free_port
from web.apps.asking import asking
from web.apps.served import served

POLICY, LIMIT = '"n";q=2;w=60', '"n";r=1;t=60'


async def chunks() -> AsyncIterator[str]:
    for letter in "abc":
        yield letter
        await asyncio.sleep(0)


async def broken_chunks() -> AsyncIterator[str]:
    yield "a"
    raise RuntimeError("in the middle")


def raising(error: Exception) -> None:
    raise error


ENDPOINTS: dict[str, tuple[Any, int]] = {
    "dict": (lambda: {"a": 1}, 200),
    "response": (lambda: Response(b"a", 202), 202),
    "json": (lambda: JSONResponse({"a": 1}, headers={"x-own": "1"}), 200),
    "redirect": (lambda: RedirectResponse("/elsewhere"), 307),
    "stream": (lambda: StreamingResponse(chunks()), 200),
    "file": (lambda: FileResponse(__file__), 200),
    "http-exception": (lambda: raising(HTTPException(418, headers={"x-own": "1"})), 418),
    "boom": (lambda: raising(RuntimeError("boom")), 500),
    "invalid": (lambda _: None, 422),
}


def app_of(limiter: RateLimiter, **options: Any) -> FastAPI:
    app = FastAPI(**options)
    limiter.install(app)
    for path, (endpoint, _) in ENDPOINTS.items():
        limit = limiter.limit("2/minute", name="n", scope=path)
        app.get(f"/{path}", dependencies=[Depends(limit)])(endpoint)
    return app


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("debug", [False, True])
async def test_every_kind_of_response(limiter: RateLimiter, path: str, debug: bool) -> None:
    async with asking(app_of(limiter, debug=debug)) as client:
        response = await client.get(f"/{path}")
    assert response.status_code == ENDPOINTS[path][1]
    assert response.headers.get_list("ratelimit-policy") == [POLICY]
    assert response.headers.get_list("ratelimit") == [LIMIT]
    assert "retry-after" not in response.headers
    if path in ("json", "http-exception"):
        assert response.headers["x-own"] == "1"


async def test_middlewares_in_between(limiter: RateLimiter) -> None:
    async def passing(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app = app_of(limiter)
    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    app.add_middleware(GZipMiddleware, minimum_size=0)
    async with asking(app) as client:
        for path in ENDPOINTS:
            response = await client.get(f"/{path}")
            assert response.headers.get_list("ratelimit") == [LIMIT], path


async def test_a_handler_of_500_keeps_the_headers(limiter: RateLimiter) -> None:
    app = app_of(limiter)

    @app.exception_handler(Exception)
    async def handler(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"sorry": str(error)}, 500)

    async with asking(app) as client:
        response = await client.get("/boom")
    assert response.json() == {"sorry": "boom"}
    assert response.headers["ratelimit"] == LIMIT


async def test_a_route_without_a_limit_has_none(limiter: RateLimiter) -> None:
    app = app_of(limiter)
    app.get("/health")(lambda: None)
    async with asking(app) as client:
        for path in ("/health", "/nowhere", "/openapi.json"):
            assert not [name for name in (await client.get(path)).headers if "rate" in name]


async def test_fields_of_the_app_stay(limiter: RateLimiter) -> None:
    app = FastAPI()
    limiter.install(app)
    theirs = {
        "RateLimit-Policy": '"theirs";q=9',
        "ratelimit": '"theirs";r=3',
        "Retry-After": "120",
        "Cache-Control": "private",
    }

    @app.exception_handler(RateLimitExceeded)
    async def handler(_: Request, error: RateLimitExceeded) -> JSONResponse:
        assert error.retry_after == 60
        return JSONResponse({"wait": error.retry_after}, 429, theirs)

    @app.get("/", dependencies=[Depends(limiter.limit("1/minute", name="n"))])
    async def root() -> Response:
        return Response(headers=theirs)

    async with asking(app) as client:
        allowed, denied = await client.get("/"), await client.get("/")
    assert allowed.headers["ratelimit-policy"] == '"theirs";q=9, "n";q=1;w=60'
    assert allowed.headers["ratelimit"] == '"theirs";r=3, "n";r=0;t=60'
    assert allowed.headers["retry-after"] == "120"
    assert denied.json() == {"wait": 60}
    assert denied.headers["ratelimit"] == '"theirs";r=3, "n";r=0;t=60'
    assert denied.headers["retry-after"] == "120"
    assert denied.headers["cache-control"] == "private, no-store"


async def test_headers_that_a_handler_copies_are_not_doubled(limiter: RateLimiter) -> None:
    app = FastAPI()
    limiter.install(app)

    @app.exception_handler(429)
    async def handler(_: Request, error: RateLimitExceeded) -> JSONResponse:
        return JSONResponse({"own": True}, 429, error.headers)

    app.get("/", dependencies=[Depends(limiter.limit("0/minute", name="n"))])(lambda: None)
    async with asking(app) as client:
        denied = await client.get("/")
    assert denied.json() == {"own": True}
    for name in ("ratelimit", "ratelimit-policy", "cache-control"):
        assert len(denied.headers.get_list(name)) == 1
        assert "," not in denied.headers[name]


async def test_without_install_refusals_are_still_429_400_and_503(limiter: RateLimiter) -> None:
    app = FastAPI()
    app.get("/", dependencies=[Depends(limiter.limit("1/minute", name="n"))])(lambda: None)
    gone = RateLimiter(f"redis://127.0.0.1:{free_port()}")
    app.get("/gone", dependencies=[Depends(gone.limit("1/minute"))])(lambda: None)
    async with asking(app) as client:
        assert (await client.get("/")).status_code == 200
        denied = await client.get("/")
    assert denied.status_code == 429
    assert denied.json() == {"detail": "Rate limit exceeded, retry in 60 s"}
    assert denied.headers["retry-after"] == "60"
    assert denied.headers["ratelimit"] == '"n";r=0;t=60'
    async with asking(app, address=None) as client:
        nobody = await client.get("/")
    assert nobody.status_code == 400
    assert nobody.json() == {"detail": "The client cannot be identified"}
    assert nobody.headers["cache-control"] == "no-store"
    async with asking(app) as client:
        refused = await client.get("/gone")
    assert refused.status_code == 503
    assert refused.json() == {"detail": "Rate limiter unavailable"}
    assert refused.headers["retry-after"] == "1"


async def test_install_twice_is_install(limiter: RateLimiter) -> None:
    app = app_of(limiter)
    build = app.build_middleware_stack
    limiter.install(app)
    assert app.build_middleware_stack is build
    async with asking(app) as client:
        response = await client.get("/dict")
    assert response.headers.get_list("ratelimit") == [LIMIT]


async def test_install_is_too_late_after_the_first_request(limiter: RateLimiter) -> None:
    app = FastAPI()
    async with asking(app) as client:
        await client.get("/")
    with pytest.raises(RuntimeError, match="install"):
        limiter.install(app)


async def test_a_handler_registered_before_install_stays(limiter: RateLimiter) -> None:
    app = FastAPI()

    @app.exception_handler(RateLimitExceeded)
    @app.exception_handler(CannotIdentify)
    @app.exception_handler(StoreUnavailable)
    async def handler(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"own": True}, 418)

    limiter.install(app)
    app.get("/", dependencies=[Depends(limiter.limit("0/minute"))])(lambda: None)
    gone = RateLimiter(f"redis://127.0.0.1:{free_port()}")
    app.get("/gone", dependencies=[Depends(gone.limit("1/minute"))])(lambda: None)
    for address, path in (("192.0.2.1", "/"), (None, "/"), ("192.0.2.1", "/gone")):
        async with asking(app, address) as client:
            assert (await client.get(path)).json() == {"own": True}


@pytest.mark.parametrize("installed", ["parent", "sub", "both"])
async def test_a_mounted_app(limiter: RateLimiter, installed: str) -> None:
    parent, sub = FastAPI(), app_of(limiter) if installed != "parent" else FastAPI()
    if installed != "sub":
        limiter.install(parent)
    sub.get("/x", dependencies=[Depends(limiter.limit("1/minute", name="n"))])(lambda: None)
    parent.mount("/sub", sub)
    async with asking(parent) as client:
        allowed, denied = await client.get("/sub/x"), await client.get("/sub/x")
    assert allowed.headers.get_list("ratelimit") == ['"n";r=0;t=60']
    assert denied.status_code == 429
    assert denied.headers.get_list("ratelimit") == ['"n";r=0;t=60']
    assert denied.headers.get_list("retry-after") == ["60"]


@pytest.mark.parametrize("before", [True, False])
async def test_a_refusal_has_cors_headers(limiter: RateLimiter, before: bool) -> None:
    app = FastAPI()
    exposed = ["Retry-After", "RateLimit", "RateLimit-Policy"]
    cors: dict[str, Any] = {"allow_origins": ["https://ui.example"], "expose_headers": exposed}
    if before:
        app.add_middleware(CORSMiddleware, **cors)
    limiter.install(app)
    if not before:
        app.add_middleware(CORSMiddleware, **cors)
    app.get("/", dependencies=[Depends(limiter.limit("1/minute"))])(lambda: None)
    async with asking(app) as client:
        origin = {"origin": "https://ui.example"}
        preflight = {**origin, "access-control-request-method": "GET"}
        for _ in range(3):
            assert (await client.options("/", headers=preflight)).status_code == 200
        assert (await client.get("/", headers=origin)).status_code == 200
        denied = await client.get("/", headers=origin)
    assert denied.status_code == 429
    assert denied.headers["access-control-allow-origin"] == "https://ui.example"
    assert denied.headers["access-control-expose-headers"] == ", ".join(exposed)


@pytest.mark.parametrize(
    ("legacy", "expected"),
    [
        (
            "delta",
            {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"},
        ),
        ("draft6", {"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "60"}),
    ],
)
async def test_legacy_headers_are_of_the_tightest_limit(
    url: str, legacy: str, expected: dict[str, str]
) -> None:
    async with RateLimiter(url, **LONG, legacy=legacy) as limiter:
        app = FastAPI(dependencies=[Depends(limiter.limit("9/hour", name="loose"))])
        limiter.install(app)
        tight = Depends(limiter.limit("1/minute", name="tight"))
        app.get("/", dependencies=[tight])(lambda: None)
        async with asking(app) as client:
            allowed, denied = await client.get("/"), await client.get("/")
    for response in (allowed, denied):
        assert {name: response.headers.get(name) for name in expected} == expected
    assert allowed.headers["ratelimit"] == '"loose";r=8;t=3600, "tight";r=0;t=60'
    assert denied.headers["ratelimit"] == '"tight";r=0;t=60'


def test_streams_pass_as_they_come(url: str) -> None:
    app = app_of(RateLimiter(url, **LONG))
    seen = asyncio.Event()
    limit = app.state.redis_rl.limit("9/minute", name="n")

    @app.get("/slowly", dependencies=[Depends(limit)])
    async def slowly() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "first"
            await seen.wait()
            yield "second"

        return StreamingResponse(parts())

    @app.get("/seen")
    async def mark() -> None:
        seen.set()

    app.get("/broken", dependencies=[Depends(limit)])(lambda: StreamingResponse(broken_chunks()))
    with served(app) as address, httpx.Client(base_url=f"http://{address}", timeout=20) as client:
        with client.stream("GET", "/slowly") as response:
            assert response.headers["ratelimit"] == '"n";r=8;t=60'
            parts = response.iter_raw()
            assert next(parts) == b"first"  # before the second could be made
            httpx.get(f"http://{address}/seen", timeout=20)
            assert next(parts) == b"second"
        # uvicorn closes the connection of an error that was not handled.
        boom = client.get("/boom", headers={"Connection": "close"})
        assert boom.headers["ratelimit"] == LIMIT
        with pytest.raises(httpx.TransportError):
            client.get("/broken")
        assert client.get("/dict").headers["ratelimit"] == LIMIT
