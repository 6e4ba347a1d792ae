"""WebSockets are refused before they are accepted."""

import json
from typing import Any

import pytest
from fastapi import Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from redis_rl.fastapi import RateLimiter, RateLimitMiddleware
from store.kinds import LONG
from support.ports import free_port
from support.server import Server
from web.apps.served import served


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


def by_dependency(limiter: RateLimiter, limit: str, *, install: bool = True, **options: Any) -> Any:
    app = FastAPI()
    if install:
        limiter.install(app)
    app.websocket("/ws", dependencies=[Depends(limiter.limit(limit, name="ws", **options))])(echo)
    return app


def by_decorator(limiter: RateLimiter, limit: str, **options: Any) -> Any:
    app = FastAPI()
    limiter.install(app)
    app.websocket("/ws")(limiter.limited(limit, name="ws", **options)(echo))
    return app


def by_middleware(limiter: RateLimiter, limit: str, **options: Any) -> Any:
    return RateLimitMiddleware(
        Starlette(routes=[WebSocketRoute("/ws", echo)]), limiter, limit, name="ws", **options
    )


WAYS = [by_dependency, by_decorator, by_middleware]


@pytest.mark.parametrize("way", WAYS)
def test_one_too_many_gets_a_429(url: str, way: Any) -> None:
    with served(way(RateLimiter(url, **LONG), "1/minute")) as address:
        with connect(f"ws://{address}/ws") as socket:
            assert socket.response is not None
            assert socket.response.headers["RateLimit"] == '"ws";r=0;t=60'
            socket.send("a")
            assert socket.recv() == "a"
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://{address}/ws")
    response = refused.value.response
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "60"
    assert response.headers.get_all("RateLimit") == ['"ws";r=0;t=60']
    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(response.body)["violated-policies"] == ["ws"]


@pytest.mark.parametrize("way", WAYS)
def test_an_outage_is_a_503(way: Any) -> None:
    limiter = RateLimiter(f"redis://127.0.0.1:{free_port()}")
    with served(way(limiter, "1/minute")) as address, pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{address}/ws")
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "1"


def test_it_is_refused_without_install_too(url: str) -> None:
    app = by_dependency(RateLimiter(url, **LONG), "0/minute", install=False)
    with served(app) as address, pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{address}/ws")
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["RateLimit"] == '"ws";r=0'


NOBODY = {"key": lambda _: ""}


@pytest.mark.parametrize("way", WAYS)
def test_nobody_gets_a_400(url: str, way: Any) -> None:
    app = way(RateLimiter(url, **LONG, on_error="open"), "1/minute", **NOBODY)
    with served(app) as address, pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{address}/ws")
    response = refused.value.response
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(response.body)["detail"] == "The client cannot be identified"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("limit", "works", "options", "code"),
    [
        ("0/minute", True, {}, 1008),
        ("1/minute", False, {}, 1013),
        ("1/minute", True, NOBODY, 1008),
    ],
    ids=["too many", "an outage", "nobody"],
)
async def test_a_server_that_cannot_answer_closes_it(
    server: Server, way: Any, limit: str, works: bool, options: Any, code: int
) -> None:
    port = server.port if works else free_port()
    limiter = RateLimiter(f"redis://127.0.0.1:{port}", **LONG)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/ws",
        "headers": [],
        "query_string": b"",
        "client": ("192.0.2.1", 1),
        "extensions": None,
    }
    await way(limiter, limit, **options)(scope, receive, send)
    await limiter.aclose()
    assert [(one["type"], one["code"]) for one in sent] == [("websocket.close", code)]
