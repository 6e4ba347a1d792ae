"""Refusals that an app words itself: its fields are kept, and of two Retry-After one stays."""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import flask
import pytest
from django.test import Client, override_settings
from django.urls import path as route
from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse
from rest_framework.response import Response
from rest_framework.views import APIView

from redis_rl import RateLimitExceeded, StoreUnavailable, SyncRateLimiter
from redis_rl.django import RateLimits as DjangoLimits
from redis_rl.fastapi import RateLimiter
from redis_rl.flask import RateLimits as FlaskLimits
from store.kinds import LONG
from support.ports import free_port
from web.apps.asking import asking

DATE = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=5), usegmt=True)
SENT = pytest.mark.parametrize(
    ("theirs", "sent"),
    [("5", "60"), ("60", "60"), ("120", "120"), (DATE, DATE)],
    ids=["sooner", "the same", "later", "a date"],
)


@SENT
async def test_in_fastapi(limiter: RateLimiter, theirs: str, sent: str) -> None:
    app = FastAPI()

    @app.exception_handler(RateLimitExceeded)
    async def worded(_: Request, error: RateLimitExceeded) -> PlainTextResponse:
        return PlainTextResponse("slow down", 420, {**error.headers, "Retry-After": theirs})

    limiter.install(app)
    app.get("/", dependencies=[Depends(limiter.limit("1/minute", name="n"))])(lambda: None)
    async with asking(app) as client:
        await client.get("/")
        refused = await client.get("/")
    assert (refused.status_code, refused.text) == (420, "slow down")
    assert refused.headers.get_list("retry-after") == [sent]
    assert refused.headers.get_list("ratelimit") == ['"n";r=0;t=60']
    assert refused.headers.get_list("cache-control") == ["no-store"]


@pytest.mark.parametrize("first", ["the handler", "the limits"])
@SENT
def test_in_flask(url: str, theirs: str, sent: str, first: str) -> None:
    app = flask.Flask(__name__)

    def worded(error: RateLimitExceeded) -> Any:
        return "slow down", 420, {**error.headers, "Retry-After": theirs}

    if first == "the handler":
        app.register_error_handler(RateLimitExceeded, worded)
    limits = FlaskLimits(app, SyncRateLimiter(url, **LONG))
    if first == "the limits":
        app.register_error_handler(RateLimitExceeded, worded)
    app.add_url_rule("/", view_func=limits.limit("1/minute", name="n")(lambda: "ok"))
    client = app.test_client()
    client.get("/")
    refused = client.get("/")
    assert (refused.status_code, refused.text) == (420, "slow down")
    assert refused.headers.getlist("Retry-After") == [sent]
    assert refused.headers.getlist("RateLimit") == ['"n";r=0;t=60']
    assert refused.headers.getlist("Cache-Control") == ["no-store"]


def worded_by_rest(theirs: str) -> Any:
    def worded(error: Exception, _: Any) -> Response:
        assert isinstance(error, RateLimitExceeded | StoreUnavailable)
        return Response({"own": "slow down"}, 420, headers={"Retry-After": theirs})

    return worded


def rest_refusal(limiter: SyncRateLimiter, handler: Any = None) -> Any:
    """What the second request gets."""

    class Limited(APIView):
        throttle_classes = [DjangoLimits(limiter).throttle("1/minute", name="n")]  # noqa: RUF012

        def get(self, _: Any) -> Response:
            return Response("ok")

        def get_exception_handler(self) -> Any:
            return handler or super().get_exception_handler()

    with override_settings(ROOT_URLCONF=(route("v", Limited.as_view()),)):
        Client().get("/v")
        return Client().get("/v")


@SENT
def test_in_rest_framework(url: str, theirs: str, sent: str) -> None:
    with SyncRateLimiter(url, **LONG) as limiter:
        refused = rest_refusal(limiter, worded_by_rest(theirs))
    assert (refused.status_code, refused.json()) == (420, {"own": "slow down"})
    assert refused.headers["Content-Type"] == "application/json"
    assert refused.headers["Retry-After"] == sent
    assert refused.headers["RateLimit"] == '"n";r=0;t=60'
    assert refused.headers["Cache-Control"] == "no-store"


def test_rest_framework_s_own_handler_sees_an_outage() -> None:
    limiter = SyncRateLimiter(f"redis://127.0.0.1:{free_port()}")
    refused = rest_refusal(limiter, worded_by_rest("7"))
    assert (refused.status_code, refused.headers["Retry-After"]) == (420, "7")
    assert "RateLimit" not in refused.headers
    usual = rest_refusal(limiter)
    assert (usual.status_code, usual.headers["Retry-After"]) == (503, "1")


def test_an_error_that_rest_framework_answers_has_the_headers(url: str) -> None:
    class Failing(APIView):
        throttle_classes = [DjangoLimits(SyncRateLimiter(url, **LONG)).throttle("5/minute")]  # noqa: RUF012

    with override_settings(ROOT_URLCONF=(route("v", Failing.as_view()),)):
        answer = Client().get("/v")
    assert answer.status_code == 405
    assert answer.headers["RateLimit"] == '"5-per-60s";r=4;t=60'
