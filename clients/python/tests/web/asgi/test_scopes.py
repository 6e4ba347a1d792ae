"""Which requests share a budget: those of one method and route template, however spelled."""

from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.routing import Host

from redis_rl.fastapi import RateLimiter
from store.kinds import LONG
from support.server import Server
from web.apps.asking import asking
from web.apps.served import opened


def app_of(limiter: RateLimiter) -> FastAPI:
    """Routes in every place where FastAPI takes them, all under one limit without a name."""
    limited = [Depends(limiter.limit("1000/minute"))]
    app, sub, deep, hosted = FastAPI(), FastAPI(), FastAPI(), FastAPI()
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer/{o}")

    @app.api_route("/items/{id}", methods=["GET", "HEAD"], dependencies=limited)
    @app.post("/items/{id}", dependencies=limited)
    @app.get("/files/{path:path}", dependencies=limited)
    @app.get("/", dependencies=limited)
    @app.get("/both", dependencies=limited)
    @app.get("/both/", dependencies=limited)
    @inner.get("/{i}", dependencies=limited)
    @sub.get("/s/{t}", dependencies=limited)
    @deep.get("/d/{t}", dependencies=limited)
    @hosted.get("/hosted", dependencies=limited)
    async def endpoint() -> None: ...

    @inner.websocket("/ws/{i}", dependencies=limited)
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    outer.include_router(inner, prefix="/between")
    app.include_router(outer)
    app.include_router(inner, prefix="/again")
    sub.mount("/below", deep)
    app.mount("/tenants/{t}", sub)
    app.mount("/fixed", sub)
    app.router.routes.insert(0, Host("{name}.hosted.example", app=hosted))
    limiter.install(app)
    return app


def scopes(server: Server) -> list[str]:
    """What keys are called in Redis, decoded."""
    with server.client(decode_responses=True) as client:
        keys: list[str] = client.keys("*")
    names = [key.split(":")[1] for key in keys]
    for code, text in {"%20": " ", "%2F": "/", "%7B": "{", "%7D": "}"}.items():
        names = [name.replace(code, text) for name in names]
    return sorted(names)


@pytest.mark.parametrize(
    ("scope", "paths"),
    [
        ("GET /items/{id}", ["/items/1", "/items/2", "/items/%31", "/items/1?x=1", "/items/a%20b"]),
        ("GET /files/{path}", ["/files/a", "/files/a/b/", "/files//a"]),
        ("GET /", ["/", "//?a", ""]),
        ("GET /both", ["/both", "/both/"]),
        (
            "GET /outer/{o}/between/inner/{i}",
            ["/outer/1/between/inner/1", "/outer/2/between/inner/2"],
        ),
        ("GET /again/inner/{i}", ["/again/inner/1"]),
        ("GET /tenants/{t}/s/{t}", ["/tenants/a/s/1", "/tenants/b/s/1"]),
        ("GET /tenants/{t}/below/d/{t}", ["/tenants/a/below/d/1", "/tenants/b/below/d/2"]),
        ("GET /fixed/s/{t}", ["/fixed/s/1", "/fixed/s/2"]),
        ("GET /fixed/below/d/{t}", ["/fixed/below/d/1"]),
    ],
)
async def test_spellings_share_a_budget(
    limiter: RateLimiter, server: Server, scope: str, paths: list[str]
) -> None:
    async with asking(app_of(limiter)) as client:
        for path in paths:
            assert (await client.get(path, follow_redirects=True)).status_code == 200, path
            await client.get(path + "/", follow_redirects=True)
    assert scopes(server) == [scope]


async def test_methods_have_their_own_budgets_but_for_head(
    limiter: RateLimiter, server: Server
) -> None:
    async with asking(app_of(limiter)) as client:
        assert (
            (await client.get("/items/1")).headers["ratelimit"].startswith('"1000-per-60s";r=999')
        )
        assert (
            (await client.head("/items/1")).headers["ratelimit"].startswith('"1000-per-60s";r=998')
        )
        assert (
            (await client.post("/items/1")).headers["ratelimit"].startswith('"1000-per-60s";r=999')
        )
    assert scopes(server) == ["GET /items/{id}", "POST /items/{id}"]


async def test_hosts_do_not_count(limiter: RateLimiter, server: Server) -> None:
    async with asking(app_of(limiter)) as client:
        for host in ("a.hosted.example", "b.hosted.example"):
            assert (await client.get("/hosted", headers={"host": host})).status_code == 200
    assert scopes(server) == ["GET /hosted"]


async def test_a_root_path_does_not_count(limiter: RateLimiter, server: Server) -> None:
    app = app_of(limiter)
    for root_path in ("", "/api", "/other"):
        async with asking(app, root_path=root_path) as client:
            assert (await client.get(f"{root_path}/items/1")).status_code == 200
            assert (await client.get(f"{root_path}/tenants/a/s/1")).status_code == 200
    assert scopes(server) == ["GET /items/{id}", "GET /tenants/{t}/s/{t}"]


def test_a_websocket_has_its_route(url: str, server: Server) -> None:
    with opened(app_of(RateLimiter(url, **LONG)), "/again/inner/ws/1"):
        pass
    assert scopes(server) == ["WS /again/inner/ws/{i}"]


async def test_a_name_or_a_scope_is_shared_by_routes(limiter: RateLimiter, server: Server) -> None:
    app = FastAPI()
    limiter.install(app)
    places: dict[str, Any] = {"/1": {"name": "n"}, "/2": {"name": "n"}, "/3": {"scope": "n"}}
    for path, options in places.items():
        app.get(path, dependencies=[Depends(limiter.limit("2/minute", **options))])(lambda: None)
    async with asking(app) as client:
        statuses = [(await client.get(path)).status_code for path in ("/1", "/2", "/3")]
    assert statuses == [200, 200, 429]
    assert scopes(server) == ["n"]
