"""The options of a limit and of a limiter: the same in every adapter."""

import asyncio
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import flask
import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path as route
from fastapi import Depends, FastAPI, Header, Request

from redis_rl import Limit, LimitSet, RateLimiter, Subject, SyncRateLimiter
from redis_rl.django import RateLimits as DjangoLimits
from redis_rl.fastapi import RateLimiter as FastAPILimiter
from redis_rl.flask import RateLimits as FlaskLimits
from store.kinds import LONG
from support.server import Server
from web.apps import djangos
from web.apps.adapters import Adapter, Limited, OfHeaders, limited
from web.apps.asking import asking
from web.conftest import Serve


def using(option: str, of_headers: OfHeaders, *limits: Any, **options: Any) -> Any:
    """A limit with an option that is a function."""

    def made(site: Adapter) -> Limited:
        return limited(*limits, **{option: site.function(of_headers)}, **options)

    return made


def keys(server: Server) -> list[str]:
    with server.client(decode_responses=True) as client:
        return sorted(client.keys("*"))


def test_exempt(make: Serve, server: Server) -> None:
    site = make(using("exempt", lambda headers: "x-staff" in headers, "1/minute"))
    for _ in range(3):
        free = site.ask(x_staff="1")
        assert (free.status, free.left) == (200, [])
    assert keys(server) == []
    assert site.statuses(2) == [200, 429]


def tier(headers: Any) -> Subject:
    return Subject.user(headers["x-user"], tier=headers.get("x-tier"))


TIERS = {None: "1/minute", "paid": "3/minute; 9/hour"}


def test_tiers(make: Serve) -> None:
    site = make(using("key", tier, TIERS, name="api"))
    assert site.statuses(2, x_user="ann") == [200, 429]
    assert site.ask(x_user="bob", x_tier="paid").left == [2, 8]


def test_a_tier_that_there_is_not(make: Serve) -> None:
    site = make(using("key", tier, TIERS))
    site.raising = True
    with pytest.raises(LookupError, match="tier must be one of None, paid, not 'gold'"):
        site.ask(x_user="ann", x_tier="gold")


def test_cost(make: Serve) -> None:
    site = make(using("cost", lambda headers: int(headers.get("x-cost", 1)), "10/minute"))
    assert site.ask(x_cost="4").left == [6]
    denied = site.ask(x_cost="7")
    assert (denied.status, denied.left) == (429, [6])
    never = site.ask(x_cost=str(10**40))
    assert never.status == 429
    assert "retry-after" not in never.headers


def test_a_cost_that_is_none(make: Serve, server: Server) -> None:
    answered: list[Any] = ["4", 1.5, True, -1, None]
    site = make(using("cost", lambda _: answered[0], "10/minute"), on_error="open")
    site.raising = True
    while answered:
        with pytest.raises(ValueError, match="cost must be an integer"):
            site.ask()
        answered.pop(0)
    assert keys(server) == []


def test_limits_from_a_function(make: Serve) -> None:
    answers: list[tuple[Any, list[int]]] = [
        ("5/minute", [4]),
        ("6/10 minutes; 9/hour", [5, 8]),
        (("5/2 minutes", "9/2 hours"), [4, 8]),
        (["5/3 minutes", Limit.fixed(9, "3h")], [4, 8]),
        (Limit.per_second(7), [6]),
        (LimitSet("7/day", name="api"), [6]),
        (None, []),
    ]
    site = make(lambda site: limited(site.function(lambda _: answers[0][0]), name="api"))
    while answers:
        answer = site.ask()
        assert (answer.status, answer.left) == (200, answers.pop(0)[1])


def test_limits_from_a_function_of_the_request(make: Serve, server: Server) -> None:
    def made(site: Adapter) -> Limited:
        return limited(site.function(lambda headers: headers["x-limit"]), name="api")

    site = make(made)
    assert site.ask(x_limit="1/minute").left == [0]
    assert site.ask(x_limit="1/minute").status == 429
    assert site.ask(x_limit="5/minute").left == [3], "raising a limit forgets nothing"
    assert keys(server) == ["rl:api:ip:192.0.2.1"]


def test_limits_from_a_function_that_are_none(make: Serve, server: Server) -> None:
    answers: list[Any] = ["5/minuet", 5, "", [], object()]
    site = make(lambda site: limited(site.function(lambda _: answers[0])), on_error="open")
    site.raising = True
    while answers:
        with pytest.raises((ValueError, TypeError)):
            site.ask()
        answers.pop(0)
    assert (site.served, keys(server)) == (0, [])


def test_wait_holds_what_leaky_asks(make: Serve) -> None:
    site = make(limited("leaky 20/second burst 9", wait=True))
    began = time.monotonic()
    # The server's clock stands still: the holds are 0, 50 and 100 ms.
    assert site.statuses(3) == [200] * 3
    assert time.monotonic() - began >= 0.15


def test_without_wait_nothing_is_held(make: Serve) -> None:
    site = make(limited("leaky 1/hour burst 9"))
    began = time.monotonic()
    assert site.statuses(3) == [200] * 3
    assert time.monotonic() - began < 60


def test_a_limiter_that_is_switched_off(make: Serve, server: Server) -> None:
    def fails(_: Any) -> Any:
        raise AssertionError("nothing is asked")

    site = make(
        limited("0/minute", name="login"),
        limited("0/minute", name="login"),
        using("key", fails, "0/minute"),
        enabled=False,
    )
    for address in ("192.0.2.1", None):
        answer = site.ask(address=address)
        assert (answer.status, answer.left) == (200, [])
    assert keys(server) == []


def test_scope_and_on_error_and_names(make: Serve, server: Server) -> None:
    site = make(limited("5/minute; 9/hour", name="shown", scope="kept"))
    assert '"shown-minute";q=5' in site.ask().headers["ratelimit-policy"]
    assert keys(server) == ["rl:kept:ip:192.0.2.1"]


IN_AN_HOUR = format_datetime(datetime.now(timezone.utc) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize("sent", ["5", "120", IN_AN_HOUR], ids=["5", "120", "a date"])
def test_a_retry_after_of_the_app_stays_where_nothing_is_refused(make: Serve, sent: str) -> None:
    site = make(limited("5/minute"), sends={"Retry-After": sent, "RateLimit": '"gateway";r=1;t=1'})
    answer = site.ask()
    assert answer.headers["retry-after"] == sent
    assert answer.headers["ratelimit"] == '"gateway";r=1;t=1, "5-per-60s";r=4;t=60'


# Peek and reset, from where a request is served


def by_header(x_user: str = Header("ann")) -> str:
    return x_user


async def test_peek_and_reset_in_fastapi(url: str, server: Server) -> None:
    limiter = FastAPILimiter(url, **LONG)
    app = FastAPI()
    limiter.install(app)

    first = limiter.limit("9/minute")
    limit = limiter.limit("2/minute", key=by_header)

    @app.get("/", dependencies=[Depends(first), Depends(limit)])
    async def root(request: Request) -> list[Any]:
        before = await limit.peek(request)
        forgot = await limit.reset(request)
        return [before.allowed, before.remaining, forgot, await limit.reset(request)]

    async with asking(app) as client:
        assert (await client.get("/")).json() == [True, 1, True, False]
    assert keys(server) == ["rl:GET%20%2F:ip:192.0.2.1"], "the other limit's was left alone"
    await limiter.aclose()


@pytest.mark.parametrize("options", [{"exempt": lambda _: True}, {"methods": ["POST"]}])
async def test_peek_and_reset_of_what_was_not_asked_in_fastapi(
    url: str, server: Server, options: dict[str, Any]
) -> None:
    limiter = FastAPILimiter(url, **LONG)
    app = FastAPI()
    limit = limiter.limit("2/minute", key=by_header, name="n", **options)

    @app.get("/", dependencies=[Depends(limit)])
    async def root(request: Request) -> list[Any]:
        await limiter.check("ann", "2/minute", scope="n")
        return [(await limit.peek(request)).remaining, await limit.reset(request)]

    async with asking(app) as client:
        assert (await client.get("/")).json() == [1, True]
    assert keys(server) == []
    await limiter.aclose()


async def test_peek_and_reset_in_fastapi_while_switched_off(url: str) -> None:
    limiter = FastAPILimiter(url, **LONG, enabled=False)
    app = FastAPI()
    limit = limiter.limit("2/minute", key=by_header)

    @app.get("/")
    async def root(request: Request) -> list[Any]:
        return [(await limit.peek(request)).source, await limit.reset(request)]

    async with asking(app) as client:
        assert (await client.get("/")).json() == ["exempt", False]


def test_peek_and_reset_in_flask(url: str, server: Server) -> None:
    app = flask.Flask(__name__)
    limits = FlaskLimits(app, SyncRateLimiter(url, **LONG))
    first = limits.limit("9/minute")
    limit = limits.limit("2/minute", name="login", key=lambda: "ann")

    @app.get("/")
    @first
    @limit
    def root() -> list[Any]:
        before = limit.peek()
        return [before.allowed, before.remaining, limit.reset(), limit.reset()]

    @app.get("/elsewhere")
    def elsewhere() -> list[Any]:
        return [limit.peek().remaining, limit.reset()]

    client = app.test_client()
    assert client.get("/elsewhere").json == [2, False]
    assert client.get("/").json == [True, 1, True, False]
    assert keys(server) == ["rl:GET%20%2F:ip:127.0.0.1"]


def test_peek_and_reset_in_django(url: str) -> None:
    limiter = SyncRateLimiter(url, **LONG)
    limit = DjangoLimits(limiter).limit("2/minute", name="login")

    @limit
    def view(request: HttpRequest) -> HttpResponse:
        before = limit.peek(request)
        return HttpResponse(f"{before.remaining} {limit.reset(request)} {limit.reset(request)}")

    with override_settings(ROOT_URLCONF=(route("v", view),)):
        assert Client().get("/v").content == b"1 True False"
    limiter.close()


def test_peek_and_reset_in_a_coroutine_of_django(url: str) -> None:
    limiter = RateLimiter(url, **LONG)
    limit = DjangoLimits(limiter).limit("2/minute", name="login")

    @limit
    async def view(request: HttpRequest) -> HttpResponse:
        before = await limit.peek(request)
        return HttpResponse(f"{before.remaining} {await limit.reset(request)}")

    with override_settings(ROOT_URLCONF=(route("v", view),)):
        assert Client().get("/v").content == b"1 True"
    async_to_sync(limiter.aclose)()


# What a view may know


def test_a_view_knows_its_outcome(url: str) -> None:
    app = flask.Flask(__name__)
    limits = FlaskLimits(app, SyncRateLimiter(url, **LONG))

    @app.get("/")
    @limits.limit("5/minute", name="a")
    @limits.limit("3/minute", name="b")
    def root() -> list[Any]:
        return [outcome.remaining for outcome in limits.outcomes]

    assert app.test_client().get("/").json == [4, 2]

    @DjangoLimits(SyncRateLimiter(url, **LONG)).limit("5/minute", name="c")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(request.rate_limit.remaining))

    with override_settings(ROOT_URLCONF=(route("v", view),)):
        assert Client().get("/v").content == b"4"
    assert djangos.HANDLED


# Flask's way of setting up


def test_init_app(url: str) -> None:
    limits = FlaskLimits(limiter=SyncRateLimiter(url, **LONG))

    @limits.limit("2/minute", name="shared")
    def view() -> str:
        return "ok"

    apps = [flask.Flask("one"), flask.Flask("two")]
    for app in apps:
        limits.init_app(app)
        limits.init_app(app)
        app.add_url_rule("/", view_func=view)
    first = apps[0].test_client().get("/")
    assert first.headers.getlist("RateLimit") == ['"shared";r=1;t=60']
    assert [apps[1].test_client().get("/").status_code for _ in "12"] == [200, 429]


def test_two_limiters_on_one_app(url: str) -> None:
    app = flask.Flask(__name__)
    one = FlaskLimits(app, SyncRateLimiter(url, **LONG))
    two = FlaskLimits(app, SyncRateLimiter(url, **LONG, prefix="two"))

    @app.get("/")
    @one.limit("9/minute", name="a")
    @two.limit("8/minute", name="b")
    def view() -> Any:
        return "ok", {"RateLimit": '"gateway";r=1;t=1'}

    answer = app.test_client().get("/")
    told = '"gateway";r=1;t=1, "a";r=8;t=60, "b";r=7;t=60'
    assert answer.headers.getlist("RateLimit") == [told]


def test_requests_within_one_application_context_are_requests(url: str) -> None:
    app = flask.Flask(__name__)
    limits = FlaskLimits(app, SyncRateLimiter(url, **LONG))

    @app.get("/")
    @limits.limit("2/minute")
    def view() -> str:
        return "ok"

    with app.app_context():
        answers = [app.test_client().get("/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[1].headers["RateLimit"] == '"2-per-60s";r=0;t=60'


async def test_a_function_may_await(url: str) -> None:
    from starlette.applications import Starlette

    from redis_rl.asgi import RateLimitMiddleware

    limiter = RateLimiter(url, **LONG)

    def later(answer: Any) -> Any:
        async def function(_: Any) -> Any:
            await asyncio.sleep(0)
            return answer

        return function

    app = RateLimitMiddleware(
        Starlette(),
        limiter,
        later("9/minute"),
        key=later("ann"),
        cost=later(4),
        exempt=later(False),
    )
    async with asking(app) as client:
        assert (await client.get("/")).headers["ratelimit"] == '"9-per-60s";r=5;t=60'
    await limiter.aclose()
