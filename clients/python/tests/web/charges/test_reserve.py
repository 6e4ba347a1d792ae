"""Outcomes that are settled from a route, and retries, in every adapter."""

import asyncio
from typing import Annotated, Any

import flask
import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path as route
from fastapi import Depends, FastAPI

from redis_rl import ConfigurationError, Outcome, RateLimiter, SyncRateLimiter
from redis_rl.django import RateLimits as DjangoLimits
from redis_rl.fastapi import RateLimiter as FastAPILimiter
from redis_rl.flask import RateLimits as FlaskLimits
from store.kinds import LONG
from store.proxy import FaultProxy
from support.server import Server
from web.apps.adapters import limited
from web.apps.asking import asking
from web.conftest import Serve

BUDGET = "fixed 1000/minute"
SETTLED = '"tokens";r=750;t=60'
OPTIONS: Any = {"name": "tokens", "cost": 600, "reserve": True}


def left(server: Server) -> int:
    with server.client() as client:
        (key,) = client.keys("*")
        return int(client.execute_command("RL.PEEK", key)[0][4])


async def test_in_fastapi(limiter: FastAPILimiter, server: Server) -> None:
    app = FastAPI()
    limiter.install(app)
    tokens = limiter.limit(BUDGET, **OPTIONS)

    @app.get("/")
    async def generate(outcome: Annotated[Outcome, Depends(tokens)]) -> dict[str, Any]:
        return {"known": await outcome.settle(250), "left": outcome.requests_left}

    async with asking(app) as client:
        answer = await client.get("/")
    assert answer.json() == {"known": True, "left": 750}
    assert answer.headers["ratelimit"] == SETTLED
    assert left(server) == 750


def test_in_flask(url: str, server: Server) -> None:
    app = flask.Flask(__name__)
    limits = FlaskLimits(app, SyncRateLimiter(url, **LONG))

    def generate() -> dict[str, Any]:
        (outcome,) = limits.outcomes
        return {"known": outcome.settle(250), "left": outcome.requests_left}

    app.add_url_rule("/", view_func=limits.limit(BUDGET, **OPTIONS)(generate))
    answer = app.test_client().get("/")
    assert answer.get_json() == {"known": True, "left": 750}
    assert answer.headers["RateLimit"] == SETTLED
    assert left(server) == 750


@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_in_django(url: str, server: Server, way: str) -> None:
    def generate(request: HttpRequest) -> HttpResponse:
        outcome = request.rate_limit
        return HttpResponse(f"{outcome.settle(250)} {outcome.requests_left}")

    async def generate_async(request: HttpRequest) -> HttpResponse:
        outcome = request.rate_limit
        return HttpResponse(f"{await outcome.settle(250)} {outcome.requests_left}")

    limiter: Any = (SyncRateLimiter if way == "blocking" else RateLimiter)(url, **LONG)
    view: Any = generate if way == "blocking" else generate_async
    urls = (route("v", DjangoLimits(limiter).limit(BUDGET, **OPTIONS)(view)),)
    with override_settings(ROOT_URLCONF=urls):
        answer = Client().get("/v")
    assert answer.content == b"True 750"
    assert answer.headers["RateLimit"] == SETTLED
    assert left(server) == 750
    if way == "awaiting":
        async_to_sync(limiter.aclose)()


def test_an_outcome_without_reserve_cannot_be_settled(limiter: FastAPILimiter) -> None:
    app = FastAPI()
    limiter.install(app)

    @app.get("/")
    async def generate(outcome: Annotated[Outcome, Depends(limiter.limit(BUDGET))]) -> None:
        outcome.settle(5)

    async def ask() -> None:
        async with asking(app, raising=True) as client:
            await client.get("/")
        await limiter.aclose()

    with pytest.raises(ConfigurationError, match="reserve=True"):
        asyncio.run(ask())


@pytest.mark.parametrize("option", [{"retry": True}, {"count_if": bool}, {"reserve": True}])
def test_a_lost_reply_is_asked_for_once_more(
    make: Serve, server: Server, option: dict[str, Any]
) -> None:
    with FaultProxy(server.port) as proxy:
        site = make(limited("9/minute", cost=2, **option), url=proxy.url)
        assert site.ask().left == [7]
        proxy.cut_replies = 1
        assert (site.ask().left, left(server)) == ([5], 5)
        assert proxy.cut_replies == 0


@pytest.mark.parametrize("option", ["retry", "reserve"])
def test_anything_but_true_or_false_is_an_error(make: Serve, option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} must be True or False, not 1"):
        make(limited("5/minute", **{option: 1}))
