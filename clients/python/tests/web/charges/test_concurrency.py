"""So many requests at once, in every adapter."""

import asyncio
import gc
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import flask
import httpx
import pytest
from django.http import HttpRequest, StreamingHttpResponse
from django.test import Client, override_settings
from django.urls import path as route
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

from redis_rl import ConfigurationError, Outcome, RateLimiter, SyncRateLimiter
from redis_rl.asgi import ConcurrencyMiddleware
from redis_rl.django import RateLimits as DjangoLimits
from redis_rl.fastapi import RateLimiter as FastAPILimiter
from redis_rl.flask import RateLimits as FlaskLimits
from store.kinds import LONG
from support.eventually import eventually
from support.server import Server
from web.apps.adapters import limited, limited_places
from web.apps.asking import SCOPE, asking
from web.apps.served import hanging, opened, served
from web.conftest import Serve


def held(server: Server) -> int:
    """How many places are held, at whatever key."""
    with server.client(decode_responses=True) as client:
        looked = [
            client.execute_command("RL.LEASE", key, 1000, "1m", "looks", "COST", 0)[2]
            for key in client.keys("*")
        ]
    return sum(1000 - left for left in looked)


def none_held(server: Server) -> bool:
    return held(server) == 0


def test_a_place_is_held_while_it_is_served(make: Serve, server: Server) -> None:
    site = make(limited_places(2, lease="30s", name="busy"))
    seen: list[int] = []
    site.during = lambda: seen.append(held(server))
    answer = site.ask()
    assert (answer.status, seen) == (200, [1])
    assert answer.headers["ratelimit-policy"] == '"busy";q=2;qu="concurrent-requests"'
    assert answer.headers["ratelimit"] == '"busy";r=1'
    site.finish()
    assert eventually(lambda: none_held(server))


def test_one_too_many_is_refused(make: Serve, server: Server) -> None:
    site = make(limited_places(1, "30s", name="busy"))
    with server.client(decode_responses=True) as client:
        site.ask()
        site.finish()
        assert eventually(lambda: none_held(server))
        client.execute_command("RL.LEASE", "rl:busy:ip:192.0.2.1", 1, "30s", "other")
        refused = site.ask()
        assert (refused.status, site.served) == (429, 1)
        assert refused.headers["retry-after"] == "30"
        assert refused.headers["ratelimit"] == '"busy";r=0;t=30'
        assert b'"violated-policies":["busy"]' in refused.body
        server.clock.advance(29_500)
        assert site.ask().headers["retry-after"] == "1"
        client.execute_command("RL.RELEASE", "rl:busy:ip:192.0.2.1", "other")
        assert site.ask().status == 200


def test_a_handler_that_raises_gives_it_back(make: Serve, server: Server) -> None:
    site = make(limited_places(2, "30s"))
    site.raises = ZeroDivisionError("boom")
    assert site.ask().status == 500
    site.raising = True
    with pytest.raises(ZeroDivisionError):
        site.ask()
    gc.collect()
    site.finish()
    assert eventually(lambda: none_held(server))


def test_what_a_later_limit_refuses_holds_none(make: Serve, server: Server) -> None:
    site = make(limited_places(2, "30s", name="busy"), limited("0/minute", name="no"))
    assert site.ask().status == 429
    gc.collect()
    site.finish()
    assert eventually(lambda: none_held(server))


def test_it_is_beside_limits_of_the_same_scope(make: Serve) -> None:
    site = make(limited("5/minute"), limited_places(2, "30s"), limited_places(9, "30s"))
    assert site.ask().left == [4, 1, 8]


def test_two_of_one_name_are_an_error(make: Serve) -> None:
    site = make(limited_places(2, "30s", name="busy"), limited_places(9, "30s", name="busy"))
    assert site.ask().status == 503


def test_exempt_and_other_methods(make: Serve) -> None:
    site = make(limited_places(0, "30s", methods=["POST"]))
    assert (site.ask().status, site.ask("POST").status) == (200, 429)
    site = make(
        lambda site: limited_places(
            0, "30s", exempt=site.function(lambda headers: "x-a" in headers)
        )
    )
    assert (site.ask(x_a="1").status, site.ask().status) == (200, 429)


def test_no_answer_follows_the_mode(make: Serve) -> None:
    gone = "redis://127.0.0.1:1"
    assert make(limited_places(2, "30s"), url=gone).ask().status == 503
    opened = make(limited_places(2, "30s", on_error="open"), url=gone).ask()
    assert (opened.status, "ratelimit" in opened.headers) == (200, False)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((4,), {}, r"concurrency\(4, lease='30s'\)"),
        (("4/minute", "30s"), {}, "limit must be an integer from 0 to 65536"),
        ((4, "30"), {}, "lease must be a time"),
        ((4, "30s"), {"cost": 2}, "no option cost"),
        ((4, "30s"), {"name": "a b"}, "name must be"),
        ((4, "30s"), {"count_if": len}, "no option count_if"),
    ],
)
def test_what_is_wrong_is_an_error_where_it_is_written(
    make: Serve, arguments: tuple[Any, ...], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make(limited_places(*arguments, **options))


# Bodies, clients that go away, and crowds, where each framework has its own way.


async def test_fastapi_holds_it_until_the_body_has_ended(
    limiter: FastAPILimiter, server: Server
) -> None:
    app = FastAPI()
    limiter.install(app)
    seen: list[tuple[str, int]] = []

    async def chunks() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0)
        seen.append(("body", held(server)))
        yield "b"

    async def later() -> None:
        await limiter.check("ann", "5/minute", scope="x")  # by then the release has been sent
        seen.append(("background", held(server)))

    @app.get("/", dependencies=[Depends(limiter.concurrency(2, "30s"))])
    async def stream(tasks: BackgroundTasks) -> StreamingResponse:
        tasks.add_task(later)
        return StreamingResponse(chunks(), background=tasks)

    async with asking(app) as client:
        assert (await client.get("/")).text == "ab"
    assert seen == [("body", 1), ("background", 0)]


async def test_the_end_of_the_body_is_enough(limiter: FastAPILimiter, server: Server) -> None:
    app = FastAPI()
    limiter.install(app)
    seen: list[int] = []

    async def later() -> None:
        await limiter.check("ann", "5/minute", scope="x")
        seen.append(held(server))

    @app.get("/", dependencies=[Depends(limiter.concurrency(2, "30s"))])
    async def answer(tasks: BackgroundTasks) -> str:
        tasks.add_task(later)
        return "ok"

    async def receive() -> Any:
        await asyncio.sleep(60)  # a server that says nothing of the client

    async def send(_: Any) -> None: ...

    await app({**SCOPE}, receive, send)
    assert seen == [0]


async def test_fastapi_needs_install(limiter: FastAPILimiter) -> None:
    app = FastAPI()
    app.get("/", dependencies=[Depends(limiter.concurrency(2, "30s"))])(lambda: 1)
    async with asking(app, raising=True) as client:
        with pytest.raises(ConfigurationError, match=r"limiter\.install\(app\)"):
            await client.get("/")


async def test_a_body_is_read_whole_though_the_client_is_watched(
    limiter: FastAPILimiter, server: Server
) -> None:
    app = FastAPI()
    limiter.install(app)

    @app.post("/", dependencies=[Depends(limiter.concurrency(2, "30s"))])
    async def read(request: Request) -> dict[str, int]:
        return {"size": len(await request.body())}

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 10_000
            await asyncio.sleep(0)

    async with asking(app) as client:
        assert (await client.post("/", content=parts())).json() == {"size": 100_000}
    await limiter.aclose()
    assert none_held(server)


class Work:
    """What a handler does until it is told to end."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.end = threading.Event()

    async def done(self) -> None:
        """Work in a loop."""
        self.begun.release()
        await asyncio.to_thread(self.end.wait, 20)


def dependency(url: str, work: Work) -> tuple[Any, Any]:
    limiter = FastAPILimiter(url, **LONG)
    app = FastAPI()
    limiter.install(app)

    @app.get("/", dependencies=[Depends(limiter.concurrency(5, "30s", name="busy"))])
    async def busy() -> str:
        await work.done()
        return "ok"

    return app, limiter


def middleware(url: str, work: Work) -> tuple[Any, Any]:
    limiter = RateLimiter(url, **LONG)
    app = FastAPI()

    @app.get("/")
    async def busy() -> str:
        await work.done()
        return "ok"

    return ConcurrencyMiddleware(app, limiter, 5, "30s", name="busy"), limiter


@pytest.mark.parametrize("build", [dependency, middleware])
def test_a_client_that_goes_away_gives_it_back(
    url: str, server: Server, build: Callable[[str, Work], tuple[Any, Any]]
) -> None:
    work = Work()
    app, _ = build(url, work)
    with served(app, timeout_graceful_shutdown=5) as address:
        with hanging(address, "/"):
            assert work.begun.acquire(timeout=20)
            assert held(server) == 1
        assert eventually(lambda: none_held(server))
        work.end.set()


def test_two_hundred_requests_of_which_a_third_hang_up(url: str, server: Server) -> None:
    limiter = FastAPILimiter(url, timeout=20, connect_timeout=20)
    app = FastAPI()
    limiter.install(app)
    most, now = [0], [0]
    busy = limiter.concurrency(5, "30s", name="busy")

    async def chunks(stays: bool) -> AsyncIterator[str]:
        now[0] += stays
        most[0] = max(most[0], now[0])
        try:
            yield "a"
            await asyncio.sleep(random.random() / 50)
            yield "b"
        finally:
            now[0] -= stays

    @app.get("/", dependencies=[Depends(busy)])
    async def stream(stays: bool = True) -> StreamingResponse:
        return StreamingResponse(chunks(stays))

    async def ask(client: httpx.AsyncClient, address: str, number: int) -> int:
        try:
            stays = number % 3 > 0
            async with client.stream("GET", f"http://{address}/?stays={stays}") as response:
                if not stays:
                    return 0  # hang up in the middle
                await response.aread()
                return response.status_code
        except httpx.HTTPError:
            return 0

    async def crowd(address: str) -> list[int]:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(limits=limits, timeout=30) as client:
            return await asyncio.gather(*(ask(client, address, at) for at in range(200)))

    with served(app, timeout_graceful_shutdown=5) as address:
        statuses = asyncio.run(crowd(address))
        assert set(statuses) <= {0, 200, 429}
        assert statuses.count(200) >= 1
        assert 1 <= most[0] <= 5
        assert eventually(lambda: none_held(server))
        assert httpx.get(f"http://{address}/", timeout=20).status_code == 200


def test_flask_holds_it_until_the_body_has_ended(url: str, server: Server) -> None:
    app = flask.Flask(__name__)
    with SyncRateLimiter(url, **LONG) as limiter:
        limits = FlaskLimits(app, limiter)

        def chunks() -> Iterator[str]:
            yield "a"
            yield str(held(server))

        @app.get("/")
        @limits.concurrency(2, "30s")
        def stream() -> flask.Response:
            return flask.Response(chunks())

        answer: Any = app.test_client().get("/", buffered=False)
        assert answer.text == "a1"
        answer.close()
        assert eventually(lambda: none_held(server))
        hung_up = app.test_client().get("/", buffered=False)
        assert held(server) == 1
        hung_up.close()
        assert eventually(lambda: none_held(server))


@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_django_holds_it_until_the_body_has_ended(url: str, server: Server, way: str) -> None:
    def chunks() -> Iterator[str]:
        yield "a"
        yield str(held(server))

    def stream(_: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(chunks())

    async def stream_async(_: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(chunks())

    limiter: Any = (SyncRateLimiter if way == "blocking" else RateLimiter)(url, **LONG)
    view: Any = stream if way == "blocking" else stream_async
    urls = (route("v", DjangoLimits(limiter).concurrency(2, "30s")(view)),)
    with override_settings(ROOT_URLCONF=urls):
        answer = Client().get("/v")
        assert b"".join(answer.streaming_content) == b"a1"
        answer.close()
    if way == "blocking":  # under WSGI, a coroutine's loop has ended by then
        assert eventually(lambda: none_held(server))
        limiter.close()


def test_a_websocket_holds_it_while_it_is_open(url: str, server: Server) -> None:
    limiter = FastAPILimiter(url, **LONG)
    app = FastAPI()
    limiter.install(app)

    @app.websocket("/")
    async def echo(
        socket: WebSocket, _: Annotated[Outcome, Depends(limiter.concurrency(2, "30s", name="ws"))]
    ) -> None:
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())

    with opened(app, "/") as socket:
        for text in ("a", "b"):
            socket.send(text)
            assert socket.recv(timeout=10) == text
        assert held(server) == 1
        socket.close()
        assert eventually(lambda: none_held(server))
