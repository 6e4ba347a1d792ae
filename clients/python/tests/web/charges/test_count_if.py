"""Only some answers count: `count_if`, in every adapter."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import flask
import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.exceptions import HTTPException

from redis_rl import ConfigurationError, RateLimiter, SyncRateLimiter
from redis_rl.asgi import RateLimitMiddleware
from redis_rl.fastapi import RateLimiter as FastAPILimiter
from redis_rl.flask import RateLimits
from store.kinds import LONG
from store.proxy import FaultProxy
from support.eventually import eventually
from support.server import Server
from web.apps.adapters import Adapter, Threaded, limited
from web.apps.asking import SCOPE, asking
from web.apps.djangos import AsyncDjango
from web.conftest import Serve


def failures(response: Any) -> bool:
    return bool(response.status_code >= 400)


def used(server: Server) -> int:
    """How much is used at the only key."""
    with server.client() as client:
        (key,) = client.keys("*")
        rows = client.execute_command("RL.PEEK", key)
    return sum(row[1] - row[4] for row in rows)


def uses(server: Server, count: int) -> Callable[[], bool]:
    return lambda: used(server) == count


def commands(server: Server) -> dict[str, int]:
    with server.client() as client:
        stats = client.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): fields["calls"]
        for name, fields in stats.items()
        if name.startswith("cmdstat_rl.") and fields["calls"]
    }


def test_what_the_predicate_denies_is_given_back(make: Serve, server: Server) -> None:
    site = make(limited("3/minute", count_if=failures, name="login"))
    for status in (200, 204, 302, 200):
        site.status = status
        answer = site.ask()
        assert (answer.status, answer.left) == (status, [3])
        assert answer.headers["ratelimit"] == '"login";r=3;t=60'
        assert eventually(uses(server, 0))
    for left in (2, 1, 0):
        site.status = 401
        answer = site.ask()
        assert (answer.status, answer.left) == (401, [left])
        assert used(server) == 3 - left
    site.status = 200
    assert site.ask().status == 429
    assert site.served == 7


def test_it_is_two_commands_and_none_for_what_is_refused(make: Serve, server: Server) -> None:
    site = make(limited("1/minute", count_if=failures))
    assert site.ask().status == 200
    assert eventually(uses(server, 0))
    asked = commands(server)
    assert {name: asked[name] for name in ("rl.limit", "rl.settle")} == {
        "rl.limit": 1,
        "rl.settle": 1,
    }
    site.status = 500
    assert site.statuses(2) == [500, 429]
    site.finish()
    assert commands(server)["rl.settle"] == 1


def test_a_handler_that_raises_counts_as_500(make: Serve, server: Server) -> None:
    seen: list[int] = []

    def counted(response: Any) -> bool:
        seen.append(response.status_code)
        return True

    site = make(limited("3/minute", count_if=counted))
    site.raises = ZeroDivisionError("boom")
    assert site.ask().status == 500
    site.raising = True
    with pytest.raises(ZeroDivisionError):
        site.ask()
    assert seen == [500, 500]
    assert used(server) == 2


def test_a_handler_that_raises_can_be_free(make: Serve, server: Server) -> None:
    site = make(limited("3/minute", count_if=lambda response: response.status_code < 500))
    site.raises = ZeroDivisionError("boom")
    assert site.ask().status == 500
    assert eventually(uses(server, 0))


def test_a_predicate_that_raises_charges_and_is_logged_once_a_second(
    make: Serve, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Any) -> bool:
        raise LookupError("the predicate is broken")

    site = make(limited("9/minute", count_if=broken))
    answers = [site.ask() for _ in range(3)]
    assert [one.status for one in answers] == [200] * 3
    assert answers[2].left == [6]
    assert used(server) == 3
    assert caplog.text.count("the predicate is broken") == 1


def test_each_limit_has_its_own(make: Serve, server: Server) -> None:
    site = make(
        limited("9/minute", name="bad", count_if=failures),
        limited("9/minute", name="good", count_if=lambda response: response.status_code < 400),
        limited("9/minute", name="all"),
    )
    assert site.ask().left == [9, 8, 8]

    def left() -> list[int]:
        with server.client() as client:
            keys = sorted(client.keys("*"))
            rows = [client.execute_command("RL.PEEK", key) for key in keys]
        return [9 - row[0][4] if row else 0 for row in rows]

    assert eventually(lambda: left() == [1, 0, 1])


def test_what_a_later_limit_refuses_is_not_asked_about(make: Serve, server: Server) -> None:
    site = make(
        limited("9/minute", name="first", count_if=lambda _: False), limited("0/minute", name="no")
    )
    assert site.ask().status == 429
    site.finish()
    assert "rl.settle" not in commands(server)


def test_a_cost_is_given_back_whole(make: Serve, server: Server) -> None:
    site = make(limited("9/minute; 99/hour", count_if=failures, cost=5))
    assert site.ask().left == [9, 99]
    assert eventually(uses(server, 0))


def test_open_exempt_and_free_have_nothing_to_settle(make: Serve) -> None:
    asked: list[Any] = []
    options: dict[str, Any] = {"count_if": asked.append}
    gone = make(limited("9/minute", **options), url="redis://127.0.0.1:1", on_error="open")
    assert gone.ask().status == 200
    assert make(limited("9/minute", **options), enabled=False).ask().status == 200
    assert make(limited("9/minute", cost=0, **options)).ask().status == 200
    assert asked == []


def test_a_settling_that_fails_changes_nothing_for_the_client(
    make: Serve, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    site = make(limited("9/minute", count_if=failures))
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-rl.settle")
        try:
            assert [site.ask().status for _ in range(3)] == [200] * 3
            site.finish()
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+@all")
    assert used(server) == 3
    stands = [one for one in caplog.records if "A charge stands" in one.message]
    # The loop of a request may end before the reply is there.
    assert len(stands) == 1 or (isinstance(site, AsyncDjango) and not stands)


@pytest.mark.parametrize("wrong", [True, 400, "status >= 400", ["x"]])
def test_anything_but_a_function_is_an_error(make: Serve, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="count_if=lambda response"):
        make(limited("5/minute", count_if=wrong))


def test_a_coroutine_is_for_adapters_that_await(
    make: Serve, adapter: type[Adapter], server: Server
) -> None:
    async def counted(_: Any) -> bool:
        await asyncio.sleep(0)
        return False

    limit = limited("5/minute", count_if=counted)
    if issubclass(adapter, Threaded) and not issubclass(adapter, AsyncDjango):
        with pytest.raises(ConfigurationError, match="count_if must be a function that a Sync"):
            make(limit)
        return
    assert make(limit).ask().status == 200
    assert eventually(uses(server, 0))


async def test_a_stream_is_judged_when_it_begins(limiter: FastAPILimiter, server: Server) -> None:
    app = FastAPI()
    limiter.install(app)
    seen: list[tuple[str, int, str]] = []

    async def chunks() -> AsyncIterator[str]:
        seen.append(("body", 0, ""))
        yield "a"
        await asyncio.sleep(0.01)
        yield "b"
        seen.append(("end", 0, ""))

    def counted(response: Any) -> bool:
        seen.append(("judged", response.status_code, response.headers["content-type"]))
        return False

    made = Depends(limiter.limit("3/minute", count_if=counted, name="s"))

    @app.get("/", dependencies=[made])
    async def stream() -> StreamingResponse:
        return StreamingResponse(chunks(), media_type="text/x")

    async with asking(app) as client:
        answer = await client.get("/")
    assert answer.text == "ab"
    assert answer.headers["ratelimit"] == '"s";r=3;t=60'
    assert seen[0] == ("judged", 200, "text/x; charset=utf-8")
    assert [one[0] for one in seen] == ["judged", "body", "end"]
    await limiter.aclose()
    assert used(server) == 0


async def test_fastapi_needs_install(limiter: FastAPILimiter) -> None:
    app = FastAPI()
    app.get("/", dependencies=[Depends(limiter.limit("3/minute", count_if=failures))])(lambda: 1)
    async with asking(app, raising=True) as client:
        with pytest.raises(ConfigurationError, match=r"limiter\.install\(app\)"):
            await client.get("/")


async def test_http_exceptions_count_by_their_status(
    limiter: FastAPILimiter, server: Server
) -> None:
    app = FastAPI()
    limiter.install(app)

    @app.get("/", dependencies=[Depends(limiter.limit("3/minute", count_if=failures))])
    async def failing(status: int) -> None:
        raise HTTPException(status)

    async with asking(app) as client:
        assert (await client.get("/?status=401")).status_code == 401
        assert (await client.get("/?status=304")).status_code == 304
        assert (await client.get("/?status=x")).status_code == 422
    await limiter.aclose()
    assert used(server) == 2


async def test_a_task_that_is_cancelled_leaves_its_charge(url: str, server: Server) -> None:
    began = asyncio.Event()

    async def app(*_: Any) -> None:
        began.set()
        await asyncio.sleep(60)

    async with RateLimiter(url, **LONG) as limiter:
        limited_app = RateLimitMiddleware(app, limiter, "3/minute", count_if=lambda _: False)
        task = asyncio.create_task(limited_app({**SCOPE}, None, None))  # type: ignore[arg-type]
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert used(server) == 1


async def test_an_app_that_raises_before_it_answers_counts_as_500(url: str) -> None:
    seen: list[int] = []

    async def app(*_: Any) -> None:
        raise ZeroDivisionError

    async with RateLimiter(url, **LONG) as limiter:
        limited_app = RateLimitMiddleware(
            app, limiter, "3/minute", count_if=lambda answer: seen.append(answer.status_code)
        )
        async with asking(limited_app, raising=True) as client:
            with pytest.raises(ZeroDivisionError):
                await client.get("/")
    assert seen == [500]


def test_flask_s_aborts_count_by_their_status(url: str, server: Server) -> None:
    app = flask.Flask(__name__)
    with SyncRateLimiter(url, **LONG) as limiter:
        limits = RateLimits(limiter=limiter)

        def answered(code: int) -> Any:
            return flask.abort(code) if code >= 400 else ("", code)

        view = limits.limit("9/minute", count_if=failures)(answered)
        limits.init_app(app)
        app.add_url_rule("/<int:code>", view_func=view)
        for code in (401, 404, 304):
            assert app.test_client().get(f"/{code}").status_code == code
    assert used(server) == 2


async def test_nobody_waits_for_the_settling(server: Server) -> None:
    with FaultProxy(server.port) as proxy:
        async with RateLimiter(proxy.url, timeout=60) as limiter:

            async def held(scope: Any, receive: Any, send: Any) -> None:
                proxy.hold()
                await PlainTextResponse("ok")(scope, receive, send)

            app = RateLimitMiddleware(held, limiter, "3/minute", count_if=failures)
            async with asking(app) as client:
                answer = await asyncio.wait_for(client.get("/"), 20)
            assert answer.status_code == 200
            proxy.pass_on()
    assert used(server) == 0
